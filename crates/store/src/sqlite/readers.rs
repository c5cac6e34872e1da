//! Connections for reading.

use super::connection::{Connection, from_sqlite};
use super::damage::Damage;
use super::open;
use crate::error::DbError;
use crate::fields::Kept;
use crate::tx::Tx;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Idle reading connections. There are as many as reads ever ran at once: the runtime's workers
/// (point reads run on them to their end) and its blocking threads (scans).
pub(super) struct Readers {
    path: PathBuf,
    /// What all connections share.
    pub(super) fields: Kept,
    pub(super) damage: Damage,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Tx>,
    /// Reads that have begun and not ended.
    running: usize,
    /// Whether reads must wait before they begin.
    closed: bool,
}

/// A read that runs, from before it has a connection until after it has none.
pub(super) struct Running<'a>(&'a Readers);

/// No connection reads, and none begins to.
pub(super) struct Closed<'a>(&'a Readers);

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        let (fields, damage) = (Kept::default(), Damage::default());
        Self {
            path: path.to_owned(),
            fields,
            damage,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Begins a read; waits while the readers are closed.
    pub(super) fn enter(&self) -> Running<'_> {
        let open = self.changed.wait_while(self.lock(), |state| state.closed);
        open.unwrap_or_else(PoisonError::into_inner).running += 1;
        Running(self)
    }

    pub(super) fn take(&self) -> Result<Tx, DbError> {
        let idle = self.lock().idle.pop();
        if let Some(tx) = idle {
            return Ok(tx);
        }
        let raw = open::server(&self.path).map_err(|error| from_sqlite(&error))?;
        Ok(Tx::of_sqlite(Connection::new(raw, self.fields.clone(), self.damage.clone())))
    }

    pub(super) fn put_back(&self, tx: Tx) {
        self.lock().idle.push(tx);
    }

    /// Closes every connection, once the reads that run have ended; `None` if that takes longer
    /// than `patience`. New reads wait meanwhile.
    pub(super) fn close(&self, patience: Duration) -> Option<Closed<'_>> {
        let mut state = self.lock();
        state.closed = true;
        let closed = Closed(self);
        let waited = self.changed.wait_timeout_while(state, patience, |state| state.running > 0);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.running > 0 {
            // Its drop takes the lock.
            drop(state);
            return None;
        }
        state.idle.clear();
        Some(closed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        self.lock().idle.len()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.running -= 1;
        if state.closed {
            self.0.changed.notify_all();
        }
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.lock().closed = false;
        self.0.changed.notify_all();
    }
}
