//! The engine from inside: what its groups, its log and its readers do when things go wrong.

mod failure;
mod group;
mod log;
mod readers;
mod shutdown;

use super::Sqlite;
use super::limits::Limits;
use crate::db::Access;
use crate::error::DbError;
use crate::tx::Tx;
use crate::value::Value;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Waker};
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::unconstrained;

/// A group ends when nothing is queued any more, however slow the machine.
const PATIENT: Limits = Limits { gather: Duration::from_hours(1), ..Limits::SERVING };

pub(super) struct Store {
    sqlite: Arc<Sqlite>,
    directory: TempDir,
}

type Written = Result<(), DbError>;

type Queued = Pin<Box<dyn Future<Output = Written>>>;

fn queued(mut write: Queued) -> Queued {
    let polled = write.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "the writer is occupied");
    write
}

impl Store {
    fn open(limits: Limits) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let path = directory.path().join("clientbook.db");
        let sqlite = Sqlite::open_with(&path, Access::Write, limits).expect("a new store");
        Self { sqlite: Arc::new(sqlite), directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("clientbook.db")
    }

    /// How long the log's file is, in bytes.
    fn log_size(&self) -> u64 {
        let log = self.directory.path().join("clientbook.db-wal");
        log.metadata().expect("a log").len()
    }

    /// A write that already stands in the queue.
    fn queue<F>(&self, change: F) -> Queued
    where
        F: AsyncFn(&mut Tx) -> Written + Send + 'static,
    {
        let this = Arc::clone(&self.sqlite);
        queued(Box::pin(unconstrained(async move { this.write(change).await })))
    }

    /// Likewise, a large one.
    fn queue_many<F>(&self, change: F) -> Queued
    where
        F: AsyncFn(&mut Tx) -> Written + Send + 'static,
    {
        let this = Arc::clone(&self.sqlite);
        queued(Box::pin(unconstrained(async move { this.write_many(change).await })))
    }

    fn queue_row(&self, name: &'static str) -> Queued {
        self.queue(async move |tx: &mut Tx| insert(tx, name).await)
    }

    /// Keeps the writer in a transaction until the sender is dropped: what is queued meanwhile
    /// is of the same group.
    fn occupy(&self) -> (Sender<()>, Queued) {
        self.occupy_with(async |_: &mut Tx| Ok(()))
    }

    /// Likewise, in one that then does `change`.
    fn occupy_with<F>(&self, change: F) -> (Sender<()>, Queued)
    where
        F: AsyncFn(&mut Tx) -> Written + Send + 'static,
    {
        let (release, released) = channel::<()>();
        let (enter, entered) = channel();
        let write = self.queue(async move |tx: &mut Tx| {
            enter.send(()).expect("somebody waits");
            // Nothing is ever sent: the end of the sender is the sign.
            let _dropped = released.recv();
            change(tx).await
        });
        entered.recv().expect("the writer has begun");
        (release, write)
    }

    async fn write_row(&self, name: &'static str) -> Written {
        self.sqlite.write(async move |tx: &mut Tx| insert(tx, name).await).await
    }

    /// The rows that another connection sees, oldest first.
    fn rows(&self) -> Vec<String> {
        rows(&self.connection())
    }

    fn connection(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).expect("a second connection")
    }
}

fn rows(connection: &rusqlite::Connection) -> Vec<String> {
    let mut statement =
        connection.prepare("SELECT name FROM settings ORDER BY rowid").expect("a statement");
    let names = statement.query_map([], |row| row.get(0)).expect("rows");
    names.map(|name| name.expect("a name")).collect()
}

async fn insert(tx: &mut Tx, name: &str) -> Written {
    let sql = "INSERT INTO settings (name, value) VALUES ($1, $2)";
    tx.execute(&[], sql, &[name.into(), Value::Bytes(b"1")]).await.map(|_| ())
}

/// Says what an error is, where its kind does not.
#[track_caller]
fn assert_internal(written: Result<(), DbError>, message: &str) {
    match written {
        Err(DbError::Internal(error)) => assert_eq!(error.to_string(), message),
        other => panic!("{other:?} instead of: {message}"),
    }
}
