//! `/clients/v1/tenants/{tenantId}/clients/{id}`: switching clients on and off.

use axum::http::Method;
use clientbook_testkit::{ACME, ACME_OBJECT, Actor, Answer, GLOBEX, INITECH, TENANT, TestApp};
use serde_json::{Value, json};

const CLIENT: &str = "/clients/v1/tenants/tenant123/clients/456";
const OTHER: &str = "/clients/v1/tenants/tenant123/clients/457";
const RIVAL: &str = "/clients/v1/tenants/tenant999/clients/456";

const NOT_ADMIN: &str =
    r#"{"error":"Forbidden","message":"Admin privileges required to modify client status"}"#;
const NOT_FOUND: &str = r#"{"error":"Not Found","message":"Client not found in tenant scope"}"#;

fn activate(client: &str) -> String {
    format!("{client}/activate")
}

fn deactivate(client: &str) -> String {
    format!("{client}/deactivate")
}

fn acme(active: bool, status: &str, updated_at: &str) -> String {
    format!(
        concat!(
            r#"{{"id":456,"client_id":"{}","tenant_id":"tenant123","org_id":null,"#,
            r#""project_id":null,"owner_id":null,"name":"Acme Corporation","email":null,"#,
            r#""status":"{}","active":{},"tags":[],"created_at":"2025-06-01T00:00:00.000Z","#,
            r#""updated_at":"{}"}}"#
        ),
        ACME, status, active, updated_at
    )
}

async fn switch(actor: &Actor, path: &str) -> Answer {
    let answer = actor.patch_empty(path).await.expect(200);
    assert_eq!(answer.text, "{}");
    answer
}

async fn status(actor: &Actor, path: &str) -> (Value, Value) {
    let read = actor.get(path).await.expect(200).json();
    (read["status"].clone(), read["active"].clone())
}

#[tokio::test]
async fn off_and_on_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let read = admin.get(CLIENT).await.expect(200);
    assert_eq!(read.text, acme(true, "Active", "2026-02-20T12:00:00.000Z"));
    switch(&admin, &deactivate(CLIENT)).await;
    let read = admin.get(CLIENT).await.expect(200);
    assert_eq!(read.text, acme(false, "Inactive", "2026-03-10T14:30:00.000Z"));
    let success = format!("/client/{ACME}");
    assert_eq!(status(&admin, &success).await, (json!("INACTIVE"), json!(false)));
    let v2 = admin.get(&format!("/v2/clients/{ACME}")).await.expect(200).json();
    assert_eq!(v2["status"], "inactive");
    // A suspension loses nothing.
    assert_eq!(v2["enrollment_token"]["status"], "active");
    assert_eq!(v2["collection_mode"], "saas_usage");
    app.advance(1_000);
    switch(&admin, &activate(CLIENT)).await;
    let read = admin.get(CLIENT).await.expect(200);
    assert_eq!(read.text, acme(true, "Active", "2026-03-10T14:30:01.000Z"));
    assert_eq!(status(&admin, &success).await, (json!("ACTIVE"), json!(true)));
    let v2 = admin.get(&format!("/v2/clients/{ACME}")).await.expect(200).json();
    assert_eq!(v2["status"], "active");
    assert_eq!(status(&admin, OTHER).await, (json!("Active"), json!(true)));
    assert_eq!(status(&app.operator(), RIVAL).await, (json!("Active"), json!(true)));
}

#[tokio::test]
async fn from_every_status() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let success = format!("/client/{ACME}");
    for from in ["TRIAL", "TERMINATED", "PENDING", "INACTIVE", "ACTIVE"] {
        let ends =
            [(activate(CLIENT), ("Active", true)), (deactivate(CLIENT), ("Inactive", false))];
        for (path, (shown, active)) in ends {
            admin.patch(&success, &json!({ "status": from })).await.expect(200);
            switch(&admin, &path).await;
            assert_eq!(status(&admin, CLIENT).await, (json!(shown), json!(active)), "{from}");
        }
    }
}

/// Nothing written: neither the record nor, as the next entry's link to the one before shows, an
/// audit entry in between.
#[tokio::test]
async fn repeating_writes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let v2 = format!("/v2/clients/{ACME}");
    for path in [activate(CLIENT), deactivate(CLIENT)] {
        switch(&admin, &path).await;
        admin.patch(&v2, &json!({ "collection_mode": "disabled" })).await.expect(200);
        let before = admin.get(CLIENT).await.expect(200);
        app.advance(1_000);
        let repeated = switch(&admin, &path).await;
        let version = |answer: &Answer| answer.header("etag").split('-').next().map(str::to_owned);
        assert_eq!(version(&repeated), version(&before));
        let after = admin.get(CLIENT).await.expect(200);
        assert_eq!(
            (after.text.as_str(), after.header("etag")),
            (before.text.as_str(), before.header("etag"))
        );
        admin.patch(&v2, &json!({ "collection_mode": "saas_usage" })).await.expect(200);
        let log = format!("{v2}/collection-control/audit-log?page_size=2");
        let log = admin.get(&log).await.expect(200).json();
        assert_eq!(log["data"][0]["previous_hash"], log["data"][1]["entry_hash"]);
    }
}

