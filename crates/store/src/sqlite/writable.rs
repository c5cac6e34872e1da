//! The connections that change the file, and what is done once the disk has failed under them.
//!
//! After a failed sync Linux may call pages clean that never reached the disk: the next sync
//! succeeds without them. A commit needs no care for that, as SQLite writes the frames of a failed
//! one anew. A checkpoint does: SQLite counts as moved what an earlier checkpoint wrote to the
//! database file without a sync of its own, and would let the log start over. Only an index that is
//! built anew from the log counts from nothing again, and SQLite builds one when the first
//! connection opens the file.

use super::checkpoint::{Checkpointer, Checkpoints, Doubt};
use super::connection::{Connection, from_sqlite};
use super::limits::Limits;
use super::readers::Readers;
use super::{open, poll};
use crate::changes::Changes;
use crate::error::DbError;
use crate::settings;
use crate::tx::Tx;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

pub(super) struct Writable {
    path: PathBuf,
    limits: Limits,
    readers: Arc<Readers>,
    changes: Arc<Changes>,
    checkpoints: Checkpoints,
    /// Pages of the log after the newest commit.
    pages: Arc<AtomicI32>,
    doubt: Doubt,
    // Dropped in this order: the connection that closes last empties the log and removes it.
    checkpointer: Option<Checkpointer>,
    tx: Option<Tx>,
}

impl Writable {
    pub(super) fn new(
        path: &Path,
        connection: rusqlite::Connection,
        limits: Limits,
        readers: Arc<Readers>,
        changes: Arc<Changes>,
        checkpoints: Checkpoints,
    ) -> Result<Self, DbError> {
        let (pages, doubt) = (Arc::default(), Doubt::default());
        let path = path.to_owned();
        let (checkpointer, tx) = (None, None);
        let mut this =
            Self { path, limits, readers, changes, checkpoints, pages, doubt, checkpointer, tx };
        this.tx = Some(this.watched(connection)?);
        this.start_checkpointer()?;
        Ok(this)
    }

    fn start_checkpointer(&mut self) -> Result<(), DbError> {
        let (doubt, checkpoints) = (self.doubt.clone(), self.checkpoints.clone());
        let started = Checkpointer::start(&self.path, self.limits, doubt, checkpoints);
        let started = started.map_err(|error| DbError::Unavailable(error.to_string()))?;
        self.checkpointer = Some(started);
        Ok(())
    }

    /// What the commits here are told to.
    pub(super) fn changes(&self) -> Arc<Changes> {
        Arc::clone(&self.changes)
    }

    // A connection that tells how long the log is.
    fn watched(&self, mut connection: rusqlite::Connection) -> Result<Tx, DbError> {
        watch(&mut connection, self.limits, Arc::clone(&self.pages))
            .map_err(|error| from_sqlite(&error))?;
        let (fields, damage) = (self.readers.fields.clone(), self.readers.damage.clone());
        Ok(Tx::of_sqlite(Connection::new(connection, fields, damage)))
    }

    /// The writer's transaction; after a failed sync not before the whole log has been moved.
    pub(super) fn trusted(&mut self) -> Result<&mut Tx, DbError> {
        if self.doubt.is_there() {
            self.mend()?;
            self.doubt.dispel();
            tracing::info!("the store takes writes again: the whole log has been moved");
        }
        let tx = self.tx.as_mut();
        let tx = tx.ok_or_else(|| DbError::internal("there is no connection to write with"))?;
        self.readers.damage.mend(tx);
        Ok(tx)
    }

    /// After a commit: has the log moved if it is long.
    pub(super) fn committed(&mut self) {
        let pages = self.pages.load(Ordering::Relaxed);
        if let Some(checkpointer) = &mut self.checkpointer {
            checkpointer.log_is(pages);
        }
    }

    fn mend(&mut self) -> Result<(), DbError> {
        if self.tx.is_none() {
            self.reopen()?;
        } else if self.moved()? > 0 {
            self.overwrite()?;
            self.reopen()?;
        }
        if self.moved()? > 0 {
            let message = "the disk failed, and until another process has closed the store, what \
                it holds cannot be told apart from what it lost";
            return Err(DbError::Unavailable(message.into()));
        }
        if !self
            .pragma("PRAGMA wal_checkpoint(RESTART)", |row| row.get(0).map(|busy: i64| busy == 0))?
        {
            let message = "the disk failed, and a long read keeps the log from being moved";
            return Err(DbError::Unavailable(message.into()));
        }
        if self.checkpointer.is_none() { self.start_checkpointer() } else { Ok(()) }
    }

    // A commit whose sync failed may stand in the log behind the newest one that counts, and an index
    // that is built anew would count it: what was refused would come true. The next commit is written
    // over it.
    fn overwrite(&mut self) -> Result<(), DbError> {
        let tx = self.tx.as_mut();
        let tx = tx.ok_or_else(|| DbError::internal("there is no connection to write with"))?;
        tx.sqlite()?.begin("BEGIN IMMEDIATE")?;
        let written = poll::ready(settings::probe(tx))
            .and_then(|probed| probed)
            .and_then(|()| tx.sqlite()?.execute("COMMIT", &[]));
        if written.is_err() && !tx.sqlite()?.raw.is_autocommit() {
            tx.sqlite()?.execute("ROLLBACK", &[])?;
        }
        written.map(|_| ())
    }

    /// How many pages of the log count as moved.
    fn moved(&mut self) -> Result<i64, DbError> {
        self.pragma("PRAGMA wal_checkpoint(NOOP)", |row| row.get(2))
    }

    fn pragma<T>(
        &mut self,
        sql: &str,
        decode: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, DbError> {
        let tx = self.tx.as_mut();
        let tx = tx.ok_or_else(|| DbError::internal("there is no connection to write with"))?;
        tx.sqlite()?.raw.query_row(sql, [], decode).map_err(|error| from_sqlite(&error))
    }

    fn reopen(&mut self) -> Result<(), DbError> {
        let readers = Arc::clone(&self.readers);
        let Some(_closed) = readers.close(self.limits.patience) else {
            let message = "the disk failed, and a long read keeps the store from being reopened";
            return Err(DbError::Unavailable(message.into()));
        };
        self.close();
        // Readers open the file again even if this cannot.
        self.changes.forget();
        let connection = open::again(&self.path)?;
        self.tx = Some(self.watched(connection)?);
        Ok(())
    }

    // Leaves the log as it is.
    fn close(&mut self) {
        self.checkpointer = None;
        let Some(mut tx) = self.tx.take() else { return };
        let kept = tx.sqlite().and_then(|connection| {
            open::keep_log_on_close(&connection.raw, true).map_err(|error| from_sqlite(&error))
        });
        if let Err(error) = kept {
            tracing::error!(%error, "the log may not be kept");
        }
    }
}

/// Bounds the log, and counts its pages after each commit.
pub(super) fn watch(
    connection: &mut rusqlite::Connection,
    limits: Limits,
    pages: Arc<AtomicI32>,
) -> rusqlite::Result<()> {
    // What a long read let the log grow beyond, its next start gives back.
    connection.pragma_update(None, "journal_size_limit", i64::from(limits.cap) * 4096)?;
    connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count| {
        pages.store(count, Ordering::Relaxed);
        Ok(())
    }))
}

impl Drop for Writable {
    fn drop(&mut self) {
        // The next start reads the log from its beginning.
        if self.doubt.is_there() {
            self.close();
        }
    }
}
