//! A dry run does everything and then rolls back: what it answers is what would have been.

use crate::error::AppError;
use crate::kept_answers::Done;
use clientbook_store::DbError;

/// Why a transaction is rolled back.
pub(crate) enum Stop<T> {
    /// It was refused.
    Refused(AppError),
    /// It was to be tried only; this would have come of it.
    DryRun(T),
}

impl<T> From<AppError> for Stop<T> {
    fn from(error: AppError) -> Self {
        Self::Refused(error)
    }
}

impl<T> From<DbError> for Stop<T> {
    fn from(error: DbError) -> Self {
        Self::Refused(error.into())
    }
}

/// What is told of a transaction, whether it was only tried or not.
pub(crate) fn told<T>(done: Result<Done<T>, Stop<T>>) -> Result<Done<T>, AppError> {
    match done {
        Ok(done) => Ok(done),
        Err(Stop::DryRun(value)) => Ok(Done::Now(value)),
        Err(Stop::Refused(error)) => Err(error),
    }
}