#[tokio::test]
async fn a_body_is_empty_or_an_empty_object() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for path in [deactivate(CLIENT), activate(CLIENT)] {
        for body in [r#"{"a":1}"#, r#"{"status":"Active"}"#, "[]", "null", "\"\"", "0", "{", "x"] {
            let request = admin.request(Method::PATCH, &path);
            let request = request.header("content-type", "application/json").body(body);
            let refused = admin.send(request).await.expect(400).json();
            assert_eq!(refused["error"], "Bad Request", "{body}");
            assert!(!refused["message"].as_str().unwrap_or_default().is_empty());
        }
    }
    assert_eq!(status(&admin, CLIENT).await, (json!("Active"), json!(true)));
    assert_eq!(admin.patch(&deactivate(CLIENT), &json!({})).await.expect(200).text, "{}");
    let request = admin.request(Method::PATCH, &activate(CLIENT));
    let request = request.header("content-type", "application/json").body("");
    assert_eq!(admin.send(request).await.expect(200).text, "{}");
    let refused = admin.patch(&deactivate(CLIENT), &json!({ "a": 1 })).await.expect(400);
    assert_eq!(refused.text, r#"{"error":"Bad Request","message":"The body must be empty or {}"}"#);
}

#[tokio::test]
async fn ids_are_integers_from_1() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let wrong = ["0", "-1", "+456", "01", "0456", "x", "4.0", "4e2", "9223372036854775808", ACME];
    let wrong = wrong.into_iter().chain([ACME_OBJECT, "%20456", "99999999999999999999999"]);
    for id in wrong {
        let client = format!("/clients/v1/tenants/tenant123/clients/{id}");
        for answer in [
            admin.get(&client).await,
            admin.patch_empty(&activate(&client)).await,
            admin.patch_empty(&deactivate(&client)).await,
        ] {
            let message = "The client id must be an integer from 1 to 9223372036854775807";
            let expected = format!(r#"{{"error":"Bad Request","message":"{message}"}}"#);
            assert_eq!(answer.expect(400).text, expected, "{id}");
        }
    }
    for id in ["1", "9223372036854775807"] {
        let client = format!("/clients/v1/tenants/tenant123/clients/{id}");
        assert_eq!(admin.get(&client).await.expect(404).text, NOT_FOUND);
        assert_eq!(admin.patch_empty(&deactivate(&client)).await.expect(404).text, NOT_FOUND);
    }
}

#[tokio::test]
async fn a_tenant_has_three_names() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let object_id = "65a000000000000000000123";
    let names = [TENANT, &TENANT.to_uppercase(), "tenant123", object_id, &object_id.to_uppercase()];
    for name in names {
        let client = format!("/clients/v1/tenants/{name}/clients/456");
        let read = admin.get(&client).await.expect(200).json();
        assert_eq!((&read["client_id"], &read["tenant_id"]), (&json!(ACME), &json!("tenant123")));
        switch(&admin, &deactivate(&client)).await;
        assert_eq!(status(&admin, CLIENT).await, (json!("Inactive"), json!(false)), "{name}");
        switch(&admin, &activate(&client)).await;
    }
}

#[tokio::test]
async fn other_tenants_do_not_exist() {
    let app = TestApp::start().await;
    let before = app.operator().get(RIVAL).await.expect(200);
    let names = [
        "tenant999",
        "b2c3d4e5-f6a7-8901-bcde-f12345678902",
        "65a000000000000000000999",
        "nobody",
        "00000000-0000-0000-0000-000000000000",
        "%20",
    ];
    for role in ["viewer", "member", "admin"] {
        let actor = app.role("tenant123", role).await;
        for name in names {
            let client = format!("/clients/v1/tenants/{name}/clients/456");
            assert_eq!(actor.get(&client).await.expect(404).text, NOT_FOUND, "{role} {name}");
            for path in [activate(&client), deactivate(&client)] {
                assert_eq!(
                    actor.patch_empty(&path).await.expect(404).text,
                    NOT_FOUND,
                    "{role} {name}"
                );
            }
        }
    }
    assert_eq!(app.operator().get(RIVAL).await.expect(200).text, before.text);
    switch(&app.operator(), &deactivate(RIVAL)).await;
    let rival = app.role("tenant999", "admin").await;
    assert_eq!(status(&rival, RIVAL).await, (json!("Inactive"), json!(false)));
    switch(&rival, &activate(RIVAL)).await;
}

