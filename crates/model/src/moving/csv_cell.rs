//! A value in a CSV cell, and back.
//!
//! Spreadsheets run a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return. Such a
//! text is written with an apostrophe before it, as is one that begins with an apostrophe; reading
//! takes that one away. Numbers of columns of numbers are written as they are.

use super::columns::Kind;
use crate::unique::Unique;
use crate::violation::Violation;
use serde_json::Value;
use std::borrow::Cow;

fn is_guarded(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\''])
}

/// A text as a cell holds it.
pub(super) fn guard(text: &str) -> Cow<'_, str> {
    if is_guarded(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

fn unguard(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| is_guarded(rest)).unwrap_or(cell)
}

/// The value in a cell of a column; an empty cell is null.
pub(super) fn value(kind: Kind, cell: &str) -> Result<Value, Violation> {
    if cell.is_empty() {
        return Ok(Value::Null);
    }
    let text = unguard(cell);
    // What is no number stays text: the column's own rule says what it must be.
    let whole = || text.trim().parse::<i64>().map_or_else(|_| text.into(), Value::from);
    match kind {
        Kind::Text => Ok(text.into()),
        Kind::Whole | Kind::NumberOrId => Ok(whole()),
        Kind::JsonOrText if !text.starts_with('{') => Ok(text.into()),
        Kind::Json | Kind::JsonOrText => serde_json::from_str::<Unique>(text)
            .map(|Unique(value)| value)
            .map_err(|error| Violation::new("json", format!("must be JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_quoted() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+49 30", "'+49 30"),
            ("-x", "'-x"),
            ("@a", "'@a"),
            ("\tx", "'\tx"),
            ("'x", "''x"),
            ("''=x", "'''=x"),
            ("x'=", "x'="),
        ] {
            assert_eq!(guard(text), cell);
            assert_eq!(unguard(cell), text);
        }
        // As people write it by hand.
        assert_eq!(unguard("'s-Hertogenbosch"), "'s-Hertogenbosch");
    }

    proptest! {
        #[test]
        fn a_guard_comes_off(text in "[=+@'\\-\t\r a]{0,6}") {
            let cell = guard(&text);
            prop_assert_eq!(unguard(&cell), text.as_str());
        }
    }
}
