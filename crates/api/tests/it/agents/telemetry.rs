//! What agents hand over, and how it is read: software, usage, logs.

use super::{HERE, THERE, record, set_status, user};
use clientbook_testkit::TestApp;
use serde_json::{Value, json};

const DAY: i64 = 24 * 60 * 60 * 1000;

fn software(name: &str, version: &str) -> Value {
    json!({ "name": name, "version": version, "publisher": "Debian", "source": "dpkg" })
}

async fn names(app: &TestApp, path: &str) -> Vec<String> {
    let list = app.operator().get(path).await.expect(200).json();
    let rows = list["data"].as_array().expect("rows").iter();
    rows.map(|row| {
        format!(
            "{} {}",
            row["name"].as_str().expect("a name"),
            row["version"].as_str().unwrap_or("")
        )
    })
    .collect()
}

#[tokio::test]
async fn an_inventory_replaces_what_it_brings() {
    let app = TestApp::start().await;
    let (one, two) = (app.device(HERE, "one").await, app.device(HERE, "two").await);
    let elsewhere = app.device(THERE, "one").await;
    let all = json!({ "software": [
        software("Zsh", "5.9"), software("bash", "5.2"),
        { "name": "Editor", "version": "1", "installed_at": "2026-02-01T09:30:00Z" },
    ] });
    one.inventory(&all).await.expect(204);
    two.inventory(&json!({ "software": [software("bash", "5.2"), software("bash", "5.3")] }))
        .await
        .expect(204);
    elsewhere.inventory(&json!({ "software": [software("secret", "1")] })).await.expect(204);
    let list = format!("/v2/clients/{HERE}/software");
    assert_eq!(names(&app, &list).await, ["bash 5.2", "bash 5.3", "Editor 1", "Zsh 5.9"]);
    assert_eq!(names(&app, &format!("{list}?q=BASH")).await, ["bash 5.2", "bash 5.3"]);
    let first = app.operator().get(&format!("{list}?page_size=3")).await.expect(200).json();
    assert_eq!((&first["total_count"], &first["data"][0]["device_count"]), (&json!(4), &json!(2)));
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    assert_eq!(names(&app, &format!("{list}?page_size=3&cursor={cursor}")).await, ["Zsh 5.9"]);
    let bash = first["data"][0]["id"].as_str().expect("an id");
    let on = app.operator().get(&format!("{list}/{bash}/devices")).await.expect(200).json();
    assert_eq!(on["total_count"], 2);
    assert_eq!(on["data"][0]["source"], "dpkg");
    app.operator().get(&format!("{list}/{}/devices", one.id)).await.expect(404);
    let own = format!("{}/software", one.path());
    assert_eq!(names(&app, &own).await, ["bash 5.2", "Editor 1", "Zsh 5.9"]);
    let shown = app.operator().get(&own).await.expect(200).json();
    assert_eq!(shown["data"][1]["installed_at"], "2026-02-01T09:30:00.000Z");
    assert_eq!(shown["data"][1]["source"], Value::Null);
    // The whole part is replaced; another part is left alone.
    one.inventory(&json!({ "software": [software("bash", "5.3")] })).await.expect(204);
    let mut facts = clientbook_testkit::Device::facts("one");
    facts["name"] = json!("renamed");
    one.inventory(&json!({ "device": facts })).await.expect(204);
    assert_eq!(names(&app, &own).await, ["bash 5.3"]);
    assert_eq!(names(&app, &list).await, ["bash 5.2", "bash 5.3"]);
    let device = app.operator().get(&one.path()).await.expect(200).json();
    assert_eq!(device["name"], "renamed");
    // What is on no device is gone: who makes titles up leaves no more than may be installed.
    assert_eq!(app.database().rows("SELECT count(*) FROM software"), [["3"]]);
    for round in 0..3 {
        let made_up: Vec<_> = (0..100).map(|at| software(&format!("{round}-{at}"), "1")).collect();
        one.inventory(&json!({ "software": made_up })).await.expect(204);
        assert_eq!(app.database().rows("SELECT count(*) FROM software"), [["103"]]);
    }
    // The key is the device's own.
    facts["unique_key"] = json!("two");
    one.inventory(&json!({ "device": facts })).await.expect(400);
    app.role("tenant123", "viewer").await.get(&list).await.expect(403);
    app.role("tenant123", "admin").await.get(&list).await.expect(200);
    app.role("tenant999", "admin").await.get(&list).await.expect(404);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_record_counts_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let device = app.device(HERE, "one").await;
    let mut visit = record("2", "web", "bob", "Example.COM");
    visit["visits"] = json!(4);
    let all =
        json!([record("1", "app", "bob", "Firefox"), visit, record("1", "app", "bob", "Firefox")]);
    let told = device.usage(&all).await.expect(202);
    let told: clientbook_agent_protocol::UsageAccepted =
        serde_json::from_str(&told.text).expect("what agents read");
    assert_eq!((told.accepted, told.duplicates), (2, 1));
    let again = device.usage(&all).await.expect(202).json();
    assert_eq!(again, json!({ "accepted": 0, "duplicates": 3 }));
    // The same id of another device is another record.
    let other = app.device(HERE, "two").await;
    let theirs = json!([record("1", "app", "eve", "Firefox")]);
    assert_eq!(other.usage(&theirs).await.expect(202).json()["accepted"], 1);
    let sums = format!("/v2/clients/{HERE}/usage");
    let by = async |group: &str| {
        let list = admin.get(&format!("{sums}?group_by={group}")).await.expect(200).json();
        list["data"].clone()
    };
    assert_eq!(
        by("app").await,
        json!([
            { "kind": "app", "name": "Firefox", "seconds": 1800, "visits": 0 },
            { "kind": "web", "name": "example.com", "seconds": 900, "visits": 4 },
        ])
    );
    assert_eq!(by("day").await, json!([{ "day": "2026-03-10", "seconds": 2700, "visits": 4 }]));
    let named = |sums: Value, name: &str| {
        sums.as_array().expect("sums").iter().find(|sum| sum["name"] == name).expect("one").clone()
    };
    let bob = named(by("user").await, "bob");
    assert_eq!(
        (&bob["user_id"], &bob["seconds"]),
        (&json!(user(&admin, "bob").await), &json!(1800))
    );
    let host = named(by("device").await, "host-one");
    assert_eq!((&host["device_id"], &host["seconds"]), (&json!(device.id), &json!(1800)));
    let first = admin.get(&format!("{sums}?page_size=1")).await.expect(200).json();
    assert_eq!(first["total_count"], 2);
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let second = admin.get(&format!("{sums}?page_size=1&cursor={cursor}")).await.expect(200).json();
    assert_eq!((&second["data"][0]["kind"], &second["next_cursor"]), (&json!("web"), &Value::Null));
    admin.get(&format!("{sums}?group_by=day&cursor={cursor}")).await.expect(400);
    let none = admin.get(&format!("{sums}?from=2026-03-11&to=2026-03-12")).await.expect(200).json();
    assert_eq!(none["total_count"], 0);
    admin.get(&format!("{sums}?from=2026-03-12&to=2026-03-11")).await.expect(400);
    admin.get(&format!("{sums}?from=yesterday")).await.expect(400);
    app.role("tenant123", "viewer").await.get(&sums).await.expect(403);
    // The last activity of a user follows.
    let bob = format!("/v2/clients/{HERE}/users/{}", user(&admin, "bob").await);
    let last = admin.get(&bob).await.expect(200).json()["last_activity"].clone();
    assert_eq!(last["desktop_at"], "2026-03-10T14:15:00.000Z");
    assert_eq!(last["web_at"], "2026-03-10T14:15:00.000Z");
}

