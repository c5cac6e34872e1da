//! Whether the process lives and whether it can serve.

use crate::openapi::Doc;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::operation::{Access, Operation};
use axum::http::{Method, StatusCode};
use clientbook_model::audit::Surface;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) fn operations() -> Vec<Operation> {
    let surface = Surface::System;
    vec![
        Operation::new(surface, Method::GET, "/healthz", Access::Public, alive, || {
            doc("readHealth", "Whether the process answers")
        }),
        Operation::new(surface, Method::GET, "/readyz", Access::Public, ready, || {
            doc("readReadiness", "Whether the store answers and takes writes")
        }),
    ]
}

#[derive(Serialize, ToSchema)]
struct HealthView {
    #[schema(pattern = "^ok$")]
    status: &'static str,
}

fn doc(id: &'static str, summary: &'static str) -> Doc {
    Doc::new(id, summary).answers::<HealthView>(200, "It is well", json!({ "status": "ok" }))
}

/// The process answers.
async fn alive(_: Call) -> Result<Answer, ApiError> {
    Answer::json(StatusCode::OK, &HealthView { status: "ok" })
}

/// The store answers and takes writes; 503 or 507 where it does not.
async fn ready(call: Call) -> Result<Answer, ApiError> {
    call.app.ping().await?;
    Answer::json(StatusCode::OK, &HealthView { status: "ok" })
}
