//! RFC 9457 `application/problem+json`

use crate::shared::error::{Details, sentence};
use crate::shared::shape::{Shaped, Told, json, path_in_camel};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct View<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    in_doubt: Option<bool>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = BrokenRule)]
struct Field {
    pointer: String,
    detail: String,
}

pub(crate) fn shape(told: &Told<'_>) -> Shaped {
    let problem = told.problem;
    let (mut detail, mut errors) = (problem.message.clone(), Vec::new());
    if let Details::Fields(fields) | Details::Parameters(fields) = &problem.details {
        let mut fields = fields.clone();
        for field in &mut fields {
            field.path = path_in_camel(field);
        }
        detail = sentence(&fields);
        let told = fields.into_iter();
        errors = told.map(|field| Field { pointer: field.path, detail: field.message }).collect();
    }
    let inside = problem.status == StatusCode::INTERNAL_SERVER_ERROR;
    let view = View {
        kind: "about:blank",
        title: problem.status.canonical_reason().unwrap_or("Error"),
        status: problem.status.as_u16(),
        detail: &detail,
        instance: told.path,
        errors,
        request_id: inside.then_some(told.request_id),
        in_doubt: problem.details.in_doubt(),
    };
    let content_type = "application/problem+json";
    Shaped { status: problem.status, content_type, body: json(&view) }
}
