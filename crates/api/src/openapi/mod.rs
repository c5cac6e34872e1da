//! One OpenAPI 3.1 document per surface, made from the access table: an operation cannot exist
//! without its description, nor a query parameter. Schemas come from the views; error answers from
//! the table of errors.

mod doc;
mod parameters;
mod refusals;

pub(crate) use doc::{Doc, Refusal};

use crate::shared::operation::{Access, BodyRule, Operation};
use crate::{customer_success, organizations, tenants, workspace};
use axum::http::Method;
use clientbook_model::audit::Surface;
use doc::{Body, Shape};
use refusals::ERROR;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A surface and its document.
pub(crate) struct Document {
    pub(crate) surface: Surface,
    /// Its file is `<name>.json`.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    about: &'static str,
}

/// Every document. What belongs to no surface stands with the main API.
pub(crate) const DOCUMENTS: [Document; 4] = [
    Document {
        surface: Surface::Organizations,
        name: "organizations",
        title: "Organizations (v2)",
        about: "The main API: tenants, clients, what is collected of them, and tokens.",
    },
    Document {
        surface: Surface::Tenants,
        name: "tenants",
        title: "Tenants (v1)",
        about: "Where admins make clients, and switch them on and off.",
    },
    Document {
        surface: Surface::Workspace,
        name: "workspace",
        title: "Workspace (v1)",
        about: "What front desks and CRMs know of a client.",
    },
    Document {
        surface: Surface::CustomerSuccess,
        name: "customer-success",
        title: "Customer success",
        about: "Some 35 attributes of a client. The same routes answer below `/v2` too.",
    },
];

impl Document {
    /// The document of these operations.
    pub(crate) fn of(&self, operations: &[Operation]) -> Value {
        let ours = |surface| {
            surface == self.surface
                || (surface == Surface::System && self.surface == Surface::Organizations)
        };
        let (mut paths, mut schemas) = (BTreeMap::<_, Map<_, _>>::new(), Map::new());
        keep(&mut schemas, error_shape(self.surface));
        for operation in operations.iter().filter(|operation| ours(operation.surface)) {
            let method = operation.method.as_str().to_ascii_lowercase();
            let described = describe(operation, &mut schemas);
            paths.entry(operation.path).or_default().insert(method, described);
        }
        let mut schemas = Value::Object(schemas);
        close(&mut schemas);
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": format!("Clientbook: {}", self.title),
                "description": format!("{} {EVERYWHERE}", self.about),
                "version": env!("CARGO_PKG_VERSION"),
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "servers": [{ "url": "/" }],
            "tags": self.tags(),
            "paths": paths,
            "components": {
                "schemas": schemas,
                "headers": shared_headers(),
                "securitySchemes": schemes(self.surface),
            },
        })
    }
}

/// Rules of every call.
const EVERYWHERE: &str = "Lengths count Unicode characters. No text holds U+0000. Properties and \
     query parameters that are not described are refused.";

/// What belongs to no surface, in the documents.
const SYSTEM: &str = "System";

impl Document {
    fn tags(&self) -> Value {
        let ours = json!({ "name": self.title, "description": self.about });
        let about = "The server itself: its health, whose tokens it believes, these documents.";
        match self.surface {
            Surface::Organizations => json!([ours, { "name": SYSTEM, "description": about }]),
            _ => json!([ours]),
        }
    }
}

fn tag(operation: &Operation) -> &'static str {
    let of = DOCUMENTS.iter().find(|document| document.surface == operation.surface);
    of.map_or(SYSTEM, |document| document.title)
}

