//! The outside id of a record that was joined to another leads there for good.

use super::{import, merge};
use clientbook_testkit::{ACME, Actor, Answer, GLOBEX, TestApp};
use serde_json::{Value, json};

async fn call_it(actor: &Actor, id: &str, outside: impl Into<Value>) -> Answer {
    actor.patch(&format!("/client/{id}"), &json!({ "externalId": outside.into() })).await
}

/// The UUIDs of what a search for an outside id finds.
async fn found(actor: &Actor, outside: &str) -> Vec<Value> {
    let path = format!("/client/search?externalId={outside}");
    let found = actor.get(&path).await.expect(200).json();
    let data = found["data"].as_array().expect("a list");
    data.iter().map(|client| client["uuid"].clone()).collect()
}

async fn made(actor: &Actor, name: &str) -> String {
    let made = actor.post("/v2/clients", &json!({ "name": name })).await.expect(201).json();
    made["id"].as_str().expect("an id").to_owned()
}

/// Nobody else gets it, whichever way they try.
async fn is_taken(actor: &Actor, other: &str, outside: &str) {
    call_it(actor, other, outside).await.expect(409);
    let new = json!({ "name": "New", "status": "ACTIVE", "active": true, "externalId": outside });
    actor.post("/client", &new).await.expect(409);
    let row = json!({ "name": "New", "external_id": outside });
    assert_eq!(import(actor, &[row]).await.last().expect("a summary")["summary"]["created"], 0);
}

#[tokio::test]
async fn what_the_winner_took_stays_its_own() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    call_it(&admin, GLOBEX, "only").await.expect(200);
    merge(&admin, ACME, &json!({ "loser_id": GLOBEX })).await.expect(200);
    let other = made(&admin, "Other").await;
    for outside in [json!("new"), Value::Null, json!("newer"), json!("only"), json!("newest")] {
        let seen = call_it(&admin, ACME, outside.clone()).await.expect(200).json();
        assert_eq!(seen["externalId"], outside);
        assert_eq!(found(&admin, "only").await, [ACME], "while it is {outside}");
        is_taken(&admin, &other, "only").await;
    }
    // What it had in between of itself is free.
    assert!(found(&admin, "newer").await.is_empty());
    call_it(&admin, &other, "newer").await.expect(200);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn both_ids_stay_where_the_losers_was_taken() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    call_it(&admin, ACME, "won").await.expect(200);
    call_it(&admin, GLOBEX, "lost").await.expect(200);
    let body = json!({ "loser_id": GLOBEX, "take": ["external_id"] });
    merge(&admin, ACME, &body).await.expect(200);
    call_it(&admin, ACME, "new").await.expect(200);
    let other = made(&admin, "Other").await;
    for outside in ["won", "lost", "new"] {
        assert_eq!(found(&admin, outside).await, [ACME], "{outside}");
        is_taken(&admin, &other, outside).await;
    }
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn it_leads_on_where_the_winner_is_joined_to_a_third() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let [first, other] = [made(&admin, "First").await, made(&admin, "Other").await];
    call_it(&admin, &first, "first").await.expect(200);
    merge(&admin, GLOBEX, &json!({ "loser_id": first })).await.expect(200);
    call_it(&admin, GLOBEX, "second").await.expect(200);
    merge(&admin, ACME, &json!({ "loser_id": GLOBEX })).await.expect(200);
    call_it(&admin, ACME, "third").await.expect(200);
    for outside in ["first", "second", "third"] {
        assert_eq!(found(&admin, outside).await, [ACME], "{outside}");
        is_taken(&admin, &other, outside).await;
    }
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn an_import_finds_the_winner_by_it_and_leaves_its_own() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    call_it(&admin, GLOBEX, "only").await.expect(200);
    merge(&admin, ACME, &json!({ "loser_id": GLOBEX })).await.expect(200);
    let path = "/v2/clients/import?match=external_id";
    // In one file: by the id that it has, to another one, and by the first again.
    let rows = [
        json!({ "id": ACME, "external_id": "new" }),
        json!({ "external_id": "only", "email": "by@only.example" }),
        json!({ "external_id": "new", "owner_id": "by-new" }),
    ];
    let send = async |path: &str, rows: &[Value]| {
        let rows: Vec<_> = rows.iter().map(|row| format!("{row}\n")).collect();
        let request = admin.request(axum::http::Method::POST, path);
        let request = request.header("content-type", "application/x-ndjson").body(rows.concat());
        admin.send(request).await.expect(200).text
    };
    let told = send("/v2/clients/import?match=id", &rows[..1]).await;
    assert!(told.contains(r#""updated":1"#), "{told}");
    let told = send(path, &rows[1..]).await;
    assert!(told.contains(r#""updated":2"#) && told.contains(r#""created":0"#), "{told}");
    let tenants = admin.get("/clients/v1/tenants/tenant123/clients/456").await.expect(200).json();
    assert_eq!(
        (&tenants["email"], &tenants["owner_id"]),
        (&json!("by@only.example"), &json!("by-new"))
    );
    let seen = admin.get(&format!("/client/{ACME}")).await.expect(200).json();
    assert_eq!(seen["externalId"], "new");
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn it_goes_with_the_erasure() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    call_it(&admin, GLOBEX, "only").await.expect(200);
    merge(&admin, ACME, &json!({ "loser_id": GLOBEX })).await.expect(200);
    call_it(&admin, ACME, "new").await.expect(200);
    let winner = format!("/v2/clients/{ACME}");
    admin.patch(&winner, &json!({ "collection_mode": "deleted" })).await.expect(200);
    admin.delete(&winner).await.expect(204);
    assert!(found(&admin, "only").await.is_empty());
    let other = made(&admin, "Other").await;
    for outside in ["new", "only"] {
        call_it(&admin, &other, outside).await.expect(200);
    }
    app.assert_audit_intact().await;
}
