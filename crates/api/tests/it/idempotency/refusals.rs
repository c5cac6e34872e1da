//! Who gets no answer to a repeat, and which keys are none.

use super::{Call, calls, count, shown};
use axum::http::Method;
use clientbook_testkit::{
    ACME, ACME_OBJECT, GLOBEX, KeyServer, P256, Start, TestApp, TestDatabase, issuer,
};
use serde_json::{Value, json};
use std::sync::Arc;

#[tokio::test]
async fn another_body_is_refused_in_the_words_of_the_surface() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let calls: Vec<_> = calls("Umbrella").into_iter().zip(calls("Umbrella Two")).collect();
    for (at, (call, other)) in calls.iter().enumerate() {
        let key = at.to_string();
        call.send(&admin, &key).await;
        if call.body == other.body {
            continue;
        }
        let path = &call.path;
        let refused = Call { path: path.clone(), ..other.clone() }.send(&admin, &key).await;
        let refused = refused.expect(422);
        let message = "The Idempotency-Key was used for another request: take a new one";
        let body = refused.json();
        if path.starts_with("/clients/v1") {
            assert_eq!(body, json!({ "error": "Unprocessable Entity", "message": message }));
        } else if path.starts_with("/v1/workspace") {
            let error = json!({ "code": "idempotency_mismatch", "message": message });
            assert_eq!(body, json!({ "error": error }));
        } else if path.starts_with("/v2/clients") {
            let code = "idempotency_mismatch";
            let error = json!({ "code": code, "message": message, "details": {} });
            assert_eq!(body, json!({ "error": error }));
        } else {
            assert_eq!((&body["status"], &body["detail"]), (&json!(422), &json!(message)));
        }
    }
}

#[tokio::test]
async fn what_was_refused_is_tried_anew() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let call = |body| Call::new(Method::POST, "/client", body);
    let client = json!({ "name": "x", "status": "ACTIVE", "active": true });
    call(json!({ "name": "" })).send(&admin, "k").await.expect(400);
    let mut wrong = client.clone();
    wrong["clientTypeId"] = json!(99);
    call(wrong).send(&admin, "k").await.expect(400);
    assert_eq!(count(&app, "kept_answers"), 0);
    let first = call(client.clone()).send(&admin, "k").await.expect(201);
    assert_eq!(shown(&call(client).send(&admin, "k").await), shown(&first));
}

#[tokio::test]
async fn a_key_is_a_short_visible_text() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = format!("/client/{ACME}");
    let long = "x".repeat(255);
    for key in ["1", "\"8e03978e-40d5\"", long.as_str()] {
        Call::new(Method::PATCH, &path, json!({})).send(&admin, key).await.expect(200);
    }
    let too_long = format!("{long}x");
    for key in [too_long.as_str(), "", "\u{e4}", "a\tb", "a b"] {
        let refused = Call::new(Method::PATCH, &path, json!({})).send(&admin, key).await;
        assert!(refused.expect(400).text.contains("Idempotency-Key"), "{key:?}");
    }
    let request = admin.request(Method::PATCH, &path).json(&json!({}));
    let twice = request.header("idempotency-key", "a").header("idempotency-key", "a");
    admin.send(twice).await.expect(400);
    let anon = app.anon();
    Call::new(Method::PATCH, &path, json!({})).send(&anon, &too_long).await.expect(401);
    // Where nothing is changed by it, nobody looks.
    let read = admin.request(Method::GET, &path).header("idempotency-key", too_long.as_str());
    admin.send(read).await.expect(200);
    let delete = format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}");
    let delete = admin.request(Method::DELETE, &delete).header("idempotency-key", "");
    admin.send(delete).await.expect(204);
}

