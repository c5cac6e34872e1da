//! `/v2/api-tokens`: what lets programs in, and who may hand it out.

use clientbook_testkit::{ACME, Actor, Answer, GLOBEX, INITECH, TENANT, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const TOKENS: &str = "/v2/api-tokens";
const RIVAL: &str = "b2c3d4e5-f6a7-8901-bcde-f12345678902";
const DAY: i64 = 24 * 60 * 60 * 1000;

fn named(grant: &Value) -> Value {
    let mut body = grant.clone();
    body["name"] = json!("A token");
    body
}

async fn make(actor: &Actor, grant: &Value) -> Answer {
    actor.post(TOKENS, &named(grant)).await
}

fn secret(answer: &Answer) -> String {
    answer.json()["token"].as_str().expect("a secret").to_owned()
}

fn id(answer: &Answer) -> String {
    answer.json()["id"].as_str().expect("an id").to_owned()
}

async fn list(actor: &Actor, query: &str) -> Value {
    actor.get(&format!("{TOKENS}{query}")).await.expect(200).json()
}

fn ids(page: &Value) -> Vec<String> {
    let rows = page["data"].as_array().expect("a list");
    rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn a_secret_is_told_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.advance(1);
    let end = "2026-03-11T00:00:00Z";
    let grant = json!({ "role": "viewer", "client_ids": [ACME, GLOBEX], "expires_at": end });
    let made = make(&admin, &grant).await.expect(201);
    let (id, secret) = (id(&made), secret(&made));
    assert_eq!(made.header("cache-control"), "no-store");
    assert_eq!(made.header("etag"), "");
    let random = secret.strip_prefix("cb_").expect("the prefix");
    assert!(random.len() >= 32 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let creator = &list(&app.operator(), "?tenant=tenant123").await["data"][1]["id"];
    let about = format!(
        concat!(
            r#"{{"id":"{}","name":"A token","tenant_id":"{}","role":"viewer","#,
            r#""permissions":["clients.view"],"client_ids":["{}","{}"],"org_id":null,"#,
            r#""project_id":null,"expires_at":"2026-03-11T00:00:00.000Z","created_by":{},"#,
            r#""created_at":"2026-03-10T14:30:00.001Z""#
        ),
        id, TENANT, ACME, GLOBEX, creator
    );
    assert_eq!(made.text, format!("{about},\"token\":\"{secret}\"}}"));
    let listed = admin.get(TOKENS).await.expect(200);
    assert!(listed.text.contains(&format!("{about}}}")), "{}", listed.text);
    assert!(!listed.text.contains("cb_") && !listed.text.contains("\"token\""));
    assert_eq!(listed.header("cache-control"), "private, no-cache");
    app.bearer(&secret).get(&format!("/v2/clients/{ACME}")).await.expect(200);
}

#[tokio::test]
async fn what_a_token_may_be_for() {
    let app = TestApp::start().await;
    let (admin, operator) = (app.admin().await, app.operator());
    for tenant in ["tenant123", TENANT, "65A000000000000000000123"] {
        for actor in [&admin, &operator] {
            let made = make(actor, &json!({ "tenant": tenant, "role": "viewer" })).await;
            assert_eq!(made.expect(201).json()["tenant_id"], TENANT);
        }
    }
    let wish = json!({ "permissions": ["audit.view", "clients.view", "audit.view"], "role": null });
    let made = make(&admin, &wish).await.expect(201).json();
    assert_eq!(made["role"], Value::Null);
    assert_eq!(made["permissions"], json!(["clients.view", "audit.view"]));
    let all = make(&operator, &json!({ "role": "operator" })).await.expect(201);
    assert_eq!(all.json()["tenant_id"], Value::Null);
    let second = app.bearer(&secret(&all));
    second.get(&format!("/v2/clients/{ACME}")).await.expect(200);
    second.get(&format!("/v2/clients/{INITECH}")).await.expect(200);
}

#[tokio::test]
async fn a_revoked_token_is_dead_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let made = make(&admin, &json!({ "role": "admin" })).await.expect(201);
    let bearer = app.bearer(&secret(&made));
    let path = format!("{TOKENS}/{}", id(&made));
    bearer.get(TOKENS).await.expect(200);
    let revoked = admin.delete(&path).await.expect(204);
    assert_eq!(revoked.text, "");
    for path in [
        TOKENS.to_owned(),
        format!("/v2/clients/{ACME}"),
        "/clients/v1/tenants/tenant123/clients/456".to_owned(),
        "/v1/workspace/tenant123/clients/507f1f77bcf86cd799439011".to_owned(),
        format!("/client/{ACME}"),
    ] {
        let refused = bearer.get(&path).await.expect(401);
        assert_eq!(
            refused.header("www-authenticate"),
            r#"Bearer realm="clientbook", error="invalid_token""#
        );
    }
    admin.delete(&path).await.expect(204);
    admin.delete(&path.to_uppercase().replace("/V2/API-TOKENS", TOKENS)).await.expect(204);
    assert!(!ids(&list(&admin, "").await).contains(&id(&made)));
    // One that revokes itself hears that it worked.
    let own = make(&admin, &json!({ "role": "admin" })).await.expect(201);
    let bearer = app.bearer(&secret(&own));
    bearer.delete(&format!("{TOKENS}/{}", id(&own))).await.expect(204);
    bearer.get(TOKENS).await.expect(401);
}

#[tokio::test]
async fn a_token_ends_at_its_time() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let wish = json!({ "role": "viewer", "expires_at": "2026-03-11T14:30:00.000Z" });
    let made = make(&admin, &wish).await.expect(201);
    let bearer = app.bearer(&secret(&made));
    let path = format!("/v2/clients/{ACME}");
    app.advance(DAY - 1);
    bearer.get(&path).await.expect(200);
    app.advance(1);
    let refused = bearer.get(&path).await.expect(401);
    assert_eq!(refused.json()["error"]["code"], "unauthenticated");
    assert_eq!(refused.json()["error"]["message"], "The access token has expired");
    assert!(ids(&list(&admin, "").await).contains(&id(&made)));
    let past = json!({ "role": "viewer", "expires_at": "2026-03-11T14:30:00.000Z" });
    let refused = make(&admin, &past).await.expect(400).json();
    assert_eq!(refused["error"]["details"]["fields"][0]["path"], "/expires_at");
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for _ in 0..6 {
        app.advance(1_000);
        make(&admin, &json!({ "role": "viewer" })).await.expect(201);
    }
    let all = ids(&list(&admin, "?page_size=500").await);
    assert_eq!(all.len(), 7);
    let (mut seen, mut query, mut gone) = (Vec::new(), "?page_size=2".to_owned(), BTreeSet::new());
    loop {
        let page = list(&admin, &query).await;
        assert_eq!(page["total_count"], 7);
        seen.extend(ids(&page));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("?page_size=2&cursor={cursor}");
        // The very row that the cursor points at goes, and a new one comes.
        let last = seen.last().expect("a row").clone();
        admin.delete(&format!("{TOKENS}/{last}")).await.expect(204);
        gone.insert(last);
        app.advance(1_000);
        make(&admin, &json!({ "role": "viewer" })).await.expect(201);
    }
    assert_eq!(seen, all);
    assert_eq!(gone.len(), 3);
    let page = list(&admin, "?page_size=1").await;
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    let rival = app.role("tenant999", "admin").await;
    for (actor, query) in [
        (&rival, format!("?cursor={cursor}")),
        (&app.operator(), format!("?cursor={cursor}")),
        (&admin, format!("?cursor=x{cursor}")),
        (&admin, "?page_size=0".into()),
        (&admin, "?page_size=501".into()),
        (&admin, "?role=admin".into()),
    ] {
        let refused = actor.get(&format!("{TOKENS}{query}")).await.expect(400).json();
        assert_eq!(refused["error"]["code"], "invalid_request", "{query}");
    }
    let own = format!("?cursor={cursor}&tenant={TENANT}");
    assert_eq!(list(&app.operator(), &own).await["total_count"], 7);
}