#[tokio::test]
async fn eight_senders_of_one_batch_count_it_once() {
    let app = TestApp::start().await;
    let device = app.device(HERE, "one").await;
    let records =
        (0..50).map(|at| record(&at.to_string(), "app", &format!("user-{}", at % 7), "App"));
    let batch: Value = records.collect();
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (device, batch) = (device.clone(), batch.clone());
        senders.spawn(async move { device.usage(&batch).await.expect(202).json() });
    }
    let told = senders.join_all().await;
    let sum =
        |field: &str| told.iter().map(|one| one[field].as_u64().expect("a count")).sum::<u64>();
    assert_eq!((sum("accepted"), sum("duplicates")), (50, 350));
    let seconds = app.database().rows("SELECT CAST(sum(seconds) AS bigint) FROM usage_days");
    assert_eq!(seconds, [[(50 * 900).to_string()]]);
}

#[tokio::test]
async fn times_are_those_that_a_device_can_tell_of() {
    let app = TestApp::start().await;
    let device = app.device(HERE, "one").await;
    let at = |id: &str, time: &str| {
        let mut record = record(id, "app", "bob", "App");
        record["started_at"] = json!(time);
        record
    };
    let wrong = json!([
        at("1", "2026-03-10T14:40:00.001Z"),
        at("2", "2026-03-10T14:40:00Z"),
        at("3", "2025-12-09T23:59:59Z"),
        at("4", "2025-12-10T00:00:00Z"),
    ]);
    let refused = device.usage(&wrong).await.expect(400).json();
    let fields = refused["error"]["details"]["fields"].as_array().expect("fields");
    let told: Vec<_> = fields.iter().map(|one| [&one["path"], &one["rule"]]).collect();
    assert_eq!(
        told,
        [
            [&json!("/records/0/started_at"), &json!("future")],
            [&json!("/records/2/started_at"), &json!("too_old")],
        ]
    );
    assert_eq!(app.database().rows("SELECT count(*) FROM usage_days"), [["0"]]);
    let right = json!([wrong[1], wrong[3]]);
    assert_eq!(device.usage(&right).await.expect(202).json()["accepted"], 2);
    let path = json!([record("5", "web", "bob", "example.com/private")]);
    let refused = device.usage(&path).await.expect(400).json();
    assert_eq!(refused["error"]["details"]["fields"][0]["rule"], "domain");
}

