//! Values that no two clients of a workspace have, also among many writers at once.

use super::{CLIENT, FIELDS, broken, custom, define, success};
use clientbook_testkit::{Actor, GLOBEX, TestApp};
use serde_json::json;
use std::collections::BTreeSet;
use tokio::task::JoinSet;

const RACERS: usize = 64;

const OTHER: &str = "/v1/workspace/tenant123/clients/507f1f77bcf86cd799439012";

/// Clients beside the demo's: their paths in the workspace.
async fn clients(actor: &Actor, count: usize) -> Vec<String> {
    let mut paths = Vec::new();
    for at in 0..count {
        let method = json!({ "type": "other", "value": "x", "isPreferred": true });
        let body = json!({ "name": format!("Racer {at}"), "contactMethods": [method] });
        let made = actor.post("/v1/workspace/tenant123/clients", &body).await.expect(201);
        paths.push(made.header("location").to_owned());
    }
    paths
}

fn holders(app: &TestApp, key: &str) -> usize {
    let sql = format!("SELECT client_id FROM client_values WHERE field_key = '{key}'");
    app.database().rows(&sql).len()
}

#[tokio::test]
async fn no_two_clients_have_the_same_value() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    define(&admin, &json!({ "label": "Code", "type": "text", "isUnique": true })).await;
    define(&admin, &json!({ "label": "Mail", "type": "email", "isUnique": true })).await;
    admin.patch(CLIENT, &custom("code", "a")).await.expect(200);
    admin.patch(CLIENT, &custom("mail", "Jane@Example.com")).await.expect(200);
    let taken = admin.patch(OTHER, &custom("code", "a")).await.expect(409).json();
    assert_eq!(taken["error"]["code"], "conflict");
    let message = taken["error"]["message"].as_str().expect("a text");
    assert_eq!(
        message,
        "customFields/0/value: another client of the tenant already has this value"
    );
    let globex = format!("/client/{GLOBEX}");
    let taken = admin.patch(&globex, &json!({ "custom": { "code": "a" } })).await.expect(409);
    assert_eq!(taken.json()["errors"][0]["pointer"], "/custom/code");
    // An address is the same in any letter case; a text is not.
    admin.patch(OTHER, &custom("mail", "jane@example.com")).await.expect(409);
    admin.patch(OTHER, &custom("code", "A")).await.expect(200);
    // Its own value is nobody else's, and what is given up is free.
    admin.patch(CLIENT, &custom("code", "a")).await.expect(200);
    admin.patch(CLIENT, &custom("mail", "JANE@example.com")).await.expect(200);
    admin.patch(CLIENT, &custom("code", "b")).await.expect(200);
    admin.patch(OTHER, &custom("code", "a")).await.expect(200);
    admin.patch(OTHER, &custom("code", json!(null))).await.expect(200);
    let new = json!({
        "name": "x", "status": "ACTIVE", "active": true, "custom": { "code": "b" },
    });
    admin.post("/client", &new).await.expect(409);
    let dry = format!("{}?dryRun=true", success());
    admin.patch(&dry, &json!({ "custom": { "code": "z" } })).await.expect(200);
    admin.patch(OTHER, &custom("code", "z")).await.expect(200);
    // Another tenant has its own values.
    let rival = app.role("tenant999", "admin").await;
    let theirs = FIELDS.replace("tenant123", "tenant999");
    let field = json!({ "label": "Code", "type": "text", "isUnique": true });
    rival.post(&theirs, &field).await.expect(201);
    let initech = "/v1/workspace/tenant999/clients/607f1f77bcf86cd799439011";
    rival.patch(initech, &custom("code", "b")).await.expect(200);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_hidden_value_is_taken_all_the_same() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = define(&admin, &json!({ "label": "Code", "type": "text", "isUnique": true })).await;
    admin.patch(CLIENT, &custom("code", "a")).await.expect(200);
    admin.post(&format!("{FIELDS}/{id}/archive"), &json!({})).await.expect(200);
    admin.post(&format!("{FIELDS}/{id}/restore"), &json!({})).await.expect(200);
    admin.patch(OTHER, &custom("code", "a")).await.expect(409);
}