#[tokio::test]
async fn a_repeat_needs_what_the_first_needed() {
    let app = TestApp::start().await;
    let bound =
        app.grant(&json!({ "tenant": "tenant123", "role": "admin", "client_ids": [ACME] })).await;
    let tenants = "/clients/v1/tenants/tenant123/clients/456";
    let suspend = Call::new(Method::PATCH, format!("{tenants}/deactivate"), json!({}));
    suspend.send(&bound, "k").await.expect(200);
    suspend.send(&bound, "k").await.expect(401);
    app.operator().patch_empty(&format!("{tenants}/activate")).await.expect(200);
    suspend.send(&bound, "k").await.expect(200);

    let workspace = format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}");
    let rename = Call::new(Method::PATCH, workspace.clone(), json!({ "name": "x" }));
    rename.send(&bound, "k").await.expect(200);
    app.operator().delete(&workspace).await.expect(204);
    app.operator().patch(&format!("/client/{ACME}"), &json!({ "status": "ACTIVE" })).await;
    rename.send(&bound, "k").await.expect(200);
    app.operator().delete(&workspace).await.expect(204);
    rename.send(&app.operator(), "k").await.expect(404);

    app.advance(1);
    let admin = app.admin().await;
    let make = Call::new(Method::POST, "/v2/clients", json!({ "name": "x" }));
    make.send(&admin, "k").await.expect(201);
    let tokens = app.operator().get("/v2/api-tokens?tenant=tenant123").await.expect(200).json();
    let id = tokens["data"][0]["id"].as_str().expect("an id").to_owned();
    app.operator().delete(&format!("/v2/api-tokens/{id}")).await.expect(204);
    make.send(&admin, "k").await.expect(401);
}

#[tokio::test]
async fn who_may_less_than_before_gets_less() {
    let keys = KeyServer::default();
    keys.publish("https://id.example.com/", &[P256.jwk("ec")]);
    let start = Start::on(Arc::new(TestDatabase::with_tables()));
    let app = start.issuers(vec![issuer("https://id.example.com/")], &keys).start().await;
    let caller = |role: &str, org: Option<&str>| {
        let mut claims = json!({
            "iss": "https://id.example.com/", "aud": "clientbook", "sub": "jane",
            "exp": app.seconds() + 60, "tenant_id": "tenant123", "roles": [role],
        });
        if let Some(org) = org {
            claims["org_id"] = json!(org);
        }
        app.bearer(&P256.sign("ec", &claims))
    };
    let place = "/clients/v1/tenants/tenant123/clients";
    let make = Call::new(Method::POST, place, json!({ "name": "x", "org_id": "org-1" }));
    let first = make.send(&caller("admin", None), "k").await.expect(201);
    // Another token of the same subject is the same caller.
    let again = make.send(&caller("member", Some("org-1")), "k").await;
    assert_eq!(shown(&again), shown(&first));
    make.send(&caller("viewer", None), "k").await.expect(403);
    make.send(&caller("admin", Some("org-2")), "k").await.expect(403);
    let moved = format!("{place}/{}", first.json()["id"]);
    app.operator().patch(&moved, &json!({ "org_id": "org-2" })).await.expect(200);
    make.send(&caller("member", Some("org-1")), "k").await.expect(403);
    assert_eq!(shown(&make.send(&caller("member", None), "k").await), shown(&first));
}

