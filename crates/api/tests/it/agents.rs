//! `/v2/agent`: devices that join, ask what to do, and hand over what they collected.

mod enforcement;
mod enrolling;
mod replicas;
mod room_of_day;
mod telemetry;
mod users;
mod waiting;

use clientbook_testkit::{Actor, Device, TestApp};
use serde_json::{Value, json};

/// The demo's client without devices: number 457.
const HERE: &str = clientbook_testkit::GLOBEX;

/// Another client of the tenant.
const THERE: &str = clientbook_testkit::ACME;

const SUSPEND: &str = "/clients/v1/tenants/tenant123/clients/457/deactivate";
const ACTIVATE: &str = "/clients/v1/tenants/tenant123/clients/457/activate";

/// Sets the client's mode.
async fn set_mode(actor: &Actor, mode: &str) {
    let body = json!({ "collection_mode": mode });
    actor.patch(&format!("/v2/clients/{HERE}"), &body).await.expect(200);
}

/// Sets the state of a device.
async fn set_state(actor: &Actor, device: &Device, state: &str) {
    actor.patch(&device.path(), &json!({ "collection_state": state })).await.expect(200);
}

/// The user of a client with this key who is not deleted: its id.
async fn user(actor: &Actor, key: &str) -> String {
    let list = actor.get(&format!("/v2/clients/{HERE}/users")).await.expect(200).json();
    let users = list["data"].as_array().expect("users");
    let found = users.iter().find(|user| user["user_key"] == key && user["status"] != "deleted");
    found.expect("a user")["id"].as_str().expect("an id").to_owned()
}

/// Sets the status of a client's user.
async fn set_status(actor: &Actor, user: &str, status: &str) {
    let path = format!("/v2/clients/{HERE}/users/{user}");
    actor.patch(&path, &json!({ "status": status })).await.expect(200);
}

/// A record of usage of a quarter of an hour, from half past two on.
fn record(id: &str, kind: &str, user_key: &str, name: &str) -> Value {
    json!({
        "id": id, "kind": kind, "user_key": user_key, "name": name,
        "started_at": "2026-03-10T14:00:00.000Z", "seconds": 900,
    })
}

/// An error's code.
fn code(answer: &clientbook_testkit::Answer) -> String {
    answer.json()["error"]["code"].as_str().expect("a code").to_owned()
}

