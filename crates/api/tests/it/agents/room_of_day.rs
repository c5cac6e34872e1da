//! How much of a day a device may bring.

use super::{HERE, record};
use clientbook_testkit::{Device, TestApp};
use serde_json::{Value, json};

/// As many records as a call may bring.
const CALL: usize = 5_000;

/// Records with ids from `from` on, each with a name of its own.
fn named(from: usize, count: usize) -> Vec<Value> {
    let record = |at: usize| record(&at.to_string(), "web", "bob", &format!("{at}.example"));
    (from..from + count).map(record).collect()
}

async fn told(device: &Device, records: Vec<Value>) -> (u64, u64) {
    let told = device.usage(&records.into()).await.expect(202).json();
    let count = |field: &str| told[field].as_u64().expect("a count");
    (count("accepted"), count("duplicates"))
}

fn count(app: &TestApp, sql: &str) -> usize {
    app.database().rows(sql)[0][0].parse().expect("a count")
}

#[tokio::test]
async fn a_day_has_so_many_names() {
    let app = TestApp::start().await;
    let (device, other) = (app.device(HERE, "one").await, app.device(HERE, "two").await);
    let sums = || count(&app, "SELECT count(*) FROM usage_days");
    for call in 0..3 {
        assert_eq!(told(&device, named(call * CALL, CALL)).await, (5_000, 0));
    }
    // Two calls at once share what is left.
    let (one, two) = (device.clone(), device.clone());
    let (one, two) = tokio::join!(
        tokio::spawn(async move { told(&one, named(3 * CALL, 3_000)).await }),
        tokio::spawn(async move { told(&two, named(4 * CALL, 3_000)).await }),
    );
    assert_eq!(one.expect("an answer").0 + two.expect("an answer").0, 5_000);
    assert_eq!(sums(), 20_000);
    // What is left out leaves nothing; what is there goes on, and what is known stays known.
    assert_eq!(told(&device, named(5 * CALL, CALL)).await, (0, 0));
    let mut more = named(6 * CALL, 2);
    more[1]["name"] = json!("7.example");
    let known = record("0", "web", "bob", "0.example");
    let app_of_that_name = record("app", "app", "bob", "7.example");
    let of_another = record("eve", "web", "eve", "7.example");
    more.extend([known, app_of_that_name, of_another]);
    assert_eq!(told(&device, more).await, (1, 1));
    let sql = "SELECT seconds FROM usage_days WHERE name = '7.example'";
    assert_eq!(app.database().rows(sql), [["1800"]]);
    assert_eq!(count(&app, "SELECT count(*) FROM usage_records"), 20_001);
    // A record over midnight needs room on both days.
    let mut over = named(7 * CALL, 2);
    for record in &mut over {
        record["started_at"] = json!("2026-03-09T23:59:00Z");
    }
    over[1]["name"] = json!("7.example");
    assert_eq!(told(&device, over).await, (1, 0));
    assert_eq!(sums(), 20_001);
    // Other days and other devices have their own room.
    let mut before = named(8 * CALL, 1);
    before[0]["started_at"] = json!("2026-03-08T12:00:00Z");
    assert_eq!(told(&device, before).await, (1, 0));
    assert_eq!(told(&other, named(0, 10)).await, (10, 0));
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_day_has_so_many_records() {
    let app = TestApp::start().await;
    let device = app.device(HERE, "one").await;
    let of_one_name = |from: usize, count: usize| -> Vec<Value> {
        (from..from + count).map(|at| record(&at.to_string(), "app", "bob", "Files")).collect()
    };
    for call in 0..19 {
        assert_eq!(told(&device, of_one_name(call * CALL, CALL)).await, (5_000, 0));
    }
    // Some of the last call are known.
    assert_eq!(told(&device, of_one_name(19 * CALL - 10, CALL)).await, (4_990, 10));
    assert_eq!(told(&device, of_one_name(20 * CALL - 20, 50)).await, (10, 10));
    assert_eq!(told(&device, of_one_name(20 * CALL, 50)).await, (0, 0));
    assert_eq!(count(&app, "SELECT count(*) FROM usage_records"), 100_000);
    let mut before = of_one_name(20 * CALL, 1);
    before[0]["started_at"] = json!("2026-03-09T12:00:00Z");
    assert_eq!(told(&device, before).await, (1, 0));
    app.assert_audit_intact().await;
}
