//! One value of a row, whichever engine it came from.

use clientbook_model::time::Timestamp;
use uuid::Uuid;

/// A value, borrowed from the engine. SQLite knows fewer types: there a boolean and a time are
/// `Int`, a UUID is `Bytes`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'r> {
    /// SQL NULL.
    Null,
    /// boolean
    Bool(bool),
    /// bigint
    Int(i64),
    /// text, or the text of a jsonb
    Text(&'r str),
    /// bytea
    Bytes(&'r [u8]),
    /// uuid
    Uuid(Uuid),
    /// timestamptz
    Time(Timestamp),
}
