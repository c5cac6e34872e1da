//! Who may do what. `access.txt` is the reviewed policy: the access table, and what every role
//! gets from every operation, on its own tenant and on another. An operation that is missing there
//! or here fails the tests, so that no route comes without a decision.

mod made;

use axum::http::Method;
use clientbook_api::{Access, Operation, operations};
use clientbook_model::audit::Surface;
use clientbook_model::id::{ClientId, TenantId};
use clientbook_model::principal::Permission;
use clientbook_testkit::{
    ACME, ACME_OBJECT, Actor, Answer, INITECH, INITECH_OBJECT, TENANT, TestApp,
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The demo's device, user and department.
const ALICES: &str = "f1e2d3c4-b5a6-7890-abcd-ef1234567890";
const ALICE: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
const ENGINEERING: &str = "d1e2f3a4-b5c6-7890-abcd-ef1234567890";

/// The demo's other tenant.
const RIVAL: &str = "b2c3d4e5-f6a7-8901-bcde-f12345678902";

const REVIEWED: &str = include_str!("access.txt");

/// What the roles hold, as the contract words it; `None` calls without a token.
const ROLES: [(&str, Option<&[&str]>); 6] = [
    ("anon", None),
    ("definer", Some(&["fields.manage"])),
    ("viewer", Some(&["clients.view"])),
    ("member", Some(&["clients.view", "clients.create", "clients.update", "clients.delete"])),
    (
        "admin",
        Some(&[
            "clients.view",
            "clients.create",
            "clients.update",
            "clients.delete",
            "clients.status",
            "collection.update",
            "devices.update",
            "telemetry.view",
            "tokens.manage",
            "fields.manage",
            "audit.view",
        ]),
    ),
    ("operator", Some(&["*"])),
];

/// The tenant that a request is aimed at.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Target {
    Own,
    Other,
}

fn access(operation: &Operation) -> String {
    let permissions: Vec<_> = operation.access.permissions().map(Permission::as_str).collect();
    match operation.access {
        Access::Device => "a device's token".to_owned(),
        Access::Enrollment => "an enrolment token".to_owned(),
        _ if permissions.is_empty() => "public".to_owned(),
        _ => permissions.join(" or "),
    }
}

const EXPORT: &str = "/v2/clients/export";
const IMPORT: &str = "/v2/clients/import";

/// Calls whose tenant stands neither in the path nor is that of a client in it.
const NAMED_IN_REQUEST: [&str; 13] = [
    "/v2/audit-log",
    "/v2/api-tokens",
    "/v2/clients",
    EXPORT,
    IMPORT,
    "/v2/clients/bulk",
    "/client",
    "/v2/client",
    "/client-types",
    "/customfield/all/CLIENT",
    "/v2/customfield/all/CLIENT",
    "/client/search",
    "/v2/client/search",
];

/// The address of an operation with every segment filled in.
pub(crate) fn fill(operation: &Operation, target: Target, made_id: &str) -> String {
    let own = target == Target::Own;
    let tenant = if own { "tenant123" } else { "tenant999" };
    let (uuid, object_id) = if own { (ACME, ACME_OBJECT) } else { (INITECH, INITECH_OBJECT) };
    let segments = operation.path.split('/').map(|segment| match segment {
        "{tenant_id}" | "{workspace_id}" => tenant,
        "{client_id}" if operation.surface == Surface::Workspace => object_id,
        "{client_id}" | "{uuid}" => uuid,
        "{id}" => "456",
        "{token_id}" | "{field_id}" | "{software_id}" => made_id,
        "{device_id}" => or_demos(made_id, ALICES),
        "{user_id}" => or_demos(made_id, ALICE),
        "{department_id}" => or_demos(made_id, ENGINEERING),
        "{file}" => "swagger-ui.css",
        fixed => {
            assert!(!fixed.contains('{'), "say what {fixed} of {} is", operation.path);
            fixed
        }
    });
    let path = segments.collect::<Vec<_>>().join("/");
    let in_query = operation.method == Method::GET || operation.path == IMPORT;
    if in_query && NAMED_IN_REQUEST.contains(&operation.path) {
        format!("{path}?tenant={tenant}")
    } else {
        path
    }
}

