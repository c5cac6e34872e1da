//! What people and scripts read: results on standard output, notes on standard error. The log is
//! elsewhere.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// Writes a line to standard output, now. An error if nobody reads it any more.
pub(crate) fn print(line: &str) -> io::Result<()> {
    print_lines(&[line.to_owned()])
}

/// The same, with several lines.
pub(crate) fn print_lines(lines: &[String]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{}", escaped(line))?;
    }
    out.flush()
}

/// Writes a line to standard error. If nobody reads it, that is no reason to stop.
pub(crate) fn note(line: &str) {
    let _unread = writeln!(io::stderr().lock(), "{}", escaped(line));
}

/// What a terminal would obey, or show in another order than it stands in, as JSON writes it: the text
/// may be a server's, or a file's.
fn escaped(line: &str) -> Cow<'_, str> {
    if !line.contains(is_unseen) {
        return line.into();
    }
    let mut text = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        if is_unseen(c) {
            // Writing to a text does not fail.
            let _written = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text.into()
}

fn is_unseen(c: char) -> bool {
    // What reorders text, and what ends a line.
    let reorders =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || reorders || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_told_nothing() {
        assert_eq!(escaped("Größe: 5"), "Größe: 5");
        assert_eq!(escaped("a\u{1b}[2J\nb\u{9b}c\u{202e}d"), "a\\u001b[2J\\u000ab\\u009bc\\u202ed");
        // JSON stays JSON, with the same meaning.
        let json = serde_json::json!({ "problem": "\u{9b}31m\u{1b}\n" });
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&escaped(&json.to_string())).unwrap(),
            json
        );
    }
}
