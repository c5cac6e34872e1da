//! What each surface shows of a client.

use super::book::{Book, Client};
use super::moves::Door;
use super::rules::{NUMBERS, TEXTS, TYPES};
use clientbook_model::time::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) const TENANTS: [&str; 2] = ["tenant123", "tenant999"];

/// The demo's clients.
pub(super) const DEMO: [(&str, &str); 3] = [
    ("tenant123", "aa7cf840-9ca9-46a3-9778-9015d6580d50"),
    ("tenant123", "aa7cf840-9ca9-46a3-9778-9015d6580d51"),
    ("tenant999", "bb7cf840-9ca9-46a3-9778-9015d6580d50"),
];

fn tenant(slug: &str) -> (&'static str, &'static str) {
    match slug {
        "tenant123" => ("b2c3d4e5-f6a7-8901-bcde-f12345678901", "TechPartner Inc."),
        _ => ("b2c3d4e5-f6a7-8901-bcde-f12345678902", "Rival Partner Ltd."),
    }
}

pub(super) fn no_tenants_fields() -> Map<String, Value> {
    let nothing = json!({ "email": null, "org_id": null, "project_id": null, "owner_id": null });
    let mut fields = nothing.as_object().expect("an object").clone();
    fields.insert("tags".into(), json!([]));
    fields
}

pub(super) fn no_success_fields() -> Map<String, Value> {
    let texts = TEXTS.iter().map(|(name, _)| *name);
    let others = [
        "inceptionDate",
        "terminatedDate",
        "region",
        "clientTypeId",
        "parentClientId",
        "accTeamingRoles",
    ];
    let names = texts.chain(NUMBERS.iter().map(|(name, ..)| *name)).chain(others);
    names.map(|name| (name.to_owned(), Value::Null)).collect()
}

/// A UUID as the engines write it, with its hyphens.
pub(super) fn uuid(text: &str) -> String {
    let plain = text.replace('-', "").to_lowercase();
    let parts = [&plain[..8], &plain[8..12], &plain[12..16], &plain[16..20], &plain[20..]];
    parts.join("-")
}

fn millis(text: &Value) -> i64 {
    let text = text.as_str().expect("a time");
    Timestamp::parse_rfc3339(text).expect("a time").millis()
}

fn time(millis: i64) -> String {
    Timestamp::from_millis(millis).expect("a time").to_string()
}

/// A client as v2 and customer success show it, with its object id besides.
pub(super) fn read(tenant: &'static str, [v2, shown]: &[Value; 2]) -> Client {
    let mut success = no_success_fields();
    for (name, value) in &mut success {
        *value = shown[name].clone();
    }
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    Client {
        tenant,
        id: text(&v2["id"]),
        number: shown["id"].as_i64().expect("a number"),
        object_id: text(&shown["object_id"]),
        name: text(&v2["name"]),
        status: text(&v2["status"]),
        mode: text(&v2["collection_mode"]),
        token: v2["enrollment_token"].clone(),
        tenants: no_tenants_fields(),
        avatar: Value::Null,
        methods: Vec::new(),
        custom: BTreeMap::new(),
        success,
        removed: false,
        created: millis(&v2["created_at"]),
        updated: millis(&v2["updated_at"]),
        version: shown["version"].as_i64().expect("a version"),
    }
}

/// The paths of a client, and what they show; nothing where it is not known.
pub(super) fn all(client: &Client, book: &Book) -> [(String, Option<Value>); 4] {
    [Door::V2, Door::Tenants, Door::Workspace, Door::Success].map(|door| {
        let hidden = door == Door::Workspace && client.removed;
        (path(client, door), (!hidden).then(|| of(client, door, book)))
    })
}

pub(super) fn path(client: &Client, door: Door) -> String {
    let Client { tenant, id, number, object_id, .. } = client;
    match door {
        Door::V2 => format!("/v2/clients/{id}"),
        Door::Tenants => format!("/clients/v1/tenants/{tenant}/clients/{number}"),
        Door::Workspace => format!("/v1/workspace/{tenant}/clients/{object_id}"),
        Door::Success => format!("/client/{id}"),
    }
}

pub(super) fn of(client: &Client, door: Door, book: &Book) -> Value {
    match door {
        Door::V2 => v2(client),
        Door::Tenants => tenants(client),
        Door::Workspace => workspace(client),
        Door::Success => success(client, book),
    }
}

