//! What can go wrong in an engine, in words that both engines share.

use std::sync::Arc;

/// A failure of the store. Cheap to clone: a failed group commit answers every member with it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DbError {
    /// A unique index refused a row; it is named after its table and columns.
    #[error("unique index {0} refused the row")]
    Unique(String),
    /// A foreign key refused a row.
    #[error("a foreign key refused the row")]
    ForeignKey,
    /// The disk, or its quota, is full.
    #[error("the disk is full")]
    Full,
    /// The engine cannot serve now; trying again later may work.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// Nobody has said whether a change was committed: it is there whole, or not at all.
    #[error("the change may have been made: {0}")]
    InDoubt(String),
    /// The store cannot be opened as it is; the sentence says why and what would help.
    #[error("{0}")]
    Refused(String),
    /// Another process holds the store open for writing.
    #[error("{0} is in use by another clientbook process")]
    Locked(String),
    /// Anything else: a defect of ours or damage.
    #[error("the store failed: {0}")]
    Internal(Arc<dyn std::error::Error + Send + Sync>),
}

impl DbError {
    /// A defect or damage, told in our own words.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        let error: Box<dyn std::error::Error + Send + Sync> = message.into().into();
        Self::Internal(error.into())
    }

    /// Whether the unique index `name` refused the row.
    pub fn is_unique(&self, name: &str) -> bool {
        matches!(self, Self::Unique(index) if index == name)
    }
}
