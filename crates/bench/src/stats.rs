//! Latencies, and medians of rounds.

use crate::Failure;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::time::Duration;

/// How long requests took, in nanoseconds, to three digits.
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self(Histogram::new_with_bounds(1, 60_000_000_000, 3)?))
    }

    pub(crate) fn record(&mut self, took: Duration) -> Result<(), Failure> {
        self.record_many(took, 1)
    }

    pub(crate) fn record_many(&mut self, took: Duration, count: u64) -> Result<(), Failure> {
        Ok(self.0.record_n(u64::try_from(took.as_nanos())?, count)?)
    }

    pub(crate) fn add(&mut self, other: &Self) -> Result<(), Failure> {
        Ok(self.0.add(&other.0)?)
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// Milliseconds within which so many percent were answered.
    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        Duration::from_nanos(self.0.value_at_percentile(percent)).as_secs_f64() * 1e3
    }
}

/// The same figure of several rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

impl Spread {
    /// Of at least one figure.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let middle = |from_end| sorted.get((sorted.len() - from_end) / 2).copied();
        let end = |at: Option<&f64>| at.copied().unwrap_or(f64::NAN);
        let median = match (middle(0), sorted.len().checked_sub(1).and_then(|_| middle(1))) {
            (Some(upper), Some(lower)) => f64::midpoint(lower, upper),
            _ => f64::NAN,
        };
        Self { median, lowest: end(sorted.first()), highest: end(sorted.last()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        for (figures, median) in [
            (&[3.0][..], 3.0),
            (&[5.0, 1.0, 2.0], 2.0),
            (&[4.0, 1.0], 2.5),
            (&[9.0, 1.0, 4.0, 2.0], 3.0),
        ] {
            let spread = Spread::of(figures.iter().copied());
            assert!((spread.median - median).abs() < 1e-9, "{figures:?}: {spread:?}");
            assert!(spread.lowest <= spread.median && spread.median <= spread.highest);
        }
    }

    #[test]
    fn nothing_has_no_median() {
        assert!(Spread::of([]).median.is_nan());
    }

    #[test]
    fn percentiles_are_milliseconds() {
        let mut latencies = Latencies::new().unwrap();
        for millis in 1..=100 {
            latencies.record(Duration::from_millis(millis)).unwrap();
        }
        latencies.record_many(Duration::from_millis(200), 0).unwrap();
        assert_eq!(latencies.count(), 100);
        for percent in [50.0, 99.0] {
            let error = latencies.percentile(percent) - percent;
            assert!(error.abs() < 0.1, "{percent}: off by {error}");
        }
    }
}
