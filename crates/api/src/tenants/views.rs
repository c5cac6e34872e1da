//! What the tenants API shows.

use crate::shared::schema;
use clientbook_app::{ClientPage, ClientRecord};
use clientbook_model::contact::EmailAddress;
use clientbook_model::id::{ClientId, ClientNumber};
use clientbook_model::status::Status;
use clientbook_model::text::{ScopeId, Tag};
use clientbook_model::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(super) struct ClientView<'a> {
    #[schema(value_type = schema::ClientNumber)]
    id: ClientNumber,
    #[schema(value_type = schema::Id)]
    client_id: ClientId,
    tenant_id: &'a str,
    #[schema(required)]
    org_id: Option<&'a str>,
    #[schema(required)]
    project_id: Option<&'a str>,
    #[schema(required)]
    owner_id: Option<&'a str>,
    name: &'a str,
    #[schema(required)]
    email: Option<&'a str>,
    #[schema(value_type = super::docs::Status)]
    status: &'static str,
    active: bool,
    #[schema(value_type = Vec<String>)]
    tags: &'a [Tag],
    #[schema(value_type = schema::Timestamp)]
    created_at: Timestamp,
    #[schema(value_type = schema::Timestamp)]
    updated_at: Timestamp,
}

/// A client. Its tenant is shown by slug, as the callers of this API know it.
pub(super) fn client(record: &ClientRecord) -> ClientView<'_> {
    let client = &record.client;
    ClientView {
        id: client.number,
        client_id: client.id,
        tenant_id: record.tenant.slug.as_str(),
        org_id: client.org_id.as_ref().map(ScopeId::as_str),
        project_id: client.project_id.as_ref().map(ScopeId::as_str),
        owner_id: client.owner_id.as_ref().map(ScopeId::as_str),
        name: client.name.as_str(),
        email: client.email.as_ref().map(EmailAddress::as_str),
        status: status(client.status),
        active: client.status.is_active(),
        tags: &client.tags,
        created_at: client.created_at,
        updated_at: client.updated_at,
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct ListView<'a> {
    clients: Vec<ClientView<'a>>,
    pagination: PaginationView,
}

#[derive(Serialize, ToSchema)]
struct PaginationView {
    page: i64,
    limit: i64,
    total: i64,
    total_pages: i64,
    /// There may be more than `total`: to count them all would take too long.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    total_is_lower_bound: bool,
}

/// A page of clients.
pub(super) fn list(found: &ClientPage, page: i64, limit: i64) -> ListView<'_> {
    ListView {
        clients: found.rows.iter().map(client).collect(),
        pagination: PaginationView {
            page,
            limit,
            total: found.total,
            total_pages: found.pages(limit),
            total_is_lower_bound: found.total_is_lower_bound,
        },
    }
}

/// A status as this surface names it.
pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Pending => "Pending",
        Status::Trial => "Trial",
        Status::Active => "Active",
        Status::Inactive => "Inactive",
        Status::Terminated => "Terminated",
    }
}