#[tokio::test]
async fn what_began_before_a_user_was_deleted_revives_nobody() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let device = app.device(HERE, "one").await;
    device.usage(&json!([record("1", "app", "bob", "App")])).await.expect(202);
    let id = user(&admin, "bob").await;
    set_status(&admin, &id, "deleted").await;
    let old = device.usage(&json!([record("2", "app", "bob", "App")])).await.expect(403).json();
    assert_eq!(old["error"]["details"]["user_keys"], json!(["bob"]));
    app.advance(60_000);
    let mut later = record("3", "app", "bob", "App");
    later["started_at"] = json!("2026-03-10T14:30:30Z");
    device.usage(&json!([later])).await.expect(202);
    assert_ne!(user(&admin, "bob").await, id);
    // And what is older is refused as ever.
    device.usage(&json!([record("4", "app", "bob", "App")])).await.expect(403);
}

#[tokio::test]
async fn what_is_older_than_the_retention_goes() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let device = app.device(HERE, "one").await;
    admin.patch(&device.path(), &json!({ "log_shipping_enabled": true })).await.expect(200);
    device.usage(&json!([record("1", "app", "bob", "App")])).await.expect(202);
    let line =
        json!({ "at": "2026-03-10T14:00:00Z", "level": "warn", "message": "The spool was full" });
    device.logs(&json!([line])).await.expect(204);
    let log = admin.get(&format!("{}/logs", device.path())).await.expect(200).json();
    assert_eq!(log["data"][0]["message"], "The spool was full");
    let counts = || {
        ["usage_days", "usage_records", "agent_logs"].map(|table| {
            app.database().rows(&format!("SELECT count(*) FROM {table}"))[0][0].clone()
        })
    };
    app.advance(90 * DAY);
    assert!(app.app().forget_telemetry().await.expect("a turn"));
    assert_eq!(counts(), ["1", "1", "1"], "its day is the last that is kept");
    assert!(!app.app().forget_telemetry().await.expect("no turn"), "once an hour");
    app.advance(DAY);
    assert!(app.app().forget_telemetry().await.expect("a turn"));
    assert_eq!(counts(), ["0", "0", "0"]);
    // Sent again, it is too old to be counted anew.
    device.usage(&json!([record("1", "app", "bob", "App")])).await.expect(400);
}

#[tokio::test]
async fn nothing_collected_outlives_its_client() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let device = app.device(HERE, "one").await;
    let elsewhere = app.device(THERE, "one").await;
    admin.patch(&device.path(), &json!({ "log_shipping_enabled": true })).await.expect(200);
    for one in [&device, &elsewhere] {
        one.usage(&json!([record("1", "app", "bob", "App")])).await.expect(202);
        one.inventory(&json!({ "software": [software("bash", "5.2")] })).await.expect(204);
    }
    let line = json!({ "at": "2026-03-10T14:00:00Z", "level": "warn", "message": "odd" });
    device.logs(&json!([line])).await.expect(204);
    super::set_mode(&admin, "deleted").await;
    device.usage(&json!([record("2", "app", "bob", "App")])).await.expect(403);
    app.app().write_gathered().await.expect("a batch");
    let counts = || {
        let tables = [
            "usage_days",
            "usage_records",
            "software",
            "installed_software",
            "agent_logs",
            "collection_refusals",
        ];
        tables.map(|table| {
            app.database().rows(&format!("SELECT count(*) FROM {table}"))[0][0].clone()
        })
    };
    assert_eq!(counts(), ["2", "2", "2", "2", "1", "1"]);
    // What is gathered of a client that is gone by then is written nowhere.
    device.usage(&json!([record("2", "app", "bob", "App")])).await.expect(403);
    admin.delete(&format!("/v2/clients/{HERE}")).await.expect(204);
    device.check_in(&json!({})).await.expect(200);
    app.app().write_gathered().await.expect("a batch");
    assert_eq!(counts(), ["1", "1", "1", "1", "0", "0"]);
    app.assert_audit_intact().await;
}