async fn refused(actor: &Actor, grant: &Value) -> String {
    let answer = make(actor, grant).await.expect(403);
    assert_eq!(answer.json()["error"]["code"], "forbidden");
    answer.text
}

#[tokio::test]
async fn nobody_grants_more_than_they_hold() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for role in ["viewer", "member"] {
        let actor = app.role("tenant123", role).await;
        let told = refused(&actor, &json!({ "role": "viewer" })).await;
        assert!(told.contains("tokens.manage"), "{told}");
        actor.get(TOKENS).await.expect(403);
    }
    refused(&admin, &json!({ "role": "operator" })).await;
    refused(&admin, &json!({ "tenant": "tenant123", "role": "operator" })).await;
    let told = refused(&admin, &json!({ "permissions": ["tenants.manage", "clients.view"] })).await;
    assert!(told.contains("tenants.manage") && !told.contains("clients.view"), "{told}");
    let clerk = json!({ "tenant": "tenant123", "permissions": ["tokens.manage", "clients.view"] });
    let clerk = app.grant(&clerk).await;
    make(&clerk, &json!({ "role": "viewer" })).await.expect(201);
    let told = refused(&clerk, &json!({ "role": "member" })).await;
    for missing in ["clients.create", "clients.update", "clients.delete"] {
        assert!(told.contains(missing), "{told}");
    }
    // The same answer for a tenant that exists and for one that does not.
    let existing = refused(&admin, &json!({ "tenant": "tenant999", "role": "viewer" })).await;
    let names =
        [RIVAL, "65a000000000000000000999", "nobody", "?", "00000000-0000-0000-0000-000000000000"];
    for name in names {
        let told = refused(&admin, &json!({ "tenant": name, "role": "viewer" })).await;
        assert_eq!(told, existing, "{name}");
        let listed = admin.get(&format!("{TOKENS}?tenant={name}")).await.expect(403);
        assert_eq!(listed.text, existing, "{name}");
    }
    assert_eq!(list(&app.operator(), "?tenant=tenant999").await["total_count"], 0);
}

