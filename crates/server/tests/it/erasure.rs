//! After the answer to an erasure no file of the store holds a byte of what was erased, while the
//! server runs and after it was killed.

use crate::process::{Caller, PATIENCE, Server, behind, run, store_url};
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What only the client to be erased has. Each is in no other word.
const SECRETS: [&str; 12] = [
    "Zebediah",
    "zebediah",
    "Quuxley",
    "quuxley",
    "Vermilion",
    "Ochre",
    "zq@example",
    "Xylograph",
    "Wyvernesque",
    "ZQ-EXTERNAL",
    "Umbriferous",
    "Kakistocracy",
];

fn holds(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in fs::read_dir(directory).expect("the directory") {
        let path = file.expect("a file").path();
        let bytes = match fs::read(&path) {
            // Removed since the directory was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            bytes => bytes.expect("a readable file"),
        };
        for secret in SECRETS {
            let positions = bytes.windows(secret.len()).filter(|part| *part == secret.as_bytes());
            let count = positions.count();
            if count > 0 {
                found.push(format!("{} holds {secret} {count} times", path.display()));
            }
        }
    }
    found
}

async fn patch(caller: &Caller, path: &str, body: &Value) {
    assert_eq!(caller.changes(path, body).await, 200, "{path} {body}");
}

/// A client through all its doors, changed again and again, among others that change too.
async fn history(caller: &Caller, which: usize) -> String {
    let tenant = "tenant123";
    let made = json!({ "name": "Zebediah Quuxley", "tenant": tenant });
    let made = caller.call(Method::POST, "/v2/clients", Some(&made)).await;
    let made: Value = made.json().await.expect("JSON");
    let id = made["id"].as_str().expect("an id").to_owned();
    let token = json!({ "description": "Kakistocracy" });
    let path = format!("/v2/clients/{id}/enrollment-tokens");
    assert_eq!(caller.call(Method::POST, &path, Some(&token)).await.status(), 201);
    let success = format!("/client/{id}");
    let number = caller.get(&success).await["id"].clone();
    let tenants = format!("/clients/v1/tenants/{tenant}/clients/{number}");
    for round in 0..30 {
        let long = "Umbriferous ".repeat(round * 37 % 900);
        let body = json!({
            "street": format!("Vermilion Row {round}"), "note": long, "city": "Ochre",
            "externalId": format!("ZQ-EXTERNAL-{which}-{round}"), "siteUrl": "https://xylograph.example/Xylograph",
            "custom": { "motto": format!("Wyvernesque {}", "x".repeat(round * 211 % 3_000)) },
        });
        patch(caller, &success, &body).await;
        let body = json!({ "email": format!("zq@example{round}.com"), "tags": ["Xylograph"],
            "name": format!("Zebediah {} Quuxley", "van ".repeat(round % 20)) });
        patch(caller, &tenants, &body).await;
    }
    let deleted = json!({ "collection_mode": "deleted" });
    patch(caller, &format!("/v2/clients/{id}"), &deleted).await;
    id
}

/// Other clients, whose rows come and go between those of the first: pages are split and joined.
async fn others(caller: &Caller, round: usize) {
    for at in 0..25 {
        let made = json!({ "name": format!("Bystander {round} {at}"), "tenant": "tenant123" });
        let made = caller.call(Method::POST, "/v2/clients", Some(&made)).await;
        let made: Value = made.json().await.expect("JSON");
        let id = made["id"].as_str().expect("an id");
        let body = json!({ "note": "y".repeat((at * 397 + round * 131) % 5_000) });
        patch(caller, &format!("/client/{id}"), &body).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_in_the_files() {
    let directory = TempDir::new().expect("a temporary directory");
    let server = Server::start(directory.path());
    let caller = Caller::new(&server);
    let mut ids = Vec::new();
    for round in 0..4 {
        others(&caller, round).await;
        ids.push(history(&caller, round).await);
        others(&caller, round + 10).await;
    }
    assert!(!holds(directory.path()).is_empty(), "the test would prove nothing");
    for id in &ids {
        let answer = caller.call(Method::DELETE, &format!("/v2/clients/{id}"), None).await;
        assert_eq!(answer.status(), 204);
    }
    assert_eq!(holds(directory.path()), Vec::<String>::new(), "while the server runs");
    server.kill();
    assert_eq!(holds(directory.path()), Vec::<String>::new(), "after it was killed");
    let verified = run(&["audit", "verify", "--database", &store_url(directory.path())]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let server = Server::start(directory.path());
    assert_eq!(server.stop().code, Some(0));
    assert_eq!(holds(directory.path()), Vec::<String>::new(), "after another start");
}

/// A served client to be erased, by its path, and another process that reads for long.
async fn beside_a_reader() -> (TempDir, Server, Caller, String, rusqlite::Connection) {
    let directory = TempDir::new().expect("a temporary directory");
    let server = Server::start(directory.path());
    let caller = Caller::new(&server);
    let path = format!("/v2/clients/{}", history(&caller, 0).await);
    let reader = behind(directory.path());
    reader.execute_batch("BEGIN; SELECT count(*) FROM clients").expect("a long read");
    (directory, server, caller, path, reader)
}

/// Another process that reads for long keeps what it may still have to read.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_read_is_in_the_way_and_told() {
    let (directory, _server, caller, path, reader) = beside_a_reader().await;
    for _ in 0..2 {
        let answer = caller.call(Method::DELETE, &path, None).await;
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
        let told = answer.text().await.expect("a text");
        assert!(told.contains("not available"), "{told}");
    }
    // It is erased, for everyone who asks.
    assert_eq!(caller.call(Method::GET, &path, None).await.status(), 404);
    reader.execute_batch("COMMIT").expect("its end");
    assert_eq!(caller.call(Method::DELETE, &path, None).await.status(), 204);
    assert_eq!(holds(directory.path()), Vec::<String>::new());
    assert_eq!(caller.call(Method::DELETE, &path, None).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_ends_what_was_cut_off() {
    let (directory, server, caller, path, reader) = beside_a_reader().await;
    assert_eq!(caller.call(Method::DELETE, &path, None).await.status(), 503);
    server.kill();
    // Its end would empty the log.
    reader.execute_batch("COMMIT").expect("the end of the read");
    assert!(!holds(directory.path()).is_empty(), "the test would prove nothing");
    let server = Server::start(directory.path());
    let deadline = Instant::now() + PATIENCE;
    while !holds(directory.path()).is_empty() {
        assert!(Instant::now() < deadline, "{:?}", holds(directory.path()));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.stop().code, Some(0));
    let verified = run(&["audit", "verify", "--database", &store_url(directory.path())]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}
