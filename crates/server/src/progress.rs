//! How far something long has come: a bar on a terminal, a line now and then elsewhere.

use crate::output;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(5);

const BAR: &str =
    "{prefix} {wide_bar} {human_pos} of {human_len} rows, {per_sec}, {eta} left {msg}";

/// Rows that are being worked through.
pub(crate) struct Progress {
    what: &'static str,
    total: u64,
    before: u64,
    begun: Instant,
    /// `None` until the first line.
    told: Option<Instant>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Of `total` rows, `before` were done before.
    pub(crate) fn begin(what: &'static str, total: u64, before: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template(BAR);
            let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.with_prefix(what).with_position(before)
        });
        if let Some(bar) = &bar {
            // What was there before took no time now.
            bar.reset_eta();
        }
        Self { what, total, before, begun: Instant::now(), told: None, bar }
    }

    /// There are so many rows in all, as far as is known by now.
    pub(crate) fn expect(&mut self, total: u64) {
        self.total = total;
        if let Some(bar) = &self.bar {
            bar.set_length(total);
        }
    }

    /// So many rows are done, the newest of them in `table`.
    pub(crate) fn at(&mut self, table: &str, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_message(table.to_owned());
            bar.set_position(done);
            return;
        }
        if self.told.is_some_and(|told| told.elapsed() < PAUSE) {
            return;
        }
        self.told = Some(Instant::now());
        let new = done.saturating_sub(self.before);
        let left = self.total.saturating_sub(done);
        let (what, total) = (self.what, self.total);
        let rate = self.rate(new);
        // The first rows say nothing of the rest.
        let soon = (self.begun.elapsed() >= PAUSE).then_some(rate);
        let time =
            soon.and_then(|rate| left.checked_div(rate)).map_or_else(String::new, |seconds| {
                format!(", {rate} rows/s, {} left", HumanDuration(Duration::from_secs(seconds)))
            });
        let table = if table.is_empty() { String::new() } else { format!(" {table}") };
        output::note(&format!("{what}{table}: {done} of {total} rows{time}"));
    }

    /// All is done.
    pub(crate) fn end(self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let rate = self.rate(done.saturating_sub(self.before));
        let took = HumanDuration(self.begun.elapsed());
        output::note(&format!("{}: {done} rows in {took}, {rate} rows/s", self.what));
    }

    fn rate(&self, rows: u64) -> u64 {
        let millis = self.begun.elapsed().as_millis().max(1);
        u64::try_from(u128::from(rows) * 1_000 / millis).unwrap_or(u64::MAX)
    }
}
