//! Ids as they stand in the store, for the verification that must get past a damaged one.

use crate::cell::Cell;
use crate::column::Column;
use crate::value::Value;
use std::fmt;
use uuid::Uuid;

/// An id that may be damaged. Only in SQLite can it be: PostgreSQL's type lets nothing else in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawId(Vec<u8>);

impl RawId {
    /// Where a walk begins: no id, damaged or not, sorts before it.
    pub const FIRST: Self = Self(Vec::new());

    /// The id, unless it is damaged.
    pub fn uuid(&self) -> Option<Uuid> {
        Uuid::from_slice(&self.0).ok()
    }
}

impl From<Uuid> for RawId {
    fn from(id: Uuid) -> Self {
        Self(id.as_bytes().to_vec())
    }
}

/// As SQL writes it.
impl fmt::Display for RawId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x'{}'", clientbook_model::id::hex(&self.0))
    }
}

impl Column for RawId {
    fn read(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Uuid(id) => Some(id.into()),
            Cell::Bytes(bytes) => Some(Self(bytes.to_vec())),
            _ => None,
        }
    }
}

impl<'a> From<&'a RawId> for Value<'a> {
    fn from(id: &'a RawId) -> Self {
        id.uuid().map_or(Self::Bytes(&id.0), Self::Uuid)
    }
}
