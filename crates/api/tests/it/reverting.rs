//! `POST /v2/clients/{client_id}/revert`, and `GET /v2/clients/{client_id}?as_of=`

use axum::http::Method;
use clientbook_testkit::{ACME, ACME_OBJECT, Actor, GLOBEX, INITECH, TestApp};
use serde_json::{Value, json};

fn revert(id: &str) -> String {
    format!("/v2/clients/{id}/revert")
}

async fn newest(actor: &Actor, id: &str) -> String {
    let page = actor.get(&format!("/v2/clients/{id}/audit-log?page_size=1")).await.expect(200);
    page.json()["data"][0]["id"].as_str().expect("an id").to_owned()
}

async fn success(actor: &Actor) -> Value {
    let mut seen = actor.get(&format!("/client/{ACME}")).await.expect(200).json();
    seen.as_object_mut().expect("an object").remove("modifiedTime");
    seen
}

#[tokio::test]
async fn every_field_goes_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let filled = json!({
        "siteUrl": "https://acme.example", "npsScore": 42, "note": "a note", "externalId": "E-1",
        "custom": { "one": "1", "two": "2" }, "city": "Berlin", "inceptionDate": "2020-01-01",
        "region": { "id": 7, "name": "EMEA" }, "timezone": "Europe/Berlin", "status": "TRIAL",
        "accTeamingRoles": [{ "employeeId": 1, "role": "Onboarding" }],
    });
    admin.patch(&format!("/client/{ACME}"), &filled).await.expect(200);
    let before = success(&admin).await;
    app.advance(1_000);
    let other = json!({
        "siteUrl": "", "npsScore": null, "note": "another", "externalId": "E-2", "name": "Other",
        "custom": { "one": null, "two": "3", "new": "4" }, "city": null,
        "inceptionDate": null, "region": null, "timezone": null, "status": "INACTIVE",
        "accTeamingRoles": [],
    });
    admin.patch(&format!("/client/{ACME}"), &other).await.expect(200);
    let entry = newest(&admin, ACME).await;
    let workspace = json!({
        "avatarUrl": "https://example.com/x.jpg",
        "contactMethods": [{ "type": "email", "value": "x@example.com", "isPreferred": true }],
    });
    let path = format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}");
    let shown = admin.get(&path).await.expect(200).json();
    admin.patch(&path, &workspace).await.expect(200);
    let profile = newest(&admin, ACME).await;
    let tenants = "/clients/v1/tenants/tenant123/clients/456";
    let listed = admin.get(tenants).await.expect(200).json();
    admin
        .patch(tenants, &json!({ "tags": ["a", "b"], "email": "y@example.com", "org_id": "o" }))
        .await
        .expect(200);
    let tags = newest(&admin, ACME).await;
    app.advance(1_000);
    for entry in [&tags, &profile, &entry] {
        let answer = admin.post(&revert(ACME), &json!({ "entry_id": entry })).await.expect(200);
        assert!(!answer.header("etag").is_empty());
    }
    assert_eq!(success(&admin).await, before);
    let back = admin.get(&path).await.expect(200).json();
    assert_eq!(back["client"]["contactMethods"], shown["client"]["contactMethods"]);
    assert_eq!(back["client"]["avatarUrl"], shown["client"]["avatarUrl"]);
    let back = admin.get(tenants).await.expect(200).json();
    for field in ["tags", "email", "org_id"] {
        assert_eq!(back[field], listed[field], "{field}");
    }
    // Once more changes nothing, and leaves no entry.
    let last = newest(&admin, ACME).await;
    admin.post(&revert(ACME), &json!({ "entry_id": entry })).await.expect(200);
    assert_eq!(newest(&admin, ACME).await, last);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_removal_is_taken_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}");
    admin.delete(&path).await.expect(204);
    let log = admin.get(&format!("/v2/clients/{ACME}/audit-log?field=status")).await.expect(200);
    let entry = log.json()["data"][0]["id"].clone();
    admin.post(&revert(ACME), &json!({ "entry_id": entry })).await.expect(200);
    admin.get(&path).await.expect(200);
    // And taken back again: it is removed as it was.
    let entry = newest(&admin, ACME).await;
    admin.post(&revert(ACME), &json!({ "entry_id": entry })).await.expect(200);
    admin.get(&path).await.expect(404);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn what_a_rule_forbids_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let v2 = format!("/v2/clients/{ACME}");
    let code = async |body: &Value, status| {
        admin.post(&revert(ACME), body).await.expect(status).json()["error"]["code"].clone()
    };
    let page = admin.get(&format!("{v2}/audit-log?action=client_created")).await.expect(200);
    let made = page.json()["data"][0]["id"].clone();
    assert_eq!(code(&json!({ "entry_id": made }), 409).await, "conflict");
    let page = admin.get(&format!("{v2}/audit-log?entity_type=enrollment_token")).await.expect(200);
    let token = page.json()["data"][0]["id"].clone();
    assert_eq!(code(&json!({ "entry_id": token }), 409).await, "conflict");
    admin.patch(&format!("/client/{GLOBEX}"), &json!({ "note": "x" })).await.expect(200);
    let foreign = newest(&admin, GLOBEX).await;
    assert_eq!(code(&json!({ "entry_id": foreign }), 404).await, "not_found");
    for body in [json!({}), json!({ "entry_id": 7 }), json!({ "entry_id": made, "force": true })] {
        assert_eq!(code(&body, 400).await, "invalid_request");
    }
    // Somebody else has the outside id by now.
    let set = async |id: &str, external: &str| {
        let path = format!("/client/{id}");
        admin.patch(&path, &json!({ "externalId": external })).await.expect(200);
    };
    set(ACME, "E-1").await;
    set(ACME, "E-2").await;
    let entry = newest(&admin, ACME).await;
    set(GLOBEX, "E-1").await;
    assert_eq!(code(&json!({ "entry_id": entry }), 409).await, "conflict");
    admin.patch(&v2, &json!({ "collection_mode": "deleted" })).await.expect(200);
    let log = format!("{v2}/audit-log?action=collection_mode_changed");
    let entry = admin.get(&log).await.expect(200).json()["data"][0]["id"].clone();
    assert_eq!(code(&json!({ "entry_id": entry }), 400).await, "invalid_transition");
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn it_takes_what_each_field_takes() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.patch(&format!("/client/{ACME}"), &json!({ "status": "INACTIVE" })).await.expect(200);
    let status = newest(&admin, ACME).await;
    admin
        .patch(&format!("/v2/clients/{ACME}"), &json!({ "collection_mode": "disabled" }))
        .await
        .expect(200);
    let mode = newest(&admin, ACME).await;
    admin.patch(&format!("/client/{ACME}"), &json!({ "name": "Other" })).await.expect(200);
    let name = newest(&admin, ACME).await;
    let grant = async |permissions: &[&str]| {
        app.grant(&json!({ "tenant": "tenant123", "permissions": permissions })).await
    };
    let editor = grant(&["clients.view", "clients.update", "audit.view"]).await;
    for (entry, missing) in [(&status, "clients.status"), (&mode, "collection.update")] {
        let answer = editor.post(&revert(ACME), &json!({ "entry_id": entry })).await.expect(403);
        assert_eq!(answer.json()["error"]["details"], json!({ "permission": missing }));
    }
    let member = app.role("tenant123", "member").await;
    let answer = member.post(&revert(ACME), &json!({ "entry_id": name })).await.expect(403);
    assert_eq!(answer.json()["error"]["details"], json!({ "permission": "audit.view" }));
    let reader = grant(&["clients.view", "audit.view"]).await;
    reader.post(&revert(ACME), &json!({ "entry_id": name })).await.expect(403);
    let rival = app.role("tenant999", "admin").await;
    rival.post(&revert(ACME), &json!({ "entry_id": name })).await.expect(404);
    let stale = editor.request(Method::POST, &revert(ACME)).header("if-match", "\"1-x\"");
    editor.send(stale.json(&json!({ "entry_id": name }))).await.expect(412);
    editor.post(&revert(ACME), &json!({ "entry_id": name })).await.expect(200);
}

