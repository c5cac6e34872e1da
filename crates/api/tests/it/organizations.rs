//! `/v2/clients/{client_id}`: reading a client and moving its collection mode.

use axum::http::Method;
use clientbook_testkit::{ACME, Actor, Answer, GLOBEX, INITECH, TENANT, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const MODES: [&str; 4] = ["discovery", "saas_usage", "disabled", "deleted"];

const TOKEN: &str = concat!(
    r#"{"id":"e1f2a3b4-c5d6-7890-abcd-ef1234567890","#,
    r#""value":"enroll_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6","#,
    r#""description":"Default enrollment token","site_id":null,"status":"active","#,
    r#""max_uses":null,"remaining_uses":null,"expires_at":null,"#,
    r#""created_at":"2026-01-15T10:00:00.000Z"}"#
);

const LEAVES_DELETED: &str = concat!(
    r#"{"error":{"code":"invalid_transition","#,
    r#""message":"Cannot transition from deleted to another collection mode","#,
    r#""details":{"current_mode":"deleted","requested_mode":"saas_usage"}}}"#
);

fn acme(mode: &str, token: &str, updated_at: &str) -> String {
    format!(
        concat!(
            r#"{{"id":"{}","name":"Acme Corporation","status":"active","collection_mode":"{}","#,
            r#""partner":{{"id":"{}","name":"TechPartner Inc."}},"enrollment_token":{},"#,
            r#""created_at":"2025-06-01T00:00:00.000Z","updated_at":"{}"}}"#
        ),
        ACME, mode, TENANT, token, updated_at
    )
}

fn path(id: &str) -> String {
    format!("/v2/clients/{id}")
}

fn mode(mode: &str) -> Value {
    json!({ "collection_mode": mode })
}

fn version(answer: &Answer) -> i64 {
    let tag = answer.header("etag").trim_start_matches('"');
    tag.split('-').next().and_then(|part| part.parse().ok()).expect("a version in the tag")
}

async fn log(actor: &Actor, id: &str) -> Vec<Value> {
    let path =
        format!("/v2/clients/{id}/collection-control/audit-log?sort_order=asc&page_size=200");
    let log = actor.get(&path).await.expect(200).json();
    assert_eq!(log["next_cursor"], Value::Null);
    log["data"].as_array().expect("a list").clone()
}

fn fields(answer: &Answer) -> Vec<Value> {
    let body = answer.json();
    assert_eq!(body["error"]["code"], "invalid_request", "{body}");
    body["error"]["details"]["fields"].as_array().expect("the fields").clone()
}

#[tokio::test]
async fn modes_move_and_deleted_is_final() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let now = "2026-03-10T14:30:00.000Z";
    let read = admin.get(&path(ACME)).await.expect(200);
    assert_eq!(read.text, acme("saas_usage", TOKEN, "2026-02-20T12:00:00.000Z"));
    for next in ["disabled", "discovery", "saas_usage", "discovery", "disabled"] {
        let changed = admin.patch(&path(ACME), &mode(next)).await.expect(200);
        assert_eq!(changed.text, acme(next, TOKEN, now));
        assert_eq!(admin.get(&path(ACME)).await.expect(200).text, changed.text);
    }
    let deleted = admin.patch(&path(ACME), &mode("deleted")).await.expect(200);
    assert_eq!(deleted.text, acme("deleted", "null", now));
    let refused = admin.patch(&path(ACME), &mode("saas_usage")).await.expect(400);
    assert_eq!(refused.text, LEAVES_DELETED);
    for other in ["discovery", "disabled"] {
        let refused = admin.patch(&path(ACME), &mode(other)).await.expect(400).json();
        let details = json!({ "current_mode": "deleted", "requested_mode": other });
        assert_eq!(refused["error"]["details"], details);
    }
    let again = admin.patch(&path(ACME), &mode("deleted")).await.expect(200);
    assert_eq!(again.text, deleted.text);
    assert_eq!(admin.get(&path(ACME)).await.expect(200).text, deleted.text);
    assert_eq!(log(&admin, ACME).await.len(), 6);
}

