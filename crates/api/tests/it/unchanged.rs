//! What changes nothing leaves no trace: not in the record, not in its tags, not in the trail.

use axum::http::Method;
use clientbook_testkit::{ACME, ACME_OBJECT, Actor, GLOBEX, TestApp};
use serde_json::json;

const TENANTS: &str = "/clients/v1/tenants/tenant123/clients/456";
const WORKSPACE: &str = "/v1/workspace/tenant123/clients/507f1f77bcf86cd799439011";

fn v2() -> String {
    format!("/v2/clients/{ACME}")
}

fn success() -> String {
    format!("/client/{ACME}")
}

/// Everything by which a change could show.
#[derive(Debug, PartialEq)]
struct Seen {
    /// Tag and body on every surface, and the collection-control log.
    surfaces: Vec<String>,
    /// Version, time, and count of audit entries of every client.
    clients: Vec<(i64, String, i64)>,
    /// The rows of the audit trail, all chains together.
    entries: i64,
}

async fn look(app: &TestApp, admin: &Actor) -> Seen {
    let mut surfaces = Vec::new();
    let log = format!("/v2/clients/{ACME}/collection-control/audit-log");
    for path in
        [v2(), TENANTS.into(), WORKSPACE.into(), success(), format!("/v2{}", success()), log]
    {
        let read = admin.get(&path).await.expect(200);
        assert!(!read.header("etag").is_empty(), "{path}");
        surfaces.push(format!("{} {}", read.header("etag"), read.text));
    }
    let sql = "SELECT version, updated_at, audit_count FROM clients ORDER BY tenant_id, number";
    let number = |text: &String| text.parse().expect("a number");
    let row = |row: &Vec<String>| (number(&row[0]), row[1].clone(), number(&row[2]));
    let clients: Vec<_> = app.database().rows(sql).iter().map(row).collect();
    assert_eq!(clients.len(), 3);
    let entries = number(&app.database().rows("SELECT count(*) FROM audit_entries")[0][0]);
    Seen { surfaces, clients, entries }
}

/// A record in which every kind of field has a value, and some have none.
async fn prepared() -> (TestApp, Actor) {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let methods = json!([{ "type": "email", "value": "jane@example.com", "isPreferred": true }]);
    let body = json!({
        "avatarUrl": "https://example.com/a.jpg",
        "contactMethods": methods,
        "customFields": [{ "fieldKey": "plan", "value": "gold" }],
    });
    admin.patch(WORKSPACE, &body).await.expect(200);
    let body = json!({
        "externalId": "ext-1",
        "parentClientId": 457,
        "region": { "id": 1, "name": "North" },
        "inceptionDate": "2024-01-01",
        "npsScore": 0,
        "accTeamingRoles": [{ "employeeId": 1, "role": "CSM" }],
    });
    admin.patch(&success(), &body).await.expect(200);
    admin.patch(&format!("/client/{GLOBEX}"), &json!({ "externalId": "ext-2" })).await.expect(200);
    (app, admin)
}

#[tokio::test]
async fn a_change_shows_everywhere() {
    let (app, admin) = prepared().await;
    let before = look(&app, &admin).await;
    app.advance(60_000);
    admin.patch(&success(), &json!({ "name": "Jane Doe" })).await.expect(200);
    let after = look(&app, &admin).await;
    assert_eq!(after.entries, before.entries + 1);
    let (version, updated_at, count) = before.clients[0].clone();
    assert!(after.clients[0].1 > updated_at);
    assert_eq!((after.clients[0].0, after.clients[0].2), (version + 1, count + 1));
    assert_eq!(after.clients[1..], before.clients[1..]);
    // The last is the collection-control log, which names are no part of.
    for (old, new) in before.surfaces.iter().zip(&after.surfaces).take(5) {
        assert!(old.starts_with(&format!("\"{version}-")), "{old}");
        assert!(new.starts_with(&format!("\"{}-", version + 1)), "{new}");
        assert!(new.contains("2026-03-10T14:31:00") && new.contains("Jane Doe"), "{new}");
    }
    assert_eq!(before.surfaces[5], after.surfaces[5]);
}

