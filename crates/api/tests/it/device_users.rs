//! `/v2/clients/{client_id}/users`: the third tier of collection control, and departments.

use crate::devices::{ALICES, NOBODY, assert_in_order, column, entries, log, path};
use clientbook_testkit::{ACME, Actor, GLOBEX, TestApp};
use serde_json::{Value, json};

const ALICE: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
const ERIN: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567894";
const ENGINEERING: &str = "d1e2f3a4-b5c6-7890-abcd-ef1234567890";
const SALES: &str = "d1e2f3a4-b5c6-7890-abcd-ef1234567891";

async fn user(actor: &Actor, id: &str) -> Value {
    actor.get(&path(&format!("/users/{id}"))).await.expect(200).json()
}

#[tokio::test]
async fn a_user_is_shown_as_published() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let alice = admin.get(&path(&format!("/users/{ALICE}"))).await.expect(200);
    let expected = json!({
        "id": ALICE,
        "username": "alice",
        "user_key": "alice@DESKTOP-DEV-ALICE",
        "status": "active",
        "last_activity": {
            "at": "2026-03-10T14:26:00.000Z",
            "desktop_at": "2026-03-10T14:26:00.000Z",
            "web_at": "2026-03-10T14:21:00.000Z",
        },
        "departments": [{
            "id": ENGINEERING,
            "name": "Engineering",
            "description": "Builds the product",
        }],
        "created_at": "2026-01-15T11:05:00.000Z",
        "updated_at": "2026-01-15T11:06:00.000Z",
    });
    assert_eq!(alice.json(), expected);
    let names = ["id", "username", "user_key", "status", "last_activity", "departments"];
    assert_in_order(&alice.text, &[&names[..], &["created_at", "updated_at"]].concat());
    let seen = admin.get(&path(&format!("/devices/{ALICES}/users"))).await.expect(200).json();
    assert_eq!(seen["total_count"], 1);
    assert_eq!(seen["data"][0]["enrolled_at"], "2026-01-15T11:05:00.000Z");
    assert_eq!(seen["data"][0]["last_seen_at"], "2026-03-10T14:28:00.000Z");
    assert_eq!(seen["data"][0]["departments"], expected["departments"]);
    admin.get(&path(&format!("/devices/{NOBODY}/users"))).await.expect(404);
    let missing = admin.get(&path(&format!("/users/{NOBODY}"))).await.expect(404).json();
    assert_eq!(missing["error"]["details"], json!({ "user_id": NOBODY }));
    admin.get(&format!("/v2/clients/{GLOBEX}/users/{ALICE}")).await.expect(404);
}

/// A front desk does not read what people do on their devices.
#[tokio::test]
async fn users_take_a_permission_of_their_own() {
    let app = TestApp::start().await;
    let viewer = app.role("tenant123", "viewer").await;
    for rest in [
        "/users",
        "/users/summary",
        &format!("/users/{ALICE}"),
        &format!("/devices/{ALICES}/users"),
        "/departments",
        &format!("/departments/{SALES}"),
    ] {
        let refused = viewer.get(&path(rest)).await.expect(403).json();
        assert_eq!(refused["error"]["details"]["permission"], "telemetry.view", "{rest}");
    }
    let whose = format!("/devices?user_id={ALICE}");
    let refused = viewer.get(&path(&whose)).await.expect(403).json();
    assert_eq!(refused["error"]["details"]["permission"], "telemetry.view");
    let reads = json!({ "tenant": "tenant123", "permissions": ["clients.view", "telemetry.view"] });
    let reads = app.grant(&reads).await;
    reads.get(&path(&whose)).await.expect(200);
    reads.get(&path("/users")).await.expect(200);
    let alice = path(&format!("/users/{ALICE}"));
    let refused = reads.patch(&alice, &json!({ "status": "archived" })).await.expect(403).json();
    assert_eq!(refused["error"]["details"]["permission"], "devices.update");
    reads.delete(&format!("{alice}/telemetry")).await.expect(403);
    reads.post(&path("/departments"), &json!({ "name": "x" })).await.expect(403);
}

