//! Making clients: through every door the same record, with all it starts with.

use clientbook_testkit::{ACME, Actor, Answer, GLOBEX, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const TENANTS: &str = "/clients/v1/tenants/tenant123/clients";
const WORKSPACE: &str = "/v1/workspace/tenant123/clients";

fn methods() -> Value {
    json!([{ "type": "email", "value": "jane@example.com", "isPreferred": true }])
}

/// What each door takes: its path, a body that is enough, and where the answer has its name.
pub(crate) fn doors(name: &str) -> [(&'static str, Value, &'static str); 5] {
    let success = json!({ "name": name, "status": "ACTIVE", "active": true });
    [
        ("/v2/clients", json!({ "name": name }), "/name"),
        (TENANTS, json!({ "name": name }), "/name"),
        (WORKSPACE, json!({ "name": name, "contactMethods": methods() }), "/client/name"),
        ("/client", success.clone(), "/name"),
        ("/v2/client", success, "/name"),
    ]
}

fn sorted(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|one| (*one).to_owned()).collect()
}

/// The number and the object id of the newest client.
fn newest(app: &TestApp) -> (i64, String) {
    let sql = "SELECT number, object_id FROM clients ORDER BY number DESC LIMIT 1";
    let row = app.database().rows(sql).remove(0);
    (row[0].parse().expect("a number"), row[1].clone())
}

#[tokio::test]
async fn a_client_made_through_one_door_is_there_through_all() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (at, (path, body, pointer)) in doors("  Ümbrella Corporation ").into_iter().enumerate() {
        app.advance(1_000);
        let made = admin.post(path, &body).await.expect(201);
        assert_eq!(made.json().pointer(pointer), Some(&json!("Ümbrella Corporation")), "{path}");
        assert!(made.header("etag").starts_with("\"1-"), "{path}: {}", made.header("etag"));
        let read = admin.get(made.header("location")).await.expect(200);
        assert_eq!((&read.text, read.header("etag")), (&made.text, made.header("etag")), "{path}");
        let (number, object_id) = newest(&app);
        assert_eq!(number, 458 + i64::try_from(at).expect("few"));
        let tenants = admin.get(&format!("{TENANTS}/{number}")).await.expect(200).json();
        assert_eq!((&tenants["status"], &tenants["active"]), (&json!("Active"), &json!(true)));
        let id = tenants["client_id"].as_str().expect("an id");
        assert_eq!(object_id.len(), 24);
        admin.get(&format!("{WORKSPACE}/{object_id}")).await.expect(200);
        assert_eq!(admin.get(&format!("/client/{id}")).await.expect(200).json()["id"], number);
        let v2 = admin.get(&format!("/v2/clients/{id}")).await.expect(200).json();
        assert_eq!(v2["collection_mode"], "saas_usage");
        assert_eq!(v2["partner"]["name"], "TechPartner Inc.");
        assert_eq!(v2["created_at"], v2["updated_at"]);
        let token = &v2["enrollment_token"];
        assert_eq!(token["description"], "Default enrollment token");
        assert_eq!((&token["status"], &token["max_uses"]), (&json!("active"), &Value::Null));
        let value = token["value"].as_str().and_then(|value| value.strip_prefix("enroll_"));
        let value = value.expect("the prefix");
        assert!(
            value.len() == 32
                && value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        );
    }
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn everything_said_of_a_new_client_is_kept_and_told_in_the_trail() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({
        "name": "Umbrella", "email": "office@umbrella.example", "tags": ["north", "vip"],
        "status": "Trial", "org_id": "org-1", "project_id": "p-1", "owner_id": "o-1",
    });
    let made = admin.post(TENANTS, &body).await.expect(201).json();
    for (field, value) in body.as_object().expect("an object") {
        assert_eq!(made[field], *value, "{field}");
    }
    let body = json!({
        "name": "Hooli", "status": "PENDING", "active": false, "externalId": "crm-1",
        "parentClientId": 456, "clientTypeId": 2, "custom": { "plan": "gold", "none": null },
        "npsScore": 7, "inceptionDate": "2025-01-01", "accTeamingRoles": [],
    });
    let made = admin.post("/client", &body).await.expect(201).json();
    assert_eq!(made["clientType"], json!({ "id": 2, "title": "Mid-market" }));
    assert_eq!(made["parentClient"]["uuid"], ACME);
    assert_eq!(made["custom"], json!({ "plan": "gold" }));
    assert_eq!((&made["status"], &made["externalId"]), (&json!("PENDING"), &json!("crm-1")));
    let body = json!({
        "name": "Jane", "contactMethods": methods(), "avatarUrl": "https://example.com/a.png",
        "customFields": [{ "fieldKey": "notes", "value": "x" }],
    });
    let made = admin.post(WORKSPACE, &body).await.expect(201).json();
    assert_eq!(made["client"]["avatarUrl"], body["avatarUrl"]);
    assert_eq!(made["client"]["customFields"][0]["value"], "x");
    let sql = "SELECT action, contents FROM audit_entries WHERE actor_kind = 'api_token'
        AND entity_type IN ('client', 'enrollment_token') ORDER BY created_at, chain_id, sequence";
    let entries = app.database().rows(sql);
    let actions: Vec<_> = entries.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(actions, ["client_created", "enrollment_token_created"].repeat(3));
    for field in ["external_id", "parent_client_id", "custom.plan", "nps_score", "status", "number"]
    {
        let named = format!("\"field\":\"{field}\"");
        assert!(entries.iter().any(|row| row[1].contains(&named)), "{field} is told nowhere");
    }
    assert!(entries.iter().all(|row| !row[1].contains("enroll_")), "a value is in the trail");
    app.assert_audit_intact().await;
}

