//! How the customer-success API is described. The examples are the demo's.

#![expect(dead_code, reason = "shapes of requests to describe; nobody builds them")]

use super::views::{ClientTypeView, ClientView, CustomFieldView, PageView};
use crate::openapi::{Doc, Refusal};
use crate::shared::described::{self, clearable, settable};
use crate::shared::schema::{self, AnyInt, RoleTitle, names};
use clientbook_model::client::MAX_SIZE;
use clientbook_model::custom_field::{self, MAX_VALUES};
use clientbook_model::field::{FieldType, MAX_FIELDS};
use clientbook_model::patch::Patch;
use clientbook_model::status;
use clientbook_model::success::{MAX_ROLES, MAX_TYPES};
use serde_json::{Value, json};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// The status in capitals.
pub(super) enum Status {}

impl PartialSchema for Status {
    fn schema() -> RefOr<Schema> {
        names(status::Status::ALL.map(super::views::status)).into()
    }
}

impl ToSchema for Status {}

/// The kind of record that a custom field is of.
pub(super) enum ResourceType {}

impl PartialSchema for ResourceType {
    fn schema() -> RefOr<Schema> {
        names([super::views::CLIENT]).into()
    }
}

impl ToSchema for ResourceType {}

/// What the values of a custom field are.
pub(super) enum FieldKind {}

impl PartialSchema for FieldKind {
    fn schema() -> RefOr<Schema> {
        names(FieldType::ALL.iter().map(|kind| super::views::field_type(*kind))).into()
    }
}

impl ToSchema for FieldKind {}

/// The custom values of a client, by key.
pub(super) fn held_values() -> ObjectBuilder {
    schema::values().additional_properties(Some(schema::HeldValue::schema()))
}

/// Every custom field of a tenant, in their order.
pub(super) enum CustomFields {}

impl PartialSchema for CustomFields {
    fn schema() -> RefOr<Schema> {
        let item = Ref::from_schema_name(CustomFieldView::name());
        ArrayBuilder::new().items(item).max_items(Some(MAX_FIELDS)).into()
    }
}

impl ToSchema for CustomFields {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        CustomFieldView::schemas(schemas);
        schemas.push((CustomFieldView::name().into_owned(), CustomFieldView::schema()));
    }
}

/// A sales or service region.
#[derive(ToSchema)]
pub(super) struct RegionView {
    #[schema(value_type = AnyInt)]
    id: i64,
    name: String,
}

/// A change of a client. Each property has the limits of the model's field that it changes.
enum ClientPatch {}

impl PartialSchema for ClientPatch {
    fn schema() -> RefOr<Schema> {
        let about = format!(
            "A change of a client: only what is sent changes; null or an empty text clears what \
             can be empty. What was read may be sent back: ids must then match, times and derived \
             objects are ignored. A client holds at most {MAX_SIZE} bytes of JSON."
        );
        let body = ObjectBuilder::new().schema_type(Type::Object).description(Some(about));
        echoes(references(profile(body))).into()
    }
}

impl ToSchema for ClientPatch {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        RegionView::schemas(schemas);
        schemas.push((RegionView::name().into_owned(), RegionView::schema()));
        TeamingRole::schemas(schemas);
        schemas.push((TeamingRole::name().into_owned(), TeamingRole::schema()));
    }
}

/// A client to make.
enum NewClient {}

impl PartialSchema for NewClient {
    fn schema() -> RefOr<Schema> {
        let about = format!(
            "A client to make: another status than ACTIVE takes the permission \
             `clients.status`. A client holds at most {MAX_SIZE} bytes of JSON."
        );
        let tenant = "The client's tenant; operators must name it.";
        let body = ObjectBuilder::new().schema_type(Type::Object).description(Some(about));
        let tenant = schema::tenant_or_null(tenant);
        let body = references(profile(body)).property("tenantId", tenant);
        let mut body: utoipa::openapi::schema::Object = body.build();
        body.properties.remove("clientTypeTitle");
        body.required = ["name", "status", "active"].map(str::to_owned).to_vec();
        RefOr::T(Schema::Object(body))
    }
}

impl ToSchema for NewClient {
    fn name() -> std::borrow::Cow<'static, str> {
        "ClientInput".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ClientPatch::schemas(schemas);
        schemas.push((schema::TenantKey::name().into_owned(), schema::TenantKey::schema()));
    }
}

