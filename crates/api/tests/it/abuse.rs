//! Requests that are made to do harm: answers out of proportion, and questions about what the
//! caller may not know.

use axum::http::Method;
use clientbook_testkit::{ACME, ACME_OBJECT, GLOBEX, TestApp};
use serde_json::{Value, json};

const JSON: &str = "application/json";

/// The largest answer to a request that is wrong in as many places as fit into a body.
const LARGEST: usize = 60_000;

#[tokio::test]
async fn an_error_answer_stays_in_proportion() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (v2, tokens) = (format!("/v2/clients/{ACME}"), "/v2/api-tokens".to_owned());
    let workspace = format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}");
    let success = format!("/client/{ACME}");
    let many = |item: &str, count: usize| vec![item; count].join(",");
    let unknown: Vec<_> = (0..90_000).map(|at| format!("\"x{at}\":0")).collect();
    let unknown = format!("{{{}}}", unknown.join(","));
    let keys: Vec<_> = (0..90_000).map(|at| format!("\"k{at}\":0")).collect();
    for (method, path, body) in [
        (Method::POST, &tokens, format!("{{\"permissions\":[{}]}}", many("0", 500_000))),
        (Method::POST, &tokens, format!("{{\"client_ids\":[{}]}}", many("0", 500_000))),
        (Method::PATCH, &workspace, format!("{{\"contactMethods\":[{}]}}", many("{}", 340_000))),
        (Method::PATCH, &workspace, format!("{{\"contactMethods\":[{}]}}", many("{}", 100))),
        (Method::PATCH, &workspace, format!("{{\"customFields\":[{}]}}", many("{}", 340_000))),
        (Method::PATCH, &success, format!("{{\"accTeamingRoles\":[{}]}}", many("0", 500_000))),
        (Method::PATCH, &success, format!("{{\"accTeamingRoles\":[{}]}}", many("0", 500))),
        (Method::PATCH, &success, format!("{{\"custom\":{{{}}}}}", keys.join(","))),
        (Method::PATCH, &success, unknown.clone()),
        (Method::PATCH, &v2, unknown),
    ] {
        let request = admin.request(method, path).header("Content-Type", JSON).body(body);
        let answer = admin.send(request).await;
        assert!(matches!(answer.status, 400 | 422), "{}", answer.status);
        assert!(answer.text.len() < LARGEST, "{path}: {} bytes", answer.text.len());
    }
    let query = "x=1&".repeat(5_000);
    let answer = admin.get(&format!("{v2}?{query}")).await.expect(400);
    assert!(answer.text.len() < LARGEST, "{} bytes", answer.text.len());
}

