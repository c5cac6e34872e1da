//! What a handler answers.

use super::conditional;
use super::error::ApiError;
use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use clientbook_app::{ClientRecord, ReadClient, Shown, Told};
use clientbook_model::audit::Surface;
use serde::Serialize;

/// An answer before it gets the headers that all answers have.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    /// JSON, or a file; empty where the status has no content.
    pub(crate) body: Bytes,
    /// A file that is made while it is read, instead of `body`: its name, and what comes.
    pub(crate) stream: Option<(&'static str, Body)>,
    /// The version of the record shown, 0 where there is none; `None` for an answer without a tag.
    pub(crate) version: Option<i64>,
    /// The tag, where it is known already.
    pub(crate) tag: Option<String>,
    /// It carries a secret: nobody may keep it.
    pub(crate) secret: bool,
    /// Where the next page is, below this server's address.
    pub(crate) next: Option<String>,
    /// What a page may load and run.
    pub(crate) security_policy: Option<&'static str>,
    /// Where what was made can be read.
    pub(crate) location: Option<String>,
}

impl Answer {
    /// 200 with a view of a record of this version.
    pub(crate) fn record(version: i64, view: &impl Serialize) -> Result<Self, ApiError> {
        let mut answer = Self::json(StatusCode::OK, view)?;
        answer.version = Some(version);
        Ok(answer)
    }

    /// 201 with a view of a new record of this version, which `location` leads to.
    pub(crate) fn created(
        version: i64,
        location: String,
        view: &impl Serialize,
    ) -> Result<Self, ApiError> {
        let mut answer = Self::json(StatusCode::CREATED, view)?;
        (answer.version, answer.location) = (Some(version), Some(location));
        Ok(answer)
    }

    /// 200 with what the surface shows of a client that was read; the same until it changes.
    pub(crate) fn read<'r, V: Serialize>(
        read: &'r ReadClient,
        surface: Surface,
        view: impl FnOnce(&'r ClientRecord) -> V,
    ) -> Result<Self, ApiError> {
        let version = read.record.client.version;
        let shown = read.shown(surface, || {
            let body = serde_json::to_vec(&view(&read.record));
            let body = body.map_err(|error| ApiError::internal(&error))?;
            let tag = conditional::tag(version, &body);
            Ok::<_, ApiError>(Shown { body: body.into(), tag })
        })?;
        let answer = Self::of(StatusCode::OK, shown.body);
        Ok(Self { version: Some(version), tag: Some(shown.tag), ..answer })
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

    /// 200 with a body that is there already.
    pub(crate) fn ready(body: Bytes) -> Self {
        Self::of(StatusCode::OK, body)
    }

    /// 204.
    pub(crate) fn no_content() -> Self {
        Self::of(StatusCode::NO_CONTENT, Vec::new())
    }

    /// 200 with a file of any type.
    pub(crate) fn file(content_type: &'static str, body: Vec<u8>) -> Self {
        Self { content_type, version: Some(0), ..Self::of(StatusCode::OK, body) }
    }

    /// 200 with a file that is made while it is read. An error on the way breaks it off.
    pub(crate) fn stream(content_type: &'static str, name: &'static str, body: Body) -> Self {
        Self { content_type, stream: Some((name, body)), ..Self::of(StatusCode::OK, Vec::new()) }
    }

    fn of(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: "application/json",
            body: body.into(),
            stream: None,
            version: None,
            tag: None,
            secret: false,
            next: None,
            security_policy: None,
            location: None,
        }
    }
}

/// What a keyed call is answered, now or once more.
impl From<Told> for Answer {
    fn from(told: Told) -> Self {
        let Told { status, version, location, body, secret } = told;
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        Self { version, secret, location, ..Self::of(status, body) }
    }
}
