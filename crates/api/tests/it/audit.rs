//! `/v2/clients/{client_id}/collection-control/audit-log`

use clientbook_testkit::{ACME, Actor, GLOBEX, INITECH, TestApp};
use serde_json::{Value, json};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

fn log(id: &str, query: &str) -> String {
    format!("/v2/clients/{id}/collection-control/audit-log{query}")
}

async fn set(actor: &Actor, id: &str, mode: &str) {
    let body = json!({ "collection_mode": mode });
    actor.patch(&format!("/v2/clients/{id}"), &body).await.expect(200);
}

/// Changes the mode `times` times, a second apart; the first change goes to `disabled`.
async fn changes(app: &TestApp, actor: &Actor, id: &str, times: usize) {
    for at in 0..times {
        app.advance(1_000);
        set(actor, id, ["disabled", "discovery"][at % 2]).await;
    }
}

async fn read(actor: &Actor, path: &str) -> Value {
    actor.get(path).await.expect(200).json()
}

fn ids(page: &Value) -> Vec<String> {
    let rows = page["data"].as_array().expect("a list");
    rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}

fn is_hash(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[tokio::test]
async fn the_demos_log_is_empty() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for id in [ACME, GLOBEX] {
        let answer = admin.get(&log(id, "")).await.expect(200);
        assert_eq!(answer.text, r#"{"data":[],"total_count":0,"next_cursor":null}"#);
    }
}

#[tokio::test]
async fn a_change_makes_one_entry() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let tokens = read(&app.operator(), "/v2/api-tokens?tenant=tenant123").await;
    let actor = tokens["data"][0]["id"].as_str().expect("the admin's token");
    app.advance(1_500);
    set(&admin, ACME, "disabled").await;
    let answer = admin.get(&log(ACME, "")).await.expect(200);
    let page = answer.json();
    let entry = &page["data"][0];
    let text = |name: &str| entry[name].as_str().expect("text").to_owned();
    let expected = format!(
        concat!(
            r#"{{"data":[{{"id":"{}","entity_type":"client","entity_id":"{}","actor_id":"{}","#,
            r#""action":"collection_mode_changed","#,
            r#""previous_value":{{"collection_mode":"saas_usage"}},"#,
            r#""new_value":{{"collection_mode":"disabled"}},"#,
            r#""created_at":"2026-03-10T14:30:01.500Z","entry_hash":"{}","#,
            r#""previous_hash":"{}"}}],"total_count":1,"next_cursor":null}}"#
        ),
        text("id"),
        ACME,
        actor,
        text("entry_hash"),
        text("previous_hash"),
    );
    assert_eq!(answer.text, expected);
    assert!(is_hash(&entry["entry_hash"]) && is_hash(&entry["previous_hash"]));
    // Deleting makes one entry here; taking the enrolment token back is no collection control.
    set(&admin, ACME, "deleted").await;
    assert_eq!(read(&admin, &log(ACME, "")).await["total_count"], 2);
}

#[tokio::test]
async fn order_and_chain() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    changes(&app, &admin, ACME, 5).await;
    let newest = read(&admin, &log(ACME, "")).await;
    let oldest = read(&admin, &log(ACME, "?sort_order=asc")).await;
    assert_eq!(newest, read(&admin, &log(ACME, "?sort_order=desc")).await);
    assert_eq!(newest["total_count"], 5);
    let mut backwards = ids(&newest);
    backwards.reverse();
    assert_eq!(ids(&oldest), backwards);
    let entries = oldest["data"].as_array().expect("a list");
    for (at, entry) in entries.iter().enumerate() {
        assert_eq!(entry["created_at"], format!("2026-03-10T14:30:0{}.000Z", at + 1));
        assert!(is_hash(&entry["entry_hash"]));
    }
    for pair in entries.windows(2) {
        assert_eq!(pair[1]["previous_hash"], pair[0]["entry_hash"]);
        assert_eq!(pair[1]["previous_value"], pair[0]["new_value"]);
    }
}

#[tokio::test]
async fn filters() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    changes(&app, &admin, ACME, 2).await;
    changes(&app, &admin, GLOBEX, 1).await;
    let upper = ACME.to_uppercase();
    let cases = [
        ("?entity_type=client".to_owned(), 2),
        ("?entity_type=device".to_owned(), 0),
        ("?entity_type=user".to_owned(), 0),
        (format!("?entity_id={ACME}"), 2),
        (format!("?entity_id={upper}"), 2),
        (format!("?entity_id={GLOBEX}"), 0),
        (format!("?entity_type=client&entity_id={ACME}&page_size=1"), 2),
    ];
    for (query, total) in cases {
        let page = read(&admin, &log(ACME, &query)).await;
        assert_eq!(page["total_count"], total, "{query}");
    }
    assert_eq!(read(&admin, &log(GLOBEX, "")).await["total_count"], 1);
}

