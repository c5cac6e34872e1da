//! Bytes of a file, as they come, into rows. Holds one row at a time, and no row of more than
//! `MAX_ROW` bytes.

use super::Format;
use super::columns::{COLUMNS, Column, column};
use super::csv_cell;
use super::row::{place, unknown};
use crate::unique::Unique;
use crate::violation::{Violation, step};
use csv_core::ReadRecordResult;
use serde_json::{Map, Value};

/// The most bytes of a row: of NDJSON with its line's end, of CSV without quotes and commas.
pub const MAX_ROW: usize = 1 << 20;

/// A byte order mark in UTF-8, which some programs put at the beginning.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// One row, as a JSON object.
#[derive(Debug)]
pub struct Piece {
    /// Its place, from 1; neither the header nor empty lines count.
    pub number: i64,
    /// What stands in it.
    pub object: Result<Map<String, Value>, Vec<Violation>>,
}

/// Takes bytes in and gives rows out.
pub struct Splitter {
    lines: Lines,
    waiting: Vec<u8>,
    at: usize,
    begun: bool,
    ended: bool,
    number: i64,
    skip: i64,
}

enum Lines {
    Ndjson { looked: usize, too_long: bool },
    Csv(Box<Csv>),
}

struct Csv {
    reader: csv_core::Reader,
    header: Option<Vec<&'static Column>>,
    text: Vec<u8>,
    ends: Vec<usize>,
    length: usize,
    cells: usize,
    too_long: bool,
    done: bool,
}

/// What one step finds.
enum Line {
    Row(Result<Map<String, Value>, Vec<Violation>>),
    Nothing,
    More,
}

fn too_long() -> Vec<Violation> {
    let message = format!("a row must not exceed {MAX_ROW} bytes");
    vec![Violation::new("max_row", message)]
}

impl Splitter {
    /// For a file of this form.
    pub fn new(format: Format) -> Self {
        let lines = match format {
            Format::Ndjson => Lines::Ndjson { looked: 0, too_long: false },
            Format::Csv => Lines::Csv(Box::new(Csv::new())),
        };
        let (waiting, at) = (Vec::new(), 0);
        Self { lines, waiting, at, begun: false, ended: false, number: 0, skip: 0 }
    }

    /// Leaves out this many rows at the beginning.
    pub fn skip(&mut self, rows: i64) {
        self.skip = rows;
    }

    /// Takes the next bytes in. Ask for all rows before the next ones.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.waiting.drain(..self.at);
        if let Lines::Ndjson { looked, .. } = &mut self.lines {
            *looked -= self.at.min(*looked);
        }
        self.at = 0;
        self.waiting.extend_from_slice(bytes);
    }

    /// Says that nothing follows.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Whether the columns are known: those of CSV stand in its first line.
    pub fn has_header(&self) -> bool {
        match &self.lines {
            Lines::Ndjson { .. } => true,
            Lines::Csv(csv) => csv.header.is_some(),
        }
    }

    /// The next row; `None` if it takes more bytes, or nothing follows. An error is about the header:
    /// the whole file cannot be read.
    pub fn next_row(&mut self) -> Result<Option<Piece>, Vec<Violation>> {
        if !self.begun {
            if self.waiting.len() < MARK.len() && !self.ended {
                return Ok(None);
            }
            self.begun = true;
            if self.waiting.starts_with(MARK) {
                self.at = MARK.len();
            }
        }
        loop {
            let skipped = self.number < self.skip;
            let line = match &mut self.lines {
                Lines::Ndjson { looked, too_long } => {
                    ndjson(&self.waiting, &mut self.at, looked, too_long, self.ended, skipped)
                }
                Lines::Csv(csv) => csv.step(&self.waiting, &mut self.at, self.ended, skipped)?,
            };
            match line {
                Line::More => return Ok(None),
                Line::Nothing => {}
                Line::Row(object) => {
                    self.number += 1;
                    if !skipped {
                        return Ok(Some(Piece { number: self.number, object }));
                    }
                }
            }
        }
    }
}

fn ndjson(
    waiting: &[u8],
    at: &mut usize,
    looked: &mut usize,
    is_too_long: &mut bool,
    ended: bool,
    skipped: bool,
) -> Line {
    let from = (*looked).max(*at);
    let found = waiting[from..].iter().position(|byte| *byte == b'\n').map(|found| from + found);
    let line = match found {
        Some(end) => &waiting[*at..end],
        None if ended && *at < waiting.len() => &waiting[*at..],
        None => {
            *looked = waiting.len();
            if waiting.len() - *at > MAX_ROW {
                // The rest of it is thrown away as it comes.
                *is_too_long = true;
                *at = waiting.len();
            }
            // A last line that was thrown away has no more bytes, but is a row.
            if ended && std::mem::take(is_too_long) {
                return Line::Row(Err(too_long()));
            }
            return Line::More;
        }
    };
    *at = found.map_or(waiting.len(), |end| end + 1);
    *looked = *at;
    if std::mem::take(is_too_long) || line.len() >= MAX_ROW {
        return Line::Row(Err(too_long()));
    }
    if line.iter().all(u8::is_ascii_whitespace) {
        return Line::Nothing;
    }
    if skipped {
        return Line::Row(Err(Vec::new()));
    }
    Line::Row(match serde_json::from_slice::<Unique>(line) {
        Ok(Unique(Value::Object(object))) => Ok(object),
        Ok(_) => Err(vec![Violation::not_a("a JSON object")]),
        Err(error) => Err(vec![Violation::new("json", format!("is not JSON: {error}"))]),
    })
}

