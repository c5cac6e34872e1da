//! `POST /v2/clients/bulk`: one change of many clients, each by itself.

use axum::http::Method;
use clientbook_testkit::{ACME, Actor, Answer, GLOBEX, INITECH, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const BULK: &str = "/v2/clients/bulk";
const NOBODY: &str = "019abc4d-3f70-7c1e-9d2b-6a5f4e3d2c1b";

async fn bulk(actor: &Actor, body: &Value) -> Answer {
    actor.post(BULK, body).await
}

fn ids(list: &Value) -> BTreeSet<String> {
    let rows = list.as_array().expect("a list");
    rows.iter().map(|row| row.as_str().or(row["id"].as_str()).expect("an id").to_owned()).collect()
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn entries(app: &TestApp) -> String {
    app.database().rows("SELECT count(*) FROM audit_entries")[0][0].clone()
}

/// The paths of the rules that a refused body breaks.
fn broken(answer: &Answer) -> Vec<String> {
    let fields = answer.json()["error"]["details"]["fields"].clone();
    let rules = fields.as_array().unwrap_or_else(|| panic!("{}", answer.text)).clone();
    rules.iter().map(|rule| format!("{} {}", rule["path"], rule["rule"]).replace('"', "")).collect()
}

#[tokio::test]
async fn each_client_is_changed_by_itself() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let gone = json!({ "collection_mode": "deleted" });
    admin.patch(&format!("/v2/clients/{GLOBEX}"), &gone).await.expect(200);
    let body = json!({
        "ids": [ACME, GLOBEX, INITECH, NOBODY],
        "patch": { "collection_mode": "disabled", "tags": ["north", "vip"] },
    });
    let mut dry = body.clone();
    dry["dry_run"] = json!(true);
    let before = entries(&app);
    assert_eq!(bulk(&admin, &dry).await.expect(200).json(), json!({ "matched": 2 }));
    assert_eq!(entries(&app), before, "a dry run changes nothing");
    let done = bulk(&admin, &body).await.expect(200).json();
    assert_eq!(done["matched"], 2);
    assert_eq!(done["succeeded"], json!([ACME]));
    let why = |id: &str, error: &str| json!({ "id": id, "error": error });
    assert_eq!(
        done["failed"],
        json!([
            why(GLOBEX, "Cannot transition from deleted to another collection mode"),
            why(INITECH, "Client not found"),
            why(NOBODY, "Client not found"),
        ])
    );
    let acme = admin.get("/clients/v1/tenants/tenant123/clients/456").await.expect(200).json();
    assert_eq!(acme["tags"], json!(["north", "vip"]));
    let globex = admin.get("/clients/v1/tenants/tenant123/clients/457").await.expect(200).json();
    assert_eq!(globex["tags"], json!([]), "what is refused is refused whole");
    let before = entries(&app);
    let again = bulk(&admin, &body).await.expect(200).json();
    assert_eq!((&again["succeeded"], entries(&app)), (&json!([ACME]), before));
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn filters_are_those_of_the_list() {
    let app = TestApp::start().await;
    let sample = app.sample("sample", 700).await;
    let operator = app.operator();
    let admin = app.role("sample", "admin").await;
    for (clients, patch) in [
        (&sample[..60], json!({ "status": "trial" })),
        (&sample[50..150], json!({ "collection_mode": "disabled" })),
    ] {
        let ids: Vec<_> = clients.iter().rev().map(|client| client.id.to_string()).collect();
        let done = bulk(&admin, &json!({ "ids": ids, "patch": patch })).await.expect(200).json();
        assert_eq!(done["succeeded"], json!(ids), "in the order in which they were named");
    }
    for (filter, all) in [
        (json!({ "status": "trial" }), false),
        (json!({ "q": "an", "status": "active" }), false),
        (json!({ "collection_mode": "disabled" }), false),
        (json!({}), true),
    ] {
        let mut expected = BTreeSet::new();
        let mut query = String::from("/v2/clients?page_size=500");
        for (name, value) in filter.as_object().expect("an object") {
            query = format!("{query}&{name}={}", value.as_str().expect("text"));
        }
        let mut next = query.clone();
        loop {
            let page = admin.get(&next).await.expect(200).json();
            expected.extend(ids(&page["data"]));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            next = format!("{query}&cursor={cursor}");
        }
        assert!(!expected.is_empty(), "{filter}");
        let mut body = json!({ "filter": filter, "patch": { "tags": [query] }, "dry_run": true });
        if all {
            body["all"] = json!(true);
            assert_eq!(expected.len(), sample.len());
        }
        let counted = bulk(&admin, &body).await.expect(200).json();
        assert_eq!(counted, json!({ "matched": expected.len() }));
        body["dry_run"] = json!(false);
        let done = bulk(&admin, &body).await.expect(200).json();
        assert_eq!((&done["matched"], &done["failed"]), (&json!(expected.len()), &json!([])));
        assert_eq!(ids(&done["succeeded"]), expected, "{filter}");
    }
    let untouched = operator.get("/clients/v1/tenants/tenant123/clients/456").await.expect(200);
    assert_eq!(untouched.json()["tags"], json!([]));
    // Operators name the tenant.
    let everyone = json!({ "filter": {}, "all": true, "patch": { "tags": [] } });
    assert_eq!(broken(&bulk(&operator, &everyone).await.expect(400)), ["/filter/tenant required"]);
    let named = json!({ "filter": { "tenant": "sample" }, "all": true, "patch": { "tags": [] } });
    assert_eq!(bulk(&operator, &named).await.expect(200).json()["matched"], 700);
    let foreign =
        json!({ "filter": { "tenant": "tenant999", "status": "active" }, "patch": { "tags": [] } });
    bulk(&admin, &foreign).await.expect(403);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn nobody_changes_everyone_by_mistake() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = entries(&app);
    let patch = json!({ "name": "x" });
    for (body, expected) in [
        (json!({}), vec!["/patch required", "/ids required"]),
        (json!({ "filter": {}, "patch": patch }), vec!["/all required"]),
        (json!({ "filter": {}, "all": false, "patch": patch }), vec!["/all required"]),
        (json!({ "filter": { "tenant": "tenant123" }, "patch": patch }), vec!["/all required"]),
        (json!({ "all": true, "patch": patch }), vec!["/ids required"]),
        (json!({ "ids": [], "patch": patch }), vec!["/ids min_items"]),
        (json!({ "ids": [ACME], "filter": {}, "patch": patch }), vec!["/ids contradiction"]),
        (json!({ "ids": [ACME], "all": true, "patch": patch }), vec!["/all contradiction"]),
        (
            json!({ "filter": { "q": "a" }, "all": true, "patch": patch }),
            vec!["/all contradiction"],
        ),
        (
            json!({ "filter": { "statuses": ["active"] }, "patch": patch }),
            vec!["/filter/statuses unknown_field", "/all required"],
        ),
        (json!({ "filter": { "q": "" }, "patch": patch }), vec!["/filter/q min_length"]),
        (json!({ "filter": { "status": "Active" }, "patch": patch }), vec!["/filter/status enum"]),
        (json!({ "ids": [ACME, ACME], "patch": patch }), vec!["/ids/1 duplicate"]),
        (json!({ "ids": ["x"], "patch": patch }), vec!["/ids/0 uuid"]),
        (json!({ "ids": [ACME], "patch": {} }), vec!["/patch required"]),
        (
            json!({ "ids": [ACME], "patch": { "email": "a@b.c" } }),
            vec!["/patch/email unknown_field", "/patch required"],
        ),
        (json!({ "ids": [ACME], "patch": { "name": " " } }), vec!["/patch/name not_blank"]),
        (
            json!({ "ids": [ACME], "patch": { "tags": ["a", "a"] } }),
            vec!["/patch/tags/1 duplicate"],
        ),
        (json!({ "ids": [ACME], "patch": patch, "dryRun": true }), vec!["/dryRun unknown_field"]),
    ] {
        let refused = bulk(&admin, &body).await.expect(400);
        assert_eq!(broken(&refused), expected, "{body}");
    }
    let many: Vec<_> = (0..10_001_u128).map(|at| uuid::Uuid::from_u128(at).to_string()).collect();
    let refused = bulk(&admin, &json!({ "ids": many, "patch": patch })).await.expect(400);
    assert_eq!(broken(&refused), ["/ids max_items"]);
    let done = bulk(&admin, &json!({ "ids": many[1..], "patch": patch })).await.expect(200).json();
    assert_eq!(
        (&done["matched"], done["failed"].as_array().map(Vec::len)),
        (&json!(0), Some(10_000))
    );
    assert_eq!(entries(&app), before);
}

#[tokio::test]
async fn it_takes_what_the_patch_takes() {
    let app = TestApp::start().await;
    for (permissions, patch, missing) in [
        (vec!["clients.update"], json!({ "name": "x", "tags": [] }), None),
        (vec!["clients.status"], json!({ "status": "trial" }), None),
        (vec!["collection.update"], json!({ "collection_mode": "disabled" }), None),
        (vec!["clients.view"], json!({ "name": "x" }), Some("clients.update")),
        (vec!["clients.update"], json!({ "status": "trial" }), Some("clients.status")),
        (
            vec!["clients.update", "clients.status"],
            json!({ "name": "x", "collection_mode": "discovery" }),
            Some("collection.update"),
        ),
    ] {
        let grant = json!({ "tenant": "tenant123", "permissions": permissions });
        let actor = app.grant(&grant).await;
        let answer = bulk(&actor, &json!({ "ids": [ACME], "patch": patch })).await;
        match missing {
            None => assert_eq!(answer.expect(200).json()["succeeded"], json!([ACME])),
            Some(missing) => {
                let refused = answer.expect(403).json();
                assert_eq!(refused["error"]["details"]["permission"], missing);
            }
        }
        let found = json!({ "filter": { "status": "trial" }, "patch": patch });
        let views = permissions.contains(&"clients.view");
        bulk(&actor, &found).await.expect(if views && missing.is_none() { 200 } else { 403 });
        let body = json!({ "patch": 1 });
        bulk(&actor, &body).await.expect(if permissions == ["clients.view"] { 403 } else { 400 });
    }
}

#[tokio::test]
async fn who_is_restricted_reaches_no_further() {
    let app = TestApp::start().await;
    let bound = json!({ "tenant": "tenant123", "role": "admin", "client_ids": [ACME] });
    let bound = app.grant(&bound).await;
    let patch = json!({ "tags": ["mine"] });
    let both = json!({ "ids": [ACME, GLOBEX, NOBODY], "patch": patch });
    let done = bulk(&bound, &both).await.expect(200).json();
    assert_eq!((&done["matched"], &done["succeeded"]), (&json!(1), &json!([ACME])));
    let outside = "The access token is restricted to other clients";
    for failed in done["failed"].as_array().expect("a list") {
        assert_eq!(failed["error"], outside);
    }
    let all = json!({ "filter": {}, "all": true, "patch": patch });
    let done = bulk(&bound, &all).await.expect(200).json();
    assert_eq!((&done["matched"], ids(&done["succeeded"])), (&json!(1), set(&[ACME])));
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_repeat_with_its_key_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({ "filter": { "status": "active" }, "patch": { "status": "inactive" } });
    let send = async |body: &Value| {
        let request = admin.request(Method::POST, BULK).json(body);
        admin.send(request.header("idempotency-key", "k")).await
    };
    let first = send(&body).await.expect(200);
    assert_eq!(first.json()["matched"], 2);
    let before = entries(&app);
    assert_eq!(send(&body).await.expect(200).text, first.text);
    let other = json!({ "ids": [ACME], "patch": { "status": "active" } });
    send(&other).await.expect(422);
    assert_eq!(entries(&app), before);
}

#[tokio::test]
async fn its_body_may_have_sixteen_mebibytes() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let send = async |bytes: usize| {
        let body = json!({ "ids": [ACME], "patch": { "tags": [] } }).to_string();
        let body = format!("{body}{}", " ".repeat(bytes - body.len()));
        let request = admin.request(Method::POST, BULK).header("content-type", "application/json");
        admin.send(request.body(body)).await
    };
    send(16 << 20).await.expect(200);
    let refused = send((16 << 20) + 1).await.expect(413).json();
    assert_eq!(refused["error"]["message"], "The body is larger than 16777216 bytes");
}

#[tokio::test]
async fn its_body_may_not_have_very_many_values() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let many = json!({ "ids": vec![0; 200_000], "patch": { "tags": [] } });
    let refused = bulk(&admin, &many).await.expect(400).json();
    let message = "The body must not hold more than 200000 values";
    assert_eq!(refused["error"]["message"], message);
}