#[tokio::test]
async fn parameters_are_refused_never_clamped() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let wrong = [
        ("page_size", "0"),
        ("page_size", "201"),
        ("page_size", "-1"),
        ("page_size", "x"),
        ("page_size", ""),
        ("page_size", "%2B5"),
        ("page_size", "1.5"),
        ("page_size", "99999999999999999999"),
        ("sort_order", "up"),
        ("sort_order", "DESC"),
        ("entity_type", "tenant"),
        ("entity_type", "enrollment_token"),
        ("entity_id", "456"),
        ("cursor", ""),
    ];
    for (name, value) in wrong {
        let answer = admin.get(&log(ACME, &format!("?{name}={value}"))).await.expect(400).json();
        assert_eq!(answer["error"]["code"], "invalid_request");
        let fields = answer["error"]["details"]["fields"].as_array().expect("the fields").clone();
        assert_eq!(fields.len(), 1, "{name}={value}");
        assert_eq!(fields[0]["path"], format!("/{name}"), "{value}");
    }
    for fine in ["?page_size=1", "?page_size=200"] {
        admin.get(&log(ACME, fine)).await.expect(200);
    }
    let answer = admin.get(&log(ACME, "?page_sise=5&limit=1")).await.expect(400).json();
    let fields = answer["error"]["details"]["fields"].as_array().expect("the fields").clone();
    assert_eq!(fields.len(), 2);
    let known = ["entity_type", "entity_id", "sort_order", "page_size", "cursor"];
    assert_eq!(fields[0]["path"], "/page_sise");
    assert_eq!(fields[0]["allowed"], json!(known));
    let message = fields[0]["message"].as_str().expect("a message");
    assert!(message.ends_with("did you mean page_size?"), "{message}");
    assert!(message.contains(&known.join(", ")), "{message}");
    let twice = admin.get(&log(ACME, "?page_size=5&page_size=6")).await.expect(400).json();
    assert_eq!(twice["error"]["details"]["fields"][0]["path"], "/page_size");
}

#[tokio::test]
async fn a_walk_neither_skips_nor_repeats() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    changes(&app, &admin, ACME, 7).await;
    let start = ids(&read(&admin, &log(ACME, "?page_size=200")).await);
    assert_eq!(start.len(), 7);
    for order in ["desc", "asc"] {
        let first = format!("?sort_order={order}&page_size=2");
        let (mut seen, mut query) = (Vec::new(), first.clone());
        let mut total = start.len();
        if order == "asc" {
            total = ids(&read(&admin, &log(ACME, "?page_size=200")).await).len();
        }
        for _ in 0..20 {
            let page = read(&admin, &log(ACME, &query)).await;
            assert_eq!(page["total_count"], total);
            seen.extend(ids(&page));
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            query = format!("{first}&cursor={cursor}");
            if seen.len() < 5 {
                changes(&app, &admin, ACME, 1).await;
                total = ids(&read(&admin, &log(ACME, "?page_size=200")).await).len();
            }
        }
        let mut known = start.clone();
        if order == "asc" {
            known.reverse();
            // Entries that came meanwhile stand at the end of an ascending walk.
            assert_eq!(seen.len(), total);
            assert_eq!(seen[..7], known);
        } else {
            assert_eq!(seen, known);
        }
    }
}

#[tokio::test]
async fn a_foreign_cursor_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let rival = app.role("tenant999", "admin").await;
    changes(&app, &admin, ACME, 3).await;
    changes(&app, &admin, GLOBEX, 3).await;
    changes(&app, &rival, INITECH, 3).await;
    let page = read(&admin, &log(ACME, "?page_size=1")).await;
    let cursor = page["next_cursor"].as_str().expect("a cursor").to_owned();
    let (head, last) = cursor.split_at(cursor.len() - 1);
    let damaged = [
        format!("{head}{}", if last == "A" { "B" } else { "A" }),
        head.to_owned(),
        format!("{cursor}A"),
        "nonsense".to_owned(),
        "%00".to_owned(),
    ];
    for cursor in damaged {
        refused(&admin, &log(ACME, &format!("?cursor={cursor}"))).await;
    }
    let others = [
        log(GLOBEX, &format!("?cursor={cursor}")),
        log(ACME, &format!("?cursor={cursor}&sort_order=asc")),
        log(ACME, &format!("?cursor={cursor}&entity_type=client")),
        log(ACME, &format!("?cursor={cursor}&entity_id={ACME}")),
        format!("/v2/api-tokens?cursor={cursor}"),
    ];
    for path in others {
        refused(&admin, &path).await;
    }
    refused(&rival, &log(INITECH, &format!("?cursor={cursor}"))).await;
    // The size of the page is not part of the list.
    let next = read(&admin, &log(ACME, &format!("?cursor={cursor}&page_size=200"))).await;
    assert_eq!(ids(&next).len(), 2);
}

async fn refused(actor: &Actor, path: &str) {
    let answer = actor.get(path).await.expect(400).json();
    assert_eq!(answer["error"]["code"], "invalid_request", "{path}");
    assert_eq!(answer["error"]["details"]["fields"][0]["path"], "/cursor", "{path}");
}

#[tokio::test]
async fn it_takes_audit_view() {
    let app = TestApp::start().await;
    app.anon().get(&log(ACME, "")).await.expect(401);
    for role in ["viewer", "member"] {
        let answer = app.role("tenant123", role).await.get(&log(ACME, "")).await.expect(403).json();
        assert_eq!(answer["error"]["details"], json!({ "permission": "audit.view" }));
    }
    let auditor = json!({ "tenant": "tenant123", "permissions": ["audit.view"] });
    let auditor = app.grant(&auditor).await;
    auditor.get(&log(ACME, "")).await.expect(200);
    auditor.get(&format!("/v2/clients/{ACME}")).await.expect(403);
    app.operator().get(&log(INITECH, "")).await.expect(200);
    let admin = app.admin().await;
    for id in [INITECH, NOBODY, "456"] {
        let answer = admin.get(&log(id, "")).await.expect(404).json();
        assert_eq!(answer["error"]["details"], json!({ "client_id": id }));
    }
}
