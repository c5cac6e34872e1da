//! The server enforces the mode: for every mode, tier and payload, what is allowed is stored, and what
//! is not is refused, counted, and nowhere.

use super::{HERE, SUSPEND, code, record, set_mode, set_state, set_status, user};
use clientbook_testkit::{Answer, Device, Engine, TestApp};
use serde_json::{Value, json};

/// Stands in everything that is sent, and would be found wherever it was stored.
const MARK: &str = "zebediahquark";

const PAYLOADS: [&str; 7] =
    ["users", "deployment_errors", "device", "software", "app_usage", "web_usage", "logs"];

/// Sends a payload in which the mark and `tag` stand.
async fn send(device: &Device, payload: &str, tag: &str, user_key: &str) -> Answer {
    let text = format!("{MARK}-{tag}");
    match payload {
        "users" => {
            let users = json!([{ "user_key": text, "username": text }]);
            device.check_in(&json!({ "users": users })).await
        }
        "deployment_errors" => {
            let errors = json!([{ "code": "odd", "message": text }]);
            device.check_in(&json!({ "deployment_errors": errors })).await
        }
        "device" => {
            let mut facts = Device::facts(&device.unique_key);
            facts["serial_number"] = json!(text);
            device.inventory(&json!({ "device": facts })).await
        }
        "software" => {
            device.inventory(&json!({ "software": [{ "name": text, "version": "1" }] })).await
        }
        "app_usage" => device.usage(&json!([record(&text, "app", user_key, &text)])).await,
        "web_usage" => device.usage(&json!([record(&text, "web", user_key, &text)])).await,
        "logs" => {
            let line = json!({ "at": "2026-03-10T14:00:00Z", "level": "info", "message": text });
            device.logs(&json!([line])).await
        }
        other => panic!("{other} is no payload"),
    }
}

/// In how many rows of any table the text stands.
fn rows_with(app: &TestApp, text: &str) -> usize {
    let database = app.database();
    let columns = match Engine::under_test() {
        Engine::Sqlite => {
            "SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c
                WHERE m.type = 'table' AND c.type = 'TEXT' AND m.name NOT LIKE 'client_trigrams%'"
        }
        Engine::Postgres(_) => {
            "SELECT table_name, column_name FROM information_schema.columns
                WHERE table_schema = 'public' AND data_type IN ('text', 'jsonb')"
        }
    };
    let columns = database.rows(columns);
    assert!(columns.len() > 50, "{columns:?}");
    let counts = columns.iter().map(|column| {
        let [table, name] = [&column[0], &column[1]];
        format!("SELECT count(*) AS n FROM {table} WHERE CAST({name} AS text) LIKE '%{text}%'")
    });
    let counts = counts.collect::<Vec<_>>().join(" UNION ALL ");
    let sum = format!("SELECT CAST(sum(n) AS bigint) FROM ({counts}) counts");
    database.rows(&sum)[0][0].parse().expect("a count")
}

/// What is collected, by mode and state.
fn permitted(mode: &str, state: &str, ships: bool, payload: &str) -> bool {
    let effective = if state == "enabled" { mode } else { state };
    match (effective, payload) {
        ("saas_usage" | "discovery", "logs") => ships,
        ("saas_usage", _) => true,
        ("discovery", payload) => ["device", "software", "deployment_errors"].contains(&payload),
        _ => false,
    }
}

