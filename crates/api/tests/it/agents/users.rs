//! Which users a device may bring, and how many.

use super::{HERE, code, record, set_status, user};
use clientbook_testkit::{Device, TestApp};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// As many as one heartbeat may tell of, and as a device may have.
const MOST: usize = 1_000;

fn users(from: usize, count: usize) -> Value {
    let key = |at: usize| format!("uid-{at:05}");
    let user = |at: usize| json!({ "user_key": key(at), "username": key(at) });
    (from..from + count).map(user).collect::<Vec<_>>().into()
}

async fn told(device: &Device, users: Value) -> Vec<String> {
    let answer = device.check_in(&json!({ "users": users })).await.expect(200).json();
    let told = answer["users"].as_array().expect("users");
    told.iter().map(|user| user["user_key"].as_str().expect("a key").to_owned()).collect()
}

/// What a heartbeat is answered while nobody can write.
async fn without_a_write(app: &TestApp, device: &Device, users: &Value) -> Value {
    let held = app.database().hold_writes();
    let more = json!({ "users": users });
    let answer = timeout(Duration::from_secs(4), device.check_in(&more)).await;
    drop(held);
    answer.expect("an answer that waits for no write").expect(200).json()
}

fn count(app: &TestApp, table: &str) -> String {
    let sql = format!("SELECT count(*) FROM {table}");
    app.database().rows(&sql)[0][0].clone()
}

#[tokio::test]
async fn who_is_archived_elsewhere_costs_no_write() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (one, two) = (app.device(HERE, "one").await, app.device(HERE, "two").await);
    let bob = json!([{ "user_key": "bob", "username": "bob" }]);
    assert_eq!(told(&one, bob.clone()).await, ["bob"]);
    let id = user(&admin, "bob").await;
    set_status(&admin, &id, "archived").await;
    let sightings = count(&app, "device_user_sightings");
    for device in [&one, &two] {
        let answer = without_a_write(&app, device, &bob).await;
        // Nobody says whom else they know.
        let known = json!([{ "user_key": "bob", "collect": false }]);
        assert_eq!(answer["users"], if device.id == one.id { known } else { json!([]) });
    }
    assert_eq!(count(&app, "device_user_sightings"), sightings);
    set_status(&admin, &id, "active").await;
    assert_eq!(told(&two, bob).await, ["bob"]);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_device_has_so_many_users() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let device = app.device(HERE, "one").await;
    let (users_before, sightings_before) =
        (count(&app, "device_users"), count(&app, "device_user_sightings"));
    let more =
        |before: &str, more: usize| (before.parse::<usize>().expect("a count") + more).to_string();
    assert_eq!(told(&device, users(0, MOST)).await.len(), MOST);
    // Others are left out, one by one, by the hundreds, and with those who are there.
    for (from, count) in [(MOST, 1), (2 * MOST, MOST), (MOST - 10, 20)] {
        let told = told(&device, users(from, count)).await;
        assert_eq!((told.len(), told.last().map(String::as_str)), (MOST, Some("uid-00999")));
    }
    let usage = [record("1", "app", "uid-00001", "Files"), record("2", "app", "a", "Files")];
    let refused = device.usage(&json!(usage)).await.expect(403);
    assert_eq!(code(&refused), "collection_not_permitted");
    assert_eq!(refused.json()["error"]["details"]["user_keys"], json!(["a"]));
    assert_eq!(device.usage(&json!([usage[0]])).await.expect(202).json()["accepted"], 1);
    assert_eq!(count(&app, "device_users"), more(&users_before, MOST));
    assert_eq!(count(&app, "device_user_sightings"), more(&sightings_before, MOST));
    // And cost no write.
    without_a_write(&app, &device, &users(MOST, 1)).await;
    // Who is deleted makes room.
    let list = format!("/v2/clients/{HERE}/users?q=uid-00000");
    let list = admin.get(&list).await.expect(200).json();
    set_status(&admin, list["data"][0]["id"].as_str().expect("an id"), "deleted").await;
    let now = told(&device, users(MOST, 2)).await;
    assert_eq!((now.len(), now.last().map(String::as_str)), (MOST, Some("uid-01000")));
    // And so does who was not seen for as long as anything is kept of anybody.
    app.app().write_gathered().await.expect("a batch");
    app.advance(91 * DAY);
    let here = users(1, 1);
    device.check_in(&json!({ "users": here })).await.expect(200);
    app.app().write_gathered().await.expect("a batch");
    let now = told(&device, users(5 * MOST, 2)).await;
    assert_eq!((now.len(), now.last().map(String::as_str)), (MOST, Some("uid-05001")));
    assert!(now.contains(&"uid-00001".to_owned()) && now.contains(&"uid-05000".to_owned()));
    app.assert_audit_intact().await;
}