#[tokio::test]
async fn entering_deleted_leaves_a_client_without_token_as_it_is() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    assert_eq!(admin.get(&path(GLOBEX)).await.expect(200).json()["enrollment_token"], Value::Null);
    let deleted = admin.patch(&path(GLOBEX), &mode("deleted")).await.expect(200).json();
    assert_eq!(deleted["collection_mode"], "deleted");
    assert_eq!(deleted["enrollment_token"], Value::Null);
}

#[tokio::test]
async fn the_same_mode_and_an_empty_body_change_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = admin.get(&path(ACME)).await.expect(200);
    app.advance(60_000);
    for body in [mode("saas_usage"), json!({})] {
        let answer = admin.patch(&path(ACME), &body).await.expect(200);
        assert_eq!(answer.text, before.text);
        assert_eq!(answer.header("etag"), before.header("etag"));
    }
    assert!(log(&admin, ACME).await.is_empty());
    let changed = admin.patch(&path(ACME), &mode("disabled")).await.expect(200);
    assert_eq!(changed.json()["updated_at"], "2026-03-10T14:31:00.000Z");
    assert_eq!(version(&changed), version(&before) + 1);
}

#[tokio::test]
async fn unknown_modes_and_null_are_told_what_is_allowed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for sent in
        [json!("off"), json!("DISABLED"), json!(""), Value::Null, json!(1), json!(["disabled"])]
    {
        let refused =
            admin.patch(&path(ACME), &json!({ "collection_mode": sent })).await.expect(400);
        let fields = fields(&refused);
        assert_eq!(fields.len(), 1, "{sent}");
        assert_eq!(fields[0]["path"], "/collection_mode");
        assert_eq!(fields[0]["allowed"], json!(MODES), "{sent}");
    }
    let read = admin.get(&path(ACME)).await.expect(200);
    assert_eq!(read.text, acme("saas_usage", TOKEN, "2026-02-20T12:00:00.000Z"));
}

#[tokio::test]
async fn what_was_read_can_be_sent_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for id in [ACME, GLOBEX] {
        let before = admin.get(&path(id)).await.expect(200);
        let echoed = admin.patch(&path(id), &before.json()).await.expect(200);
        assert_eq!(echoed.text, before.text);
    }
    let mut body = admin.get(&path(ACME)).await.expect(200).json();
    body["id"] = json!(ACME.to_uppercase());
    body["updated_at"] = json!("1999-01-01T00:00:00.000Z");
    body["collection_mode"] = json!("discovery");
    let changed = admin.patch(&path(ACME), &body).await.expect(200);
    assert_eq!(changed.text, acme("discovery", TOKEN, "2026-03-10T14:30:00.000Z"));
}

#[tokio::test]
async fn an_echo_that_differs_is_refused_by_name() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = admin.get(&path(ACME)).await.expect(200);
    let cases = [
        ("id", json!(GLOBEX)),
        ("id", Value::Null),
        ("name", json!("Another Corporation")),
        ("name", Value::Null),
        ("status", json!("inactive")),
        ("status", json!("ACTIVE")),
        ("partner", json!({ "id": ACME, "name": "TechPartner Inc." })),
        ("partner", json!({ "id": TENANT, "name": "Another partner" })),
        ("partner", Value::Null),
        ("enrollment_token", json!({ "value": "enroll_00000000000000000000000000000000" })),
        ("enrollment_token", json!("none")),
    ];
    for (name, value) in cases {
        let mut body = before.json();
        body["collection_mode"] = json!("disabled");
        body[name] = value;
        let told = fields(&admin.patch(&path(ACME), &body).await.expect(400));
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0]["path"], format!("/{name}"));
        assert_eq!(told[0]["rule"], "read_only");
    }
    assert_eq!(admin.get(&path(ACME)).await.expect(200).text, before.text);
}

