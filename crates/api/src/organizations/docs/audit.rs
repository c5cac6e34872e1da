//! How the audit trail is described.

use super::{client, lists_of_names};
use crate::openapi::{Doc, Refusal};
use crate::organizations::audit_log;
use crate::organizations::audit_views::AuditEntryView;
use crate::organizations::views::{ClientView, ListView};
use crate::shared::schema::{self, Id, names};
use serde_json::{Value, json};
use utoipa::openapi::schema::{OneOfBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

lists_of_names! {
    Kind = audit_log::kinds();
    ActionName = audit_log::actions();
    Door = audit_log::surfaces();
}

/// Where a request came from; null where it came from no address.
pub(in crate::organizations) fn address() -> OneOfBuilder {
    let text = SchemaType::from_iter([Type::String, Type::Null]);
    let erased = ObjectBuilder::new().property("erased", schema::boolean()).required("erased");
    OneOfBuilder::new().item(ObjectBuilder::new().schema_type(text)).item(erased)
}

/// What to put back.
#[derive(ToSchema)]
#[schema(as = RevertInput)]
struct Revert {
    /// An entry of the client's audit log.
    #[schema(value_type = Id)]
    entry_id: String,
}

fn entry() -> Value {
    json!({
        "id": "0195803b-5c40-7d0f-9c1b-7a6e5d4c3b2a",
        "entity_type": "client",
        "entity_id": "aa7cf840-9ca9-46a3-9778-9015d6580d50",
        "actor_id": "0195803b-5c40-7a3d-8e21-4f5a6b7c8d9e",
        "action": "client_updated",
        "previous_value": { "name": "Acme Corporation" },
        "new_value": { "name": "Acme Limited" },
        "surface": "workspace",
        "request_id": "0195803b-5c40-7b1e-8b2a-2f6d1c9e4a77",
        "source_address": "192.0.2.7",
        "created_at": "2026-03-10T14:30:00.000Z",
        "entry_hash": "3b0c".repeat(16),
        "previous_hash": "a1f2".repeat(16),
    })
}

fn log(id: &'static str, summary: &'static str) -> Doc {
    let example = json!({ "data": [entry()], "total_count": 1, "next_cursor": null });
    Doc::new(id, summary)
        .answers::<ListView<AuditEntryView<'_>>>(200, "A page of entries, or a file", example)
        .listing::<AuditEntryView<'_>>()
        .or_file("application/x-ndjson")
        .or_file("text/csv; charset=utf-8")
        .tagged()
}

pub(in crate::organizations) fn of_tenant() -> Doc {
    log("listAuditLog", "Lists every change of a tenant, newest first")
}

pub(in crate::organizations) fn of_client() -> Doc {
    log("listClientAuditLog", "Lists every change of a client, newest first; after erasure too")
}

pub(in crate::organizations) fn revert() -> Doc {
    let mut changed = client();
    changed["updated_at"] = json!("2026-03-10T14:30:00.000Z");
    let body = json!({ "entry_id": "0195803b-5c40-7d0f-9c1b-7a6e5d4c3b2a" });
    let about = "Puts the fields of an entry back to what they were before it";
    Doc::new("revertClient", about)
        .answers::<ClientView<'_>>(200, "The client as it is now", changed)
        .tagged()
        .takes::<Revert>(vec![("entry", body)])
        .refuses(&[Refusal::Transition, Refusal::NotRevertible])
}

pub(in crate::organizations) fn erase() -> Doc {
    let about = "Erases a client whose mode is deleted: its id and the chain of its audit log stay";
    Doc::new("eraseClient", about).preconditioned().refuses(&[Refusal::NotDeleted])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::properties;
    use crate::organizations::revert::KNOWN;

    #[test]
    fn the_body_has_the_fields_that_are_read() {
        let known = KNOWN.iter().map(ToString::to_string).collect();
        assert_eq!(properties::<Revert>(), known);
    }
}
