//! One connection and its statements.

use super::damage::{Damage, is_of_an_index};
use crate::cell::Cell;
use crate::error::DbError;
use crate::fields::Kept;
#[cfg(feature = "record")]
use crate::recording::{Recording, Rows};
use crate::row::Row;
use crate::value::Value;
use clientbook_model::id::ClientId;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, ErrorCode, ffi};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Instructions of SQLite between two looks at the clock.
const STEP: i32 = 100_000;

/// A connection that remembers a failure SQLite may have answered by rolling back everything.
pub(crate) struct Connection {
    pub(super) raw: rusqlite::Connection,
    pub(super) fault: Option<DbError>,
    /// Whether the transaction's statements end after a time.
    bounded: bool,
    /// What the transaction has touched so far: see `Changes`.
    pub(crate) touched: Vec<Uuid>,
    /// The clients of whose agents it has changed what they are told.
    pub(crate) told_agents: Vec<ClientId>,
    /// Definitions of custom fields, which all connections share.
    pub(crate) fields: Kept,
    damage: Damage,
    /// What has run so far, while somebody records it.
    #[cfg(feature = "record")]
    pub(crate) recording: Option<Recording>,
}

impl Connection {
    pub(super) fn new(raw: rusqlite::Connection, fields: Kept, damage: Damage) -> Self {
        // Every statement of the crate fits, so none is parsed twice.
        raw.set_prepared_statement_cache_capacity(256);
        Self {
            raw,
            fault: None,
            bounded: false,
            touched: Vec::new(),
            told_agents: Vec::new(),
            fields,
            damage,
            #[cfg(feature = "record")]
            recording: None,
        }
    }

    /// Begins a transaction with nothing remembered of the one before.
    pub(super) fn begin(&mut self, sql: &str) -> Result<(), DbError> {
        self.fault = None;
        self.touched.clear();
        self.told_agents.clear();
        if std::mem::take(&mut self.bounded) {
            let unbounded = self.raw.progress_handler(0, None::<fn() -> bool>);
            unbounded.map_err(|error| from_sqlite(&error))?;
        }
        self.execute(sql, &[]).map(|_| ())
    }

    /// See `Tx::bound`.
    pub(crate) fn bound(&mut self, patience: Duration) -> Result<(), DbError> {
        let begun = Instant::now();
        self.bounded = true;
        let bounded = self.raw.progress_handler(STEP, Some(move || begun.elapsed() >= patience));
        bounded.map_err(|error| from_sqlite(&error))
    }

    // A transaction that SQLite has rolled back may not go on: each further statement would be a
    // transaction of its own, and stand.
    fn still_open(&self) -> Result<(), DbError> {
        match &self.fault {
            Some(fault) if self.raw.is_autocommit() => Err(fault.clone()),
            _ => Ok(()),
        }
    }

