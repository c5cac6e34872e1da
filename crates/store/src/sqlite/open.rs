//! Opens a store file: whose it is, whether it may be opened, what it must be set to.

use crate::error::DbError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::Read as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Marks a file as Clientbook's (`PRAGMA application_id`): "Clbk".
const APPLICATION_ID: u32 = 0x436C_626B;

/// How long a statement waits for another connection, such as a checkpoint's.
const BUSY: Duration = Duration::from_secs(5);

mod migrations {
    refinery::embed_migrations!("migrations/sqlite");
}

/// Opens the store for writing: takes its lock, creates and migrates it where needed. Also says
/// where the file is, whichever way `path` leads there.
pub(super) fn writable(path: &Path) -> Result<(PathBuf, File, Connection), DbError> {
    if !path.exists() {
        make(path)?;
    }
    let place = place(path)?;
    let lock = Lock::take(&place, path)?;
    if let Err(refusal) = check_ours(&place, path) {
        lock.remove_if_made();
        return Err(refusal);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&place, flags)
        .map_err(|error| refused(path, "it cannot be opened", &error))?;
    mark(&connection)
        .and_then(|()| prepare(&mut connection))
        .map_err(|error| refused(path, "it cannot be used", &error))?;
    migrations::migrations::runner().set_abort_missing(true).run(&mut connection).map_err(
        |error| {
            let why = "its tables are not those this version knows; was it written by a newer one?";
            refused(path, why, &error)
        },
    )?;
    Ok((place, lock.file, connection))
}

/// Where the file is. The lock and SQLite's side files are named after it: two ways to one store
/// must lead to the same lock. Hard links still hide that they do.
pub(super) fn place(path: &Path) -> Result<PathBuf, DbError> {
    path.canonicalize().map_err(|error| refused(path, "it cannot be opened", &error))
}

// Made here, so that only its owner can read it; SQLite gives its side files the same mode.
fn make(path: &Path) -> Result<(), DbError> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| refused(path, "its directory cannot be made", &error))?;
    }
    let mut options = OpenOptions::new();
    let made = options.create(true).truncate(false).write(true).mode(0o600).open(path);
    made.map(|_| ()).map_err(|error| refused(path, "it cannot be opened for writing", &error))
}

/// Checks that the file is a store that this version can read.
pub(super) fn check_readable(path: &Path) -> Result<(), DbError> {
    if !path.exists() {
        let message = format!("{} does not exist", path.display());
        return Err(DbError::Refused(message));
    }
    let connection = reader(path).map_err(|error| refused(path, "it cannot be opened", &error))?;
    let id = connection.query_row("PRAGMA application_id", [], |row| row.get::<_, u32>(0));
    if id.map_err(|error| refused(path, "it cannot be read", &error))? != APPLICATION_ID {
        let message = format!("{} is empty or belongs to another program", path.display());
        return Err(DbError::Refused(message));
    }
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
    stable_plans(&connection)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A connection that moves the log into the database file, and waits for readers so long.
pub(super) fn checkpointer(path: &Path, patience: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    prepare(&mut connection)?;
    connection.busy_timeout(patience)?;
    Ok(connection)
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    stable_plans(connection)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "memory")
}

// The bundled SQLite keeps statistics (STAT4) for whose sake it would parse a statement anew each
// time its arguments change: four fifths of a read's time.
fn stable_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(|_| ())
}

// An empty file becomes ours; anything else is left as it is. SQLite itself must not look: opening
// another program's database for writing can already empty its log or change its journal mode.
// Only with the lock held: to close a file gives up what SQLite has locked in it for this process.
fn check_ours(place: &Path, path: &Path) -> Result<(), DbError> {
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

// Before anything else is written, and before there is a log it could stand in: see `check_ours`.
fn mark(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    let id = connection.query_row("PRAGMA application_id", [], |row| row.get::<_, u32>(0))?;
    if id == APPLICATION_ID {
        return Ok(());
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID)
}

struct Lock {
    file: File,
    name: PathBuf,
    made: bool,
}

impl Lock {
    fn take(place: &Path, path: &Path) -> Result<Self, DbError> {
        let mut name = place.as_os_str().to_owned();
        name.push(".lock");
        let name = PathBuf::from(name);
        let made = !name.exists();
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&name)
            .map_err(|error| refused(&name, "it cannot be opened", &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, name, made }),
            Err(TryLockError::WouldBlock) => Err(DbError::Locked(path.display().to_string())),
            Err(TryLockError::Error(error)) => Err(refused(&name, "it cannot be locked", &error)),
        }
    }

    // Beside a store it would be wrong: who has opened the file by now would lock what is gone.
    fn remove_if_made(self) {
        if self.made
            && let Err(error) = std::fs::remove_file(&self.name)
        {
            tracing::warn!(%error, lock = %self.name.display(), "a lock could not be removed");
        }
    }
}

fn refused(path: &Path, why: &str, error: &dyn std::fmt::Display) -> DbError {
    DbError::Refused(format!("{}: {why} ({error})", path.display()))
}
