//! What v2 shows. The order of fields is part of the published API.

use super::audit_views::values;
use crate::shared::schema;
use clientbook_app::{ClientRecord, Page};
use clientbook_model::api_token::{ApiToken, Capability};
use clientbook_model::audit::Entry;
use clientbook_model::enrollment::{EnrollmentToken, EnrollmentTokenStatus};
use clientbook_model::id::{
    ApiTokenId, ClientId, EnrollmentTokenId, EntryId, ObjectId, TenantId, hex,
};
use clientbook_model::principal::Permission;
use clientbook_model::secret::Secret;
use clientbook_model::tenant::Tenant;
use clientbook_model::text::ScopeId;
use clientbook_model::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

#[derive(Serialize, ToSchema)]
pub(super) struct ClientView<'a> {
    #[schema(value_type = schema::Id)]
    id: ClientId,
    name: &'a str,
    #[schema(value_type = super::docs::Status)]
    status: &'static str,
    #[schema(value_type = schema::Mode)]
    collection_mode: &'static str,
    partner: PartnerView<'a>,
    #[schema(required)]
    enrollment_token: Option<EnrollmentTokenView<'a>>,
    #[schema(value_type = schema::Timestamp)]
    created_at: Timestamp,
    #[schema(value_type = schema::Timestamp)]
    updated_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
pub(super) struct PartnerView<'a> {
    #[schema(value_type = schema::Id)]
    id: TenantId,
    name: &'a str,
}

#[derive(Serialize, ToSchema)]
pub(super) struct EnrollmentTokenView<'a> {
    #[schema(value_type = schema::Id)]
    id: EnrollmentTokenId,
    #[schema(value_type = super::docs::EnrollmentTokenValue)]
    value: &'a str,
    #[schema(required)]
    description: Option<&'a str>,
    #[schema(required)]
    site_id: Option<&'a str>,
    #[schema(value_type = super::docs::EnrollmentTokenState)]
    status: &'static str,
    #[schema(required)]
    max_uses: Option<i64>,
    #[schema(required)]
    remaining_uses: Option<i64>,
    #[schema(value_type = Option<schema::Timestamp>, required)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = schema::Timestamp)]
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

/// An enrolment token, and what it is good for at `now`.
pub(super) fn enrollment_token(token: &EnrollmentToken, now: Timestamp) -> EnrollmentTokenView<'_> {
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

#[derive(Serialize, ToSchema)]
pub(super) struct TenantView<'a> {
    #[schema(value_type = schema::Id)]
    id: TenantId,
    #[schema(value_type = schema::ObjectId)]
    object_id: ObjectId,
    #[schema(value_type = schema::Slug)]
    slug: &'a str,
    name: &'a str,
    strict_fields: bool,
    #[schema(value_type = schema::Timestamp)]
    created_at: Timestamp,
}

/// A tenant.
pub(super) fn tenant(tenant: &Tenant) -> TenantView<'_> {
    TenantView {
        id: tenant.id,
        object_id: tenant.object_id,
        slug: tenant.slug.as_str(),
        name: tenant.name.as_str(),
        strict_fields: tenant.strict_fields,
        created_at: tenant.created_at,
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct ListView<T: ToSchema> {
    data: Vec<T>,
    total_count: i64,
    /// There may be more than `total_count`: to count them all would take too long.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    total_is_lower_bound: bool,
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A page of a list.
pub(super) fn list<'a, R, T: ToSchema>(
    page: &'a Page<R>,
    view: impl Fn(&'a R) -> T,
) -> ListView<T> {
    ListView {
        data: page.rows.iter().map(view).collect(),
        total_count: page.total,
        total_is_lower_bound: page.total_is_lower_bound,
        next_cursor: page.next_cursor.clone(),
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct EntryView<'a> {
    #[schema(value_type = schema::Id)]
    id: EntryId,
    #[schema(value_type = super::docs::EntityKind)]
    entity_type: &'static str,
    #[schema(value_type = schema::Id)]
    entity_id: Uuid,
    actor_id: &'a str,
    action: &'static str,
    #[schema(schema_with = schema::values)]
    previous_value: Map<String, Value>,
    #[schema(schema_with = schema::values)]
    new_value: Map<String, Value>,
    #[schema(value_type = schema::Timestamp)]
    created_at: Timestamp,
    #[schema(value_type = schema::Digest)]
    entry_hash: String,
    #[schema(value_type = schema::Digest)]
    previous_hash: String,
}

/// An entry of the collection-control log.
pub(super) fn entry(entry: &Entry) -> EntryView<'_> {
    EntryView {
        id: entry.id,
        entity_type: entry.entity_type.as_str(),
        entity_id: entry.entity_id,
        actor_id: &entry.actor_id,
        action: entry.action.as_str(),
        previous_value: values(entry, |change| &change.before),
        new_value: values(entry, |change| &change.after),
        created_at: entry.created_at,
        entry_hash: hex(&entry.hash),
        previous_hash: hex(&entry.previous_hash),
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct ApiTokenView<'a> {
    #[schema(value_type = schema::Id)]
    id: ApiTokenId,
    name: &'a str,
    #[schema(value_type = Option<schema::Id>, required)]
    tenant_id: Option<TenantId>,
    #[schema(value_type = Option<schema::RoleName>, required)]
    role: Option<&'static str>,
    #[schema(value_type = Vec<schema::PermissionName>)]
    permissions: Vec<&'static str>,
    #[schema(value_type = Option<Vec<schema::Id>>, required)]
    client_ids: Option<&'a [ClientId]>,
    #[schema(required)]
    org_id: Option<&'a str>,
    #[schema(required)]
    project_id: Option<&'a str>,
    #[schema(value_type = Option<schema::Timestamp>, required)]
    expires_at: Option<Timestamp>,
    created_by: &'a str,
    #[schema(value_type = schema::Timestamp)]
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

impl PartialSchema for NewApiTokenView<'_> {
    fn schema() -> RefOr<Schema> {
        let mut schema = ApiTokenView::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.properties.insert("token".into(), super::docs::Secret::schema());
            object.required.push("token".into());
        }
        schema
    }
}

impl ToSchema for NewApiTokenView<'_> {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ApiTokenView::schemas(schemas);
    }
}

/// A new API token, with its secret.
pub(super) fn new_api_token<'a>(token: &'a ApiToken, secret: &'a Secret) -> NewApiTokenView<'a> {
    NewApiTokenView { about: api_token(token), token: secret.expose() }
}
