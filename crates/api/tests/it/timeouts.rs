//! What a caller is told whose request takes longer than 30 seconds: here, they pass at once.

use axum::http::{Method, Request};
use clientbook_testkit::{ACME, Answer, TestApp};
use serde_json::json;

/// Calls with a clock that jumps to the end of the 30 seconds as soon as nobody has anything to do but
/// to wait: for the store, whose threads have clocks of their own.
async fn impatient(app: &TestApp, method: Method, path: &str, key: &str, body: String) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {}", app.operator().token()))
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(body.into_bytes())
        .expect("a request");
    tokio::time::pause();
    let answer = app.call(request).await;
    tokio::time::resume();
    answer
}

#[tokio::test]
async fn a_change_that_takes_too_long_is_in_doubt_and_its_repeat_finds_out() {
    let app = TestApp::start().await;
    let path = format!("/v2/clients/{ACME}");
    let mut doubted = 0;
    // A store that is quicker than the clock is no use: then once more.
    for at in 0..100 {
        let mode = ["disabled", "discovery"][at % 2];
        let (body, key) = (json!({ "collection_mode": mode }).to_string(), format!("k-{at}"));
        let answer = impatient(&app, Method::PATCH, &path, &key, body.clone()).await;
        if answer.status == 200 {
            continue;
        }
        doubted += 1;
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert_eq!(answer.header("retry-after"), "");
        assert_eq!(answer.json()["error"]["details"]["in_doubt"], true, "{}", answer.text);
        // The use case goes on without its caller, and is done once.
        let operator = app.operator();
        let repeat = || {
            let request = operator.request(Method::PATCH, &path).body(body.clone());
            let request = request.header("content-type", "application/json");
            operator.send(request.header("idempotency-key", &key))
        };
        let mut told = repeat().await;
        while told.status == 409 {
            tokio::task::yield_now().await;
            told = repeat().await;
        }
        assert_eq!(told.expect(200).json()["collection_mode"], mode);
        if doubted == 3 {
            break;
        }
    }
    assert_eq!(doubted, 3, "requests that took too long");
    let sql = "SELECT count(*), count(DISTINCT operation_id) FROM audit_entries
        WHERE action = 'collection_mode_changed'";
    let rows = app.database().rows(sql);
    assert_eq!(rows[0][0], rows[0][1], "a change was made twice");
    app.assert_audit_intact().await;
}