fn broken(answer: Answer, status: u16) -> BTreeSet<String> {
    let body = answer.expect(status).json();
    let lists = [&body["error"]["details"]["fields"], &body["error"]["fields"], &body["errors"]];
    let fields = lists.into_iter().filter_map(Value::as_array).flatten();
    let path = |field: &Value| field.get("path").or(field.get("pointer")).cloned();
    fields.map(|field| path(field).expect("a path").as_str().expect("text").to_owned()).collect()
}

#[tokio::test]
async fn everything_wrong_is_told_at_once_and_takes_no_number() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = app.database().rows("SELECT count(*) FROM audit_entries");
    let v2 = json!({ "name": " ", "status": "Active", "collection_mode": "disabled" });
    let paths = broken(admin.post("/v2/clients", &v2).await, 400);
    assert_eq!(paths, sorted(&["/name", "/status", "/collection_mode"]));
    assert_eq!(broken(admin.post("/v2/clients", &json!({})).await, 400), sorted(&["/name"]));
    let workspace = json!({ "avatarUrl": "x", "contactMethods": [], "customFields": [{}] });
    let paths = broken(admin.post(WORKSPACE, &workspace).await, 422);
    let expected = [
        "/name",
        "/avatarUrl",
        "/contactMethods",
        "/customFields/0/fieldKey",
        "/customFields/0/value",
    ];
    assert_eq!(paths, sorted(&expected));
    let paths = broken(admin.post(WORKSPACE, &json!({})).await, 422);
    assert_eq!(paths, sorted(&["/name", "/contactMethods"]));
    let success = json!({
        "siteUrl": "x".repeat(1025), "clientTypeTitle": "Enterprise", "clientTypeId": 9,
        "parentClientId": 458, "inceptionDate": "2025-01-02", "terminatedDate": "2025-01-01",
        "status": "TRIAL", "active": false, "uuid": ACME,
    });
    let expected = [
        "/name",
        "/siteUrl",
        "/clientTypeTitle",
        "/clientTypeId",
        "/parentClientId",
        "/terminatedDate",
        "/status",
        "/active",
        "/uuid",
    ];
    assert_eq!(broken(admin.post("/client", &success).await, 400), sorted(&expected));
    let paths = broken(admin.post("/client", &json!({})).await, 400);
    assert_eq!(paths, sorted(&["/name", "/status", "/active"]));
    let tenants = json!({
        "name": "", "email": "x", "tags": ["a", " a ", 7], "status": "ACTIVE", "active": true,
    });
    let told = admin.post(TENANTS, &tenants).await.expect(400).text;
    for field in ["name:", "email:", "tags/1:", "tags/2:", "status:", "active:"] {
        assert!(told.contains(field), "{field} is not in {told}");
    }
    for (path, ..) in doors("x") {
        let request = admin.request(axum::http::Method::POST, path);
        let request = request.header("content-type", "application/json");
        admin.send(request.body("[]")).await.expect(400);
    }
    assert_eq!(app.database().rows("SELECT count(*) FROM audit_entries"), before);
    let made = admin.post(TENANTS, &json!({ "name": "x" })).await.expect(201).json();
    assert_eq!(made["id"], 458, "what was refused has taken a number");
}

