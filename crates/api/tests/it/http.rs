//! What HTTP asks of every surface, each answering in its own error shape.

use axum::http::Method;
use clientbook_api::Options;
use clientbook_testkit::{ACME, ACME_OBJECT, Actor, Answer, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

const MIB: usize = 1024 * 1024;

fn doors() -> [String; 5] {
    [
        format!("/v2/clients/{ACME}"),
        "/clients/v1/tenants/tenant123/clients/456".to_owned(),
        format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}"),
        format!("/client/{ACME}"),
        format!("/v2/client/{ACME}"),
    ]
}

/// Where each surface takes a PATCH, in the order of `doors`.
fn writes() -> [String; 5] {
    let mut writes = doors();
    writes[1].push_str("/activate");
    writes
}

/// An error in the shape of the surface that `path` belongs to, byte for byte.
fn shaped(path: &str, status: u16, reason: &str, code: &str, message: &str) -> String {
    if path.starts_with("/clients/v1") {
        format!(r#"{{"error":"{reason}","message":"{message}"}}"#)
    } else if path.starts_with("/v1/workspace") {
        format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#)
    } else if path.starts_with("/client/") || path.starts_with("/v2/client/") {
        format!(
            concat!(
                r#"{{"type":"about:blank","title":"{}","status":{},"detail":"{}","#,
                r#""instance":"{}"}}"#
            ),
            reason, status, message, path
        )
    } else {
        format!(r#"{{"error":{{"code":"{code}","message":"{message}","details":{{}}}}}}"#)
    }
}

fn media_type(path: &str) -> &'static str {
    let success = path.starts_with("/client/") || path.starts_with("/v2/client/");
    if success { "application/problem+json" } else { "application/json" }
}

#[track_caller]
fn refused(answer: &Answer, path: &str, (status, reason, code, message): (u16, &str, &str, &str)) {
    assert_eq!(answer.status, status, "{path} {}", answer.text);
    assert_eq!(answer.text, shaped(path, status, reason, code, message));
    assert_eq!(answer.header("content-type"), media_type(path), "{path}");
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    assert!(!answer.header("x-request-id").is_empty());
}

async fn with(actor: &Actor, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = actor.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    actor.send(request).await
}

#[tokio::test]
async fn no_or_bad_credentials() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let anon = app.anon();
    let everywhere = doors().into_iter().chain(["/v2/api-tokens".to_owned()]);
    for path in everywhere {
        let missing = anon.get(&path).await;
        let message = "Send an access token: Authorization: Bearer <token>";
        refused(&missing, &path, (401, "Unauthorized", "unauthenticated", message));
        assert_eq!(missing.header("www-authenticate"), r#"Bearer realm="clientbook""#);
        let unknown = format!("Bearer cb_{}", "x".repeat(40));
        let long = format!("Bearer {}", "x".repeat(20_000));
        let twice = format!("Bearer {0} {0}", admin.token());
        let garbage = [
            unknown.as_str(),
            &long,
            &twice,
            "Bearer",
            "Bearer ",
            "Basic YTpi",
            "cb_x",
            "",
            "Bearer \u{e9}",
        ];
        for value in garbage {
            let wrong = with(&anon, Method::GET, &path, &[("authorization", value)]).await;
            let message = "The access token is not valid";
            refused(&wrong, &path, (401, "Unauthorized", "unauthenticated", message));
            let challenge = r#"Bearer realm="clientbook", error="invalid_token""#;
            assert_eq!(wrong.header("www-authenticate"), challenge);
        }
        let fine = format!("bearer  {}", admin.token());
        with(&anon, Method::GET, &path, &[("authorization", &fine)]).await.expect(200);
        let basic = format!("Basic {}", admin.token());
        with(&anon, Method::GET, &path, &[("authorization", &basic)]).await.expect(401);
        let both = [("authorization", fine.as_str()), ("authorization", fine.as_str())];
        with(&anon, Method::GET, &path, &both).await.expect(401);
    }
}

#[tokio::test]
async fn bare_tokens_and_api_keys_are_customer_successs_own() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (at, path) in doors().into_iter().enumerate() {
        let status = if at >= 3 { 200 } else { 401 };
        for name in ["authorization", "x-api-key"] {
            let headers = [(name, admin.token())];
            with(&app.anon(), Method::GET, &path, &headers).await.expect(status);
        }
        // What stands in Authorization counts.
        let headers = [("authorization", "wrong"), ("x-api-key", admin.token())];
        with(&app.anon(), Method::GET, &path, &headers).await.expect(401);
        with(&app.anon(), Method::GET, &path, &[("x-api-key", "")]).await.expect(401);
    }
}

