//! What v2 shows. The order of fields is part of the published API.

use clientbook_app::{ClientRecord, Page};
use clientbook_model::api_token::{ApiToken, Capability};
use clientbook_model::audit::{Entry, SealedChange};
use clientbook_model::enrollment::{EnrollmentToken, EnrollmentTokenStatus};
use clientbook_model::id::{ApiTokenId, ClientId, EnrollmentTokenId, EntryId, TenantId, hex};
use clientbook_model::principal::Permission;
use clientbook_model::secret::Secret;
use clientbook_model::text::ScopeId;
use clientbook_model::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

#[derive(Serialize)]
pub(super) struct ClientView<'a> {
    id: ClientId,
    name: &'a str,
    status: &'static str,
    collection_mode: &'static str,
    partner: PartnerView<'a>,
    enrollment_token: Option<EnrollmentTokenView<'a>>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize)]
pub(super) struct PartnerView<'a> {
    id: TenantId,
    name: &'a str,
}

#[derive(Serialize)]
pub(super) struct EnrollmentTokenView<'a> {
    id: EnrollmentTokenId,
    value: &'a str,
    description: Option<&'a str>,
    site_id: Option<&'a str>,
    status: &'static str,
    max_uses: Option<i64>,
    remaining_uses: Option<i64>,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
}

/// A client. Its token is shown only while it works.
pub(super) fn client(record: &ClientRecord, now: Timestamp) -> ClientView<'_> {
    let client = &record.client;
    let token = record.enrollment_token.as_ref();
    let works = |token: &&EnrollmentToken| token.status(now) == EnrollmentTokenStatus::Active;
    ClientView {
        id: client.id,
        name: client.name.as_str(),
        status: client.status.as_str(),
        collection_mode: client.collection_mode.as_str(),
        partner: PartnerView { id: record.tenant.id, name: record.tenant.name.as_str() },
        enrollment_token: token.filter(works).map(|token| enrollment_token(token, now)),
        created_at: client.created_at,
        updated_at: client.updated_at,
    }
}

fn enrollment_token(token: &EnrollmentToken, now: Timestamp) -> EnrollmentTokenView<'_> {
    EnrollmentTokenView {
        id: token.id,
        value: &token.value,
        description: token.description.as_deref(),
        site_id: token.site_id.as_deref(),
        status: token.status(now).as_str(),
        max_uses: token.max_uses,
        remaining_uses: token.remaining_uses(),
        expires_at: token.expires_at,
        created_at: token.created_at,
    }
}

#[derive(Serialize)]
pub(super) struct ListView<T> {
    data: Vec<T>,
    total_count: i64,
    next_cursor: Option<String>,
}

/// A page of a list.
pub(super) fn list<'a, R, T>(page: &'a Page<R>, view: impl Fn(&'a R) -> T) -> ListView<T> {
    ListView {
        data: page.rows.iter().map(view).collect(),
        total_count: page.total,
        next_cursor: page.next_cursor.clone(),
    }
}

#[derive(Serialize)]
pub(super) struct EntryView<'a> {
    id: EntryId,
    entity_type: &'static str,
    entity_id: Uuid,
    actor_id: &'a str,
    action: &'static str,
    previous_value: Map<String, Value>,
    new_value: Map<String, Value>,
    created_at: Timestamp,
    entry_hash: String,
    previous_hash: String,
}

/// An entry of the audit trail.
pub(super) fn entry(entry: &Entry) -> EntryView<'_> {
    let values = |side: fn(&SealedChange) -> Value| {
        entry.contents.changes.iter().map(|change| (change.field.clone(), side(change))).collect()
    };
    EntryView {
        id: entry.id,
        entity_type: entry.entity_type.as_str(),
        entity_id: entry.entity_id,
        actor_id: &entry.actor_id,
        action: entry.action.as_str(),
        previous_value: values(|change| change.before.value()),
        new_value: values(|change| change.after.value()),
        created_at: entry.created_at,
        entry_hash: hex(&entry.hash),
        previous_hash: hex(&entry.previous_hash),
    }
}

#[derive(Serialize)]
pub(super) struct ApiTokenView<'a> {
    id: ApiTokenId,
    name: &'a str,
    tenant_id: Option<TenantId>,
    role: Option<&'static str>,
    permissions: Vec<&'static str>,
    client_ids: Option<&'a [ClientId]>,
    org_id: Option<&'a str>,
    project_id: Option<&'a str>,
    expires_at: Option<Timestamp>,
    created_by: &'a str,
    created_at: Timestamp,
}

/// An API token without its secret.
pub(super) fn api_token(token: &ApiToken) -> ApiTokenView<'_> {
    let grant = &token.grant;
    ApiTokenView {
        id: token.id,
        name: token.name.as_str(),
        tenant_id: Some(token.tenant_id).filter(|tenant| *tenant != TenantId::SYSTEM),
        role: match grant.capability {
            Capability::Role(role) => Some(role.as_str()),
            Capability::Permissions(_) => None,
        },
        permissions: grant.permissions().iter().map(Permission::as_str).collect(),
        client_ids: grant.client_ids.as_deref(),
        org_id: grant.org_id.as_ref().map(ScopeId::as_str),
        project_id: grant.project_id.as_ref().map(ScopeId::as_str),
        expires_at: grant.expires_at,
        created_by: &token.created_by,
        created_at: token.created_at,
    }
}

#[derive(Serialize)]
pub(super) struct NewApiTokenView<'a> {
    #[serde(flatten)]
    about: ApiTokenView<'a>,
    /// The secret, told once.
    token: &'a str,
}

/// A new API token, with its secret.
pub(super) fn new_api_token<'a>(token: &'a ApiToken, secret: &'a Secret) -> NewApiTokenView<'a> {
    NewApiTokenView { about: api_token(token), token: secret.expose() }
}