/// The demo's, where none was made.
fn or_demos<'a>(made_id: &'a str, demos: &'a str) -> &'a str {
    if made_id.len() == demos.len() { made_id } else { demos }
}

/// A body with which an operation does something, whatever the roles before did.
pub(crate) fn body(
    operation: &Operation,
    target: Target,
    role: &str,
    made_id: &str,
) -> Option<Value> {
    let mark = format!("{role} at {}", operation.path);
    let tenant = if target == Target::Own { "tenant123" } else { "tenant999" };
    let last = operation.path.rsplit('/').next().unwrap_or_default();
    let unique = format!("{role}-at-{tenant}");
    match (operation.surface, operation.method.as_str(), last) {
        (_, "GET" | "DELETE", _)
        | (Surface::Tenants, "PATCH", "activate" | "deactivate")
        | (Surface::Workspace, "POST", "archive" | "restore") => None,
        (Surface::Workspace, "POST", "fields") => Some(json!({ "label": unique, "type": "text" })),
        (Surface::Workspace, "POST", "reorder") => {
            Some(json!({ "fields": [{ "fieldId": made_id, "order": 7 }] }))
        }
        (Surface::Workspace, "PATCH", "{field_id}") => Some(json!({ "label": mark })),
        (Surface::Organizations, _, last) if operation.path.starts_with("/v2/agent/") => {
            Some(made::agents_body(last, role, made_id))
        }
        (Surface::Organizations, method, last) if is_control(operation) => {
            Some(control_body(method, last, operation.path, [&mark, &unique]))
        }
        (Surface::Organizations, method, last) => {
            Some(organizations_body(method, last, target, [&mark, &unique, made_id]))
        }
        (Surface::Tenants, "POST", "clients")
        | (Surface::Tenants, "PATCH", "{id}")
        | (Surface::Workspace, "PATCH", "{client_id}") => Some(json!({ "name": mark })),
        (Surface::Workspace, "POST", "clients") => {
            let method = json!({ "type": "other", "value": "x", "isPreferred": true });
            Some(json!({ "name": mark, "contactMethods": [method] }))
        }
        (Surface::CustomerSuccess, "PATCH", "{uuid}") => Some(json!({ "note": mark })),
        (Surface::CustomerSuccess, "POST", "client") => {
            let status = json!({ "status": "ACTIVE", "active": true });
            let mut body = json!({ "name": mark, "tenantId": tenant });
            body.as_object_mut()?.extend(status.as_object()?.clone());
            Some(body)
        }
        (Surface::CustomerSuccess, "POST", "client-types") => {
            Some(json!({ "title": unique, "tenantId": tenant }))
        }
        _ => panic!("say with what body to call {operation:?}"),
    }
}

fn organizations_body(
    method: &str,
    last: &str,
    target: Target,
    [mark, unique, made_id]: [&str; 3],
) -> Value {
    let tenant = if target == Target::Own { "tenant123" } else { "tenant999" };
    match (method, last) {
        ("PATCH", "{client_id}") => json!({ "collection_mode": "disabled" }),
        ("POST", "api-tokens") => json!({ "name": "A token", "tenant": tenant, "role": "viewer" }),
        ("POST", "clients") => json!({ "name": mark, "tenant": tenant }),
        ("POST", "bulk") => {
            let client = if target == Target::Own { ACME } else { INITECH };
            let filter = json!({ "tenant": tenant, "q": client });
            json!({ "filter": filter, "patch": { "name": mark } })
        }
        ("POST", "merge") => json!({ "loser_id": null, "dry_run": true }),
        ("POST", "enrollment-tokens") => json!({ "description": mark }),
        ("POST", "revert") => json!({ "entry_id": made_id }),
        ("POST", "tenants") => json!({ "slug": unique, "name": mark }),
        ("PATCH", "{tenant_id}") => json!({ "name": mark }),
        _ => panic!("say what {method} {last} is sent"),
    }
}