#[tokio::test]
async fn what_no_route_has() {
    let app = TestApp::start().await;
    let paths = [
        "/",
        "/nothing",
        "/v2",
        "/v2/clients/",
        "/v2/clientele",
        "/clients",
        "/clients/v1",
        "/clients/v1/tenants/tenant123/clients/456/suspend",
        "/v1/workspace",
        "/v1/workspace/tenant123/clients/507f1f77bcf86cd799439011/more",
        "/client/a/b",
        "/v2/client/a/b",
    ];
    for path in paths {
        for actor in [&app.anon(), &app.admin().await] {
            let answer = actor.get(path).await;
            refused(&answer, path, (404, "Not Found", "not_found", "There is no such route"));
        }
    }
}

fn allow(answer: &Answer) -> BTreeSet<String> {
    answer.header("allow").split(',').map(|method| method.trim().to_owned()).collect()
}

#[tokio::test]
async fn methods_that_a_route_does_not_have() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let [v2, tenants, workspace, success, below] = doors();
    let log = format!("{v2}/collection-control/audit-log");
    let cases = [
        (v2, "GET HEAD PATCH DELETE"),
        (log, "GET HEAD"),
        (tenants.clone(), "GET HEAD PATCH"),
        (format!("{tenants}/activate"), "PATCH"),
        (format!("{tenants}/deactivate"), "PATCH"),
        (workspace, "GET HEAD PATCH DELETE"),
        (success, "GET HEAD PATCH"),
        (below, "GET HEAD PATCH"),
        ("/v2/api-tokens".to_owned(), "GET HEAD POST"),
        ("/v2/api-tokens/x".to_owned(), "DELETE"),
        ("/v2/tenants".to_owned(), "GET HEAD POST"),
        ("/v2/tenants/x".to_owned(), "GET HEAD PATCH"),
        (format!("/v2/clients/{ACME}/enrollment-tokens"), "GET HEAD POST"),
        (format!("/v2/clients/{ACME}/enrollment-tokens/x"), "DELETE"),
        ("/healthz".to_owned(), "GET HEAD"),
    ];
    for (path, methods) in cases {
        let expected: BTreeSet<_> = methods.split(' ').map(str::to_owned).collect();
        for method in ["PUT", "OPTIONS", "TRACE", "POST", "DELETE", "GET", "PATCH", "BREW"] {
            if expected.contains(method) {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let answer = with(&admin, method, &path, &[]).await;
            let message = "The route has no such method; the Allow header lists those it has";
            refused(&answer, &path, (405, "Method Not Allowed", "method_not_allowed", message));
            assert_eq!(allow(&answer), expected, "{path}");
        }
    }
}

async fn sized(actor: &Actor, path: &str, size: usize) -> Answer {
    let mut body = vec![b' '; size - 2];
    body.extend_from_slice(b"{}");
    let request = actor.request(Method::PATCH, path);
    actor.send(request.header("content-type", "application/json").body(body)).await
}

#[tokio::test]
async fn bodies_over_the_limit() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let message = "The body is larger than 1 MiB (1,048,576 bytes)";
    for (at, path) in writes().into_iter().enumerate() {
        // The workspace demands a field: its 400 says that the size was no trouble.
        sized(&admin, &path, MIB).await.expect(if at == 2 { 400 } else { 200 });
        for size in [MIB + 1, 3 * MIB, 4 * MIB] {
            let answer = sized(&admin, &path, size).await;
            refused(&answer, &path, (413, "Payload Too Large", "payload_too_large", message));
        }
    }
}

