//! `/client-types`

use super::views;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::Fields;
use crate::shared::query::Parameter;
use crate::shared::schema;
use axum::http::StatusCode;
use clientbook_app::{Home, NewClientType};
use clientbook_model::success::ClientType;

pub(super) const PARAMETERS: &[Parameter] = &[Parameter {
    name: "tenant",
    about: "The tenant: its slug, UUID or 24 hex digits. Absent: the caller's own",
    schema: schema::tenant,
}];

/// Every type of the tenant, by title.
pub(super) async fn list(call: Call) -> Result<Answer, ApiError> {
    let asked = call.query.text("tenant").map(str::to_owned);
    call.query.finish()?;
    let home = Home::Field { asked, at: "/tenant" };
    let types = call.app.list_client_types(&call.caller, home).await?;
    Answer::list(&types.iter().map(views::client_type).collect::<Vec<_>>())
}

/// Makes a type.
pub(super) async fn create(call: Call) -> Result<Answer, ApiError> {
    let home = Home::Field { asked: None, at: super::patch::TENANT };
    let new = call.admitted_home(home, new_type(&call)).await?;
    let show = |made: &ClientType| Answer::json(StatusCode::CREATED, &views::client_type(made));
    call.once(|once| call.app.create_client_type(&call.caller, new, once), show).await
}

pub(super) const KNOWN: &[&str] = &["title", "tenantId"];

fn new_type(call: &Call) -> Result<NewClientType, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", KNOWN);
    let title = fields.required("title");
    let home = Home::Field { asked: fields.optional("tenantId"), at: super::patch::TENANT };
    Ok(NewClientType { home, title, violations: fields.violations })
}