#[tokio::test]
async fn lists_of_users_are_filtered_and_sorted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let list = async |query: &str| admin.get(&path(&format!("/users?{query}"))).await;
    for (query, expected) in [
        ("", vec!["alice", "bob", "carol", "dave", "erin"]),
        ("sort_order=desc", vec!["erin", "dave", "carol", "bob", "alice"]),
        ("sort_by=last_activity&sort_order=desc", vec!["alice", "bob", "dave", "erin", "carol"]),
        ("q=A", vec!["alice", "carol", "dave"]),
        (&format!("department_id={SALES}"), vec!["carol", "dave"]),
        (&format!("department_id={NOBODY}"), vec![]),
    ] {
        let page = list(query).await.expect(200).json();
        assert_eq!(column(&page, "username"), expected, "{query}");
        assert_eq!(page["total_count"], expected.len(), "{query}");
    }
    for order in ["username", "last_activity", "created_at"] {
        let (mut names, mut cursor) = (Vec::new(), String::new());
        loop {
            let query = format!("sort_by={order}&page_size=2{cursor}");
            let page = list(&query).await.expect(200).json();
            names.extend(column(&page, "username"));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        names.sort_unstable();
        assert_eq!(names, ["alice", "bob", "carol", "dave", "erin"], "{order}");
    }
    for wrong in ["sort_by=status", "department_id=x", "page_size=501", "status=active"] {
        list(wrong).await.expect(400);
    }
    let front = "f1e2d3c4-b5a6-7890-abcd-ef1234567893";
    let there = path(&format!("/devices/{front}/users"));
    for order in ["username", "enrolled_at", "last_seen_at"] {
        let page = admin.get(&format!("{there}?sort_by={order}&page_size=1")).await.expect(200);
        let cursor = page.json()["next_cursor"].as_str().expect("another page").to_owned();
        let rest = format!("?sort_by={order}&page_size=1&cursor={cursor}");
        let second = admin.get(&format!("{there}{rest}")).await.expect(200).json();
        assert_eq!((&second["total_count"], &second["next_cursor"]), (&json!(2), &Value::Null));
        assert_ne!(column(&second, "username"), column(&page.json(), "username"));
    }
    let summary = async |query: &str| admin.get(&path(&format!("/users/summary{query}"))).await;
    let two_days = summary("").await.expect(200).json();
    let expected = json!({ "active_users": 4, "stale_users": 1, "stale_threshold": 172_800 });
    assert_eq!(two_days, expected);
    let hour = summary("?stale_threshold=3600").await.expect(200).json();
    assert_eq!((&hour["active_users"], &hour["stale_threshold"]), (&json!(3), &json!(3600)));
    for wrong in ["0", "-1", "x", "1.5", "315360001"] {
        summary(&format!("?stale_threshold={wrong}")).await.expect(400);
    }
}

