//! Idempotency keys: what is repeated with its key has one effect and one answer.

mod duplicates;
mod refusals;
mod room;

use crate::access::{self, Target};
use axum::http::Method;
use clientbook_api::operations;
use clientbook_testkit::{ACME, ACME_OBJECT, Actor, Answer, TestApp};
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;

/// A call that can be repeated with a key.
#[derive(Clone)]
struct Call {
    method: Method,
    path: String,
    body: Value,
}

impl Call {
    fn new(method: Method, path: impl Into<String>, body: Value) -> Self {
        Self { method, path: path.into(), body }
    }

    async fn send(&self, actor: &Actor, key: &str) -> Answer {
        let request = actor.request(self.method.clone(), &self.path);
        actor.send(request.json(&self.body).header("idempotency-key", key)).await
    }
}

/// Every way to make or change something whose answer may be told again, none of which changes
/// nothing. `mark` makes them unlike those of another mark.
fn calls(mark: &str) -> Vec<Call> {
    let (post, patch) = (Method::POST, Method::PATCH);
    let named = json!({ "name": mark });
    let methods = json!([{ "type": "other", "value": "x", "isPreferred": true }]);
    let success = json!({ "name": mark, "status": "ACTIVE", "active": true });
    let workspace = json!({ "name": mark, "contactMethods": methods });
    let mode = if mark.len().is_multiple_of(2) { "disabled" } else { "discovery" };
    let tenants = "/clients/v1/tenants/tenant123/clients";
    let flag = if mark.len().is_multiple_of(2) { "deactivate" } else { "activate" };
    vec![
        Call::new(post.clone(), "/v2/clients", named.clone()),
        Call::new(post.clone(), tenants, named.clone()),
        Call::new(post.clone(), "/v1/workspace/tenant123/clients", workspace),
        Call::new(post.clone(), "/client", success.clone()),
        Call::new(post.clone(), "/v2/client", success),
        Call::new(post.clone(), format!("/v2/clients/{ACME}/enrollment-tokens"), json!({})),
        Call::new(post, "/client-types", json!({ "title": mark })),
        Call::new(patch.clone(), format!("/v2/clients/{ACME}"), json!({ "collection_mode": mode })),
        Call::new(patch.clone(), format!("{tenants}/456"), named.clone()),
        Call::new(patch.clone(), format!("{tenants}/456/{flag}"), json!({})),
        Call::new(patch.clone(), format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}"), named),
        Call::new(patch, format!("/client/{ACME}"), json!({ "note": mark })),
    ]
}

/// What a repeat must have in common with the first answer: all but the request's own id.
fn shown(answer: &Answer) -> (u16, String, Vec<String>) {
    let names = ["etag", "location", "content-type", "cache-control", "retry-after"];
    let headers = names.map(|name| answer.header(name).to_owned());
    (answer.status, answer.text.clone(), headers.into())
}

fn count(app: &TestApp, table: &str) -> usize {
    app.database().rows(&format!("SELECT count(*) FROM {table}"))[0][0].parse().expect("a number")
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_has_no_effect() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (at, call) in calls("Umbrella").into_iter().enumerate() {
        let key = format!("key-{at}");
        let first = call.send(&admin, &key).await;
        assert!(matches!(first.status, 200 | 201), "{}: {}", call.path, first.text);
        // Whatever happened since.
        app.advance(HOUR);
        let between = json!({ "name": format!("Later {at}"), "note": "later", "status": "TRIAL" });
        admin.patch(&format!("/client/{ACME}"), &between).await.expect(200);
        let mode = json!({ "collection_mode": "saas_usage" });
        admin.patch(&format!("/v2/clients/{ACME}"), &mode).await.expect(200);
        let before = count(&app, "audit_entries");
        for _ in 0..2 {
            let again = call.send(&admin, &key).await;
            assert_eq!(shown(&again), shown(&first), "{}", call.path);
            assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
        }
        assert_eq!(count(&app, "audit_entries"), before, "{}", call.path);
        let other = Call { body: json!({ "name": "Another" }), ..call.clone() };
        if !call.path.ends_with("activate") && !call.path.ends_with("tokens") {
            let refused = other.send(&admin, &key).await;
            assert!(matches!(refused.status, 400 | 422), "{}: {}", call.path, refused.text);
        }
        assert_eq!(count(&app, "audit_entries"), before, "{}", call.path);
    }
    app.assert_audit_intact().await;
}

