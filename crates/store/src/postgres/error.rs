//! PostgreSQL's errors in the store's words.

use crate::error::DbError;
use tokio_postgres::error::{Severity, SqlState};

/// A statement's failure, and what may be done about it.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) error: DbError,
    passing: bool,
    /// The connection is gone, or of no use any more.
    pub(super) lost: bool,
    refusal: bool,
}

impl Fault {
    /// Whether the same may work when tried again.
    pub(super) fn passes(&self) -> bool {
        self.passing || self.lost
    }

    /// Whether the server let nobody in by this name, or has no such database (classes 28, 3D).
    pub(super) fn is_refusal(&self) -> bool {
        self.refusal
    }

    /// A connection that could not be had.
    pub(super) fn unreachable(why: impl std::fmt::Display) -> Self {
        Self {
            error: DbError::Unavailable(why.to_string()),
            passing: true,
            lost: true,
            refusal: false,
        }
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(told) = error.as_db_error() else {
            // Ours to mend are only arguments that do not fit; everything else is the connection.
            let ours = error.to_string().contains("serializing") && !error.is_closed();
            return Self {
                error: if ours {
                    DbError::internal(chain(&error))
                } else {
                    DbError::Unavailable(chain(&error))
                },
                passing: false,
                lost: !ours,
                refusal: false,
            };
        };
        let state = told.code();
        let passing =
            matches!(*state, SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED);
        // A server that is ending, starting or has become a standby: another one may take over.
        let fatal = matches!(told.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
        let lost = fatal
            || state.code().starts_with("08")
            || state.code().starts_with("57P")
            || matches!(
                *state,
                SqlState::READ_ONLY_SQL_TRANSACTION | SqlState::TOO_MANY_CONNECTIONS
            );
        let error = match *state {
            SqlState::UNIQUE_VIOLATION => {
                DbError::Unique(told.constraint().unwrap_or_default().to_owned())
            }
            SqlState::FOREIGN_KEY_VIOLATION => DbError::ForeignKey,
            SqlState::DISK_FULL => DbError::Full,
            _ if passing || lost || is_passing_class(state) => {
                DbError::Unavailable(format!("{} ({})", told.message(), state.code()))
            }
            _ => DbError::internal(format!("{} ({})", told.message(), state.code())),
        };
        let refusal = ["28", "3D"].iter().any(|class| state.code().starts_with(class));
        Self { error, passing, lost, refusal }
    }
}

// Out of resources, a lock or a statement that took too long, an I/O error.
fn is_passing_class(state: &SqlState) -> bool {
    ["53", "55", "57", "58"].iter().any(|class| state.code().starts_with(class))
}

/// An error and its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}
