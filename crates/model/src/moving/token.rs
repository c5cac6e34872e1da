//! The enrolment token of a row.

use super::row::Reader;
use crate::enrollment::{self, Description, EnrollmentToken, MaxUses, SiteId};
use crate::id::{ClientId, EnrollmentTokenId, TenantId};
use crate::number::Int;
use crate::patch::{Parse, Patch};
use crate::time::Timestamp;
use crate::violation::Violation;
use serde_json::{Value, json};

/// What a row says of the client's enrolment token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenWish {
    /// Nothing: a new client gets a random one.
    Absent,
    /// It has none.
    Without,
    /// This one.
    Given(TokenRow),
}

/// A token that a client had elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    id: Option<EnrollmentTokenId>,
    value: Value36,
    description: Option<Description>,
    site_id: Option<SiteId>,
    max_uses: Option<MaxUses>,
    uses: i64,
    expires_at: Option<Timestamp>,
    created_at: Option<Timestamp>,
}

const KNOWN: [&str; 8] =
    ["id", "value", "description", "site_id", "max_uses", "uses", "expires_at", "created_at"];

/// `enroll_` and 32 of `a-z0-9`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Value36(String);

impl Parse for Value36 {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let random = value.as_str().and_then(|text| text.strip_prefix(enrollment::PREFIX));
        let fits = |random: &&str| {
            random.len() == enrollment::LENGTH
                && random.bytes().all(|byte| enrollment::ALPHABET.contains(&byte))
        };
        random
            .filter(fits)
            .map(|random| Self(format!("{}{random}", enrollment::PREFIX)))
            .ok_or_else(|| {
                Violation::new("enrollment_token", "must be enroll_ and 32 of a-z and 0-9")
            })
    }
}

impl TokenRow {
    /// Its value.
    pub fn value(&self) -> &str {
        &self.value.0
    }

    /// Its id, where the row has one.
    pub fn id(&self) -> Option<EnrollmentTokenId> {
        self.id
    }

    /// When it was made, where the row says.
    pub fn created_at(&self) -> Option<Timestamp> {
        self.created_at
    }

    /// The token of a client; `id` and `now` are for what the row does not say.
    pub fn token(
        &self,
        tenant_id: TenantId,
        client_id: ClientId,
        id: EnrollmentTokenId,
        now: Timestamp,
    ) -> EnrollmentToken {
        EnrollmentToken {
            id: self.id.unwrap_or(id),
            tenant_id,
            client_id,
            value: self.value.0.clone(),
            description: self.description.as_ref().map(|text| text.as_str().to_owned()),
            site_id: self.site_id.as_ref().map(|id| id.as_str().to_owned()),
            max_uses: self.max_uses.map(MaxUses::get),
            uses: self.uses,
            expires_at: self.expires_at,
            created_at: self.created_at.unwrap_or(now),
            revoked_at: None,
        }
    }

    /// Whether it is this token, as far as the row says.
    pub fn is(&self, token: &EnrollmentToken) -> bool {
        self.value.0 == token.value && self.id.is_none_or(|id| id == token.id)
    }
}

/// Reads what a row says.
pub(super) fn read(value: Option<&Value>) -> Result<TokenWish, Vec<Violation>> {
    let object = match value {
        None => return Ok(TokenWish::Absent),
        Some(Value::Null) => return Ok(TokenWish::Without),
        Some(Value::Object(object)) => object,
        Some(text) => {
            let value = Value36::parse(text).map_err(|broken| vec![broken])?;
            return Ok(TokenWish::Given(TokenRow {
                id: None,
                value,
                description: None,
                site_id: None,
                max_uses: None,
                uses: 0,
                expires_at: None,
                created_at: None,
            }));
        }
    };
    let mut reader = Reader::new(object, &KNOWN.into_iter());
    let value = reader.set("value");
    if value.is_none() && reader.violations.is_empty() {
        reader.refuse("value", Violation::new("required", "must be given"));
    }
    let uses: Option<Int<0, 1_000_000>> = reader.set("uses");
    let (id, created_at) = (reader.set("id"), reader.set("created_at"));
    let description = some(reader.patch("description"));
    let (site_id, max_uses) = (some(reader.patch("site_id")), some(reader.patch("max_uses")));
    let expires_at = some(reader.patch("expires_at"));
    let uses = uses.map_or(0, Int::get);
    match value {
        Some(value) if reader.violations.is_empty() => Ok(TokenWish::Given(TokenRow {
            id,
            value,
            description,
            site_id,
            max_uses,
            uses,
            expires_at,
            created_at,
        })),
        _ => Err(reader.violations),
    }
}

fn some<T>(patch: Patch<T>) -> Option<T> {
    match patch {
        Patch::Set(value) => Some(value),
        Patch::Absent | Patch::Clear => None,
    }
}

/// A token as a row shows it to those who may manage tokens: as it is.
pub(super) fn shown(token: &EnrollmentToken) -> Value {
    let mut shown = shown_to_readers(token);
    shown["uses"] = token.uses.into();
    shown
}

/// To others, as far as the record shows it: the uses only where it tells how many remain.
pub(super) fn shown_to_readers(token: &EnrollmentToken) -> Value {
    json!({
        "id": token.id,
        "value": token.value,
        "description": token.description,
        "site_id": token.site_id,
        "max_uses": token.max_uses,
        "uses": token.max_uses.map(|_| token.uses),
        "expires_at": token.expires_at,
        "created_at": token.created_at,
    })
}