/// A revert takes what each of its fields takes, and so does its repeat.
#[tokio::test]
async fn a_repeated_revert_takes_what_its_changes_took() {
    let keys = KeyServer::default();
    keys.publish("https://id.example.com/", &[P256.jwk("ec")]);
    let start = Start::on(Arc::new(TestDatabase::with_tables()));
    let app = start.issuers(vec![issuer("https://id.example.com/")], &keys).start().await;
    let caller = |permissions: &[&str]| {
        let claims = json!({
            "iss": "https://id.example.com/", "aud": "clientbook", "sub": "jane",
            "exp": app.seconds() + 60, "tenant_id": "tenant123", "permissions": permissions,
        });
        app.bearer(&P256.sign("ec", &claims))
    };
    let few = ["clients.view", "clients.update", "audit.view"];
    let more = [&few[..], &["clients.status", "collection.update"]].concat();
    let (all, few) = (caller(&more), caller(&few));
    let (success, v2) = (format!("/client/{ACME}"), format!("/v2/clients/{ACME}"));
    let newest = format!("{v2}/audit-log?page_size=1");
    for (at, (path, change, back, status)) in [
        (&success, json!({ "status": "TRIAL" }), json!({ "status": "ACTIVE" }), 403),
        (&v2, json!({ "collection_mode": "disabled" }), Value::Null, 403),
        (&success, json!({ "note": "another" }), Value::Null, 200),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("k-{at}");
        all.patch(path, &change).await.expect(200);
        let entry = all.get(&newest).await.expect(200).json()["data"][0]["id"].clone();
        let revert = Call::new(Method::POST, format!("{v2}/revert"), json!({ "entry_id": entry }));
        let first = revert.send(&all, &key).await.expect(200);
        revert.send(&few, &key).await.expect(status);
        assert_eq!(shown(&revert.send(&all, &key).await), shown(&first));
        // It was undone once: it is as it was, whatever the repeats were answered.
        if let Some(was) = back.get("status") {
            assert_eq!(&all.get(path).await.expect(200).json()["status"], was);
        }
    }
    // Without the log nothing is told of it.
    let entry = all.get(&newest).await.expect(200).json()["data"][0]["id"].clone();
    let revert = Call::new(Method::POST, format!("{v2}/revert"), json!({ "entry_id": entry }));
    revert.send(&all, "last").await.expect(200);
    revert.send(&caller(&["clients.view", "clients.update"]), "last").await.expect(403);
}

/// What the caller could do beside, and no longer can, counts as well.
#[tokio::test]
async fn a_repeat_takes_what_the_changes_took() {
    let keys = KeyServer::default();
    keys.publish("https://id.example.com/", &[P256.jwk("ec")]);
    let start = Start::on(Arc::new(TestDatabase::with_tables()));
    let app = start.issuers(vec![issuer("https://id.example.com/")], &keys).start().await;
    let caller = |role: &str, org: Option<&str>| {
        let mut claims = json!({
            "iss": "https://id.example.com/", "aud": "clientbook", "sub": "jane",
            "exp": app.seconds() + 60, "tenant_id": "tenant123", "roles": [role],
        });
        if let Some(org) = org {
            claims["org_id"] = json!(org);
        }
        app.bearer(&P256.sign("ec", &claims))
    };
    let (admin, member) = (caller("admin", None), caller("member", None));
    let trial = json!({ "name": "x", "status": "TRIAL", "active": true });
    let merge = format!("/v2/clients/{ACME}/merge");
    let globex = json!({ "status": "INACTIVE" });
    let same = json!({ "status": "ACTIVE" });
    for (call, status) in [
        (Call::new(Method::POST, "/client", trial), 403),
        (Call::new(Method::PATCH, format!("/client/{ACME}"), same), 200),
        (Call::new(Method::PATCH, format!("/client/{GLOBEX}"), globex), 403),
        (Call::new(Method::POST, merge, json!({ "loser_id": GLOBEX })), 403),
    ] {
        let first = call.send(&admin, "k").await;
        assert!(matches!(first.status, 200 | 201), "{}", first.text);
        call.send(&member, "k").await.expect(status);
        assert_eq!(shown(&call.send(&admin, "k").await), shown(&first));
    }
    let bulk = json!({ "ids": [ACME, GLOBEX], "patch": { "tags": ["x"] } });
    let bulk = Call::new(Method::POST, "/v2/clients/bulk", bulk);
    let first = bulk.send(&admin, "k").await.expect(200);
    bulk.send(&caller("admin", Some("org-1")), "k").await.expect(422);
    assert_eq!(shown(&bulk.send(&admin, "k").await), shown(&first));
}
