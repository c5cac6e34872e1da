//! `/v2/audit-log` and `/v2/clients/{client_id}/audit-log`

use axum::http::Method;
use clientbook_testkit::{ACME, ACME_OBJECT, Actor, GLOBEX, INITECH, TestApp};
use serde_json::{Value, json};

const LOG: &str = "/v2/audit-log";

fn of_client(id: &str) -> String {
    format!("/v2/clients/{id}/audit-log")
}

async fn read(actor: &Actor, path: &str) -> Value {
    actor.get(path).await.expect(200).json()
}

fn ids(page: &Value) -> Vec<String> {
    let rows = page["data"].as_array().expect("a list");
    rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}

async fn rename(app: &TestApp, actor: &Actor, object_id: &str, name: &str) {
    app.advance(1_000);
    let path = format!("/v1/workspace/tenant123/clients/{object_id}");
    actor.patch(&path, &json!({ "name": name })).await.expect(200);
}

/// Every page of a list, newest first.
async fn walk(actor: &Actor, path: &str, size: u32) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let mark = if path.contains('?') { '&' } else { '?' };
        let page = read(actor, &format!("{path}{mark}page_size={size}{cursor}")).await;
        all.extend(ids(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn a_change_is_told_with_all_around_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.advance(1_000);
    let body = json!({ "name": "Acme Limited" });
    let path = format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}");
    let request = admin.request(Method::PATCH, &path).header("x-request-id", "mine");
    admin.send(request.json(&body)).await.expect(200);
    for path in [LOG.to_owned(), of_client(ACME)] {
        let page = read(&admin, &format!("{path}?page_size=1")).await;
        let entry = &page["data"][0];
        let names: Vec<_> = entry.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(entry["previous_value"], json!({ "name": "Acme Corporation" }));
        assert_eq!(entry["new_value"], json!({ "name": "Acme Limited" }));
        assert_eq!(entry["entity_type"], "client");
        assert_eq!(entry["action"], "client_updated");
        assert_eq!(entry["surface"], "workspace");
        assert_eq!(entry["request_id"], "mine");
        assert_eq!(entry["source_address"], "127.0.0.1");
        assert_eq!(entry["created_at"], "2026-03-10T14:30:01.000Z");
        assert_eq!(names.len(), 13, "{names:?}");
    }
}

#[tokio::test]
async fn a_walk_neither_skips_nor_repeats() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for at in 0..7 {
        rename(&app, &admin, ACME_OBJECT, &format!("Acme {at}")).await;
        admin.post("/v2/clients", &json!({ "name": "Another" })).await.expect(201);
    }
    for path in [LOG.to_owned(), of_client(ACME), format!("{LOG}?action=client_updated")] {
        let all = walk(&admin, &path, 200).await;
        assert_eq!(walk(&admin, &path, 2).await, all, "{path}");
        assert_eq!(walk(&admin, &path, 1).await, all, "{path}");
        let mut unique = all.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), all.len(), "{path}");
        assert_eq!(read(&admin, &path).await["total_count"], all.len(), "{path}");
    }
    // What comes meanwhile stands before where the walk is.
    let first = read(&admin, &format!("{LOG}?page_size=3")).await;
    rename(&app, &admin, ACME_OBJECT, "Later").await;
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let second = read(&admin, &format!("{LOG}?page_size=3&cursor={cursor}")).await;
    assert!(ids(&second).iter().all(|id| !ids(&first).contains(id)));
    let again = walk(&admin, LOG, 200).await;
    assert_eq!(again[1..7], [ids(&first), ids(&second)].concat());
}

