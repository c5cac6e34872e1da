//! `/v2/clients/{client_id}/devices`: the second tier of collection control.

use clientbook_testkit::{ACME, Actor, GLOBEX, INITECH, TestApp};
use serde_json::{Value, json};

pub(crate) const ALICES: &str = "f1e2d3c4-b5a6-7890-abcd-ef1234567890";
pub(crate) const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

pub(crate) fn path(rest: &str) -> String {
    format!("/v2/clients/{ACME}{rest}")
}

/// A text of each row of a list.
pub(crate) fn column(page: &Value, name: &str) -> Vec<String> {
    let rows = page["data"].as_array().expect("a list");
    rows.iter().map(|row| row[name].as_str().unwrap_or("null").to_owned()).collect()
}

pub(crate) fn entries(app: &TestApp) -> String {
    app.database().rows("SELECT count(*) FROM audit_entries")[0][0].clone()
}

/// The collection-control log of Acme, oldest first: action, values before and after.
pub(crate) async fn log(actor: &Actor, query: &str) -> Vec<(String, Value, Value)> {
    let log = path(&format!("/collection-control/audit-log?sort_order=asc&page_size=200{query}"));
    let page = actor.get(&log).await.expect(200).json();
    let rows = page["data"].as_array().expect("entries").iter();
    let entry = |row: &Value| {
        let action = row["action"].as_str().expect("text").to_owned();
        (action, row["previous_value"].clone(), row["new_value"].clone())
    };
    rows.map(entry).collect()
}

/// Panics unless these names first stand in this order.
pub(crate) fn assert_in_order(text: &str, names: &[&str]) {
    let places = names.iter().map(|name| text.find(&format!("\"{name}\":")).expect("each"));
    assert!(places.is_sorted(), "{text}");
}

/// The device of the published example.
fn published() -> Value {
    json!({
        "id": ALICES,
        "name": "DESKTOP-DEV-ALICE",
        "status": "active",
        "serial_number": "5CD2345XYZ",
        "unique_key": "9f0c2a7e4b1d4e6f8a3b5c7d9e1f2a3b",
        "os_name": "Ubuntu",
        "os_version": "24.04",
        "last_seen_at": "2026-03-10T14:28:00.000Z",
        "installed_at": "2026-01-15T11:00:00.000Z",
        "agent_version": "1.0.0",
        "hardware": {
            "manufacturer": "HP",
            "model": "EliteDesk 800 G9",
            "cpu_model": "Intel Core i7-12700",
            "cpu_cores": 20,
            "ram": 34_359_738_368_i64,
        },
        "extensions": {
            "chrome": {
                "version": "1.0.0",
                "installed": true,
                "auto_update": true,
                "last_activity_at": "2026-03-10T14:28:00.000Z",
            },
            "edge": null,
            "firefox": null,
        },
        "collection_state": "enabled",
        "effective_mode": "saas_usage",
        "log_shipping_enabled": false,
        "created_at": "2026-01-15T11:00:00.000Z",
        "updated_at": "2026-01-15T11:00:00.000Z",
    })
}

#[tokio::test]
async fn a_device_is_shown_as_published() {
    let app = TestApp::start().await;
    let viewer = app.role("tenant123", "viewer").await;
    let device = viewer.get(&path(&format!("/devices/{ALICES}"))).await.expect(200);
    assert_eq!(device.json(), published());
    assert_in_order(
        &device.text,
        &[
            "id",
            "name",
            "status",
            "serial_number",
            "unique_key",
            "os_name",
            "os_version",
            "last_seen_at",
            "installed_at",
            "agent_version",
            "hardware",
            "extensions",
            "collection_state",
            "effective_mode",
            "log_shipping_enabled",
            "created_at",
            "updated_at",
        ],
    );
    assert!(device.header("etag").starts_with("\"1-"), "{}", device.header("etag"));
    assert_eq!(log(&app.admin().await, "").await, [], "the demo's log is empty");
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn devices_are_found_at_their_own_client_only() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for asked in [NOBODY, "x", "%00"] {
        let missing = admin.get(&path(&format!("/devices/{asked}"))).await.expect(404).json();
        assert_eq!(missing["error"]["code"], "not_found");
        assert_eq!(missing["error"]["message"], "Device not found");
        assert!(missing["error"]["details"]["device_id"].is_string());
    }
    for client in [GLOBEX, INITECH] {
        admin.get(&format!("/v2/clients/{client}/devices/{ALICES}")).await.expect(404);
    }
    let upper = path(&format!("/devices/{}", ALICES.to_uppercase()));
    assert_eq!(admin.get(&upper).await.expect(200).json()["id"], ALICES);
    app.role("tenant999", "admin").await.get(&path("/devices")).await.expect(404);
    // A restricted caller sees the devices of its clients.
    let bound = json!({ "tenant": "tenant123", "role": "admin", "client_ids": [GLOBEX] });
    let bound = app.grant(&bound).await;
    bound.get(&path("/devices")).await.expect(403);
    bound.patch(&path(&format!("/devices/{ALICES}")), &json!({})).await.expect(403);
    let theirs = bound.get(&format!("/v2/clients/{GLOBEX}/devices")).await.expect(200).json();
    assert_eq!(theirs["total_count"], 0);
}