#[tokio::test]
async fn values_become_unique_unless_two_are_the_same() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = define(&admin, &json!({ "label": "Code", "type": "text" })).await;
    let path = format!("{FIELDS}/{id}");
    for client in [CLIENT, OTHER] {
        admin.patch(client, &custom("code", "a")).await.expect(200);
    }
    let unique = json!({ "isUnique": true, "label": "Renamed" });
    let told = admin.patch(&path, &unique).await;
    assert!(
        told.text.contains("507f1f77bcf86cd799439011 and 507f1f77bcf86cd799439012"),
        "{}",
        told.text
    );
    assert_eq!(broken(told), ["/isUnique duplicates"]);
    let digests = "SELECT count(*) FROM client_values WHERE digest IS NOT NULL";
    assert_eq!(app.database().rows(digests), [["0"]]);
    assert_eq!(admin.get(FIELDS).await.json()["fields"][0]["label"], "Code");
    admin.patch(OTHER, &custom("code", "b")).await.expect(200);
    admin.patch(&path, &unique).await.expect(200);
    admin.patch(OTHER, &custom("code", "a")).await.expect(409);
    admin.patch(&path, &json!({ "isUnique": false })).await.expect(200);
    assert_eq!(app.database().rows(digests), [["0"]]);
    admin.patch(OTHER, &custom("code", "a")).await.expect(200);
    // The same holds where the field is new and its values are not.
    for client in [CLIENT, OTHER] {
        admin.patch(client, &custom("nick", "x")).await.expect(200);
    }
    let nick = json!({ "label": "Nick", "type": "text", "isUnique": true });
    assert_eq!(broken(admin.post(FIELDS, &nick).await), ["/isUnique duplicates"]);
    admin.patch(OTHER, &custom("nick", "y")).await.expect(200);
    admin.post(FIELDS, &nick).await.expect(201);
    admin.patch(OTHER, &custom("nick", "x")).await.expect(409);
    app.assert_audit_intact().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writers_of_one_value_one_wins() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let paths = clients(&admin, RACERS).await;
    define(&admin, &json!({ "label": "Code", "type": "text", "isUnique": true })).await;
    define(&admin, &json!({ "label": "Nick", "type": "text", "isUnique": true })).await;
    // Half of them through each surface; none of two unique values waits for the other in a circle.
    let mut racers = JoinSet::new();
    for (at, path) in paths.into_iter().enumerate() {
        let admin = admin.clone();
        racers.spawn(async move {
            let body = if at % 2 == 0 { ["code", "nick"] } else { ["nick", "code"] };
            let fields = body.map(|key| json!({ "fieldKey": key, "value": "the same" }));
            admin.patch(&path, &json!({ "customFields": fields })).await.status
        });
    }
    let statuses = racers.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), RACERS - 1);
    assert_eq!((holders(&app, "code"), holders(&app, "nick")), (1, 1));
    let mut racers = JoinSet::new();
    for _ in 0..RACERS {
        let admin = admin.clone();
        racers.spawn(async move {
            let body = json!({
                "name": "x", "status": "ACTIVE", "active": true, "custom": { "code": "another" },
            });
            admin.post("/client", &body).await.status
        });
    }
    let statuses = racers.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), RACERS - 1);
    app.assert_audit_intact().await;
}

/// Writers go on while the rule is switched on and off: whenever it is on, no two are the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rule_that_comes_amid_writes_leaves_no_duplicates() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let paths = clients(&admin, 8).await;
    let id = define(&admin, &json!({ "label": "Code", "type": "text" })).await;
    let path = format!("{FIELDS}/{id}");
    let mut writers = JoinSet::new();
    for (at, client) in paths.iter().cloned().enumerate() {
        let admin = admin.clone();
        writers.spawn(async move {
            for round in 0..40 {
                let value = format!("value {}", (at * 7 + round * 5) % 12);
                let status = admin.patch(&client, &custom("code", value)).await.status;
                assert!([200, 409].contains(&status), "{status}");
            }
        });
    }
    let (mut on, mut refused) = (0, 0);
    while !writers.is_empty() {
        match admin.patch(&path, &json!({ "isUnique": true })).await.status {
            200 => on += 1,
            422 => refused += 1,
            status => panic!("{status}"),
        }
        let distinct = "SELECT digest FROM client_values WHERE digest IS NOT NULL";
        let rows = app.database().rows(distinct);
        let apart: BTreeSet<_> = rows.iter().collect();
        assert_eq!(apart.len(), rows.len());
        admin.patch(&path, &json!({ "isUnique": false })).await.expect(200);
        while let Some(writer) = writers.try_join_next() {
            writer.expect("a writer");
        }
    }
    assert!(on + refused > 0);
    // In the end each value is one client's: the rule holds for what is there.
    for (at, client) in paths.iter().enumerate() {
        admin.patch(client, &custom("code", format!("own {at}"))).await.expect(200);
    }
    admin.patch(&path, &json!({ "isUnique": true })).await.expect(200);
    let mut values = BTreeSet::new();
    for client in &paths {
        let read = admin.get(client).await.json();
        values.insert(read["client"]["customFields"][0]["value"].to_string());
    }
    assert_eq!(values.len(), paths.len());
    app.assert_audit_intact().await;
}

/// Either the value was there before the definition, which it then must fit, or it is checked.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_definition_that_comes_amid_writes_lets_nothing_else_in() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let paths = clients(&admin, 8).await;
    for round in 0..6 {
        let key = format!("seats{round}");
        let mut writers = JoinSet::new();
        for client in &paths {
            let (admin, client, key) = (admin.clone(), client.clone(), key.clone());
            writers.spawn(async move { admin.patch(&client, &custom(&key, "many")).await.status });
        }
        let body = json!({ "label": "Seats", "key": key, "type": "number" });
        let defined = admin.post(FIELDS, &body).await.status;
        let written = writers.join_all().await;
        let held = holders(&app, &key);
        assert_eq!(written.iter().filter(|status| **status == 200).count(), held);
        match defined {
            201 => assert_eq!(held, 0, "{written:?}"),
            422 => assert!(held > 0, "{written:?}"),
            status => panic!("{status}"),
        }
    }
    app.assert_audit_intact().await;
}