#[tokio::test]
async fn nobody_lifts_their_own_restrictions() {
    let app = TestApp::start().await;
    let grant = json!({ "tenant": "tenant123", "role": "admin", "client_ids": [ACME] });
    let bound = app.grant(&grant).await;
    make(&bound, &json!({ "role": "viewer", "client_ids": [ACME] })).await.expect(201);
    let existing =
        refused(&bound, &json!({ "role": "viewer", "client_ids": [ACME, GLOBEX] })).await;
    refused(&bound, &json!({ "role": "viewer" })).await;
    for other in [INITECH, "00000000-0000-4000-8000-000000000000"] {
        let wish = json!({ "role": "viewer", "client_ids": [ACME, other] });
        assert_eq!(refused(&bound, &wish).await, existing, "{other}");
    }
    for scope in ["org_id", "project_id"] {
        let scoped = json!({ "tenant": "tenant123", "role": "admin", scope: "own" });
        let scoped = app.grant(&scoped).await;
        make(&scoped, &json!({ "role": "admin", scope: "own" })).await.expect(201);
        refused(&scoped, &json!({ "role": "admin" })).await;
        refused(&scoped, &json!({ "role": "admin", scope: "other" })).await;
    }
    let end = "2026-03-11T00:00:00.000Z";
    let brief = json!({ "tenant": "tenant123", "role": "admin", "expires_at": end });
    let brief = app.grant(&brief).await;
    make(&brief, &json!({ "role": "viewer", "expires_at": end })).await.expect(201);
    refused(&brief, &json!({ "role": "viewer" })).await;
    let longer = json!({ "role": "viewer", "expires_at": "2026-03-11T00:00:00.001Z" });
    refused(&brief, &longer).await;
}

#[tokio::test]
async fn a_restricted_caller_knows_its_own_tokens_only() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let grant = json!({ "tenant": "tenant123", "role": "admin", "client_ids": [ACME] });
    let bound = app.grant(&grant).await;
    let others = make(&admin, &json!({ "role": "viewer", "client_ids": [ACME] })).await.expect(201);
    assert_eq!(list(&bound, "").await["total_count"], 0);
    let own = make(&bound, &json!({ "role": "viewer", "client_ids": [ACME] })).await.expect(201);
    let page = list(&bound, "").await;
    assert_eq!((ids(&page), &page["total_count"]), (vec![id(&own)], &json!(1)));
    let hidden = format!("{TOKENS}/{}", id(&others));
    bound.delete(&hidden).await.expect(404);
    app.bearer(&secret(&others)).get(&format!("/v2/clients/{ACME}")).await.expect(200);
    bound.delete(&format!("{TOKENS}/{}", id(&own))).await.expect(204);
    assert_eq!(list(&bound, "").await["total_count"], 0);
    assert_eq!(list(&admin, "").await["total_count"], 3);
}