    pub(crate) fn execute(&mut self, sql: &str, args: &[Value<'_>]) -> Result<u64, DbError> {
        self.still_open()?;
        #[cfg(feature = "record")]
        self.record(sql, args, Rows::None);
        let done = (|| {
            let mut statement = self.raw.prepare_cached(sql)?;
            bind(&mut statement, args)?;
            statement.raw_execute()
        })();
        done.map(|rows| rows as u64).map_err(|error| self.note(&error))
    }

    pub(crate) fn opt<T>(
        &mut self,
        sql: &str,
        args: &[Value<'_>],
        decode: impl FnOnce(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Option<T>, DbError> {
        self.still_open()?;
        #[cfg(feature = "record")]
        self.record(sql, args, Rows::First);
        let done = (|| {
            let mut statement = self.raw.prepare_cached(sql)?;
            bind(&mut statement, args)?;
            let mut rows = statement.raw_query();
            Ok(rows.next()?.map(|row| decode(&Row::Sqlite(row))))
        })();
        done.map_err(|error| self.note(&error))?.transpose()
    }

    pub(crate) fn all<T>(
        &mut self,
        sql: &str,
        args: &[Value<'_>],
        mut decode: impl FnMut(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Vec<T>, DbError> {
        self.still_open()?;
        #[cfg(feature = "record")]
        self.record(sql, args, Rows::All);
        let done = (|| {
            let mut statement = self.raw.prepare_cached(sql)?;
            bind(&mut statement, args)?;
            let mut rows = statement.raw_query();
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push(decode(&Row::Sqlite(row)));
            }
            Ok(all)
        })();
        done.map_err(|error| self.note(&error))?.into_iter().collect()
    }

    #[cfg(feature = "record")]
    fn record(&mut self, sql: &str, args: &[Value<'_>], rows: Rows) {
        if let Some(recording) = &mut self.recording {
            recording.push(sql, args, rows);
        }
    }

    fn note(&mut self, error: &rusqlite::Error) -> DbError {
        if is_of_an_index(error) {
            self.damage.raise();
        }
        let error = from_sqlite(error);
        if matches!(error, DbError::Full | DbError::Unavailable(_) | DbError::Internal(_)) {
            self.fault = Some(error.clone());
        }
        error
    }
}

fn bind(statement: &mut CachedStatement<'_>, args: &[Value<'_>]) -> rusqlite::Result<()> {
    // A parameter without an argument would be NULL.
    debug_assert_eq!(statement.parameter_count(), args.len(), "one argument for each parameter");
    for (at, arg) in args.iter().enumerate() {
        // SQLite numbers `$n` by first appearance, PostgreSQL by its digits: they must agree.
        debug_assert_eq!(
            statement.parameter_name(at + 1),
            Some(format!("${}", at + 1).as_str()),
            "parameters are numbered in the order of their first appearance"
        );
        statement.raw_bind_parameter(at + 1, arg)?;
    }
    Ok(())
}

/// The value of a column; `None` is one of a type that no column of ours has.
pub(crate) fn cell<'r>(row: &'r rusqlite::Row<'_>, index: usize) -> Option<Cell<'r>> {
    match row.get_ref(index).ok()? {
        ValueRef::Null => Some(Cell::Null),
        ValueRef::Integer(value) => Some(Cell::Int(value)),
        ValueRef::Text(text) => std::str::from_utf8(text).ok().map(Cell::Text),
        ValueRef::Blob(bytes) => Some(Cell::Bytes(bytes)),
        ValueRef::Real(_) => None,
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Integer(i64::from(*value)),
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) | Self::Json(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
            Self::Uuid(value) => ValueRef::Blob(value.as_bytes()),
            Self::Time(value) => ValueRef::Integer(value.millis()),
            Self::Uuids(ids) => {
                let hex: Vec<_> = ids.iter().map(|id| format!("\"{}\"", id.simple())).collect();
                return Ok(ToSqlOutput::Owned(format!("[{}]", hex.join(",")).into()));
            }
        }))
    }
}

/// SQLite's errors in the store's words.
pub(super) fn from_sqlite(error: &rusqlite::Error) -> DbError {
    let Some(code) = error.sqlite_error() else {
        return DbError::internal(error.to_string());
    };
    match (code.code, code.extended_code) {
        (_, ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => {
            DbError::Unique(index_name(&error.to_string()))
        }
        (_, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => DbError::ForeignKey,
        (ErrorCode::DiskFull, _) => DbError::Full,
        (ErrorCode::OperationInterrupted, _) => DbError::Unavailable("a list took too long".into()),
        (
            ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly,
            _,
        ) => DbError::Unavailable(error.to_string()),
        _ => DbError::internal(error.to_string()),
    }
}

// "UNIQUE constraint failed: clients.tenant_id, clients.external_id" -> "clients_external_id"
fn index_name(message: &str) -> String {
    let columns = message.rsplit(": ").next().unwrap_or_default();
    let mut table = "";
    let mut name = String::new();
    for column in columns.split(", ") {
        if let Some((of, column)) = column.split_once('.') {
            table = of;
            if column != "tenant_id" {
                name.push('_');
                name.push_str(column);
            }
        }
    }
    format!("{table}{name}")
}

#[cfg(test)]
mod tests {
    use super::{Connection, index_name};

    #[test]
    fn indexes_are_named_after_their_columns() {
        let message = "UNIQUE constraint failed: clients.tenant_id, clients.external_id";
        assert_eq!(index_name(message), "clients_external_id");
        assert_eq!(index_name("UNIQUE constraint failed: tenants.slug"), "tenants_slug");
    }

    fn connection() -> Connection {
        let raw = rusqlite::Connection::open_in_memory().expect("a connection");
        Connection::new(raw, super::Kept::default(), super::Damage::default())
    }

    // Release builds trust what debug builds have checked.
    #[cfg(debug_assertions)]
    #[test]
    #[should_panic(expected = "in the order of their first appearance")]
    fn parameters_out_of_order_are_caught() {
        let _never = connection().execute("SELECT $2, $1", &[1.into(), 2.into()]);
    }

    #[cfg(debug_assertions)]
    #[test]
    #[should_panic(expected = "one argument for each parameter")]
    fn a_missing_argument_is_caught() {
        let _never = connection().execute("SELECT $1, $2", &[1.into()]);
    }

    #[test]
    fn a_parameter_may_be_repeated() {
        let args = [1.into(), 2.into()];
        let sum = connection().opt("SELECT $1 + $2 + $1", &args, |row| row.get::<i64>(0));
        assert_eq!(sum.expect("a row"), Some(4));
    }
}
