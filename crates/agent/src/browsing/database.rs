//! Opening the copy of a history.

use super::budget::Budget;
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Bytes that SQLite may take, all histories together. They are read one after the other.
const HEAP: &str = "PRAGMA hard_heap_limit = 16777216;";
/// Bytes of one value. Browsers cut their addresses at 2 MiB.
const VALUE: i32 = 3 << 20;
/// Bytes of one statement: of those that made the tables, too.
const STATEMENT: i32 = 256 << 10;
/// Bytes of a pattern. Ours are short, and a long one keeps SQLite from looking at the budget.
const PATTERN: i32 = 32;
/// What the questions that we ask need.
const FUNCTIONS: &[&str] = &["coalesce", "count", "like", "max", "substr"];

/// Opens a copy, if all of these are tables in it. Its content comes from a user: nothing in it may
/// run, or run for long, or take more than its share of memory.
///
/// # Errors
/// It is no history, or the budget is over.
pub(super) fn open(
    path: &Path,
    tables: &'static [&'static str],
    budget: &Budget,
) -> io::Result<Connection> {
    let connection = guarded(path, budget).map_err(|error| failed(&error, budget))?;
    for table in tables {
        if !is_table(&connection, table).map_err(|error| failed(&error, budget))? {
            return Err(io::Error::new(ErrorKind::InvalidData, "it lacks a table"));
        }
    }
    Ok(connection)
}

fn guarded(path: &Path, budget: &Budget) -> rusqlite::Result<Connection> {
    // To be written: what the browser was amid when the copy was made is rolled back.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    let budget = budget.clone();
    connection.progress_handler(1_000, Some(move || budget.is_over()))?;
    connection.execute_batch(HEAP)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE)?;
    connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, STATEMENT)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.execute_batch(
        "PRAGMA mmap_size = 0; PRAGMA cache_size = -1024; PRAGMA cell_size_check = ON;",
    )?;
    connection.authorizer(Some(|context: AuthContext<'_>| allowed(&context)))?;
    Ok(connection)
}

/// Reading by our own questions, and nothing else: not by a view, and without recursion.
fn allowed(context: &AuthContext<'_>) -> Authorization {
    let is_allowed = match context.action {
        AuthAction::Select | AuthAction::Read { .. } => context.accessor.is_none(),
        AuthAction::Function { function_name } => FUNCTIONS.contains(&function_name),
        AuthAction::Pragma { pragma_name, .. } => {
            matches!(pragma_name, "table_info" | "table_xinfo")
        }
        _ => false,
    };
    if is_allowed { Authorization::Allow } else { Authorization::Deny }
}

/// Whether this is a table: neither a view nor one that a module of SQLite makes up. SQLite itself
/// writes the statement that made a table so, whatever case it was given in. Nor may it reckon columns
/// from others, in words of its own: no browser's does.
pub(super) fn is_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_schema \
               WHERE type = 'table' AND name = ?1 AND sql LIKE 'CREATE TABLE %'";
    let count: i64 = connection.query_row(sql, [name], |row| row.get(0))?;
    let reckoned = "SELECT count(*) FROM pragma_table_xinfo(?1) WHERE hidden <> 0";
    let reckoned: i64 = connection.query_row(reckoned, [name], |row| row.get(0))?;
    Ok(count == 1 && reckoned == 0)
}

/// In the system's own words, without what the history holds.
pub(super) fn failed(error: &rusqlite::Error, budget: &Budget) -> io::Error {
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => {
            return budget.check().err().unwrap_or_else(|| ErrorKind::Interrupted.into());
        }
        Some(ErrorCode::DiskFull) => ErrorKind::StorageFull,
        Some(ErrorCode::OutOfMemory) => ErrorKind::OutOfMemory,
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => ErrorKind::Other,
        _ => ErrorKind::InvalidData,
    };
    kind.into()
}