impl Csv {
    fn new() -> Self {
        Self {
            reader: csv_core::Reader::new(),
            header: None,
            text: vec![0; 4096],
            ends: vec![0; COLUMNS.len() + 2],
            length: 0,
            cells: 0,
            too_long: false,
            done: false,
        }
    }

    fn step(
        &mut self,
        waiting: &[u8],
        at: &mut usize,
        ended: bool,
        skipped: bool,
    ) -> Result<Line, Vec<Violation>> {
        // An empty input says that nothing follows.
        if self.done || (*at == waiting.len() && !ended) {
            return Ok(Line::More);
        }
        let (text, ends) = (&mut self.text[self.length..], &mut self.ends[self.cells..]);
        let (result, read, written, cells) = self.reader.read_record(&waiting[*at..], text, ends);
        *at += read;
        self.length += written;
        self.cells += cells;
        match result {
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull if self.text.len() < MAX_ROW => {
                self.text.resize((self.text.len() * 2).min(MAX_ROW), 0);
            }
            ReadRecordResult::OutputFull => {
                // The rest of the row is written over what is there, and thrown away.
                self.too_long = true;
                self.length = 0;
            }
            ReadRecordResult::OutputEndsFull => {
                // More cells than columns: the row is refused by its last ones.
                self.cells = self.ends.len() - 1;
            }
            ReadRecordResult::Record => return self.record(skipped),
            ReadRecordResult::End => {
                self.done = true;
                if self.header.is_none() {
                    let message = "the file has no header: its first line names the columns";
                    return Err(vec![Violation::new("header", message)]);
                }
            }
        }
        Ok(Line::Nothing)
    }

    fn record(&mut self, skipped: bool) -> Result<Line, Vec<Violation>> {
        let cells = std::mem::take(&mut self.cells);
        self.length = 0;
        if std::mem::take(&mut self.too_long) {
            let refused = too_long();
            return if self.header.is_none() { Err(refused) } else { Ok(Line::Row(Err(refused))) };
        }
        let ends = &self.ends[..cells];
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let cells: Result<Vec<_>, _> = starts
            .zip(ends)
            .map(|(start, end)| std::str::from_utf8(&self.text[start..*end]))
            .collect();
        let Ok(cells) = cells else {
            let refused = vec![Violation::new("utf8", "must be text in UTF-8")];
            return if self.header.is_none() { Err(refused) } else { Ok(Line::Row(Err(refused))) };
        };
        match &self.header {
            None => {
                self.header = Some(header(&cells)?);
                Ok(Line::Nothing)
            }
            Some(_) if skipped => Ok(Line::Row(Err(Vec::new()))),
            Some(columns) => Ok(Line::Row(object(columns, &cells))),
        }
    }
}

fn header(cells: &[&str]) -> Result<Vec<&'static Column>, Vec<Violation>> {
    let (mut columns, mut violations) = (Vec::<&Column>::new(), Vec::new());
    for name in cells {
        let name = name.trim();
        match column(name) {
            Some(known) if columns.iter().any(|one| one.name == known.name) => {
                let broken = Violation::new("repeated", "must be there once at most");
                violations.push(broken.below(&place(name)));
            }
            Some(known) => columns.push(known),
            None => {
                let broken = unknown(name, COLUMNS.iter().map(|column| column.name));
                violations.push(broken.below(&place(name)));
            }
        }
    }
    if violations.is_empty() { Ok(columns) } else { Err(violations) }
}

fn object(columns: &[&Column], cells: &[&str]) -> Result<Map<String, Value>, Vec<Violation>> {
    if cells.len() != columns.len() {
        let some = if cells.len() > columns.len() { "more" } else { "fewer" };
        let message = format!("has {some} cells than the header ({})", columns.len());
        return Err(vec![Violation::new("cells", message)]);
    }
    let (mut object, mut violations) = (Map::new(), Vec::new());
    for (column, cell) in columns.iter().zip(cells) {
        match csv_cell::value(column.kind, cell) {
            Ok(value) => {
                object.insert(column.name.to_owned(), value);
            }
            Err(broken) => violations.push(broken.below(&step(column.name))),
        }
    }
    if violations.is_empty() { Ok(object) } else { Err(violations) }
}