#[tokio::test]
async fn another_status_takes_clients_status() {
    let app = TestApp::start().await;
    let (admin, member) = (app.admin().await, app.role("tenant123", "member").await);
    let bodies = [
        ("/v2/clients", json!({ "name": "x", "status": "trial" })),
        (TENANTS, json!({ "name": "x", "status": "Inactive" })),
        ("/client", json!({ "name": "x", "status": "TERMINATED", "active": false })),
    ];
    for (path, body) in bodies {
        let refused = member.post(path, &body).await.expect(403).text;
        let told = ["clients.status", "Admin privileges required"];
        assert!(told.iter().any(|told| refused.contains(told)), "{refused}");
        admin.post(path, &body).await.expect(201);
    }
    for (path, body, _) in doors("x") {
        member.post(path, &body).await.expect(201);
    }
    member.post("/v2/clients", &json!({ "name": "x", "status": "active" })).await.expect(201);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn nobody_makes_what_they_could_not_see() {
    let app = TestApp::start().await;
    let grant = json!({ "tenant": "tenant123", "role": "admin", "client_ids": [ACME, GLOBEX] });
    let bound = app.grant(&grant).await;
    for (path, body, _) in doors("x") {
        bound.post(path, &body).await.expect(403);
    }
    for scope in ["org_id", "project_id"] {
        let scoped =
            app.grant(&json!({ "tenant": "tenant123", "role": "member", scope: "own" })).await;
        for (path, body, _) in doors("x") {
            let made = scoped.post(path, &body).await.expect(201);
            scoped.get(made.header("location")).await.expect(200);
            let (number, _) = newest(&app);
            let seen = scoped.get(&format!("{TENANTS}/{number}")).await.expect(200).json();
            assert_eq!(seen[scope], "own", "{path}");
        }
        for other in [json!("other"), Value::Null] {
            let body = json!({ "name": "x", scope: other });
            scoped.post(TENANTS, &body).await.expect(403);
            // Nor does anyone move one out of their own sight.
            let (number, _) = newest(&app);
            let path = format!("{TENANTS}/{number}");
            scoped.patch(&path, &json!({ scope: other })).await.expect(403);
        }
        scoped.post(TENANTS, &json!({ "name": "x", scope: "own" })).await.expect(201);
        // A parent that cannot be read is not there.
        let child =
            json!({ "name": "x", "status": "ACTIVE", "active": true, "parentClientId": 456 });
        assert_eq!(broken(scoped.post("/client", &child).await, 400), sorted(&["/parentClientId"]));
    }
    app.assert_audit_intact().await;
}

async fn refused(actor: &Actor, path: &str, body: &Value, status: u16) -> String {
    actor.post(path, body).await.expect(status).text
}

#[tokio::test]
async fn a_client_is_made_in_its_makers_tenant_only() {
    let app = TestApp::start().await;
    let (rival, operator) = (app.role("tenant999", "admin").await, app.operator());
    let count = || app.database().rows("SELECT count(*) FROM clients");
    let before = count();
    // The same answer whether there is such a tenant or not.
    for (path, body, _) in doors("x").into_iter().filter(|(path, ..)| path.contains("tenant123")) {
        let existing = refused(&rival, path, &body, 404).await;
        let nobody = refused(&rival, &path.replace("tenant123", "nobody"), &body, 404).await;
        assert_eq!(existing.replace("tenant123", ""), nobody.replace("nobody", ""), "{path}");
        operator.post(&path.replace("tenant123", "nobody"), &body).await.expect(404);
    }
    for (path, body, _) in doors("x").into_iter().filter(|(path, ..)| !path.contains("tenant123")) {
        let field = if path == "/v2/clients" { "tenant" } else { "tenantId" };
        let mut named = body.clone();
        named[field] = json!("tenant123");
        let existing = refused(&rival, path, &named, 403).await;
        named[field] = json!("nobody");
        assert_eq!(refused(&rival, path, &named, 403).await, existing, "{path}");
        // Who reaches every tenant must say which, and hears of the rest that is wrong too.
        let mut wrong = body.clone();
        wrong["colour"] = json!("red");
        let paths = broken(operator.post(path, &wrong).await, 400);
        assert_eq!(paths, sorted(&[&format!("/{field}"), "/colour"]), "{path}");
        named["name"] = json!("");
        let paths = broken(operator.post(path, &named).await, 400);
        assert_eq!(paths, sorted(&[&format!("/{field}"), "/name"]), "{path}");
    }
    assert_eq!(count(), before);
    for (path, mut body, _) in doors("x") {
        if !path.contains("tenant123") {
            let field = if path == "/v2/clients" { "tenant" } else { "tenantId" };
            body[field] = json!("65A000000000000000000123");
        }
        let made = operator.post(path, &body).await.expect(201);
        rival.get(made.header("location")).await.expect(404);
    }
    // Numbers are each tenant's own.
    let path = TENANTS.replace("tenant123", "tenant999");
    assert_eq!(rival.post(&path, &json!({ "name": "x" })).await.expect(201).json()["id"], 457);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn an_external_id_is_unique_in_its_tenant() {
    let app = TestApp::start().await;
    let (admin, rival) = (app.admin().await, app.role("tenant999", "admin").await);
    let body = json!({ "name": "x", "status": "ACTIVE", "active": true, "externalId": "crm-1" });
    admin.post("/client", &body).await.expect(201);
    rival.post("/client", &body).await.expect(201);
    let taken = admin.post("/client", &body).await.expect(409).json();
    assert_eq!(taken["errors"][0]["pointer"], "/externalId");
    // An empty one is none.
    let none = json!({ "name": "x", "status": "ACTIVE", "active": true, "externalId": "" });
    for _ in 0..2 {
        admin.post("/client", &none).await.expect(201);
    }
    let made = admin.post(TENANTS, &json!({ "name": "x" })).await.expect(201).json();
    assert_eq!(made["id"], 461, "what was refused has taken a number");
    app.assert_audit_intact().await;
}
