//! The rows that a chain tells of, each compared with what is told.

use super::control;
use super::story::{Facts, Story};
use super::{PAGE, is_full, last_if_full};
use crate::error::AppError;
use clientbook_model::audit::EntityType;
use clientbook_model::id::{ClientId, TenantId};
use clientbook_store::api_tokens::{self, StoredToken};
use clientbook_store::clients::ClientRecord;
use clientbook_store::{RawId, Tx, client_types, enrollment_tokens, fields, tenants};
use serde_json::{Value, json};

/// A client, its enrolment tokens, its devices and their users, and its departments.
pub(super) async fn of_client(
    tx: &mut Tx,
    record: &ClientRecord,
    story: &mut Story,
) -> Result<Vec<String>, AppError> {
    let client = &record.client;
    let mut row: Facts =
        client.facts().into_iter().map(|(field, value)| (field.into_owned(), value)).collect();
    row.insert("created_at".into(), json!(client.created_at));
    row.insert("updated_at".into(), json!(client.updated_at));
    let mut faults = Vec::new();
    faults.extend(story.compare(EntityType::Client, &client.id.to_string(), &row));
    if client.version < 1 {
        faults.push(format!("the record has the version {}", client.version));
    }
    let (tenant, id) = (client.tenant_id, client.id);
    enrollment_tokens_of(tx, tenant, id, story, &mut faults).await?;
    control::devices_of(tx, tenant, id, story, &mut faults).await?;
    control::users_of(tx, tenant, id, story, &mut faults).await?;
    control::departments_of(tx, tenant, id, story, &mut faults).await?;
    Ok(faults)
}

/// A tenant, its client types, its definitions of custom fields and its API tokens.
pub(super) async fn of_tenant(
    tx: &mut Tx,
    id: TenantId,
    story: &mut Story,
) -> Result<Vec<String>, AppError> {
    let mut faults = Vec::new();
    if let Some(tenant) = tenants::get(tx, id).await? {
        let row = facts([
            ("slug", json!(tenant.slug.as_str())),
            ("object_id", json!(tenant.object_id)),
            ("name", json!(tenant.name)),
            // Chains from before there was the setting do not tell of it.
            ("strict_fields", if tenant.strict_fields { json!(true) } else { Value::Null }),
            ("created_at", json!(tenant.created_at)),
        ]);
        faults.extend(story.compare(EntityType::Tenant, &id.to_string(), &row));
    }
    client_types_of(tx, id, story, &mut faults).await?;
    fields_of(tx, id, story, &mut faults).await?;
    api_tokens_of(tx, id, story, &mut faults).await?;
    Ok(faults)
}

async fn enrollment_tokens_of(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
    story: &mut Story,
    faults: &mut Vec<String>,
) -> Result<(), AppError> {
    let (mut from, mut seen) = (RawId::FIRST, 0);
    loop {
        let page = enrollment_tokens::stored(tx, tenant, client, &from, PAGE).await?;
        for token in page.iter().skip(seen) {
            let row = facts([
                ("description", json!(token.description)),
                ("site_id", json!(token.site_id)),
                ("max_uses", json!(token.max_uses)),
                ("expires_at", json!(token.expires_at)),
                ("revoked_at", json!(token.revoked_at)),
                ("created_at", json!(token.created_at)),
            ]);
            faults.extend(story.compare(EntityType::EnrollmentToken, &name(&token.id), &row));
        }
        let Some(last) = last_if_full(page) else {
            return Ok(());
        };
        (from, seen) = (last.id, 1);
    }
}

async fn client_types_of(
    tx: &mut Tx,
    tenant: TenantId,
    story: &mut Story,
    faults: &mut Vec<String>,
) -> Result<(), AppError> {
    let mut from = i64::MIN;
    loop {
        let page = client_types::stored(tx, tenant, from, PAGE).await?;
        for (id, title) in &page {
            let row = facts([("id", json!(id)), ("title", json!(title))]);
            faults.extend(story.compare(EntityType::ClientType, &id.to_string(), &row));
            from = id.saturating_add(1);
        }
        if !is_full(&page) {
            return Ok(());
        }
    }
}

async fn fields_of(
    tx: &mut Tx,
    tenant: TenantId,
    story: &mut Story,
    faults: &mut Vec<String>,
) -> Result<(), AppError> {
    let mut from = i64::MIN;
    loop {
        let page = fields::stored(tx, tenant, from, PAGE).await?;
        for field in &page {
            let mut row = facts(field.facts());
            row.insert("created_at".into(), json!(field.created_at));
            row.insert("updated_at".into(), json!(field.updated_at));
            faults.extend(story.compare(EntityType::Field, &field.id.to_string(), &row));
            if field.version < 1 {
                faults.push(format!("field {} has the version {}", field.id, field.version));
            }
            from = field.number.saturating_add(1);
        }
        if !is_full(&page) {
            return Ok(());
        }
    }
}

async fn api_tokens_of(
    tx: &mut Tx,
    tenant: TenantId,
    story: &mut Story,
    faults: &mut Vec<String>,
) -> Result<(), AppError> {
    let (mut from, mut seen) = (RawId::FIRST, 0);
    loop {
        let page = api_tokens::stored(tx, tenant, &from, PAGE).await?;
        for token in page.iter().skip(seen) {
            let row = api_token(token);
            faults.extend(story.compare(EntityType::ApiToken, &name(&token.id), &row));
        }
        let Some(last) = last_if_full(page) else {
            return Ok(());
        };
        (from, seen) = (last.id, 1);
    }
}

fn api_token(token: &StoredToken) -> Facts {
    facts([
        ("name", json!(token.name)),
        ("role", json!(token.role)),
        ("permissions", json!(token.permissions)),
        ("client_ids", json!(token.client_ids)),
        ("org_id", json!(token.org_id)),
        ("project_id", json!(token.project_id)),
        ("expires_at", json!(token.expires_at)),
        ("revoked_at", json!(token.revoked_at)),
        ("created_by", json!(token.created_by)),
        ("created_at", json!(token.created_at)),
    ])
}

/// The id as entries write it; one that is damaged is in none of them.
pub(super) fn name(id: &RawId) -> String {
    id.uuid().map_or_else(|| id.to_string(), |id| id.to_string())
}

pub(super) fn facts<const N: usize>(fields: [(&str, Value); N]) -> Facts {
    let set = fields.into_iter().filter(|(_, value)| !value.is_null());
    set.map(|(field, value)| (field.to_owned(), value)).collect()
}
