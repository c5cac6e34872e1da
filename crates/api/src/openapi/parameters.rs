//! Parameters of paths, queries and headers.

use super::doc::Doc;
use crate::shared::idempotency;
use crate::shared::operation::Operation;
use crate::shared::schema::{self, ClientNumber, Id, ObjectId, TenantKey};
use axum::http::Method;
use clientbook_model::audit::Surface;
use serde_json::{Value, json};
use utoipa::PartialSchema as _;

/// The request id in examples.
pub(super) const REQUEST_ID: &str = "0195803b-5c40-7b1e-8b2a-2f6d1c9e4a77";

/// The names of the segments of `path` that vary.
pub(super) fn names(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// A value of the demo data for a segment.
pub(super) fn example(surface: Surface, name: &str) -> String {
    let example = match name {
        "tenant_id" | "workspace_id" => "tenant123",
        "id" => "456",
        "client_id" if surface == Surface::Workspace => "507f1f77bcf86cd799439011",
        "token_id" => "0195803b-5c40-7d0f-9c1b-7a6e5d4c3b2a",
        "field_id" => "69b02ab8a1b2c3d4e5f60718",
        "software_id" => "3b9c1c5e-0d3f-8a41-9f60-2f1f0c1f7a55",
        "device_id" => "f1e2d3c4-b5a6-7890-abcd-ef1234567890",
        "user_id" => "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
        "department_id" => "d1e2f3a4-b5c6-7890-abcd-ef1234567890",
        "file" => "swagger-ui.css",
        _ => "aa7cf840-9ca9-46a3-9778-9015d6580d50",
    };
    example.to_owned()
}

/// The path with the demo's values in it.
pub(super) fn example_path(operation: &Operation) -> String {
    let mut path = operation.path.to_owned();
    for name in names(operation.path) {
        path = path.replace(&format!("{{{name}}}"), &example(operation.surface, name));
    }
    path
}

/// All parameters of an operation.
pub(super) fn of(operation: &Operation, doc: &Doc) -> Vec<Value> {
    let mut parameters: Vec<_> =
        names(operation.path).map(|name| in_path(operation.surface, name)).collect();
    parameters.extend(operation.query.iter().map(|parameter| {
        json!({
            "name": parameter.name,
            "in": "query",
            "description": parameter.about,
            "schema": (parameter.schema)(),
        })
    }));
    if doc.success.tagged && operation.method == Method::GET {
        let about = "Tags of answers that you have: if this is one of them, 304";
        parameters.push(header("If-None-Match", about, "\"7-0011223344556677\""));
    }
    if doc.success.tagged || doc.success.preconditioned {
        let about = "Tags of the version you mean; only the version in them counts. Another: 412";
        parameters.push(header("If-Match", about, "*"));
    }
    if idempotency::counts(operation) {
        parameters.push(idempotency_key());
    }
    let about = "Your id for the request, 1 to 128 letters, digits or `._:/+=@-`; else we make one";
    parameters.push(header("X-Request-Id", about, REQUEST_ID));
    parameters
}

fn header(name: &str, about: &str, example: &str) -> Value {
    json!({
        "name": name,
        "in": "header",
        "description": about,
        "schema": { "type": "string" },
        "example": example,
    })
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Your name for this very call: a repeat within 24 hours has no further \
            effect, and the first answer",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": idempotency::MAX_LENGTH,
            "pattern": "^[\\x21-\\x7e]+$",
        },
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
    })
}

fn in_path(surface: Surface, name: &str) -> Value {
    let (about, schema) = match name {
        "tenant_id" => ("The tenant: its slug, UUID or 24 hex digits", TenantKey::schema()),
        "workspace_id" => ("The workspace: its slug, UUID or 24 hex digits", TenantKey::schema()),
        "id" => ("The client's number in its tenant", ClientNumber::schema()),
        "client_id" if surface == Surface::Workspace => {
            ("The client's 24 hex digits", ObjectId::schema())
        }
        "token_id" => ("The token's UUID", Id::schema()),
        "field_id" => ("The field's 24 hex digits", ObjectId::schema()),
        "software_id" => ("The software's id in the client's list", Id::schema()),
        "device_id" => ("The device's UUID", Id::schema()),
        "user_id" => ("The user's UUID", Id::schema()),
        "department_id" => ("The department's UUID", Id::schema()),
        "file" => ("A file of the page", schema::names(crate::docs::FILES).into()),
        _ => ("The client's UUID", Id::schema()),
    };
    let mut example = Value::from(example(surface, name));
    if name == "id" {
        example = json!(456);
    }
    json!({
        "name": name,
        "in": "path",
        "required": true,
        "description": about,
        "schema": schema,
        "example": example,
    })
}
