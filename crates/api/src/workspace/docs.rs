//! How the workspace API is described. The examples are the demo's.

#![expect(dead_code, reason = "shapes of requests to describe; nobody builds them")]

pub(super) mod fields;

use super::views::{ListView, Wrapped};
use crate::openapi::{Doc, Refusal};
use crate::shared::described::clearable;
use crate::shared::schema::{ClientName, ContactKind, FieldKey, FieldValue, ObjectId, names};
use clientbook_model::client::{ClientPatch as Change, MAX_SIZE};
use clientbook_model::contact::MAX_METHODS;
use clientbook_model::custom_field::MAX_VALUES;
use clientbook_model::field::FieldStatus;
use serde_json::{Value, json};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// The stable name of an error.
pub(super) enum Code {}

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let codes = [
            "validation_failed",
            "invalid_request",
            "unauthenticated",
            "forbidden",
            "not_found",
            "method_not_allowed",
            "conflict",
            "idempotency_mismatch",
            "precondition_failed",
            "payload_too_large",
            "unsupported_media_type",
            "rate_limited",
            "internal_error",
            "unavailable",
            "insufficient_storage",
        ];
        names(codes).into()
    }
}

impl ToSchema for Code {}

/// Whether a field's values are shown.
pub(super) enum FieldState {}

impl PartialSchema for FieldState {
    fn schema() -> RefOr<Schema> {
        names([FieldStatus::Active, FieldStatus::Archived].map(FieldStatus::as_str)).into()
    }
}

impl ToSchema for FieldState {}

/// A change of a client: at least one of name, avatarUrl, contactMethods and customFields. What was
/// read may be sent back: the id must then match, times are ignored.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct ClientPatch {
    #[schema(value_type = Option<ClientName>, nullable = false)]
    name: Option<String>,
    #[schema(schema_with = avatar_url, required = false)]
    avatar_url: Option<String>,
    #[schema(schema_with = contact_methods, required = false)]
    contact_methods: Option<Vec<ContactMethod>>,
    #[schema(schema_with = custom_fields, required = false)]
    custom_fields: Option<Vec<CustomField>>,
    #[schema(value_type = Option<ObjectId>, nullable = false)]
    id: Option<String>,
    #[schema(required = false)]
    created_at: Value,
    #[schema(required = false)]
    updated_at: Value,
}

/// A client to make.
#[derive(ToSchema)]
#[schema(as = ClientInput, rename_all = "camelCase")]
struct NewClient {
    #[schema(value_type = ClientName)]
    name: String,
    #[schema(schema_with = contact_methods)]
    contact_methods: Vec<ContactMethod>,
    #[schema(schema_with = avatar_url, required = false)]
    avatar_url: Option<String>,
    #[schema(schema_with = custom_fields, required = false)]
    custom_fields: Option<Vec<CustomField>>,
}

/// How to reach a client. An e-mail must be an address; a number that starts with `+` must be valid
/// E.164 without its separators, else it has 4 to 15 digits.
#[derive(ToSchema)]
#[schema(as = ContactMethodInput, rename_all = "camelCase")]
struct ContactMethod {
    #[schema(value_type = ContactKind)]
    r#type: String,
    #[schema(min_length = 1, pattern = r"\S")]
    value: String,
    is_preferred: bool,
}

#[derive(ToSchema)]
#[schema(as = CustomFieldInput, rename_all = "camelCase")]
struct CustomField {
    /// As it was read: the field's, or null for a key that nobody defined.
    #[schema(value_type = Option<ObjectId>)]
    field_id: Option<String>,
    #[schema(value_type = FieldKey)]
    field_key: String,
    #[schema(value_type = FieldValue)]
    value: Option<String>,
}

fn avatar_url() -> ObjectBuilder {
    clearable(&Change::default().avatar_url)
        .description(Some("An absolute http or https URL; null clears it."))
        .examples(["https://example.com/new-avatar.jpg"])
}

fn contact_methods() -> ArrayBuilder {
    let email = json!({ "type": "email", "value": "jane@example.com", "isPreferred": true });
    let phone = json!({ "type": "phone", "value": "+49 30 901820", "isPreferred": false });
    list::<ContactMethod>(MAX_METHODS)
        .min_items(Some(1))
        .description(Some("The whole list; exactly one is preferred."))
        .examples([json!([email, phone])])
}