#[tokio::test]
async fn a_status_and_departments_have_an_entry_each() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let alice = path(&format!("/users/{ALICE}"));
    let patch = async |body: Value| admin.patch(&alice, &body).await;
    app.advance(1_000);
    let before: i64 = entries(&app).parse().expect("a number");
    let body = json!({ "status": "archived", "departments": [SALES, { "id": ENGINEERING }] });
    let changed = patch(body.clone()).await.expect(200).json();
    assert_eq!(changed["status"], "archived");
    let names = |user: &Value| -> Vec<String> {
        let departments = user["departments"].as_array().expect("a list");
        departments.iter().map(|one| one["name"].as_str().expect("text").to_owned()).collect()
    };
    assert_eq!(names(&changed), ["Engineering", "Sales"]);
    assert_eq!(changed["updated_at"], "2026-03-10T14:30:01.000Z");
    assert_eq!(log(&admin, "").await.len(), 1, "departments are not collection control");
    app.advance(1_000);
    for same in [body, json!({}), changed.clone()] {
        assert_eq!(patch(same).await.expect(200).json(), changed);
    }
    assert_eq!(entries(&app), (before + 2).to_string());
    let logged = admin.get(&path(&format!("/audit-log?entity_id={ALICE}&page_size=1"))).await;
    let entry = logged.expect(200).json()["data"][0].clone();
    assert_eq!(entry["action"], "user_departments_changed");
    assert_eq!(entry["previous_value"], json!({ "departments": [ENGINEERING] }));
    assert_eq!(entry["new_value"], json!({ "departments": [ENGINEERING, SALES] }));
    let none = patch(json!({ "departments": [] })).await.expect(200).json();
    assert_eq!(none["departments"], json!([]));
    for (wrong, at) in [
        (json!({ "status": "gone" }), "/status"),
        (json!({ "departments": null }), "/departments"),
        (json!({ "departments": [NOBODY] }), "/departments/0"),
        (json!({ "departments": [SALES, SALES] }), "/departments/1"),
        (json!({ "departments": [{ "name": "Sales" }] }), "/departments/0/id"),
        (json!({ "departments": [7] }), "/departments/0"),
        (json!({ "id": ERIN }), "/id"),
        (json!({ "user_key": "x" }), "/user_key"),
    ] {
        let refused = patch(wrong.clone()).await.expect(400).json();
        assert_eq!(refused["error"]["details"]["fields"][0]["path"], at, "{wrong}");
    }
    patch(json!({ "status": "deleted" })).await.expect(200);
    let refused = patch(json!({ "status": "active" })).await.expect(400).json();
    assert_eq!(refused["error"]["code"], "invalid_transition");
    let details = json!({
        "user_id": ALICE, "current_status": "deleted", "requested_status": "active",
    });
    assert_eq!(refused["error"]["details"], details);
    admin.patch(&path(""), &json!({ "collection_mode": "deleted" })).await.expect(200);
    let erin = path(&format!("/users/{ERIN}"));
    let refused = admin.patch(&erin, &json!({ "status": "archived" })).await.expect(400).json();
    assert_eq!(refused["error"]["code"], "invalid_transition");
    // A department is no control.
    admin.patch(&erin, &json!({ "departments": [SALES] })).await.expect(200);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn what_was_collected_of_a_user_is_erased() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let telemetry = path(&format!("/users/{ALICE}/telemetry"));
    let before: i64 = entries(&app).parse().expect("a number");
    for _ in 0..2 {
        assert_eq!(admin.delete(&telemetry).await.expect(204).text, "");
    }
    assert_eq!(entries(&app), (before + 1).to_string(), "the second time there is nothing");
    let alice = user(&admin, ALICE).await;
    let nothing = json!({ "at": null, "desktop_at": null, "web_at": null });
    assert_eq!((&alice["last_activity"], &alice["status"]), (&nothing, &json!("active")));
    let seen = admin.get(&path(&format!("/devices/{ALICES}/users"))).await.expect(200).json();
    assert_eq!(seen["total_count"], 0);
    let log = path(&format!("/audit-log?action=user_telemetry_erased&entity_id={ALICE}"));
    assert_eq!(admin.get(&log).await.expect(200).json()["total_count"], 1);
    admin.delete(&path(&format!("/users/{NOBODY}/telemetry"))).await.expect(404);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn departments_live_with_their_client() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let all = path("/departments");
    let list = admin.get(&all).await.expect(200).json();
    assert_eq!(column(&list, "name"), ["Engineering", "Sales"]);
    let first = admin.get(&format!("{all}?page_size=1")).await.expect(200).json();
    let cursor = first["next_cursor"].as_str().expect("another page");
    let rest = admin.get(&format!("{all}?page_size=1&cursor={cursor}")).await.expect(200).json();
    assert_eq!(column(&rest, "name"), ["Sales"]);
    let body = json!({ "name": " Legal ", "description": "Reads contracts" });
    let made = admin.post(&all, &body).await.expect(201);
    let legal = made.header("location").to_owned();
    let made = made.json();
    assert_eq!(legal, format!("{all}/{}", made["id"].as_str().expect("an id")));
    assert_eq!(admin.get(&legal).await.expect(200).json(), made);
    assert_eq!(made["name"], "Legal");
    let taken = admin.post(&all, &json!({ "name": "Legal" })).await.expect(409).json();
    assert_eq!(taken["error"]["details"]["fields"][0]["path"], "/name");
    admin.patch(&legal, &json!({ "name": "Sales" })).await.expect(409);
    // Of another client it is free.
    let theirs = format!("/v2/clients/{GLOBEX}/departments");
    admin.post(&theirs, &json!({ "name": "Legal" })).await.expect(201);
    admin.get(&format!("{theirs}/{SALES}")).await.expect(404);
    for (wrong, at) in [
        (json!({}), "/name"),
        (json!({ "name": " " }), "/name"),
        (json!({ "name": "x", "description": "x".repeat(1_001) }), "/description"),
        (json!({ "name": "x", "id": NOBODY }), "/id"),
    ] {
        let refused = admin.post(&all, &wrong).await.expect(400).json();
        assert_eq!(refused["error"]["details"]["fields"][0]["path"], at, "{wrong}");
    }
    let before = entries(&app);
    let same = admin.patch(&legal, &made).await.expect(200).json();
    assert_eq!((&same, entries(&app)), (&made, before));
    let changed = admin.patch(&legal, &json!({ "description": null })).await.expect(200).json();
    assert_eq!(changed["description"], Value::Null);
    admin.delete(&legal).await.expect(204);
    admin.get(&legal).await.expect(404);
    admin.delete(&legal).await.expect(404);
    let log = path("/audit-log?entity_type=department&page_size=10");
    let log = admin.get(&log).await.expect(200).json();
    let ends = ["department_deleted", "department_updated", "department_created"];
    assert_eq!(column(&log, "action")[..3], ends);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn members_come_and_go_by_themselves() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let members = path(&format!("/departments/{SALES}/members"));
    let leave = format!("{members}/remove");
    let body = json!({ "user_ids": [ERIN, NOBODY, ALICE] });
    let before: i64 = entries(&app).parse().expect("a number");
    let done = admin.post(&members, &body).await.expect(200).json();
    assert_eq!(done["succeeded"], json!([ERIN, ALICE]));
    assert_eq!(done["failed"], json!([{ "id": NOBODY, "error": "User not found" }]));
    assert_eq!(admin.post(&members, &body).await.expect(200).json(), done);
    assert_eq!(entries(&app), (before + 2).to_string());
    let names = column(&json!({ "data": user(&admin, ALICE).await["departments"] }), "name");
    assert_eq!(names, ["Engineering", "Sales"]);
    let done = admin.post(&leave, &json!({ "user_ids": [ALICE] })).await.expect(200).json();
    assert_eq!(done, json!({ "succeeded": [ALICE], "failed": [] }));
    let page = admin.get(&path(&format!("/users?department_id={SALES}"))).await.expect(200).json();
    assert_eq!(column(&page, "username"), ["carol", "dave", "erin"]);
    admin.post(&path(&format!("/departments/{NOBODY}/members")), &body).await.expect(404);
    // A department that goes takes everybody out of it.
    admin.delete(&path(&format!("/departments/{SALES}"))).await.expect(204);
    assert_eq!(user(&admin, ERIN).await["departments"], json!([]));
    app.assert_audit_intact().await;
}

