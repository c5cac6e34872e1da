//! Cursors: where a page ends, signed, and bound to the list, the tenant and the filters.
//!
//! Sealed too: a page may end at a row that its reader may not see. The MAC of the position is what
//! the bytes that hide it are made from (a synthetic initialization vector, as in RFC 5297), so the
//! same position is the same cursor, and two positions never share those bytes.

use crate::error::{AppError, invalid};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::sync::Arc;

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// Its rows.
    pub rows: Vec<T>,
    /// How many rows match, on all pages.
    pub total: i64,
    /// Whether there may be more of them.
    pub total_is_lower_bound: bool,
    /// Where the next page starts; `None` on the last.
    pub next_cursor: Option<String>,
}

/// Makes and reads cursors with the installation's key.
#[derive(Clone)]
pub(crate) struct Cursors {
    key: Arc<[u8]>,
}

/// How many bytes of the MAC a cursor carries.
const TAG: usize = 16;

impl Cursors {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self { key: key.into() }
    }

    /// A cursor for `position` in the list that `scope` describes: name, tenant and filters.
    pub(crate) fn write(&self, scope: &str, position: &str) -> String {
        let mut bytes = self.mac(scope, position).finalize().into_bytes()[..TAG].to_vec();
        let hidden = self.veil(&bytes, position.as_bytes());
        bytes.extend(hidden);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position in `cursor`, if we wrote it for this very `scope`.
    fn read(&self, scope: &str, cursor: &str) -> Option<String> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (tag, hidden) = bytes.split_at_checked(TAG)?;
        let position = String::from_utf8(self.veil(tag, hidden)).ok()?;
        self.mac(scope, &position).verify_truncated_left(tag).ok()?;
        Some(position)
    }

    /// Where a list goes on: what `read` makes of the position in `cursor`, if there is one.
    pub(crate) fn resume<T>(
        &self,
        scope: &str,
        cursor: Option<&str>,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, AppError> {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        let position = self.read(scope, cursor).and_then(|text| read(&text));
        position.map(Some).ok_or_else(foreign_cursor)
    }

    /// The page that `rows` make, of which one more than `size` was read where that many are there;
    /// `position` says where a row stands.
    pub(crate) fn page<T>(
        &self,
        scope: &str,
        mut rows: Vec<T>,
        size: i64,
        total: i64,
        position: impl FnOnce(&T) -> String,
    ) -> Page<T> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let last = rows.last().filter(|_| more);
        let next_cursor = last.map(|last| self.write(scope, &position(last)));
        Page { rows, total, total_is_lower_bound: false, next_cursor }
    }

    /// Hides bytes, or shows them again.
    fn veil(&self, tag: &[u8], bytes: &[u8]) -> Vec<u8> {
        let mut veiled = Vec::with_capacity(bytes.len());
        for (block, part) in (0_u64..).zip(bytes.chunks(32)) {
            let mut mac = self.keyed(*b"veil");
            mac.update(tag);
            mac.update(&block.to_be_bytes());
            veiled
                .extend(part.iter().zip(mac.finalize().into_bytes()).map(|(byte, key)| byte ^ key));
        }
        veiled
    }

    fn mac(&self, scope: &str, position: &str) -> Hmac<Sha256> {
        let mut mac = self.keyed(*b"seal");
        // The length keeps `scope` and `position` apart.
        mac.update(&(scope.len() as u64).to_be_bytes());
        mac.update(scope.as_bytes());
        mac.update(position.as_bytes());
        mac
    }

    /// For one of two purposes, whose first bytes differ.
    fn keyed(&self, purpose: [u8; 4]) -> Hmac<Sha256> {
        // HMAC takes keys of any length; ours has 32 bytes.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key)
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(&purpose);
        mac
    }
}

fn foreign_cursor() -> AppError {
    let message = "must be a next_cursor of this very list, with the same filters and order";
    invalid("/cursor", "cursor", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_fits_its_own_list_only() {
        let cursors = Cursors::new(&[7; 32]);
        let cursor = cursors.write("tokens|a", "42");
        assert_eq!(cursors.read("tokens|a", &cursor).as_deref(), Some("42"));
        assert_eq!(cursors.read("tokens|b", &cursor), None);
        assert_eq!(Cursors::new(&[8; 32]).read("tokens|a", &cursor), None);
        for at in 0..cursor.len() {
            let mut damaged = cursor.clone().into_bytes();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(damaged).expect("ASCII");
            assert_eq!(cursors.read("tokens|a", &damaged), None, "{damaged}");
        }
        assert_eq!(cursors.read("tokens|a", ""), None);
    }

    #[test]
    fn a_cursor_tells_nothing_of_where_it_stands() {
        let cursors = Cursors::new(&[7; 32]);
        let position = "the name of a client that the caller may not see ".repeat(3);
        let cursor = cursors.write("clients", &position);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&cursor).expect("base64");
        assert!(!String::from_utf8_lossy(&bytes).contains("name"));
        assert_eq!(cursors.read("clients", &cursor), Some(position));
    }
}
