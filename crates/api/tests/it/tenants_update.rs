//! `PATCH /clients/v1/tenants/{tenant_id}/clients/{id}`

use axum::http::Method;
use clientbook_testkit::{ACME, TENANT, TestApp};
use serde_json::{Value, json};

const CLIENT: &str = "/clients/v1/tenants/tenant123/clients/456";

#[tokio::test]
async fn any_of_its_fields_changes() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.advance(1_000);
    let body = json!({
        "name": " Jane Doe ", "email": "jane@example.com", "tags": [" vip ", "north"],
        "status": "Trial", "org_id": "org-1", "project_id": "p-1", "owner_id": "o-1",
    });
    let changed = admin.patch(CLIENT, &body).await.expect(200);
    let read = admin.get(CLIENT).await.expect(200);
    assert_eq!((&read.text, read.header("etag")), (&changed.text, changed.header("etag")));
    let seen = read.json();
    assert_eq!((&seen["name"], &seen["tags"]), (&json!("Jane Doe"), &json!(["vip", "north"])));
    for field in ["email", "status", "org_id", "project_id", "owner_id"] {
        assert_eq!(seen[field], body[field], "{field}");
    }
    assert_eq!((&seen["active"], &seen["id"]), (&json!(true), &json!(456)));
    assert_eq!(admin.get(&format!("/client/{ACME}")).await.expect(200).json()["name"], "Jane Doe");
    // Sent back as it was read, in any of the tenant's names, it is no change.
    app.advance(1_000);
    for tenant in ["tenant123", TENANT, "65A000000000000000000123"] {
        let mut whole = seen.clone();
        whole["tenant_id"] = json!(tenant);
        let same = admin.patch(CLIENT, &whole).await.expect(200);
        assert_eq!(same.text, read.text);
    }
    let cleared =
        json!({ "email": "", "tags": [], "org_id": null, "project_id": null, "owner_id": null });
    let seen = admin.patch(CLIENT, &cleared).await.expect(200).json();
    assert_eq!(seen["tags"], json!([]));
    for field in ["email", "org_id", "project_id", "owner_id"] {
        assert_eq!(seen[field], Value::Null, "{field}");
    }
    let seen = admin.patch(CLIENT, &json!({ "active": false })).await.expect(200).json();
    assert_eq!(seen["status"], "Inactive");
    admin.patch(CLIENT, &json!({})).await.expect(200);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_broken_rule_changes_nothing() {
    let app = TestApp::start().await;
    let (admin, member) = (app.admin().await, app.role("tenant123", "member").await);
    let before = admin.get(CLIENT).await.expect(200).text;
    for (body, told) in [
        (json!({ "name": null }), "name:"),
        (json!({ "name": "x", "status": "ACTIVE" }), "status:"),
        (json!({ "name": "x", "status": "Trial", "active": false }), "active:"),
        (json!({ "name": "x", "email": "jane" }), "email:"),
        (json!({ "name": "x", "tags": "vip" }), "tags:"),
        (json!({ "name": "x", "tags": ["a", "a "] }), "tags/1:"),
        (json!({ "name": "x", "tags": null }), "tags:"),
        (json!({ "name": "x", "org_id": " " }), "org_id:"),
        (json!({ "name": "x", "id": 457 }), "id:"),
        (json!({ "name": "x", "client_id": TENANT }), "client_id:"),
        (json!({ "name": "x", "tenant_id": "tenant999" }), "tenant_id:"),
        (json!({ "nmae": "x" }), "did you mean name?"),
    ] {
        let refused = admin.patch(CLIENT, &body).await.expect(400).json();
        let message = refused["message"].as_str().expect("a message");
        assert!(message.contains(told), "{body}: {message}");
    }
    let refused = member.patch(CLIENT, &json!({ "name": "x", "active": false })).await.expect(403);
    assert_eq!(refused.json()["message"], "Admin privileges required to modify client status");
    let stale = admin.request(Method::PATCH, CLIENT).header("if-match", "\"9-0\"");
    admin.send(stale.json(&json!({ "name": "x" }))).await.expect(412);
    let rival = app.role("tenant999", "admin").await;
    rival.patch(CLIENT, &json!({ "name": "x" })).await.expect(404);
    admin.patch(&CLIENT.replace("456", "0"), &json!({ "name": "x" })).await.expect(400);
    admin.patch(&CLIENT.replace("456", "999"), &json!({ "name": "x" })).await.expect(404);
    assert_eq!(admin.get(CLIENT).await.expect(200).text, before);
    // What takes no permission of its own a member may do.
    member.patch(CLIENT, &json!({ "name": "x", "active": true })).await.expect(200);
    app.assert_audit_intact().await;
}