/// An operation that is added has to be made once as well.
#[tokio::test]
async fn every_call_that_changes_something_has_one_effect() {
    let app = TestApp::start().await;
    let operator = app.operator();
    let changes = operations().into_iter().filter(|one| {
        let changes = matches!(one.method, Method::POST | Method::PATCH);
        changes && one.access.permissions().next().is_some()
    });
    // The rows of a file are repeated by the import's own id.
    let changes = changes.filter(|one| !one.path.ends_with("/import"));
    for operation in changes {
        let own = Target::Own;
        let mut made_id = String::new();
        if operation.path.ends_with("/revert") {
            made_id = access::renamed(&app, own).await;
        } else if operation.path.contains("/fields/") {
            let label = format!("{} {}", operation.method, operation.path);
            made_id = access::field(&app, own, &label).await;
        }
        let path = access::fill(&operation, own, &made_id);
        let body = access::body(&operation, own, "key", &made_id);
        let mut body = body.unwrap_or_else(|| json!({}));
        if body.get("loser_id").is_some() {
            let loser = json!({ "name": "A loser", "tenant": "tenant123" });
            let loser = operator.post("/v2/clients", &loser).await.expect(201).json();
            body = json!({ "loser_id": loser["id"] });
        }
        let kept = count(&app, "kept_answers");
        let call = Call::new(operation.method.clone(), path, body);
        let first = call.send(&operator, "k").await;
        assert!(matches!(first.status, 200..=299), "{operation:?}: {}", first.text);
        assert_eq!(count(&app, "kept_answers"), kept + 1, "{operation:?} keeps its answer");
        let entries = count(&app, "audit_entries");
        let again = call.send(&operator, "k").await;
        if first.header("cache-control") == "no-store" {
            assert_eq!(again.status, 409, "{operation:?}: {}", again.text);
        } else {
            assert_eq!(shown(&again), shown(&first), "{operation:?}");
        }
        assert_eq!(count(&app, "audit_entries"), entries, "{operation:?}");
    }
}

#[tokio::test]
async fn an_import_takes_no_key() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let request = admin.request(Method::POST, "/v2/clients/import").body("{\"name\": \"x\"}\n");
    let request = request.header("content-type", "application/x-ndjson");
    let refused = admin.send(request.header("idempotency-key", "k")).await.expect(400);
    assert!(refused.text.contains("import_id"), "{}", refused.text);
}

#[tokio::test]
async fn an_operators_tenants_are_made_and_changed_once() {
    let app = TestApp::start().await;
    let operator = app.operator();
    let make = Call::new(Method::POST, "/v2/tenants", json!({ "slug": "fresh", "name": "Fresh" }));
    let first = make.send(&operator, "k").await.expect(201);
    assert_eq!(shown(&make.send(&operator, "k").await), shown(&first));
    let place = first.header("location").to_owned();
    let change = Call::new(Method::PATCH, place, json!({ "slug": "fresher" }));
    let changed = change.send(&operator, "k").await.expect(200);
    assert_eq!(shown(&change.send(&operator, "k").await), shown(&changed));
    assert_eq!(shown(&make.send(&operator, "k").await), shown(&first));
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_key_is_of_one_caller_one_method_and_one_path() {
    let app = TestApp::start().await;
    let (one, other) = (app.admin().await, app.admin().await);
    let before = count(&app, "clients");
    let call = Call::new(Method::POST, "/v2/clients", json!({ "name": "Umbrella" }));
    let first = call.send(&one, "k").await.expect(201);
    assert_ne!(call.send(&other, "k").await.expect(201).text, first.text);
    assert_ne!(call.send(&one, "K").await.expect(201).text, first.text);
    let elsewhere = Call { path: "/clients/v1/tenants/tenant123/clients".into(), ..call.clone() };
    elsewhere.send(&one, "k").await.expect(201);
    // The same place by another name is another path.
    let place = "/clients/v1/tenants/b2c3d4e5-f6a7-8901-bcde-f12345678901/clients";
    Call { path: place.into(), ..call.clone() }.send(&one, "k").await.expect(201);
    let of_rival = json!({ "name": "Umbrella", "tenant": "tenant999" });
    let operator = app.operator();
    Call { body: of_rival, ..call.clone() }.send(&operator, "k").await.expect(201);
    // An operator's key is one for all tenants.
    let ours = json!({ "name": "Umbrella", "tenant": "tenant123" });
    Call { body: ours, ..call.clone() }.send(&operator, "k").await.expect(422);
    assert_eq!(count(&app, "clients"), before + 6);
    assert_eq!(shown(&call.send(&one, "k").await), shown(&first));
}

#[tokio::test]
async fn what_changes_nothing_is_answered_once_too() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = format!("/v2/clients/{ACME}");
    let same = Call::new(Method::PATCH, &path, json!({ "collection_mode": "saas_usage" }));
    let entries = count(&app, "audit_entries");
    let first = same.send(&admin, "k").await.expect(200);
    assert_eq!(count(&app, "audit_entries"), entries);
    admin.patch(&path, &json!({ "collection_mode": "disabled" })).await.expect(200);
    assert_eq!(shown(&same.send(&admin, "k").await), shown(&first));
    let now = admin.get(&path).await.expect(200).json();
    assert_eq!(now["collection_mode"], "disabled", "a repeat has no effect");
}

