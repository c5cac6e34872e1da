//! Identities. One client has three: a UUID, a number counted per tenant, and 24 hex digits.

use crate::patch::Parse;
use crate::violation::Violation;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use std::fmt;
use uuid::Uuid;

/// Reads a UUID in its hyphenated form, in any letter case; no braces, no `urn:`.
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    if text.len() == 36 { Uuid::try_parse(text).ok() } else { None }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl Parse for $name {
            fn parse(value: &Value) -> Result<Self, Violation> {
                let id = value.as_str().and_then(parse_uuid);
                id.map(Self).ok_or_else(|| Violation::new("uuid", "must be a UUID"))
            }
        }
    };
}

uuid_id!(
    /// A tenant: the isolation boundary that owns clients (partner, tenant, workspace).
    TenantId
);
uuid_id!(
    /// A client's UUID, unique across tenants.
    ClientId
);
uuid_id!(
    /// An enrolment token.
    EnrollmentTokenId
);
uuid_id!(
    /// An API token.
    ApiTokenId
);
uuid_id!(
    /// An entry of the audit trail.
    EntryId
);
uuid_id!(
    /// The definition of a custom field.
    FieldId
);
uuid_id!(
    /// A device of a client.
    DeviceId
);
uuid_id!(
    /// A user seen on devices of a client.
    DeviceUserId
);
uuid_id!(
    /// A department of a client.
    DepartmentId
);

impl ClientId {
    /// The id that no other comes before.
    pub const FIRST: Self = Self(Uuid::nil());

    /// The one that follows in their order; none after the last.
    pub fn next(self) -> Option<Self> {
        self.0.as_u128().checked_add(1).map(|id| Self(Uuid::from_u128(id)))
    }
}

impl TenantId {
    /// The tenant of what belongs to no customer: operators' tokens and their audit chain. No path
    /// leads to it and it owns no clients.
    pub const SYSTEM: Self = Self(Uuid::nil());
}

/// A version 7 UUID (RFC 9562) from its two ingredients, so that ids can be deterministic.
pub fn uuid_v7(millis: i64, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(millis).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// A version 4 UUID (RFC 9562): random, and tells nothing of its time.
pub fn uuid_v4(random: [u8; 16]) -> Uuid {
    uuid::Builder::from_random_bytes(random).into_uuid()
}

/// The 24 hex digits by which the workspace API names clients and workspaces.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub [u8; 12]);

impl ObjectId {
    /// Reads 24 hex digits in any letter case.
    pub fn parse_hex(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }

    /// From a time (seconds, as the form has it) and eight random bytes.
    pub fn generate(millis: i64, random: [u8; 8]) -> Self {
        let seconds = u32::try_from(millis / 1000).unwrap_or(0).to_be_bytes();
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&seconds);
        bytes[4..].copy_from_slice(&random);
        Self(bytes)
    }
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

impl Parse for ObjectId {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let id = value.as_str().and_then(Self::parse_hex);
        id.ok_or_else(|| Violation::new("object_id", "must be 24 hex digits"))
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Lower-case hex digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The bytes of lower- or upper-case hex digits.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (hex_digit(pair[0])? << 4) | hex_digit(pair[1])?;
    }
    Some(bytes)
}

/// A client's number in its tenant: 1 to 2^63-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientNumber(i64);

impl ClientNumber {
    /// The first of a tenant.
    pub const FIRST: Self = Self(1);

    /// Checks the range.
    pub fn new(number: i64) -> Option<Self> {
        (number >= 1).then_some(Self(number))
    }

    /// Reads decimal digits, without sign or leading zeros.
    pub fn parse_decimal(text: &str) -> Option<Self> {
        let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse().ok()).flatten().and_then(Self::new)
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for ClientNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
