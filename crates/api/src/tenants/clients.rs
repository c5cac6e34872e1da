//! `/clients/v1/tenants/{tenant_id}/clients/{id}`

use super::{body, views};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use axum::http::StatusCode;
use clientbook_app::{
    AppError, Change, ClientChange, ClientKey, ClientRecord, ClientRef, Forbidden, Home,
};
use clientbook_model::audit::Surface;
use clientbook_model::id::ClientNumber;
use clientbook_model::principal::Permission;
use clientbook_model::status::Status;
use clientbook_model::tenant::TenantKey;
use serde_json::json;

/// Reads one client.
pub(super) async fn read(call: Call) -> Result<Answer, ApiError> {
    let read = call.app.read_client(&call.caller, target(&call)?).await?;
    Answer::read(&read, Surface::Tenants, views::client)
}

/// Makes a client.
pub(super) async fn create(call: Call) -> Result<Answer, ApiError> {
    let new = call.admitted_home(home(&call), body::new_client(&call, home(&call))).await?;
    let show = |record: &ClientRecord| {
        let client = &record.client;
        let place = format!("/clients/v1/tenants/{}/clients/{}", record.tenant.slug, client.number);
        Answer::created(client.version, place, &views::client(record))
    };
    call.once(|once| call.app.create_client(&call.caller, new, once), show).await
}

/// Changes the fields sent.
pub(super) async fn update(call: Call) -> Result<Answer, ApiError> {
    let change = call.admitted(target(&call)?, body::change(&call)).await?;
    let change = Change { change, precondition: call.precondition.clone(), dry_run: false };
    let target = target(&call)?;
    let show =
        |record: &ClientRecord| Answer::record(record.client.version, &views::client(record));
    call.once(|once| call.app.change_client(&call.caller, target, change, once), show).await
}

/// Sets the status to `Active`, from any other.
pub(super) async fn activate(call: Call) -> Result<Answer, ApiError> {
    set_status(call, Status::Active).await
}

/// Sets the status to `Inactive`: a suspension that loses nothing.
pub(super) async fn deactivate(call: Call) -> Result<Answer, ApiError> {
    set_status(call, Status::Inactive).await
}

async fn set_status(call: Call, status: Status) -> Result<Answer, ApiError> {
    call.admitted(target(&call)?, call.without_fields()).await.map_err(published)?;
    let mut change = ClientChange::new(call.permission);
    change.patch.status.status = Some(status);
    let change = Change { change, precondition: call.precondition.clone(), dry_run: false };
    let target = target(&call)?;
    let show = |record: &ClientRecord| {
        let mut answer = Answer::json(StatusCode::OK, &json!({}))?;
        answer.version = Some(record.client.version);
        Ok(answer)
    };
    let changed =
        call.once(|once| call.app.change_client(&call.caller, target, change, once), show).await;
    changed.map_err(published)
}

/// One published answer, whether the permission is missing or the client out of reach.
fn published(error: ApiError) -> ApiError {
    match error {
        ApiError::App(AppError::Forbidden(_)) => {
            AppError::Forbidden(Forbidden::Lacks(Permission::ClientsStatus)).into()
        }
        other => other,
    }
}

fn home(call: &Call) -> Home {
    let tenant = call.segment("tenant_id");
    Home::Path(tenant.to_owned(), TenantKey::parse(tenant))
}

fn target(call: &Call) -> Result<ClientRef, ApiError> {
    let (tenant, asked) = (call.segment("tenant_id"), call.segment("id"));
    let number = ClientNumber::parse_decimal(asked).ok_or_else(|| {
        let message = "The client id must be an integer from 1 to 9223372036854775807";
        ApiError::Unreadable(message.into())
    })?;
    Ok(ClientRef {
        tenant: Some((tenant.to_owned(), TenantKey::parse(tenant))),
        asked: asked.to_owned(),
        key: Some(ClientKey::Number(number)),
    })
}
