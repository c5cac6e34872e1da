//! What the customer-success API shows: the whole client, null where unset.

use crate::shared::schema;
use clientbook_app::{ClientPage, ClientRecord};
use clientbook_model::custom_field::{self, FieldKey};
use clientbook_model::field::{Field, FieldType};
use clientbook_model::id::{ClientId, ClientNumber, TenantId};
use clientbook_model::number::{AnyInt, NpsScore, Reference};
use clientbook_model::status::Status;
use clientbook_model::success::{ClientType, Region, TeamingRole};
use clientbook_model::text::Text;
use clientbook_model::time::{Day, TimeZoneName, Timestamp};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientView<'a> {
    #[schema(value_type = schema::ClientNumber)]
    id: ClientNumber,
    #[schema(value_type = schema::Id)]
    uuid: ClientId,
    #[schema(value_type = schema::Id)]
    tenant_id: TenantId,
    #[schema(value_type = schema::Timestamp)]
    created_time: Timestamp,
    #[schema(value_type = schema::Timestamp)]
    modified_time: Timestamp,
    #[schema(schema_with = super::docs::held_values)]
    custom: BTreeMap<&'a FieldKey, &'a Value>,
    name: &'a str,
    #[schema(required)]
    site_url: Option<&'a str>,
    #[schema(required)]
    logo_url: Option<&'a str>,
    #[schema(value_type = super::docs::Status)]
    status: &'static str,
    active: bool,
    #[schema(value_type = Option<schema::Day>, required)]
    inception_date: Option<Day>,
    #[schema(value_type = Option<schema::Day>, required)]
    terminated_date: Option<Day>,
    #[schema(required)]
    street: Option<&'a str>,
    #[schema(required)]
    city: Option<&'a str>,
    #[schema(required)]
    state: Option<&'a str>,
    #[schema(required)]
    country: Option<&'a str>,
    #[schema(required)]
    zip: Option<&'a str>,
    #[schema(value_type = Option<super::docs::RegionView>, required)]
    region: Option<&'a Region>,
    #[schema(value_type = Option<String>, required)]
    timezone: Option<&'a TimeZoneName>,
    #[schema(required)]
    external_id: Option<&'a str>,
    #[schema(required)]
    salesforce_account_id: Option<&'a str>,
    #[schema(required)]
    zendesk_id: Option<&'a str>,
    #[schema(required)]
    freshdesk_id: Option<&'a str>,
    #[schema(required)]
    usage_id: Option<&'a str>,
    #[schema(required)]
    stripe_id: Option<&'a str>,
    #[schema(required)]
    external_status_id: Option<&'a str>,
    #[schema(value_type = Option<schema::NpsScore>, required)]
    nps_score: Option<NpsScore>,
    #[schema(required)]
    note: Option<&'a str>,
    #[schema(value_type = Option<schema::Reference>, required)]
    created_by_employee_id: Option<Reference>,
    #[schema(value_type = Option<schema::Reference>, required)]
    modified_by_employee_id: Option<Reference>,
    #[schema(value_type = Option<schema::Reference>, required)]
    managed_by_employee_id: Option<Reference>,
    #[schema(value_type = Option<schema::Reference>, required)]
    assigned_sales_rep_id: Option<Reference>,
    #[schema(required)]
    assigned_sales_rep: Option<&'a str>,
    #[schema(value_type = Option<schema::Reference>, required)]
    client_type_id: Option<Reference>,
    #[schema(required)]
    client_type_title: Option<&'a str>,
    #[schema(value_type = Option<schema::Reference>, required)]
    success_cycle_id: Option<Reference>,
    #[schema(value_type = Option<schema::Reference>, required)]
    primary_contact_id: Option<Reference>,
    #[schema(value_type = Option<schema::Reference>, required)]
    parent_client_id: Option<Reference>,
    #[schema(required)]
    acc_teaming_roles: Option<Vec<TeamingRoleView<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_client: Option<ParentView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_type: Option<ClientTypeView<'a>>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TeamingRoleView<'a> {
    #[schema(value_type = schema::AnyInt)]
    employee_id: AnyInt,
    role: &'a str,
}

#[derive(Serialize, ToSchema)]
struct ParentView<'a> {
    #[schema(value_type = schema::ClientNumber)]
    id: ClientNumber,
    #[schema(value_type = schema::Id)]
    uuid: ClientId,
    name: &'a str,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ClientTypeView<'a> {
    #[schema(value_type = schema::Reference)]
    id: Reference,
    title: &'a str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageView<'a> {
    data: Vec<ClientView<'a>>,
    first: bool,
    last: bool,
    page: i64,
    size: i64,
    total_pages: i64,
    total_elements: i64,
    /// There may be more than `totalElements`: to count them all would take too long.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    total_is_lower_bound: bool,
}

/// The definition of a custom field.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CustomFieldView<'a> {
    /// Counted per tenant.
    #[schema(value_type = schema::Reference)]
    id: i64,
    /// Its key in `custom`.
    #[schema(value_type = schema::FieldKey)]
    name: &'a FieldKey,
    label: &'a str,
    #[schema(value_type = super::docs::ResourceType)]
    resource_type: &'static str,
    #[schema(value_type = super::docs::FieldKind)]
    field_type: &'static str,
    required: bool,
    active: bool,
}

