//! What a request says about one field: nothing, "clear it", or a new value.

use crate::violation::Violation;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A nullable field in a merge patch (RFC 7396): absent and null are different wishes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The field is not in the request: leave it alone.
    #[default]
    Absent,
    /// The field is null (or, for an optional text, empty): clear it.
    Clear,
    /// The field has a new value.
    Set(T),
}

impl<T: Clone> Patch<T> {
    /// Puts the wish into effect on `target`.
    pub fn apply(&self, target: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Clear => *target = None,
            Self::Set(value) => *target = Some(value.clone()),
        }
    }

    /// Whether the request says anything about the field.
    pub fn is_present(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

impl<T: Parse> Patch<T> {
    /// Reads what a request says of a field: `None` where it says nothing.
    pub fn read(value: Option<&Value>) -> Result<Self, Violation> {
        match value {
            None => Ok(Self::Absent),
            Some(Value::Null) => Ok(Self::Clear),
            Some(Value::String(text)) if text.is_empty() && T::EMPTY_CLEARS => Ok(Self::Clear),
            Some(value) => T::parse(value).map(Self::Set),
        }
    }
}

/// The wish to have a value again that the trail holds; null clears.
pub(crate) fn from_trail<T: DeserializeOwned>(value: &Value) -> Result<Patch<T>, Violation> {
    if value.is_null() {
        return Ok(Patch::Clear);
    }
    value_from_trail(value).map(Patch::Set)
}

/// A value that the trail holds.
pub(crate) fn value_from_trail<T: DeserializeOwned>(value: &Value) -> Result<T, Violation> {
    T::deserialize(value).map_err(|_| {
        Violation::new("format", "cannot be put back: it had a form that there is no more")
    })
}

/// A value that can be read from one JSON value. The type's own docs state its limits.
pub trait Parse: Sized {
    /// Whether an empty string clears an optional field of this type.
    const EMPTY_CLEARS: bool = false;

    /// Reads the value, or says which rule it breaks.
    fn parse(value: &Value) -> Result<Self, Violation>;
}

impl Parse for bool {
    fn parse(value: &Value) -> Result<Self, Violation> {
        value.as_bool().ok_or_else(|| Violation::not_a("a boolean"))
    }
}

/// Any string, without U+0000.
impl Parse for String {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let text = value.as_str().ok_or_else(|| Violation::not_a("a string"))?;
        crate::text::no_nul(text)?;
        Ok(text.to_owned())
    }
}
