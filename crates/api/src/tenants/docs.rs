//! How the tenants API is described. The examples are the demo's.

use super::views::{ClientView, ListView};
use crate::openapi::Doc;
use crate::shared::schema::names;
use clientbook_model::status;
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
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
