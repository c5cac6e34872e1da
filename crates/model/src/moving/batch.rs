//! Rows that are written together.

use super::Format;
use super::row::ImportRow;
use super::seen::{Seen, Taken};
use super::split::{Piece, Splitter, Unreadable};
use super::token::TokenWish;
use crate::violation::Violation;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// The most bytes of a batch, about, as it stands in memory before it is read.
const BYTES: usize = 4 << 20;

/// A row that was read.
#[derive(Debug, Clone)]
pub struct SourceRow {
    /// Its place in the file, from 1.
    pub number: i64,
    /// What it says.
    pub read: Result<Box<ImportRow>, Vec<Violation>>,
    /// Its JSON, where it may have to wait for its parent's row.
    pub text: Option<String>,
    /// Which rows it is the last of; `None` of one that had to wait.
    pub seen: Option<Seen>,
    bytes: usize,
}

impl SourceRow {
    /// Reads a row.
    pub fn read(piece: Piece) -> Self {
        let (number, seen) = (piece.number, Some(piece.seen));
        match piece.object {
            Ok(object) => Self::of(number, &object, seen),
            Err(violations) => {
                let bytes = told(&violations);
                Self { number, read: Err(violations), text: None, seen, bytes }
            }
        }
    }

    fn of(number: i64, object: &Map<String, Value>, seen: Option<Seen>) -> Self {
        let text = || serde_json::to_string(object).unwrap_or_default();
        let read = ImportRow::read(object).map(Box::new);
        let has_parent = read.as_ref().is_ok_and(|row| row.parent.is_present());
        let bytes = match &read {
            Ok(_) => object.iter().map(|(name, value)| name.len() + size(value)).sum(),
            Err(violations) => told(violations),
        };
        Self { number, read, text: has_parent.then(text), seen, bytes }
    }

    /// Reads a row that had to wait, from its JSON.
    pub fn waited(number: i64, text: &str) -> Option<Self> {
        let object = serde_json::from_str(text).ok()?;
        Some(Self::of(number, &object, None))
    }

    /// What of it may stand once in a tenant.
    fn names(&self) -> impl Iterator<Item = String> {
        let row = self.read.as_ref().ok();
        let names = row.map(|row| {
            let token = match &row.token {
                TokenWish::Given(token) => {
                    [Some(token.value().to_owned()), token.id().map(|id| format!("t{id}"))]
                }
                TokenWish::Absent | TokenWish::Without => [None, None],
            };
            let own = [
                row.id.map(|id| id.to_string()),
                row.number.map(|number| number.to_string()),
                row.object_id.map(|id| id.to_string()),
                row.external_id().map(|id| format!("x{id}")),
            ];
            own.into_iter().chain(token).flatten()
        });
        names.into_iter().flatten()
    }
}

/// Bytes that violations take, about.
fn told(violations: &[Violation]) -> usize {
    let size = |one: &Violation| {
        let allowed: usize = one.allowed.iter().map(String::len).sum();
        size_of::<Violation>() + one.path.len() + one.message.len() + allowed
    };
    size_of::<SourceRow>() + violations.iter().map(size).sum::<usize>()
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(entries) => {
            entries.iter().map(|(name, value)| name.len() + size(value)).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

/// Gathers rows into batches. A row that names what another one of its batch names begins the next
/// batch: what the first one did is in the store by then.
pub struct Batcher {
    rows: Vec<SourceRow>,
    names: HashSet<String>,
    bytes: usize,
    most: usize,
}

impl Batcher {
    /// Batches of at most so many rows.
    pub fn new(most: usize) -> Self {
        Self { rows: Vec::new(), names: HashSet::new(), bytes: 0, most }
    }

    /// Takes the next row in; the batch before it, if that is full.
    pub fn push(&mut self, row: SourceRow) -> Option<Vec<SourceRow>> {
        let names: Vec<_> = row.names().collect();
        let full = self.rows.len() >= self.most
            || self.bytes >= BYTES
            || names.iter().any(|name| self.names.contains(name));
        let batch = if full { self.end() } else { None };
        self.bytes += row.bytes;
        self.names.extend(names);
        self.rows.push(row);
        batch
    }

    /// What is left, if anything is.
    pub fn end(&mut self) -> Option<Vec<SourceRow>> {
        self.names.clear();
        self.bytes = 0;
        let rows = std::mem::take(&mut self.rows);
        (!rows.is_empty()).then_some(rows)
    }
}

/// From the bytes of a file, as they come, to batches.
pub struct Gather {
    splitter: Splitter,
    batcher: Batcher,
    ended: bool,
    /// Why nothing follows the rows that were read.
    broken: Option<Unreadable>,
}

impl Gather {
    /// Of a file of this form, without those of its rows that are in; batches of at most `most` rows.
    pub fn new(format: Format, taken: Taken, most: usize) -> Self {
        let mut splitter = Splitter::new(format);
        splitter.skip(taken);
        Self { splitter, batcher: Batcher::new(most), ended: false, broken: None }
    }

    /// Takes the next bytes in; an empty piece is the end. Ask for all batches before the next ones.
    pub fn feed(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.splitter.end();
            self.ended = true;
        } else {
            self.splitter.feed(bytes);
        }
    }

    /// Whether the columns are known.
    pub fn has_header(&self) -> bool {
        self.splitter.has_header()
    }

    /// Whether the rows that are in have been read again, and are the same.
    pub fn has_skipped(&self) -> bool {
        self.splitter.has_skipped()
    }

    /// Whether there are no more bytes.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next batch; `None` if it takes more bytes, or nothing follows. An error comes after the rows
    /// that stand before it.
    pub fn next_batch(&mut self) -> Result<Option<Vec<SourceRow>>, Unreadable> {
        while self.broken.is_none() {
            match self.splitter.next_row() {
                Ok(Some(piece)) => {
                    if let Some(batch) = self.batcher.push(SourceRow::read(piece)) {
                        return Ok(Some(batch));
                    }
                }
                Ok(None) => return Ok(if self.ended { self.batcher.end() } else { None }),
                Err(why) => self.broken = Some(why),
            }
        }
        match (self.batcher.end(), &self.broken) {
            (None, Some(why)) => Err(why.clone()),
            (rows, _) => Ok(rows),
        }
    }
}
