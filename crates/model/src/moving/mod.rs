//! Clients as rows of a file, one row each: what an export writes and an import reads.
//!
//! A file is NDJSON (one JSON object a line) or CSV with a header. Both have the same columns
//! (`COLUMNS`); what a column of JSON holds stands in a CSV cell as JSON text. An export writes every
//! column; an import takes any of them in any order.

mod batch;
mod cells;
mod columns;
mod csv_cell;
mod quotes;
mod row;
mod seen;
mod split;
mod token;

pub use batch::{Batcher, Gather, SourceRow};
pub use cells::{Writer, cells};
pub use columns::{COLUMNS, Column, Kind, column};
pub use row::{ImportRow, MAX_NUMBER, MAX_VIOLATIONS, MatchBy, ParentRef};
pub use seen::{Seen, Taken};
pub use split::{MAX_ROW, Piece, Splitter, Unreadable, other_content};
pub use token::{TokenRow, TokenWish};

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated values (RFC 4180) with a header.
    Csv,
}

impl Format {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ndjson, Self::Csv];

    /// The name in parameters, and the ending of a file's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
        }
    }
}