/// Whether an operation is about what is below a client in collection control.
fn is_control(operation: &Operation) -> bool {
    let below = ["/devices", "/users", "/departments"];
    operation.surface == Surface::Organizations
        && below.iter().any(|one| operation.path.contains(one))
}

fn control_body(method: &str, last: &str, path: &str, [mark, unique]: [&str; 2]) -> Value {
    match (method, last) {
        ("PATCH", "{device_id}") => json!({ "collection_state": "disabled" }),
        ("PATCH", "{user_id}") => json!({ "status": "archived" }),
        ("PATCH", "{department_id}") => json!({ "name": mark }),
        ("POST", "departments") => json!({ "name": unique }),
        ("POST", _) if path.contains("/devices/") => json!({ "device_ids": [ALICES] }),
        ("POST", _) => json!({ "user_ids": [ALICE] }),
        _ => panic!("say what {method} {last} is sent"),
    }
}

/// What a call below a client is about, made for it.
async fn below(app: &TestApp, operation: &Operation, target: Target) -> String {
    let own = target == Target::Own;
    let (tenant, client) = if own { (TENANT, ACME) } else { (RIVAL, INITECH) };
    if operation.path.contains("{department_id}") {
        let body = json!({ "name": app.app().new_request_id() });
        let made = app.operator().post(&format!("/v2/clients/{client}/departments"), &body).await;
        return made.expect(201).json()["id"].as_str().expect("an id").to_owned();
    }
    let [tenant, client] = [tenant, client].map(|id| id.parse().expect("a UUID"));
    let made = app.app().load_sample_devices((TenantId(tenant), ClientId(client)), 1).await;
    let (device, user) = made.expect("a device")[0];
    if operation.path.contains("{device_id}") { device.to_string() } else { user.to_string() }
}

/// What the access table and the contract promise: `2xx` stands for any success.
fn promised(operation: &Operation, held: Option<&[&str]>, target: Target) -> &'static str {
    let permissions: Vec<_> = operation.access.permissions().collect();
    if operation.access == Access::Device {
        return "401";
    }
    if permissions.is_empty() {
        return "2xx";
    }
    let Some(held) = held else {
        return "401";
    };
    if held.contains(&"*") {
        return "2xx";
    }
    // What is put back is told in the trail, too.
    let reverts = operation.path.ends_with("/revert");
    let has = permissions.iter().any(|permission| held.contains(&permission.as_str()))
        && (!reverts || held.contains(&"audit.view"));
    if target == Target::Own {
        return if has { "2xx" } else { "403" };
    }
    if permissions.contains(&Permission::TenantsManage) {
        return "403";
    }
    let names_tenant =
        operation.path.contains("{tenant_id}") || operation.path.contains("{workspace_id}");
    let of_client = operation.path.contains("{client_id}") || operation.path.contains("{uuid}");
    let named_in_request = NAMED_IN_REQUEST.contains(&operation.path);
    if names_tenant {
        // A tenant that the caller does not know of is not there, whatever the caller holds.
        "404"
    } else if of_client {
        // Who may not even read clients gets one answer for every id.
        if has || held.contains(&"clients.view") { "404" } else { "403" }
    } else if has && !named_in_request {
        "404"
    } else {
        "403"
    }
}

/// A token that a call may revoke: its id, and somebody who bears it.
async fn victim(app: &TestApp, target: Target) -> (String, Actor) {
    let tenant = if target == Target::Own { "tenant123" } else { "tenant999" };
    let body = json!({ "name": "A victim", "tenant": tenant, "role": "viewer" });
    let made = app.operator().post("/v2/api-tokens", &body).await.expect(201).json();
    let text = |name: &str| made[name].as_str().expect("text").to_owned();
    (text("id"), app.bearer(&text("token")))
}