/// The kind of record that all custom fields are of.
pub(super) const CLIENT: &str = "CLIENT";

/// The definition of a custom field.
pub(super) fn custom_field(field: &Field) -> CustomFieldView<'_> {
    CustomFieldView {
        id: field.number,
        name: &field.key,
        label: field.label.as_str(),
        resource_type: CLIENT,
        field_type: field_type(field.kind),
        required: field.is_required,
        active: field.is_active(),
    }
}

/// A type as this surface names it.
pub(super) fn field_type(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Text => "TEXT",
        FieldType::Number => "NUMBER",
        FieldType::Date => "DATE",
        FieldType::Boolean => "BOOLEAN",
        FieldType::Select => "SELECT",
        FieldType::Url => "URL",
        FieldType::Email => "EMAIL",
    }
}

/// A page of clients.
pub(super) fn list(found: &ClientPage, page: i64, size: i64) -> PageView<'_> {
    let total_pages = found.pages(size);
    PageView {
        data: found.rows.iter().map(client).collect(),
        first: page == 0,
        last: page >= total_pages - 1,
        page,
        size,
        total_pages,
        total_elements: found.total,
        total_is_lower_bound: found.total_is_lower_bound,
    }
}

/// A client with every attribute.
pub(super) fn client(record: &ClientRecord) -> ClientView<'_> {
    let (client, success) = (&record.client, &record.client.success);
    let client_type = record.client_type.as_ref();
    ClientView {
        id: client.number,
        uuid: client.id,
        tenant_id: client.tenant_id,
        created_time: client.created_at,
        modified_time: client.updated_at,
        custom: custom_field::shown(record.fields.as_deref(), &client.custom_values)
            .map(|(key, value, _)| (key, value))
            .collect(),
        name: client.name.as_str(),
        site_url: text(success.site_url.as_ref()),
        logo_url: text(success.logo_url.as_ref()),
        status: status(client.status),
        active: client.status.is_active(),
        inception_date: success.inception_date,
        terminated_date: success.terminated_date,
        street: text(success.street.as_ref()),
        city: text(success.city.as_ref()),
        state: text(success.state.as_ref()),
        country: text(success.country.as_ref()),
        zip: text(success.zip.as_ref()),
        region: success.region.as_ref(),
        timezone: success.timezone.as_ref(),
        external_id: text(client.external_id.as_ref()),
        salesforce_account_id: text(success.salesforce_account_id.as_ref()),
        zendesk_id: text(success.zendesk_id.as_ref()),
        freshdesk_id: text(success.freshdesk_id.as_ref()),
        usage_id: text(success.usage_id.as_ref()),
        stripe_id: text(success.stripe_id.as_ref()),
        external_status_id: text(success.external_status_id.as_ref()),
        nps_score: success.nps_score,
        note: text(success.note.as_ref()),
        created_by_employee_id: success.created_by_employee_id,
        modified_by_employee_id: success.modified_by_employee_id,
        managed_by_employee_id: success.managed_by_employee_id,
        assigned_sales_rep_id: success.assigned_sales_rep_id,
        assigned_sales_rep: text(success.assigned_sales_rep.as_ref()),
        client_type_id: client.client_type_id,
        client_type_title: client_type.map(|known| known.title.as_str()),
        success_cycle_id: success.success_cycle_id,
        primary_contact_id: success.primary_contact_id,
        parent_client_id: client.parent_client_id,
        acc_teaming_roles: success.acc_teaming_roles.as_deref().map(teaming_roles),
        parent_client: record.parent.as_ref().map(|parent| ParentView {
            id: parent.number,
            uuid: parent.id,
            name: parent.name.as_str(),
        }),
        client_type: client_type.map(self::client_type),
    }
}

/// A client type.
pub(super) fn client_type(client_type: &ClientType) -> ClientTypeView<'_> {
    ClientTypeView { id: client_type.id, title: &client_type.title }
}

fn text<const MAX: usize>(text: Option<&Text<MAX>>) -> Option<&str> {
    text.map(Text::as_str)
}

fn teaming_roles(roles: &[TeamingRole]) -> Vec<TeamingRoleView<'_>> {
    roles.iter().map(teaming_role).collect()
}

fn teaming_role(role: &TeamingRole) -> TeamingRoleView<'_> {
    TeamingRoleView { employee_id: role.employee_id, role: role.role.as_str() }
}

/// A status as this surface names it.
pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Pending => "PENDING",
        Status::Trial => "TRIAL",
        Status::Active => "ACTIVE",
        Status::Inactive => "INACTIVE",
        Status::Terminated => "TERMINATED",
    }
}
