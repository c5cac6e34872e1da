//! The log: to standard error, for a person if that is a terminal, else as JSON lines.

use std::io::{self, IsTerminal as _};
use tracing_subscriber::EnvFilter;

/// Starts the log; from here on panics go there too.
pub(crate) fn start(filter: EnvFilter) {
    // Without this, a closed standard error would turn a line of log into a panic.
    let builder = tracing_subscriber::fmt().log_internal_errors(false);
    let builder = builder.with_env_filter(filter).with_writer(io::stderr);
    if io::stderr().is_terminal() {
        builder.init();
    } else {
        builder.json().flatten_event(true).init();
    }
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, message, "a thread panicked");
    }));
}