/// A client's enrolment token that a call may revoke: its id.
async fn enrollment_token(app: &TestApp, target: Target) -> String {
    let client = if target == Target::Own { ACME } else { INITECH };
    let path = format!("/v2/clients/{client}/enrollment-tokens");
    let made = app.operator().post(&path, &json!({})).await.expect(201).json();
    made["id"].as_str().expect("an id").to_owned()
}

/// A field that a call may change or delete: its id.
pub(crate) async fn field(app: &TestApp, target: Target, label: &str) -> String {
    let tenant = if target == Target::Own { "tenant123" } else { "tenant999" };
    let path = format!("/v1/workspace/{tenant}/clients/fields");
    let body = json!({ "label": label, "type": "text" });
    let made = app.operator().post(&path, &body).await.expect(201).json();
    made["field"]["id"].as_str().expect("an id").to_owned()
}

/// A change of a client that a call may put back: its entry.
pub(crate) async fn renamed(app: &TestApp, target: Target) -> String {
    let client = if target == Target::Own { ACME } else { INITECH };
    let note = json!({ "note": app.app().new_request_id() });
    app.operator().patch(&format!("/client/{client}"), &note).await.expect(200);
    let log = format!("/v2/clients/{client}/audit-log?page_size=1");
    let newest = app.operator().get(&log).await.expect(200).json();
    newest["data"][0]["id"].as_str().expect("an id").to_owned()
}

/// What a refused call could have changed; nothing changes without an entry in the audit trail.
async fn state(app: &TestApp) -> Vec<String> {
    let operator = app.operator();
    let entries = app.database().rows("SELECT count(*) FROM audit_entries");
    let mut state = vec![entries[0][0].clone()];
    for path in [
        format!("/client/{ACME}"),
        format!("/client/{INITECH}"),
        "/v2/api-tokens?tenant=tenant123&page_size=500".to_owned(),
        "/v2/api-tokens?tenant=tenant999&page_size=500".to_owned(),
    ] {
        state.push(operator.get(&path).await.expect(200).header("etag").to_owned());
    }
    state
}

async fn actor(app: &TestApp, role: &str) -> Actor {
    match role {
        "anon" => app.anon(),
        "operator" => app.operator(),
        "definer" => {
            app.grant(&json!({ "tenant": "tenant123", "permissions": ["fields.manage"] })).await
        }
        role => app.role("tenant123", role).await,
    }
}

/// Makes the call, with what it is to say.
async fn call(
    actor: &Actor,
    operation: &Operation,
    (target, path): (Target, &str),
    (role, made_id, loser): (&str, &str, Value),
) -> Answer {
    let request = actor.request(operation.method.clone(), path);
    if operation.path == IMPORT {
        // Rows of a file.
        let row = json!({ "name": format!("{role}'s row") }).to_string();
        return actor.send(request.header("content-type", "application/x-ndjson").body(row)).await;
    }
    let request = match body(operation, target, role, made_id) {
        Some(mut body) => {
            if body.get("loser_id").is_some() {
                body["loser_id"] = loser;
            }
            request.json(&body)
        }
        None => request,
    };
    actor.send(request).await
}

