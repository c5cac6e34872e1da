//! Connections for reading.

use super::connection::{Connection, from_sqlite};
use super::open;
use crate::error::DbError;
use crate::tx::Tx;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Idle reading connections. There are as many as reads ever ran at once: the runtime's workers
/// (point reads run on them to their end) and its blocking threads (scans).
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Tx>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Mutex::new(Vec::new()) }
    }

    pub(super) fn take(&self) -> Result<Tx, DbError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(tx) = idle {
            return Ok(tx);
        }
        let raw = open::reader(&self.path).map_err(|error| from_sqlite(&error))?;
        Ok(Tx::of_sqlite(Connection::new(raw)))
    }

    pub(super) fn put_back(&self, tx: Tx) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(tx);
    }

    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
