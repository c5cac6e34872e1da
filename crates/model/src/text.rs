//! Texts with a limit. Limits count Unicode characters (scalar values), not bytes.

use crate::patch::Parse;
use crate::violation::Violation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Refuses U+0000, which neither `text` in PostgreSQL nor a C API can hold.
pub fn no_nul(text: &str) -> Result<(), Violation> {
    if text.contains('\0') {
        return Err(Violation::new("no_nul", "must not contain the character U+0000"));
    }
    Ok(())
}

fn at_most(text: &str, max: usize) -> Result<(), Violation> {
    // A text of at most `max` bytes has at most `max` characters: counting is for the long ones.
    if text.len() > max && text.chars().count() > max {
        let message = format!("must have at most {max} characters");
        return Err(Violation::new("max_length", message));
    }
    Ok(())
}

fn as_text(value: &Value) -> Result<&str, Violation> {
    value.as_str().ok_or_else(|| Violation::not_a("a string"))
}

/// An optional text of at most `MAX` characters, kept as typed. Empty means "not set".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks the limit.
    pub fn new(text: &str) -> Result<Self, Violation> {
        no_nul(text)?;
        at_most(text, MAX)?;
        Ok(Self(text.to_owned()))
    }
}

impl<const MAX: usize> Parse for Text<MAX> {
    const EMPTY_CLEARS: bool = true;

    fn parse(value: &Value) -> Result<Self, Violation> {
        Self::new(as_text(value)?)
    }
}

/// A text of 1 to `MAX` characters after trimming, stored trimmed. If it `SHOWS`, one of them can be
/// seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Label<const MAX: usize, const SHOWS: bool = false>(String);

/// What people call something.
pub type Name<const MAX: usize> = Label<MAX, true>;

impl<const MAX: usize, const SHOWS: bool> Label<MAX, SHOWS> {
    /// Trims and checks the limits.
    pub fn new(text: &str) -> Result<Self, Violation> {
        no_nul(text)?;
        let text = text.trim();
        if text.is_empty() {
            return Err(Violation::new("not_blank", "must have at least 1 character"));
        }
        at_most(text, MAX)?;
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize, const SHOWS: bool> Parse for Label<MAX, SHOWS> {
    /// One that shows nothing is refused here only: a store may have some of before this was a rule.
    fn parse(value: &Value) -> Result<Self, Violation> {
        let label = Self::new(as_text(value)?)?;
        if !SHOWS || label.0.chars().any(shows) {
            return Ok(label);
        }
        Err(Violation::new("not_blank", "must have at least 1 character that shows"))
    }
}

/// Whether a character by itself can be seen: no space, no control character, none that Unicode has
/// ignored by default (`Default_Ignorable_Code_Point`), and no mark of annotations or blank braille.
fn shows(c: char) -> bool {
    let ignored = matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    !ignored && !c.is_whitespace() && !c.is_control()
}

/// A client's name: 1 to 255 characters after trimming, the same on every surface.
pub type ClientName = Name<255>;

/// An organization or project a client belongs to, or its owner: an opaque id of the caller's
/// world, 1 to 100 characters.
pub type ScopeId = Label<100>;

/// A tag: 1 to 100 characters after trimming.
pub type Tag = Label<100>;
