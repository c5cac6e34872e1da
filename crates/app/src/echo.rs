//! Fields that callers send back as they read them: what cannot be changed must be as it is.

use clientbook_model::violation::Violation;
use serde_json::Value;

/// Such a field of a record `R`.
#[derive(Debug, Clone)]
pub struct Echo<R> {
    /// JSON pointer to it.
    pub path: String,
    /// What was sent.
    pub sent: Value,
    /// Whether that is what the record has.
    pub matches: fn(&R, &Value) -> bool,
}

/// Those that `record` has otherwise.
pub(crate) fn broken<R>(record: &R, echoes: &[Echo<R>]) -> impl Iterator<Item = Violation> {
    let broken = echoes.iter().filter(|echo| !(echo.matches)(record, &echo.sent));
    let message = "cannot be changed here: leave it out, or send it back as it was read";
    broken.map(move |echo| Violation::new("read_only", message).below(&echo.path))
}
