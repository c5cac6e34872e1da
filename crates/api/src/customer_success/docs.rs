//! How the customer-success API is described. The examples are the demo's.

#![expect(dead_code, reason = "shapes of requests to describe; nobody builds them")]

use super::views::ClientView;
use crate::openapi::{Doc, Refusal};
use crate::shared::schema::{
    self, AnyInt, ClientName, ClientNumber, FieldKey, Id, Label, NpsScore, Reference, names,
};
use serde_json::{Value, json};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// The status in capitals.
pub(super) enum Status {}

impl PartialSchema for Status {
    fn schema() -> RefOr<Schema> {
        names(["ACTIVE", "INACTIVE", "TRIAL", "TERMINATED", "PENDING"]).into()
    }
}

impl ToSchema for Status {}

/// A sales or service region.
#[derive(ToSchema)]
pub(super) struct RegionView {
    #[schema(value_type = AnyInt)]
    id: i64,
    name: String,
}

/// A change of a client: only what is sent changes; null or an empty text clears what can be
/// empty. What was read may be sent back: ids must then match, times and derived objects are
/// ignored.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct ClientPatch {
    /// Values by key, merged key by key; null removes one.
    #[schema(schema_with = custom, required = false)]
    custom: Value,
    #[schema(value_type = Option<ClientName>, nullable = false)]
    name: Option<String>,
    #[schema(max_length = 1024)]
    site_url: Option<String>,
    #[schema(max_length = 1024)]
    logo_url: Option<String>,
    #[schema(value_type = Option<Status>, nullable = false)]
    status: Option<String>,
    /// Derived from the status; both together must agree.
    #[schema(nullable = false)]
    active: Option<bool>,
    /// An empty text clears it.
    #[schema(schema_with = schema::day_or_none, required = false)]
    inception_date: Value,
    /// Not before the inception; an empty text clears it.
    #[schema(schema_with = schema::day_or_none, required = false)]
    terminated_date: Value,
    #[schema(max_length = 1024)]
    street: Option<String>,
    #[schema(max_length = 100)]
    city: Option<String>,
    #[schema(max_length = 100)]
    state: Option<String>,
    #[schema(max_length = 100)]
    country: Option<String>,
    #[schema(max_length = 20)]
    zip: Option<String>,
    region: Option<RegionView>,
    /// A name of the tz database.
    #[schema(max_length = 60)]
    timezone: Option<String>,
    /// Unique in the tenant.
    #[schema(max_length = 100)]
    external_id: Option<String>,
    #[schema(max_length = 18)]
    salesforce_account_id: Option<String>,
    #[schema(max_length = 200)]
    zendesk_id: Option<String>,
    #[schema(max_length = 200)]
    freshdesk_id: Option<String>,
    #[schema(max_length = 200)]
    usage_id: Option<String>,
    #[schema(max_length = 200)]
    stripe_id: Option<String>,
    #[schema(max_length = 200)]
    external_status_id: Option<String>,
    #[schema(value_type = Option<NpsScore>)]
    nps_score: Option<i64>,
    note: Option<String>,
    #[schema(value_type = Option<Reference>)]
    created_by_employee_id: Option<i64>,
    #[schema(value_type = Option<Reference>)]
    modified_by_employee_id: Option<i64>,
    #[schema(value_type = Option<Reference>)]
    managed_by_employee_id: Option<i64>,
    #[schema(value_type = Option<Reference>)]
    assigned_sales_rep_id: Option<i64>,
    #[schema(max_length = 45)]
    assigned_sales_rep: Option<String>,
    /// A type of the tenant; wins over the title.
    #[schema(value_type = Option<Reference>)]
    client_type_id: Option<i64>,
    /// The title of a type of the tenant.
    client_type_title: Option<String>,
    #[schema(value_type = Option<Reference>)]
    success_cycle_id: Option<i64>,
    #[schema(value_type = Option<Reference>)]
    primary_contact_id: Option<i64>,
    /// The number of a client of the tenant; no circles.
    #[schema(value_type = Option<Reference>)]
    parent_client_id: Option<i64>,
    /// The whole list.
    #[schema(max_items = 500)]
    acc_teaming_roles: Option<Vec<TeamingRole>>,
    #[schema(value_type = Option<ClientNumber>, nullable = false)]
    id: Option<i64>,
    #[schema(value_type = Option<Id>, nullable = false)]
    uuid: Option<String>,
    #[schema(value_type = Option<Id>, nullable = false)]
    tenant_id: Option<String>,
    #[schema(required = false)]
    created_time: Value,
    #[schema(required = false)]
    modified_time: Value,
    #[schema(required = false)]
    parent_client: Value,
    #[schema(required = false)]
    client_type: Value,
}