#[tokio::test]
async fn only_admins_switch() {
    let app = TestApp::start().await;
    let mut refused = Vec::new();
    for role in ["viewer", "member"] {
        let actor = app.role("tenant123", role).await;
        actor.get(CLIENT).await.expect(200);
        refused.push(actor);
    }
    for restriction in [
        json!({ "org_id": "elsewhere" }),
        json!({ "project_id": "elsewhere" }),
        json!({ "client_ids": [GLOBEX] }),
    ] {
        let mut grant = json!({ "tenant": "tenant123", "role": "admin" });
        grant
            .as_object_mut()
            .expect("an object")
            .extend(restriction.as_object().expect("one").clone());
        let actor = app.grant(&grant).await;
        let read = actor.get(CLIENT).await.expect(403).json();
        assert_eq!(read["error"], "Forbidden");
        refused.push(actor);
    }
    let before = app.operator().get(CLIENT).await.expect(200);
    for actor in &refused {
        for path in [activate(CLIENT), deactivate(CLIENT)] {
            assert_eq!(actor.patch_empty(&path).await.expect(403).text, NOT_ADMIN);
        }
    }
    assert_eq!(app.operator().get(CLIENT).await.expect(200).text, before.text);
    let missing = app.anon().patch_empty(&deactivate(CLIENT)).await.expect(401);
    assert_eq!(missing.json()["error"], "Unauthorized");
    let named = json!({ "tenant": "tenant123", "permissions": ["clients.status"] });
    switch(&app.grant(&named).await, &deactivate(CLIENT)).await;
}

/// Every door that a token bound to Acme can try.
async fn doors(actor: &Actor) -> Vec<Answer> {
    let v2 = format!("/v2/clients/{ACME}");
    let workspace = format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}");
    let success = format!("/client/{ACME}");
    let none = json!({});
    vec![
        actor.get(&v2).await,
        actor.patch(&v2, &none).await,
        actor.get(&format!("{v2}/collection-control/audit-log")).await,
        actor.get(CLIENT).await,
        actor.patch_empty(&activate(CLIENT)).await,
        actor.get(&workspace).await,
        actor.patch(&workspace, &json!({ "name": "Acme Corporation" })).await,
        actor.get(&success).await,
        actor.patch(&format!("/v2{success}"), &none).await,
    ]
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

#[tokio::test]
async fn a_suspended_clients_token_opens_no_door() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let grant = json!({ "tenant": "tenant123", "role": "admin", "client_ids": [ACME] });
    let bound = app.grant(&grant).await;
    assert_eq!(statuses(&doors(&bound).await), [200; 9]);
    bound.get("/v2/api-tokens").await.expect(200);
    for round in 0..2 {
        // The second time it suspends itself.
        switch(if round == 0 { &admin } else { &bound }, &deactivate(CLIENT)).await;
        let refused = doors(&bound).await;
        assert_eq!(statuses(&refused), [401; 9]);
        for answer in refused {
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
        bound.get("/v2/api-tokens").await.expect(401);
        bound.get(&format!("/v2/clients/{INITECH}")).await.expect(401);
        assert_eq!(statuses(&doors(&admin).await[..4]), [200; 4]);
        switch(&admin, &activate(CLIENT)).await;
        assert_eq!(statuses(&doors(&bound).await), [200; 9]);
    }
    // Any status whose flag is false suspends.
    for status in ["PENDING", "TERMINATED"] {
        let body = json!({ "status": status });
        admin.patch(&format!("/client/{ACME}"), &body).await.expect(200);
        bound.get(CLIENT).await.expect(401);
    }
    admin.patch(&format!("/client/{ACME}"), &json!({ "status": "TRIAL" })).await.expect(200);
    bound.get(CLIENT).await.expect(200);
}

#[tokio::test]
async fn a_token_of_two_clients_lives_as_long_as_one() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let grant = json!({ "tenant": "tenant123", "role": "admin", "client_ids": [ACME, GLOBEX] });
    let bound = app.grant(&grant).await;
    switch(&admin, &deactivate(CLIENT)).await;
    assert_eq!(statuses(&doors(&bound).await), [403; 9]);
    bound.get(OTHER).await.expect(200);
    bound.get(&format!("/v2/clients/{GLOBEX}")).await.expect(200);
    switch(&bound, &deactivate(OTHER)).await;
    assert_eq!(statuses(&doors(&bound).await), [401; 9]);
    bound.get(OTHER).await.expect(401);
    switch(&admin, &activate(CLIENT)).await;
    assert_eq!(statuses(&doors(&bound).await), [200; 9]);
    bound.get(OTHER).await.expect(403);
}