/// Sends all of a request before it reads, as simple clients do: a server that hangs up early
/// leaves them with a broken pipe instead of an answer.
fn stubborn(base: &str, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(base.trim_start_matches("http://")).expect("a connection");
    let length = body.len();
    let head = format!("{head}\r\nHost: test\r\nConnection: close\r\nContent-Length: {length}\r\n");
    let head = format!("{head}Content-Type: application/json\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("the head is read");
    stream.write_all(body).expect("the body is read");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    String::from_utf8(answer).expect("an answer in UTF-8")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sends_too_much_can_read_the_answer() {
    let app = TestApp::start().await;
    let token = app.admin().await.token().to_owned();
    let [write, ..] = writes();
    let mut cases: Vec<_> = writes().map(|path| ("PATCH", path, token.as_str(), 413)).into();
    // Refused for another reason before the body is looked at.
    cases.push(("PATCH", write.clone(), "wrong", 401));
    cases.push(("PATCH", "/v2/nothing".to_owned(), &token, 404));
    cases.push(("PUT", write.clone(), &token, 405));
    cases.push(("PATCH", format!("{write}?x=1"), &token, 400));
    cases.push(("DELETE", "/v2/api-tokens/x".to_owned(), &token, 404));
    for (method, path, token, status) in cases {
        let head = format!("{method} {path} HTTP/1.1\r\nAuthorization: Bearer {token}");
        let base = app.base().to_owned();
        let send = move || stubborn(&base, &head, &vec![b' '; 3 * MIB]);
        let answer = tokio::task::spawn_blocking(send).await.expect("a client that is answered");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {answer}");
    }
}

#[tokio::test]
async fn media_types() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = |path: &str| {
        let name = json!({ "name": "Acme Corporation" });
        if path.starts_with("/v1") { name } else { json!({}) }.to_string()
    };
    for path in writes() {
        let both = "The Content-Type must be application/json or application/merge-patch+json";
        for wrong in ["text/plain", "application/xml", "application/jsonx", "json", ""] {
            let request = admin.request(Method::PATCH, &path).header("content-type", wrong);
            let answer = admin.send(request.body(body(&path))).await;
            let code = "unsupported_media_type";
            refused(&answer, &path, (415, "Unsupported Media Type", code, both));
        }
        admin.send(admin.request(Method::PATCH, &path).body(body(&path))).await.expect(415);
        for (encoding, status) in
            [("gzip", 415), ("identity, br", 415), ("Identity", 200), (",", 200)]
        {
            let request = admin.request(Method::PATCH, &path).header("content-encoding", encoding);
            let request = request.header("content-type", "application/json");
            admin.send(request.body(body(&path))).await.expect(status);
        }
        for fine in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/merge-patch+json",
            "application/merge-patch+json;charset=utf-8",
        ] {
            let request = admin.request(Method::PATCH, &path).header("content-type", fine);
            admin.send(request.body(body(&path))).await.expect(200);
        }
    }
    let request = admin.request(Method::POST, "/v2/api-tokens");
    let request = request.header("content-type", "application/merge-patch+json");
    let body = r#"{"name":"A token","role":"viewer"}"#;
    let answer = admin.send(request.body(body)).await;
    let message = "The Content-Type must be application/json";
    let expected = (415, "Unsupported Media Type", "unsupported_media_type", message);
    refused(&answer, "/v2/api-tokens", expected);
}

#[tokio::test]
async fn request_ids() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let longest = "x".repeat(128);
    for path in doors().into_iter().chain(["/healthz".into(), "/nothing".into()]) {
        for sane in ["a", "01J-x_y.z:/+=@", longest.as_str()] {
            for actor in [&admin, &app.anon()] {
                let answer = with(actor, Method::GET, &path, &[("x-request-id", sane)]).await;
                assert_eq!(answer.header("x-request-id"), sane);
            }
        }
        let too_long = "x".repeat(129);
        for insane in ["", "a b", "a\"b", "<script>", "a,b", "\u{e9}", too_long.as_str()] {
            let answer = with(&admin, Method::GET, &path, &[("x-request-id", insane)]).await;
            let ours = answer.header("x-request-id");
            assert_eq!(ours.len(), 36, "{ours} for {insane}");
        }
    }
    let first = admin.get("/healthz").await;
    let second = admin.get("/healthz").await;
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}

#[tokio::test]
async fn every_record_has_its_headers() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for path in doors() {
        let read = admin.get(&path).await.expect(200);
        let head = with(&admin, Method::HEAD, &path, &[]).await.expect(200);
        assert_eq!(head.text, "");
        for answer in [&read, &head] {
            assert_eq!(answer.header("content-type"), "application/json");
            assert_eq!(answer.header("cache-control"), "private, no-cache");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("content-length"), read.text.len().to_string(), "{path}");
            assert_eq!(answer.header("etag"), read.header("etag"));
        }
        let head = with(&app.anon(), Method::HEAD, &path, &[]).await.expect(401);
        assert_eq!(head.text, "");
    }
}