/// Who does what for the client on the account team.
#[derive(ToSchema)]
#[schema(as = TeamingRoleInput, rename_all = "camelCase")]
struct TeamingRole {
    #[schema(value_type = AnyInt)]
    employee_id: i64,
    #[schema(value_type = Label)]
    role: String,
}

fn custom() -> ObjectBuilder {
    let types = SchemaType::from_iter([Type::String, Type::Null]);
    let value = ObjectBuilder::new().schema_type(types).max_length(Some(65_536)).build();
    let mut custom = schema::values().additional_properties(Some(Schema::from(value)));
    if let RefOr::T(key) = FieldKey::schema() {
        custom = custom.property_names(Some(key));
    }
    custom
}

fn client() -> Value {
    let mut client = json!({
        "id": 456,
        "uuid": "aa7cf840-9ca9-46a3-9778-9015d6580d50",
        "tenantId": "b2c3d4e5-f6a7-8901-bcde-f12345678901",
        "createdTime": "2025-06-01T00:00:00.000Z",
        "modifiedTime": "2026-02-20T12:00:00.000Z",
        "custom": {},
        "name": "Acme Corporation",
        "siteUrl": "https://acme.example",
        "status": "ACTIVE",
        "active": true,
        "city": "Springfield",
        "timezone": "America/Chicago",
        "clientTypeId": 1,
        "clientTypeTitle": "Enterprise",
        "clientType": {"id": 1, "title": "Enterprise"},
    });
    let unset = [
        "logoUrl",
        "inceptionDate",
        "terminatedDate",
        "street",
        "state",
        "country",
        "zip",
        "region",
        "externalId",
        "salesforceAccountId",
        "zendeskId",
        "freshdeskId",
        "usageId",
        "stripeId",
        "externalStatusId",
        "npsScore",
        "note",
        "createdByEmployeeId",
        "modifiedByEmployeeId",
        "managedByEmployeeId",
        "assignedSalesRepId",
        "assignedSalesRep",
        "successCycleId",
        "primaryContactId",
        "parentClientId",
        "accTeamingRoles",
    ];
    for name in unset {
        client[name] = Value::Null;
    }
    client
}

pub(super) fn read_client() -> Doc {
    Doc::new("readClient", "Reads a client")
        .answers::<ClientView<'_>>(200, "The client, null where unset", client())
        .tagged()
}

pub(super) fn update_client() -> Doc {
    let mut changed = client();
    changed["siteUrl"] = json!("https://acme.example");
    changed["npsScore"] = json!(42);
    changed["modifiedTime"] = json!("2026-03-10T14:30:00.000Z");
    let site = json!({ "siteUrl": "https://acme.example", "npsScore": 42 });
    let team = json!({
        "custom": { "notes": "Updated notes" },
        "inceptionDate": "2025-06-01",
        "region": { "id": 7, "name": "Midwest" },
        "timezone": "Europe/Berlin",
        "accTeamingRoles": [{ "employeeId": 12, "role": "Onboarding" }],
    });
    Doc::new("updateClient", "Changes the properties that are sent")
        .answers::<ClientView<'_>>(200, "The client as it is now, or would become", changed)
        .tagged()
        .takes::<ClientPatch>(vec![("site", site), ("team", team)])
        .refuses(&[Refusal::Conflict])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer_success::patch::{KEPT, WRITABLE};
    use crate::openapi::properties;

    #[test]
    fn the_body_has_the_properties_that_are_read() {
        let known = WRITABLE.iter().chain(KEPT).map(ToString::to_string).collect();
        assert_eq!(properties::<ClientPatch>(), known);
    }
}
