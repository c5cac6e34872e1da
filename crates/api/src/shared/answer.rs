//! What a handler answers.

use super::error::ApiError;
use axum::http::StatusCode;
use serde::Serialize;

/// An answer before it gets the headers that all answers have.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    /// JSON, or a file; empty where the status has no content.
    pub(crate) body: Vec<u8>,
    /// The version of the record shown, 0 where there is none; `None` for an answer without a tag.
    pub(crate) version: Option<i64>,
    /// It carries a secret: nobody may keep it.
    pub(crate) secret: bool,
    /// What a page may load and run.
    pub(crate) security_policy: Option<&'static str>,
}

impl Answer {
    /// 200 with a view of a record of this version.
    pub(crate) fn record(version: i64, view: &impl Serialize) -> Result<Self, ApiError> {
        let mut answer = Self::json(StatusCode::OK, view)?;
        answer.version = Some(version);
        Ok(answer)
    }

    /// 200 with a list.
    pub(crate) fn list(view: &impl Serialize) -> Result<Self, ApiError> {
        Self::record(0, view)
    }

    /// A status and its JSON.
    pub(crate) fn json(status: StatusCode, view: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_vec(view).map_err(|error| ApiError::internal(&error))?;
        Ok(Self::of(status, body))
    }

    /// 204.
    pub(crate) fn no_content() -> Self {
        Self::of(StatusCode::NO_CONTENT, Vec::new())
    }

    /// 200 with a file of any type.
    pub(crate) fn file(content_type: &'static str, body: Vec<u8>) -> Self {
        Self { content_type, version: Some(0), ..Self::of(StatusCode::OK, body) }
    }

    fn of(status: StatusCode, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type: "application/json",
            body,
            version: None,
            secret: false,
            security_policy: None,
        }
    }
}
