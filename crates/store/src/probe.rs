//! Whether the store takes writes, tried out no oftener than once a second: anybody may ask.

use crate::error::DbError;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long an outcome is told again.
const FRESH: Duration = Duration::from_secs(1);

/// The newest try and what came of it.
pub(crate) struct Probe {
    newest: Mutex<Newest>,
}

struct Newest {
    begun: Option<Instant>,
    outcome: Result<(), DbError>,
}

impl Probe {
    pub(crate) fn new() -> Self {
        Self { newest: Mutex::new(Newest { begun: None, outcome: Ok(()) }) }
    }

    /// The outcome of `write`, or of the one before it. Who asks meanwhile waits for the same.
    pub(crate) async fn outcome(
        &self,
        write: impl Future<Output = Result<(), DbError>>,
    ) -> Result<(), DbError> {
        let mut newest = self.newest.lock().await;
        if newest.begun.is_none_or(|begun| begun.elapsed() >= FRESH) {
            newest.begun = Some(Instant::now());
            newest.outcome = write.await;
        }
        newest.outcome.clone()
    }
}
