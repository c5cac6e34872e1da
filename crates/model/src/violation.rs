//! A broken rule, said so that a program and a person can both act on it.

use serde::Serialize;

/// One rule that one field of a request breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// JSON pointer (RFC 6901) to the field, `""` for the value itself.
    pub path: String,
    /// Stable name of the rule, such as `max_length`.
    pub rule: &'static str,
    /// What was expected, as a sentence.
    pub message: String,
    /// The allowed values, where there is a list of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
}

impl Violation {
    /// A violation of the value itself; the reader of the surrounding object adds the path.
    pub fn new(rule: &'static str, message: impl Into<String>) -> Self {
        Self { path: String::new(), rule, message: message.into(), allowed: Vec::new() }
    }

    /// A value that is none of a fixed list.
    pub fn not_one_of(allowed: &[&str]) -> Self {
        let message = format!("must be one of: {}", allowed.join(", "));
        let allowed = allowed.iter().map(ToString::to_string).collect();
        Self { path: String::new(), rule: "enum", message, allowed }
    }

    /// A value of another JSON type.
    pub fn not_a(expected: &str) -> Self {
        Self::new("type", format!("must be {expected}"))
    }

    /// The same violation, below `path`.
    #[must_use]
    pub fn below(mut self, path: &str) -> Self {
        self.path.insert_str(0, path);
        self
    }
}

/// One step of a JSON pointer: `name` with `~` and `/` escaped (RFC 6901, section 3).
pub fn step(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
