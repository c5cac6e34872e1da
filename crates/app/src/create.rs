//! Make tenants and clients.

use crate::caller::Caller;
use crate::env::Env;
use crate::error::AppError;
use crate::recorder::Recorder;
use clientbook_model::audit::{Action, ChainHead, EntityType, Event};
use clientbook_model::client::{Client, FieldChange};
use clientbook_model::department::Department;
use clientbook_model::device::Device;
use clientbook_model::enrollment::EnrollmentToken;
use clientbook_model::field::Fields;
use clientbook_model::success::ClientType;
use clientbook_model::tenant::Tenant;
use clientbook_model::time::Timestamp;
use clientbook_store::{
    Tx, client_types, clients, departments, devices, enrollment_tokens, tenants,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Writes a tenant and the first entry of its chain.
pub(crate) async fn add_tenant(
    tx: &mut Tx,
    env: &Env,
    caller: &Caller,
    operation_id: Uuid,
    tenant: &Tenant,
) -> Result<(), AppError> {
    tenants::insert(tx, tenant).await?;
    let (tenant_id, now) = (tenant.id, tenant.created_at);
    let recorder = Recorder { env, caller, tenant_id, operation_id, now };
    let mut changes = vec![
        first("slug", json!(tenant.slug.as_str())),
        first("object_id", json!(tenant.object_id)),
        first("name", json!(tenant.name)),
    ];
    if tenant.strict_fields {
        changes.push(first("strict_fields", json!(true)));
    }
    let (entity_type, action) = (EntityType::Tenant, Action::TenantCreated);
    let event = Event { entity_type, entity_id: tenant.id.0, action, changes: &changes };
    Ok(recorder.append_to_tenant(tx, &event).await?)
}

/// Writes a client type and its entry in the tenant's chain.
pub(crate) async fn add_client_type(
    tx: &mut Tx,
    recorder: &Recorder<'_>,
    client_type: &ClientType,
) -> Result<(), AppError> {
    client_types::insert(tx, recorder.tenant_id, client_type).await?;
    let changes = [first("id", json!(client_type.id)), first("title", json!(client_type.title))];
    let event = Event {
        entity_type: EntityType::ClientType,
        entity_id: recorder.tenant_id.0,
        action: Action::ClientTypeCreated,
        changes: &changes,
    };
    Ok(recorder.append_to_tenant(tx, &event).await?)
}

/// Writes a client, its enrolment token if it has one, and the first entries of its chain. `fields`
/// are its tenant's definitions.
pub(crate) async fn add_client(
    tx: &mut Tx,
    recorder: &Recorder<'_>,
    client: Client,
    token: Option<&EnrollmentToken>,
    fields: Option<&Fields>,
) -> Result<Client, AppError> {
    let token_at = token.map_or(recorder.now, |token| token.created_at);
    let client = insert_client(tx, recorder, client, token, (token_at, fields)).await?;
    tenants::reserve_client_number(tx, client.tenant_id, client.number).await?;
    Ok(client)
}

/// The same, where somebody else moves the counter of numbers. The token's entry is of `token_at`.
/// Where a client or a token was made, or changed, at another time than its entry, the entry says so.
pub(crate) async fn insert_client(
    tx: &mut Tx,
    recorder: &Recorder<'_>,
    mut client: Client,
    token: Option<&EnrollmentToken>,
    (token_at, fields): (Timestamp, Option<&Fields>),
) -> Result<Client, AppError> {
    client.audit = ChainHead::default();
    let mut changes = client.first_changes();
    changes.extend(at_another_time("created_at", client.created_at, recorder.now));
    changes.extend(at_another_time("updated_at", client.updated_at, recorder.now));
    let mut event = Event {
        entity_type: EntityType::Client,
        entity_id: client.id.0,
        action: Action::ClientCreated,
        changes: &changes,
    };
    recorder.append(tx, client.id.0, &mut client.audit, &event).await?;
    let token_changes;
    if let Some(token) = token {
        let mut facts = enrollment_facts(token);
        facts.extend(at_another_time("created_at", token.created_at, token_at));
        token_changes = facts;
        event = Event {
            entity_type: EntityType::EnrollmentToken,
            entity_id: token.id.0,
            action: Action::EnrollmentTokenCreated,
            changes: &token_changes,
        };
        let recorder = Recorder { now: token_at, ..*recorder };
        recorder.append(tx, client.id.0, &mut client.audit, &event).await?;
    }
    clients::insert(tx, &client, fields).await?;
    if let Some(token) = token {
        enrollment_tokens::insert(tx, token).await?;
    }
    Ok(client)
}

/// Writes a device and its entry in its client's chain, whose moved head the caller writes.
pub(crate) async fn add_device(
    tx: &mut Tx,
    recorder: &Recorder<'_>,
    client: &mut Client,
    device: &Device,
) -> Result<(), AppError> {
    devices::insert(tx, device).await?;
    let (changes, entity_id) = (device.first_changes(), device.id.0);
    let (entity_type, action) = (EntityType::Device, Action::DeviceEnrolled);
    let event = Event { entity_type, entity_id, action, changes: &changes };
    Ok(recorder.append(tx, client.id.0, &mut client.audit, &event).await?)
}

/// Writes a department and its entry in its client's chain, whose moved head the caller writes.
pub(crate) async fn add_department(
    tx: &mut Tx,
    recorder: &Recorder<'_>,
    client: &mut Client,
    department: &Department,
) -> Result<(), AppError> {
    departments::insert(tx, department).await?;
    let (changes, entity_id) = (department.first_changes(), department.id.0);
    let (entity_type, action) = (EntityType::Department, Action::DepartmentCreated);
    let event = Event { entity_type, entity_id, action, changes: &changes };
    Ok(recorder.append(tx, client.id.0, &mut client.audit, &event).await?)
}

fn at_another_time(field: &'static str, time: Timestamp, entry: Timestamp) -> Option<FieldChange> {
    (time != entry).then(|| first(field, json!(time)))
}

// The value is left out: whoever holds it can enrol devices, and a trail outlives a revocation.
pub(crate) fn enrollment_facts(token: &EnrollmentToken) -> Vec<FieldChange> {
    let facts = [
        first("description", json!(token.description)),
        first("site_id", json!(token.site_id)),
        first("max_uses", json!(token.max_uses)),
        first("expires_at", json!(token.expires_at)),
    ];
    facts.into_iter().filter(|change| !change.after.is_null()).collect()
}

fn first(field: &'static str, after: Value) -> FieldChange {
    FieldChange { field: field.into(), before: Value::Null, after }
}