#[tokio::test]
async fn a_client_as_it_stood() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let made = admin.post("/v2/clients", &json!({ "name": "First" })).await.expect(201).json();
    let id = made["id"].as_str().expect("an id").to_owned();
    let path = format!("/v2/clients/{id}");
    let mut seen = vec![("2026-03-10T14:30:00.000Z", made)];
    let success = format!("/client/{id}");
    let steps = [
        ("2026-03-10T14:30:01.000Z", success.clone(), json!({ "name": "Second" })),
        ("2026-03-10T14:30:02.000Z", path.clone(), json!({ "collection_mode": "disabled" })),
        ("2026-03-10T14:30:03.000Z", success.clone(), json!({ "status": "TERMINATED" })),
        ("2026-03-10T14:30:04.000Z", path.clone(), json!({ "collection_mode": "deleted" })),
    ];
    for (time, at, body) in &steps {
        app.advance(1_000);
        admin.patch(at, body).await.expect(200);
        seen.push((time, admin.get(&path).await.expect(200).json()));
    }
    app.advance(1_000);
    let name = json!({ "name": "Renamed Partner" });
    let partner = format!("/v2/tenants/{}", seen[0].1["partner"]["id"].as_str().expect("an id"));
    app.operator().patch(&partner, &name).await.expect(200);
    for (time, was) in &seen {
        let then = admin.get(&format!("{path}?as_of={time}")).await.expect(200).json();
        assert_eq!(&then, was, "{time}");
    }
    let between = admin.get(&format!("{path}?as_of=2026-03-10T14:30:01.999Z")).await.expect(200);
    assert_eq!(between.json(), seen[1].1);
    let now = admin.get(&format!("{path}?as_of=2027-01-01T00:00:00Z")).await.expect(200).json();
    assert_eq!(now, admin.get(&path).await.expect(200).json());
    admin.get(&format!("{path}?as_of=2026-03-10T14:29:59.999Z")).await.expect(404);
    for wrong in ["", "yesterday", "2026-03-10", "1773153000"] {
        let answer = admin.get(&format!("{path}?as_of={wrong}")).await.expect(400).json();
        assert_eq!(answer["error"]["details"]["fields"][0]["path"], "/as_of");
    }
    let viewer = app.role("tenant123", "viewer").await;
    let answer = viewer.get(&format!("{path}?as_of=2027-01-01T00:00:00Z")).await.expect(403);
    assert_eq!(answer.json()["error"]["details"], json!({ "permission": "audit.view" }));
    let auditor = json!({ "tenant": "tenant123", "permissions": ["audit.view"] });
    let auditor = app.grant(&auditor).await;
    auditor.get(&format!("{path}?as_of=2027-01-01T00:00:00Z")).await.expect(403);
    admin.get(&format!("/v2/clients/{INITECH}?as_of=2027-01-01T00:00:00Z")).await.expect(404);
}

