//! What is made for a call, so that it has something to do.

use super::{Target, below, enrollment_token, field, is_control};
use clientbook_api::{Access, Operation};
use clientbook_testkit::{ACME, Device, INITECH, TestApp};
use serde_json::{Value, json};

/// What the operation needs to be made: its id, or for an agent that joins, its token.
pub(super) async fn for_call(
    app: &TestApp,
    operation: &Operation,
    target: Target,
    role: &str,
) -> Option<String> {
    let path = operation.path;
    if path.contains("enrollment-tokens/") {
        return Some(enrollment_token(app, target).await);
    }
    if operation.access == Access::Enrollment {
        let client = if target == Target::Own { ACME } else { INITECH };
        return Some(app.enrollment_token(client, &json!({})).await);
    }
    if path.contains("{software_id}") {
        return Some(software(app, target).await);
    }
    if is_control(operation) && path.matches('{').count() > 1 {
        return Some(below(app, operation, target).await);
    }
    if path.contains("/fields/") {
        let action = path.rsplit('/').next().unwrap_or_default();
        return Some(field(app, target, &format!("{role} {} {action}", operation.method)).await);
    }
    None
}

/// What an agent would send.
pub(super) fn agents_body(last: &str, role: &str, token: &str) -> Value {
    match last {
        "enroll" => json!({ "enrollment_token": token, "device": Device::facts(role) }),
        "check-in" => json!({ "agent_version": "1.0.0" }),
        "usage" | "logs" => json!({ "records": [] }),
        _ => json!({}),
    }
}

/// A piece of software on a device of the client, made for the call.
async fn software(app: &TestApp, target: Target) -> String {
    let client = if target == Target::Own { ACME } else { INITECH };
    let path = format!("/v2/clients/{client}");
    let mode = json!({ "collection_mode": "saas_usage" });
    app.operator().patch(&path, &mode).await.expect(200);
    let device = app.device(client, "bears software").await;
    let all = json!({ "software": [{ "name": "bash", "version": "5.2" }] });
    device.inventory(&all).await.expect(204);
    let list = app.operator().get(&format!("{path}/software")).await.expect(200).json();
    list["data"][0]["id"].as_str().expect("an id").to_owned()
}

/// A client made for the call: its id.
pub(super) async fn another(app: &TestApp, target: Target, name: &str) -> Value {
    let tenant = if target == Target::Own { "tenant123" } else { "tenant999" };
    let body = json!({ "name": name, "tenant": tenant });
    app.operator().post("/v2/clients", &body).await.expect(201).json()["id"].clone()
}

/// A client that the workspace surface knows again, whoever has removed it.
pub(super) async fn bring_back(app: &TestApp, target: Target) {
    let client = if target == Target::Own { ACME } else { INITECH };
    let back = json!({ "status": "ACTIVE" });
    app.operator().patch(&format!("/client/{client}"), &back).await.expect(200);
}

/// A client that a call may erase: its id.
pub(super) async fn leaving(app: &TestApp, target: Target) -> String {
    let id = another(app, target, "Leaving").await;
    let id = id.as_str().expect("an id").to_owned();
    let deleted = json!({ "collection_mode": "deleted" });
    app.operator().patch(&format!("/v2/clients/{id}"), &deleted).await.expect(200);
    id
}
