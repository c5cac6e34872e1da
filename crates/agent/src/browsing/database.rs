//! Opening the copy of a history.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// For reading one history: one that was made to take forever does not.
const LIMIT: Duration = Duration::from_secs(20);

/// Opens a copy. Its content comes from a user: nothing in it may run, or run for long.
pub(super) fn open(path: &Path, stop: &Arc<AtomicBool>) -> rusqlite::Result<Connection> {
    // To be written: what the browser was amid when the copy was made is rolled back.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.execute_batch("PRAGMA mmap_size = 0; PRAGMA cache_size = -1024;")?;
    let (started, stop) = (Instant::now(), stop.clone());
    let is_over = move || stop.load(Ordering::Relaxed) || started.elapsed() > LIMIT;
    connection.progress_handler(10_000, Some(is_over))?;
    Ok(connection)
}
