//! Notices that the clock was set. Pure.
//!
//! Histories are stamped by the clock, and so are directives. If somebody sets it, what lies between a
//! time from before and one from after was no time at all.

use crate::env::Millis;
use std::time::Duration;

/// How far the clock may be from where it should be, in milliseconds.
const TOLERANCE: Millis = 10_000;

/// What the clock said, and how long the system had run then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    at: Millis,
    running: Duration,
}

impl Clock {
    pub(crate) fn new(at: Millis, running: Duration) -> Self {
        Self { at, running }
    }

    /// By how much it was set since this was last asked, in milliseconds; `None` if it was not.
    pub(crate) fn set_by(&mut self, now: Millis, running: Duration) -> Option<Millis> {
        let passed = running.saturating_sub(self.running).as_millis();
        let expected = self.at.saturating_add(Millis::try_from(passed).unwrap_or(Millis::MAX));
        let by = now.saturating_sub(expected);
        if by.abs() < TOLERANCE {
            return None;
        }
        *self = Self::new(now, running);
        Some(by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_noticed_once() {
        let second = |count| Duration::from_secs(count);
        let mut clock = Clock::new(1_000_000, second(100));
        // A night asleep: the system has run meanwhile.
        assert_eq!(clock.set_by(31_000_000, second(30_100)), None);
        assert_eq!(clock.set_by(31_009_999, second(30_100)), None);
        assert_eq!(clock.set_by(91_000_000, second(30_100)), Some(60_000_000));
        assert_eq!(clock.set_by(91_001_000, second(30_101)), None);
        assert_eq!(clock.set_by(1_000, second(30_102)), Some(-91_001_000));
        assert_eq!(clock.set_by(2_000, second(30_103)), None);
    }
}
