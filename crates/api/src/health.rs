//! Whether the process lives and whether it can serve.

use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::operation::{Access, Operation};
use axum::http::{Method, StatusCode};
use clientbook_model::audit::Surface;
use serde_json::json;

pub(crate) fn operations() -> Vec<Operation> {
    let surface = Surface::System;
    vec![
        Operation::new(surface, Method::GET, "/healthz", Access::Public, alive),
        Operation::new(surface, Method::GET, "/readyz", Access::Public, ready),
    ]
}

/// The process answers.
async fn alive(_: Call) -> Result<Answer, ApiError> {
    Answer::json(StatusCode::OK, &json!({ "status": "ok" }))
}

/// The store answers and takes writes; 503 or 507 where it does not.
async fn ready(call: Call) -> Result<Answer, ApiError> {
    call.app.ping().await?;
    Answer::json(StatusCode::OK, &json!({ "status": "ok" }))
}
