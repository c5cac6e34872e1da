//! Arguments of a statement.

use clientbook_model::audit::Hash;
use clientbook_model::id::{
    ApiTokenId, ClientId, ClientNumber, DepartmentId, DeviceId, DeviceUserId, EnrollmentTokenId,
    EntryId, FieldId, TenantId,
};
use clientbook_model::time::Timestamp;
use uuid::Uuid;

/// One argument, borrowed from the caller.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    /// SQL NULL.
    Null,
    /// boolean
    Bool(bool),
    /// bigint
    Int(i64),
    /// text
    Text(&'a str),
    /// bytea
    Bytes(&'a [u8]),
    /// uuid
    Uuid(Uuid),
    /// timestamptz, millisecond precision
    Time(Timestamp),
    /// jsonb
    Json(&'a str),
    /// uuid[]; on SQLite a JSON array of hex digits, for `json_each`
    Uuids(&'a [Uuid]),
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! from {
    ($($type:ty => |$value:ident| $build:expr;)*) => {
        $(impl<'a> From<$type> for Value<'a> {
            fn from($value: $type) -> Self {
                $build
            }
        })*
    };
}

from! {
    bool => |value| Self::Bool(value);
    i64 => |value| Self::Int(value);
    &'a str => |value| Self::Text(value);
    &'a String => |value| Self::Text(value);
    &'a Hash => |value| Self::Bytes(value);
    Uuid => |value| Self::Uuid(value);
    TenantId => |value| Self::Uuid(value.0);
    ClientId => |value| Self::Uuid(value.0);
    ApiTokenId => |value| Self::Uuid(value.0);
    EnrollmentTokenId => |value| Self::Uuid(value.0);
    EntryId => |value| Self::Uuid(value.0);
    FieldId => |value| Self::Uuid(value.0);
    DeviceId => |value| Self::Uuid(value.0);
    DeviceUserId => |value| Self::Uuid(value.0);
    DepartmentId => |value| Self::Uuid(value.0);
    ClientNumber => |value| Self::Int(value.get());
    Timestamp => |value| Self::Time(value);
}
