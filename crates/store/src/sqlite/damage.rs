//! Damage of the index of searches, and how it is made good.
//!
//! All that the index has stands in tables as well. So a store whose index alone is damaged goes on:
//! whoever searches meanwhile is answered with an error, and the writer makes the index anew before it
//! writes next.

use crate::error::DbError;
use crate::trigrams;
use crate::tx::Tx;
use rusqlite::ffi;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Whether the index was found damaged; all connections share it.
#[derive(Clone, Default)]
pub(super) struct Damage(Arc<AtomicBool>);

impl Damage {
    pub(super) fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Makes the index anew if it was found damaged. Where that fails, the next one who finds it
    /// damaged asks again.
    pub(super) fn mend(&self, tx: &mut Tx) {
        if !self.0.swap(false, Ordering::SeqCst) {
            return;
        }
        tracing::warn!("the index of searches is damaged; it is made anew, and writes wait for it");
        let begun = Instant::now();
        match rebuild(tx) {
            Ok(()) => {
                tracing::info!(took = ?begun.elapsed(), "the index of searches is whole again");
            }
            Err(error) => tracing::error!(%error, "the index of searches stays damaged"),
        }
    }
}

fn rebuild(tx: &mut Tx) -> Result<(), DbError> {
    let connection = tx.sqlite()?;
    connection.begin("BEGIN IMMEDIATE")?;
    let done =
        trigrams::REBUILD.iter().try_for_each(|sql| connection.execute(sql, &[]).map(|_| ()));
    let done = done.and_then(|()| connection.execute("COMMIT", &[]).map(|_| ()));
    if done.is_err() && !connection.raw.is_autocommit() {
        connection.execute("ROLLBACK", &[])?;
    }
    done
}

/// Whether SQLite found an index of this kind damaged.
pub(super) fn is_of_an_index(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|code| code.extended_code == ffi::SQLITE_CORRUPT_VTAB)
}