#[tokio::test]
async fn filters() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.advance(1);
    let other = app.admin().await;
    app.advance(-1);
    let tokens = read(&app.operator(), "/v2/api-tokens?tenant=tenant123").await;
    let newest = tokens["data"][0]["id"].as_str().expect("an id").to_owned();
    rename(&app, &admin, ACME_OBJECT, "One").await;
    rename(&app, &admin, ACME_OBJECT, "Two").await;
    rename(&app, &other, ACME_OBJECT, "Three").await;
    let custom = json!({ "custom": { "a \"quoted\" key": "x" } });
    admin.patch(&format!("/client/{ACME}"), &custom).await.expect(200);
    let count = async |query: &str| {
        let page = read(&admin, &format!("{LOG}{query}")).await;
        assert_eq!(page["data"].as_array().expect("a list").len() as u64, page["total_count"]);
        page["total_count"].as_u64().expect("a number")
    };
    assert_eq!(count("?field=name&from=2026-03-10T14:30:01Z").await, 3);
    assert_eq!(count("?field=name&from=2026-03-10T14:30:01Z&to=2026-03-10T14:30:03Z").await, 2);
    assert_eq!(count("?field=custom.a%20%22quoted%22%20key").await, 1);
    assert_eq!(count("?field=custom.a").await, 0);
    assert_eq!(count(&format!("?actor_id={newest}")).await, 1);
    assert_eq!(count(&format!("?actor_id={newest}&field=name")).await, 1);
    assert_eq!(count(&format!("?actor_id={newest}&surface=tenants")).await, 0);
    assert_eq!(count("?surface=customer_success").await, 1);
    assert_eq!(count("?entity_type=api_token&action=api_token_created").await, 2);
    assert_eq!(count(&format!("?entity_id={newest}")).await, 1);
    assert_eq!(count(&format!("?entity_id={ACME}&field=name")).await, 4);
    let upper = ACME.to_uppercase();
    assert_eq!(count(&format!("?entity_id={upper}&field=name")).await, 4);
    assert_eq!(count(&format!("?entity_id={INITECH}")).await, 0);
    let wrong = [
        ("entity_type", "Client"),
        ("action", "renamed"),
        ("surface", "v2"),
        ("from", "yesterday"),
        ("to", "2026-03-10"),
        ("format", "xml"),
        ("page_size", "201"),
        ("actor_id", ""),
        ("field", "%00"),
        ("entity_id", "456"),
        ("cursor", "x"),
    ];
    for (name, value) in wrong {
        let answer = admin.get(&format!("{LOG}?{name}={value}")).await.expect(400).json();
        assert_eq!(answer["error"]["details"]["fields"][0]["path"], format!("/{name}"), "{value}");
    }
    for name in ["page_size=1", "cursor=x"] {
        admin.get(&format!("{LOG}?format=csv&{name}")).await.expect(400);
    }
}

#[tokio::test]
async fn a_foreign_cursor_is_refused() {
    let app = TestApp::start().await;
    let (admin, rival) = (app.admin().await, app.role("tenant999", "admin").await);
    let page = read(&admin, &format!("{LOG}?page_size=1")).await;
    let cursor = page["next_cursor"].as_str().expect("a cursor").to_owned();
    let others = [
        format!("{LOG}?cursor={cursor}&action=client_updated"),
        format!("{LOG}?cursor={cursor}&field=name"),
        format!("{LOG}?cursor={cursor}&entity_id={ACME}"),
        format!("{}?cursor={cursor}", of_client(ACME)),
        format!("{LOG}?cursor={cursor}A"),
        format!("/v2/clients?cursor={cursor}"),
    ];
    for path in others {
        admin.get(&path).await.expect(400);
    }
    rival.get(&format!("{LOG}?cursor={cursor}")).await.expect(400);
    app.operator().get(&format!("{LOG}?cursor={cursor}&tenant=tenant999")).await.expect(400);
    app.operator().get(&format!("{LOG}?cursor={cursor}&tenant=tenant123")).await.expect(200);
}

#[tokio::test]
async fn nobody_sees_another_tenants_trail() {
    let app = TestApp::start().await;
    let (admin, rival) = (app.admin().await, app.role("tenant999", "admin").await);
    let (ours, theirs) = (walk(&admin, LOG, 200).await, walk(&rival, LOG, 200).await);
    assert!(!ours.is_empty() && !theirs.is_empty());
    assert!(ours.iter().all(|id| !theirs.contains(id)));
    admin.get(&of_client(INITECH)).await.expect(404);
    admin.get(&format!("{LOG}?tenant=tenant999")).await.expect(403);
    app.operator().get(LOG).await.expect(400);
    assert_eq!(walk(&app.operator(), &format!("{LOG}?tenant=tenant999"), 200).await, theirs);
    for format in ["csv", "ndjson"] {
        let file = rival.get(&format!("{LOG}?format={format}")).await.expect(200).text;
        assert!(ours.iter().all(|id| !file.contains(id)), "{format}");
        app.operator().get(&format!("{LOG}?format={format}")).await.expect(400);
        admin.get(&format!("{}?format={format}", of_client(INITECH))).await.expect(404);
    }
    for role in ["viewer", "member"] {
        let actor = app.role("tenant123", role).await;
        actor.get(LOG).await.expect(403);
        actor.get(&format!("{LOG}?format=csv")).await.expect(403);
        actor.get(&of_client(ACME)).await.expect(403);
    }
}

