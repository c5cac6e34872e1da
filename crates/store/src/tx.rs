//! One transaction, as the queries see it.

use crate::error::DbError;
use crate::row::Row;
use crate::sqlite;
use crate::value::Value;
use uuid::Uuid;

/// A transaction on either engine. On SQLite every method runs inline and is ready at once; on
/// PostgreSQL it awaits the network.
///
/// Statements number their parameters `$1`, `$2`, … in the order of first appearance: PostgreSQL
/// reads the numbers, SQLite counts the appearances.
pub struct Tx {
    pub(crate) sqlite: sqlite::Connection,
}

#[expect(clippy::unused_async, reason = "the seam is async for the engine behind a network")]
impl Tx {
    /// Runs a statement; how many rows it changed. `touched` are the clients, tenants, enrolment
    /// tokens and API tokens of which it changes what is shown: copies of them in memory end.
    pub(crate) async fn execute(
        &mut self,
        touched: &[Uuid],
        sql: &'static str,
        args: &[Value<'_>],
    ) -> Result<u64, DbError> {
        self.sqlite.touched.extend_from_slice(touched);
        self.sqlite.execute(sql, args)
    }

    /// The first row, if there is one.
    pub(crate) async fn opt<T>(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
        decode: impl FnOnce(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Option<T>, DbError> {
        self.sqlite.opt(sql, args, decode)
    }

    /// The first row, which must be there.
    pub(crate) async fn one<T>(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
        decode: impl FnOnce(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let row = self.sqlite.opt(sql, args, decode)?;
        row.ok_or_else(|| DbError::internal("a row that must exist is not there"))
    }

    /// The first row, kept from every other transaction until this one ends. SQLite has one writer
    /// at a time, so there it is `opt`; PostgreSQL adds `FOR UPDATE`.
    pub(crate) async fn lock<T>(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
        decode: impl FnOnce(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Option<T>, DbError> {
        self.sqlite.opt(sql, args, decode)
    }

    /// Every row. The statement bounds their number.
    pub(crate) async fn all<T>(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
        decode: impl FnMut(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Vec<T>, DbError> {
        self.sqlite.all(sql, args, decode)
    }
}
