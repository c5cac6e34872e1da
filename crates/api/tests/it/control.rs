//! Collection control of many devices or users in one call.

use crate::devices::{ALICES, NOBODY, entries, log, path};
use axum::http::Method;
use clientbook_model::id::{ClientId, TenantId};
use clientbook_testkit::{ACME, Actor, Answer, INITECH, TENANT, TestApp};
use serde_json::{Value, json};

const BOBS: &str = "f1e2d3c4-b5a6-7890-abcd-ef1234567891";
const ALICE: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
const BOB: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567891";

async fn devices(actor: &Actor, call: &str, body: Value) -> Answer {
    actor.post(&path(&format!("/devices/{call}")), &body).await
}

async fn users(actor: &Actor, call: &str, ids: &[&str]) -> Answer {
    actor.post(&path(&format!("/users/{call}")), &json!({ "user_ids": ids })).await
}

#[tokio::test]
async fn each_device_is_controlled_by_itself() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let theirs = ids("INITECH");
    let made = app.app().load_sample_devices(theirs, 1).await.expect("a device");
    let foreign = made[0].0.to_string();
    let body = json!({
        "device_ids": [BOBS, NOBODY, ALICES.to_uppercase(), "no id", foreign],
        "log_shipping_enabled": true,
    });
    let done = devices(&admin, "disable", body.clone()).await.expect(200).json();
    let missing = |id: &str| json!({ "id": id, "error": "Device not found" });
    assert_eq!(done["succeeded"], json!([BOBS, ALICES]), "as they were named");
    assert_eq!(done["failed"], json!([missing(NOBODY), missing("no id"), missing(&foreign)]));
    let actions: Vec<_> = log(&admin, "").await.into_iter().map(|entry| entry.0).collect();
    let each = ["collection_state_changed", "log_shipping_changed"];
    assert_eq!(actions, [each, each].concat(), "one for each field of each device");
    let before = entries(&app);
    assert_eq!(devices(&admin, "disable", body).await.expect(200).json(), done);
    assert_eq!(entries(&app), before, "what is so already is a success, and no change");

    let one = json!({ "device_ids": [ALICES] });
    for _ in 0..2 {
        let done = devices(&admin, "delete", one.clone()).await.expect(200).json();
        assert_eq!(done, json!({ "succeeded": [ALICES], "failed": [] }));
    }
    let both = json!({ "device_ids": [ALICES, BOBS] });
    let done = devices(&admin, "enable", both).await.expect(200).json();
    let error = "Cannot transition from deleted to another collection state";
    assert_eq!(done["succeeded"], json!([BOBS]));
    assert_eq!(done["failed"], json!([{ "id": ALICES, "error": error }]));
    let shown = admin.get(&path(&format!("/devices/{BOBS}"))).await.expect(200).json();
    assert_eq!(shown["log_shipping_enabled"], true, "where it is left out, it stays");
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn what_is_no_list_of_ids_is_refused_whole() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let viewer = app.role("tenant123", "viewer").await;
    let rival = app.role("tenant999", "admin").await;
    let before = entries(&app);
    for (body, rule) in [
        (json!({}), "required"),
        (json!({ "device_ids": [] }), "min_items"),
        (json!({ "device_ids": "x" }), "type"),
        (json!({ "device_ids": [1] }), "type"),
        (json!({ "device_ids": null }), "type"),
        (json!({ "device_ids": [ALICES, ALICES] }), "duplicate"),
        (json!({ "device_ids": ["x".repeat(101)] }), "uuid"),
        (json!({ "device_ids": vec!["x"; 10_001] }), "max_items"),
        (json!({ "device_ids": [ALICES], "log_shipping_enabled": null }), "type"),
        (json!({ "device_ids": [ALICES], "all": true }), "unknown_field"),
    ] {
        let refused = devices(&admin, "disable", body).await.expect(400).json();
        assert_eq!(refused["error"]["details"]["fields"][0]["rule"], rule);
    }
    // Deleting says nothing of logs.
    let body = json!({ "device_ids": [ALICES], "log_shipping_enabled": true });
    devices(&admin, "delete", body).await.expect(400);
    let body = json!({ "device_ids": [ALICES] });
    devices(&viewer, "disable", body.clone()).await.expect(403);
    devices(&rival, "disable", body).await.expect(404);
    assert_eq!(entries(&app), before);
}

#[tokio::test]
async fn each_user_is_controlled_by_itself() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let done = users(&admin, "archive", &[ALICE, NOBODY, BOB]).await.expect(200).json();
    let missing = json!([{ "id": NOBODY, "error": "User not found" }]);
    assert_eq!(done, json!({ "succeeded": [ALICE, BOB], "failed": missing }));
    users(&admin, "activate", &[BOB]).await.expect(200);
    users(&admin, "delete", &[ALICE]).await.expect(200);
    let done = users(&admin, "activate", &[ALICE]).await.expect(200).json();
    let error = "Cannot transition from deleted to another user status";
    assert_eq!(done["failed"], json!([{ "id": ALICE, "error": error }]));
    let statuses: Vec<_> = log(&admin, "&entity_type=user").await.into_iter().collect();
    let entry = |before: &str, after: &str| {
        let action = "user_status_changed".to_owned();
        (action, json!({ "status": before }), json!({ "status": after }))
    };
    assert_eq!(
        statuses,
        [
            entry("active", "archived"),
            entry("active", "archived"),
            entry("archived", "active"),
            entry("archived", "deleted"),
        ]
    );
    admin.patch(&path(""), &json!({ "collection_mode": "deleted" })).await.expect(200);
    let refused = users(&admin, "archive", &[BOB]).await.expect(400).json();
    assert_eq!(refused["error"]["code"], "invalid_transition");
    app.assert_audit_intact().await;
}

fn ids(of: &str) -> (TenantId, ClientId) {
    let (tenant, client) = match of {
        "INITECH" => ("b2c3d4e5-f6a7-8901-bcde-f12345678902", INITECH),
        _ => (TENANT, ACME),
    };
    (TenantId(tenant.parse().expect("a UUID")), ClientId(client.parse().expect("a UUID")))
}

/// Ten thousand in one call: each has its entry, and a repeat with the key has the answer and no more.
#[tokio::test]
async fn ten_thousand_devices_are_controlled_in_one_call() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let made = app.app().load_sample_devices(ids("ACME"), 10_000).await.expect("devices");
    let all: Vec<_> = made.iter().map(|(device, _)| device.to_string()).collect();
    let before: i64 = entries(&app).parse().expect("a number");
    let disable = path("/devices/disable");
    let request = || {
        let request = admin.request(Method::POST, &disable).header("idempotency-key", "k");
        request.json(&json!({ "device_ids": all }))
    };
    let done = admin.send(request()).await.expect(200);
    assert_eq!(done.json(), json!({ "succeeded": all, "failed": [] }));
    let after: i64 = entries(&app).parse().expect("a number");
    assert_eq!(after, before + 10_000);
    assert_eq!(admin.send(request()).await.expect(200).text, done.text);
    assert_eq!(entries(&app), after.to_string());
    let page = admin.get(&path("/devices?page_size=500")).await.expect(200).json();
    assert_eq!(page["total_count"], 10_005);
    app.assert_audit_intact().await;
}
