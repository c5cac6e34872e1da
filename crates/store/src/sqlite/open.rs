//! Opens a store file: whose it is, whether it may be opened, what it must be set to.

use super::check::{self, Found};
use super::connection::from_sqlite;
use crate::error::DbError;
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OpenFlags, ffi};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Marks a file as Clientbook's (`PRAGMA application_id`): "Clbk".
pub(super) const APPLICATION_ID: u32 = 0x436C_626B;

/// What the writer keeps of the file in memory, as SQLite counts it: 64 MiB, in KiB below zero. A batch
/// of an import touches pages all over a dozen indexes; with SQLite's own 2 MiB each of them would go
/// to the log, and come back from it, several times in one transaction.
const CACHE_KIB: i32 = -65_536;

/// The same of a connection that reads: 8 MiB. All but the lowest levels of what a read of one client
/// goes through fits, with a million clients.
const READER_CACHE_KIB: i32 = -8_192;

/// How long a statement waits for another connection, such as a checkpoint's.
const BUSY: Duration = Duration::from_secs(5);

mod migrations {
    refinery::embed_migrations!("migrations/sqlite");
}

/// A store that was opened for writing.
pub(super) struct Opened {
    /// Where the file is, whichever way it was named.
    pub(super) place: PathBuf,
    /// Held by whoever may write.
    pub(super) lock: File,
    /// The file, to be looked at past SQLite.
    pub(super) file: Arc<File>,
    pub(super) connection: Connection,
    pub(super) found: Found,
}

/// Opens the store for writing: takes its lock, creates and migrates it where needed.
pub(super) fn writable(path: &Path) -> Result<Opened, DbError> {
    if !path.exists() {
        make(path)?;
    }
    let place = place(path)?;
    let lock = Lock::take(&place, path)?;
    if let Err(refusal) = check::ours(&place, path).and_then(|()| check::not_emptied(&place, path))
    {
        lock.remove_if_made();
        return Err(refusal);
    }
    // Before any connection, and closed after the last.
    let file = File::open(&place);
    let file = file.map_err(|error| refused(path, "it cannot be opened for reading", &error))?;
    let is_new = place.metadata().is_ok_and(|file| file.len() == 0);
    // Kept open to the end: else the next connection would read the whole log once more.
    let (_looking, found) = if is_new { (None, Found::NoDamage) } else { looked_at(&place, path)? };
    settle(&place).map_err(|error| refused(path, "its log cannot be written", &error))?;
    let mut connection = connect(&place).map_err(|error| unusable(path, &error))?;
    with_digests(&connection).map_err(|error| unusable(path, &error))?;
    migrations::migrations::runner().set_abort_missing(true).run(&mut connection).map_err(
        |error| {
            let why = "its tables are not those this version knows; was it written by a newer one?";
            refused(path, why, &error)
        },
    )?;
    keep_log_on_close(&connection, false).map_err(|error| unusable(path, &error))?;
    Ok(Opened { place, lock: lock.file, file: Arc::new(file), connection, found })
}

/// What a migration calls, as SQLite has no such function of its own.
fn with_digests(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("clientbook_sha256", 1, flags, |context| {
        let text = context.get_raw(0).as_str()?;
        Ok(clientbook_model::enrollment::digest(text).to_vec())
    })
}

fn looked_at(place: &Path, path: &Path) -> Result<(Option<Connection>, Found), DbError> {
    let without_log = check::key_without_log(place);
    let mut looking = reader(place).map_err(|error| unusable(path, &error))?;
    check::log_is_its_own(&looking, without_log, path)?;
    let found = check::undamaged(&mut looking, path)?;
    Ok((Some(looking), found))
}

/// A connection for writing to a store that was open before.
pub(super) fn again(place: &Path) -> Result<Connection, DbError> {
    settle(place).map_err(|error| DbError::Unavailable(error.to_string()))?;
    let connection = connect(place).map_err(|error| from_sqlite(&error))?;
    keep_log_on_close(&connection, false).map_err(|error| from_sqlite(&error))?;
    Ok(connection)
}

// A store that is refused, or cannot be opened to the end, keeps its log as it is.
fn connect(place: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(place, flags)?;
    keep_log_on_close(&connection, true)?;
    mark(&connection)?;
    prepare(&mut connection)?;
    Ok(connection)
}

/// Whether the log stays as it is when `connection` is the last to close the file.
pub(super) fn keep_log_on_close(connection: &Connection, keep: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep).map(|_| ())
}

// Who was killed after a failed sync leaves a log of which memory holds more than the disk. SQLite
// takes all of it for durable, and what is appended behind a gap is lost with the gap when the
// power goes. So the same bytes are written once more, and synced, before anything relies on them.
fn settle(place: &Path) -> io::Result<()> {
    let log = match OpenOptions::new().read(true).write(true).open(check::log_of(place)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        log => log?,
    };
    let mut block = vec![0; 1 << 20];
    let mut at = 0;
    loop {
        let read = log.read_at(&mut block, at)?;
        if read == 0 {
            return log.sync_all();
        }
        log.write_all_at(&block[..read], at)?;
        at += read as u64;
    }
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
    check::not_emptied(&place(path)?, path)?;
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

/// A connection that serves reads.
pub(super) fn server(path: &Path) -> rusqlite::Result<Connection> {
    let connection = reader(path)?;
    // Apart: it reads the schema, and what is no database is to be told in other words.
    connection.pragma_update(None, "cache_size", READER_CACHE_KIB)?;
    Ok(connection)
}

/// A connection that moves the log into the database file, and waits for readers so long.
pub(super) fn checkpointer(path: &Path, patience: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    prepare(&mut connection)?;
    connection.busy_timeout(patience)?;
    keep_log_on_close(&connection, true)?;
    Ok(connection)
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    stable_plans(connection)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // What is deleted or overwritten is erased, too: zeros stand where it stood.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "memory")
}

// The bundled SQLite keeps statistics (STAT4) for whose sake it would parse a statement anew each
// time its arguments change: four fifths of a read's time.
fn stable_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(|_| ())
}

// Before anything else is written, and before there is a log it could stand in: see `check::ours`.
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

pub(super) fn refused(path: &Path, why: &str, error: &dyn std::fmt::Display) -> DbError {
    DbError::Refused(format!("{}: {why} ({error})", path.display()))
}

/// The disk is often the reason; SQLite calls it an I/O error where its index of the log has no room.
pub(super) fn unusable(path: &Path, error: &rusqlite::Error) -> DbError {
    let why = match error.sqlite_error().map(|code| code.extended_code) {
        Some(ffi::SQLITE_FULL | ffi::SQLITE_IOERR_SHMSIZE) => {
            "the disk is full, or this user's share of it: make some room and start again"
        }
        _ => "it cannot be used",
    };
    refused(path, why, error)
}