#[tokio::test]
async fn unknown_query_parameters_are_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (path, has) in doors().into_iter().zip(["as_of", "none", "none", "none", "none"]) {
        let expected = format!("is no query parameter of this call (it has: {has})");
        let answer = admin.get(&format!("{path}?fields=name&x")).await.expect(400);
        assert!(
            answer.text.contains(&format!("fields: {expected}; x: {expected}")),
            "{}",
            answer.text
        );
        assert_eq!(answer.header("content-type"), media_type(&path));
        admin.get(&format!("{path}?")).await.expect(200);
    }
    for (at, path) in writes().into_iter().enumerate() {
        let body = if at == 2 { json!({ "name": "Renamed" }) } else { json!({}) };
        let answer = admin.patch(&format!("{path}?dryrun=true"), &body).await.expect(400);
        let hint = answer.text.contains("did you mean dryRun?");
        assert_eq!(hint, at >= 3, "{}", answer.text);
    }
    let [v2, .., success, _] = doors();
    let told = admin.get(&format!("{v2}?fields=name")).await.expect(400).json();
    assert_eq!(told["error"]["code"], "invalid_request");
    assert_eq!(told["error"]["details"]["fields"][0]["path"], "/fields");
    let told = admin.get(&format!("{success}?fields=name")).await.expect(400).json();
    assert_eq!(told["errors"][0]["pointer"], "/fields");
}

#[tokio::test]
async fn health_is_for_everybody() {
    let app = TestApp::start().await;
    for path in ["/healthz", "/readyz"] {
        let answer = app.anon().get(path).await.expect(200);
        assert_eq!(answer.json(), json!({ "status": "ok" }));
        with(&app.anon(), Method::HEAD, path, &[]).await.expect(200);
        app.bearer("wrong").get(path).await.expect(200);
    }
}

#[tokio::test]
async fn failed_logins_are_throttled_and_nobody_else() {
    let app = TestApp::start_with(Options {
        throttle_failed_logins: true,
        rate_limit: None,
        public_url: "http://clientbook.test".into(),
    })
    .await;
    let admin = app.admin().await;
    let guesser = app.bearer("cb_guess");
    let mut throttled: Vec<Answer> = Vec::new();
    for at in 0..100 {
        let path = &doors()[at % 5];
        let answer = guesser.get(path).await;
        if answer.status == 429 {
            let seconds: u64 = answer.header("retry-after").parse().expect("whole seconds");
            assert!((1..=60).contains(&seconds), "{seconds}");
            assert_eq!(answer.header("ratelimit-policy"), "\"failed-logins\";q=30;w=30");
            assert_eq!(answer.header("ratelimit"), "\"failed-logins\";r=0;t=30");
            let message = "Too many failed logins from this address";
            refused(&answer, path, (429, "Too Many Requests", "rate_limited", message));
            throttled.push(answer);
        } else {
            answer.expect(401);
        }
        admin.get(path).await.expect(200);
    }
    // 30 are free and one more each second; the rest wait, and not the first ones.
    assert!((1..=70).contains(&throttled.len()), "{}", throttled.len());
    // Who sends no token at all guesses nothing.
    app.anon().get(&doors()[0]).await.expect(401);
    app.anon().get("/healthz").await.expect(200);
}

#[tokio::test]
async fn the_demo_does_not_throttle() {
    let app = TestApp::start().await;
    let guesser = app.bearer("cb_guess");
    for _ in 0..100 {
        guesser.get(&doors()[0]).await.expect(401);
    }
}

/// What a broken path holds is nobody's client, and no reason to fail inside.
#[tokio::test]
async fn strange_paths() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for path in
        ["/v2/clients/%FF", "/v2/clients/%00", "/v2/clients/..%2F..", "/client/%F0%9F%98%80"]
    {
        let answer = admin.get(path).await.expect(404);
        let body: Value = answer.json();
        assert!(body.is_object());
    }
    admin.get("/clients/v1/tenants/%FF/clients/456").await.expect(404);
    admin.get("/v1/workspace/tenant123/clients/%FF").await.expect(404);
}
