//! One transaction, as the queries see it.

use crate::error::DbError;
use crate::row::Row;
use crate::value::Value;
use crate::{fields, postgres, sqlite};
use std::time::Duration;
use uuid::Uuid;

/// A transaction on either engine. On SQLite every method runs inline and is ready at once; on
/// PostgreSQL it awaits the network.
///
/// Statements number their parameters `$1`, `$2`, … in the order of first appearance: PostgreSQL
/// reads the numbers, SQLite counts the appearances.
pub struct Tx {
    pub(crate) engine: Engine,
}

pub(crate) enum Engine {
    Sqlite(sqlite::Connection),
    Postgres(postgres::Transaction),
}

/// A question to the store whose answer may still be under way.
pub(crate) enum Asked<T> {
    Answered(Option<T>),
    UnderWay(postgres::Asked, fn(&Row<'_>) -> Result<T, DbError>),
}

impl Tx {
    /// A transaction of the embedded engine.
    pub(crate) fn of_sqlite(connection: sqlite::Connection) -> Self {
        Self { engine: Engine::Sqlite(connection) }
    }

    /// Its connection, for the engine itself.
    pub(crate) fn sqlite(&mut self) -> Result<&mut sqlite::Connection, DbError> {
        match &mut self.engine {
            Engine::Sqlite(connection) => Ok(connection),
            Engine::Postgres(_) => Err(DbError::internal("a transaction of the other engine")),
        }
    }

    /// Whether this is the embedded engine: for what the engines do in different ways.
    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.engine, Engine::Sqlite(_))
    }

    /// Definitions of custom fields in memory.
    pub(crate) fn kept_fields(&self) -> &fields::Kept {
        match &self.engine {
            Engine::Sqlite(connection) => &connection.fields,
            Engine::Postgres(transaction) => transaction.kept_fields(),
        }
    }

    /// Of a statement in SQLite's words and in PostgreSQL's, the engine's own.
    pub(crate) fn worded(&self, [sqlite, postgres]: [&'static str; 2]) -> &'static str {
        if self.is_sqlite() { sqlite } else { postgres }
    }

    /// Ends the statements of this transaction, which only reads, with `DbError::Unavailable` once
    /// they have taken `patience`: all of them together on SQLite, each on PostgreSQL. There they
    /// are also planned for their very arguments: one word is in a million rows, another in three.
    pub(crate) async fn bound(&mut self, patience: Duration) -> Result<(), DbError> {
        match &mut self.engine {
            Engine::Sqlite(connection) => connection.bound(patience),
            Engine::Postgres(transaction) => {
                let sql = "SELECT set_config('plan_cache_mode', 'force_custom_plan', true),
                    set_config('statement_timeout', $1, true)";
                let millis = patience.as_millis().to_string();
                transaction.send(sql, &[(&millis).into()]).await
            }
        }
    }

    /// Runs a statement; how many rows it changed. `touched` are the clients, tenants, enrolment
    /// tokens and API tokens of which it changes what is shown: copies of them in memory end.
    pub(crate) async fn execute(
        &mut self,
        touched: &[Uuid],
        sql: &'static str,
        args: &[Value<'_>],
    ) -> Result<u64, DbError> {
        match &mut self.engine {
            Engine::Sqlite(connection) => {
                connection.touched.extend_from_slice(touched);
                connection.execute(sql, args)
            }
            Engine::Postgres(transaction) => transaction.execute(sql, args).await,
        }
    }

    /// Like `execute`, where nobody asks how many rows changed: PostgreSQL gets the statement now
    /// and is asked what became of it before the transaction's next answer, or with its end.
    pub(crate) async fn send(
        &mut self,
        touched: &[Uuid],
        sql: &'static str,
        args: &[Value<'_>],
    ) -> Result<(), DbError> {
        match &mut self.engine {
            Engine::Sqlite(connection) => {
                connection.touched.extend_from_slice(touched);
                connection.execute(sql, args).map(|_| ())
            }
            Engine::Postgres(transaction) => transaction.send(sql, args).await,
        }
    }

    /// Keeps rows from every other transaction until this one ends, and lets the statements after
    /// it see what was committed before. SQLite has one writer at a time: there it does nothing.
    pub(crate) async fn lock(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
    ) -> Result<(), DbError> {
        match &mut self.engine {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(transaction) => transaction.send(sql, args).await,
        }
    }

    /// The first row, if there is one.
    pub(crate) async fn opt<T>(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
        decode: impl FnOnce(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Option<T>, DbError> {
        match &mut self.engine {
            Engine::Sqlite(connection) => connection.opt(sql, args, decode),
            Engine::Postgres(transaction) => transaction.opt(sql, args, decode).await,
        }
    }

    /// Like `opt`, for an answer that the next statements need not wait for: PostgreSQL gets them
    /// together. SQLite answers at once.
    pub(crate) async fn ask<T>(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
        decode: fn(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Asked<T>, DbError> {
        match &mut self.engine {
            Engine::Sqlite(connection) => connection.opt(sql, args, decode).map(Asked::Answered),
            Engine::Postgres(transaction) => {
                Ok(Asked::UnderWay(transaction.ask(sql, args).await?, decode))
            }
        }
    }

    /// The answer to what was asked: the first row, if there is one.
    pub(crate) async fn answer<T>(&mut self, asked: Asked<T>) -> Result<Option<T>, DbError> {
        match (asked, &mut self.engine) {
            (Asked::Answered(row), _) => Ok(row),
            (Asked::UnderWay(asked, decode), Engine::Postgres(transaction)) => {
                transaction.answer(asked, decode).await
            }
            (Asked::UnderWay(..), Engine::Sqlite(_)) => {
                Err(DbError::internal("a question to the other engine"))
            }
        }
    }

    /// The first row, which must be there.
    pub(crate) async fn one<T>(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
        decode: impl FnOnce(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let row = self.opt(sql, args, decode).await?;
        row.ok_or_else(|| DbError::internal("a row that must exist is not there"))
    }

    /// Every row. The statement bounds their number.
    pub(crate) async fn all<T>(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
        decode: impl FnMut(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Vec<T>, DbError> {
        match &mut self.engine {
            Engine::Sqlite(connection) => connection.all(sql, args, decode),
            Engine::Postgres(transaction) => transaction.all(sql, args, decode).await,
        }
    }
}