#[tokio::test]
async fn everything_wrong_is_told_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({
        "collectionMode": "disabled",
        "collection_mode": "off",
        "name": "Another",
        "a/b~c": 1,
    });
    let refused = admin.patch(&path(ACME), &body).await.expect(400);
    let told = fields(&refused);
    let broken: BTreeSet<_> = told
        .iter()
        .map(|field| (field["path"].as_str().unwrap_or(""), field["rule"].as_str().unwrap_or("")))
        .collect();
    let expected = BTreeSet::from([
        ("/a~1b~0c", "unknown_field"),
        ("/collectionMode", "unknown_field"),
        ("/collection_mode", "enum"),
        ("/name", "read_only"),
    ]);
    assert_eq!(broken, expected);
    let near = told.iter().find(|field| field["path"] == "/collectionMode").expect("the field");
    let message = near["message"].as_str().expect("a message");
    assert!(message.ends_with("did you mean collection_mode?"), "{message}");
    for field in ["collection_mode", "collectionMode", "name", "a~1b~0c"] {
        let message = refused.json()["error"]["message"].to_string();
        assert!(message.contains(field), "{message}");
    }
}

#[tokio::test]
async fn a_body_must_be_a_json_object() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for body in
        ["", "[]", "null", "\"disabled\"", "7", "{", "{\"collection_mode\":}", "{}{}", "\u{0}"]
    {
        let request = admin.request(Method::PATCH, &path(ACME));
        let request = request.header("content-type", "application/json").body(body);
        let refused = admin.send(request).await.expect(400);
        let told = refused.json();
        assert_eq!(told["error"]["code"], "invalid_request", "{body}");
        assert_eq!(told["error"]["details"], json!({}), "{body}");
    }
    let request = admin.request(Method::PATCH, &path(ACME));
    let request = request.header("content-type", "application/json").body(vec![b'{', 0xff, b'}']);
    admin.send(request).await.expect(400);
}

#[tokio::test]
async fn ids_that_name_no_client_are_not_found() {
    let app = TestApp::start().await;
    let (admin, operator) = (app.admin().await, app.operator());
    let compact = ACME.replace('-', "");
    let braced = format!("%7B{ACME}%7D");
    let unknown = "00000000-0000-4000-8000-000000000000";
    let asked = ["456", "no-uuid", &compact, &braced, unknown, &unknown.to_uppercase(), "%20"];
    for id in asked {
        for actor in [&admin, &operator] {
            let read = actor.get(&path(id)).await.expect(404).json();
            assert_eq!(read["error"]["code"], "not_found");
            let told = id.replace("%7B", "{").replace("%7D", "}").replace("%20", " ");
            assert_eq!(read["error"]["details"], json!({ "client_id": told }));
            let written = actor.patch(&path(id), &mode("disabled")).await.expect(404).json();
            assert_eq!(written, read);
        }
    }
    let upper = admin.get(&path(&ACME.to_uppercase())).await.expect(200);
    assert_eq!(upper.text, acme("saas_usage", TOKEN, "2026-02-20T12:00:00.000Z"));
    admin.patch(&path(&ACME.to_uppercase()), &mode("disabled")).await.expect(200);
}

#[tokio::test]
async fn another_tenants_client_does_not_exist() {
    let app = TestApp::start().await;
    let before = app.operator().get(&path(INITECH)).await.expect(200);
    for role in ["viewer", "member", "admin"] {
        let actor = app.role("tenant123", role).await;
        let unknown = "00000000-0000-4000-8000-000000000000";
        let missing = actor.get(&path(unknown)).await.expect(404);
        let hidden = actor.get(&path(INITECH)).await.expect(404);
        assert_eq!(hidden.text, missing.text.replace(unknown, INITECH), "{role}");
        actor.patch(&path(INITECH), &mode("deleted")).await.expect(404);
        let log = format!("{}/collection-control/audit-log", path(INITECH));
        actor.get(&log).await.expect(404);
    }
    assert_eq!(app.operator().get(&path(INITECH)).await.expect(200).text, before.text);
}

