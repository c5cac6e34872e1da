//! What the engine sends, statement by statement, so that pgbench can send the very same.

use super::transaction::Kind;
use crate::db::Db;
use crate::error::DbError;
use crate::value::Value;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

/// Where finished transactions are written down, while somebody wants it.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Option<Vec<Sent>>>>);

/// Transactions that were committed, and lookups, in the order in which they ended.
#[derive(Debug)]
pub struct Traffic(pub(super) Vec<Sent>);

/// A transaction, or the statements of a lookup.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) kind: Kind,
    pub(super) calls: Vec<Call>,
}

/// A statement as it was sent.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) text: &'static str,
    pub(super) args: Vec<Arg>,
    /// Whether nothing more was sent before its answer.
    pub(super) awaited: bool,
}

/// An argument in PostgreSQL's text form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arg {
    pub(super) text: Option<String>,
    /// The column's type; empty for NULL.
    pub(super) of_type: &'static str,
}

/// What one transaction has sent so far; nothing while nobody records.
pub(super) struct Tape {
    recorder: Option<Recorder>,
    calls: Vec<Call>,
}

impl Recorder {
    pub(super) fn tape(&self) -> Tape {
        let is_on = self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        Tape { recorder: is_on.then(|| self.clone()), calls: Vec::new() }
    }

    fn replace(&self, by: Option<Vec<Sent>>) -> Option<Vec<Sent>> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), by)
    }
}

impl Tape {
    pub(super) fn note(&mut self, text: &'static str, args: &[Value<'_>], awaited: bool) {
        if self.recorder.is_some() {
            let args = args.iter().map(Arg::from).collect();
            self.calls.push(Call { text, args, awaited });
        }
    }

    /// The transaction has ended well.
    pub(super) fn keep(&mut self, kind: Kind) {
        let Some(recorder) = self.recorder.take() else {
            return;
        };
        let mut kept = recorder.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_mut() {
            kept.push(Sent { kind, calls: std::mem::take(&mut self.calls) });
        }
    }
}

impl From<&Value<'_>> for Arg {
    fn from(value: &Value<'_>) -> Self {
        let (text, of_type) = match value {
            Value::Null => return Self { text: None, of_type: "" },
            Value::Bool(value) => (value.to_string(), "boolean"),
            Value::Int(value) => (value.to_string(), "bigint"),
            Value::Text(value) => ((*value).to_owned(), "text"),
            Value::Bytes(value) => (hex(value), "bytea"),
            Value::Uuid(value) => (value.to_string(), "uuid"),
            Value::Time(value) => (value.to_string(), "timestamptz"),
            Value::Json(value) => ((*value).to_owned(), "jsonb"),
            Value::Uuids(ids) => {
                let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
                (format!("{{{}}}", ids.join(",")), "uuid[]")
            }
        };
        Self { text: Some(text), of_type }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::from("\\x");
    for byte in bytes {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

impl Db {
    /// Writes down what is sent to PostgreSQL from the next transaction on.
    pub fn start_tape(&self) -> Result<(), DbError> {
        let recorder = self.recorder().ok_or_else(not_here)?;
        recorder.replace(Some(Vec::new()));
        Ok(())
    }

    /// What has ended well since.
    pub fn stop_tape(&self) -> Result<Traffic, DbError> {
        let recorder = self.recorder().ok_or_else(not_here)?;
        recorder.replace(None).map(Traffic).ok_or_else(|| DbError::internal("nothing was recorded"))
    }
}

fn not_here() -> DbError {
    DbError::internal("only what PostgreSQL is sent can be taped")
}