#[tokio::test]
async fn a_precondition_is_looked_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = format!("/client/{ACME}");
    let tag = admin.get(&path).await.expect(200).header("etag").to_owned();
    let send = async |note: &str| {
        let request = admin.request(Method::PATCH, &path).json(&json!({ "note": note }));
        let request = request.header("if-match", &tag).header("idempotency-key", note);
        admin.send(request).await
    };
    let first = send("one").await.expect(200);
    assert_eq!(shown(&send("one").await), shown(&first));
    send("two").await.expect(412);
}

#[tokio::test]
async fn a_secret_is_not_told_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({ "name": "A token", "role": "viewer" });
    let call = Call::new(Method::POST, "/v2/api-tokens", body);
    let first = call.send(&admin, "k").await.expect(201);
    assert_eq!(first.header("cache-control"), "no-store");
    let (made, tokens) = (first.json(), count(&app, "api_tokens"));
    let again = call.send(&admin, "k").await.expect(409);
    assert_eq!(again.json()["error"]["code"], "conflict");
    assert_eq!(again.json()["error"]["details"], json!({ "id": made["id"] }));
    let secret = made["token"].as_str().expect("a secret");
    assert!(!again.text.contains(secret));
    let kept = app.database().rows("SELECT * FROM kept_answers");
    assert!(!format!("{kept:?}").contains(secret), "{kept:?}");
    let other = json!({ "name": "A token", "role": "member" });
    Call { body: other, ..call.clone() }.send(&admin, "k").await.expect(422);
    assert_eq!(count(&app, "api_tokens"), tokens);
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let call = Call::new(Method::POST, "/v2/clients", json!({ "name": "Umbrella" }));
    let first = call.send(&admin, "k").await.expect(201);
    app.advance(24 * HOUR - 1);
    call.send(&admin, "later").await.expect(201);
    assert!(!app.app().forget_answers().await.expect("a clean-up"));
    assert_eq!(shown(&call.send(&admin, "k").await), shown(&first));
    app.advance(1);
    let new = call.send(&admin, "k").await.expect(201);
    assert_ne!(new.text, first.text);
    assert_eq!(shown(&call.send(&admin, "k").await), shown(&new), "the new answer is kept");
    app.advance(24 * HOUR - 1);
    assert!(!app.app().forget_answers().await.expect("a clean-up"));
    assert_eq!(count(&app, "kept_answers"), 1, "the one from yesterday is gone");
    app.advance(2);
    assert!(!app.app().forget_answers().await.expect("a clean-up"));
    assert_eq!(count(&app, "kept_answers"), 0);
}

#[tokio::test]
async fn a_dry_run_is_not_kept() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = format!("/client/{ACME}");
    let dry = Call::new(Method::PATCH, format!("{path}?dryRun=true"), json!({ "note": "x" }));
    let first = dry.send(&admin, "k").await.expect(200);
    assert_eq!(count(&app, "kept_answers"), 0);
    admin.patch(&path, &json!({ "name": "Later" })).await.expect(200);
    assert_ne!(dry.send(&admin, "k").await.expect(200).text, first.text);
    let real = Call { path: path.clone(), ..dry.clone() };
    real.send(&admin, "k").await.expect(200);
    // What was done for real is not tried any more.
    dry.send(&admin, "k").await.expect(422);
}
