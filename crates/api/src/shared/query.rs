//! Query parameters: known ones only, each once.

use super::error::ApiError;
use clientbook_model::nearest::nearest;
use clientbook_model::patch::Parse;
use clientbook_model::violation::{Violation, step};
use serde_json::Value;

/// The rule that a parameter breaks which the call does not have.
pub(crate) const UNKNOWN_PARAMETER: &str = "unknown_parameter";

/// The parameters of a request.
#[derive(Default)]
pub(crate) struct Query {
    values: Vec<(String, String)>,
}

impl Query {
    /// Reads a query string; every parameter must be one of `known`.
    pub(crate) fn read(text: &str, known: &[&str]) -> Result<Self, ApiError> {
        let mut values: Vec<(String, String)> = Vec::new();
        let mut violations = Vec::new();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            if !known.contains(&&*name) {
                violations.push(unknown(&name, known));
            } else if values.iter().any(|(seen, _)| *seen == name) {
                let twice = Violation::new("repeated", "must be there once at most");
                violations.push(twice.below(&step(&name)));
            } else {
                values.push((name.into_owned(), value.into_owned()));
            }
        }
        if violations.is_empty() { Ok(Self { values }) } else { Err(ApiError::Query(violations)) }
    }

    /// A parameter as text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// `true` or `false`; `false` if absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(refuse(name, Violation::not_one_of(&["true", "false"]))),
        }
    }

    /// A whole number from 1 to `max`, never clamped.
    pub(crate) fn size(&self, name: &str, default: i64, max: i64) -> Result<i64, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let size = text.parse().ok().filter(|size| plain && (1..=max).contains(size));
        size.ok_or_else(|| {
            let message = format!("must be a whole number from 1 to {max}");
            refuse(name, Violation::new("range", message))
        })
    }

    /// A parameter of a type of the model.
    pub(crate) fn parse<T: Parse>(&self, name: &str) -> Result<Option<T>, ApiError> {
        let parse = |text| T::parse(&Value::from(text)).map_err(|broken| refuse(name, broken));
        self.text(name).map(parse).transpose()
    }

    /// One of a list of names.
    pub(crate) fn one_of<T>(
        &self,
        name: &str,
        allowed: &[&str],
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let known = |text| allowed.contains(&text).then(|| read(text)).flatten();
        let parse = |text| known(text).ok_or_else(|| refuse(name, Violation::not_one_of(allowed)));
        self.text(name).map(parse).transpose()
    }
}

fn refuse(name: &str, violation: Violation) -> ApiError {
    ApiError::Query(vec![violation.below(&step(name))])
}

fn unknown(name: &str, known: &[&str]) -> Violation {
    let hint = nearest(name, known.iter().copied());
    let hint = hint.map_or(String::new(), |near| format!("; did you mean {near}?"));
    let list = if known.is_empty() { "none".into() } else { known.join(", ") };
    let message = format!("is no query parameter of this call (it has: {list}){hint}");
    let allowed = known.iter().map(ToString::to_string).collect();
    Violation { allowed, ..Violation::new(UNKNOWN_PARAMETER, message).below(&step(name)) }
}
