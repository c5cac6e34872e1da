//! The log: to standard error, and the agent's own lines to memory, for a server that asks for them.
//!
//! Nothing that was collected is ever logged, nor a token, nor a path in somebody's home.

use crate::env;
use clientbook_agent_protocol::{LogLevel, LogRecord};
use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Lines that are kept.
const MOST: usize = 500;
/// Characters of a line.
const LENGTH: usize = 2_000;

/// The newest lines of the agent's own log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ring(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<LogRecord>,
    /// How many were there before the first of them.
    before: u64,
}

impl Ring {
    fn push(&self, record: LogRecord) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.lines.len() == MOST {
            lines.lines.pop_front();
            lines.before += 1;
        }
        lines.lines.push_back(record);
    }

    /// The lines after the first `seen`, and how many have been seen then.
    pub(crate) fn since(&self, seen: u64) -> (Vec<LogRecord>, u64) {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let skip = usize::try_from(seen.saturating_sub(lines.before)).unwrap_or(usize::MAX);
        let new = lines.lines.iter().skip(skip).cloned().collect();
        (new, lines.before + lines.lines.len() as u64)
    }
}

impl<S: Subscriber> Layer<S> for Ring {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // Other crates do not know what may not be told.
        if !event.metadata().target().starts_with("clientbook_agent") {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let message: String = format!("{}{}", line.message, line.fields);
        let message: String = message.chars().filter(|c| !c.is_control()).take(LENGTH).collect();
        if message.is_empty() {
            return;
        }
        let level = match *event.metadata().level() {
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warn,
            Level::INFO => LogLevel::Info,
            _ => LogLevel::Debug,
        };
        self.push(LogRecord { at: env::timestamp(env::now()), level, message });
    }
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a text does not fail.
        let _written = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }
}

/// Starts the log; from here on panics go there too.
pub(crate) fn start(level: LevelFilter) -> Ring {
    let ring = Ring::default();
    // Without this, a closed standard error would turn a line of log into a panic.
    let lines = tracing_subscriber::fmt::layer().log_internal_errors(false);
    let lines = lines.with_ansi(false).with_target(false).with_writer(io::stderr);
    tracing_subscriber::registry().with(level).with(lines).with(ring.clone()).init();
    std::panic::set_hook(Box::new(|panic| {
        // Without its message: it may quote what was collected.
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, "a thread panicked");
    }));
    ring
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_the_newest_lines() {
        let ring = Ring::default();
        let subscriber = tracing_subscriber::registry().with(ring.clone());
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..MOST + 7 {
                tracing::info!(number, "a line");
            }
            tracing::warn!(target: "hyper", "not ours");
        });
        let (lines, seen) = ring.since(0);
        assert_eq!((lines.len(), seen), (MOST, 507));
        assert_eq!(lines[0].message, "a line number=7");
        let (lines, seen) = ring.since(506);
        assert_eq!((lines.len(), seen), (1, 507));
        assert!(ring.since(seen).0.is_empty());
        assert!(ring.since(seen + 9).0.is_empty());
    }
}
