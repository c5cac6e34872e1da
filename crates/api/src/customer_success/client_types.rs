//! `/client-types`

use super::views;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::Fields;
use crate::shared::query::Parameter;
use crate::shared::schema;
use axum::http::StatusCode;
use clientbook_app::{AppError, Home};
use clientbook_model::success::TypeTitle;

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
    let (title, home) = match wish(&call) {
        Ok(wish) => wish,
        Err(broken) => {
            let home = Home::Field { asked: None, at: super::patch::TENANT };
            call.app.may_create_client_type(&call.caller, home).await?;
            return Err(broken);
        }
    };
    let made = call.app.create_client_type(&call.caller, home, title).await?;
    Answer::json(StatusCode::CREATED, &views::client_type(&made))
}

pub(super) const KNOWN: &[&str] = &["title", "tenantId"];

fn wish(call: &Call) -> Result<(TypeTitle, Home), ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", KNOWN);
    let title = fields.required("title");
    let home = Home::Field { asked: fields.optional("tenantId"), at: super::patch::TENANT };
    match title {
        Some(title) if fields.violations.is_empty() => Ok((title, home)),
        _ => Err(AppError::Invalid(fields.violations).into()),
    }
}
