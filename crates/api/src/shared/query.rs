//! Query parameters: known ones only, each once.

use super::error::ApiError;
use super::schema;
use clientbook_app::AppError;
use clientbook_model::nearest::nearest;
use clientbook_model::number::Int;
use clientbook_model::patch::Parse;
use clientbook_model::violation::{Violation, step};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::borrow::Cow;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

/// The rule that a parameter breaks which the call does not have.
pub(crate) const UNKNOWN_PARAMETER: &str = "unknown_parameter";

/// How many violations are told of one query.
const MAX_VIOLATIONS: usize = 20;

/// A parameter that a call has.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) schema: fn() -> RefOr<Schema>,
}

/// Where a list goes on.
pub(crate) const CURSOR: Parameter = Parameter {
    name: "cursor",
    about: "The `next_cursor` of the page before",
    schema: schema::any_text,
};

/// How many rows a page has.
#[derive(Clone, Copy)]
pub(crate) struct PageSize {
    /// Where the caller does not say.
    pub(crate) default: i64,
    /// At most.
    pub(crate) max: i64,
}

/// The parameters of a request.
#[derive(Default)]
pub(crate) struct Query {
    values: Vec<(String, String)>,
    violations: Vec<Violation>,
}

impl Query {
    /// Reads a query string; every parameter must be one of `known`.
    pub(crate) fn read(text: &str, known: &[Parameter]) -> Result<Self, ApiError> {
        let mut query = Self::default();
        if text.is_empty() {
            return Ok(query);
        }
        let known: Vec<_> = known.iter().map(|parameter| parameter.name).collect();
        for parameter in text.split('&').filter(|parameter| !parameter.is_empty()) {
            if query.violations.len() == MAX_VIOLATIONS {
                break;
            }
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let name = decoded(name).unwrap_or_else(|| name.to_owned());
            if !known.contains(&&*name) {
                query.violations.push(unknown(&name, &known));
            } else if query.text(&name).is_some() {
                query.refuse(&name, Violation::new("repeated", "must be there once at most"));
            } else if let Some(value) = decoded(value) {
                query.values.push((name, value));
            } else {
                let message = "must be percent-encoded UTF-8";
                query.refuse(&name, Violation::new("percent_encoding", message));
            }
        }
        if query.violations.is_empty() { Ok(query) } else { Err(ApiError::Query(query.violations)) }
    }

    /// Ends the reading: everything that was wrong, at once.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.violations.is_empty() { Ok(()) } else { Err(ApiError::Query(self.violations)) }
    }

    /// A parameter as text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// `true` or `false`; `false` if absent.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        match self.text(name) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                self.refuse(name, Violation::not_one_of(&["true", "false"]));
                false
            }
        }
    }

    /// `true` or `false`, where being absent says something else.
    pub(crate) fn boolean(&mut self, name: &str) -> Option<bool> {
        self.one_of(name, &["true", "false"], |text| Some(text == "true"))
    }

    /// A whole number from 1 to the largest size, never clamped.
    pub(crate) fn size(&mut self, name: &str, size: PageSize) -> i64 {
        let PageSize { default, max } = size;
        let Some(text) = self.text(name) else {
            return default;
        };
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let size = text.parse().ok().filter(|size| plain && (1..=max).contains(size));
        size.unwrap_or_else(|| {
            let message = format!("must be a whole number from 1 to {max}");
            self.refuse(name, Violation::new("range", message));
            default
        })
    }

    /// A whole number with bounds.
    pub(crate) fn number<const MIN: i64, const MAX: i64>(
        &mut self,
        name: &str,
    ) -> Option<Int<MIN, MAX>> {
        let text = self.text(name)?;
        let number = text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from);
        Int::parse(&number).map_err(|broken| self.refuse(name, broken)).ok()
    }

    /// The number of a page, from 0.
    pub(crate) fn page(&mut self, name: &str) -> i64 {
        let Some(text) = self.text(name) else {
            return 0;
        };
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let page = text.parse().ok().filter(|_| plain);
        page.unwrap_or_else(|| {
            let message = format!("must be a whole number from 0 to {}", i64::MAX);
            self.refuse(name, Violation::new("range", message));
            0
        })
    }

    /// A parameter of a type of the model.
    pub(crate) fn parse<T: Parse>(&mut self, name: &str) -> Option<T> {
        let read = T::parse(&Value::from(self.text(name)?));
        read.map_err(|broken| self.refuse(name, broken)).ok()
    }

    /// One of a list of names.
    pub(crate) fn one_of<T>(
        &mut self,
        name: &str,
        allowed: &[&str],
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let found = allowed.contains(&text).then(|| read(text)).flatten();
        if found.is_none() {
            self.refuse(name, Violation::not_one_of(allowed));
        }
        found
    }

    pub(crate) fn refuse(&mut self, name: &str, violation: Violation) {
        self.violations.push(violation.below(&step(name)));
    }
}

/// A refusal that came with the loaded rows, as what it is about: a parameter.
pub(crate) fn about_parameters(error: AppError) -> ApiError {
    match error {
        AppError::Invalid(fields) => ApiError::Query(fields),
        other => other.into(),
    }
}

/// A name or a value as it was meant. What is no percent-encoded UTF-8 could only be guessed at.
fn decoded(text: &str) -> Option<String> {
    let mut escapes = text.split('%').skip(1);
    let is_escape = |after: &str| {
        after.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !escapes.all(is_escape) {
        return None;
    }
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(Cow::into_owned)
}

fn unknown(name: &str, known: &[&str]) -> Violation {
    let hint = nearest(name, known.iter().copied());
    let hint = hint.map_or(String::new(), |near| format!("; did you mean {near}?"));
    let list = if known.is_empty() { "none".into() } else { known.join(", ") };
    let message = format!("is no query parameter of this call (it has: {list}){hint}");
    let allowed = known.iter().map(ToString::to_string).collect();
    Violation { allowed, ..Violation::new(UNKNOWN_PARAMETER, message).below(&step(name)) }
}
