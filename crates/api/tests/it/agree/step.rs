//! What is done to both engines at once.

use axum::http::{Method, Request};
use clientbook_app::AuditScope;
use std::fmt;

/// One operation.
#[derive(Debug)]
pub(super) enum Step {
    /// A request.
    Call(Call),
    /// The clock goes on, or back, by so many milliseconds.
    Advance(i64),
    /// `clientbook audit verify`.
    Verify(AuditScope),
}

/// A request, made but not sent.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Call {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn json(self, body: impl Into<Vec<u8>>) -> Self {
        let call = self.header("content-type", "application/json");
        Self { body: body.into(), ..call }
    }

    pub(super) fn request(&self) -> Request<Vec<u8>> {
        let mut request = Request::builder().method(self.method.clone()).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let length = self.body.len().to_string();
        let request = request.header("content-length", length).body(self.body.clone());
        request.unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl From<Call> for Step {
    fn from(call: Call) -> Self {
        Self::Call(call)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.method, self.path)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "\n{}", String::from_utf8_lossy(&self.body))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call) => call.fmt(f),
            other => write!(f, "{other:?}"),
        }
    }
}
