//! `{"error": "<reason phrase>", "message"}`, with the `request_id` of a failure inside
//! and `in_doubt` where the change may have been made.

use crate::shared::error::Details;
use crate::shared::shape::{Shaped, Told, json};
use axum::http::StatusCode;
use clientbook_model::principal::Permission;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct View<'a> {
    error: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    in_doubt: Option<bool>,
}

pub(crate) fn shape(told: &Told<'_>) -> Shaped {
    let status = told.problem.status;
    let message = match &told.problem.details {
        // Two sentences that published integrations look for.
        Details::Missing(_) => "Client not found in tenant scope",
        Details::Permission(Permission::ClientsStatus) => {
            "Admin privileges required to modify client status"
        }
        _ => &told.problem.message,
    };
    let inside = status == StatusCode::INTERNAL_SERVER_ERROR;
    let view = View {
        error: status.canonical_reason().unwrap_or("Error"),
        message,
        request_id: inside.then_some(told.request_id),
        in_doubt: told.problem.details.in_doubt(),
    };
    Shaped { status, content_type: "application/json", body: json(&view) }
}
