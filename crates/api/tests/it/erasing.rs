//! `DELETE /v2/clients/{client_id}`: nothing stays of a client but its id and its chain.

use axum::body::{Body, Bytes};
use axum::http::Method;
use clientbook_app::AuditScope;
use clientbook_testkit::{ACME, ACME_OBJECT, Actor, Answer, GLOBEX, INITECH, TestApp};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::task::JoinSet;

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

/// Sends rows to an import; it breaks off after them, or ends.
async fn import(app: &TestApp, actor: &Actor, rows: &[Value], breaks: bool) -> Answer {
    let rows: Vec<_> = rows.iter().map(|row| format!("{row}\n")).collect();
    let broken = breaks.then(|| Err(std::io::Error::other("gone")));
    let pieces = [Ok(Bytes::from(rows.concat()))].into_iter().chain(broken);
    let request = axum::http::Request::post(format!("/v2/clients/import?import_id={ACME}"))
        .header("authorization", format!("Bearer {}", actor.token()))
        .header("content-type", "application/x-ndjson")
        .body(Body::from_stream(stream::iter(pieces.collect::<Vec<_>>())));
    app.call_piece_by_piece(request.expect("a request")).await.expect(200)
}

#[tokio::test]
async fn imports_keep_nothing_of_an_erased_client() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = format!("/v2/clients/{ACME}");
    admin.patch(&format!("/client/{ACME}"), &json!({ "externalId": "ZQ-1" })).await.expect(200);
    let token = admin.get(&path).await.expect(200).json()["enrollment_token"]["value"].clone();
    let theirs = [
        json!({ "id": ACME }),
        json!({ "number": 456 }),
        json!({ "object_id": ACME_OBJECT }),
        json!({ "external_id": "ZQ-1" }),
        json!({ "enrollment_token": token }),
        json!({ "parent_client_id": ACME }),
        json!({ "parent_client_id": 456 }),
    ];
    let waits = json!({ "name": "Zebediah Quark", "parent_client_id": 9_999 });
    let mut rows = vec![waits.clone(); theirs.len()];
    rows.push(json!({ "name": "Kept", "parent_client_id": 9_999, "external_id": "ZQ-2" }));
    rows.push(json!({ "name": "x", "Zebediah": "Quark" }));
    rows.extend((0..230).map(|at| json!({ "name": format!("Row {at}") })));
    import(&app, &admin, &rows, true).await;
    let kept = || {
        let waiting =
            app.database().rows("SELECT contents FROM import_waiting ORDER BY row_number");
        let errors = app.database().rows("SELECT violations FROM import_errors");
        (waiting, errors)
    };
    // As if the client had got its names while they waited.
    for (name, number) in theirs.iter().zip(1..) {
        let mut row = waits.as_object().expect("an object").clone();
        row.extend(name.as_object().expect("an object").clone());
        let row = Value::from(row);
        let sql =
            format!("UPDATE import_waiting SET contents = '{row}' WHERE row_number = {number}");
        assert_eq!(app.database().change(&sql), 1);
    }
    let (waiting, errors) = kept();
    assert_eq!(waiting.iter().filter(|row| row[0].contains("Zebediah")).count(), 7);
    assert!(errors[0][0].contains("Zebediah"), "{errors:?}");
    delete_mode(&admin, ACME).await;
    let digests =
        || app.database().rows("SELECT count(*) FROM imports WHERE read_digest IS NOT NULL");
    assert_ne!(digests(), [["0"]]);
    admin.delete(&path).await.expect(204);
    let (waiting, errors) = kept();
    assert_eq!((waiting.len(), errors.len()), (8, 1));
    // Values could be tried against a digest of few rows.
    assert_eq!(digests(), [["0"]]);
    assert!(waiting[..7].iter().all(|row| row[0] == "{}"), "{waiting:?}");
    assert!(waiting[7][0].contains("Kept"));
    assert!(errors[0][0].contains("a client was erased"), "{errors:?}");
    // Whoever goes on with the import still gets every row told.
    let told = import(&app, &admin, &rows, false).await.text;
    let last: Value = serde_json::from_str(told.lines().last().expect("a line")).expect("JSON");
    let sum = &last["summary"];
    assert_eq!([&sum["created"], &sum["failed"], &sum["waiting"]], [230, 9, 0], "{sum}");
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn old_imports_are_forgotten_without_another() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let rows =
        [json!({ "name": "x", "status": "odd" }), json!({ "name": "y", "parent_client_id": 9 })];
    import(&app, &admin, &rows, false).await;
    let forget = async || while app.app().forget_imports().await.expect("a clean-up") {};
    let left = || {
        let sql = "SELECT id FROM imports UNION ALL SELECT import_id FROM import_errors";
        app.database().rows(sql).len()
    };
    forget().await;
    assert_eq!(left(), 3);
    app.advance(30 * 24 * 60 * 60 * 1000 + 1);
    forget().await;
    assert_eq!(left(), 0);
}

/// What is kept of a repeatable call shows the name of a client's parent.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_shows_a_parent_that_is_erased_meanwhile() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut joined = 0;
    for round in 0..12 {
        let parent = make(&admin, &format!("Zebediah {round}")).await;
        let parent = parent["id"].as_str().expect("an id").to_owned();
        let shown = admin.get(&format!("/client/{parent}")).await.expect(200).json();
        let number = shown["id"].clone();
        let child = json!({ "parentClientId": number });
        admin.patch(&format!("/client/{GLOBEX}"), &child).await.expect(200);
        delete_mode(&admin, &parent).await;
        let mut racers = JoinSet::new();
        for at in 0..6 {
            let (admin, number) = (admin.clone(), number.clone());
            racers.spawn(async move {
                let (method, path, body) = if at % 2 == 0 {
                    let body = json!({ "note": format!("{round} {at}") });
                    (Method::PATCH, format!("/client/{GLOBEX}"), body)
                } else {
                    let body = json!({ "name": "Below", "status": "ACTIVE", "active": true,
                        "parentClientId": number });
                    (Method::POST, "/client".to_owned(), body)
                };
                let request = admin.request(method, &path);
                let request = request.header("idempotency-key", format!("key-{round}-{at}"));
                let request = request.header("content-type", "application/json");
                admin.send(request.body(body.to_string())).await.text
            });
        }
        let mut answers = Vec::new();
        if round == 0 {
            // Else it could be chance that none comes before the erasure.
            answers.push(racers.join_next().await.expect("a racer").expect("an answer"));
        }
        admin.delete(&format!("/v2/clients/{parent}")).await.expect(204);
        answers.extend(racers.join_all().await);
        joined += answers.iter().filter(|text| text.contains("Zebediah")).count();
        let kept = app
            .database()
            .rows("SELECT body FROM kept_answers WHERE parent_id IS NOT NULL AND body IS NOT NULL");
        assert_eq!(kept.len(), 0, "round {round}");
    }
    assert!(joined > 0, "no answer showed the parent");
}
