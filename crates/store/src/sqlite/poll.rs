//! Runs a transaction's future to its end without a runtime.

use crate::error::DbError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// The outcome of a future that must be ready at once: on SQLite nothing is awaited but the
/// transaction's own methods, and these never pend. A panic becomes an error, so that it costs its
/// own transaction only.
pub(super) fn ready<T>(future: impl Future<Output = T>) -> Result<T, DbError> {
    let polled = catch_unwind(AssertUnwindSafe(|| {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }));
    match polled {
        Ok(Poll::Ready(outcome)) => Ok(outcome),
        Ok(Poll::Pending) => {
            Err(DbError::internal("a transaction awaited something other than its own statements"))
        }
        Err(_) => Err(DbError::internal("a transaction panicked")),
    }
}
