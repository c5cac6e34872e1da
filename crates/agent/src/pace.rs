//! How long to wait before the next check-in. Pure: jitter comes on top.

use crate::server::Refusal;
use std::time::Duration;

/// How often to do what, in the agent's ordinary life.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    /// How long a check-in may be held.
    pub(crate) wait: Duration,
    /// The first pause when the server is away; it doubles with each try.
    pub(crate) retry: Duration,
    /// When the client is suspended.
    pub(crate) inactive: Duration,
    /// When the server does not know the token.
    pub(crate) unknown: Duration,
    /// Between looks at the processes.
    pub(crate) sample: Duration,
    /// That one record of usage covers.
    pub(crate) window: Duration,
    /// Between looks at the histories.
    pub(crate) scan: Duration,
    /// Between looks at what is installed.
    pub(crate) inventory: Duration,
}

/// The longest pause while the server is away.
const LONGEST: Duration = Duration::from_mins(5);
/// The longest that a server may ask to be left alone.
const LONGEST_ASKED: Duration = Duration::from_hours(1);

/// What came of the check-ins so far.
#[derive(Debug, Default)]
pub(crate) struct Contacts {
    failures: u32,
    quick: u32,
}

impl Contacts {
    /// How long to pause after an answer that came `after` the request. `changed`: it told something
    /// new.
    pub(crate) fn answered(
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

    /// How long to pause after a refusal.
    pub(crate) fn refused(&mut self, refusal: &Refusal, pace: &Pace) -> Duration {
        let doubled = pace.retry.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        match refusal {
            Refusal::Away { retry_after, .. } => {
                retry_after.map_or(doubled, |asked| asked.min(LONGEST_ASKED).max(doubled))
            }
            Refusal::ClientInactive => pace.inactive,
            Refusal::Unauthenticated => pace.unknown,
            // The next one asks without what was refused; should that not help, less and less often.
            Refusal::NotPermitted { .. } if self.failures == 1 => Duration::ZERO,
            Refusal::NotPermitted { .. } | Refusal::Invalid(_) => doubled,
        }
    }

    /// Whether the last one failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.failures > 0
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    pub(crate) fn pace() -> Pace {
        Pace {
            wait: 55 * SECOND,
            retry: 2 * SECOND,
            inactive: 300 * SECOND,
            unknown: 3_600 * SECOND,
            sample: 15 * SECOND,
            window: 300 * SECOND,
            scan: 300 * SECOND,
            inventory: 3_600 * SECOND,
        }
    }

    fn away(retry_after: Option<u64>) -> Refusal {
        Refusal::Away { why: String::new(), retry_after: retry_after.map(Duration::from_secs) }
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
        let (mut contacts, pace) = (Contacts::default(), pace());
        let pauses: Vec<_> =
            (0..40).map(|_| contacts.refused(&away(None), &pace).as_secs()).collect();
        assert_eq!(pauses[..9], [2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(pauses[39], 300);
        contacts.answered(false, 50 * SECOND, 55 * SECOND, SECOND);
        assert_eq!(contacts.refused(&away(Some(30)), &pace), 30 * SECOND);
        assert_eq!(contacts.refused(&away(Some(1_000_000)), &pace), LONGEST_ASKED);
    }

    #[test]
    fn each_refusal_has_its_pause() {
        let (mut contacts, pace) = (Contacts::default(), pace());
        let refused = Refusal::NotPermitted { collect: None, user_keys: vec![] };
        assert_eq!(contacts.refused(&refused, &pace), Duration::ZERO);
        assert!(contacts.refused(&refused, &pace) > Duration::ZERO);
        assert_eq!(contacts.refused(&Refusal::ClientInactive, &pace), pace.inactive);
        assert_eq!(contacts.refused(&Refusal::Unauthenticated, &pace), pace.unknown);
    }

    proptest! {
        /// Whatever happens, a pause has an end.
        #[test]
        fn no_pause_is_longer_than_an_hour(
            steps in prop::collection::vec((0..6_u8, any::<u32>()), 1..100),
        ) {
            let (mut contacts, pace) = (Contacts::default(), pace());
            for (step, seconds) in steps {
                let long = Duration::from_secs(u64::from(seconds));
                let pause = match step {
                    0 => contacts.answered(true, long, 55 * SECOND, long),
                    1 => contacts.answered(false, SECOND / 2, 55 * SECOND, long),
                    2 => contacts.refused(&away(Some(u64::from(seconds))), &pace),
                    3 => contacts.refused(&away(None), &pace),
                    4 => contacts.refused(&Refusal::Unauthenticated, &pace),
                    _ => contacts.refused(&Refusal::Invalid(String::new()), &pace),
                };
                prop_assert!(pause <= Duration::from_hours(1));
            }
        }
    }
}
