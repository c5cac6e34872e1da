//! What `serve --demo` has to show of devices, read through the API.

use crate::process::{ACME, Caller, GLOBEX, Server};
use serde_json::Value;
use std::collections::BTreeSet;
use tempfile::TempDir;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// The rows of a list of a client's.
async fn rows(caller: &Caller, client: &str, list: &str) -> Vec<Value> {
    let list = caller.get(&format!("/v2/clients/{client}/{list}")).await;
    assert!(list["next_cursor"].is_null(), "all on one page");
    list["data"].as_array().expect("rows").clone()
}

fn texts(rows: &[Value], field: &str) -> BTreeSet<String> {
    rows.iter().map(|row| row[field].as_str().expect("a text").to_owned()).collect()
}

fn sum(rows: &[Value], field: &str) -> i64 {
    rows.iter().map(|row| row[field].as_i64().expect("a number")).sum()
}

#[tokio::test]
async fn each_device_has_users_software_and_two_weeks_of_usage() {
    let directory = TempDir::new().expect("a directory");
    let server = Server::start(directory.path());
    server.out.until("Calls to try:");
    let operator = Caller::new(&server);
    let devices = rows(&operator, ACME, "devices?sort_by=created_at&sort_order=asc").await;
    assert_eq!(devices.len(), 5);
    assert_eq!(devices[0]["id"], "f1e2d3c4-b5a6-7890-abcd-ef1234567890");
    assert_eq!(devices[0]["name"], "DESKTOP-DEV-ALICE");
    let mut titles = BTreeSet::new();
    for device in &devices {
        let id = device["id"].as_str().expect("an id");
        let users = rows(&operator, ACME, &format!("devices/{id}/users")).await;
        assert!(!users.is_empty(), "{id}");
        let software = rows(&operator, ACME, &format!("devices/{id}/software")).await;
        assert!((10..=20).contains(&software.len()), "{id}: {}", software.len());
        assert!(software.iter().all(|one| one["installed_at"] == device["installed_at"]), "{id}");
        titles.extend(texts(&software, "id"));
    }
    let all = rows(&operator, ACME, "software?page_size=500").await;
    assert_eq!(texts(&all, "id"), titles);
    assert!(all.iter().any(|title| title["device_count"] == 2), "none is on two devices");

    let by_day = rows(&operator, ACME, "usage?group_by=day").await;
    // Today has none yet in its first minutes.
    assert!((13..=14).contains(&by_day.len()), "{by_day:#?}");
    for day in &by_day {
        assert!(day["seconds"].as_i64() > Some(3_600) || day == by_day.last().expect("a day"));
        assert!(day["seconds"].as_i64() < Some(6 * DAY_MILLIS / 1_000 / 2), "{day}");
    }
    for (group, count) in [("device", 5), ("user", 6)] {
        let sums = rows(&operator, ACME, &format!("usage?group_by={group}")).await;
        assert_eq!(sums.len(), count, "{group}");
        assert_eq!(sum(&sums, "seconds"), sum(&by_day, "seconds"), "{group}");
        assert_eq!(sum(&sums, "visits"), sum(&by_day, "visits"), "{group}");
        assert!(sums.iter().all(|sum| sum["seconds"] != 0 && sum["visits"] != 0), "{sums:#?}");
    }
    let by_app = rows(&operator, ACME, "usage?group_by=app").await;
    assert_eq!(texts(&by_app, "kind"), BTreeSet::from(["app".into(), "web".into()]));
    assert!(by_app.iter().all(|sum| (sum["kind"] == "web") == (sum["seconds"] == 0)));
    assert!(texts(&by_app, "name").contains("github.com"));

    assert!(rows(&operator, GLOBEX, "usage").await.is_empty());
}
