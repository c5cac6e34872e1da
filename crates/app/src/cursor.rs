//! Cursors: where a page ends, signed, and bound to the list, the tenant and the filters.

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
        bytes.extend_from_slice(position.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position in `cursor`, if we wrote it for this very `scope`.
    pub(crate) fn read(&self, scope: &str, cursor: &str) -> Option<String> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (tag, position) = bytes.split_at_checked(TAG)?;
        let position = std::str::from_utf8(position).ok()?;
        self.mac(scope, position).verify_truncated_left(tag).ok()?;
        Some(position.to_owned())
    }

    fn mac(&self, scope: &str, position: &str) -> Hmac<Sha256> {
        // HMAC takes keys of any length; ours has 32 bytes.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key)
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        // The length keeps `scope` and `position` apart.
        mac.update(&(scope.len() as u64).to_be_bytes());
        mac.update(scope.as_bytes());
        mac.update(position.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::Cursors;

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
}
