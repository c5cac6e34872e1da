//! How a column becomes a value of ours. One trait, one method per engine.

use crate::error::DbError;
use clientbook_model::audit::Hash;
use clientbook_model::id::{ClientNumber, ObjectId};
use clientbook_model::text::{Label, Text};
use clientbook_model::time::Timestamp;
use rusqlite::types::ValueRef;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// A type that a column can be read as. Damage is told as an error, never as a default.
pub(crate) trait Column: Sized {
    /// Reads it from SQLite; `None` is another type than expected.
    fn from_sqlite(value: ValueRef<'_>) -> Option<Self>;
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
}

impl Column for bool {
    fn from_sqlite(value: ValueRef<'_>) -> Option<Self> {
        match value.as_i64() {
            Ok(0) => Some(false),
            Ok(1) => Some(true),
            _ => None,
        }
    }
}

impl Column for i64 {
    fn from_sqlite(value: ValueRef<'_>) -> Option<Self> {
        value.as_i64().ok()
    }
}

impl Column for String {
    fn from_sqlite(value: ValueRef<'_>) -> Option<Self> {
        value.as_str().ok().map(str::to_owned)
    }
}

impl Column for Uuid {
    fn from_sqlite(value: ValueRef<'_>) -> Option<Self> {
        value.as_blob().ok().and_then(|bytes| Uuid::from_slice(bytes).ok())
    }
}

impl Column for Vec<u8> {
    fn from_sqlite(value: ValueRef<'_>) -> Option<Self> {
        value.as_blob().ok().map(<[u8]>::to_vec)
    }
}

impl Column for Hash {
    fn from_sqlite(value: ValueRef<'_>) -> Option<Self> {
        value.as_blob().ok().and_then(|bytes| bytes.try_into().ok())
    }
}

impl Column for Timestamp {
    fn from_sqlite(value: ValueRef<'_>) -> Option<Self> {
        value.as_i64().ok().and_then(Self::from_millis)
    }
}

impl<T: Column> Column for Option<T> {
    fn from_sqlite(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Null => Some(None),
            value => T::from_sqlite(value).map(Some),
        }
    }
}

impl<T: DeserializeOwned> Column for Json<T> {
    fn from_sqlite(value: ValueRef<'_>) -> Option<Self> {
        let text = value.as_str().ok()?;
        serde_json::from_str(text).ok().map(Self)
    }
}

impl<T: Named> Column for Name<T> {
    fn from_sqlite(value: ValueRef<'_>) -> Option<Self> {
        value.as_str().ok().and_then(T::named).map(Self)
    }
}

impl Column for ObjectId {
    fn from_sqlite(value: ValueRef<'_>) -> Option<Self> {
        value.as_str().ok().and_then(Self::parse_hex)
    }
}

impl Column for ClientNumber {
    fn from_sqlite(value: ValueRef<'_>) -> Option<Self> {
        value.as_i64().ok().and_then(Self::new)
    }
}

impl<const MAX: usize> Column for Text<MAX> {
    fn from_sqlite(value: ValueRef<'_>) -> Option<Self> {
        value.as_str().ok().and_then(|text| Self::new(text).ok())
    }
}

impl<const MAX: usize> Column for Label<MAX> {
    fn from_sqlite(value: ValueRef<'_>) -> Option<Self> {
        value.as_str().ok().and_then(|text| Self::new(text).ok())
    }
}

macro_rules! transparent {
    ($($type:ty: $inner:ty => |$value:ident| $build:expr;)*) => {
        $(impl Column for $type {
            fn from_sqlite(value: ValueRef<'_>) -> Option<Self> {
                <$inner>::from_sqlite(value).and_then(|$value| $build)
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
    clientbook_model::number::Reference: i64 => |number| Self::new(number).ok();
    clientbook_model::web::WebUrl: String => |text| Self::new(&text).ok();
    clientbook_model::contact::EmailAddress: String => |text| Self::new(&text).ok();
    clientbook_model::tenant::Slug: String => |text| Self::new(&text).ok();
}

/// The error for a column that holds something else than its type.
pub(crate) fn damaged(column: usize) -> DbError {
    DbError::internal(format!("column {column} holds a value that is not of its type"))
}
