//! Bytes of a file, as they come, into rows. Holds one row at a time, and no row of more than
//! `MAX_ROW` bytes.

use super::columns::{COLUMNS, Column, column};
use super::quotes::Quotes;
use super::row::{MAX_VIOLATIONS, place, unknown};
use super::seen::{Digester, Seen, Taken};
use super::{Format, csv_cell};
use crate::nearest::nearest;
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
    /// Which rows it is the last of.
    pub seen: Seen,
}

/// Why a file cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// What is wrong with its header.
    Header(Vec<Violation>),
    /// It ends within quotes.
    Unclosed(Violation),
    /// Its first rows are not those that are in.
    Other(Violation),
}

impl From<Vec<Violation>> for Unreadable {
    fn from(violations: Vec<Violation>) -> Self {
        Self::Header(violations)
    }
}

/// The file is another one than the import has begun with.
pub fn other_content() -> Violation {
    let message = "the file does not begin with the rows that this import has taken in: go on with \
                   the file as it was, with more rows behind them if you like, or begin anew with \
                   another id, best with match; clientbook import does so once FILE.import.json is \
                   removed";
    Violation::new("other_content", message).below("/import_id")
}

/// What would be told as one long row: rows that follow, up to the file's end, among them.
fn unclosed(row: i64) -> Violation {
    let message = format!(
        "the file ends within quotes that open in row {row}: nothing of that row and what follows \
         is in, and the rows before it are; mend the file and repeat the import"
    );
    Violation::new("quotes", message)
}

/// Takes bytes in and gives rows out.
pub struct Splitter {
    lines: Lines,
    waiting: Vec<u8>,
    at: usize,
    begun: bool,
    ended: bool,
    number: i64,
    taken: Taken,
    digester: Digester,
}

enum Lines {
    Ndjson(Ndjson),
    Csv(Box<Csv>),
}

struct Ndjson {
    looked: usize,
    too_long: bool,
}

struct Csv {
    reader: csv_core::Reader,
    quotes: Quotes,
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
    /// The file ends within quotes.
    Unclosed,
}

fn too_long() -> Vec<Violation> {
    let message = format!("a row must not exceed {MAX_ROW} bytes");
    vec![Violation::new("max_row", message)]
}

impl Splitter {
    /// For a file of this form.
    pub fn new(format: Format) -> Self {
        let lines = match format {
            Format::Ndjson => Lines::Ndjson(Ndjson { looked: 0, too_long: false }),
            Format::Csv => Lines::Csv(Box::new(Csv::new())),
        };
        let (waiting, at, taken) = (Vec::new(), 0, Taken::default());
        let digester = Digester::new(format);
        Self { lines, waiting, at, begun: false, ended: false, number: 0, taken, digester }
    }

    /// Leaves out these rows, which must be its first.
    pub fn skip(&mut self, taken: Taken) {
        self.taken = taken;
    }

    /// Whether the rows to leave out have been read, and were those.
    pub fn has_skipped(&self) -> bool {
        self.number >= self.taken.rows
    }

    /// Takes the next bytes in. Ask for all rows before the next ones.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.waiting.drain(..self.at);
        if let Lines::Ndjson(Ndjson { looked, .. }) = &mut self.lines {
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
            Lines::Ndjson(_) => true,
            Lines::Csv(csv) => csv.header.is_some(),
        }
    }

    /// The next row; `None` if it takes more bytes, or nothing follows.
    pub fn next_row(&mut self) -> Result<Option<Piece>, Unreadable> {
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
            let skipped = !self.has_skipped();
            let (waiting, at, digester) = (&self.waiting, &mut self.at, &mut self.digester);
            let line = match &mut self.lines {
                Lines::Ndjson(lines) => lines.step(waiting, at, self.ended, skipped, digester),
                Lines::Csv(csv) => csv.step(waiting, at, self.ended, skipped, digester)?,
            };
            match line {
                Line::More | Line::Unclosed if self.ended && skipped => {
                    return Err(Unreadable::Other(other_content()));
                }
                Line::Unclosed => return Err(Unreadable::Unclosed(unclosed(self.number + 1))),
                Line::More => return Ok(None),
                Line::Nothing => {}
                Line::Row(object) => {
                    self.number += 1;
                    let seen = self.digester.end();
                    if !skipped {
                        return Ok(Some(Piece { number: self.number, object, seen }));
                    }
                    let is_other = self.taken.digest.is_some_and(|digest| digest != seen.with);
                    if self.number == self.taken.rows && is_other {
                        return Err(Unreadable::Other(other_content()));
                    }
                }
            }
        }
    }
}

