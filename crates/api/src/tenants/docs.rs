//! How the tenants API is described. The examples are the demo's.

#![expect(dead_code, reason = "shapes of requests to describe; nobody builds them")]

use super::views::{ClientView, ListView};
use crate::openapi::Doc;
use crate::shared::described;
use crate::shared::schema::{ClientName, ClientNumber, Id, Scope, TenantKey, names};
use clientbook_model::client::MAX_TAGS;
use clientbook_model::{status, text};
use serde_json::{Value, json};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// The status in words.
pub(super) enum Status {}

impl PartialSchema for Status {
    fn schema() -> RefOr<Schema> {
        names(status::Status::ALL.map(super::views::status)).into()
    }
}

impl ToSchema for Status {}

/// Nothing to show, or to say.
#[derive(ToSchema)]
struct Empty {}

/// A client to make.
#[derive(ToSchema)]
#[schema(as = ClientInput)]
struct NewClient {
    #[schema(value_type = ClientName)]
    name: String,
    #[schema(schema_with = email, required = false)]
    email: Option<String>,
    #[schema(schema_with = tags, required = false)]
    tags: Option<Vec<String>>,
    /// Another than Active takes the permission `clients.status`.
    #[schema(value_type = Option<Status>, nullable = false)]
    status: Option<String>,
    /// Whoever is bound to an organization makes clients of it; they may leave it out.
    #[schema(value_type = Option<Scope>)]
    org_id: Option<String>,
    /// Likewise with a project.
    #[schema(value_type = Option<Scope>)]
    project_id: Option<String>,
    #[schema(value_type = Option<Scope>)]
    owner_id: Option<String>,
}

/// A change of a client: only what is sent changes. What was read may be sent back: ids must then
/// match, times are ignored.
#[derive(ToSchema)]
struct ClientPatch {
    #[schema(value_type = Option<ClientName>, nullable = false)]
    name: Option<String>,
    #[schema(schema_with = email, required = false)]
    email: Option<String>,
    #[schema(schema_with = tags, required = false)]
    tags: Option<Vec<String>>,
    /// Takes the permission `clients.status`, as does the flag.
    #[schema(value_type = Option<Status>, nullable = false)]
    status: Option<String>,
    /// Derived from the status; both together must agree.
    #[schema(nullable = false)]
    active: Option<bool>,
    #[schema(value_type = Option<Scope>)]
    org_id: Option<String>,
    #[schema(value_type = Option<Scope>)]
    project_id: Option<String>,
    #[schema(value_type = Option<Scope>)]
    owner_id: Option<String>,
    #[schema(value_type = Option<ClientNumber>, nullable = false)]
    id: Option<i64>,
    #[schema(value_type = Option<Id>, nullable = false)]
    client_id: Option<String>,
    #[schema(value_type = Option<TenantKey>, nullable = false)]
    tenant_id: Option<String>,
    #[schema(required = false)]
    created_at: Value,
    #[schema(required = false)]
    updated_at: Value,
}

fn email() -> ObjectBuilder {
    let types = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new()
        .schema_type(types)
        .description(Some("An e-mail address; null or an empty text clears it."))
        .examples(["office@acme.example"])
}

fn tags() -> ArrayBuilder {
    ArrayBuilder::new()
        .items(described::of::<text::Tag>())
        .max_items(Some(MAX_TAGS))
        .unique_items(true)
        .description(Some("The whole list; no two are the same after trimming."))
        .examples([json!(["enterprise", "north"])])
}

fn client() -> Value {
    json!({
        "id": 456,
        "client_id": "aa7cf840-9ca9-46a3-9778-9015d6580d50",
        "tenant_id": "tenant123",
        "org_id": null,
        "project_id": null,
        "owner_id": null,
        "name": "Acme Corporation",
        "email": null,
        "status": "Active",
        "active": true,
        "tags": [],
        "created_at": "2025-06-01T00:00:00.000Z",
        "updated_at": "2026-02-20T12:00:00.000Z",
    })
}

pub(super) fn read_client() -> Doc {
    Doc::new("readClient", "Reads a client")
        .answers::<ClientView<'_>>(200, "The client", client())
        .tagged()
}

pub(super) fn list_clients() -> Doc {
    let pagination = json!({ "page": 1, "limit": 10, "total": 1, "total_pages": 1 });
    let example = json!({ "clients": [client()], "pagination": pagination });
    Doc::new("listClients", "Lists clients by their numbers")
        .answers::<ListView<'_>>(200, "A page of clients", example)
        .tagged()
}

pub(super) fn create_client() -> Doc {
    let body = json!({ "name": "Umbrella Corporation", "tags": ["north"] });
    let mut made = client();
    made["id"] = json!(458);
    made["client_id"] = json!("0195803b-5c40-7d0f-9c1b-7a6e5d4c3b2a");
    made["name"] = body["name"].clone();
    made["tags"] = body["tags"].clone();
    made["created_at"] = json!("2026-03-10T14:30:00.000Z");
    made["updated_at"] = made["created_at"].clone();
    Doc::new("createClient", "Makes a client, with the tenant's next number")
        .creates::<ClientView<'_>>("The new client", made)
        .takes::<NewClient>(vec![("client", body)])
}

pub(super) fn update_client() -> Doc {
    let body = json!({ "email": "office@acme.example", "tags": ["north"] });
    let mut changed = client();
    changed["email"] = body["email"].clone();
    changed["tags"] = body["tags"].clone();
    changed["updated_at"] = json!("2026-03-10T14:30:00.000Z");
    Doc::new("updateClient", "Changes the fields that are sent")
        .answers::<ClientView<'_>>(200, "The client as it is now", changed)
        .tagged()
        .takes::<ClientPatch>(vec![("profile", body)])
}

pub(super) fn activate() -> Doc {
    switch("activateClient", "Sets the status to Active, from any other")
}

pub(super) fn deactivate() -> Doc {
    switch("deactivateClient", "Sets the status to Inactive: a suspension that loses nothing")
}

fn switch(id: &'static str, summary: &'static str) -> Doc {
    Doc::new(id, summary)
        .answers::<Empty>(200, "Done", json!({}))
        .tagged()
        .takes::<Empty>(vec![("empty", json!({}))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::properties;
    use crate::tenants::body::{KNOWN, NEW};

    #[test]
    fn bodies_have_the_fields_that_are_read() {
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        assert_eq!(properties::<NewClient>(), names(NEW));
        assert_eq!(properties::<ClientPatch>(), names(KNOWN));
    }
}
