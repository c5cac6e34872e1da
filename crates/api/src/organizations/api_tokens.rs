//! `/v2/api-tokens`

use super::views;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::Fields;
use crate::shared::query::{CURSOR, PageSize, Parameter};
use crate::shared::schema;
use axum::http::StatusCode;
use clientbook_app::{ApiTokenQuery, App, AppError, NewApiToken};
use clientbook_model::api_token::{ApiToken, Capability, MAX_CLIENTS};
use clientbook_model::id::ClientId;
use clientbook_model::patch::Parse as _;
use clientbook_model::principal::{Permission, Role};
use clientbook_model::secret::Secret;
use clientbook_model::violation::Violation;
use serde_json::Value;
use std::collections::BTreeSet;

const PAGE: PageSize = PageSize { default: 50, max: 500 };

pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "tenant",
        about: "The tenant: its slug, UUID or 24 hex digits. Absent: the caller's own",
        schema: schema::tenant,
    },
    Parameter { name: "page_size", about: "Rows on a page", schema: || schema::page_size(PAGE) },
    CURSOR,
];

/// Tokens that work or have expired, newest first; revoked ones are in the audit trail.
pub(super) async fn list(call: Call) -> Result<Answer, ApiError> {
    let mut parameters = call.query;
    let query = ApiTokenQuery {
        tenant: parameters.text("tenant").map(str::to_owned),
        page_size: parameters.size("page_size", PAGE),
        cursor: parameters.text("cursor").map(str::to_owned),
    };
    parameters.finish()?;
    let page = call.app.list_api_tokens(&call.caller, query).await?;
    Answer::list(&views::list(&page, views::api_token))
}

/// Makes a token; the answer is the only one that ever holds its secret.
pub(super) async fn create(call: Call) -> Result<Answer, ApiError> {
    App::may_manage_tokens(&call.caller)?;
    let wish = wish(&call)?;
    let show = |(token, secret): &(ApiToken, Secret)| {
        let view = views::new_api_token(token, secret);
        let mut answer = Answer::json(StatusCode::CREATED, &view)?;
        answer.secret = true;
        Ok(answer)
    };
    call.once(|once| call.app.issue_api_token(&call.caller, wish, once), show).await
}

/// Takes a token back; again, if you like.
pub(super) async fn revoke(call: Call) -> Result<Answer, ApiError> {
    let id = call.segment("token_id").to_owned();
    call.app.revoke_api_token(&call.caller, id).await?;
    Ok(Answer::no_content())
}

pub(super) const KNOWN: &[&str] =
    &["name", "tenant", "role", "permissions", "client_ids", "org_id", "project_id", "expires_at"];

fn wish(call: &Call) -> Result<NewApiToken, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", KNOWN);
    let name = fields.required("name");
    let tenant = fields.optional("tenant");
    let capability = capability(&mut fields);
    let client_ids = client_ids(&mut fields);
    let org_id = fields.optional("org_id");
    let project_id = fields.optional("project_id");
    let expires_at = fields.optional("expires_at");
    match (name, capability) {
        (Some(name), Some(capability)) if fields.violations.is_empty() => {
            Ok(NewApiToken { name, tenant, capability, client_ids, org_id, project_id, expires_at })
        }
        _ => Err(AppError::Invalid(fields.violations).into()),
    }
}

/// A role or permissions, not both.
fn capability(fields: &mut Fields<'_>) -> Option<Capability> {
    let present = |name| fields.raw(name).is_some_and(|value| !value.is_null());
    match (present("role"), present("permissions")) {
        (true, false) => {
            let role = fields.raw("role").and_then(Value::as_str).and_then(Role::from_name);
            if role.is_none() {
                fields.refuse("role", Violation::not_one_of(&Role::ALL.map(Role::as_str)));
            }
            role.map(Capability::Role)
        }
        (false, true) => {
            let permissions = fields.list("permissions", Permission::ALL.len(), |item, at| {
                let known = item.as_str().and_then(Permission::from_name);
                let names = Permission::ALL.map(Permission::as_str);
                known.ok_or_else(|| vec![Violation::not_one_of(&names).below(at)])
            })?;
            if permissions.is_empty() {
                fields.refuse("permissions", Violation::new("min_items", "must name at least one"));
            }
            Some(Capability::Permissions(permissions.into_iter().collect()))
        }
        _ => {
            let message = "give either a role or permissions";
            fields.refuse("role", Violation::new("required", message));
            None
        }
    }
}

fn client_ids(fields: &mut Fields<'_>) -> Option<Vec<ClientId>> {
    if fields.raw("client_ids")?.is_null() {
        return None;
    }
    let mut seen = BTreeSet::new();
    let ids = fields.list("client_ids", MAX_CLIENTS, |item, at| {
        let id = ClientId::parse(item).and_then(|id| {
            let twice = || Violation::new("duplicate", "names a client for the second time");
            if seen.insert(id) { Ok(id) } else { Err(twice()) }
        });
        id.map_err(|broken| vec![broken.below(at)])
    })?;
    if ids.is_empty() {
        fields.refuse("client_ids", Violation::new("min_items", "must hold at least 1 id"));
    }
    Some(ids)
}
