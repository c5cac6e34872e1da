//! Opens a store file: whose it is, whether it may be opened, what it must be set to.

use super::connection::from_sqlite;
use crate::error::DbError;
use rusqlite::{Connection, OpenFlags};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Marks a file as Clientbook's (`PRAGMA application_id`): "Clbk".
const APPLICATION_ID: i64 = 0x436C_626B;

/// How long a statement waits for another connection, such as a checkpoint's.
const BUSY: Duration = Duration::from_secs(5);

mod migrations {
    refinery::embed_migrations!("migrations/sqlite");
}

/// Opens the store for writing: takes its lock, creates and migrates it where needed.
pub(super) fn writable(path: &Path) -> Result<(File, Connection), DbError> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| refused(path, "its directory cannot be made", &error))?;
    }
    let lock = lock(path)?;
    // Made here, so that only its owner can read it; SQLite gives its side files the same mode.
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| refused(path, "it cannot be opened for writing", &error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)
        .map_err(|error| refused(path, "it cannot be opened", &error))?;
    prepare(&mut connection).map_err(|error| refused(path, "it cannot be used", &error))?;
    own(&connection, path)?;
    migrations::migrations::runner().set_abort_missing(true).run(&mut connection).map_err(
        |error| {
            let why = "its tables are not those this version knows; was it written by a newer one?";
            refused(path, why, &error)
        },
    )?;
    Ok((lock, connection))
}

/// Checks that the file is a store that this version can read.
pub(super) fn check_readable(path: &Path) -> Result<(), DbError> {
    if !path.exists() {
        let message = format!("{} does not exist", path.display());
        return Err(DbError::Refused(message));
    }
    let connection = reader(path).map_err(|error| refused(path, "it cannot be opened", &error))?;
    own(&connection, path)?;
    let newest = migrations::migrations::runner()
        .get_migrations()
        .iter()
        .map(|migration| i64::from(migration.version()))
        .max();
    let applied: Option<i64> = connection
        .query_row("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0))
        .map_err(|error| refused(path, "it holds no tables of Clientbook's", &error))?;
    if applied == newest {
        return Ok(());
    }
    let message = format!(
        "{} has tables of version {}, this program reads version {}: start the server once to \
         migrate it, or use the program that wrote it",
        path.display(),
        applied.unwrap_or(0),
        newest.unwrap_or(0),
    );
    Err(DbError::Refused(message))
}

/// A connection that can only read.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A connection that moves the log into the database file.
pub(super) fn checkpointer(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    prepare(&mut connection)?;
    Ok(connection)
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "memory")
}

// An empty file becomes ours; a file of another program is left as it is.
fn own(connection: &Connection, path: &Path) -> Result<(), DbError> {
    let read = |pragma| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let id = read("PRAGMA application_id").map_err(|error| from_sqlite(&error))?;
    let tables = read("SELECT count(*) FROM sqlite_schema").map_err(|error| from_sqlite(&error))?;
    if id == APPLICATION_ID {
        return Ok(());
    }
    if id != 0 || tables != 0 {
        let message = format!("{} is a SQLite database of another program", path.display());
        return Err(DbError::Refused(message));
    }
    let marked = connection.pragma_update(None, "application_id", APPLICATION_ID);
    marked.map_err(|error| refused(path, "it cannot be written", &error))
}

fn lock(path: &Path) -> Result<File, DbError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&name)
        .map_err(|error| refused(&name, "it cannot be opened", &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DbError::Locked(path.display().to_string())),
        Err(TryLockError::Error(error)) => Err(refused(&name, "it cannot be locked", &error)),
    }
}

fn refused(path: &Path, why: &str, error: &dyn std::fmt::Display) -> DbError {
    DbError::Refused(format!("{}: {why} ({error})", path.display()))
}
