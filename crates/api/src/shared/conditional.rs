//! Entity tags and conditional requests (RFC 9110, section 13).
//!
//! A tag is `"<version>-<16 hex digits of the body's SHA-256>"`: the version is the record's and
//! the same on every surface, the digest is of this very body.

use axum::http::{HeaderMap, header};
use clientbook_app::Precondition;
use clientbook_model::id::hex;
use sha2::{Digest as _, Sha256};

/// The tag of a body that shows a record of this version.
pub(crate) fn tag(version: i64, body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    format!("\"{version}-{}\"", hex(&digest[..8]))
}

/// Whether `If-None-Match` names `tag`: then the caller has this very answer.
pub(crate) fn has(headers: &HeaderMap, tag: &str) -> bool {
    tags(headers, &header::IF_NONE_MATCH).any(|known| known == "*" || known == tag)
}

/// What `If-Match` demands. Only the version counts, so a tag read on any surface will do.
pub(crate) fn precondition(headers: &HeaderMap) -> Precondition {
    if !headers.contains_key(header::IF_MATCH) {
        return Precondition::None;
    }
    let mut versions = Vec::new();
    for tag in tags(headers, &header::IF_MATCH) {
        if tag == "*" {
            return Precondition::None;
        }
        let inner = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let version = inner.and_then(|inner| inner.split('-').next());
        versions.extend(version.and_then(|version| version.parse::<i64>().ok()));
    }
    Precondition::Versions(versions)
}

// Our tags hold no commas, so the list can be cut at them; `W/` is ignored.
fn tags<'a>(
    headers: &'a HeaderMap,
    name: &header::HeaderName,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    let tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.map(|tag| tag.strip_prefix("W/").unwrap_or(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a header value"));
        headers
    }

    #[test]
    fn if_match_reads_versions() {
        let read = |value| precondition(&headers(header::IF_MATCH, value));
        assert_eq!(read("*"), Precondition::None);
        assert_eq!(read("\"7-abc\", W/\"8-def\""), Precondition::Versions(vec![7, 8]));
        assert_eq!(read("nonsense"), Precondition::Versions(vec![]));
        assert_eq!(precondition(&HeaderMap::new()), Precondition::None);
    }

    #[test]
    fn if_none_match_compares_the_whole_tag() {
        let tag = tag(7, b"{}");
        let weak = format!("\"1-x\", W/{tag}");
        assert!(has(&headers(header::IF_NONE_MATCH, &weak), &tag));
        assert!(has(&headers(header::IF_NONE_MATCH, "*"), &tag));
        assert!(!has(&headers(header::IF_NONE_MATCH, "\"7-0000000000000000\""), &tag));
    }
}
