//! The connections of one thread.

use super::connect::{self, Target};
use super::error::{Fault, chain};
#[cfg(feature = "record")]
use super::tape::Recorder;
use super::transaction::{Kind, Transaction};
use crate::error::DbError;
use crate::fields::Kept;
use deadpool_postgres::{ClientWrapper, Object};
use std::cell::RefCell;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Mutex;

/// Connections for transactions, and one that all lookups share: their statements stand alone, so
/// they go out one behind the other without waiting for each other's answers.
///
/// When one is lost, what befell its server has befallen the others too, whether they show it or
/// not: none that was there before is used again.
pub(crate) struct Pool {
    connections: deadpool_postgres::Pool,
    shared: RefCell<Option<Arc<Connection>>>,
    /// Held by whoever makes the shared one anew: the others wait for it, and make none of their own.
    renewal: Mutex<()>,
    /// How many have been lost.
    losses: Arc<AtomicU64>,
    fields: Kept,
    #[cfg(feature = "record")]
    recorder: Recorder,
}

impl Pool {
    pub(super) fn new(target: &Target) -> Result<Self, DbError> {
        Ok(Self {
            connections: connect::pool(target)?,
            shared: RefCell::new(None),
            renewal: Mutex::new(()),
            losses: Arc::default(),
            fields: target.fields.clone(),
            #[cfg(feature = "record")]
            recorder: target.recorder.clone(),
        })
    }

    pub(super) async fn begin(&self, kind: Kind) -> Result<Transaction, DbError> {
        let connection = match kind {
            Kind::Lookup => self.shared().await?,
            Kind::Read | Kind::Write => self.take().await?,
        };
        Ok(Transaction::begin(connection, kind))
    }

    async fn shared(&self) -> Result<Arc<Connection>, DbError> {
        if let Some(connection) = self.kept() {
            return Ok(connection);
        }
        let _turn = self.renewal.lock().await;
        if let Some(connection) = self.kept() {
            return Ok(connection);
        }
        let connection = self.take().await?;
        *self.shared.borrow_mut() = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn kept(&self) -> Option<Arc<Connection>> {
        self.shared.borrow().clone().filter(|connection| connection.is_sound())
    }

    async fn take(&self) -> Result<Arc<Connection>, DbError> {
        let before = self.losses.load(Ordering::Relaxed);
        let taken = self.connections.get().await;
        let object = taken.map_err(|error| Fault::unreachable(chain(&error)).error)?;
        Ok(Arc::new(Connection {
            object: Some(object),
            spoilt: AtomicBool::new(false),
            losses: Arc::clone(&self.losses),
            before,
            fields: self.fields.clone(),
            #[cfg(feature = "record")]
            recorder: self.recorder.clone(),
        }))
    }
}

/// A connection on loan; it goes back to the pool unless it is of no use any more.
pub(crate) struct Connection {
    /// There until the end.
    object: Option<Object>,
    spoilt: AtomicBool,
    losses: Arc<AtomicU64>,
    /// How many had been lost when it was lent.
    before: u64,
    /// Definitions of custom fields, which all connections share.
    pub(super) fields: Kept,
    #[cfg(feature = "record")]
    pub(super) recorder: Recorder,
}

impl Connection {
    /// It is lost: nobody may use it any more, nor any that waits in the pool.
    pub(super) fn spoil(&self) {
        if self.spoilt.swap(true, Ordering::Relaxed) || self.is_outdated() {
            return;
        }
        self.losses.fetch_add(1, Ordering::Relaxed);
        if let Some(pool) = self.object.as_ref().and_then(Object::pool) {
            pool.retain(|_, _| false);
        }
    }

    // Another one was lost since.
    fn is_outdated(&self) -> bool {
        self.losses.load(Ordering::Relaxed) != self.before
    }

    fn is_sound(&self) -> bool {
        !self.spoilt.load(Ordering::Relaxed) && !self.is_outdated() && !self.is_closed()
    }
}

impl Deref for Connection {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        match &self.object {
            Some(object) => object,
            None => unreachable!("it is taken out only when it is dropped"),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let sound = self.is_sound();
        let object = self.object.take();
        if let Some(object) = object.filter(|_| !sound) {
            drop(Object::take(object));
        }
    }
}