#[tokio::test]
async fn the_same_values_are_no_change() {
    let (app, admin) = prepared().await;
    let member = app.role("tenant123", "member").await;
    let workspace = admin.get(WORKSPACE).await.expect(200).json()["client"].clone();
    let before = look(&app, &admin).await;
    app.advance(60_000);
    let changes = [
        (v2(), json!({ "collection_mode": "saas_usage" })),
        (v2(), admin.get(&v2()).await.expect(200).json()),
        (format!("{TENANTS}/activate"), json!({})),
        (WORKSPACE.into(), workspace),
        (WORKSPACE.into(), json!({ "name": "  Acme Corporation\t" })),
        (WORKSPACE.into(), json!({ "customFields": [] })),
        (WORKSPACE.into(), json!({ "customFields": [{ "fieldKey": "none", "value": null }] })),
        (WORKSPACE.into(), json!({ "id": ACME_OBJECT, "avatarUrl": "https://example.com/a.jpg" })),
        (success(), json!({})),
        (success(), admin.get(&success()).await.expect(200).json()),
        (success(), json!({ "custom": { "plan": "gold", "none": null } })),
        (success(), json!({ "status": "ACTIVE" })),
        (success(), json!({ "active": true })),
        (success(), json!({ "city": "Springfield", "zip": "", "note": null })),
        (success(), json!({ "clientTypeTitle": "Enterprise" })),
        (success(), json!({ "clientTypeId": 1, "clientTypeTitle": "Startup" })),
        (success(), json!({ "region": { "name": "North", "id": 1 } })),
        (success(), json!({ "accTeamingRoles": [{ "role": " CSM ", "employeeId": 1 }] })),
        (success(), json!({ "externalId": "ext-1", "parentClientId": 457 })),
    ];
    for (path, body) in &changes {
        admin.patch(path, body).await.expect(200);
        assert_eq!(look(&app, &admin).await, before, "{path} {body}");
    }
    // Who may not change a status may still send back the one there is.
    for (path, body) in changes.iter().filter(|(path, _)| path.starts_with("/client/")) {
        member.patch(path, body).await.expect(200);
    }
    // The right tag makes it no more of a change.
    let tag = admin.get(TENANTS).await.expect(200).header("etag").to_owned();
    let request = admin.request(Method::PATCH, &success()).header("if-match", tag);
    admin.send(request.json(&json!({ "npsScore": 0 }))).await.expect(200);
    assert_eq!(look(&app, &admin).await, before);
}

#[tokio::test]
async fn a_no_op_answers_with_the_tag_of_a_read() {
    let (app, admin) = prepared().await;
    app.advance(60_000);
    for (path, body) in [
        (v2(), json!({ "collection_mode": "saas_usage" })),
        (WORKSPACE.into(), json!({ "name": "Acme Corporation" })),
        (success(), json!({ "npsScore": 0 })),
    ] {
        let read = admin.get(&path).await.expect(200);
        let sent = admin.patch(&path, &body).await.expect(200);
        assert_eq!((&sent.text, sent.header("etag")), (&read.text, read.header("etag")));
    }
}

