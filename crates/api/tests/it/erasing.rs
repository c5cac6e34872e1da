//! `DELETE /v2/clients/{client_id}`: nothing stays of a client but its id and its chain.

use clientbook_app::AuditScope;
use clientbook_testkit::{ACME, Actor, GLOBEX, INITECH, TestApp};
use serde_json::{Value, json};

async fn make(actor: &Actor, name: &str) -> Value {
    actor.post("/v2/clients", &json!({ "name": name })).await.expect(201).json()
}

async fn delete_mode(actor: &Actor, id: &str) {
    let body = json!({ "collection_mode": "deleted" });
    actor.patch(&format!("/v2/clients/{id}"), &body).await.expect(200);
}

#[tokio::test]
async fn an_erased_client_is_nowhere_but_in_its_log() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = format!("/v2/clients/{ACME}");
    let filled =
        json!({ "name": "Zebediah Quark", "note": "a private note", "externalId": "ZQ-1" });
    admin.patch(&format!("/client/{ACME}"), &filled).await.expect(200);
    let answer = admin.delete(&path).await.expect(409).json();
    assert_eq!(answer["error"]["details"]["fields"][0]["path"], "/collection_mode");
    let before = admin.get(&format!("{path}/audit-log?page_size=200")).await.expect(200).json();
    let entry = before["data"][0]["id"].clone();
    delete_mode(&admin, ACME).await;
    let member = app.role("tenant123", "member").await;
    app.role("tenant123", "viewer").await.delete(&path).await.expect(403);
    app.role("tenant999", "admin").await.delete(&path).await.expect(404);
    app.advance(1_000);
    assert_eq!(member.delete(&path).await.expect(204).text, "");
    for door in [
        path.as_str(),
        "/clients/v1/tenants/tenant123/clients/456",
        "/v1/workspace/tenant123/clients/507f1f77bcf86cd799439011",
        &format!("/client/{ACME}"),
        &format!("{path}/enrollment-tokens"),
    ] {
        for actor in [&admin, &app.operator()] {
            actor.get(door).await.expect(404);
        }
    }
    admin.delete(&path).await.expect(404);
    admin.get(&format!("{path}?as_of=2026-03-10T14:30:00Z")).await.expect(410);
    admin.post(&format!("{path}/revert"), &json!({ "entry_id": entry })).await.expect(409);
    for list in ["/v2/clients?q=zebediah", "/v2/clients?page_size=500", "/client/search?size=50"] {
        let text = admin.get(list).await.expect(200).text;
        assert!(!text.contains("Zebediah") && !text.contains(ACME), "{list}: {text}");
    }
    // The outside id is free again; the client's own is not.
    admin.patch(&format!("/client/{GLOBEX}"), &json!({ "externalId": "ZQ-1" })).await.expect(200);
    let log = admin.get(&format!("{path}/audit-log?page_size=200")).await.expect(200).json();
    let entries = log["data"].as_array().expect("a list");
    assert_eq!(entries[0]["action"], "client_erased");
    assert_eq!(entries[0]["source_address"], "127.0.0.1");
    for entry in &entries[1..] {
        assert_eq!(entry["source_address"], json!({ "erased": true }));
        for side in ["previous_value", "new_value"] {
            for (field, value) in entry[side].as_object().expect("an object") {
                assert_eq!(value, &json!({ "erased": true }), "{field}");
            }
        }
    }
    let old = before["data"].as_array().expect("a list");
    for entry in old {
        let same = entries.iter().find(|one| one["id"] == entry["id"]).expect("an entry");
        assert_eq!(same["entry_hash"], entry["entry_hash"]);
    }
    let whole = admin.get(&format!("/v2/audit-log?entity_id={ACME}")).await.expect(200).json();
    assert_eq!(whole["data"][0]["action"], "client_erased");
    admin.get(&format!("{path}/collection-control/audit-log")).await.expect(200);
    app.role("tenant999", "admin").await.get(&format!("{path}/audit-log")).await.expect(404);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn what_it_was_bound_to_it_leaves() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let parent = make(&admin, "The Parent").await["id"].as_str().expect("an id").to_owned();
    let number = admin.get(&format!("/client/{parent}")).await.expect(200).json()["id"].clone();
    let child = json!({ "parentClientId": number });
    admin.patch(&format!("/client/{GLOBEX}"), &child).await.expect(200);
    let bound = json!({ "tenant": "tenant123", "role": "viewer", "client_ids": [parent] });
    let bound = app.grant(&bound).await;
    bound.get(&format!("/v2/clients/{parent}")).await.expect(200);
    delete_mode(&admin, &parent).await;
    app.advance(1_000);
    admin.delete(&format!("/v2/clients/{parent}")).await.expect(204);
    let seen = admin.get(&format!("/client/{GLOBEX}")).await.expect(200).json();
    assert_eq!(seen["parentClientId"], Value::Null);
    assert_eq!(seen["modifiedTime"], "2026-03-10T14:30:01.000Z");
    bound.get(&format!("/v2/clients/{parent}")).await.expect(401);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn numbers_and_ids_are_not_given_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let first = make(&admin, "First").await["id"].as_str().expect("an id").to_owned();
    let number = async |id: &str| {
        admin.get(&format!("/client/{id}")).await.expect(200).json()["id"].as_i64().expect("one")
    };
    let taken = number(&first).await;
    delete_mode(&admin, &first).await;
    admin.delete(&format!("/v2/clients/{first}")).await.expect(204);
    let second = make(&admin, "Second").await["id"].as_str().expect("an id").to_owned();
    assert_eq!(number(&second).await, taken + 1);
}

/// Whoever reduces values to digests behind the trail is still found out.
#[tokio::test]
async fn erasure_needs_an_entry() {
    for sql in [
        "DELETE FROM audit_entries WHERE chain_id = ID AND action = 'client_erased'",
        "DELETE FROM erased_clients WHERE id = ID",
        "UPDATE erased_clients SET audit_count = audit_count - 1 WHERE id = ID",
        "UPDATE audit_entries SET contents = (SELECT contents FROM audit_entries
                WHERE chain_id = ID AND action = 'client_erased')
             WHERE chain_id = ID AND sequence = 1",
        "UPDATE audit_entries SET contents = (SELECT contents FROM audit_entries
                WHERE chain_id = ID AND sequence = 1)
             WHERE chain_id = OTHER AND sequence = 1",
    ] {
        let app = TestApp::start().await;
        let operator = app.operator();
        delete_mode(&operator, INITECH).await;
        operator.delete(&format!("/v2/clients/{INITECH}")).await.expect(204);
        app.assert_audit_intact().await;
        let id = |id: &str| app.database().uuid(id.parse().expect("a UUID"));
        let sql = sql.replace("ID", &id(INITECH)).replace("OTHER", &id(ACME));
        assert!(app.database().change(&sql) > 0, "{sql}");
        let report = app.app().verify_audit(AuditScope::default()).await.expect("a report");
        assert!(!report.faults.is_empty(), "{sql}");
    }
}