#[tokio::test]
async fn lists_are_filtered_and_sorted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let list = async |query: &str| admin.get(&path(&format!("/devices?{query}"))).await;
    let newest = list("").await.expect(200).json();
    assert_eq!(newest["total_count"], 5);
    assert_eq!(
        column(&newest, "name"),
        ["LAPTOP-BOB", "DESKTOP-DEV-ALICE", "FRONT-DESK", "LAPTOP-CAROL", "BUILD-01"]
    );
    let users = "a1b2c3d4-e5f6-7890-abcd-ef1234567894";
    for (query, expected) in [
        ("q=laptop", vec!["LAPTOP-BOB", "LAPTOP-CAROL"]),
        ("q=LÄPTOP&sort_by=name&sort_order=asc", vec!["LAPTOP-BOB", "LAPTOP-CAROL"]),
        ("status=pending", vec!["BUILD-01"]),
        ("status=inactive", vec!["LAPTOP-CAROL"]),
        ("os_name=Ubuntu&sort_by=created_at", vec!["BUILD-01", "DESKTOP-DEV-ALICE"]),
        (&format!("user_id={users}"), vec!["FRONT-DESK"]),
        ("q=nothing", vec![]),
    ] {
        let page = list(query).await.expect(200).json();
        assert_eq!(column(&page, "name"), expected, "{query}");
        assert_eq!(page["total_count"], expected.len(), "{query}");
    }
    for order in ["name", "status", "os_name", "last_seen_at", "installed_at", "created_at"] {
        let query = format!("sort_by={order}&sort_order=asc&page_size=2");
        let (mut names, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let next = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page = list(&format!("{query}{next}")).await.expect(200).json();
            names.extend(column(&page, "name"));
            // Time goes by, and statuses stay those of the first page.
            app.advance(20 * 60 * 1_000);
            let Some(next) = page["next_cursor"].as_str() else { break };
            list(&format!("sort_by={order}&page_size=2&cursor={next}")).await.expect(400);
            cursor = Some(next.to_owned());
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 5, "{order}");
    }
    for wrong in [
        "status=gone",
        "sort_by=serial_number",
        "page_size=501",
        "page_size=0",
        "q=",
        "user_id=x",
        "colour=red",
        "cursor=x",
    ] {
        list(wrong).await.expect(400);
    }
}

