//! What people and scripts read: results on standard output, notes on standard error. The log is
//! elsewhere.

use std::io::{self, Write as _};

/// Writes lines to standard output, now. An error if nobody reads it any more.
pub(crate) fn print(lines: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{lines}")?;
    out.flush()
}

/// Writes lines to standard error. If nobody reads them, that is no reason to stop.
pub(crate) fn note(lines: &str) {
    let _unread = writeln!(io::stderr().lock(), "{lines}");
}