#[tokio::test]
async fn another_tenants_token_is_not_found() {
    let app = TestApp::start().await;
    let (admin, rival) = (app.admin().await, app.role("tenant999", "admin").await);
    let theirs = make(&rival, &json!({ "role": "viewer" })).await.expect(201);
    let operators = make(&app.operator(), &json!({ "role": "operator" })).await.expect(201);
    let unknown = "00000000-0000-4000-8000-000000000000";
    for asked in [id(&theirs), id(&operators), unknown.to_owned(), "no-uuid".into()] {
        let missing = admin.delete(&format!("{TOKENS}/{asked}")).await.expect(404).json();
        assert_eq!(missing["error"]["code"], "not_found");
        assert_eq!(missing["error"]["details"], json!({ "api_token_id": asked }));
    }
    app.bearer(&secret(&theirs)).get(&format!("/v2/clients/{INITECH}")).await.expect(200);
    let path = format!("{TOKENS}/{}", id(&theirs));
    app.operator().delete(&path).await.expect(204);
    app.bearer(&secret(&theirs)).get(&format!("/v2/clients/{INITECH}")).await.expect(401);
    app.operator().delete(&format!("{TOKENS}/{unknown}")).await.expect(404);
}

#[tokio::test]
async fn everything_wrong_is_told_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({
        "name": "  ",
        "role": "owner",
        "client_ids": ["456", ACME, 7],
        "expires_at": "tomorrow",
        "expiresAt": "2026-03-11T00:00:00Z",
        "tenant": 7,
    });
    let paths = broken(&admin.post(TOKENS, &body).await);
    let expected = [
        "/client_ids/0",
        "/client_ids/2",
        "/expiresAt",
        "/expires_at",
        "/name",
        "/role",
        "/tenant",
    ];
    assert_eq!(paths, BTreeSet::from(expected.map(str::to_owned)));
    let missing = broken(&admin.post(TOKENS, &json!({})).await);
    assert_eq!(missing, BTreeSet::from(["/name", "/role"].map(str::to_owned)));
    let cases = [
        (json!({ "role": "viewer", "permissions": ["clients.view"] }), "/role"),
        (json!({ "permissions": [] }), "/permissions"),
        (json!({ "permissions": ["clients.view", "clients.fly"] }), "/permissions/1"),
        (json!({ "permissions": "clients.view" }), "/permissions"),
        (json!({ "role": "viewer", "client_ids": [] }), "/client_ids"),
        (json!({ "role": "viewer", "client_ids": [INITECH] }), "/client_ids/0"),
        (json!({ "role": "viewer", "org_id": "" }), "/org_id"),
    ];
    for (grant, path) in cases {
        let told = broken(&make(&admin, &grant).await);
        assert_eq!(told, BTreeSet::from([path.to_owned()]), "{grant}");
    }
    for name in ["", "x\u{0}y", &"x".repeat(101)] {
        let body = json!({ "name": name, "role": "viewer" });
        assert_eq!(broken(&admin.post(TOKENS, &body).await), BTreeSet::from(["/name".to_owned()]));
    }
    let body = json!({ "name": "é".repeat(100), "role": "viewer" });
    admin.post(TOKENS, &body).await.expect(201);
    assert_eq!(list(&admin, "").await["total_count"], 2);
}

fn broken(answer: &Answer) -> BTreeSet<String> {
    let told = answer.clone().expect(400).json();
    assert_eq!(told["error"]["code"], "invalid_request");
    let fields = told["error"]["details"]["fields"].as_array().expect("the fields").clone();
    fields.iter().map(|field| field["path"].as_str().expect("a path").to_owned()).collect()
}

#[tokio::test]
async fn an_operator_names_the_tenant() {
    let app = TestApp::start().await;
    let operator = app.operator();
    let cases = [
        (json!({ "role": "admin" }), "/tenant"),
        (json!({ "permissions": ["clients.view"] }), "/tenant"),
        (json!({ "tenant": "nobody", "role": "admin" }), "/tenant"),
        (json!({ "tenant": "tenant123", "role": "operator" }), "/tenant"),
        (json!({ "role": "operator", "client_ids": [ACME] }), "/role"),
    ];
    for (grant, path) in cases {
        let told = broken(&make(&operator, &grant).await);
        assert_eq!(told, BTreeSet::from([path.to_owned()]), "{grant}");
    }
    let unknown = operator.get(&format!("{TOKENS}?tenant=nobody")).await.expect(400).json();
    assert_eq!(unknown["error"]["details"]["fields"][0]["path"], "/tenant");
    let own = list(&operator, "").await;
    assert_eq!(own["total_count"], 1);
    assert_eq!(own["data"][0]["role"], "operator");
}
