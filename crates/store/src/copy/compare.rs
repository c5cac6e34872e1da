//! Compares what was copied with what it was copied from: every row of both.

use super::page::Pages;
use super::{Copy, Db, DbError, Table};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// How many rows a table has, and a digest of them all in the order of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Rows.
    pub rows: u64,
    /// SHA-256 of every value, alike on both engines.
    pub digest: [u8; 32],
}

/// A table on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Its name.
    pub table: String,
    /// Where it was copied from.
    pub source: Tally,
    /// Where it was copied to.
    pub target: Tally,
}

impl Compared {
    /// Whether every row is the same.
    pub fn is_same(&self) -> bool {
        self.source == self.target
    }
}

impl Copy {
    /// Reads both stores from beginning to end; `read` hears of rows of the target as they are
    /// read. An error if somebody could have changed the source meanwhile.
    pub async fn compare(&self, read: impl Fn(u64)) -> Result<Vec<Compared>, DbError> {
        let mut all = Vec::new();
        for table in &self.tables {
            let source = tally(&self.source, table, |_| {});
            let target = tally(&self.target, table, &read);
            let (source, target) = tokio::try_join!(source, target)?;
            all.push(Compared { table: table.name.clone(), source, target });
        }
        if self.held.as_ref().is_some_and(|held| !held.lasts()) {
            let message = "the connection that locked the source was lost: copy again";
            return Err(DbError::Unavailable(message.into()));
        }
        Ok(all)
    }
}

async fn tally(db: &Db, table: &Arc<Table>, read: impl Fn(u64)) -> Result<Tally, DbError> {
    let (mut pages, mut after, mut rows, mut hash) = (Pages::new(), None, 0, Sha256::new());
    loop {
        let page = pages.read(db, table, table.all, after).await?;
        for row in &page.rows {
            for field in row {
                field.digest(&mut hash)?;
            }
        }
        let count = page.rows.len() as u64;
        rows += count;
        read(count);
        if !page.more {
            return Ok(Tally { rows, digest: hash.finalize().into() });
        }
        after = page.last;
    }
}