#[tokio::test]
async fn whoever_is_bound_to_clients_sees_theirs() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let grant = |more: Value| {
        let permissions = ["clients.view", "audit.view"];
        let mut grant = json!({ "tenant": "tenant123", "permissions": permissions });
        grant.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
        grant
    };
    let globex = "/clients/v1/tenants/tenant123/clients/457";
    admin.patch(globex, &json!({ "org_id": "org-7" })).await.expect(200);
    let bound = app.grant(&grant(json!({ "client_ids": [ACME] }))).await;
    let of_org = app.grant(&grant(json!({ "org_id": "org-7" }))).await;
    let of_project = app.grant(&grant(json!({ "project_id": "nothing" }))).await;
    let acme = walk(&admin, &of_client(ACME), 200).await;
    let globex = walk(&admin, &of_client(GLOBEX), 200).await;
    for path in [LOG.to_owned(), format!("{LOG}?page_size=1")] {
        assert_eq!(read(&bound, &path).await["total_count"], acme.len(), "{path}");
    }
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(sorted(walk(&bound, LOG, 1).await), sorted(acme.clone()));
    assert_eq!(sorted(walk(&of_org, LOG, 1).await), sorted(globex));
    assert_eq!(walk(&of_project, LOG, 200).await, Vec::<String>::new());
    assert_eq!(walk(&bound, &of_client(ACME), 200).await, acme);
    for (actor, other) in [(&bound, GLOBEX), (&of_org, ACME), (&of_project, ACME)] {
        actor.get(&of_client(other)).await.expect(403);
        let about = format!("{LOG}?entity_id={other}");
        assert_eq!(read(actor, &about).await["total_count"], 0);
        let file = actor.get(&format!("{about}&format=ndjson")).await.expect(200);
        assert_eq!(file.text, "");
    }
}

#[tokio::test]
async fn what_the_record_hides_the_trail_hides() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    rename(&app, &admin, ACME_OBJECT, "A name to hide").await;
    let auditor = json!({ "tenant": "tenant123", "permissions": ["audit.view"] });
    let auditor = app.grant(&auditor).await;
    auditor.get(&format!("/v2/clients/{ACME}")).await.expect(403);
    for path in [LOG.to_owned(), of_client(ACME)] {
        for format in ["json", "ndjson", "csv"] {
            let size = if format == "json" { "&page_size=200" } else { "" };
            let path = format!("{path}?format={format}{size}");
            assert!(admin.get(&path).await.expect(200).text.contains("A name to hide"), "{path}");
            let seen = auditor.get(&path).await.expect(200).text;
            assert!(!seen.contains("A name to hide"), "{path}");
            assert!(!seen.contains("A token of the tests"), "{path}");
        }
    }
    let page = read(&auditor, &format!("{}?page_size=1", of_client(ACME))).await;
    assert_eq!(page["data"][0]["new_value"], json!({}));
}

#[tokio::test]
async fn a_file_holds_everything() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for at in 0..3 {
        rename(&app, &admin, ACME_OBJECT, &format!("=cmd|'{at}'!A1, \"quoted\"")).await;
    }
    let path = format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}");
    let request = admin.request(Method::PATCH, &path).header("x-request-id", "=1+1");
    admin.send(request.json(&json!({ "name": "Acme" }))).await.expect(200);
    let all = walk(&admin, LOG, 200).await;
    let csv = admin.get(&format!("{LOG}?format=csv")).await.expect(200);
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"audit-log.csv\"");
    let lines: Vec<_> = csv.text.split("\r\n").collect();
    assert!(lines[0].starts_with("id,created_at,entity_type"));
    assert!(lines[1].contains(",'=1+1,"), "{}", lines[1]);
    assert_eq!(lines.len(), all.len() + 2);
    let ndjson = admin.get(&format!("{LOG}?format=ndjson")).await.expect(200);
    assert_eq!(ndjson.header("content-type"), "application/x-ndjson");
    let lines: Vec<Value> =
        ndjson.text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told: Vec<_> = lines.iter().map(|line| line["id"].as_str().expect("an id")).collect();
    assert_eq!(told, all);
    let pages = read(&admin, &format!("{LOG}?page_size=200")).await;
    for (line, row) in lines.iter().zip(pages["data"].as_array().expect("a list")) {
        for (name, value) in row.as_object().expect("an object") {
            assert_eq!(&line[name], value, "{name}");
        }
    }
}

/// More than one page of a file, and more than one mebibyte on a page.
#[tokio::test]
async fn long_trails_come_in_parts() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.sample("sample", 1_300).await;
    let sample = app.role("sample", "admin").await;
    let csv = sample.get(&format!("{LOG}?format=csv")).await.expect(200).text;
    assert_eq!(csv.matches("client_created").count(), 1_300);
    let ndjson = sample.get(&format!("{LOG}?format=ndjson")).await.expect(200).text;
    assert_eq!(ndjson.lines().count(), csv.trim_end().split("\r\n").count() - 1);
    let big = "x".repeat(60_000);
    for at in 0..40 {
        let body = json!({ "note": format!("{at}{big}") });
        admin.patch(&format!("/client/{ACME}"), &body).await.expect(200);
    }
    let page = admin.get(&format!("{}?page_size=200", of_client(ACME))).await.expect(200);
    assert!(page.text.len() < 1_200_000, "{}", page.text.len());
    assert!(page.json()["next_cursor"].is_string());
    let all = walk(&admin, &of_client(ACME), 200).await;
    assert_eq!(all.len() as u64, page.json()["total_count"]);
}