#[tokio::test]
async fn a_repeat_finishes_what_broke_off() {
    let app = TestApp::start().await;
    let sample = app.sample("sample", 150).await;
    let admin = app.role("sample", "admin").await;
    let ids: Vec<_> = sample.iter().map(|client| client.id.to_string()).collect();
    let body = json!({ "ids": ids, "patch": { "tags": ["north"] } });
    let send = async || {
        let request = admin.request(Method::POST, BULK).json(&body);
        admin.send(request.header("idempotency-key", "k")).await.expect(200)
    };
    // A row that nobody can read stops the second batch.
    let last = sample.last().expect("clients");
    let (id, status) = (app.database().uuid(last.id.0), last.status.as_str());
    let set = |status| format!("UPDATE clients SET status = '{status}' WHERE id = {id}");
    app.database().execute(&set("unheard"));
    let first = send().await.json();
    assert_eq!((ids_in(&first["succeeded"]), ids_in(&first["failed"])), (100, 50));
    app.database().execute(&set(status));
    let again = send().await;
    assert_eq!(again.json()["succeeded"], json!(ids));
    assert_eq!(send().await.text, again.text, "what is whole is kept");
    app.assert_audit_intact().await;
}

fn ids_in(list: &Value) -> usize {
    ids(list).len()
}
