//! A body that the handler reads while it comes. Its sender must keep sending: whoever is silent for
//! 30 seconds is cut off by the server's side of the connection.

use super::body;
use super::error::ApiError;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;

/// A body and the headers it came with.
pub(crate) struct Incoming {
    headers: HeaderMap,
    body: Body,
}

impl Incoming {
    pub(crate) fn new(headers: HeaderMap, body: Body) -> Self {
        Self { headers, body }
    }

    /// Its media type without parameters, in lower case.
    pub(crate) fn media_type(&self) -> String {
        let value = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = value.unwrap_or_default().split(';').next().unwrap_or_default();
        essence.trim().to_ascii_lowercase()
    }

    /// Refuses one that is encoded.
    pub(crate) fn check_encoding(&self) -> Result<(), ApiError> {
        body::check_encoding(&self.headers)
    }

    /// The next bytes; `None` at its end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        while let Some(frame) = self.body.frame().await {
            let broken = |_| ApiError::Unreadable("The body broke off before its end".into());
            if let Ok(data) = frame.map_err(broken)?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Throws some of it away, so that its sender gets to read why it is refused.
    pub(crate) async fn refuse(self, error: ApiError) -> ApiError {
        body::drain(&self.headers, self.body).await;
        error
    }
}