#[tokio::test]
async fn each_field_that_changes_has_an_entry() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let alices = path(&format!("/devices/{ALICES}"));
    let patch = async |body: Value| admin.patch(&alices, &body).await;
    app.advance(1_000);
    let both = json!({ "collection_state": "disabled", "log_shipping_enabled": true });
    let changed = patch(both.clone()).await.expect(200);
    assert!(changed.header("etag").starts_with("\"2-"));
    let changed = changed.json();
    assert_eq!(changed["collection_state"], "disabled");
    assert_eq!(changed["effective_mode"], "disabled");
    assert_eq!(changed["log_shipping_enabled"], true);
    assert_eq!(changed["updated_at"], "2026-03-10T14:30:01.000Z");
    let entry = |action: &str, field: &str, [before, after]: [Value; 2]| {
        (action.to_owned(), json!({ field: before }), json!({ field: after }))
    };
    let states = entry(
        "collection_state_changed",
        "collection_state",
        [json!("enabled"), json!("disabled")],
    );
    let logs = entry("log_shipping_changed", "log_shipping_enabled", [json!(false), json!(true)]);
    let expected = [states, logs];
    assert_eq!(log(&admin, "").await, expected);
    assert_eq!(log(&admin, &format!("&entity_type=device&entity_id={ALICES}")).await, expected);
    assert_eq!(log(&admin, "&entity_type=user").await, []);
    // The same again, and what was read: nothing is written.
    let before = entries(&app);
    app.advance(1_000);
    let same = patch(both).await.expect(200).json();
    assert_eq!(patch(json!({})).await.expect(200).json(), same);
    assert_eq!(patch(same.clone()).await.expect(200).json(), same, "what was read is sent back");
    assert_eq!((&same["updated_at"], entries(&app)), (&changed["updated_at"], before));
    let stale = admin.request(axum::http::Method::PATCH, &alices).header("if-match", "\"1-x\"");
    let stale = stale.json(&json!({ "collection_state": "enabled" }));
    admin.send(stale).await.expect(412);
    for (wrong, at) in [
        (json!({ "collection_state": "paused" }), "/collection_state"),
        (json!({ "collection_state": null }), "/collection_state"),
        (json!({ "log_shipping_enabled": 1 }), "/log_shipping_enabled"),
        (json!({ "id": NOBODY }), "/id"),
        (json!({ "unique_key": "another" }), "/unique_key"),
        (json!({ "colour": "red" }), "/colour"),
    ] {
        let refused = patch(wrong).await.expect(400).json();
        assert_eq!(refused["error"]["details"]["fields"][0]["path"], at);
    }
    app.role("tenant123", "member").await.patch(&alices, &json!({})).await.expect(403);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn deleted_is_final_on_each_tier() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let alices = path(&format!("/devices/{ALICES}"));
    let patch = async |body: Value| admin.patch(&alices, &body).await;
    let deleted = patch(json!({ "collection_state": "deleted" })).await.expect(200).json();
    assert_eq!(deleted["effective_mode"], "deleted");
    patch(json!({ "collection_state": "deleted" })).await.expect(200);
    let refused = patch(json!({ "collection_state": "enabled" })).await.expect(400).json();
    let expected = json!({ "error": {
        "code": "invalid_transition",
        "message": "Cannot transition from deleted to another collection state",
        "details": {
            "device_id": ALICES,
            "current_state": "deleted",
            "requested_state": "enabled",
        },
    } });
    assert_eq!(refused, expected);
    // The mode of the client, where that says less.
    let bobs = path("/devices/f1e2d3c4-b5a6-7890-abcd-ef1234567891");
    for (mode, state, effective) in [
        ("discovery", "enabled", "discovery"),
        ("discovery", "disabled", "disabled"),
        ("disabled", "enabled", "disabled"),
    ] {
        admin.patch(&path(""), &json!({ "collection_mode": mode })).await.expect(200);
        let body = json!({ "collection_state": state });
        let shown = admin.patch(&bobs, &body).await.expect(200).json();
        assert_eq!(shown["effective_mode"], effective, "{mode} {state}");
    }
    admin.patch(&path(""), &json!({ "collection_mode": "deleted" })).await.expect(200);
    let before = entries(&app);
    for body in [
        json!({ "collection_state": "enabled" }),
        json!({ "collection_state": "deleted" }),
        json!({ "log_shipping_enabled": true }),
    ] {
        let refused = admin.patch(&bobs, &body).await.expect(400).json();
        assert_eq!(refused["error"]["code"], "invalid_transition");
        assert_eq!(refused["error"]["details"], json!({ "current_mode": "deleted" }));
    }
    for call in ["enable", "disable", "delete"] {
        let body = json!({ "device_ids": [ALICES] });
        let refused = admin.post(&path(&format!("/devices/{call}")), &body).await.expect(400);
        assert_eq!(refused.json()["error"]["code"], "invalid_transition");
    }
    assert_eq!(entries(&app), before);
    assert_eq!(admin.get(&bobs).await.expect(200).json()["effective_mode"], "deleted");
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_summary_leaves_deleted_devices_out() {
    let app = TestApp::start().await;
    let viewer = app.role("tenant123", "viewer").await;
    let summary = viewer.get(&path("/devices/summary")).await.expect(200).json();
    let versions = |ones: i64, old: i64| {
        let mut list = vec![json!({ "version": "1.0.0", "count": ones })];
        list.extend((old > 0).then(|| json!({ "version": "0.9.2", "count": old })));
        json!({ "distinct_count": list.len(), "versions": list })
    };
    assert_eq!(
        summary,
        json!({
            "total_devices": 5,
            "agent_versions": versions(4, 1),
            "deployment_errors": { "total_errors": 1, "affected_devices": 1 },
        })
    );
    let carols = "f1e2d3c4-b5a6-7890-abcd-ef1234567892";
    let admin = app.admin().await;
    let body = json!({ "collection_state": "deleted" });
    admin.patch(&path(&format!("/devices/{carols}")), &body).await.expect(200);
    let summary = viewer.get(&path("/devices/summary")).await.expect(200).json();
    assert_eq!(
        summary,
        json!({
            "total_devices": 4,
            "agent_versions": versions(4, 0),
            "deployment_errors": { "total_errors": 0, "affected_devices": 0 },
        })
    );
    let list = viewer.get(&path("/devices")).await.expect(200).json();
    assert_eq!(list["total_count"], 5, "the list has them");
}
