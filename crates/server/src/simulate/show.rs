//! The figures for people: two lines that change on a terminal, a line now and then elsewhere.

use super::figures::{Snapshot, per_second};
use crate::output;
use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::IsTerminal as _;
use std::time::Duration;

/// Between two looks on a terminal.
const TICK: Duration = Duration::from_millis(500);

/// Between two lines elsewhere.
const PAUSE: Duration = Duration::from_secs(5);

/// Where figures are shown while devices are simulated.
pub(super) struct Show {
    bar: Option<ProgressBar>,
    /// When figures were last shown, and how many check-ins there had been.
    before: (f64, u64),
}

impl Show {
    pub(super) fn begin() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        Self { bar, before: (0.0, 0) }
    }

    /// How often `update` is to be called.
    pub(super) fn every(&self) -> Duration {
        if self.bar.is_some() { TICK } else { PAUSE }
    }

    pub(super) fn update(&mut self, now: &Snapshot) {
        let (seconds, check_ins) = self.before;
        let pace = per_second(now.check_ins.saturating_sub(check_ins), now.seconds - seconds);
        self.before = (now.seconds, now.check_ins);
        let (devices, answers) = (devices(now), answers(now));
        match &self.bar {
            Some(bar) => {
                bar.set_message(format!("{devices}, {pace} check-ins/s\n  {answers}"));
                bar.tick();
            }
            None => output::note(&format!("{devices}, {pace} check-ins/s; {answers}")),
        }
    }

    pub(super) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn devices(now: &Snapshot) -> String {
    let Snapshot { devices, enrolled, taken_up, waiting, gone, .. } = now;
    format!(
        "{devices} devices: {enrolled} enrolled, {taken_up} taken up, {waiting} waiting, {gone} gone"
    )
}

fn answers(now: &Snapshot) -> String {
    let Snapshot { reconnects, unanswered, answer_ms, .. } = now;
    let (modes, answers) = (counts(&now.modes), counts(&now.answers));
    let failure = now.newest_failure.as_ref().map(|why| format!("; newest failure: {why}"));
    format!(
        "modes: {modes}; answers: {answers}; not held: p50 {:.1}, p99 {:.1}, max {:.1} ms; \
         {reconnects} reconnects, {unanswered} unanswered; {} out, {} in{}",
        answer_ms.p50,
        answer_ms.p99,
        answer_ms.max,
        HumanBytes(now.bytes_sent),
        HumanBytes(now.bytes_received),
        failure.unwrap_or_default(),
    )
}

/// Each with how often.
fn counts<K: Display>(counts: &BTreeMap<K, u64>) -> String {
    let counts: Vec<_> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
    if counts.is_empty() { "none".into() } else { counts.join(", ") }
}

/// How it all went.
pub(super) fn summary(all: &Snapshot) -> String {
    let took = HumanDuration(Duration::try_from_secs_f64(all.seconds).unwrap_or_default());
    let Snapshot { check_ins, check_ins_per_second, inventories, usage_records, .. } = all;
    format!(
        "{}\n{check_ins} check-ins in {took}, {check_ins_per_second} a second; {inventories} \
         inventories, {usage_records} records of usage\n{}",
        devices(all),
        answers(all),
    )
}
