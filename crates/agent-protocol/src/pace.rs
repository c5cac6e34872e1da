//! How long an agent waits before its next check-in. Pure: jitter comes on top.

use core::time::Duration;

/// How long a check-in asks to be held, at most.
pub const WAIT: Duration = Duration::from_secs(55);

/// Between two looks at what is used, and what one record of an application's usage covers.
pub const WINDOW: Duration = Duration::from_mins(5);

/// The longest pause while the server is away.
const LONGEST: Duration = Duration::from_mins(5);

/// The longest that a server may ask to be left alone.
const LONGEST_ASKED: Duration = Duration::from_hours(1);

/// How long to pause when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    /// The first pause when the server is away; it doubles with each try, up to 5 minutes.
    pub retry: Duration,
    /// When the client is suspended.
    pub inactive: Duration,
    /// When the server does not know the token.
    pub unknown: Duration,
}

impl Pauses {
    /// Those of an agent's ordinary life.
    pub const ORDINARY: Self = Self {
        retry: Duration::from_secs(2),
        inactive: Duration::from_mins(5),
        unknown: Duration::from_hours(1),
    };
}

/// Why a check-in failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// The server is away, overloaded or not itself.
    Away {
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// The client is suspended.
    ClientInactive,
    /// The token is none, or none any more.
    Unauthenticated,
    /// What was sent may not be collected.
    NotPermitted,
    /// The server does not understand it.
    Invalid,
}

/// What came of the check-ins so far.
#[derive(Debug, Default)]
pub struct Contacts {
    failures: u32,
    quick: u32,
}

impl Contacts {
    /// How long to pause after an answer that came `after` the request. `changed`: it told something
    /// new.
    pub fn answered(
        &mut self,
        changed: bool,
        after: Duration,
        waited_for: Duration,
        next: Duration,
    ) -> Duration {
        self.failures = 0;
        // An answer that was held, or that had a reason to come at once.
        let held = waited_for > Duration::ZERO && after + Duration::from_secs(5) >= waited_for;
        if after < Duration::from_secs(1) {
            self.quick = self.quick.saturating_add(1);
        } else {
            self.quick = 0;
        }
        // A server that always has something new must not be asked without end.
        let breath = Duration::from_secs(u64::from(self.quick.saturating_sub(5).min(30)));
        if changed || held || waited_for == Duration::ZERO {
            return breath;
        }
        // It does not hold check-ins: ask as often as it wants.
        next.clamp(Duration::from_secs(1), LONGEST_ASKED).max(breath)
    }

    /// How long to pause after a failure.
    pub fn failed(&mut self, why: Failed, pauses: &Pauses) -> Duration {
        let doubled = pauses.retry.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        match why {
            Failed::Away { retry_after } => {
                retry_after.map_or(doubled, |asked| asked.min(LONGEST_ASKED).max(doubled))
            }
            Failed::ClientInactive => pauses.inactive,
            Failed::Unauthenticated => pauses.unknown,
            // The next one asks without what was refused; should that not help, less and less often.
            Failed::NotPermitted if self.failures == 1 => Duration::ZERO,
            Failed::NotPermitted | Failed::Invalid => doubled,
        }
    }

    /// Whether the last one failed.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn away(retry_after: Option<u64>) -> Failed {
        Failed::Away { retry_after: retry_after.map(Duration::from_secs) }
    }

    #[test]
    fn a_held_answer_is_followed_at_once() {
        let mut contacts = Contacts::default();
        for _ in 0..100 {
            let pause = contacts.answered(false, 54 * SECOND, 55 * SECOND, 60 * SECOND);
            assert_eq!(pause, Duration::ZERO);
        }
    }

    #[test]
    fn a_server_that_holds_nothing_is_asked_as_often_as_it_wants() {
        let mut contacts = Contacts::default();
        let pause = contacts.answered(false, SECOND / 100, 55 * SECOND, 90 * SECOND);
        assert_eq!(pause, 90 * SECOND);
        let pause = contacts.answered(false, SECOND / 100, 55 * SECOND, Duration::ZERO);
        assert_eq!(pause, SECOND);
    }

    #[test]
    fn endless_news_slow_down() {
        let mut contacts = Contacts::default();
        let pauses: Vec<_> = (0..60)
            .map(|_| contacts.answered(true, Duration::ZERO, 55 * SECOND, SECOND).as_secs())
            .collect();
        assert_eq!(pauses[..6], [0, 0, 0, 0, 0, 1]);
        assert_eq!(pauses[59], 30);
        assert_eq!(contacts.answered(true, 2 * SECOND, 55 * SECOND, SECOND), Duration::ZERO);
    }

    #[test]
    fn pauses_double_up_to_five_minutes_and_end_with_an_answer() {
        let mut contacts = Contacts::default();
        let pauses: Vec<_> =
            (0..40).map(|_| contacts.failed(away(None), &Pauses::ORDINARY).as_secs()).collect();
        assert_eq!(pauses[..9], [2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(pauses[39], 300);
        contacts.answered(false, 50 * SECOND, 55 * SECOND, SECOND);
        assert_eq!(contacts.failed(away(Some(30)), &Pauses::ORDINARY), 30 * SECOND);
        assert_eq!(contacts.failed(away(Some(1_000_000)), &Pauses::ORDINARY), LONGEST_ASKED);
    }

    #[test]
    fn each_refusal_has_its_pause() {
        let mut contacts = Contacts::default();
        let mut pause = |why| contacts.failed(why, &Pauses::ORDINARY);
        assert_eq!(pause(Failed::NotPermitted), Duration::ZERO);
        assert!(pause(Failed::NotPermitted) > Duration::ZERO);
        assert_eq!(pause(Failed::ClientInactive), 300 * SECOND);
        assert_eq!(pause(Failed::Unauthenticated), 3_600 * SECOND);
    }

    proptest! {
        /// Whatever happens, a pause has an end.
        #[test]
        fn no_pause_is_longer_than_an_hour(
            steps in prop::collection::vec((0..6_u8, any::<u32>()), 1..100),
        ) {
            let mut contacts = Contacts::default();
            for (step, seconds) in steps {
                let long = Duration::from_secs(u64::from(seconds));
                let pause = match step {
                    0 => contacts.answered(true, long, 55 * SECOND, long),
                    1 => contacts.answered(false, SECOND / 2, 55 * SECOND, long),
                    2 => contacts.failed(away(Some(u64::from(seconds))), &Pauses::ORDINARY),
                    3 => contacts.failed(away(None), &Pauses::ORDINARY),
                    4 => contacts.failed(Failed::Unauthenticated, &Pauses::ORDINARY),
                    _ => contacts.failed(Failed::Invalid, &Pauses::ORDINARY),
                };
                prop_assert!(pause <= Duration::from_hours(1));
            }
        }
    }
}