fn v2(client: &Client) -> Value {
    let (id, name) = tenant(client.tenant);
    json!({
        "id": client.id, "name": client.name, "status": client.status,
        "collection_mode": client.mode, "partner": { "id": id, "name": name },
        "enrollment_token": client.token,
        "created_at": time(client.created), "updated_at": time(client.updated),
    })
}

fn tenants(client: &Client) -> Value {
    let status = client.status[..1].to_uppercase() + &client.status[1..];
    let mut shown = json!({
        "id": client.number, "client_id": client.id, "tenant_id": client.tenant,
        "name": client.name, "status": status, "active": client.is_active(),
        "created_at": time(client.created), "updated_at": time(client.updated),
    });
    add(&mut shown, &client.tenants);
    shown
}

fn workspace(client: &Client) -> Value {
    let fields = client.custom.iter();
    let fields: Vec<_> = fields
        .map(|(key, value)| json!({ "fieldId": null, "fieldKey": key, "value": value }))
        .collect();
    let seconds = |millis: i64| format!("{}Z", &time(millis)[..19]);
    json!({ "client": {
        "id": client.object_id, "name": client.name, "avatarUrl": client.avatar,
        "contactMethods": client.methods, "customFields": fields,
        "createdAt": seconds(client.created), "updatedAt": seconds(client.updated),
    } })
}

fn success(client: &Client, book: &Book) -> Value {
    let mut shown = json!({
        "id": client.number, "uuid": client.id, "tenantId": tenant(client.tenant).0,
        "name": client.name, "status": client.status.to_uppercase(),
        "active": client.is_active(), "custom": client.custom,
        "createdTime": time(client.created), "modifiedTime": time(client.updated),
        "clientTypeTitle": null,
    });
    add(&mut shown, &client.success);
    if let Some(number) = client.success["parentClientId"].as_i64() {
        let parent = book.numbered(client.tenant, number).expect("parents stay");
        shown["parentClient"] =
            json!({ "id": parent.number, "uuid": parent.id, "name": parent.name });
    }
    if let Some(id) = client.success["clientTypeId"].as_u64() {
        let title = TYPES[usize::try_from(id).expect("few") - 1];
        shown["clientTypeTitle"] = title.into();
        shown["clientType"] = json!({ "id": id, "title": title });
    }
    shown
}

fn add(shown: &mut Value, fields: &Map<String, Value>) {
    for (name, value) in fields {
        shown[name] = value.clone();
    }
}

/// With custom fields in the order of their keys: which one is first says nothing.
pub(super) fn sorted(mut body: Value) -> Value {
    if let Some(fields) = body.pointer_mut("/client/customFields").and_then(Value::as_array_mut) {
        fields.sort_by_key(|field| field["fieldKey"].as_str().map(str::to_owned));
    }
    body
}

/// What of a client its audit log tells, by the names there.
pub(super) fn told(client: &Client) -> Vec<(String, Value)> {
    let mut told = vec![
        ("name".to_owned(), json!(client.name)),
        ("status".to_owned(), json!(client.status)),
        ("collection_mode".to_owned(), json!(client.mode)),
        ("avatar_url".to_owned(), client.avatar.clone()),
    ];
    let methods = client.methods.iter().map(|method| {
        let [kind, value, preferred] = ["type", "value", "isPreferred"].map(|name| &method[name]);
        json!({ "kind": kind, "value": value, "preferred": preferred })
    });
    let methods = Value::Array(methods.collect());
    told.push(("contact_methods".to_owned(), or_null(&methods)));
    told.extend(client.tenants.iter().map(|(name, value)| (name.clone(), or_null(value))));
    told.extend(client.success.iter().map(|(name, value)| {
        let mut value = value.clone();
        for role in value.as_array_mut().into_iter().flatten() {
            *role = json!({ "employee_id": role["employeeId"], "role": role["role"] });
        }
        (snake(name), value)
    }));
    told.extend(client.custom.iter().map(|(key, value)| (format!("custom.{key}"), value.clone())));
    told
}

/// An empty list is no fact.
pub(super) fn or_null(value: &Value) -> Value {
    if value.as_array().is_some_and(Vec::is_empty) { Value::Null } else { value.clone() }
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
