//! Check-ins that wait: each is answered by the change that it waits for, and by no other clock.

use super::{ACTIVATE, HERE, SUSPEND, THERE, code, set_mode, set_state, set_status, user};
use clientbook_testkit::{Answer, Device, TestApp};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// A check-in that waits for another configuration than the newest, once it does.
pub(super) async fn waiting(app: &TestApp, device: &Device) -> JoinHandle<Answer> {
    let known = device.check_in(&json!({})).await.expect(200).json()["config_version"].clone();
    let before = app.app().waiting_agents();
    let device = device.clone();
    let answer = tokio::spawn(async move { device.wait(&known, 60).await });
    while app.app().waiting_agents() == before {
        tokio::task::yield_now().await;
    }
    answer
}

async fn told(answer: JoinHandle<Answer>) -> Value {
    answer.await.expect("an answer").expect(200).json()
}

#[tokio::test]
async fn a_change_of_any_tier_reaches_who_waits() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let device = app.device(HERE, "one").await;
    let bob = json!({ "users": [{ "user_key": "bob", "username": "bob" }] });
    device.check_in(&bob).await.expect(200);
    let id = user(&admin, "bob").await;
    let answer = waiting(&app, &device).await;
    set_mode(&admin, "discovery").await;
    assert_eq!(told(answer).await["effective_mode"], "discovery");
    let answer = waiting(&app, &device).await;
    set_mode(&admin, "saas_usage").await;
    assert_eq!(told(answer).await["effective_mode"], "saas_usage");
    let answer = waiting(&app, &device).await;
    set_status(&admin, &id, "archived").await;
    assert_eq!(told(answer).await["users"], json!([{ "user_key": "bob", "collect": false }]));
    let answer = waiting(&app, &device).await;
    let ship = json!({ "log_shipping_enabled": true });
    admin.patch(&device.path(), &ship).await.expect(200);
    assert_eq!(told(answer).await["log_shipping_enabled"], true);
    let answer = waiting(&app, &device).await;
    set_state(&admin, &device, "disabled").await;
    assert_eq!(told(answer).await["directive"], "idle");
    let answer = waiting(&app, &device).await;
    set_state(&admin, &device, "deleted").await;
    assert_eq!(told(answer).await["directive"], "uninstall");
    assert_eq!(app.app().waiting_agents(), 0);
}

#[tokio::test]
async fn who_does_not_know_the_newest_is_answered_at_once() {
    let app = TestApp::start().await;
    let device = app.device(HERE, "one").await;
    let newest = device.check_in(&json!({})).await.expect(200).text;
    assert_eq!(device.wait(&json!("another"), 60).await.expect(200).text, newest);
    let unknown = device.check_in(&json!({ "wait_seconds": 60 })).await.expect(200);
    assert_eq!(unknown.text, newest);
}

#[tokio::test]
async fn patience_ends_with_what_was_known() {
    let app = TestApp::start().await;
    let device = app.device(HERE, "one").await;
    let known = device.check_in(&json!({})).await.expect(200);
    let after = device.wait(&known.json()["config_version"], 1).await.expect(200);
    assert_eq!(after.text, known.text);
    assert_eq!(app.app().waiting_agents(), 0);
}

#[tokio::test]
async fn a_suspension_ends_the_wait_and_what_comes_after() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let device = app.device(HERE, "one").await;
    let answer = waiting(&app, &device).await;
    admin.patch_empty(SUSPEND).await.expect(200);
    let refused = answer.await.expect("an answer").expect(401);
    assert_eq!(code(&refused), "client_inactive");
    assert_eq!(code(&device.check_in(&json!({})).await.expect(401)), "client_inactive");
    let usage = device.usage(&json!([])).await.expect(401);
    assert_eq!(code(&usage), "client_inactive");
    // The token is kept, and works again.
    admin.patch_empty(ACTIVATE).await.expect(200);
    device.check_in(&json!({})).await.expect(200);
    // Who must go hears it though its client is suspended.
    admin.patch_empty(SUSPEND).await.expect(200);
    set_mode(&admin, "deleted").await;
    let told = device.check_in(&json!({})).await.expect(200).json();
    assert_eq!(
        (&told["directive"], &told["effective_mode"]),
        (&json!("uninstall"), &json!("deleted"))
    );
}

#[tokio::test]
async fn whose_token_was_replaced_waits_no_more() {
    let app = TestApp::start().await;
    let device = app.device(HERE, "one").await;
    let answer = waiting(&app, &device).await;
    let again = app.device(HERE, "one").await;
    assert_eq!(again.id, device.id);
    assert_eq!(code(&answer.await.expect("an answer").expect(401)), "unauthenticated");
}

#[tokio::test]
async fn other_clients_changes_wake_nobody() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let device = app.device(HERE, "one").await;
    let other = app.device(THERE, "one").await;
    let answer = waiting(&app, &device).await;
    let theirs = waiting(&app, &other).await;
    let off = json!({ "collection_mode": "disabled" });
    admin.patch(&format!("/v2/clients/{THERE}"), &off).await.expect(200);
    assert_eq!(told(theirs).await["directive"], "idle");
    assert_eq!(app.app().waiting_agents(), 1);
    assert!(!answer.is_finished());
    set_mode(&admin, "disabled").await;
    assert_eq!(told(answer).await["directive"], "idle");
}

#[tokio::test]
async fn a_server_that_stops_answers_who_waits() {
    let app = TestApp::start().await;
    let device = app.device(HERE, "one").await;
    let known = device.check_in(&json!({})).await.expect(200).text;
    let answer = waiting(&app, &device).await;
    app.app().release_agents();
    assert_eq!(answer.await.expect("an answer").expect(200).text, known);
    // And holds nobody any more.
    let version = serde_json::from_str::<Value>(&known).expect("JSON")["config_version"].clone();
    assert_eq!(device.wait(&version, 60).await.expect(200).text, known);
}

#[tokio::test]
async fn an_erased_clients_agent_hears_that_it_must_go_until_it_is_gone() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let device = app.device(HERE, "one").await;
    let gone = app.device(HERE, "two").await;
    set_mode(&admin, "deleted").await;
    gone.agent.post("/v2/agent/uninstalled", &json!({})).await.expect(204);
    admin.delete(&format!("/v2/clients/{HERE}")).await.expect(204);
    let told = device.check_in(&json!({})).await.expect(200).json();
    assert_eq!(told["directive"], "uninstall");
    let refused = device.inventory(&json!({ "software": [] })).await.expect(401);
    assert_eq!(code(&refused), "client_inactive");
    gone.check_in(&json!({})).await.expect(401);
    device.agent.post("/v2/agent/uninstalled", &json!({})).await.expect(204);
    device.check_in(&json!({})).await.expect(401);
    device.agent.post("/v2/agent/uninstalled", &json!({})).await.expect(401);
    assert_eq!(app.database().rows("SELECT count(*) FROM device_tombstones"), [["0"]]);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn the_last_word_is_said_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let device = app.device(HERE, "one").await;
    set_state(&admin, &device, "deleted").await;
    let mut words = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let agent = device.agent.clone();
        words.spawn(async move { agent.post("/v2/agent/uninstalled", &json!({})).await.status });
    }
    let mut statuses = words.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 401, 401, 401, 401, 401, 401, 401]);
    let log = admin
        .get(&format!("/v2/clients/{HERE}/audit-log?action=device_uninstalled"))
        .await
        .expect(200)
        .json();
    assert_eq!(log["total_count"], 1);
    app.assert_audit_intact().await;
}
