//! Where a request carries its token.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use clientbook_model::audit::Surface;
use clientbook_model::secret::Secret;

/// Longer than any token we make or accept.
const MAX_LENGTH: usize = 16_384;

/// The token of a request; `Err` is one that cannot be read. Customer-success callers also send
/// it bare in `Authorization`, or as `X-API-Key` (published behaviour).
pub(crate) fn token(surface: Surface, headers: &HeaderMap) -> Result<Option<Secret>, ()> {
    let lenient = surface == Surface::CustomerSuccess;
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(());
    }
    if let Some(value) = first {
        let value = value.to_str().map_err(|_| ())?.trim();
        let token = match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            None if lenient => value,
            _ => return Err(()),
        };
        return checked(token).map(Some);
    }
    match headers.get("x-api-key").filter(|_| lenient) {
        Some(key) => checked(key.to_str().map_err(|_| ())?.trim()).map(Some),
        None => Ok(None),
    }
}

fn checked(token: &str) -> Result<Secret, ()> {
    let readable = !token.is_empty() && token.len() <= MAX_LENGTH && !token.contains(' ');
    if readable { Ok(Secret::new(token)) } else { Err(()) }
}
