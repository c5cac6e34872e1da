//! Tenants: partner, tenant and workspace are one thing, the boundary that owns clients.

use crate::client::FieldChange;
use crate::id::{ObjectId, TenantId, parse_uuid};
use crate::patch::Parse;
use crate::text::Name;
use crate::time::Timestamp;
use crate::violation::Violation;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;
use uuid::Uuid;

/// How many characters a slug has.
pub const SLUG_LENGTH: RangeInclusive<usize> = 2..=63;

/// `[a-z][a-z0-9-]{1,62}`, never shaped like a UUID or 24 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slug(String);

impl Slug {
    /// Checks the form.
    pub fn new(text: &str) -> Result<Self, Violation> {
        let mut bytes = text.bytes();
        let form = SLUG_LENGTH.contains(&text.len())
            && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
            && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if form && parse_uuid(text).is_none() && ObjectId::parse_hex(text).is_none() {
            return Ok(Self(text.to_owned()));
        }
        let message =
            "must be 2 to 63 of a-z, 0-9 and -, start with a letter, and not look like an id";
        Err(Violation::new("slug", message))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Parse for Slug {
    fn parse(value: &Value) -> Result<Self, Violation> {
        Self::new(value.as_str().ok_or_else(|| Violation::not_a("a string"))?)
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A tenant's name: 1 to 255 characters after trimming.
pub type TenantName = Name<255>;

/// A tenant. A path segment may use any of its three names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its UUID.
    pub id: TenantId,
    /// Its readable name in paths.
    pub slug: Slug,
    /// Its 24 hex digits.
    pub object_id: ObjectId,
    /// What people call it.
    pub name: TenantName,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts accepted changes; the first part of its `ETag`.
    pub version: i64,
    /// Whether custom values are of defined fields only.
    pub strict_fields: bool,
    /// Another one after each change of its definitions of fields; absent while there was none.
    pub fields_revision: Option<Uuid>,
}

/// What a request asks to change of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantPatch {
    /// New slug.
    pub slug: Option<Slug>,
    /// New name.
    pub name: Option<TenantName>,
    /// Whether custom values are to be of defined fields only.
    pub strict_fields: Option<bool>,
}

impl Tenant {
    /// The tenant after `patch` and what changed; an empty list means that nothing did.
    pub fn apply(&self, patch: &TenantPatch) -> (Self, Vec<FieldChange>) {
        let mut next = self.clone();
        if let Some(slug) = &patch.slug {
            next.slug = slug.clone();
        }
        if let Some(name) = &patch.name {
            next.name = name.clone();
        }
        if let Some(strict) = patch.strict_fields {
            next.strict_fields = strict;
        }
        let facts = [
            ("strict_fields", json!(self.strict_fields), json!(next.strict_fields)),
            ("slug", json!(self.slug.as_str()), json!(next.slug.as_str())),
            ("name", json!(self.name), json!(next.name)),
        ];
        let differing = facts.into_iter().filter(|(_, before, after)| before != after);
        let change =
            |(field, before, after)| FieldChange { field: Cow::from(field), before, after };
        let changes: Vec<_> = differing.map(change).collect();
        if !changes.is_empty() {
            next.version += 1;
        }
        (next, changes)
    }
}

/// How a caller names a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TenantKey {
    /// By UUID.
    Id(TenantId),
    /// By 24 hex digits.
    ObjectId(ObjectId),
    /// By slug.
    Slug(Slug),
}

impl TenantKey {
    /// Reads any of the three forms; `None` can name no tenant.
    pub fn parse(segment: &str) -> Option<Self> {
        if let Some(id) = parse_uuid(segment) {
            return Some(Self::Id(TenantId(id)));
        }
        if let Some(id) = ObjectId::parse_hex(segment) {
            return Some(Self::ObjectId(id));
        }
        Slug::new(segment).ok().map(Self::Slug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        for good in ["tenant123", "ab", "a-b", &"a".repeat(63)] {
            assert!(Slug::new(good).is_ok(), "{good}");
        }
        let uuid = "b2c3d4e5-f6a7-8901-bcde-f12345678901";
        let hex = "a5a000000000000000000123";
        for bad in ["", "a", "1a", "-a", "A1", "a_b", "ä1", uuid, hex, &"a".repeat(64)] {
            assert!(Slug::new(bad).is_err(), "{bad}");
        }
        assert!(matches!(TenantKey::parse(&uuid.to_uppercase()), Some(TenantKey::Id(_))));
        assert!(matches!(TenantKey::parse(hex), Some(TenantKey::ObjectId(_))));
        assert_eq!(TenantKey::parse("no such"), None);
    }
}
