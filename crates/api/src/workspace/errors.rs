//! `{"error": {"code", "message", "fields"}}`; `fields` only where values break rules (422).

use crate::shared::error::{Details, sentence};
use crate::shared::fields::UNKNOWN_FIELD;
use crate::shared::schema;
use crate::shared::shape::{Shaped, Told, json, path_in_camel};
use axum::http::StatusCode;
use clientbook_model::violation::Violation;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct View<'a> {
    error: Error<'a>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ErrorContent)]
struct Error<'a> {
    #[schema(value_type = super::docs::Code)]
    code: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<schema::BrokenRule>>, nullable = false)]
    fields: Option<Vec<Violation>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    in_doubt: Option<bool>,
}

pub(crate) fn shape(told: &Told<'_>) -> Shaped {
    let problem = told.problem;
    let (mut status, mut code, mut message) =
        (problem.status, problem.code, problem.message.clone());
    let mut fields = None;
    if let Details::Fields(broken) = &problem.details {
        let named: Vec<_> = broken.iter().cloned().map(named_here).collect();
        message = sentence(&named);
        if status == StatusCode::BAD_REQUEST {
            (status, code) = (StatusCode::UNPROCESSABLE_ENTITY, "validation_failed");
            fields = Some(named);
        }
    }
    let inside = status == StatusCode::INTERNAL_SERVER_ERROR;
    let request_id = inside.then_some(told.request_id);
    let in_doubt = problem.details.in_doubt();
    let view = View { error: Error { code, message: &message, fields, request_id, in_doubt } };
    Shaped { status, content_type: "application/json", body: json(&view) }
}

/// The violation under the name that the field has on this surface.
fn named_here(violation: Violation) -> Violation {
    let path = path_in_camel(&violation);
    let path = match path.strip_prefix("/custom") {
        // Only the record's own field has this name: one of the request would be unknown.
        Some(rest)
            if violation.rule != UNKNOWN_FIELD && (rest.is_empty() || rest.starts_with('/')) =>
        {
            format!("/customFields{rest}")
        }
        _ => path,
    };
    Violation { path, ..violation }
}
