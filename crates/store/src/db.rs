//! The database handle: where a use case gets its transaction.

use crate::changes::Moment;
use crate::error::DbError;
pub(crate) use crate::postgres::Held;
use crate::postgres::{Hints, Postgres};
use crate::probe::Probe;
use crate::settings;
use crate::sqlite::Sqlite;
use crate::tx::Tx;
use clientbook_model::id::ClientId;
use std::sync::Arc;
use tokio::sync::broadcast;
use uuid::Uuid;

/// What a process means to do with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read and write; creates the store and migrates it where needed. On SQLite it takes the
    /// store's lock for as long as the handle lives.
    Write,
    /// Read only; leaves the store as it is.
    Read,
}

/// What lets a write run again where nobody has said whether it is there: a server's answer to
/// `COMMIT` can get lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// If it writes anything, it writes an audit entry with this operation id.
    Checked(Uuid),
    /// Done twice is done once.
    Harmless,
}

/// A store, cheap to clone.
#[derive(Clone)]
pub struct Db {
    engine: Engine,
    probe: Arc<Probe>,
}

#[derive(Clone)]
enum Engine {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

impl Db {
    /// Opens the store that `url` names: `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST/NAME`.
    pub fn open(url: &str, access: Access) -> Result<Self, DbError> {
        let engine = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Engine::Postgres(Arc::new(Postgres::open(url, access)?))
        } else {
            // What is in memory has no lock and no log, and each connection its own.
            let is_file = |path: &&str| !path.is_empty() && *path != ":memory:";
            let Some(path) = url.strip_prefix("sqlite:").filter(is_file) else {
                let message = "the database is neither of the form sqlite:PATH nor postgres://...";
                return Err(DbError::Refused(message.into()));
            };
            Engine::Sqlite(Arc::new(Sqlite::open(path.as_ref(), access)?))
        };
        Ok(Self { engine, probe: Arc::new(Probe::new()) })
    }

    /// Runs `read`, whose statements each see the newest state by themselves. On SQLite it is
    /// `read`; on PostgreSQL it costs no transaction.
    pub async fn lookup<T, E, F>(&self, read: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.read(&read),
            Engine::Postgres(postgres) => postgres.lookup(read).await,
        }
    }

    /// Runs `read` in a transaction of one consistent snapshot. For point reads: on SQLite it runs
    /// on the calling thread. `read` may run again.
    pub async fn read<T, E, F>(&self, read: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.read(&read),
            Engine::Postgres(postgres) => postgres.read(read).await,
        }
    }

    /// Like `read`, for what may visit many rows: on SQLite it runs on a thread of its own.
    pub async fn scan<T, E, F>(&self, read: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(sqlite) => Sqlite::scan(sqlite, read).await,
            Engine::Postgres(postgres) => postgres.read(read).await,
        }
    }

    /// Runs `change` in a transaction of its own, which is durable before this returns `Ok` and
    /// has no effect if `change` returns `Err`. `change` may run again, so it has no effects
    /// besides those of its transaction.
    pub async fn write<T, E, F>(&self, repeat: Repeat, change: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.write(change).await,
            Engine::Postgres(postgres) => postgres.write(repeat, change).await,
        }
    }

    /// Like `write`, for what writes hundreds of rows or more: in a transaction that others have
    /// begun, that would take SQLite several times as long.
    pub async fn write_many<T, E, F>(&self, repeat: Repeat, change: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.write_many(change).await,
            Engine::Postgres(postgres) => postgres.write(repeat, change).await,
        }
    }

    /// Has what was overwritten and committed leave the store's files, its log among them; whether
    /// it has, or a long read was in the way for 10 seconds. PostgreSQL is in charge of its own.
    pub async fn scrub(&self) -> Result<bool, DbError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => Sqlite::scrub(sqlite).await,
            Engine::Postgres(_) => Ok(true),
        }
    }

    /// Whether it is a PostgreSQL database.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_))
    }

    /// Keeps other processes from changing these tables as long as the answer lives. On SQLite the
    /// lock of a store that is open for writing does, and there is no answer.
    pub(crate) async fn hold(&self, tables: &[&str]) -> Result<Option<Held>, DbError> {
        match &self.engine {
            Engine::Sqlite(sqlite) if sqlite.moment().is_some() => Ok(None),
            Engine::Sqlite(_) => Err(DbError::internal("the store was opened for reading")),
            Engine::Postgres(postgres) => postgres.hold(tables).await.map(Some),
        }
    }

    /// Where this process is in the order of its commits; to be asked before a read of which a copy
    /// is to be kept in memory. `None` where others may write unseen: then nothing may be kept.
    pub fn moment(&self) -> Option<Moment> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.moment(),
            Engine::Postgres(_) => None,
        }
    }

    /// Whether what was read after `since` still is all there is about each of `ids`.
    pub fn unchanged(&self, ids: &[Uuid], since: Moment) -> bool {
        match &self.engine {
            Engine::Sqlite(sqlite) => ids.iter().all(|id| sqlite.unchanged(*id, since)),
            Engine::Postgres(_) => false,
        }
    }

    /// Hears, from now on, of each client of whose agents a commit of this process has changed what
    /// they are told. `None` where other processes write too.
    pub fn agent_changes(&self) -> Option<broadcast::Receiver<ClientId>> {
        match &self.engine {
            Engine::Sqlite(sqlite) => Some(sqlite.agent_changes()),
            Engine::Postgres(_) => None,
        }
    }

    /// Hints that what agents are told may have changed, where other processes write too: whoever
    /// waits for them has to look all the same. `None` where `agent_changes` tells.
    pub async fn agent_hints(&self) -> Result<Option<Hints>, DbError> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(None),
            Engine::Postgres(postgres) => postgres.agent_hints().await.map(Some),
        }
    }

    /// The recorder of a store on PostgreSQL.
    #[cfg(feature = "record")]
    pub(crate) fn recorder(&self) -> Option<&crate::postgres::Recorder> {
        match &self.engine {
            Engine::Sqlite(_) => None,
            Engine::Postgres(postgres) => Some(&postgres.recorder),
        }
    }

    /// Whether the store takes writes: takes room, commits, and gives the room back; at most once a
    /// second, and answers with the newest outcome in between.
    pub async fn ping(&self) -> Result<(), DbError> {
        let db = self.clone();
        // A task of its own: a caller that goes away neither stops the trial nor hides its outcome.
        let trial = tokio::spawn(async move {
            let write = db.write(Repeat::Harmless, async |tx: &mut Tx| settings::probe(tx).await);
            // The trial leaves nothing behind that could be in doubt.
            db.probe.outcome(write).await.map_err(|error| match error {
                DbError::InDoubt(why) => DbError::Unavailable(why),
                error => error,
            })
        });
        trial.await.unwrap_or_else(|error| Err(DbError::internal(error.to_string())))
    }
}