/// A record that is given up takes nobody's devices along.
#[tokio::test]
async fn records_with_devices_are_not_given_up() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let merge = format!("/v2/clients/{GLOBEX}/merge");
    let refused = admin.post(&merge, &json!({ "loser_id": ACME })).await.expect(409).json();
    assert_eq!(refused["error"]["details"]["fields"][0]["rule"], "devices_left");
    let other = json!({ "loser_id": GLOBEX });
    admin.post(&path("/merge"), &other).await.expect(200);
    let page = admin.get(&format!("/v2/clients/{GLOBEX}/devices")).await.expect(200).json();
    assert_eq!(page["total_count"], 5, "the other name leads here");
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn erasure_takes_devices_users_and_departments_along() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({ "device_ids": [ALICES] });
    admin.post(&path("/devices/disable"), &body).await.expect(200);
    admin.patch(&path(""), &json!({ "collection_mode": "deleted" })).await.expect(200);
    admin.delete(&path("")).await.expect(204);
    for table in [
        "devices",
        "device_users",
        "device_user_sightings",
        "departments",
        "department_members",
        "agent_configs",
    ] {
        let left = app.database().rows(&format!("SELECT count(*) FROM {table}"));
        assert_eq!(left, [["0"]], "{table}");
    }
    let tombstones = app.database().rows("SELECT count(*) FROM device_tombstones");
    assert_eq!(tombstones, [["5"]], "what devices' tokens lead to until they have gone");
    admin.get(&path("/devices")).await.expect(404);
    app.assert_audit_intact().await;
}
