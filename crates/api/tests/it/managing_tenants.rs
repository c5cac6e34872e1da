//! `/v2/tenants`: for operators.

use axum::http::Method;
use clientbook_testkit::{ACME, TENANT, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const TENANTS: &str = "/v2/tenants";
const RIVAL: &str = "b2c3d4e5-f6a7-8901-bcde-f12345678902";

#[tokio::test]
async fn a_tenant_is_made_and_lived_in() {
    let app = TestApp::start().await;
    let operator = app.operator();
    let made =
        operator.post(TENANTS, &json!({ "slug": "acme", "name": " Acme " })).await.expect(201);
    let tenant = made.json();
    assert_eq!((&tenant["slug"], &tenant["name"]), (&json!("acme"), &json!("Acme")));
    let read = operator.get(made.header("location")).await.expect(200);
    assert_eq!((&read.text, read.header("etag")), (&made.text, made.header("etag")));
    for name in
        ["acme", tenant["id"].as_str().expect("text"), tenant["object_id"].as_str().expect("text")]
    {
        let name = if name == "acme" { name.to_owned() } else { name.to_uppercase() };
        assert_eq!(operator.get(&format!("{TENANTS}/{name}")).await.expect(200).text, made.text);
    }
    let admin = app.role("acme", "admin").await;
    let client = admin.post("/v2/clients", &json!({ "name": "First" })).await.expect(201).json();
    assert_eq!(client["partner"], json!({ "id": tenant["id"], "name": "Acme" }));
    let path = "/clients/v1/tenants/acme/clients/1";
    assert_eq!(admin.get(path).await.expect(200).json()["client_id"], client["id"]);
    admin.get(&format!("/v2/clients/{ACME}")).await.expect(404);
    let given = json!({
        "id": "0F000000-0000-4000-8000-00000000000A", "object_id": "65A0000000000000000000AB",
        "slug": "given", "name": "Given",
    });
    let made = operator.post(TENANTS, &given).await.expect(201).json();
    assert_eq!(made["id"], "0f000000-0000-4000-8000-00000000000a");
    assert_eq!(made["object_id"], "65a0000000000000000000ab");
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn what_is_taken_or_wrong_is_refused() {
    let app = TestApp::start().await;
    let operator = app.operator();
    let before = operator.get(TENANTS).await.expect(200).text;
    for (field, value) in [
        ("slug", "tenant999"),
        ("slug", "clientbook-system"),
        ("id", RIVAL),
        ("id", ACME),
        ("id", "00000000-0000-0000-0000-000000000000"),
        ("object_id", "65a000000000000000000999"),
    ] {
        let mut body = json!({ "slug": "fresh", "name": "Fresh" });
        body[field] = json!(value);
        let taken = operator.post(TENANTS, &body).await.expect(409).json();
        assert_eq!(taken["error"]["details"]["fields"][0]["path"], format!("/{field}"), "{value}");
        if field == "slug" {
            let change = json!({ "slug": value });
            let taken = operator.patch(&format!("{TENANTS}/tenant123"), &change).await.expect(409);
            assert_eq!(taken.json()["error"]["details"]["fields"][0]["path"], "/slug");
        }
    }
    let body = json!({ "id": "x", "object_id": "x", "slug": "A", "name": "", "tenant": "x" });
    let refused = operator.post(TENANTS, &body).await.expect(400).json();
    let fields = refused["error"]["details"]["fields"].as_array().expect("fields");
    let paths: BTreeSet<_> =
        fields.iter().map(|field| field["path"].as_str().expect("one")).collect();
    assert_eq!(paths, BTreeSet::from(["/id", "/object_id", "/slug", "/name", "/tenant"]));
    let path = format!("{TENANTS}/tenant123");
    for slug in ["", "1a", "a_b", "-a", &"a".repeat(64), "a5a000000000000000000123", TENANT] {
        operator.post(TENANTS, &json!({ "slug": slug, "name": "x" })).await.expect(400);
        operator.patch(&path, &json!({ "slug": slug })).await.expect(400);
    }
    for body in [
        json!({ "name": "x", "id": RIVAL }),
        json!({ "name": "x", "object_id": "65a000000000000000000999" }),
        json!({ "name": null }),
        json!({ "name": "x", "colour": "red" }),
    ] {
        operator.patch(&path, &body).await.expect(400);
    }
    operator.patch(&format!("{TENANTS}/nobody"), &json!({ "name": "x" })).await.expect(404);
    operator.get(&format!("{TENANTS}/clientbook-system")).await.expect(404);
    operator.get(&format!("{TENANTS}/00000000-0000-0000-0000-000000000000")).await.expect(404);
    assert_eq!(operator.get(TENANTS).await.expect(200).text, before);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn only_operators_know_of_tenants() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let own = format!("{TENANTS}/tenant123");
    for path in [TENANTS, &own, "/v2/tenants/tenant999", "/v2/tenants/nobody"] {
        admin.get(path).await.expect(403);
        app.anon().get(path).await.expect(401);
    }
    admin.post(TENANTS, &json!({ "slug": "mine", "name": "Mine" })).await.expect(403);
    admin.post(TENANTS, &json!({ "colour": "red" })).await.expect(403);
    admin.patch(&own, &json!({ "name": "Mine" })).await.expect(403);
    admin.patch("/v2/tenants/nobody", &json!([])).await.expect(403);
}

#[tokio::test]
async fn a_new_name_shows_at_once_and_is_told_in_the_trail() {
    let app = TestApp::start().await;
    let (operator, admin) = (app.operator(), app.admin().await);
    let (client, path) = (format!("/v2/clients/{ACME}"), format!("{TENANTS}/tenant123"));
    let read = admin.get(&client).await.expect(200);
    assert_eq!(read.json()["partner"]["name"], "TechPartner Inc.");
    let tenants = "/clients/v1/tenants/tenant123/clients/456";
    admin.get(tenants).await.expect(200);
    let before = operator.get(&path).await.expect(200);
    let same = operator.patch(&path, &before.json()).await.expect(200);
    assert_eq!((&same.text, same.header("etag")), (&before.text, before.header("etag")));
    let change = json!({ "name": "TechPartner International" });
    let stale = operator.request(Method::PATCH, &path).header("if-match", "\"9-0\"");
    operator.send(stale.json(&change)).await.expect(412);
    let fresh = operator.request(Method::PATCH, &path).header("if-match", before.header("etag"));
    operator.send(fresh.json(&change)).await.expect(200);
    let again = operator.request(Method::PATCH, &path).header("if-match", before.header("etag"));
    operator.send(again.json(&json!({ "name": "x" }))).await.expect(412);
    let after = admin.get(&client).await.expect(200);
    assert_eq!(after.json()["partner"]["name"], "TechPartner International");
    assert_ne!(after.header("etag"), read.header("etag"));
    // The slug is how this surface names it.
    operator.patch(&path, &json!({ "slug": "renamed" })).await.expect(200);
    admin.get(tenants).await.expect(404);
    let moved = tenants.replace("tenant123", "renamed");
    assert_eq!(admin.get(&moved).await.expect(200).json()["tenant_id"], "renamed");
    let entries = app.database().rows(
        "SELECT contents FROM audit_entries WHERE action = 'tenant_updated' ORDER BY sequence",
    );
    assert_eq!(entries.len(), 2);
    let told: Value = serde_json::from_str(&entries[1][0]).expect("JSON");
    assert_eq!(told["changes"][0]["field"], "slug");
    assert_eq!(told["changes"][0]["before"]["text"], "\"tenant123\"");
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn tenants_are_listed_newest_first() {
    let app = TestApp::start().await;
    let operator = app.operator();
    for at in 0..5 {
        app.advance(at % 2);
        let body = json!({ "slug": format!("tenant-{at}"), "name": format!("Tenant {at}") });
        operator.post(TENANTS, &body).await.expect(201);
    }
    let slugs = |page: &Value| -> Vec<String> {
        let rows = page["data"].as_array().expect("tenants");
        rows.iter().map(|row| row["slug"].as_str().expect("a slug").to_owned()).collect()
    };
    let whole = operator.get(TENANTS).await.expect(200).json();
    assert_eq!((&whole["total_count"], &whole["next_cursor"]), (&json!(7), &Value::Null));
    let all = slugs(&whole);
    assert_eq!(all.len(), 7);
    let old: BTreeSet<_> = all[5..].iter().map(String::as_str).collect();
    assert_eq!(old, BTreeSet::from(["tenant123", "tenant999"]));
    let (mut seen, mut query) = (Vec::new(), "?page_size=2".to_owned());
    loop {
        let page = operator.get(&format!("{TENANTS}{query}")).await.expect(200).json();
        seen.extend(slugs(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?page_size=2&cursor={cursor}");
    }
    assert_eq!(seen, all);
    operator.get(&format!("{TENANTS}?cursor=x")).await.expect(400);
    operator.get(&format!("{TENANTS}?page_size=0")).await.expect(400);
}
