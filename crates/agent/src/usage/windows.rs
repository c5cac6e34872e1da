//! Looks, one after the other, added up to stretches of time. Pure.

use super::Running;
use crate::env::Millis;
use crate::permits::Permits;
use crate::spool::Gathered;
use clientbook_agent_protocol::{Collect, UsageKind};
use std::collections::BTreeMap;
use std::time::Duration;

/// Applications in one window; more are not counted.
const MOST: usize = 5_000;

/// What was used since the window began.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    began_at: Option<Millis>,
    used: BTreeMap<(String, String), Used>,
}

#[derive(Debug, Clone, Copy)]
struct Used {
    started_at: Millis,
    millis: Millis,
}

impl Windows {
    /// Adds a look that stands for the time since the one before. Time that nobody looked, such as a
    /// night asleep, is not counted: a look stands for twice the ordinary pause at most.
    pub(crate) fn add(&mut self, running: Running, now: Millis, since: Duration, pause: Duration) {
        let millis = Millis::try_from(since.min(2 * pause).as_millis()).unwrap_or_default();
        self.began_at.get_or_insert(now - millis);
        for key in running {
            if self.used.len() >= MOST && !self.used.contains_key(&key) {
                continue;
            }
            let first = Used { started_at: now - millis, millis: 0 };
            self.used.entry(key).or_insert(first).millis += millis;
        }
    }

    /// Whether the window is over. One that begins in the future, because the clock was set back, is.
    pub(crate) fn is_over(&self, now: Millis, length: Duration) -> bool {
        let length = Millis::try_from(length.as_millis()).unwrap_or(Millis::MAX);
        self.began_at.is_some_and(|began_at| !(0..length).contains(&(now - began_at)))
    }

    /// The clock was set: what was used since the window began was used at other times by it.
    pub(crate) fn clock_was_set(&mut self, by: Millis) {
        self.began_at = self.began_at.map(|at| at.saturating_add(by));
        for used in self.used.values_mut() {
            used.started_at = used.started_at.saturating_add(by);
        }
    }

    /// Ends the window: what was used in it.
    pub(crate) fn take(&mut self) -> Vec<Gathered> {
        self.began_at = None;
        let used = std::mem::take(&mut self.used).into_iter();
        let gathered = used.map(|((user_key, name), used)| Gathered {
            kind: UsageKind::App,
            user_key,
            name,
            started_at: used.started_at,
            seconds: u32::try_from((used.millis + 500) / 1_000).unwrap_or(u32::MAX).min(86_400),
            visits: None,
        });
        gathered.filter(|gathered| gathered.seconds > 0).collect()
    }

    /// Forgets what may not be collected any more.
    pub(crate) fn prune(&mut self, permits: &Permits) {
        self.used.retain(|(user_key, _), _| permits.user(Collect::AppUsage, user_key));
        if self.used.is_empty() {
            self.began_at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permits::tests::config;
    use clientbook_agent_protocol::Directive;
    use proptest::prelude::*;

    const PAUSE: Duration = Duration::from_secs(15);

    fn running(names: &[&str]) -> Running {
        names.iter().map(|name| ("uid:1".to_owned(), (*name).to_owned())).collect()
    }

    #[test]
    fn looks_add_up() {
        let mut windows = Windows::default();
        assert!(!windows.is_over(1_000_000, PAUSE));
        windows.add(running(&["Files", "Mail"]), 100_000, PAUSE, PAUSE);
        windows.add(running(&["Files"]), 115_000, PAUSE, PAUSE);
        assert!(!windows.is_over(114_999, 2 * PAUSE) && windows.is_over(115_000, 2 * PAUSE));
        let used = windows.take();
        let shown: Vec<_> =
            used.iter().map(|used| (used.name.as_str(), used.started_at, used.seconds)).collect();
        assert_eq!(shown, [("Files", 85_000, 30), ("Mail", 85_000, 15)]);
        assert!(windows.take().is_empty());
    }

    #[test]
    fn a_night_asleep_is_not_used() {
        let mut windows = Windows::default();
        windows.add(running(&["Files"]), 50_000_000, Duration::from_hours(8), PAUSE);
        assert_eq!(windows.take()[0].seconds, 30);
    }

    #[test]
    fn a_clock_set_back_ends_the_window() {
        let mut windows = Windows::default();
        windows.add(running(&["Files"]), 50_000_000, PAUSE, PAUSE);
        assert!(windows.is_over(10_000_000, Duration::from_hours(1)));
    }

    #[test]
    fn a_clock_that_was_set_moves_what_was_used() {
        let mut windows = Windows::default();
        windows.add(running(&["Files"]), 100_000, PAUSE, PAUSE);
        windows.clock_was_set(50_000_000);
        windows.add(running(&["Files"]), 50_115_000, PAUSE, PAUSE);
        assert!(!windows.is_over(50_115_000, 3 * PAUSE));
        let used = windows.take();
        assert_eq!((used[0].started_at, used[0].seconds), (50_085_000, 30));
    }

    #[test]
    fn what_is_no_longer_permitted_is_forgotten() {
        let mut windows = Windows::default();
        windows.add(running(&["Files"]), 100_000, PAUSE, PAUSE);
        windows.prune(&Permits::of(&config(Directive::Collect, &[Collect::AppUsage], &["uid:2"])));
        assert!(windows.take().is_empty());
    }

    proptest! {
        /// Nobody uses an application for longer than the window lasts.
        #[test]
        fn no_record_is_longer_than_its_window(pauses in prop::collection::vec(0..40_u64, 1..50)) {
            let mut windows = Windows::default();
            let mut now = 1_000_000;
            for pause in &pauses {
                let since = Duration::from_secs(*pause);
                now += Millis::try_from(since.as_millis()).unwrap();
                windows.add(running(&["Files"]), now, since, PAUSE);
            }
            let total: u64 = pauses.iter().map(|pause| (*pause).min(30)).sum();
            let used = windows.take();
            prop_assert_eq!(used.iter().map(|used| u64::from(used.seconds)).sum::<u64>(), total);
        }
    }
}
