//! `/v2/clients/{client_id}/enrollment-tokens`

use super::{clients, views};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::Fields;
use crate::shared::query::{CURSOR, PageSize, Parameter};
use crate::shared::schema;
use axum::http::StatusCode;
use clientbook_app::{AppError, EnrollmentTerms, EnrollmentTokenQuery};
use clientbook_model::enrollment::EnrollmentToken;
use serde_json::Map;

const PAGE: PageSize = PageSize { default: 50, max: 500 };

pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter { name: "page_size", about: "Rows on a page", schema: || schema::page_size(PAGE) },
    CURSOR,
];

/// Every token of the client, whatever it is good for, newest first.
pub(super) async fn list(call: Call) -> Result<Answer, ApiError> {
    let target = clients::target(&call);
    let mut parameters = call.query;
    let query = EnrollmentTokenQuery {
        page_size: parameters.size("page_size", PAGE),
        cursor: parameters.text("cursor").map(str::to_owned),
    };
    parameters.finish()?;
    let page = call.app.list_enrollment_tokens(&call.caller, target, query).await?;
    let now = call.app.now();
    Answer::list(&views::list(&page, |token| views::enrollment_token(token, now)))
}

/// Makes a token and takes back the one before it.
pub(super) async fn create(call: Call) -> Result<Answer, ApiError> {
    let terms = call.admitted(clients::target(&call), terms(&call)).await?;
    let target = clients::target(&call);
    let now = call.app.now();
    let show = move |token: &EnrollmentToken| {
        Answer::json(StatusCode::CREATED, &views::enrollment_token(token, now))
    };
    let run = |once| call.app.create_enrollment_token(&call.caller, target, terms, once);
    call.once(run, show).await
}

/// Takes a token back; again, if you like.
pub(super) async fn revoke(call: Call) -> Result<Answer, ApiError> {
    let id = call.segment("token_id").to_owned();
    call.app.revoke_enrollment_token(&call.caller, clients::target(&call), id).await?;
    Ok(Answer::no_content())
}

pub(super) const KNOWN: &[&str] = &["description", "site_id", "max_uses", "expires_at"];

fn terms(call: &Call) -> Result<EnrollmentTerms, ApiError> {
    let object = if call.body.is_empty() { Map::new() } else { call.object()? };
    let mut fields = Fields::new(&object, "", KNOWN);
    let terms = EnrollmentTerms {
        description: fields.optional("description"),
        site_id: fields.optional("site_id"),
        max_uses: fields.optional("max_uses"),
        expires_at: fields.optional("expires_at"),
    };
    if fields.violations.is_empty() {
        return Ok(terms);
    }
    Err(AppError::Invalid(fields.violations).into())
}
