//! How often a caller may call, and how it learns of it.

use axum::http::Method;
use clientbook_api::Options;
use clientbook_testkit::{
    ACME, ACME_OBJECT, Answer, KeyServer, P256, Start, TestApp, TestDatabase, issuer,
};
use serde_json::json;
use std::num::NonZeroU32;
use std::sync::Arc;

const ISSUER: &str = "https://id.example.com/";

async fn limited(requests: u32) -> TestApp {
    let keys = KeyServer::default();
    keys.publish(ISSUER, &[P256.jwk("ec")]);
    let options = Options {
        throttle_failed_logins: false,
        rate_limit: NonZeroU32::new(requests),
        public_url: "http://clientbook.test".into(),
    };
    let start = Start::on(Arc::new(TestDatabase::with_tables())).options(options);
    start.issuers(vec![issuer(ISSUER)], &keys).start().await
}

fn doors() -> [String; 5] {
    [
        format!("/v2/clients/{ACME}"),
        "/clients/v1/tenants/tenant123/clients/456".to_owned(),
        format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}"),
        format!("/client/{ACME}"),
        format!("/v2/client/{ACME}"),
    ]
}

fn told(answer: &Answer) -> [&str; 2] {
    ["ratelimit-policy", "ratelimit"].map(|name| answer.header(name))
}

#[tokio::test]
async fn a_caller_learns_what_it_has_left_with_every_answer() {
    let app = limited(6).await;
    let admin = app.admin().await;
    let policy = "\"default\";q=6;w=60";
    let [client, ..] = doors();
    let read = admin.get(&client).await.expect(200);
    assert_eq!(told(&read), [policy, "\"default\";r=5;t=10"]);
    let missing = admin.get("/client/nobody").await.expect(404);
    assert_eq!(told(&missing), [policy, "\"default\";r=4;t=20"]);
    let refused = admin.get(&format!("{client}?x=1")).await.expect(400);
    assert_eq!(told(&refused), [policy, "\"default\";r=3;t=30"]);
    let known = admin.request(Method::GET, &client).header("if-none-match", read.header("etag"));
    let unchanged = admin.send(known).await.expect(304);
    assert_eq!(told(&unchanged), [policy, "\"default\";r=2;t=40"]);
    app.advance(20_000);
    let read = admin.get(&client).await.expect(200);
    assert_eq!(told(&read), [policy, "\"default\";r=3;t=30"]);
    // Who is not known has nothing, and what is public counts for nobody.
    assert_eq!(told(&app.anon().get(&client).await.expect(401)), ["", ""]);
    assert_eq!(told(&app.bearer("cb_guess").get(&client).await.expect(401)), ["", ""]);
    assert_eq!(told(&admin.get("/healthz").await.expect(200)), ["", ""]);
    assert_eq!(told(&admin.get("/no/such/route").await.expect(404)), ["", ""]);
    let read = admin.get(&client).await.expect(200);
    assert_eq!(told(&read), [policy, "\"default\";r=2;t=40"]);
}

#[tokio::test]
async fn who_calls_too_often_waits_and_nobody_else_does() {
    let app = limited(5).await;
    let (busy, calm) = (app.admin().await, app.admin().await);
    for path in doors() {
        busy.get(&path).await.expect(200);
    }
    let message = "You have made more requests than you may: see the header RateLimit-Policy";
    for path in doors() {
        let refused = busy.get(&path).await.expect(429);
        assert_eq!(refused.header("retry-after"), "12", "{path}");
        assert_eq!(told(&refused), ["\"default\";q=5;w=60", "\"default\";r=0;t=60"]);
        let body = refused.json();
        if path.starts_with("/v2/clients") {
            let error = json!({ "code": "rate_limited", "message": message, "details": {} });
            assert_eq!(body, json!({ "error": error }));
        } else if path.starts_with("/clients/v1") {
            assert_eq!(body, json!({ "error": "Too Many Requests", "message": message }));
        } else if path.starts_with("/v1/workspace") {
            let error = json!({ "code": "rate_limited", "message": message });
            assert_eq!(body, json!({ "error": error }));
        } else {
            assert_eq!(refused.header("content-type"), "application/problem+json");
            assert_eq!((&body["status"], &body["detail"]), (&json!(429), &json!(message)));
        }
        calm.get(&path).await.expect(200);
    }
    app.advance(11_999);
    assert_eq!(busy.get(&doors()[0]).await.expect(429).header("retry-after"), "1");
    app.advance(1);
    busy.get(&doors()[0]).await.expect(200);
    busy.get(&doors()[0]).await.expect(429);
}

#[tokio::test]
async fn a_refused_request_changes_nothing() {
    let app = limited(1).await;
    let admin = app.admin().await;
    let path = format!("/client/{ACME}");
    admin.patch(&path, &json!({ "note": "first" })).await.expect(200);
    let request = admin.request(Method::PATCH, &path).json(&json!({ "note": "second" }));
    admin.send(request.header("idempotency-key", "k")).await.expect(429);
    app.advance(60_000);
    assert_eq!(admin.get(&path).await.expect(200).json()["note"], "first");
    app.advance(60_000);
    let request = admin.request(Method::PATCH, &path).json(&json!({ "note": "second" }));
    let done = admin.send(request.header("idempotency-key", "k")).await.expect(200);
    assert_eq!(done.json()["note"], "second");
}

#[tokio::test]
async fn a_subject_is_one_caller_whatever_its_token() {
    let app = limited(2).await;
    let caller = |subject: &str, seconds: i64| {
        let claims = json!({
            "iss": ISSUER, "aud": "clientbook", "sub": subject, "exp": app.seconds() + seconds,
            "tenant_id": "tenant123", "roles": ["viewer"],
        });
        app.bearer(&P256.sign("ec", &claims))
    };
    let [path, ..] = doors();
    caller("jane", 60).get(&path).await.expect(200);
    caller("jane", 61).get(&path).await.expect(200);
    caller("jane", 62).get(&path).await.expect(429);
    caller("joan", 60).get(&path).await.expect(200);
}

#[tokio::test]
async fn without_a_limit_nothing_is_told() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for _ in 0..50 {
        assert_eq!(told(&admin.get(&doors()[0]).await.expect(200)), ["", ""]);
    }
}
