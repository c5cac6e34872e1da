//! `POST /v2/agent/enroll`

use super::{ACTIVATE, HERE, SUSPEND, code, set_mode, set_state};
use clientbook_testkit::{Device, Engine, Start, TestApp, TestDatabase};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;

#[tokio::test]
async fn a_device_joins_and_joins_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let token = app.enrollment_token(HERE, &json!({ "max_uses": 1 })).await;
    let mut facts = Device::facts("one");
    facts["serial_number"] = json!("SN-1");
    facts["hardware"] =
        json!({ "manufacturer": "Lenovo", "cpu_cores": 16, "ram": 33_554_432_000_i64 });
    let body = json!({ "enrollment_token": token, "device": facts });
    let joined = app.anon().post("/v2/agent/enroll", &body).await.expect(201);
    assert_eq!(joined.header("cache-control"), "no-store");
    let told: clientbook_agent_protocol::Enrolled =
        serde_json::from_str(&joined.text).expect("what agents read");
    let device = app.joined(HERE, "one", &joined.json());
    let first = device.check_in(&json!({})).await.expect(200).json();
    assert_eq!(first, joined.json()["check_in"], "what the first check-in answers");
    assert_eq!(told.device_id, device.id);
    let shown = admin.get(&device.path()).await.expect(200).json();
    assert_eq!(shown["serial_number"], "SN-1");
    assert_eq!(shown["hardware"]["cpu_cores"], 16);
    let remaining = |shown: &Value| shown["data"][0]["remaining_uses"].clone();
    let tokens = format!("/v2/clients/{HERE}/enrollment-tokens");
    assert_eq!(remaining(&admin.get(&tokens).await.expect(200).json()), 0);
    // The answer got lost: the very token let it in, so it may come again, and is not counted.
    app.advance(1_000);
    let again = app.anon().post("/v2/agent/enroll", &body).await.expect(201).json();
    assert_eq!(again["device_id"], json!(device.id));
    assert_eq!(code(&device.check_in(&json!({})).await.expect(401)), "unauthenticated");
    let device = app.joined(HERE, "one", &again);
    device.check_in(&json!({})).await.expect(200);
    // Nobody else may.
    assert_eq!(code(&app.enroll(&token, "two").await.expect(401)), "unauthenticated");
    // Another token counts again, for the same device.
    let token = app.enrollment_token(HERE, &json!({ "max_uses": 2 })).await;
    let moved = app.enroll(&token, "one").await.expect(201).json();
    assert_eq!(moved["device_id"], json!(device.id));
    assert_eq!(remaining(&admin.get(&tokens).await.expect(200).json()), 1);
    // A deleted device's key starts another.
    let device = app.joined(HERE, "one", &moved);
    set_state(&admin, &device, "deleted").await;
    let other = app.enroll(&token, "one").await.expect(201).json();
    assert_ne!(other["device_id"], json!(device.id));
    let told = device.check_in(&json!({})).await.expect(200).json();
    assert_eq!(told["directive"], "uninstall");
    // The trail says who joined, and the device's own name.
    let log = admin
        .get(&format!("/v2/clients/{HERE}/audit-log?action=device_enrolled"))
        .await
        .expect(200)
        .json();
    assert_eq!(log["total_count"], 4);
    assert_eq!(log["data"][0]["entity_id"], other["device_id"]);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_the_answer_is_the_same() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let unknown = app.enroll("enroll_00000000000000000000000000000000", "x").await.expect(401);
    let spent = app.enrollment_token(HERE, &json!({ "max_uses": 1 })).await;
    app.enroll(&spent, "one").await.expect(201);
    let mut refused = vec![app.enroll(&spent, "two").await];
    let expired = json!({ "expires_at": "2026-03-10T14:31:00Z" });
    let expired = app.enrollment_token(HERE, &expired).await;
    refused.push(app.enroll(&spent, "one").await);
    app.advance(60_000);
    refused.push(app.enroll(&expired, "three").await);
    let revoked = app.enrollment_token(HERE, &json!({})).await;
    let good = app.enrollment_token(HERE, &json!({})).await;
    refused.push(app.enroll(&revoked, "three").await);
    admin.patch_empty(SUSPEND).await.expect(200);
    refused.push(app.enroll(&good, "three").await);
    admin.patch_empty(ACTIVATE).await.expect(200);
    app.enroll(&good, "three").await.expect(201);
    set_mode(&admin, "deleted").await;
    refused.push(app.enroll(&good, "four").await);
    for answer in refused {
        assert_eq!((answer.status, &answer.text), (401, &unknown.text));
    }
    // What is wrong with a body is named, all of it.
    let body =
        json!({ "enrollment_token": good, "device": { "name": "", "hardware": { "ram": -1 } } });
    let broken = app.anon().post("/v2/agent/enroll", &body).await.expect(400).json();
    let fields = broken["error"]["details"]["fields"].as_array().expect("fields");
    let paths: Vec<_> = fields.iter().map(|one| one["path"].as_str().expect("a path")).collect();
    for path in ["/device/name", "/device/unique_key", "/device/os_name", "/device/hardware/ram"] {
        assert!(paths.contains(&path), "{path} of {paths:?}");
    }
    app.assert_audit_intact().await;
}

/// 64 devices at these servers, for a token that lets one in.
async fn race(servers: &[&TestApp]) {
    let first = servers[0];
    let token = first.enrollment_token(HERE, &json!({ "max_uses": 1 })).await;
    let mut racing = JoinSet::new();
    for (at, server) in (0..64).zip(servers.iter().cycle()) {
        let device = Device::facts(&format!("racer-{at}"));
        let body = json!({ "enrollment_token": token, "device": device });
        let anon = server.anon();
        racing.spawn(async move { anon.post("/v2/agent/enroll", &body).await.status });
    }
    let mut statuses = racing.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201);
    assert!(statuses[1..].iter().all(|status| *status == 401), "{statuses:?}");
    let path = format!("/v2/clients/{HERE}");
    let devices = first.operator().get(&format!("{path}/devices")).await.expect(200).json();
    assert_eq!(devices["total_count"], 1);
    let tokens =
        first.operator().get(&format!("{path}/enrollment-tokens")).await.expect(200).json();
    assert_eq!(tokens["data"][0]["remaining_uses"], 0);
    first.assert_audit_intact().await;
}

#[tokio::test]
async fn of_64_racing_devices_one_gets_in() {
    race(&[&TestApp::start().await]).await;
}

#[tokio::test]
async fn of_64_racing_devices_at_two_servers_one_gets_in() {
    let engine = Engine::under_test();
    if engine == Engine::Sqlite {
        return;
    }
    let database = Arc::new(TestDatabase::on(engine));
    let one = Start::on(Arc::clone(&database)).seed(1).start().await;
    let other = Start::on(database).seed(2).start().await;
    race(&[&one, &other]).await;
}

#[tokio::test]
async fn an_address_that_guesses_tokens_is_slowed_down() {
    let options = clientbook_api::Options {
        throttle_failed_logins: true,
        rate_limit: None,
        public_url: "http://clientbook.test".into(),
    };
    let app = TestApp::start_with(options).await;
    let token = app.enrollment_token(HERE, &json!({})).await;
    let guess = |at: u32| format!("enroll_{at:032}");
    let mut last = 0;
    for at in 0..40 {
        last = app.enroll(&guess(at), "x").await.status;
    }
    assert_eq!(last, 429);
    // Who has one joins all the same.
    app.enroll(&token, "one").await.expect(201);
}
