//! Custom fields: values by key that a workspace adds to its clients.

use crate::violation::Violation;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// The most values one client can hold.
pub const MAX_VALUES: usize = 500;

/// The most characters of one text value.
pub const MAX_TEXT: usize = 65_536;

/// The most characters of a key.
pub const MAX_KEY: usize = 100;

/// The key of a custom field: 1 to 100 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldKey(String);

impl FieldKey {
    /// Checks the limits.
    pub fn new(key: &str) -> Result<Self, Violation> {
        let length = key.chars().count();
        if !(1..=MAX_KEY).contains(&length)
            || key.trim() != key
            || key.chars().any(char::is_control)
        {
            let message = format!(
                "must have 1 to {MAX_KEY} characters, no control characters and no spaces at the ends"
            );
            return Err(Violation::new("field_key", message));
        }
        Ok(Self(key.to_owned()))
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A client's custom values, by key.
pub type CustomValues = BTreeMap<FieldKey, Value>;

/// What a request says about custom values: keys not named stay, `None` removes one.
pub type CustomPatch = BTreeMap<FieldKey, Option<Value>>;

/// Checks a value for a key that nobody defined: such a field is a text.
pub fn check_undefined(value: &Value) -> Result<(), Violation> {
    let Some(text) = value.as_str() else {
        let message = "must be a string or null: a field that is not defined holds text";
        return Err(Violation::new("type", message));
    };
    crate::text::no_nul(text)?;
    if text.chars().count() > MAX_TEXT {
        let message = format!("must have at most {MAX_TEXT} characters");
        return Err(Violation::new("max_length", message));
    }
    Ok(())
}

/// The values after `patch`, or the rule on their number.
pub fn merge(values: &CustomValues, patch: &CustomPatch) -> Result<CustomValues, Violation> {
    let mut merged = values.clone();
    for (key, value) in patch {
        match value {
            Some(value) => merged.insert(key.clone(), value.clone()),
            None => merged.remove(key),
        };
    }
    if merged.len() > MAX_VALUES {
        let message = format!("a client holds at most {MAX_VALUES} custom values");
        return Err(Violation::new("max_items", message));
    }
    Ok(merged)
}
