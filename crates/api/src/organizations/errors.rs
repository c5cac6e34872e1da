//! `{"error": {"code", "message", "details"}}`

use crate::shared::error::{Details, Problem};
use crate::shared::shape::{Shaped, Told, json};
use axum::http::StatusCode;
use clientbook_model::collection::CollectionMode;
use clientbook_model::control::ControlError;
use serde::Serialize;
use serde_json::{Value, json};
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
    #[schema(value_type = super::docs::Details)]
    details: Value,
}

pub(crate) fn shape(told: &Told<'_>) -> Shaped {
    let Problem { status, code, message, .. } = told.problem;
    let view = View { error: Error { code, message, details: details(told) } };
    Shaped { status: *status, content_type: "application/json", body: json(&view) }
}

fn details(told: &Told<'_>) -> Value {
    match &told.problem.details {
        Details::Fields(fields) | Details::Parameters(fields) => json!({ "fields": fields }),
        Details::Missing(missing) => {
            let id = format!("{}_id", missing.kind);
            json!({ id: missing.id })
        }
        Details::Permission(permission) => json!({ "permission": permission.as_str() }),
        Details::Transition(refused) => transition(refused),
        Details::NotCollected(why) => {
            let collect: Vec<_> = why.collect.iter().map(|kind| kind.as_str()).collect();
            let mut details = json!({
                "effective_mode": why.effective_mode.as_str(),
                "directive": why.directive.as_str(),
                "collect": collect,
            });
            if !why.user_keys.is_empty() {
                details["user_keys"] = json!(why.user_keys);
            }
            details
        }
        Details::InDoubt => json!({ "in_doubt": true }),
        Details::Made(id) => json!({ "id": id }),
        Details::None if told.problem.status == StatusCode::INTERNAL_SERVER_ERROR => {
            json!({ "request_id": told.request_id })
        }
        Details::None | Details::Credentials(_) => json!({}),
    }
}

fn transition(refused: &ControlError) -> Value {
    match refused {
        ControlError::Mode(refused) => json!({
            "current_mode": refused.current.as_str(),
            "requested_mode": refused.requested.as_str(),
        }),
        ControlError::State(refused) => json!({
            "device_id": refused.device_id,
            "current_state": refused.current.as_str(),
            "requested_state": refused.requested.as_str(),
        }),
        ControlError::User(refused) => json!({
            "user_id": refused.user_id,
            "current_status": refused.current.as_str(),
            "requested_status": refused.requested.as_str(),
        }),
        ControlError::ClientDeleted => {
            json!({ "current_mode": CollectionMode::Deleted.as_str() })
        }
    }
}
