//! The engine behind a network: PostgreSQL, shared by any number of servers.
//!
//! Transactions run on threads of the engine's own, each with its connections: what a use case
//! awaits there is not `Send`, and a connection is driven where it is used. A caller that goes away
//! leaves its transaction to end by itself.

mod commit;
mod connect;
mod error;
mod hints;
mod hold;
mod migrate;
mod pool;
#[cfg(feature = "record")]
mod replay;
#[cfg(feature = "record")]
mod tape;
mod threads;
mod transaction;
mod value;

pub use hints::Hints;
pub(crate) use hold::Held;
#[cfg(feature = "record")]
pub use replay::{Cluster, Script};
#[cfg(feature = "record")]
pub(crate) use tape::Recorder;
#[cfg(feature = "record")]
pub use tape::Traffic;
pub(crate) use transaction::{Asked, Transaction};
pub(crate) use value::cell;

use crate::db::{Access, Repeat};
use crate::error::DbError;
use crate::tx::{Engine, Tx};
use connect::Target;
use pool::Pool;
use std::time::Duration;
use threads::Threads;
use transaction::Kind;

/// How long a lookup, a matter of milliseconds, may take before its server counts as gone. Every
/// request begins with one: so a server that falls silent is left within this time.
const LOOKUP: Duration = Duration::from_secs(3);

/// An open database.
pub(crate) struct Postgres {
    target: Target,
    threads: Threads,
    #[cfg(feature = "record")]
    pub(crate) recorder: Recorder,
}

impl Postgres {
    /// Connects, and brings the tables up to date where `access` lets it.
    pub(crate) fn open(url: &str, access: Access) -> Result<Self, DbError> {
        let target = Target::parse(url)?;
        let threads = Threads::start(&target)?;
        let moved = target.clone();
        threads.wait(async move |_: &Pool| migrate::run(&moved, access).await)?;
        Ok(Self {
            #[cfg(feature = "record")]
            recorder: target.recorder.clone(),
            target,
            threads,
        })
    }

    /// A read whose statements each see the newest state by themselves.
    pub(crate) async fn lookup<T, E, F>(&self, read: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.threads
            .run(async move |pool: &Pool| repeat_read(pool, Kind::Lookup, &read).await)
            .await
    }

    /// A read of one snapshot.
    pub(crate) async fn read<T, E, F>(&self, read: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.threads.run(async move |pool: &Pool| repeat_read(pool, Kind::Read, &read).await).await
    }

    pub(crate) async fn write<T, E, F>(&self, repeat: Repeat, change: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.threads.run(async move |pool: &Pool| commit::write(pool, repeat, &change).await).await
    }
}

/// Runs `read`, again where the connection or the server went away meanwhile: it changed nothing.
async fn repeat_read<T, E, F>(pool: &Pool, kind: Kind, read: &F) -> Result<T, E>
where
    F: AsyncFn(&mut Tx) -> Result<T, E>,
    E: From<DbError>,
{
    let mut patience = commit::Patience::new();
    let limit = if kind == Kind::Lookup { LOOKUP } else { commit::PATIENCE };
    loop {
        let mut tx = match patience.begin(pool, kind).await {
            Ok(transaction) => Tx { engine: Engine::Postgres(transaction) },
            Err(error) => {
                patience.again(error).await?;
                continue;
            }
        };
        let ran = patience.within(limit, read(&mut tx)).await;
        let Ok(outcome) = ran else {
            // Its connection is of no use to others either.
            drop(tx);
            patience.again(commit::silent()).await?;
            continue;
        };
        let Engine::Postgres(transaction) = tx.engine else {
            return outcome;
        };
        match transaction.end_read() {
            Some(fault) if fault.passes() => patience.again(fault.error).await?,
            _ => return outcome,
        }
    }
}