/// Every demo client, rebuilt from its trail, is what its record is.
#[tokio::test]
async fn the_trail_makes_the_record() {
    let app = TestApp::start().await;
    let operator = app.operator();
    for id in [ACME, GLOBEX, INITECH] {
        let path = format!("/v2/clients/{id}");
        let now = operator.get(&path).await.expect(200).json();
        let then = operator.get(&format!("{path}?as_of=2030-01-01T00:00:00Z")).await.expect(200);
        assert_eq!(then.json(), now);
    }
}

#[tokio::test]
async fn values_go_back_where_their_definitions_let_them() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = format!("/client/{ACME}");
    admin.patch(&path, &json!({ "custom": { "seats": "many" } })).await.expect(200);
    admin.patch(&path, &json!({ "custom": { "seats": "7" } })).await.expect(200);
    let entry = newest(&admin, ACME).await;
    admin.patch(&path, &json!({ "custom": { "seats": null } })).await.expect(200);
    let fields = "/v1/workspace/tenant123/clients/fields";
    admin.post(fields, &json!({ "label": "Seats", "type": "number" })).await.expect(201);
    let refused = admin.post(&revert(ACME), &json!({ "entry_id": entry })).await.expect(400);
    assert!(refused.text.contains("seats"), "{}", refused.text);
    assert_eq!(admin.get(&path).await.expect(200).json()["custom"], json!({}));
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn an_imported_client_is_shown_with_the_times_it_brought() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let row = json!({
        "name": "Older", "external_id": "o-1",
        "created_at": "2020-01-02T03:04:05Z", "updated_at": "2021-01-02T03:04:05Z",
    });
    let request = admin.request(axum::http::Method::POST, "/v2/clients/import");
    let request = request.header("content-type", "application/x-ndjson");
    admin.send(request.body(row.to_string())).await.expect(200);
    let listed = admin.get("/v2/clients?q=Older").await.expect(200).json();
    let path = format!("/v2/clients/{}", listed["data"][0]["id"].as_str().expect("an id"));
    let imported = admin.get(&path).await.expect(200).json();
    assert_eq!(imported["created_at"], "2020-01-02T03:04:05.000Z");
    assert_eq!(imported["updated_at"], "2021-01-02T03:04:05.000Z");
    app.advance(1_000);
    let client = path.replace("/v2/clients/", "/client/");
    admin.patch(&client, &json!({ "name": "Newer" })).await.expect(200);
    let then = admin.get(&format!("{path}?as_of=2026-03-10T14:30:00Z")).await.expect(200);
    assert_eq!(then.json(), imported);
    let now = admin.get(&format!("{path}?as_of=2026-03-10T14:30:01Z")).await.expect(200).json();
    assert_eq!(now, admin.get(&path).await.expect(200).json());
    assert_eq!(now["updated_at"], "2026-03-10T14:30:01.000Z");
}
