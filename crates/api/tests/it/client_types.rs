//! `/client-types`: the tenant's words for its clients.

use clientbook_testkit::{ACME, TestApp};
use serde_json::json;

const TYPES: &str = "/client-types";

#[tokio::test]
async fn a_type_is_made_listed_and_used() {
    let app = TestApp::start().await;
    let member = app.role("tenant123", "member").await;
    let made = member.post(TYPES, &json!({ "title": " Agency " })).await.expect(201);
    assert_eq!(made.text, r#"{"id":4,"title":"Agency"}"#);
    let listed = member.get(TYPES).await.expect(200);
    assert_eq!(
        listed.text,
        concat!(
            r#"[{"id":4,"title":"Agency"},{"id":1,"title":"Enterprise"},"#,
            r#"{"id":2,"title":"Mid-market"},{"id":3,"title":"Startup"}]"#
        )
    );
    // The page's callers send the bare token, too.
    let request = app.anon().request(axum::http::Method::GET, TYPES);
    let bare = request.header("x-api-key", member.token());
    assert_eq!(member.send(bare).await.expect(200).text, listed.text);
    let change = json!({ "clientTypeTitle": "Agency" });
    let client = member.patch(&format!("/client/{ACME}"), &change).await.expect(200).json();
    assert_eq!(client["clientTypeId"], 4);
    let taken = member.post(TYPES, &json!({ "title": "Agency" })).await.expect(409);
    assert_eq!(taken.header("content-type"), "application/problem+json");
    assert_eq!(taken.json()["errors"][0]["pointer"], "/title");
    for body in [json!({}), json!({ "title": " " }), json!({ "title": "x", "id": 9 })] {
        member.post(TYPES, &body).await.expect(400);
    }
    // What was refused took no id.
    assert_eq!(member.post(TYPES, &json!({ "title": "Next" })).await.expect(201).json()["id"], 5);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn types_are_each_tenants_own() {
    let app = TestApp::start().await;
    let (member, rival) =
        (app.role("tenant123", "member").await, app.role("tenant999", "member").await);
    let (viewer, operator) = (app.role("tenant123", "viewer").await, app.operator());
    assert_eq!(rival.get(TYPES).await.expect(200).text, "[]");
    assert_eq!(
        rival.post(TYPES, &json!({ "title": "Enterprise" })).await.expect(201).json()["id"],
        1
    );
    viewer.get(TYPES).await.expect(200);
    viewer.post(TYPES, &json!({ "title": "x" })).await.expect(403);
    viewer.post(TYPES, &json!({ "colour": "x" })).await.expect(403);
    for tenant in ["tenant123", "nobody"] {
        rival.get(&format!("{TYPES}?tenant={tenant}")).await.expect(403);
        rival.post(TYPES, &json!({ "title": "x", "tenantId": tenant })).await.expect(403);
    }
    let own = member.get(&format!("{TYPES}?tenant=tenant123")).await.expect(200).text;
    operator.get(TYPES).await.expect(400);
    let refused = operator.post(TYPES, &json!({ "title": "x" })).await.expect(400).json();
    assert_eq!(refused["errors"][0]["pointer"], "/tenantId");
    assert_eq!(operator.get(&format!("{TYPES}?tenant=tenant123")).await.expect(200).text, own);
    let body = json!({ "title": "x", "tenantId": "tenant999" });
    assert_eq!(operator.post(TYPES, &body).await.expect(201).json()["id"], 2);
    // A type is everyone's: not for those who are restricted within the tenant.
    let grant = json!({ "tenant": "tenant123", "role": "member", "client_ids": [ACME] });
    let bound = app.grant(&grant).await;
    bound.get(TYPES).await.expect(200);
    bound.post(TYPES, &json!({ "title": "x" })).await.expect(403);
    assert_eq!(member.get(TYPES).await.expect(200).text, own);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_tenant_has_at_most_a_thousand() {
    let app = TestApp::start().await;
    let member = app.role("tenant999", "member").await;
    let sql = "SELECT id FROM tenants WHERE slug = 'tenant999'";
    let id = app.database().rows(sql).remove(0).remove(0);
    let id = app.database().uuid(id.parse().expect("a UUID"));
    for at in 0..10 {
        let rows: Vec<_> = (at * 100..at * 100 + 100)
            .filter(|at| *at < 999)
            .map(|at| format!("({id}, {}, 'Type {at}')", at + 1))
            .collect();
        let rows = rows.join(", ");
        app.database().execute(&format!("INSERT INTO client_types VALUES {rows}"));
    }
    member.post(TYPES, &json!({ "title": "The last" })).await.expect(201);
    let refused = member.post(TYPES, &json!({ "title": "Too many" })).await.expect(400).text;
    assert!(refused.contains("at most 1000"), "{refused}");
}