/// A client type to make.
#[derive(ToSchema)]
#[schema(as = ClientTypeInput, rename_all = "camelCase")]
struct NewClientType {
    #[schema(value_type = schema::TypeTitle)]
    title: String,
    /// Operators must name it.
    #[schema(value_type = Option<schema::TenantKey>)]
    tenant_id: Option<String>,
}

/// Every client type of a tenant, by title.
pub(super) enum ClientTypes {}

impl PartialSchema for ClientTypes {
    fn schema() -> RefOr<Schema> {
        let item = Ref::from_schema_name(ClientTypeView::name());
        ArrayBuilder::new().items(item).max_items(Some(MAX_TYPES)).into()
    }
}

impl ToSchema for ClientTypes {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ClientTypeView::schemas(schemas);
        schemas.push((ClientTypeView::name().into_owned(), ClientTypeView::schema()));
    }
}

fn profile(body: ObjectBuilder) -> ObjectBuilder {
    let client = clientbook_model::client::ClientPatch::default();
    let success = &client.success;
    let site = clearable(&success.site_url).examples(["https://acme.example"]);
    let logo = clearable(&success.logo_url).examples(["https://acme.example/logo.png"]);
    let status = "Derived from the status; both together must agree.";
    let (first, last) = ("The first day as a client.", "Not before the inception.");
    let name = "A name of the tz database.";
    body.property("custom", custom())
        .property("name", settable(client.name.as_ref()).examples(["Acme Corporation"]))
        .property("siteUrl", site)
        .property("logoUrl", logo)
        .property("status", Status::schema())
        .property("active", settable(client.status.active.as_ref()).description(Some(status)))
        .property("inceptionDate", schema::day_or_none(first, "2025-06-01"))
        .property("terminatedDate", schema::day_or_none(last, "2026-05-31"))
        .property("street", clearable(&success.street).examples(["1 Main Street"]))
        .property("city", clearable(&success.city).examples(["Springfield"]))
        .property("state", clearable(&success.state).examples(["Illinois"]))
        .property("country", clearable(&success.country).examples(["United States"]))
        .property("zip", clearable(&success.zip).examples(["62701"]))
        .property("region", region())
        .property(
            "timezone",
            clearable(&success.timezone).description(Some(name)).examples(["Europe/Berlin"]),
        )
        .property("npsScore", clearable(&success.nps_score).examples([42]))
        .property("note", clearable(&success.note).examples(["Renews in June"]))
        .property("accTeamingRoles", teaming_roles())
}

/// What refers to something else.
fn references(body: ObjectBuilder) -> ObjectBuilder {
    let client = clientbook_model::client::ClientPatch::default();
    let success = &client.success;
    let unique = "Unique in the tenant.";
    let parent = "The number of a client of the tenant; no circles.";
    let kind = "A type of the tenant; wins over the title.";
    let title = clearable(&Patch::<String>::Absent).description(Some("The title of a type."));
    let external = clearable(&client.external_id).description(Some(unique));
    body.property("externalId", external.examples(["crm-456"]))
        .property("salesforceAccountId", clearable(&success.salesforce_account_id))
        .property("zendeskId", clearable(&success.zendesk_id))
        .property("freshdeskId", clearable(&success.freshdesk_id))
        .property("usageId", clearable(&success.usage_id))
        .property("stripeId", clearable(&success.stripe_id))
        .property("externalStatusId", clearable(&success.external_status_id))
        .property("createdByEmployeeId", clearable(&success.created_by_employee_id))
        .property("modifiedByEmployeeId", clearable(&success.modified_by_employee_id))
        .property("managedByEmployeeId", clearable(&success.managed_by_employee_id))
        .property("assignedSalesRepId", clearable(&success.assigned_sales_rep_id))
        .property("assignedSalesRep", clearable(&success.assigned_sales_rep))
        .property("successCycleId", clearable(&success.success_cycle_id))
        .property("primaryContactId", clearable(&success.primary_contact_id))
        .property(
            "clientTypeId",
            clearable(&client.client_type_id).description(Some(kind)).examples([1]),
        )
        .property("clientTypeTitle", title.examples(["Enterprise"]))
        .property(
            "parentClientId",
            clearable(&client.parent_client_id).description(Some(parent)).examples([457]),
        )
}

/// What may be sent back as it was read.
fn echoes(body: ObjectBuilder) -> ObjectBuilder {
    let anything = || ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    body.property("id", Ref::from_schema_name("ClientNumber"))
        .property("uuid", Ref::from_schema_name("Id"))
        .property("tenantId", Ref::from_schema_name("Id"))
        .property("createdTime", anything())
        .property("modifiedTime", anything())
        .property("parentClient", anything())
        .property("clientType", anything())
}