#[tokio::test]
async fn a_heartbeat_is_answered_with_what_to_do() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let device = app.device(HERE, "one").await;
    let plain = device.check_in(&json!({})).await.expect(200);
    assert_eq!(plain.header("cache-control"), "private, no-cache");
    let config: clientbook_agent_protocol::Config =
        serde_json::from_str(&plain.text).expect("what agents read");
    assert_eq!(config.effective_mode, "saas_usage");
    assert_eq!(config.directive, clientbook_agent_protocol::Directive::Collect);
    assert_eq!(config.collect.len(), 4);
    assert!(config.users.is_empty() && !config.log_shipping_enabled);
    assert_eq!(config.next_check_in_seconds, 60);
    assert_eq!(device.check_in(&json!({})).await.expect(200).text, plain.text);
    // Who is there is told, and written at once.
    let bob = json!({ "users": [{ "user_key": "uid-1000", "username": "bob" }] });
    let told = device.check_in(&bob).await.expect(200).json();
    assert_eq!(told["users"], json!([{ "user_key": "uid-1000", "collect": true }]));
    assert_ne!(told["config_version"], plain.json()["config_version"]);
    let id = user(&admin, "uid-1000").await;
    set_status(&admin, &id, "archived").await;
    let told = device.check_in(&bob).await.expect(200).json();
    assert_eq!(told["users"], json!([{ "user_key": "uid-1000", "collect": false }]));
    set_status(&admin, &id, "deleted").await;
    assert_eq!(device.check_in(&json!({})).await.expect(200).json()["users"], json!([]));
    // Seen again, the person is another user.
    let told = device.check_in(&bob).await.expect(200).json();
    assert_eq!(told["users"], json!([{ "user_key": "uid-1000", "collect": true }]));
    assert_ne!(user(&admin, "uid-1000").await, id);
    set_mode(&admin, "discovery").await;
    let told = device.check_in(&json!({})).await.expect(200).json();
    assert_eq!((&told["collect"], &told["users"]), (&json!(["device", "software"]), &json!([])));
    set_mode(&admin, "disabled").await;
    let told = device.check_in(&json!({})).await.expect(200).json();
    assert_eq!((&told["directive"], &told["collect"]), (&json!("idle"), &json!([])));
    assert_eq!(told["next_check_in_seconds"], 300);
    set_mode(&admin, "saas_usage").await;
    set_state(&admin, &device, "disabled").await;
    let told = device.check_in(&json!({})).await.expect(200).json();
    assert_eq!((&told["directive"], &told["effective_mode"]), (&json!("idle"), &json!("disabled")));
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn what_a_heartbeat_tells_is_written_when_it_is_news() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let device = app.device(HERE, "one").await;
    let shown = admin.get(&device.path()).await.expect(200).json();
    assert_eq!((&shown["status"], &shown["last_seen_at"]), (&json!("pending"), &Value::Null));
    app.advance(5_000);
    let errors = json!([{ "code": "software_source_unreadable", "message": "no dpkg" }]);
    let news = json!({ "agent_version": "1.0.1", "deployment_errors": errors });
    device.check_in(&news).await.expect(200);
    let shown = admin.get(&device.path()).await.expect(200).json();
    assert_eq!(shown["agent_version"], "1.0.1");
    let summary = format!("/v2/clients/{HERE}/devices/summary");
    let told = admin.get(&summary).await.expect(200).json();
    assert_eq!(told["deployment_errors"], json!({ "total_errors": 1, "affected_devices": 1 }));
    // When it was seen is gathered, and written with the next batch.
    assert_eq!(shown["last_seen_at"], Value::Null);
    app.app().write_gathered().await.expect("a batch");
    let shown = admin.get(&device.path()).await.expect(200).json();
    assert_eq!(shown["last_seen_at"], "2026-03-10T14:30:05.000Z");
    assert_eq!(shown["status"], "active");
    // Told again, nothing is written: no version is another, no error is counted twice.
    device.check_in(&news).await.expect(200);
    let again = json!({ "agent_version": "1.0.1", "deployment_errors": [] });
    device.check_in(&again).await.expect(200);
    let told = admin.get(&summary).await.expect(200).json();
    assert_eq!(told["deployment_errors"], json!({ "total_errors": 0, "affected_devices": 0 }));
    // A heartbeat names everything that is wrong with it.
    let wrong = json!({
        "agent_version": "", "users": [{ "user_key": "a" }], "wait_seconds": 61, "colour": 1,
        "deployment_errors": [{ "code": "A", "message": "x" }],
    });
    let refused = device.check_in(&wrong).await.expect(400).json();
    let fields = refused["error"]["details"]["fields"].as_array().expect("fields");
    let mut paths: Vec<_> =
        fields.iter().map(|one| one["path"].as_str().expect("a path")).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "/agent_version",
            "/colour",
            "/deployment_errors/0/code",
            "/users/0/username",
            "/wait_seconds"
        ]
    );
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn tokens_open_their_own_doors_only() {
    let app = TestApp::start().await;
    let device = app.device(HERE, "one").await;
    for path in [
        "/v2/clients".to_owned(),
        format!("/v2/clients/{HERE}"),
        device.path(),
        "/v2/audit-log".to_owned(),
        "/client-types".to_owned(),
        "/clients/v1/tenants/tenant123/clients".to_owned(),
    ] {
        device.agent.get(&path).await.expect(401);
    }
    let heartbeat = json!({ "agent_version": "1.0.0" });
    for stranger in [app.operator(), app.admin().await, app.anon(), app.bearer("cbd_unknown")] {
        let refused = stranger.post("/v2/agent/check-in", &heartbeat).await.expect(401);
        assert_eq!(code(&refused), "unauthenticated");
        assert!(refused.header("www-authenticate").starts_with("Bearer"));
    }
    // The digest is stored, and the token nowhere.
    let token = device.agent.token();
    assert!(token.starts_with("cbd_") && token.len() > 30, "{token}");
    let kinds = app.database().rows("SELECT count(*) FROM credentials WHERE kind = 'device'");
    assert_eq!(kinds, [["1"]]);
}
