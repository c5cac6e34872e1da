//! Devices' agents and the end of their server.

use crate::process::{Caller, GLOBEX, PATIENCE, Server, Wire, serve_store};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Instant;
use tempfile::TempDir;

/// A device of the client that has none.
struct Device {
    id: String,
    token: String,
    version: String,
}

async fn join(server: &Server) -> Device {
    let operator = Caller::new(server);
    let path = format!("/v2/clients/{GLOBEX}/enrollment-tokens");
    let made = operator.call(Method::POST, &path, Some(&json!({}))).await;
    let made: Value = made.json().await.expect("JSON");
    let body = json!({ "enrollment_token": made["value"], "device": {
        "name": "one", "unique_key": "one", "os_name": "Debian GNU/Linux", "os_version": "12",
        "agent_version": "1.0.0",
    }});
    let joined = operator.request(Method::POST, "/v2/agent/enroll").json(&body).send().await;
    let joined: Value = joined.expect("an answer").json().await.expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    Device {
        id: text(&joined["device_id"]),
        token: text(&joined["device_token"]),
        version: text(&joined["check_in"]["config_version"]),
    }
}

/// A heartbeat that may be held so long.
fn check_in(device: &Device, seconds: u32) -> String {
    let Device { token, version, .. } = device;
    let body = json!({
        "agent_version": "1.0.0", "config_version": version, "wait_seconds": seconds,
    });
    let body = body.to_string();
    format!(
        "POST /v2/agent/check-in HTTP/1.1\r\nHost: clientbook\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_answers_agents_that_wait() {
    let directory = TempDir::new().expect("a temporary directory");
    let server = Server::start(directory.path());
    let device = join(&server).await;
    let open = || Wire::open(server.address()).expect("a connection");
    let mut waiting: Vec<_> = (0..50).map(|_| open()).collect();
    for wire in &mut waiting {
        wire.send(&check_in(&device, 60)).expect("a request that is sent");
    }
    // Came after them, and has waited: they wait.
    let mut last = open();
    last.send(&check_in(&device, 1)).expect("a request that is sent");
    assert_eq!(last.answer().expect("an answer").status, 200);
    server.signal("TERM");
    for wire in &mut waiting {
        assert_eq!(wire.answer().expect("an answer").status, 200);
    }
    // Nobody was cut off, and nobody held up the end.
    let ended = server.ended(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert!(ended.log.contains("every request that had begun is answered"), "{}", ended.log);
}

#[test]
fn a_soft_limit_of_files_takes_no_agents_connection() {
    let told = "lowers that of connections";
    let log = |limit: &str| {
        let directory = TempDir::new().expect("a temporary directory");
        let serve = serve_store(directory.path());
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("ulimit {limit} && exec \"$0\" \"$@\""));
        let server = Server::launch(command.arg(serve.get_program()).args(serve.get_args()));
        server.stop().log
    };
    assert!(log("-n 1024").contains(told));
    let log = log("-Sn 1024");
    assert!(!log.contains(told), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_seconds_of_when_a_device_was_seen() {
    let directory = TempDir::new().expect("a temporary directory");
    let server = Server::start(directory.path());
    let device = join(&server).await;
    let path = format!("/v2/clients/{GLOBEX}/devices/{}", device.id);
    let mut wire = Wire::open(server.address()).expect("a connection");
    let operator = Caller::new(&server);
    let begun = Instant::now();
    let seen = loop {
        // Heard of again and again, so that each batch has something to write.
        wire.send(&check_in(&device, 1)).expect("a request that is sent");
        assert_eq!(wire.answer().expect("an answer").status, 200);
        let seen = operator.get(&path).await["last_seen_at"].clone();
        if !seen.is_null() {
            break seen;
        }
        assert!(begun.elapsed() < PATIENCE, "nothing is written for {PATIENCE:?}");
    };
    server.kill();
    let server = Server::launch(&mut serve_store(directory.path()));
    let kept = Caller::new(&server).get(&path).await;
    assert_eq!(kept["last_seen_at"], seen);
    assert_eq!(kept["status"], "active");
}