impl Ndjson {
    fn step(
        &mut self,
        waiting: &[u8],
        at: &mut usize,
        ended: bool,
        skipped: bool,
        digester: &mut Digester,
    ) -> Line {
        let from = self.looked.max(*at);
        let found = waiting[from..].iter().position(|byte| *byte == b'\n').map(|end| from + end);
        let line = match found {
            Some(end) => &waiting[*at..end],
            None if ended && *at < waiting.len() => &waiting[*at..],
            None => {
                self.looked = waiting.len();
                if waiting.len() - *at > MAX_ROW {
                    // The rest of it is thrown away as it comes.
                    self.too_long = true;
                }
                if self.too_long {
                    digester.add(&waiting[*at..]);
                    *at = waiting.len();
                }
                // A last line that was thrown away has no more bytes, but is a row.
                if ended && std::mem::take(&mut self.too_long) {
                    return Line::Row(Err(too_long()));
                }
                return Line::More;
            }
        };
        *at = found.map_or(waiting.len(), |end| end + 1);
        self.looked = *at;
        if std::mem::take(&mut self.too_long) || line.len() >= MAX_ROW {
            digester.add(line);
            return Line::Row(Err(too_long()));
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            return Line::Nothing;
        }
        digester.add(line);
        if skipped {
            return Line::Row(Err(Vec::new()));
        }
        Line::Row(match serde_json::from_slice::<Unique>(line) {
            Ok(Unique(Value::Object(object))) => Ok(object),
            Ok(_) => Err(vec![Violation::not_a("a JSON object")]),
            Err(error) => Err(vec![Violation::new("json", format!("is not JSON: {error}"))]),
        })
    }
}

impl Csv {
    fn new() -> Self {
        Self {
            reader: csv_core::Reader::new(),
            quotes: Quotes::default(),
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
        digester: &mut Digester,
    ) -> Result<Line, Vec<Violation>> {
        // An empty input says that nothing follows.
        if self.done || (*at == waiting.len() && !ended) {
            return Ok(Line::More);
        }
        if *at == waiting.len() && self.quotes.are_open() {
            let message = "the file ends within quotes that open in its header";
            let broken = || vec![Violation::new("quotes", message)];
            return if self.header.is_none() { Err(broken()) } else { Ok(Line::Unclosed) };
        }
        let (text, ends) = (&mut self.text[self.length..], &mut self.ends[self.cells..]);
        let (result, read, written, cells) = self.reader.read_record(&waiting[*at..], text, ends);
        self.quotes.follow(&waiting[*at..*at + read]);
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
                digester.add(&self.text[..self.length]);
                self.length = 0;
            }
            ReadRecordResult::OutputEndsFull => {
                // More cells than columns: the row is refused by its last ones.
                self.cells = self.ends.len() - 1;
            }
            ReadRecordResult::Record => return self.record(skipped, digester),
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

    /// Of the header it is the end of the file, of a row that of the row.
    fn refuse(&self, why: Vec<Violation>) -> Result<Line, Vec<Violation>> {
        if self.header.is_none() { Err(why) } else { Ok(Line::Row(Err(why))) }
    }

    fn record(&mut self, skipped: bool, digester: &mut Digester) -> Result<Line, Vec<Violation>> {
        let is_broken = self.quotes.end_row();
        let cells = std::mem::take(&mut self.cells);
        let length = std::mem::take(&mut self.length);
        if std::mem::take(&mut self.too_long) {
            digester.add(&self.text[..length]);
            return self.refuse(too_long());
        }
        let ends = &self.ends[..cells];
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let cells = starts.zip(ends).map(|(start, end)| &self.text[start..*end]);
        let is_header = self.header.is_none();
        for cell in cells.clone() {
            digester.cell(if is_header { cell.trim_ascii() } else { cell });
        }
        let cells: Result<Vec<_>, _> = cells.map(std::str::from_utf8).collect();
        let Ok(cells) = cells else {
            return self.refuse(vec![Violation::new("utf8", "must be text in UTF-8")]);
        };
        if is_broken {
            let message = "a closing quote must be followed by a comma or the end of the line";
            return self.refuse(vec![Violation::new("quotes", message)]);
        }
        match &self.header {
            None => {
                self.header = Some(header(&cells)?);
                digester.end();
                Ok(Line::Nothing)
            }
            Some(_) if skipped => Ok(Line::Row(Err(Vec::new()))),
            Some(columns) => Ok(Line::Row(object(columns, &cells))),
        }
    }
}

fn header(cells: &[&str]) -> Result<Vec<&'static Column>, Vec<Violation>> {
    let (mut columns, mut violations) = (Vec::<&Column>::new(), Vec::new());
    let names = || COLUMNS.iter().map(|column| column.name);
    let mut tell_all = true;
    for name in cells {
        let name = name.trim();
        match column(name) {
            Some(known) if columns.iter().any(|one| one.name == known.name) => {
                let broken = Violation::new("repeated", "must be there once at most");
                violations.push(broken.below(&place(name)));
            }
            Some(known) => columns.push(known),
            None => {
                let mut broken = unknown(name, names());
                if cells.len() == 1 && name.contains([';', '\t']) {
                    broken.message.push_str("; commas stand between columns");
                } else if nearest(name, names()).is_none() && std::mem::take(&mut tell_all) {
                    let names = names().collect::<Vec<_>>().join(", ");
                    broken.message.push_str("; the columns are ");
                    broken.message.push_str(&names);
                }
                violations.push(broken.below(&place(name)));
            }
        }
    }
    violations.truncate(MAX_VIOLATIONS);
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
