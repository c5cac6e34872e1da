//! Who may not read a client's parent learns nothing of it, whatever they ask.

use super::{parent, refused, set};
use crate::access::{Target, fill};
use axum::http::Method;
use clientbook_api::operations;
use clientbook_testkit::{ACME, Actor, Answer, GLOBEX, TestApp};
use serde_json::{Value, json};

const ACCOUNT: &str = "/clients/v1/tenants/tenant123/clients/456";
const NAME: &str = "Zanzibar Parent";

/// Two clients below one, and those who may see the two only.
struct World {
    app: TestApp,
    admin: Actor,
    twin: String,
    bound: Vec<Actor>,
}

impl World {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        let twin = admin.post("/v2/clients", &json!({ "name": "Twin" })).await.expect(201).json();
        let twin = twin["id"].as_str().expect("an id").to_owned();
        let scopes = json!({ "org_id": "oz", "project_id": "road" });
        for number in [456, 458] {
            let path = format!("/clients/v1/tenants/tenant123/clients/{number}");
            admin.patch(&path, &scopes).await.expect(200);
        }
        admin.patch(&format!("/client/{GLOBEX}"), &json!({ "name": NAME })).await.expect(200);
        for id in [ACME, &twin] {
            set(&admin, id, 457).await.expect(200);
        }
        let mut bound = Vec::new();
        for (name, value) in [
            ("client_ids", json!([ACME, twin])),
            ("org_id", json!("oz")),
            ("project_id", json!("road")),
        ] {
            let mut grant = json!({ "tenant": "tenant123", "role": "admin" });
            grant[name] = value;
            bound.push(app.grant(&grant).await);
        }
        Self { app, admin, twin, bound }
    }
}

/// Panics if the answer holds the parent's name, UUID or number.
#[track_caller]
fn tells_nothing(answer: &Answer, what: &str) {
    let told = format!("{:?}{}", answer.headers, answer.text).to_lowercase();
    for secret in [NAME, GLOBEX] {
        assert!(!told.contains(&secret.to_lowercase()), "{what}: {secret} in {told}");
    }
    let numbers = answer.text.split(|one: char| !one.is_ascii_alphanumeric() && one != '-');
    assert!(numbers.into_iter().all(|one| one != "457"), "{what}: its number in {told}");
}

