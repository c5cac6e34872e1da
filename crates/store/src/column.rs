//! How a column becomes a value of ours, on either engine.

use crate::cell::Cell;
use crate::error::DbError;
use clientbook_model::audit::Hash;
use clientbook_model::id::{ClientNumber, ObjectId};
use clientbook_model::patch::Parse as _;
use clientbook_model::text::{Label, Text};
use clientbook_model::time::Timestamp;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// A type that a column can be read as. Damage is told as an error, never as a default.
pub(crate) trait Column: Sized {
    /// Reads it; `None` is another type than expected.
    fn read(cell: Cell<'_>) -> Option<Self>;
}

/// A JSON column.
pub(crate) struct Json<T>(pub(crate) T);

/// A name from a fixed list.
pub(crate) struct Name<T>(pub(crate) T);

/// A name that a type of ours can be read from.
pub(crate) trait Named: Sized {
    fn named(name: &str) -> Option<Self>;
}

macro_rules! named {
    ($($type:ty)*) => {
        $(impl Named for $type {
            fn named(name: &str) -> Option<Self> {
                <$type>::from_name(name)
            }
        })*
    };
}

named! {
    clientbook_model::status::Status
    clientbook_model::collection::CollectionMode
    clientbook_model::principal::Role
    clientbook_model::principal::ActorKind
    clientbook_model::audit::EntityType
    clientbook_model::audit::Action
    clientbook_model::audit::Surface
    clientbook_model::field::FieldType
    clientbook_model::field::FieldStatus
    clientbook_model::device::CollectionState
    clientbook_model::device_user::UserStatus
    clientbook_model::agent::Payload
    clientbook_model::telemetry::UsageKind
    clientbook_model::telemetry::LogLevel
}

impl Column for bool {
    fn read(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Bool(value) => Some(value),
            Cell::Int(0) => Some(false),
            Cell::Int(1) => Some(true),
            _ => None,
        }
    }
}

impl Column for i64 {
    fn read(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Int(value) => Some(value),
            _ => None,
        }
    }
}

impl Column for String {
    fn read(cell: Cell<'_>) -> Option<Self> {
        text(cell).map(str::to_owned)
    }
}

impl Column for Uuid {
    fn read(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Uuid(id) => Some(id),
            Cell::Bytes(bytes) => Uuid::from_slice(bytes).ok(),
            _ => None,
        }
    }
}

impl Column for Vec<u8> {
    fn read(cell: Cell<'_>) -> Option<Self> {
        bytes(cell).map(<[u8]>::to_vec)
    }
}

impl Column for Hash {
    fn read(cell: Cell<'_>) -> Option<Self> {
        bytes(cell).and_then(|bytes| bytes.try_into().ok())
    }
}

impl Column for Timestamp {
    fn read(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Time(time) => Some(time),
            Cell::Int(millis) => Self::from_millis(millis),
            _ => None,
        }
    }
}

impl<T: Column> Column for Option<T> {
    fn read(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            cell => T::read(cell).map(Some),
        }
    }
}

impl<T: DeserializeOwned> Column for Json<T> {
    fn read(cell: Cell<'_>) -> Option<Self> {
        serde_json::from_str(text(cell)?).ok().map(Self)
    }
}

impl<T: Named> Column for Name<T> {
    fn read(cell: Cell<'_>) -> Option<Self> {
        text(cell).and_then(T::named).map(Self)
    }
}

impl Column for ObjectId {
    fn read(cell: Cell<'_>) -> Option<Self> {
        text(cell).and_then(Self::parse_hex)
    }
}

impl Column for ClientNumber {
    fn read(cell: Cell<'_>) -> Option<Self> {
        i64::read(cell).and_then(Self::new)
    }
}

impl<const MAX: usize> Column for Text<MAX> {
    fn read(cell: Cell<'_>) -> Option<Self> {
        text(cell).and_then(|text| Self::new(text).ok())
    }
}

impl<const MAX: usize, const SHOWS: bool> Column for Label<MAX, SHOWS> {
    fn read(cell: Cell<'_>) -> Option<Self> {
        text(cell).and_then(|text| Self::new(text).ok())
    }
}

macro_rules! transparent {
    ($($type:ty: $inner:ty => |$value:ident| $build:expr;)*) => {
        $(impl Column for $type {
            fn read(cell: Cell<'_>) -> Option<Self> {
                <$inner>::read(cell).and_then(|$value| $build)
            }
        })*
    };
}

transparent! {
    clientbook_model::id::TenantId: Uuid => |id| Some(Self(id));
    clientbook_model::id::ClientId: Uuid => |id| Some(Self(id));
    clientbook_model::id::ApiTokenId: Uuid => |id| Some(Self(id));
    clientbook_model::id::EnrollmentTokenId: Uuid => |id| Some(Self(id));
    clientbook_model::id::EntryId: Uuid => |id| Some(Self(id));
    clientbook_model::id::FieldId: Uuid => |id| Some(Self(id));
    clientbook_model::id::DeviceId: Uuid => |id| Some(Self(id));
    clientbook_model::id::DeviceUserId: Uuid => |id| Some(Self(id));
    clientbook_model::id::DepartmentId: Uuid => |id| Some(Self(id));
    clientbook_model::number::Reference: i64 => |number| Self::new(number).ok();
    clientbook_model::field::FieldOrder: i64 => |number| Self::new(number).ok();
    clientbook_model::custom_field::FieldKey: String => |text| Self::new(&text).ok();
    clientbook_model::field::Metadata: Json<serde_json::Value> => |json| Self::parse(&json.0).ok();
    clientbook_model::web::WebUrl: String => |text| Self::new(&text).ok();
    clientbook_model::contact::EmailAddress: String => |text| Self::new(&text).ok();
    clientbook_model::tenant::Slug: String => |text| Self::new(&text).ok();
}

fn text(cell: Cell<'_>) -> Option<&str> {
    match cell {
        Cell::Text(text) => Some(text),
        _ => None,
    }
}

fn bytes(cell: Cell<'_>) -> Option<&[u8]> {
    match cell {
        Cell::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

/// The error for a column that holds something else than its type.
pub(crate) fn damaged(column: usize) -> DbError {
    DbError::internal(format!("column {column} holds a value that is not of its type"))
}
