//! Deleting a field: its values go with it, of however many clients, whatever comes between.

use super::{CLIENT, FIELDS, broken, custom, define, success};
use clientbook_testkit::{ACME, Actor, TestApp};
use serde_json::{Value, json};

fn count(app: &TestApp, sql: &str) -> usize {
    app.database().rows(sql)[0][0].parse().expect("a number")
}

#[tokio::test]
async fn a_deleted_field_takes_its_values_along() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = define(&admin, &json!({ "label": "Code", "type": "text", "isUnique": true })).await;
    let path = format!("{FIELDS}/{id}");
    let values = json!({ "custom": { "code": "a", "notes": "x" } });
    let before = admin.patch(&success(), &values).await.expect(200);
    let stale = admin.request(axum::http::Method::DELETE, &path).header("if-match", "\"7-x\"");
    admin.send(stale).await.expect(412);
    app.advance(60_000);
    let deleted = admin.delete(&path).await.expect(204);
    assert_eq!(deleted.text, "");
    assert_eq!(admin.get(&success()).await.json()["custom"], json!({ "notes": "x" }));
    let shown = admin.get(CLIENT).await.expect(200);
    assert_eq!(shown.json()["client"]["updatedAt"], "2026-03-10T14:31:00Z");
    assert_ne!(shown.header("etag")[..3], before.header("etag")[..3]);
    admin.delete(&path).await.expect(404);
    admin.patch(&path, &json!({ "label": "x" })).await.expect(404);
    let all = admin.get(&format!("{FIELDS}?includeArchived=true")).await.expect(200);
    assert_eq!(all.text, r#"{"fields":[]}"#);
    assert_eq!(admin.get("/customfield/all/CLIENT").await.expect(200).text, "[]");
    assert_eq!(count(&app, "SELECT count(*) FROM client_values WHERE field_key = 'code'"), 0);
    assert_eq!(count(&app, "SELECT count(*) FROM audit_entries WHERE action = 'field_deleted'"), 1);
    let chain = format!(
        "SELECT contents FROM audit_entries WHERE chain_id = {} ORDER BY sequence DESC LIMIT 1",
        app.database().uuid(ACME.parse().expect("a UUID"))
    );
    let newest: Value = serde_json::from_str(&app.database().rows(&chain)[0][0]).expect("JSON");
    assert_eq!(newest["changes"][0]["field"], "custom.code");
    assert_eq!(newest["changes"][0]["after"]["text"], "null");
    // The key is free: what stands under it now is another field's, or nobody's.
    admin.patch(CLIENT, &custom("code", "text")).await.expect(200);
    let number = json!({ "label": "Code", "type": "number" });
    assert_eq!(broken(admin.post(FIELDS, &number).await), ["/type existing_values"]);
    admin.patch(CLIENT, &custom("code", json!(null))).await.expect(200);
    let again = define(&admin, &number).await;
    assert_ne!(again, id);
    // Its number is none that was another's.
    assert_eq!(admin.get("/customfield/all/CLIENT").await.json()[0]["id"], 2);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn an_archived_field_is_deleted_too() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = define(&admin, &json!({ "label": "Code", "type": "text", "isRequired": true })).await;
    admin.patch(CLIENT, &custom("code", "a")).await.expect(200);
    admin.post(&format!("{FIELDS}/{id}/archive"), &json!({})).await.expect(200);
    admin.delete(&format!("{FIELDS}/{id}")).await.expect(204);
    assert_eq!(admin.get(CLIENT).await.json()["client"]["customFields"], json!([]));
    assert_eq!(count(&app, "SELECT count(*) FROM client_values"), 0);
    app.assert_audit_intact().await;
}

/// More clients than one transaction takes: an entry for each.
#[tokio::test]
async fn a_field_of_many_clients_is_deleted() {
    let app = TestApp::start().await;
    let clients = app.app().load_sample("sample", 250).await.expect("clients");
    let admin = app.role("sample", "admin").await;
    let fields = FIELDS.replace("tenant123", "sample");
    let plan = json!({ "label": "Plan", "type": "text" });
    let made = admin.post(&fields, &plan).await.expect(201).json();
    let id = made["field"]["id"].as_str().expect("an id");
    admin.delete(&format!("{fields}/{id}")).await.expect(204);
    let path = format!("/client/{}", clients[249].id);
    let shown = admin.get(&path).await.expect(200).json();
    assert_eq!(shown["custom"].as_object().expect("values").len(), 2, "{shown}");
    assert_eq!(count(&app, "SELECT count(*) FROM client_values WHERE field_key = 'plan'"), 0);
    assert_eq!(count(&app, "SELECT count(*) FROM client_values WHERE field_key = 'notes'"), 250);
    let entries = "SELECT count(*) FROM audit_entries WHERE action = 'client_updated'
        AND entity_id IN (SELECT client_id FROM client_values WHERE field_key = 'notes')";
    assert_eq!(count(&app, entries), 250);
    app.assert_audit_intact().await;
}

async fn shown(admin: &Actor) -> (Value, Value) {
    let workspace = admin.get(CLIENT).await.expect(200).json();
    let success = admin.get(&success()).await.expect(200).json();
    (workspace["client"]["customFields"].clone(), success["custom"].clone())
}

/// Writers meet a deletion: whoever comes before loses the value, whoever comes after writes under a
/// key that nobody defined; nothing of the field is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_deletion_amid_writes_leaves_nothing_of_the_field() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for round in 0..5 {
        let body = json!({ "label": "Seats", "type": "number", "isUnique": true });
        let id = define(&admin, &body).await;
        let mut writers = tokio::task::JoinSet::new();
        for (at, client) in [CLIENT, "/v1/workspace/tenant123/clients/507f1f77bcf86cd799439012"]
            .into_iter()
            .enumerate()
        {
            let admin = admin.clone();
            writers.spawn(async move {
                for step in 0..20 {
                    let value = round * 1_000 + at * 100 + step;
                    let status = admin.patch(client, &custom("seats", value)).await.status;
                    // 422: the field is being deleted, or was, and a key without one holds texts.
                    assert!([200, 422].contains(&status), "{status}");
                }
            });
        }
        admin.delete(&format!("{FIELDS}/{id}")).await.expect(204);
        writers.join_all().await;
        assert_eq!(shown(&admin).await, (json!([]), json!({})));
        assert_eq!(count(&app, "SELECT count(*) FROM client_values"), 0);
        assert_eq!(count(&app, "SELECT count(*) FROM fields"), 0);
    }
    app.assert_audit_intact().await;
}