#[tokio::test]
async fn only_those_who_may_change_the_mode() {
    let app = TestApp::start().await;
    app.anon().patch(&path(ACME), &mode("disabled")).await.expect(401);
    for role in ["viewer", "member"] {
        let actor = app.role("tenant123", role).await;
        actor.get(&path(ACME)).await.expect(200);
        // No-ops and broken bodies too: who may not change is told nothing about the record.
        for body in [mode("disabled"), mode("saas_usage"), json!({}), json!({ "name": "x" })] {
            let refused = actor.patch(&path(ACME), &body).await.expect(403).json();
            assert_eq!(refused["error"]["code"], "forbidden");
            assert_eq!(refused["error"]["details"], json!({ "permission": "collection.update" }));
        }
    }
    app.admin().await.patch(&path(ACME), &mode("disabled")).await.expect(200);
    app.operator().patch(&path(ACME), &mode("discovery")).await.expect(200);
}

#[tokio::test]
async fn a_restricted_token_gets_one_answer_for_every_other_id() {
    let app = TestApp::start().await;
    let grant = json!({ "tenant": "tenant123", "role": "admin", "client_ids": [ACME] });
    let bound = app.grant(&grant).await;
    bound.get(&path(ACME)).await.expect(200);
    bound.patch(&path(ACME), &mode("disabled")).await.expect(200);
    let existing = bound.get(&path(GLOBEX)).await.expect(403);
    for id in [INITECH, "00000000-0000-4000-8000-000000000000", "no-uuid"] {
        assert_eq!(bound.get(&path(id)).await.expect(403).text, existing.text, "{id}");
        bound.patch(&path(id), &mode("disabled")).await.expect(403);
    }
    for scope in ["org_id", "project_id"] {
        let scoped = json!({ "tenant": "tenant123", "role": "admin", scope: "elsewhere" });
        let scoped = app.grant(&scoped).await;
        scoped.get(&path(ACME)).await.expect(403);
        scoped.patch(&path(ACME), &mode("discovery")).await.expect(403);
    }
}

/// 64 writers at once, some of whom delete. Whatever their order, the record's history is one
/// line: each change starts from what the one before it left, and nothing leaves `deleted`.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_leave_one_line_of_history() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = version(&admin.get(&path(ACME)).await.expect(200));
    let mut writers = Vec::new();
    for at in 0..64 {
        let (admin, wish) = (admin.clone(), if at % 16 == 15 { "deleted" } else { MODES[at % 3] });
        writers
            .push(tokio::spawn(async move { (wish, admin.patch(&path(ACME), &mode(wish)).await) }));
    }
    let mut versions = BTreeSet::new();
    for writer in writers {
        let (wish, answer) = writer.await.expect("a writer");
        if answer.status == 400 && wish != "deleted" {
            assert_eq!(answer.text, LEAVES_DELETED.replace("saas_usage", wish));
            continue;
        }
        let answer = answer.expect(200);
        assert_eq!(answer.json()["collection_mode"], wish);
        versions.insert(version(&answer));
    }
    let after = admin.get(&path(ACME)).await.expect(200);
    assert_eq!(after.text, acme("deleted", "null", "2026-03-10T14:30:00.000Z"));
    let entries = log(&admin, ACME).await;
    let changes = i64::try_from(entries.len()).expect("few entries");
    assert_eq!(version(&after), before + changes);
    // Each change was answered to somebody, under a version of its own.
    versions.remove(&before);
    assert_eq!(versions, (before + 1..=before + changes).collect());
    let mut current = mode("saas_usage");
    for entry in &entries {
        assert_eq!(entry["previous_value"], current);
        assert_ne!(entry["new_value"], current);
        assert_ne!(current, mode("deleted"));
        current = entry["new_value"].clone();
    }
    assert_eq!(current, mode("deleted"));
    for pair in entries.windows(2) {
        assert_eq!(pair[1]["previous_hash"], pair[0]["entry_hash"]);
    }
}