/// The status of a call, after checking that it is what was promised and that a refusal changed
/// nothing.
async fn attempt(
    app: &TestApp,
    role: usize,
    actor: &Actor,
    operation: &Operation,
    target: Target,
) -> u16 {
    let (name, held) = ROLES[role];
    let (mut made_id, bearer) = victim(app, target).await;
    if let Some(id) = made::for_call(app, operation, target, name).await {
        made_id = id;
    }
    let mut path = fill(operation, target, &made_id);
    if operation.path.ends_with("/revert") {
        made_id = renamed(app, target).await;
    }
    let removes = operation.method == Method::DELETE && operation.path.ends_with("/{client_id}");
    if removes && operation.surface == Surface::Organizations {
        path = format!("/v2/clients/{}", made::leaving(app, target).await);
    }
    if removes && operation.surface == Surface::Workspace {
        made::bring_back(app, target).await;
    }
    if operation.path.ends_with("/activate") && operation.surface == Surface::Tenants {
        let opposite = fill(operation, target, "").replace("/activate", "/deactivate");
        app.operator().patch_empty(&opposite).await.expect(200);
    }
    let mut loser = Value::Null;
    if operation.path.ends_with("/merge") {
        loser = made::another(app, target, "A loser").await;
        // Records in the same state: to join others takes what changing the state takes.
        made::bring_back(app, target).await;
        let client = if target == Target::Own { ACME } else { INITECH };
        let mode = json!({ "collection_mode": "saas_usage" });
        app.operator().patch(&format!("/v2/clients/{client}"), &mode).await.expect(200);
    }
    let before = state(app).await;
    let answer = call(actor, operation, (target, &path), (name, &made_id, loser)).await;
    let class = match answer.status {
        200..=299 => "2xx".to_owned(),
        status => status.to_string(),
    };
    let aim = if target == Target::Own { "own" } else { "other" };
    let expected = promised(operation, held, target);
    assert_eq!(class, expected, "{name} {operation:?} on its {aim} tenant: {}", answer.text);
    if class != "2xx" {
        assert_eq!(state(app).await, before, "{name} {operation:?} on its {aim} tenant");
        bearer.get("/v2/api-tokens").await.expect(403);
    }
    answer.status
}

/// The access table as text: one line for each operation.
fn table(operations: &[Operation]) -> String {
    let mut text = String::new();
    for operation in operations {
        let (method, path) = (operation.method.as_str(), operation.path);
        writeln!(text, "{method:<6} {path:<64} {}", access(operation)).expect("text grows");
    }
    text
}

/// What the role gets from each operation, on its own tenant and on another.
async fn walk(role: usize) -> Vec<String> {
    let app = TestApp::start().await;
    let actor = actor(&app, ROLES[role].0).await;
    let mut got = Vec::new();
    for operation in operations() {
        let own = attempt(&app, role, &actor, &operation, Target::Own).await;
        let other = attempt(&app, role, &actor, &operation, Target::Other).await;
        got.push(format!("{own}/{other}"));
    }
    got
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_tries_every_operation() {
    // Each on a store of its own: what the others made would have to be looked through every time.
    let walks: Vec<_> = (0..ROLES.len()).map(|role| tokio::spawn(walk(role))).collect();
    let mut columns = Vec::new();
    for walk in walks {
        columns.push(walk.await.expect("a whole walk"));
    }
    let operations = operations();
    let mut text = format!("# What each operation takes\n\n{}", table(&operations));
    text += "\n# What each role gets: on its own tenant / on another\n\n";
    write!(text, "{:<71}", "").expect("text grows");
    for (role, _) in ROLES {
        write!(text, " {role:<8}").expect("text grows");
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    for (at, operation) in operations.iter().enumerate() {
        write!(text, "{:<6} {:<64}", operation.method.as_str(), operation.path)
            .expect("text grows");
        for column in &columns {
            write!(text, " {:<8}", column[at]).expect("text grows");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    assert!(text == REVIEWED, "review this, then make it access.txt:\n{text}<end>");
}

/// A route that is not in the table does not exist, and one that is answers: the walk above would
/// otherwise prove nothing.
#[tokio::test]
async fn the_table_is_what_is_served() {
    let app = TestApp::start().await;
    for operation in operations() {
        let path = fill(&operation, Target::Own, "x");
        let answer = app.anon().send(app.anon().request(Method::TRACE, &path)).await.expect(405);
        let allowed = answer.header("allow").to_owned();
        let methods: Vec<_> = allowed.split(',').map(str::trim).collect();
        assert!(methods.contains(&operation.method.as_str()), "{operation:?}: {allowed}");
        for method in methods {
            let known = operations().into_iter().any(|other| {
                let stands_for = if method == "HEAD" { "GET" } else { method };
                other.path == operation.path && other.method.as_str() == stands_for
            });
            assert!(known, "{method} {} is in no table", operation.path);
        }
    }
}
