//! The database handle: where a use case gets its transaction.

use crate::changes::Moment;
use crate::error::DbError;
use crate::probe::Probe;
use crate::settings;
use crate::sqlite::Sqlite;
use crate::tx::Tx;
use std::sync::Arc;
use uuid::Uuid;

/// What a process means to do with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read and write; takes the store's lock for as long as the handle lives, creates the store
    /// and migrates it where needed.
    Write,
    /// Read only; leaves the store as it is.
    Read,
}

/// A store, cheap to clone.
#[derive(Clone)]
pub struct Db {
    sqlite: Arc<Sqlite>,
    probe: Arc<Probe>,
}

impl Db {
    /// Opens the store that `url` names: `sqlite:PATH`.
    pub fn open(url: &str, access: Access) -> Result<Self, DbError> {
        // What is in memory has no lock and no log, and each connection its own.
        let is_file = |path: &&str| !path.is_empty() && *path != ":memory:";
        let Some(path) = url.strip_prefix("sqlite:").filter(is_file) else {
            let message = format!("the database {url:?} is not of the form sqlite:PATH");
            return Err(DbError::Refused(message));
        };
        let sqlite = Arc::new(Sqlite::open(path.as_ref(), access)?);
        Ok(Self { sqlite, probe: Arc::new(Probe::new()) })
    }

    /// Runs `read` in a transaction of one consistent snapshot. For point reads: on SQLite it runs
    /// on the calling thread.
    #[expect(clippy::unused_async, reason = "the seam is async for the engine behind a network")]
    pub async fn read<T, E, F>(&self, read: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.sqlite.read(&read)
    }

    /// Like `read`, for what may visit many rows: on SQLite it runs on a thread of its own.
    pub async fn scan<T, E, F>(&self, read: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        Sqlite::scan(&self.sqlite, read).await
    }

    /// Runs `change` in a transaction of its own, which is durable before this returns `Ok` and
    /// has no effect if `change` returns `Err`. `change` may run again, so it has no effects
    /// besides those of its transaction.
    pub async fn write<T, E, F>(&self, change: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.sqlite.write(change).await
    }

    /// Where this process is in the order of its commits; to be asked before a read of which a copy
    /// is to be kept in memory. `None` where others may write unseen: then nothing may be kept.
    pub fn moment(&self) -> Option<Moment> {
        self.sqlite.moment()
    }

    /// Whether what was read after `since` still is all there is about each of `ids`.
    pub fn unchanged(&self, ids: &[Uuid], since: Moment) -> bool {
        ids.iter().all(|id| self.sqlite.unchanged(*id, since))
    }

    /// Whether the store takes writes: takes room, commits, and gives the room back; at most once a
    /// second, and answers with the newest outcome in between.
    pub async fn ping(&self) -> Result<(), DbError> {
        let db = self.clone();
        // A task of its own: a caller that goes away neither stops the trial nor hides its outcome.
        let trial = tokio::spawn(async move {
            let write = db.write(async |tx: &mut Tx| settings::probe(tx).await);
            db.probe.outcome(write).await
        });
        trial.await.unwrap_or_else(|error| Err(DbError::internal(error.to_string())))
    }
}