/// The counted refusals of a device, by payload.
async fn refused(app: &TestApp, device: &Device) -> Value {
    app.app().write_gathered().await.expect("a batch");
    let path = format!("/v2/clients/{HERE}/collection-control/refusals?page_size=500");
    let list = app.operator().get(&path).await.expect(200).json();
    let rows = list["data"].as_array().expect("counts").iter();
    let own = rows.filter(|row| row["device_id"] == json!(device.id));
    own.map(|row| (row["payload"].as_str().expect("text").to_owned(), row["count"].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Sends every payload to a server in this state of things.
async fn try_all(app: &TestApp, device: &Device, (mode, state, ships): (&str, &str, bool)) {
    for payload in PAYLOADS {
        let tag = format!("{mode}-{state}-{ships}-{payload}").replace('_', "");
        let at = format!("{mode} {state} ships {ships}: {payload}");
        let before = refused(app, device).await[payload].as_i64().unwrap_or(0);
        let answer = send(device, payload, &tag, "uid-1").await;
        let after = refused(app, device).await[payload].as_i64().unwrap_or(0);
        let found = rows_with(app, &tag);
        if permitted(mode, state, ships, payload) {
            assert!((200..300).contains(&answer.status), "{at}: {}", answer.text);
            assert!(found > 0, "{at} is stored nowhere");
            assert_eq!(before, after, "{at}");
        } else {
            assert_eq!((answer.status, code(&answer).as_str()), (403, "collection_not_permitted"));
            assert_eq!(found, 0, "{at} left a trace");
            assert_eq!(before + 1, after, "{at} is not counted");
            let details = answer.json()["error"]["details"].clone();
            let told = device.check_in(&json!({})).await.expect(200).json();
            for field in ["effective_mode", "directive", "collect"] {
                assert_eq!(details[field], told[field], "{at}: {field}");
            }
            assert!(details.get("user_keys").is_none());
            // A body that cannot be read is told nothing either, and counted the same.
            if payload == "software" {
                let broken = json!({ "software": [{ "name": format!("{MARK}-{tag}") }] });
                assert_eq!(device.inventory(&broken).await.status, 403, "{at}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_mode_forbids_leaves_no_trace() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for mode in ["saas_usage", "discovery", "disabled"] {
        set_mode(&admin, mode).await;
        for state in ["enabled", "disabled", "deleted"] {
            let device = app.device(HERE, &format!("{mode}-{state}")).await;
            for ships in [false, true] {
                let ship = json!({ "log_shipping_enabled": ships });
                admin.patch(&device.path(), &ship).await.expect(200);
                if state != "enabled" {
                    set_state(&admin, &device, state).await;
                }
                try_all(&app, &device, (mode, state, ships)).await;
            }
        }
    }
    set_mode(&admin, "saas_usage").await;
    let device = app.device(HERE, "the last").await;
    set_mode(&admin, "deleted").await;
    try_all(&app, &device, ("deleted", "enabled", false)).await;
    // Of an inactive client an agent may hear that it is to remove itself, and no more.
    admin.patch_empty(SUSPEND).await.expect(200);
    for payload in ["device", "software", "app_usage", "web_usage", "logs"] {
        let refused = send(&device, payload, "inactive", "bob").await.expect(401);
        assert_eq!(code(&refused), "client_inactive", "{payload}");
    }
    device.check_in(&json!({})).await.expect(200);
    assert_eq!(rows_with(&app, &format!("{MARK}-inactive")), 0);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn what_a_users_status_forbids_leaves_no_trace() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let device = app.device(HERE, "one").await;
    for payload in ["app_usage", "web_usage"] {
        send(&device, payload, &format!("active-{payload}").replace('_', ""), "bob")
            .await
            .expect(202);
    }
    let id = user(&admin, "bob").await;
    set_status(&admin, &id, "archived").await;
    for status in ["archived", "deleted"] {
        set_status(&admin, &id, status).await;
        for payload in ["app_usage", "web_usage"] {
            let tag = format!("{status}-{payload}").replace('_', "");
            let mut both = vec![record(&tag, &payload[..3], "bob", &format!("{MARK}-{tag}"))];
            both.push(record(&format!("{tag}-2"), &payload[..3], "eve", &format!("{MARK}-{tag}")));
            let answer = device.usage(&json!(both)).await.expect(403);
            assert_eq!(code(&answer), "collection_not_permitted");
            assert_eq!(answer.json()["error"]["details"]["user_keys"], json!(["bob"]));
            assert_eq!(rows_with(&app, &tag), 0, "{tag} left a trace");
            // Without the one, the other's is taken.
            device.usage(&json!([both[1]])).await.expect(202);
        }
    }
    // Who is archived is not seen on another device.
    let eve = user(&admin, "eve").await;
    set_status(&admin, &eve, "archived").await;
    let other = app.device(HERE, "two").await;
    let seen = json!({ "users": [{ "user_key": "eve", "username": format!("{MARK}-eve") }] });
    assert_eq!(other.check_in(&seen).await.expect(200).json()["users"], json!([]));
    assert_eq!(rows_with(&app, &format!("{MARK}-eve")), 0);
    let shown = admin.get(&format!("{}/users", other.path())).await.expect(200).json();
    assert_eq!(shown["total_count"], 0);
}

/// What was permitted when the request came is decided again where it is stored.
#[tokio::test]
async fn no_race_stores_what_is_forbidden() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let device = app.device(HERE, "one").await;
    for round in 0..10 {
        set_mode(&admin, "saas_usage").await;
        let mut senders = tokio::task::JoinSet::new();
        for sender in 0..8 {
            let device = device.clone();
            senders.spawn(async move {
                let id = format!("{round}-{sender}");
                device.usage(&json!([record(&id, "app", "bob", &id)])).await.status
            });
        }
        set_mode(&admin, "discovery").await;
        // From the answer on, nothing comes in any more.
        let count = || app.database().rows("SELECT count(*) FROM usage_records")[0][0].clone();
        let before = count();
        let statuses = senders.join_all().await;
        assert!(statuses.iter().all(|status| [202, 403].contains(status)), "{statuses:?}");
        assert_eq!(count(), before, "a record came in after the mode had changed");
    }
}