fn describe(operation: &Operation, schemas: &mut Map<String, Value>) -> Value {
    let doc = (operation.doc)();
    let mut answers = refusals::answers(operation, &doc);
    let (status, success) = success(operation, &doc);
    answers.insert(status, success);
    if doc.success.tagged && operation.method == Method::GET {
        let mut headers = common_headers(operation);
        headers["ETag"] = etag();
        let about = "You have this answer: If-None-Match names its tag";
        answers.insert("304".into(), json!({ "description": about, "headers": headers }));
    }
    let second_base =
        operation.surface == Surface::CustomerSuccess && operation.path.starts_with("/v2");
    let mut described = json!({
        "operationId": format!("{}{}", doc.id, if second_base { "BelowV2" } else { "" }),
        "summary": doc.summary,
        "tags": [tag(operation)],
        "parameters": parameters::of(operation, &doc),
        "responses": answers,
        "security": security(operation),
    });
    let permissions = operation.access.permissions();
    let permissions: Vec<_> = permissions.map(|one| format!("`{}`", one.as_str())).collect();
    match operation.access {
        Access::Device => described["description"] = "Takes a device's token.".into(),
        Access::Enrollment => {
            described["description"] = "Takes an enrolment token, in the body.".into();
        }
        Access::Public | Access::Permission(_) | Access::Either(..) => {}
    }
    if !permissions.is_empty() {
        let about = format!("Takes the permission {}.", permissions.join(" or "));
        described["description"] = about.into();
    }
    if let Some(body) = &doc.body {
        described["requestBody"] = request_body(operation, body);
    } else if !doc.reads.is_empty() {
        described["requestBody"] = json!({ "required": true, "content": files(doc.reads) });
    }
    let content = doc.success.content.and_then(|content| content.shape);
    for shape in doc.body.map(|body| body.shape).into_iter().chain(content) {
        keep(schemas, shape);
    }
    described
}

fn success(operation: &Operation, doc: &Doc) -> (String, Value) {
    let success = &doc.success;
    let mut headers = common_headers(operation);
    if success.located {
        headers["ETag"] = etag();
        headers["Location"] = header("Where the new record can be read");
    }
    if success.tagged {
        headers["ETag"] = etag();
        // A tag of a version that is not there yet would one day fit another change.
        // A file has none, nor has what a record was at a time.
        let untagged = |name| matches!(name, "dryRun" | "format");
        if doc.dry || operation.parameters().any(untagged) {
            headers["ETag"]["required"] = false.into();
        }
    }
    if doc.linked {
        headers["Link"] = header("Where the next page is: `<address>; rel=\"next\"`");
        headers["Link"]["required"] = false.into();
    }
    let mut answer = json!({ "description": success.about, "headers": headers });
    if let Some(content) = &success.content {
        let mut media_type = json!({ "schema": content.schema() });
        if let Some(example) = &content.example {
            media_type["example"] = example.clone();
        }
        answer["content"] = json!({ content.media_type: media_type });
        for file in &success.files {
            answer["content"][file] = json!({ "schema": { "type": "string" } });
        }
    } else if !success.streams.is_empty() {
        answer["content"] = files(success.streams);
    }
    (success.status.to_string(), answer)
}

/// Rows in each of these forms; what stands in them, docs/moving.md says.
fn files(media_types: &[&'static str]) -> Value {
    let content = |media_type: &&'static str| {
        ((*media_type).to_owned(), json!({ "schema": { "type": "string" } }))
    };
    media_types.iter().map(content).collect::<Map<_, _>>().into()
}