fn custom_fields() -> ArrayBuilder {
    let about = format!(
        "Sets these keys; keys not given stay. No key stands here twice. A client holds at most \
         {MAX_VALUES}, and at most {MAX_SIZE} bytes of JSON in all."
    );
    list::<CustomField>(MAX_VALUES)
        .description(Some(about))
        .examples([json!([{ "fieldKey": "notes", "value": "Updated notes" }])])
}

fn list<T: ToSchema>(max: usize) -> ArrayBuilder {
    ArrayBuilder::new().items(Ref::from_schema_name(T::name())).max_items(Some(max))
}

fn client(name: &str) -> Value {
    json!({
        "id": "507f1f77bcf86cd799439011",
        "name": name,
        "avatarUrl": null,
        "contactMethods": [],
        "customFields": [],
        "createdAt": "2025-06-01T00:00:00Z",
        "updatedAt": "2026-02-20T12:00:00Z",
    })
}

pub(super) fn read_client() -> Doc {
    let example = json!({ "client": client("Acme Corporation") });
    Doc::new("readClient", "Reads a client")
        .answers::<Wrapped<'_>>(200, "The client", example)
        .tagged()
}

pub(super) fn list_clients() -> Doc {
    let example = json!({ "clients": [client("Acme Corporation")] });
    Doc::new("listClients", "Lists clients, the oldest first: go on while there is a next page")
        .answers::<ListView<'_>>(200, "A page of clients", example)
        .tagged()
        .linked()
}

pub(super) fn create_client() -> Doc {
    let body = json!({
        "name": "Umbrella Corporation",
        "contactMethods": [{ "type": "email", "value": "jane@example.com", "isPreferred": true }],
    });
    let mut made = client("Umbrella Corporation");
    made["id"] = json!("69b02ab80011223344556677");
    made["contactMethods"] = body["contactMethods"].clone();
    made["createdAt"] = json!("2026-03-10T14:30:00Z");
    made["updatedAt"] = json!("2026-03-10T14:30:00Z");
    Doc::new("createClient", "Makes a client")
        .creates::<Wrapped<'_>>("The new client", json!({ "client": made }))
        .takes::<NewClient>(vec![("client", body)])
        .refuses(&[Refusal::ValueTaken])
        .using::<ContactMethod>()
        .using::<CustomField>()
}

pub(super) fn delete_client() -> Doc {
    let about = "Terminates a client and stops collecting of it; this API knows it no longer";
    Doc::new("deleteClient", about).preconditioned()
}

pub(super) fn update_client() -> Doc {
    let body = json!({
        "name": "Jane Doe",
        "avatarUrl": "https://example.com/new-avatar.jpg",
        "contactMethods": [{ "type": "email", "value": "jane@example.com", "isPreferred": true }],
        "customFields": [{ "fieldKey": "notes", "value": "Updated notes" }],
    });
    let mut changed = client("Jane Doe");
    changed["avatarUrl"] = body["avatarUrl"].clone();
    changed["contactMethods"] = body["contactMethods"].clone();
    changed["customFields"] =
        json!([{ "fieldId": null, "fieldKey": "notes", "value": "Updated notes" }]);
    changed["updatedAt"] = json!("2026-03-10T14:30:00Z");
    Doc::new("updateClient", "Changes name, avatar, contact methods or custom fields")
        .answers::<Wrapped<'_>>(200, "The client as it is now", json!({ "client": changed }))
        .tagged()
        .takes::<ClientPatch>(vec![("profile", body)])
        .refuses(&[Refusal::ValueTaken])
        .using::<ContactMethod>()
        .using::<CustomField>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::properties;

    #[test]
    fn the_body_has_the_fields_that_are_read() {
        let known = super::super::clients::KNOWN.iter().map(ToString::to_string).collect();
        assert_eq!(properties::<ClientPatch>(), known);
        let writable = super::super::clients::WRITABLE.iter().map(ToString::to_string).collect();
        assert_eq!(properties::<NewClient>(), writable);
    }
}