#[tokio::test]
async fn a_refused_write_is_no_change() {
    let (app, admin) = prepared().await;
    let member = app.role("tenant123", "member").await;
    let viewer = app.role("tenant123", "viewer").await;
    let rival = app.role("tenant999", "admin").await;
    let grant = json!({ "tenant": "tenant123", "role": "admin", "client_ids": [GLOBEX] });
    let elsewhere = app.grant(&grant).await;
    let anon = app.anon();
    let before = look(&app, &admin).await;
    app.advance(60_000);
    let deactivate = format!("{TENANTS}/deactivate");
    let (note, name) = (json!({ "note": "x" }), json!({ "name": "Jane Doe" }));
    let mode = json!({ "collection_mode": "disabled" });
    let cases = [
        // Each of these has something in it that alone would be a change.
        (&admin, v2(), json!({ "collection_mode": "disabled", "id": GLOBEX }), 400),
        (&admin, v2(), json!({ "collection_mode": "nothing" }), 400),
        (&admin, deactivate.clone(), json!({ "status": "Inactive" }), 400),
        (&admin, WORKSPACE.into(), json!({ "name": "Jane Doe", "avatarUrl": "x" }), 422),
        (&admin, WORKSPACE.into(), json!({ "name": "Jane Doe", "contactMethods": [] }), 422),
        (&admin, success(), json!({ "note": "x", "nmae": "x" }), 400),
        (&admin, success(), json!({ "note": "x", "npsScore": 101 }), 400),
        (&admin, success(), json!({ "note": "x", "terminatedDate": "2023-12-31" }), 400),
        (&admin, success(), json!({ "note": "x", "parentClientId": 456 }), 400),
        (&admin, success(), json!({ "note": "x", "clientTypeTitle": "None" }), 400),
        (&admin, success(), json!({ "status": "TRIAL", "active": false }), 400),
        (&admin, success(), json!({ "note": "x", "externalId": "ext-2" }), 409),
        (&member, success(), json!({ "note": "x", "active": false }), 403),
        (&member, deactivate.clone(), json!({}), 403),
        (&member, v2(), mode.clone(), 403),
        (&viewer, success(), note.clone(), 403),
        (&viewer, WORKSPACE.into(), name.clone(), 403),
        (&elsewhere, success(), note.clone(), 403),
        (&elsewhere, WORKSPACE.into(), name.clone(), 403),
        (&rival, success(), note.clone(), 404),
        (&rival, v2(), mode.clone(), 404),
        (&rival, WORKSPACE.into(), name.clone(), 404),
        (&rival, deactivate.clone(), json!({}), 404),
        (&anon, success(), note.clone(), 401),
        (&anon, v2(), mode, 401),
        (&anon, WORKSPACE.into(), name.clone(), 401),
        (&anon, deactivate, json!({}), 401),
        (&admin, format!("{}?force=true", success()), note, 400),
        (&admin, format!("{WORKSPACE}?dryRun=true"), name, 400),
        (&admin, success(), json!({ "note": "x".repeat(1024 * 1024) }), 413),
    ];
    for (actor, path, body, status) in cases {
        actor.patch(&path, &body).await.expect(status);
        assert_eq!(look(&app, &admin).await, before, "{status} {path}");
    }
    let text = admin.request(Method::PATCH, &success()).header("content-type", "text/plain");
    admin.send(text.body(r#"{"note":"x"}"#)).await.expect(415);
    assert_eq!(look(&app, &admin).await, before);
}

#[tokio::test]
async fn a_dry_run_is_no_change() {
    let (app, admin) = prepared().await;
    let before = look(&app, &admin).await;
    app.advance(60_000);
    let body = json!({
        "name": "Jane Doe",
        "status": "TERMINATED",
        "custom": { "plan": null },
        "externalId": "ext-3",
        "parentClientId": null,
        "clientTypeId": 2,
    });
    for path in [success(), format!("/v2{}", success())] {
        let would = admin.patch(&format!("{path}?dryRun=true"), &body).await.expect(200).json();
        assert_eq!(would["status"], "TERMINATED");
        assert_eq!(look(&app, &admin).await, before, "{path}");
    }
    // It holds nothing back either: what it tried is free for another.
    let other = format!("/client/{GLOBEX}");
    admin
        .patch(&other, &json!({ "externalId": "ext-3", "parentClientId": null }))
        .await
        .expect(200);
}

#[tokio::test]
async fn another_version_is_no_change() {
    let (app, admin) = prepared().await;
    let stale = admin.get(&success()).await.expect(200).header("etag").to_owned();
    app.advance(60_000);
    admin.patch(&success(), &json!({ "npsScore": 1 })).await.expect(200);
    let before = look(&app, &admin).await;
    app.advance(60_000);
    for (path, body) in [
        (v2(), json!({ "collection_mode": "disabled" })),
        (format!("{TENANTS}/deactivate"), json!({})),
        (WORKSPACE.into(), json!({ "name": "Jane Doe" })),
        (success(), json!({ "name": "Jane Doe" })),
        (format!("/v2{}", success()), json!({ "name": "Jane Doe" })),
        (format!("{}?dryRun=true", success()), json!({ "name": "Jane Doe" })),
        (success(), json!({ "npsScore": 1 })),
    ] {
        for tag in [stale.as_str(), &format!("W/{stale}"), "nonsense", "\"0-0\"", ""] {
            let request = admin.request(Method::PATCH, &path).header("if-match", tag);
            admin.send(request.json(&body)).await.expect(412);
            assert_eq!(look(&app, &admin).await, before, "{path} {tag}");
        }
    }
}
