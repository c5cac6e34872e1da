//! How long the histories of one user may take, copying included.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time that is running out.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    stop: Arc<AtomicBool>,
    until: Instant,
}

impl Budget {
    /// So much time from now on, unless `stop` is set before.
    pub(super) fn new(stop: &Arc<AtomicBool>, length: Duration) -> Self {
        Self { stop: stop.clone(), until: Instant::now() + length }
    }

    /// Whether it was told to stop.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether the time is spent.
    pub(super) fn is_spent(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Whether nothing more may be done, for either reason.
    pub(super) fn is_over(&self) -> bool {
        self.is_stopped() || self.is_spent()
    }

    /// # Errors
    /// It was told to stop, or the time is spent.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.is_stopped() {
            return Err(io::Error::new(ErrorKind::Interrupted, "told to stop"));
        }
        if self.is_spent() {
            return Err(io::Error::new(ErrorKind::TimedOut, "it takes too long"));
        }
        Ok(())
    }
}
