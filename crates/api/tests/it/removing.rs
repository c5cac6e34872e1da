//! `DELETE` of the workspace API: a client ends, and only that API knows it no longer.

use axum::http::Method;
use clientbook_testkit::{ACME, ACME_OBJECT, GLOBEX, INITECH_OBJECT, TestApp};
use serde_json::json;

const CLIENT: &str = "/v1/workspace/tenant123/clients/507f1f77bcf86cd799439011";
const TENANTS: &str = "/clients/v1/tenants/tenant123/clients/456";

#[tokio::test]
async fn a_removed_client_is_known_to_the_other_doors_only() {
    let app = TestApp::start().await;
    let (admin, member) = (app.admin().await, app.role("tenant123", "member").await);
    let v2 = format!("/v2/clients/{ACME}");
    // The copies in memory are there before.
    for path in [CLIENT, TENANTS, &v2] {
        admin.get(path).await.expect(200);
    }
    app.advance(1_000);
    let done = member.delete(CLIENT).await.expect(204);
    assert_eq!(done.text, "");
    let missing = "00112233445566778899aabb";
    let nobody = admin.get(&CLIENT.replace(ACME_OBJECT, missing)).await.expect(404).text;
    for actor in [&admin, &member, &app.operator()] {
        assert_eq!(actor.get(CLIENT).await.expect(404).text, nobody);
        actor.patch(CLIENT, &json!({ "name": "x" })).await.expect(404);
        actor.delete(CLIENT).await.expect(404);
    }
    let seen = admin.get(TENANTS).await.expect(200).json();
    assert_eq!((&seen["status"], &seen["active"]), (&json!("Terminated"), &json!(false)));
    assert_eq!(seen["updated_at"], "2026-03-10T14:30:01.000Z");
    assert_eq!(admin.get(&v2).await.expect(200).json()["collection_mode"], "disabled");
    assert_eq!(
        admin.get(&format!("/client/{ACME}")).await.expect(200).json()["status"],
        "TERMINATED"
    );
    let log = format!("{v2}/collection-control/audit-log");
    assert_eq!(admin.get(&log).await.expect(200).json()["total_count"], 1);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn another_status_brings_it_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let status =
        json!({ "tenant": "tenant123", "permissions": ["clients.status", "clients.view"] });
    let status = app.grant(&status).await;
    let success = format!("/client/{ACME}");
    for way in 0..3 {
        admin.delete(CLIENT).await.expect(204);
        // What leaves the status alone leaves it removed.
        admin.patch(&success, &json!({ "note": format!("x{way}") })).await.expect(200);
        admin.patch(&success, &json!({ "status": "TERMINATED" })).await.expect(200);
        let mode = json!({ "collection_mode": "saas_usage" });
        admin.patch(&format!("/v2/clients/{ACME}"), &mode).await.expect(200);
        admin.get(CLIENT).await.expect(404);
        match way {
            0 => status.patch_empty(&format!("{TENANTS}/activate")).await.expect(200),
            1 => admin.patch(&success, &json!({ "status": "INACTIVE" })).await.expect(200),
            _ => admin.patch(TENANTS, &json!({ "active": true })).await.expect(200),
        };
        admin.get(CLIENT).await.expect(200);
    }
    // Terminated elsewhere, it is there; removed then, it is not.
    admin.patch(&success, &json!({ "status": "TERMINATED" })).await.expect(200);
    admin.get(CLIENT).await.expect(200);
    admin.delete(CLIENT).await.expect(204);
    admin.get(CLIENT).await.expect(404);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn deleted_stays_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let v2 = format!("/v2/clients/{ACME}");
    admin.patch(&v2, &json!({ "collection_mode": "deleted" })).await.expect(200);
    admin.delete(CLIENT).await.expect(204);
    assert_eq!(admin.get(&v2).await.expect(200).json()["collection_mode"], "deleted");
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn who_may_remove_and_what() {
    let app = TestApp::start().await;
    let (admin, viewer) = (app.admin().await, app.role("tenant123", "viewer").await);
    let rival = app.role("tenant999", "admin").await;
    let grant = json!({ "tenant": "tenant123", "role": "member", "client_ids": [GLOBEX] });
    let elsewhere = app.grant(&grant).await;
    let before = admin.get(CLIENT).await.expect(200);
    assert!(viewer.delete(CLIENT).await.expect(403).text.contains("clients.delete"));
    elsewhere.delete(CLIENT).await.expect(403);
    rival.delete(CLIENT).await.expect(404);
    rival.delete(&CLIENT.replace("tenant123", "tenant999")).await.expect(404);
    admin.delete(&CLIENT.replace(ACME_OBJECT, INITECH_OBJECT)).await.expect(404);
    app.anon().delete(CLIENT).await.expect(401);
    let stale = admin.request(Method::DELETE, CLIENT).header("if-match", "\"99-0\"");
    admin.send(stale).await.expect(412);
    admin.delete(&format!("{CLIENT}?force=true")).await.expect(400);
    let after = admin.get(CLIENT).await.expect(200);
    assert_eq!((after.text, after.headers.get("etag")), (before.text, before.headers.get("etag")));
    // Whoever is bound to it may remove it, and is then locked out with it.
    let grant = json!({ "tenant": "tenant123", "role": "member", "client_ids": [ACME] });
    let bound = app.grant(&grant).await;
    let tag = after.headers["etag"].to_str().expect("a tag").to_owned();
    bound.send(bound.request(Method::DELETE, CLIENT).header("if-match", tag)).await.expect(204);
    bound.get(CLIENT).await.expect(401);
    // Who knows of no client here learns nothing of a removed one.
    elsewhere.get(CLIENT).await.expect(403);
    app.assert_audit_intact().await;
}
