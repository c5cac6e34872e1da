//! The embedded engine: SQLite in WAL mode with `synchronous=FULL`.
//!
//! One thread writes, in groups that share one fsync; readers have connections of their own;
//! checkpoints run beside the writer, not in its commits.

mod check;
mod checkpoint;
mod connection;
mod damage;
mod limits;
mod open;
mod poll;
mod readers;
#[cfg(feature = "record")]
mod replay;
mod sweep;
#[cfg(test)]
mod tests;
mod writable;
mod writer;

pub(crate) use connection::{Connection, cell};
#[cfg(feature = "record")]
pub use replay::{Group, Replay};

use crate::changes::{Changes, Moment};
use crate::db::Access;
use crate::error::DbError;
use crate::tx::Tx;
use check::Found;
use checkpoint::{Checkpoints, Looked};
use clientbook_model::id::ClientId;
use limits::Limits;
use readers::Readers;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{Semaphore, broadcast};
use uuid::Uuid;
use writable::Writable;
use writer::{Size, Writer};

/// How many scans may run at once; more wait. Each holds a thread and a connection.
const SCANS: usize = 8;

/// Pages that are swept in one transaction, which others wait for.
const SWEPT: usize = 200;

/// An open store file.
pub(crate) struct Sqlite {
    readers: Arc<Readers>,
    scans: Arc<Semaphore>,
    changes: Arc<Changes>,
    checkpoints: Checkpoints,
    // Dropped late, so that the writer's connections are the last to close the file.
    writer: Option<Writer>,
    /// The file, to be looked at. To close it gives up what SQLite has locked in it for this process:
    /// the writer's thread has it too, and lets go of it after its connections.
    file: Option<Arc<File>>,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self, DbError> {
        Self::open_with(path, access, Limits::SERVING)
    }

    fn open_with(path: &Path, access: Access, limits: Limits) -> Result<Self, DbError> {
        let (changes, checkpoints) = (Arc::new(Changes::new()), Checkpoints::default());
        let (readers, writer, file) = match access {
            Access::Write => {
                let open::Opened { place, lock, file, connection, found } = open::writable(path)?;
                let readers = Arc::new(Readers::new(&place));
                if found == Found::DamagedIndex {
                    readers.damage.raise();
                }
                let writable = Writable::new(
                    &place,
                    connection,
                    limits,
                    Arc::clone(&readers),
                    Arc::clone(&changes),
                    checkpoints.clone(),
                )?;
                let held = (Arc::clone(&file), lock);
                (readers, Some(Writer::start(writable, held, limits)?), Some(file))
            }
            Access::Read => {
                open::check_readable(path)?;
                (Arc::new(Readers::new(&open::place(path)?)), None, None)
            }
        };
        let scans = Arc::new(Semaphore::new(SCANS));
        Ok(Self { readers, scans, changes, checkpoints, writer, file })
    }

    /// See `Db::moment`: only the holder of the lock sees every change.
    pub(crate) fn moment(&self) -> Option<Moment> {
        self.writer.is_some().then(|| self.changes.moment())
    }

    pub(crate) fn unchanged(&self, id: Uuid, since: Moment) -> bool {
        self.changes.unchanged(id, since)
    }

    /// See `Db::agent_changes`.
    pub(crate) fn agent_changes(&self) -> broadcast::Receiver<ClientId> {
        self.changes.agents()
    }

    pub(crate) fn read<T, E, F>(&self, read: &F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E>,
        E: From<DbError>,
    {
        let _running = self.readers.enter();
        let mut tx = self.readers.take()?;
        tx.sqlite()?.begin("BEGIN")?;
        let outcome = poll::ready(read(&mut tx));
        // A reader that cannot end its snapshot is dropped with its connection.
        if tx.sqlite().is_ok_and(|connection| connection.execute("COMMIT", &[]).is_ok()) {
            self.readers.put_back(tx);
        }
        outcome.unwrap_or_else(|error| Err(error.into()))
    }

    pub(crate) async fn scan<T, E, F>(this: &Arc<Self>, read: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let permit = Arc::clone(&this.scans).acquire_owned().await;
        let permit = permit.map_err(|error| DbError::internal(error.to_string()))?;
        let this = Arc::clone(this);
        let scanned = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            this.read(&read)
        });
        scanned.await.unwrap_or_else(|error| Err(DbError::internal(error.to_string()).into()))
    }

    /// See `Db::scrub`: what was freed in the file holds zeros, and nothing is left in the log.
    pub(crate) async fn scrub(this: &Arc<Self>) -> Result<bool, DbError> {
        if !this.empty_log().await? {
            return Ok(false);
        }
        let mut next = Some(1);
        while let Some(first) = next {
            let (dirty, rest) = this.look(first).await?;
            for part in dirty.chunks(SWEPT) {
                let part = part.to_vec();
                this.write(async move |tx: &mut Tx| sweep::clean(tx, &part).await).await?;
            }
            next = rest;
        }
        this.empty_log().await
    }

    async fn empty_log(&self) -> Result<bool, DbError> {
        let checkpoints = self.checkpoints.clone();
        let emptied = tokio::task::spawn_blocking(move || checkpoints.truncate());
        emptied.await.unwrap_or_else(|error| Err(DbError::internal(error.to_string())))
    }

    async fn look(&self, first: u64) -> Result<Looked, DbError> {
        let closed = || DbError::internal("the store was opened for reading");
        let (file, checkpoints) = (self.file.clone().ok_or_else(closed)?, self.checkpoints.clone());
        let looked = tokio::task::spawn_blocking(move || checkpoints.look(&file, first));
        looked.await.unwrap_or_else(|error| Err(DbError::internal(error.to_string())))
    }

    pub(crate) async fn write<T, E, F>(&self, change: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.write_sized(Size::Small, change).await
    }

    pub(crate) async fn write_many<T, E, F>(&self, change: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.write_sized(Size::Large, change).await
    }

    async fn write_sized<T, E, F>(&self, size: Size, change: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.writer {
            Some(writer) => writer.write(size, change).await,
            None => Err(DbError::internal("the store was opened for reading").into()),
        }
    }
}
