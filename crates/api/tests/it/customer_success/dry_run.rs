//! `dryRun`: what a change would do, without doing it.

use super::{client, full, pointers};
use clientbook_testkit::{ACME, Actor, GLOBEX, TestApp};
use serde_json::json;

fn dry(id: &str) -> String {
    format!("/client/{id}?dryRun=true")
}

/// What every surface shows of Acme, with its tags, and its collection-control log.
async fn everything(actor: &Actor) -> Vec<String> {
    let mut seen = Vec::new();
    for path in [
        format!("/v2/clients/{ACME}"),
        format!("/v2/clients/{ACME}/collection-control/audit-log"),
        "/clients/v1/tenants/tenant123/clients/456".to_owned(),
        "/v1/workspace/tenant123/clients/507f1f77bcf86cd799439011".to_owned(),
        client(ACME),
        client(GLOBEX),
    ] {
        let answer = actor.get(&path).await.expect(200);
        seen.push(format!("{} {}", answer.header("etag"), answer.text));
    }
    seen
}

#[tokio::test]
async fn answers_what_the_record_would_become() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = everything(&admin).await;
    app.advance(1_000);
    let would = admin.patch(&dry(ACME), &full()).await.expect(200);
    assert_eq!(would.json()["parentClient"]["name"], "Globex Corporation");
    assert_eq!(everything(&admin).await, before);
    let again = admin.patch(&format!("/v2{}", dry(ACME)), &full()).await.expect(200);
    assert_eq!(again.text, would.text);
    assert_eq!(everything(&admin).await, before);
    // The same change at the same time makes exactly that of it.
    let done = admin.patch(&client(ACME), &full()).await.expect(200);
    assert_eq!(done.text, would.text);
    assert_ne!(everything(&admin).await, before);
}

#[tokio::test]
async fn refuses_what_the_change_would_be_refused_for() {
    let app = TestApp::start().await;
    let (admin, member) = (app.admin().await, app.role("tenant123", "member").await);
    admin.patch(&client(GLOBEX), &json!({ "externalId": "taken" })).await.expect(200);
    let before = everything(&admin).await;
    app.advance(1_000);
    for (status, body, pointer) in [
        (400, json!({ "name": "" }), "/name"),
        (400, json!({ "nmae": "x" }), "/nmae"),
        (400, json!({ "parentClientId": 456 }), "/parentClientId"),
        (400, json!({ "clientTypeTitle": "None" }), "/clientTypeTitle"),
        (409, json!({ "externalId": "taken" }), "/externalId"),
    ] {
        let answer = admin.patch(&dry(ACME), &body).await;
        assert_eq!(pointers(&answer, status, &client(ACME)), [pointer]);
    }
    let body = json!({ "status": "TRIAL" });
    member.patch(&dry(ACME), &body).await.expect(403);
    app.role("tenant123", "viewer").await.patch(&dry(ACME), &json!({})).await.expect(403);
    app.role("tenant999", "admin").await.patch(&dry(ACME), &body).await.expect(404);
    app.anon().patch(&dry(ACME), &body).await.expect(401);
    let stale = admin.request(axum::http::Method::PATCH, &dry(ACME)).json(&body);
    admin.send(stale.header("if-match", "\"99-0000000000000000\"")).await.expect(412);
    assert_eq!(everything(&admin).await, before);
}

#[tokio::test]
async fn is_true_or_false() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = everything(&admin).await;
    let body = json!({ "note": "x" });
    for wrong in ["dryRun=", "dryRun", "dryRun=1", "dryRun=TRUE", "dryRun=yes", "dryRun=%00"] {
        let answer = admin.patch(&format!("/client/{ACME}?{wrong}"), &body).await;
        assert_eq!(pointers(&answer, 400, &client(ACME)), ["/dryRun"], "{wrong}");
        let detail = answer.json()["errors"][0]["detail"].clone();
        assert_eq!(detail, "must be one of: true, false");
    }
    for (wrong, pointer) in [
        ("dry_run=true", "/dry_run"),
        ("dryrun=true", "/dryrun"),
        ("dryRun=true&dryRun=false", "/dryRun"),
        ("force=true", "/force"),
    ] {
        let answer = admin.patch(&format!("/client/{ACME}?{wrong}"), &body).await;
        assert_eq!(pointers(&answer, 400, &client(ACME)), [pointer], "{wrong}");
    }
    assert_eq!(everything(&admin).await, before);
    // Reading has no such parameter.
    admin.get(&dry(ACME)).await.expect(400);
    let saved = admin.patch(&format!("/client/{ACME}?dryRun=false"), &body).await.expect(200);
    assert_eq!(admin.get(&client(ACME)).await.expect(200).text, saved.text);
}
