//! `/v2/clients/{client_id}/enrollment-tokens`: what lets devices join.

use axum::http::Method;
use clientbook_testkit::{ACME, Actor, GLOBEX, INITECH, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const DAY: i64 = 24 * 60 * 60 * 1000;
const DEMOS: &str = "e1f2a3b4-c5d6-7890-abcd-ef1234567890";

fn tokens(client: &str) -> String {
    format!("/v2/clients/{client}/enrollment-tokens")
}

async fn shown(actor: &Actor, client: &str) -> Value {
    actor.get(&format!("/v2/clients/{client}")).await.expect(200).json()["enrollment_token"].clone()
}

async fn statuses(actor: &Actor, client: &str) -> Vec<String> {
    let page = actor.get(&tokens(client)).await.expect(200).json();
    let rows = page["data"].as_array().expect("tokens");
    rows.iter().map(|row| row["status"].as_str().expect("text").to_owned()).collect()
}

#[tokio::test]
async fn a_new_token_takes_the_old_ones_place() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let v2 = format!("/v2/clients/{ACME}");
    let before = admin.get(&v2).await.expect(200);
    app.advance(1_000);
    let body = json!({
        "description": "Berlin", "site_id": " site-7 ", "max_uses": 25,
        "expires_at": "2026-03-12T00:00:00Z",
    });
    let made = admin.post(&tokens(ACME), &body).await.expect(201);
    assert_eq!(made.header("cache-control"), "private, no-cache");
    let made = made.json();
    assert_eq!((&made["description"], &made["site_id"]), (&json!("Berlin"), &json!("site-7")));
    assert_eq!((&made["max_uses"], &made["remaining_uses"]), (&json!(25), &json!(25)));
    assert_eq!(made["expires_at"], "2026-03-12T00:00:00.000Z");
    assert_eq!(made["created_at"], "2026-03-10T14:30:01.000Z");
    assert_eq!(shown(&admin, ACME).await, made);
    assert_eq!(statuses(&admin, ACME).await, ["active", "revoked"]);
    // The record's tag is another, though nothing of the record itself has changed.
    let after = admin.get(&v2).await.expect(200);
    assert_ne!(after.header("etag"), before.header("etag"));
    assert_eq!(after.json()["updated_at"], before.json()["updated_at"]);
    // Neither a body nor a field is needed, and a client that had none gets its first.
    let request = admin.request(Method::POST, &tokens(GLOBEX));
    let plain = admin.send(request).await.expect(201).json();
    assert_eq!((&plain["description"], &plain["expires_at"]), (&Value::Null, &Value::Null));
    assert_eq!(shown(&admin, GLOBEX).await, plain);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_token_ends_by_time_by_hand_and_with_its_client() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let brief = json!({ "expires_at": "2026-03-11T14:30:00Z" });
    let made = admin.post(&tokens(ACME), &brief).await.expect(201).json();
    app.advance(DAY - 1);
    assert_eq!(shown(&admin, ACME).await, made);
    app.advance(1);
    assert_eq!(shown(&admin, ACME).await, Value::Null);
    assert_eq!(statuses(&admin, ACME).await, ["expired", "revoked"]);
    let past = admin.post(&tokens(ACME), &brief).await.expect(400).json();
    assert_eq!(past["error"]["details"]["fields"][0]["path"], "/expires_at");
    let once = admin.post(&tokens(ACME), &json!({ "max_uses": 1 })).await.expect(201).json();
    let id = once["id"].as_str().expect("an id");
    app.database().execute(&format!(
        "UPDATE enrollment_tokens SET uses = 1 WHERE id = {}",
        app.database().uuid(id.parse().expect("a UUID"))
    ));
    assert_eq!(statuses(&admin, ACME).await, ["exhausted", "revoked", "revoked"]);
    app.advance(1);
    let made = admin.post(&tokens(ACME), &json!({})).await.expect(201).json();
    let path = format!("{}/{}", tokens(ACME), made["id"].as_str().expect("an id"));
    for _ in 0..2 {
        assert_eq!(admin.delete(&path).await.expect(204).text, "");
        assert_eq!(shown(&admin, ACME).await, Value::Null);
    }
    let entries = app
        .database()
        .rows("SELECT count(*) FROM audit_entries WHERE action = 'enrollment_token_revoked'");
    assert_eq!(entries, [["4"]], "one for each token, and none for the repetition");
    let made = admin.post(&tokens(ACME), &json!({})).await.expect(201).json();
    let deleted = json!({ "collection_mode": "deleted" });
    admin.patch(&format!("/v2/clients/{ACME}"), &deleted).await.expect(200);
    assert_eq!(statuses(&admin, ACME).await, ["revoked"; 5]);
    let refused = admin.post(&tokens(ACME), &json!({})).await.expect(409).json();
    assert_eq!(refused["error"]["code"], "conflict");
    assert_eq!(refused["error"]["details"]["fields"][0]["rule"], "client_deleted");
    let path = format!("{}/{}", tokens(ACME), made["id"].as_str().expect("an id"));
    admin.delete(&path).await.expect(204);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    // Some within one millisecond: then the ids decide.
    for at in 0..9 {
        app.advance(at % 2);
        admin.post(&tokens(ACME), &json!({})).await.expect(201);
    }
    let ids = |page: &Value| -> Vec<String> {
        let rows = page["data"].as_array().expect("tokens");
        rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
    };
    let all = ids(&admin.get(&tokens(ACME)).await.expect(200).json());
    assert_eq!(all.len(), 10);
    assert_eq!(all.last().map(String::as_str), Some(DEMOS), "the oldest is not the last");
    let (mut seen, mut query) = (Vec::new(), "page_size=3".to_owned());
    loop {
        let page = admin.get(&format!("{}?{query}", tokens(ACME))).await.expect(200).json();
        assert_eq!(page["total_count"], 10 + seen.len() / 3);
        seen.extend(ids(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("page_size=3&cursor={cursor}");
        app.advance(1);
        admin.post(&tokens(ACME), &json!({})).await.expect(201);
    }
    assert_eq!(seen, all);
    let page = admin.get(&format!("{}?page_size=1", tokens(ACME))).await.expect(200).json();
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    for (path, query) in [
        (tokens(GLOBEX), format!("cursor={cursor}")),
        (tokens(ACME), format!("cursor=x{cursor}")),
        ("/v2/api-tokens".into(), format!("cursor={cursor}")),
        (tokens(ACME), "page_size=501".into()),
        (tokens(ACME), "status=active".into()),
    ] {
        admin.get(&format!("{path}?{query}")).await.expect(400);
    }
}

#[tokio::test]
async fn who_may_manage_whose_tokens() {
    let app = TestApp::start().await;
    let (member, rival) =
        (app.role("tenant123", "member").await, app.role("tenant999", "admin").await);
    let grant = json!({ "tenant": "tenant123", "role": "admin", "client_ids": [GLOBEX] });
    let elsewhere = app.grant(&grant).await;
    let admin = app.admin().await;
    let theirs = rival.post(&tokens(INITECH), &json!({})).await.expect(201).json();
    let theirs = theirs["id"].as_str().expect("an id");
    let demos = format!("{}/{DEMOS}", tokens(ACME));
    for (actor, status) in [(&member, 403), (&elsewhere, 403), (&rival, 404), (&app.anon(), 401)] {
        actor.get(&tokens(ACME)).await.expect(status);
        actor.post(&tokens(ACME), &json!({})).await.expect(status);
        // What cannot be read is told to nobody who may not ask.
        actor.post(&tokens(ACME), &json!({ "colour": "red" })).await.expect(status);
        actor.delete(&demos).await.expect(status);
    }
    // A token of another client, or of another tenant's, is not there.
    for path in [
        format!("{}/{DEMOS}", tokens(GLOBEX)),
        format!("{}/{theirs}", tokens(ACME)),
        format!("{}/nonsense", tokens(ACME)),
    ] {
        let missing = admin.delete(&path).await.expect(404).json();
        let id = path.rsplit('/').next();
        assert_eq!(missing["error"]["details"]["enrollment_token_id"].as_str(), id);
    }
    rival.delete(&format!("{}/{DEMOS}", tokens(INITECH))).await.expect(404);
    assert_eq!(shown(&admin, ACME).await["id"], DEMOS);
    assert_eq!(shown(&rival, INITECH).await["id"], theirs);
    app.operator()
        .delete(
            &demos
                .to_uppercase()
                .replace("/V2/CLIENTS", "/v2/clients")
                .replace("ENROLLMENT-TOKENS", "enrollment-tokens"),
        )
        .await
        .expect(204);
    assert_eq!(shown(&admin, ACME).await, Value::Null);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn everything_wrong_is_told_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({
        "description": "x".repeat(256), "site_id": " ", "max_uses": 0, "expires_at": "tomorrow",
        "value": "enroll_mine",
    });
    let refused = admin.post(&tokens(ACME), &body).await.expect(400).json();
    let fields = refused["error"]["details"]["fields"].as_array().expect("fields");
    let paths: BTreeSet<_> =
        fields.iter().map(|field| field["path"].as_str().expect("a path")).collect();
    let expected = ["/description", "/site_id", "/max_uses", "/expires_at", "/value"];
    assert_eq!(paths, BTreeSet::from(expected));
    assert_eq!(statuses(&admin, ACME).await, ["active"]);
}