fn request_body(operation: &Operation, body: &Body) -> Value {
    let example =
        |(name, value): &(&'static str, Value)| ((*name).to_owned(), json!({ "value": value }));
    let examples: Map<_, _> = body.examples.iter().map(example).collect();
    let content = json!({ "schema": body.shape.reference(), "examples": examples });
    let mut media_types = json!({ "application/json": content });
    if operation.method == Method::PATCH {
        media_types["application/merge-patch+json"] = content;
    }
    json!({ "required": operation.body == BodyRule::Json, "content": media_types })
}

/// The headers of every answer.
fn common_headers(operation: &Operation) -> Value {
    let mut headers = json!({
        "X-Request-Id": header("The request's id: yours if it is sane, else ours"),
        "Cache-Control": header("`private, no-cache`; `no-store` on what carries a secret"),
    });
    if !matches!(operation.access, Access::Public | Access::Enrollment) {
        for (name, _) in RATE_LIMIT {
            headers[name] = json!({ "$ref": format!("#/components/headers/{name}") });
        }
    }
    headers
}

/// What callers who have a limit are told of it.
const RATE_LIMIT: [(&str, &str); 2] = [
    ("RateLimit-Policy", "`q`: the requests that a caller has in `w` seconds"),
    ("RateLimit", "`r`: those left; `t`: seconds until all are there again"),
];

fn shared_headers() -> Value {
    let mut headers = json!({});
    for (name, about) in RATE_LIMIT {
        headers[name] = header(about);
        headers[name]["required"] = false.into();
    }
    headers
}

fn etag() -> Value {
    let mut etag = header("The record's version, and a digest of this very body");
    etag["schema"]["pattern"] = r#"^"\d+-[0-9a-f]{16}"$"#.into();
    etag
}

fn header(about: &str) -> Value {
    json!({ "description": about, "required": true, "schema": { "type": "string" } })
}

/// Each scheme with a permission that the call takes: OpenAPI 3.1 has room for it.
fn security(operation: &Operation) -> Value {
    let schemes: &[&str] = match operation.surface {
        Surface::CustomerSuccess => &["bearer", "apiKey", "bareToken"],
        _ => &["bearer"],
    };
    if operation.access == Access::Device {
        return json!([{ DEVICE_TOKEN: [] }]);
    }
    let permissions = operation.access.permissions();
    permissions
        .flat_map(|one| schemes.iter().map(move |scheme| json!({ *scheme: [one.as_str()] })))
        .collect()
}

fn schemes(surface: Surface) -> Value {
    let bearer = json!({
        "type": "http",
        "scheme": "bearer",
        "description": "An API token (`cb_...`), or a JWT of an issuer that is believed",
    });
    let key = |name: &str, about: &str| json!({ "type": "apiKey", "in": "header", "name": name, "description": about });
    match surface {
        Surface::CustomerSuccess => json!({
            "bearer": bearer,
            "apiKey": key("X-API-Key", "The bare access token"),
            "bareToken": key("Authorization", "The access token without the word Bearer"),
        }),
        Surface::Organizations => json!({
            "bearer": bearer,
            DEVICE_TOKEN: {
                "type": "http",
                "scheme": "bearer",
                "description": "A device's token (`cbd_...`), which it got when it enrolled",
            },
        }),
        _ => json!({ "bearer": bearer }),
    }
}

/// The scheme of what agents call.
const DEVICE_TOKEN: &str = "deviceToken";

fn error_shape(surface: Surface) -> Shape {
    let mut shape = match surface {
        Surface::Tenants => Shape::of::<tenants::errors::View<'_>>(),
        Surface::Workspace => Shape::of::<workspace::errors::View<'_>>(),
        Surface::CustomerSuccess => Shape::of::<customer_success::errors::View<'_>>(),
        _ => Shape::of::<organizations::errors::View<'_>>(),
    };
    if let Some((_, schema)) = shape.schemas.pop() {
        shape.schemas.push((ERROR.to_owned(), schema));
    }
    shape
}

fn keep(schemas: &mut Map<String, Value>, shape: Shape) {
    for (name, schema) in shape.schemas {
        let schema = json!(schema);
        let before = schemas.insert(doc::public(&name), schema.clone());
        debug_assert!(before.is_none_or(|before| before == schema), "{name} is two schemas");
    }
}

/// Schemas refer to each other by published names, and what is not described is neither taken nor
/// sent.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(close);
            if let Some(Value::String(reference)) = object.get_mut("$ref")
                && let Some(name) = reference.strip_prefix(doc::SCHEMAS)
            {
                *reference = format!("{}{}", doc::SCHEMAS, doc::public(name));
            }
            if object.get("properties").is_some_and(Value::is_object)
                && object.get("type").is_some_and(|kind| *kind == "object")
            {
                object.entry("additionalProperties").or_insert(false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// The names of an object's properties.
#[cfg(test)]
pub(crate) fn properties<T: utoipa::ToSchema>() -> std::collections::BTreeSet<String> {
    let schema = json!(T::schema());
    schema["properties"].as_object().expect("an object").keys().cloned().collect()
}