#[tokio::test]
async fn nothing_that_is_read_tells_of_it() {
    let World { app, admin, bound, .. } = World::new().await;
    let reads = operations().into_iter().filter(|operation| {
        operation.method == Method::GET && operation.access.permissions().next().is_some()
    });
    let mut paths: Vec<_> =
        reads.map(|operation| fill(&operation, Target::Own, "0123456789abcdef01234567")).collect();
    let log = format!("/v2/clients/{ACME}/audit-log");
    paths.extend([
        "/v2/clients/export?format=csv".into(),
        "/v2/audit-log?format=csv".into(),
        "/v2/audit-log?format=ndjson".into(),
        "/v2/audit-log?field=parent_client_id".into(),
        format!("{log}?format=ndjson"),
        format!("{log}?format=csv"),
        format!("/v2/clients/{ACME}?as_of=2026-03-10T14:30:00.000Z"),
        "/client/search?name=acme".into(),
    ]);
    for path in &paths {
        let all = admin.get(path).await;
        for reader in &bound {
            // By turns: what is kept of the one is not told to the other.
            tells_nothing(&reader.get(path).await, path);
            assert_eq!(admin.get(path).await.text, all.text, "{path}");
        }
    }
    let telling = async |path: &str| admin.get(path).await.expect(200).text.contains("457");
    for path in [&format!("/client/{ACME}"), "/v2/clients/export", &log, "/client/search"] {
        assert!(telling(path).await, "{path} tells those who may read it");
    }
    for reader in &bound {
        let read = reader.get(&format!("/client/{ACME}")).await.expect(200).json();
        assert_eq!((&read["parentClientId"], read.get("parentClient")), (&Value::Null, None));
        let field = format!("{log}?field=parent_client_id");
        let entry = reader.get(&field).await.expect(200).json()["data"][0].clone();
        assert_eq!((&entry["previous_value"], &entry["new_value"]), (&json!({}), &json!({})));
    }
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_tag_is_that_of_what_is_seen() {
    let World { app: _app, admin, bound, .. } = World::new().await;
    let path = format!("/client/{ACME}");
    let conditional = async |actor: &Actor, tag: &str| {
        let request = actor.request(Method::GET, &path).header("if-none-match", tag);
        actor.send(request).await.status
    };
    let all = admin.get(&path).await.expect(200).header("etag").to_owned();
    for reader in &bound {
        let own = reader.get(&path).await.expect(200).header("etag").to_owned();
        assert_ne!(own, all);
        assert_eq!(own.split('-').next(), all.split('-').next());
        assert_eq!((conditional(reader, &own).await, conditional(reader, &all).await), (304, 200));
        assert_eq!((conditional(&admin, &all).await, conditional(&admin, &own).await), (304, 200));
        // The version in it is the record's.
        let request = reader.request(Method::PATCH, &path).header("if-match", &own);
        reader.send(request.json(&json!({ "note": "" }))).await.expect(200);
    }
}

#[tokio::test]
async fn a_change_keeps_it_and_tells_nothing() {
    let World { app, admin, twin, bound } = World::new().await;
    let path = format!("/client/{ACME}");
    for (at, writer) in bound.iter().enumerate() {
        for body in [json!({ "note": format!("note {at}") }), json!({ "externalId": "x" })] {
            tells_nothing(&writer.patch(&path, &body).await.expect(200), "a change");
            tells_nothing(&writer.patch(&format!("{path}?dryRun=true"), &body).await, "a dry run");
        }
        tells_nothing(&writer.patch(ACCOUNT, &json!({ "tags": [at.to_string()] })).await, "tags");
        // What was read is sent back, with the parent that they see.
        let read = writer.get(&path).await.expect(200);
        let same = writer.patch(&path, &read.json()).await.expect(200);
        assert_eq!((&same.text, same.header("etag")), (&read.text, read.header("etag")));
        assert_eq!(parent(&admin, ACME).await, 457);
        // Nobody finds out by trying which one it is.
        let [one, other] = [set(writer, ACME, 457).await, set(writer, ACME, 999).await];
        assert_eq!(refused(one), refused(other));
        let log = format!("/v2/clients/{ACME}/audit-log?field=parent_client_id");
        let entry = admin.get(&log).await.expect(200).json()["data"][0]["id"].clone();
        let entry = json!({ "entry_id": entry });
        let reverted = writer.post(&format!("/v2/clients/{ACME}/revert"), &entry).await;
        tells_nothing(&reverted.expect(200), "a revert");
        assert_eq!(parent(&admin, ACME).await, 457);
        let body = json!({ "loser_id": twin, "dry_run": true });
        let merge = format!("/v2/clients/{ACME}/merge");
        tells_nothing(&writer.post(&merge, &body).await.expect(200), "a merge");
        let take = json!({ "loser_id": twin, "take": ["parent_client_id"] });
        let refused = writer.post(&merge, &take).await.expect(400).json();
        let takeable = refused["error"]["details"]["fields"][0]["allowed"].clone();
        assert_eq!(takeable, json!(["name", "org_id", "project_id"]), "{refused}");
    }
    // Another parent that they see takes its place.
    let seen = set(&bound[1], ACME, 458).await.expect(200).json();
    assert_eq!(seen["parentClient"]["uuid"], json!(twin));
    app.assert_audit_intact().await;
}

/// Those who differ in a parent that the caller does not see do not differ.
#[tokio::test]
async fn a_merge_takes_it_along_unseen() {
    let World { app, admin, twin, bound } = World::new().await;
    set(&admin, ACME, Value::Null).await.expect(200);
    let body = json!({ "loser_id": twin });
    let merged = bound[1].post(&format!("/v2/clients/{ACME}/merge"), &body).await.expect(200);
    tells_nothing(&merged, "a merge");
    assert!(!merged.text.contains("parent_client_id"), "{}", merged.text);
    assert_eq!(parent(&admin, ACME).await, 457);
    for path in ["/v2/audit-log", "/v2/audit-log?format=ndjson"] {
        tells_nothing(&bound[1].get(path).await.expect(200), path);
    }
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn it_shows_as_soon_as_it_may_be_read_and_no_longer() {
    let World { app, admin, bound, .. } = World::new().await;
    let grant = json!({ "tenant": "tenant123", "role": "admin", "client_ids": [ACME, GLOBEX] });
    let both = app.grant(&grant).await;
    let of_oz = &bound[1];
    let globex = "/clients/v1/tenants/tenant123/clients/457";
    for _ in 0..2 {
        assert_eq!(parent(&both, ACME).await, 457);
        admin.patch_empty(&format!("{globex}/deactivate")).await.expect(200);
        assert_eq!(parent(&both, ACME).await, Value::Null);
        admin.patch_empty(&format!("{globex}/activate")).await.expect(200);
        assert_eq!(parent(of_oz, ACME).await, Value::Null);
        admin.patch(globex, &json!({ "org_id": "oz" })).await.expect(200);
        assert_eq!(parent(of_oz, ACME).await, 457);
        admin.patch(globex, &json!({ "org_id": null })).await.expect(200);
    }
}

/// Kept answers are read again by whoever may still read what they tell.
#[tokio::test]
async fn a_repeat_tells_no_more_than_may_be_read() {
    let World { app: _app, admin, bound, .. } = World::new().await;
    let of_oz = &bound[1];
    let globex = "/clients/v1/tenants/tenant123/clients/457";
    let send = async |actor: &Actor| {
        let request = actor.request(Method::PATCH, &format!("/client/{ACME}"));
        let request = request.json(&json!({ "note": "kept" })).header("idempotency-key", "k");
        actor.send(request).await
    };
    admin.patch(globex, &json!({ "org_id": "oz" })).await.expect(200);
    let first = send(of_oz).await.expect(200);
    assert_eq!(first.json()["parentClientId"], 457);
    assert_eq!(send(of_oz).await.expect(200).text, first.text);
    admin.patch(globex, &json!({ "org_id": null })).await.expect(200);
    tells_nothing(&send(of_oz).await.expect(403), "a repeat");
}
