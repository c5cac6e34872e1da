//! Whether a file may be opened as a store: whose it is, and that nothing of it is visibly damaged.
//! A file that is refused keeps every byte, and so does its log.

use super::damage::is_of_an_index;
use super::open::{self, APPLICATION_ID, refused};
use crate::error::DbError;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::OpenOptions;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a start looks for damage: a big store must be ready within 2 s all the same.
const LOOK: Duration = Duration::from_millis(500);

/// Instructions of SQLite between two looks at the clock.
const STEP: i32 = 10_000;

/// How SQLite says that the index of searches is damaged.
const INDEX: [&str; 2] = ["inverted index for FTS5 table", "fts5: corruption"];

/// What helps against damage, whatever it is.
const REMEDY: &str = "put back a copy that is whole, together with its -wal file if it has one";

/// SQLite's log beside the file at `place`.
pub(super) fn log_of(place: &Path) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// An empty file becomes ours; anything else is left as it is. SQLite itself must not look: opening
/// another program's database for writing can already empty its log or change its journal mode.
/// Only with the lock held: to close a file gives up what SQLite has locked in it for this process.
pub(super) fn ours(place: &Path, path: &Path) -> Result<(), DbError> {
    let file = OpenOptions::new().read(true).write(true).open(place);
    let file = file.map_err(|error| refused(path, "it cannot be opened for writing", &error))?;
    let mut header = Vec::new();
    file.take(100)
        .read_to_end(&mut header)
        .map_err(|error| refused(path, "it cannot be read", &error))?;
    // Where they stand: https://sqlite.org/fileformat.html#the_database_header
    let what = if header.is_empty() || header.get(68..72) == Some(&APPLICATION_ID.to_be_bytes()) {
        return Ok(());
    } else if header.starts_with(b"SQLite format 3\0") {
        "is a SQLite database of another program"
    } else {
        "is not a SQLite database"
    };
    Err(DbError::Refused(format!("{} {what}", path.display())))
}

/// SQLite removes the log of a file that is empty: what was written last would be gone for good.
pub(super) fn not_emptied(place: &Path, path: &Path) -> Result<(), DbError> {
    let is_empty = |path: &Path| path.metadata().map_or(true, |file| file.len() == 0);
    let log = log_of(place);
    if !is_empty(place) || is_empty(&log) {
        return Ok(());
    }
    let (path, log) = (path.display(), log.display());
    Err(DbError::Refused(format!("{path} is empty, but its log {log} is not: {REMEDY}")))
}

/// The store's own key as the file alone has it. `None` while only the log has it, and where a
/// checkpoint was cut off half-way. Only while nothing is open: see `ours`.
pub(super) fn key_without_log(place: &Path) -> Option<Vec<u8>> {
    let escaped = place.to_str()?.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let url = format!("file:{escaped}?immutable=1");
    key(&Connection::open_with_flags(url, flags).ok()?)
}

fn key(connection: &Connection) -> Option<Vec<u8>> {
    let sql = "SELECT value FROM settings WHERE name = 'cursor_key'";
    connection.query_row(sql, [], |row| row.get(0)).ok()
}

/// SQLite believes any log beside a file. Another database's can hide all that the file holds, and
/// is moved into it then. `connection` only reads.
pub(super) fn log_is_its_own(
    connection: &Connection,
    key_without_log: Option<Vec<u8>>,
    path: &Path,
) -> Result<(), DbError> {
    let id = connection.query_row("PRAGMA application_id", [], |row| row.get::<_, u32>(0));
    let id = match id {
        Ok(id) => id,
        Err(error) => return Err(unreadable(path, &error)),
    };
    if id == APPLICATION_ID && key_without_log.is_none_or(|it| key(connection) == Some(it)) {
        return Ok(());
    }
    Err(damaged(path, "its -wal file is that of another database"))
}

/// What a start has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// No damage, as far as it has looked.
    NoDamage,
    /// The index of searches is damaged, and no table before it. All of it stands in the tables.
    DamagedIndex,
}

/// Looks for damage in what a start can look at. `connection` only reads.
pub(super) fn undamaged(connection: &mut Connection, path: &Path) -> Result<Found, DbError> {
    let begun = Instant::now();
    let mut look = || {
        connection.progress_handler(STEP, Some(move || begun.elapsed() >= LOOK))?;
        let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
        connection.progress_handler(0, None::<fn() -> bool>)?;
        found
    };
    let found: Result<String, _> = look();
    match found {
        Ok(found) if found == "ok" => Ok(Found::NoDamage),
        // SQLite looks at indexes of this kind last.
        Ok(found) if INDEX.iter().any(|it| found.contains(it)) => Ok(Found::DamagedIndex),
        Err(error) if is_of_an_index(&error) => Ok(Found::DamagedIndex),
        Ok(found) => Err(damaged(path, &found.replace('\n', " "))),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => {
                tracing::info!("no damage found so far; `clientbook audit verify` looks at all");
                Ok(Found::NoDamage)
            }
            _ => Err(unreadable(path, &error)),
        },
    }
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> DbError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            damaged(path, &error.to_string())
        }
        _ => open::unusable(path, error),
    }
}

fn damaged(path: &Path, what: &str) -> DbError {
    DbError::Refused(format!("{} is damaged ({what}): {REMEDY}", path.display()))
}
