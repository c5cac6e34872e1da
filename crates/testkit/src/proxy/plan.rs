//! Which request gets which fault.

use super::{Fault, Place};
use rand::RngExt as _;
use rand::rngs::StdRng;
use std::collections::BTreeMap;

/// What is planned, and what has happened.
#[derive(Default)]
pub(super) struct Plan {
    armed: Vec<(Place, u32, Fault)>,
    pub(super) random: Option<(StdRng, f64, &'static [Fault])>,
    pub(super) struck: BTreeMap<&'static str, u64>,
}

/// What a client asks for, up to the message that wants an answer.
#[derive(Default)]
pub(super) struct Request {
    pub(super) bytes: Vec<u8>,
    /// The text of the statement.
    pub(super) sql: String,
    /// Whether the statement is only prepared.
    pub(super) prepares: bool,
}

impl Request {
    /// Whether it ends a transaction.
    pub(super) fn ends(&self) -> bool {
        matches!(self.sql.as_str(), "COMMIT" | "ROLLBACK")
    }

    fn is_at(&self, place: Place) -> bool {
        match place {
            Place::Any => true,
            Place::Commit => self.sql == "COMMIT",
            Place::Statement(text) => !self.prepares && self.sql.contains(text),
        }
    }

    /// No server refuses to begin a transaction, or to take one back.
    fn may_have(&self, fault: Fault) -> bool {
        !matches!(fault, Fault::Refuse(_))
            || !(self.sql.starts_with("BEGIN") || self.sql == "ROLLBACK")
    }
}

impl Plan {
    pub(super) fn arm(&mut self, place: Place, nth: u32, fault: Fault) {
        self.armed.push((place, nth, fault));
    }

    pub(super) fn calm(&mut self) -> bool {
        self.random = None;
        let waiting = !self.armed.is_empty();
        self.armed.clear();
        waiting
    }

    /// What is to happen to this request.
    pub(super) fn fault(&mut self, request: &Request) -> Option<Fault> {
        let fault = self.planned(request).or_else(|| self.drawn(request));
        let fault = fault.filter(|fault| request.may_have(*fault))?;
        *self.struck.entry(fault.name()).or_default() += 1;
        Some(fault)
    }

    fn planned(&mut self, request: &Request) -> Option<Fault> {
        let mut found = None;
        self.armed.retain_mut(|(place, left, fault)| {
            if request.is_at(*place) {
                *left = left.saturating_sub(1);
                if *left == 0 && found.is_none() {
                    found = Some(*fault);
                    return false;
                }
            }
            true
        });
        found
    }

    fn drawn(&mut self, request: &Request) -> Option<Fault> {
        let (rng, share, faults) = self.random.as_mut()?;
        let share = if request.is_at(Place::Commit) { *share * 3.0 } else { *share };
        let strikes = rng.random_bool(share.min(1.0));
        strikes.then(|| faults[rng.random_range(0..faults.len())])
    }
}
