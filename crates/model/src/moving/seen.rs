//! Which rows of a file an import has read, so that it goes on with the same ones.
//!
//! A digest goes through all rows: each row's is the SHA-256 of the one before it and of what stands in
//! the row. What counts of NDJSON is the line's bytes without white space at its ends; of CSV the cells,
//! not how they are quoted, and the header as if it were a row. Empty lines and line ends say nothing.

use super::Format;
use crate::audit::Hash;
use sha2::{Digest as _, Sha256};

/// Which rows of a file are in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// How many, from the beginning.
    pub rows: i64,
    /// Their digest; `None` if nobody knows any more what stood in them.
    pub digest: Option<Hash>,
}

/// A row's place in the digest of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The digest of the rows before it.
    pub before: Hash,
    /// The digest with it.
    pub with: Hash,
}

/// Digests rows as they come.
pub(super) struct Digester {
    so_far: Hash,
    row: Sha256,
}

impl Digester {
    /// Of a file of this form.
    pub(super) fn new(format: Format) -> Self {
        let so_far = Sha256::digest(format.as_str()).into();
        Self { so_far, row: Sha256::new_with_prefix(so_far) }
    }

    /// Takes some of a row in.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.row.update(bytes);
    }

    /// Takes a cell in, all of it.
    pub(super) fn cell(&mut self, cell: &[u8]) {
        self.add(&(cell.len() as u64).to_le_bytes());
        self.add(cell);
    }

    /// Ends a row.
    pub(super) fn end(&mut self) -> Seen {
        let before = self.so_far;
        self.so_far = self.row.finalize_reset().into();
        self.row.update(self.so_far);
        Seen { before, with: self.so_far }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MAX_ROW, Splitter};
    use super::*;

    /// The digest of a whole file that comes in pieces of this size.
    fn digest(format: Format, file: &str, piece: usize) -> Hash {
        let mut splitter = Splitter::new(format);
        let mut last = None;
        for bytes in file.as_bytes().chunks(piece).map(Some).chain([None]) {
            match bytes {
                Some(bytes) => splitter.feed(bytes),
                None => splitter.end(),
            }
            while let Some(row) = splitter.next_row().expect("a header") {
                last = Some(row.seen.with);
            }
        }
        last.expect("a row")
    }

    #[test]
    fn what_says_the_same_has_the_same_digest() {
        let ndjson = digest(Format::Ndjson, "{\"name\":\"a\"}\n{}\n", 1000);
        for same in ["\u{feff}{\"name\":\"a\"}\r\n\r\n{}", "  {\"name\":\"a\"}\n\n{}\t\n\n\n"] {
            assert_eq!(digest(Format::Ndjson, same, 1), ndjson, "{same:?}");
        }
        let csv = digest(Format::Csv, "name,note\na,\nb,c\n", 1000);
        for same in ["\u{feff}name, note\r\na,\r\n\r\nb,c", "name,note\n\"a\",\"\"\nb,\"c\"\n\n"] {
            assert_eq!(digest(Format::Csv, same, 1), csv, "{same:?}");
        }
    }

    #[test]
    fn what_says_something_else_has_another() {
        let mut digests = vec![
            digest(Format::Ndjson, "{}\n{}\n", 10),
            digest(Format::Ndjson, "{}\n{}\n{}\n", 10),
            digest(Format::Ndjson, "{ }\n{}\n", 10),
        ];
        for file in [
            "name,note\nab,c\n",
            "name,note\na,bc\n",
            "note,name\nab,c\n",
            "name,city\nab,c\n",
            "name,note\nab,\"c\n\"\n",
            "name,note\nab,c,\n",
        ] {
            digests.push(digest(Format::Csv, file, 10));
        }
        let count = digests.len();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), count);
    }

    #[test]
    fn rows_that_are_too_long_are_told_apart_wherever_their_pieces_end() {
        for (format, header) in [(Format::Ndjson, ""), (Format::Csv, "name\n")] {
            let long = |end: &str| format!("{header}{}{end}\n", "x".repeat(2 * MAX_ROW));
            let whole = digest(format, &long("a"), 3 * MAX_ROW);
            assert_eq!(digest(format, &long("a"), 65_537), whole);
            assert_ne!(digest(format, &long("b"), 65_537), whole);
        }
    }
}
