//! What is counted while devices are simulated.

use clientbook_model::collection::CollectionMode;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest time that is told apart, in microseconds: ten minutes.
const LONGEST: u64 = 600_000_000;

/// The mode of a server that knows others than we do.
const OTHER: &str = "other";

/// Counted by all devices at once.
pub(super) struct Figures {
    begun: Instant,
    devices: u32,
    pub(super) enrolled: Count,
    pub(super) taken_up: Count,
    pub(super) gone: Count,
    pub(super) check_ins: Count,
    pub(super) inventories: Count,
    pub(super) records: Count,
    pub(super) reconnects: Count,
    pub(super) unanswered: Count,
    sent: Count,
    received: Count,
    waiting: AtomicI64,
    told: Mutex<Told>,
}

/// A number that grows.
#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Told {
    statuses: BTreeMap<u16, u64>,
    modes: BTreeMap<&'static str, u64>,
    failure: Option<String>,
    /// In microseconds, of answers that nobody holds back.
    times: Histogram<u64>,
}

/// A check-in that the server holds, until it is dropped.
pub(super) struct Held<'f>(&'f AtomicI64);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The figures at one moment.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Snapshot {
    pub(super) seconds: f64,
    /// That are simulated.
    pub(super) devices: u32,
    /// That joined.
    pub(super) enrolled: u64,
    /// That had joined in a run before.
    pub(super) taken_up: u64,
    /// That have said their last word.
    pub(super) gone: u64,
    /// Whose check-in the server holds.
    pub(super) waiting: i64,
    pub(super) check_ins: u64,
    pub(super) check_ins_per_second: f64,
    pub(super) inventories: u64,
    pub(super) usage_records: u64,
    /// Answers by status.
    pub(super) answers: BTreeMap<u16, u64>,
    /// Devices by the mode that their last directive told.
    pub(super) modes: BTreeMap<&'static str, u64>,
    pub(super) answer_ms: Times,
    /// Connections for check-ins that were opened after a device's first.
    pub(super) reconnects: u64,
    /// Requests that got no answer.
    pub(super) unanswered: u64,
    /// What went wrong last, in words.
    pub(super) newest_failure: Option<String>,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
}

/// How long the answers took that nobody holds back, in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Times {
    pub(super) count: u64,
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

impl Figures {
    pub(super) fn new(devices: u32) -> Result<Self, hdrhistogram::CreationError> {
        let times = Histogram::new_with_bounds(1, LONGEST, 3)?;
        let told = Told { statuses: BTreeMap::new(), modes: BTreeMap::new(), failure: None, times };
        Ok(Self {
            begun: Instant::now(),
            devices,
            enrolled: Count::default(),
            taken_up: Count::default(),
            gone: Count::default(),
            check_ins: Count::default(),
            inventories: Count::default(),
            records: Count::default(),
            reconnects: Count::default(),
            unanswered: Count::default(),
            sent: Count::default(),
            received: Count::default(),
            waiting: AtomicI64::new(0),
            told: Mutex::new(told),
        })
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.sent.add(bytes as u64);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.received.add(bytes as u64);
    }

    /// Counts a check-in as held for as long as what is returned lives.
    pub(super) fn held(&self) -> Held<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Held(&self.waiting)
    }

    /// Counts an answer; with how long it took, if nobody held it back.
    pub(super) fn answered(&self, status: u16, took: Option<Duration>) {
        let mut told = self.told();
        *told.statuses.entry(status).or_default() += 1;
        if let Some(took) = took {
            told.times.saturating_record(u64::try_from(took.as_micros()).unwrap_or(LONGEST));
        }
    }

    /// Keeps what went wrong last.
    pub(super) fn failed(&self, why: &str) {
        self.told().failure = Some(why.to_owned());
    }

    /// A device's directive tells another mode than before, or none is known of it any more.
    pub(super) fn moved(&self, from: Option<&'static str>, to: Option<&'static str>) {
        let mut told = self.told();
        if let Some(count) = from.and_then(|from| told.modes.get_mut(from)) {
            *count -= 1;
        }
        if let Some(to) = to {
            *told.modes.entry(to).or_default() += 1;
        }
        told.modes.retain(|_, count| *count > 0);
    }

    pub(super) fn now(&self) -> Snapshot {
        let seconds = self.begun.elapsed().as_secs_f64();
        let check_ins = self.check_ins.get();
        let told = self.told();
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of minutes, some thousands")]
        let ms = |micros: u64| micros as f64 / 1_000.0;
        Snapshot {
            seconds,
            devices: self.devices,
            enrolled: self.enrolled.get(),
            taken_up: self.taken_up.get(),
            gone: self.gone.get(),
            waiting: self.waiting.load(Ordering::Relaxed),
            check_ins,
            check_ins_per_second: per_second(check_ins, seconds),
            inventories: self.inventories.get(),
            usage_records: self.records.get(),
            answers: told.statuses.clone(),
            modes: told.modes.clone(),
            answer_ms: Times {
                count: told.times.len(),
                p50: ms(told.times.value_at_quantile(0.5)),
                p99: ms(told.times.value_at_quantile(0.99)),
                max: ms(told.times.max()),
            },
            reconnects: self.reconnects.get(),
            unanswered: self.unanswered.get(),
            newest_failure: told.failure.clone(),
            bytes_sent: self.sent.get(),
            bytes_received: self.received.get(),
        }
    }
}

/// So many in so many seconds.
pub(super) fn per_second(count: u64, seconds: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let count = count as f64;
    if seconds > 0.0 { (count / seconds * 10.0).round() / 10.0 } else { 0.0 }
}

/// A mode by the name that a directive told: what a server says is not kept.
pub(super) fn mode(name: &str) -> &'static str {
    CollectionMode::from_name(name).map_or(OTHER, CollectionMode::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_counts_for_one_mode() {
        let figures = Figures::new(2).expect("figures");
        let idle = mode("disabled");
        figures.moved(None, Some(mode("saas_usage")));
        figures.moved(None, Some(mode("saas_usage")));
        figures.moved(Some("saas_usage"), Some(idle));
        figures.moved(Some("saas_usage"), Some(mode("\u{1b}[2J")));
        assert_eq!(figures.now().modes, BTreeMap::from([("disabled", 1), ("other", 1)]));
        figures.moved(Some(idle), None);
        assert_eq!(figures.now().modes, BTreeMap::from([("other", 1)]));
    }

    #[test]
    fn only_answers_that_nobody_holds_are_timed() {
        let figures = Figures::new(1).expect("figures");
        for millis in 1..=100 {
            figures.answered(200, Some(Duration::from_millis(millis)));
        }
        figures.answered(200, None);
        figures.answered(503, Some(Duration::from_hours(1)));
        let now = figures.now();
        assert_eq!(now.answers, BTreeMap::from([(200, 101), (503, 1)]));
        assert_eq!(now.answer_ms.count, 101);
        assert!((50.0..53.0).contains(&now.answer_ms.p50), "{:?}", now.answer_ms);
        assert!(now.answer_ms.max > 599_000.0, "{:?}", now.answer_ms);
    }

    #[test]
    fn what_is_held_is_counted_for_as_long_as_it_is() {
        let figures = Figures::new(1).expect("figures");
        let held = figures.held();
        assert_eq!(figures.now().waiting, 1);
        drop(held);
        assert_eq!(figures.now().waiting, 0);
    }
}
