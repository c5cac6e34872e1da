//! What came of the calls, counted.

use super::super::model::Found;
use std::collections::BTreeMap;
use std::time::Duration;

/// At most so many wrong answers are kept.
const WRONG: usize = 20;

/// The kinds of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Told {
    /// A write that was made.
    Write,
    /// A write that was not made.
    Refused,
    /// A write of which nobody knows.
    InDoubt,
    /// A read.
    Read,
    /// A read that got no answer but 503.
    Unread,
}

impl Told {
    fn name(self) -> &'static str {
        match self {
            Self::Write => "writes answered with 200 or 201",
            Self::Refused => "with 503 (nothing was changed)",
            Self::InDoubt => "with 503 (in doubt)",
            Self::Read => "reads with 200",
            Self::Unread => "with 503",
        }
    }
}

/// Counts, and the longest of what was timed.
#[derive(Default)]
pub(super) struct Tally {
    told: BTreeMap<Told, u64>,
    /// From an answered write to the next one, of all writers.
    pub(super) outage: Duration,
    /// The same of the writer that had to wait longest.
    pub(super) slowest: Duration,
    /// The answer that took longest, whatever it was.
    pub(super) longest: Duration,
    /// Answers that nobody should get, and calls that got none.
    pub(super) wrong: Vec<String>,
}

impl Tally {
    /// Counts an answer, and how long it took.
    pub(super) fn count(&mut self, told: Told, took: Duration) {
        *self.told.entry(told).or_default() += 1;
        self.longest = self.longest.max(took);
    }

    /// Notes an answer that nobody should get.
    pub(super) fn wrong(&mut self, what: String) {
        if self.wrong.len() < WRONG {
            self.wrong.push(what);
        }
    }

    /// How many answers of a kind there were.
    pub(super) fn told(&self, told: Told) -> u64 {
        self.told.get(&told).copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (told, count) in &other.told {
            *self.told.entry(*told).or_default() += count;
        }
        self.outage = self.outage.max(other.outage);
        self.slowest = self.slowest.max(other.slowest);
        self.longest = self.longest.max(other.longest);
    }

    /// All of it in one line.
    pub(super) fn line(&self, found: &Found) -> String {
        let seconds = |time: Duration| time.as_secs_f64();
        format!(
            "answered {}, lost {}, doubled {}, half there {}; writes out {:.1} s (slowest writer \
             {:.1} s), longest answer {:.1} s; 503: {} writes, {} in doubt, {} reads",
            self.told(Told::Write),
            found.lost,
            found.doubled,
            found.half,
            seconds(self.outage),
            seconds(self.slowest),
            seconds(self.longest),
            self.told(Told::Refused),
            self.told(Told::InDoubt),
            self.told(Told::Unread),
        )
    }

    /// The answers by kind.
    pub(super) fn answers(&self) -> String {
        let each = self.told.iter().map(|(told, count)| format!("{count} {}", told.name()));
        each.collect::<Vec<_>>().join(", ")
    }
}