fn region() -> OneOfBuilder {
    let region = Ref::from_schema_name(RegionView::name());
    let example = json!({ "id": 7, "name": "Midwest" });
    OneOfBuilder::new().item(schema::null()).item(region).examples([example])
}

fn teaming_roles() -> ArrayBuilder {
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(Ref::from_schema_name(TeamingRole::name()))
        .max_items(Some(MAX_ROLES))
        .description(Some("The whole list."))
        .examples([json!([{ "employeeId": 12, "role": "Onboarding" }])])
}

/// Who does what for the client on the account team.
#[derive(ToSchema)]
#[schema(as = TeamingRoleInput, rename_all = "camelCase")]
struct TeamingRole {
    #[schema(value_type = AnyInt)]
    employee_id: i64,
    #[schema(value_type = RoleTitle)]
    role: String,
}

fn custom() -> ObjectBuilder {
    let about = format!(
        "Values by key, merged key by key; null removes one. A client holds at most {MAX_VALUES}."
    );
    schema::values()
        .additional_properties(Some(schema::FieldValue::schema()))
        .property_names(Some(described::of::<custom_field::FieldKey>()))
        .description(Some(about))
        .examples([json!({ "notes": "Updated notes" })])
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

pub(super) fn search_clients() -> Doc {
    let example = json!({
        "data": [client()],
        "first": true,
        "last": true,
        "page": 0,
        "size": 50,
        "totalPages": 1,
        "totalElements": 1,
    });
    Doc::new("searchClients", "Lists clients by their numbers")
        .answers::<PageView<'_>>(200, "A page of clients", example)
        .tagged()
}

pub(super) fn create_client() -> Doc {
    let body = json!({ "name": "Umbrella Corporation", "status": "ACTIVE", "active": true });
    let mut made = client();
    made["id"] = json!(458);
    made["uuid"] = json!("0195803b-5c40-7d0f-9c1b-7a6e5d4c3b2a");
    made["name"] = body["name"].clone();
    for name in ["siteUrl", "city", "timezone", "clientTypeId", "clientTypeTitle"] {
        made[name] = Value::Null;
    }
    if let Some(made) = made.as_object_mut() {
        made.remove("clientType");
    }
    made["createdTime"] = json!("2026-03-10T14:30:00.000Z");
    made["modifiedTime"] = made["createdTime"].clone();
    Doc::new("createClient", "Makes a client")
        .creates::<ClientView<'_>>("The new client, null where unset", made)
        .takes::<NewClient>(vec![("client", body)])
        .refuses(&[Refusal::Conflict, Refusal::ValueTaken])
}

pub(super) fn list_types() -> Doc {
    let example = json!([{ "id": 1, "title": "Enterprise" }]);
    Doc::new("listClientTypes", "Lists the client types of a tenant, by title")
        .answers::<ClientTypes>(200, "Every type", example)
        .tagged()
}

pub(super) fn list_custom_fields() -> Doc {
    let example = json!([{
        "id": 1,
        "name": "contract_end",
        "label": "Contract end",
        "resourceType": "CLIENT",
        "fieldType": "DATE",
        "required": false,
        "active": true,
    }]);
    Doc::new("listCustomFields", "Lists the custom fields of a tenant, archived ones too")
        .answers::<CustomFields>(200, "Every field, in their order", example)
        .tagged()
}

pub(super) fn create_type() -> Doc {
    Doc::new("createClientType", "Makes a client type")
        .answers::<ClientTypeView<'_>>(201, "The type", json!({ "id": 4, "title": "Agency" }))
        .takes::<NewClientType>(vec![("type", json!({ "title": "Agency" }))])
        .refuses(&[Refusal::TitleTaken])
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
        .refuses(&[Refusal::Conflict, Refusal::ValueTaken])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer_success::client_types;
    use crate::customer_success::patch::{KEPT, WRITABLE, creatable};
    use crate::openapi::properties;

    #[test]
    fn the_body_has_the_properties_that_are_read() {
        let known = WRITABLE.iter().chain(KEPT).map(ToString::to_string).collect();
        assert_eq!(properties::<ClientPatch>(), known);
        assert_eq!(properties::<NewClient>(), creatable().map(str::to_owned).collect());
        let known = client_types::KNOWN.iter().map(ToString::to_string).collect();
        assert_eq!(properties::<NewClientType>(), known);
    }
}