#[tokio::test]
async fn a_key_counts_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for body in [
        r#"{"city":"x","city":"y"}"#,
        r#"{"custom":{"a":"1","\u0061":"2"}}"#,
        r#"{"region":{"id":1,"id":2,"name":"x"}}"#,
    ] {
        let request = admin.request(Method::PATCH, &format!("/client/{ACME}"));
        let answer = admin.send(request.header("Content-Type", JSON).body(body)).await.expect(400);
        assert!(answer.text.contains("twice"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_record_has_a_size() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = format!("/client/{ACME}");
    let chunk = "x".repeat(65_000);
    let mut held = 0;
    let refused = loop {
        let answer = admin.patch(&path, &json!({ "custom": { format!("k{held}"): chunk } })).await;
        if answer.status != 200 {
            break answer.expect(400);
        }
        held += 1;
        assert!(held < 20, "the record grows without end");
    };
    assert!(refused.text.contains("900000 bytes"), "{}", refused.text);
    assert!(held > 10, "only {held} values fit");
    // What it holds can be sent back, and taken away.
    let mut all = admin.get(&path).await.expect(200).json();
    admin.patch(&path, &all).await.expect(200);
    all["custom"] = json!({ "k0": null });
    admin.patch(&path, &all).await.expect(200);
    admin.patch(&path, &json!({ "custom": { "again": chunk } })).await.expect(200);
}

#[tokio::test]
async fn a_parent_out_of_reach_is_like_none() {
    let app = TestApp::start().await;
    let bound = json!({ "tenant": "tenant123", "role": "member", "client_ids": [ACME] });
    let bound = app.grant(&bound).await;
    let path = format!("/client/{ACME}?dryRun=true");
    let existing = bound.patch(&path, &json!({ "parentClientId": 457 })).await.expect(400);
    let missing = bound.patch(&path, &json!({ "parentClientId": 458 })).await.expect(400);
    assert_eq!(existing.text, missing.text);
    let free = app.role("tenant123", "member").await;
    let shown = free.patch(&path, &json!({ "parentClientId": 457 })).await.expect(200);
    assert_eq!(shown.json()["parentClient"]["uuid"], GLOBEX);
}

#[tokio::test]
async fn who_may_not_is_told_that_first() {
    let app = TestApp::start().await;
    let viewer = app.role("tenant123", "viewer").await;
    let workspace = format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}");
    let switch = "/clients/v1/tenants/tenant123/clients/456/deactivate";
    for (method, path, body) in [
        (Method::POST, "/v2/api-tokens", "{}"),
        (Method::POST, "/v2/api-tokens", "no json"),
        (Method::PATCH, &format!("/v2/clients/{ACME}"), "no json"),
        (Method::PATCH, &format!("/client/{ACME}"), "[]"),
        (Method::PATCH, &workspace, "{}"),
        (Method::PATCH, switch, r#"{"a":1}"#),
    ] {
        let request =
            viewer.request(method, path).header("Content-Type", JSON).body(body.to_owned());
        viewer.send(request).await.expect(403);
    }
    let stranger = app.role("tenant999", "admin").await;
    let request = stranger.request(Method::PATCH, &format!("/v2/clients/{ACME}"));
    stranger.send(request.header("Content-Type", JSON).body("no json")).await.expect(404);
}

#[tokio::test]
async fn a_tenants_token_never_becomes_an_operators() {
    let app = TestApp::start().await;
    let all = ["viewer", "member", "admin", "operator"];
    for grant in [
        json!({ "tenant": "tenant123", "permissions": ["tokens.manage", "tenants.manage"] }),
        json!({ "tenant": "tenant123", "role": "operator" }),
    ] {
        let mut body = grant.clone();
        body["name"] = json!("Too much");
        app.operator().post("/v2/api-tokens", &body).await.expect(400);
    }
    let admin = app.admin().await;
    for role in all {
        let made = admin.post("/v2/api-tokens", &json!({ "name": "x", "role": role })).await;
        assert_eq!(made.status, if role == "operator" { 403 } else { 201 }, "{role}");
    }
}

#[tokio::test]
async fn every_wrong_parameter_is_told() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let log = format!("/v2/clients/{ACME}/collection-control/audit-log");
    let wrong = "?page_size=201&sort_order=x&entity_type=y&entity_id=z";
    let answer = admin.get(&format!("{log}{wrong}")).await.expect(400).json();
    let fields = answer["error"]["details"]["fields"].as_array().expect("fields").clone();
    let mut paths: Vec<_> = fields.iter().filter_map(|field| field["path"].as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/entity_id", "/entity_type", "/page_size", "/sort_order"]);
}

#[tokio::test]
async fn a_stale_read_can_be_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = format!("/v2/clients/{ACME}");
    let tag = admin.get(&path).await.expect(200).header("etag").to_owned();
    let read = |tag: String| admin.request(Method::GET, &path).header("If-Match", tag);
    admin.send(read(tag.clone())).await.expect(200);
    admin.patch(&path, &json!({ "collection_mode": "disabled" })).await.expect(200);
    admin.send(read(tag)).await.expect(412);
}

/// The head of a request is authenticated before its body is there: the token must still work when
/// the change is made.
#[tokio::test]
async fn a_token_revoked_while_the_body_comes_changes_nothing() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let made = admin.post("/v2/api-tokens", &json!({ "name": "x", "role": "admin" })).await;
    let made = made.expect(201).json();
    let (id, token) = (made["id"].as_str().expect("id"), made["token"].as_str().expect("token"));
    let body = r#"{"collection_mode":"disabled"}"#;
    let head = format!(
        "PATCH /v2/clients/{ACME} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: {JSON}\r\nContent-Length: {}\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    let address = app.base().strip_prefix("http://").expect("an address");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("sent");
    // The server asks for the body only once the head is accepted.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.expect("100 Continue");
    assert!(asked.starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&asked));
    admin.delete(&format!("/v2/api-tokens/{id}")).await.expect(204);
    stream.write_all(body.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let client = admin.get(&format!("/v2/clients/{ACME}")).await.expect(200).json();
    assert_eq!(client["collection_mode"], Value::from("saas_usage"));
}
