//! Joining a client.

use crate::device::{Device, mode};
use crate::double::{Double, ENROLLMENT_TOKEN};
use std::fs;

fn error(output: &std::process::Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_enrolled_device_keeps_its_token_to_itself() {
    let (server, device) = (Double::start(), Device::new());
    device.enroll(&server, &[]);
    assert_eq!(mode(&device.state()), 0o700);
    for name in device.files() {
        assert_eq!(mode(&device.state().join(&name)), 0o600, "{name}");
    }
    assert_eq!(fs::read_to_string(device.state().join("token")).unwrap(), "cbd_device1");
    let state = server.state();
    let sent = &state.requests[0].body["device"];
    assert_eq!(sent["os_name"], "Test Linux");
    assert_eq!(sent["unique_key"].as_str().unwrap().len(), 32);
    drop(state);
    let status = device.call("status", &["--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!((&status["state"], &status["mode"]), (&"stopped".into(), &"saas_usage".into()));
    assert!(!status.to_string().contains("cbd_"));
}

#[test]
fn a_wrong_token_is_refused_and_leaves_nothing_to_run() {
    let (server, device) = (Double::start(), Device::new());
    let refusal = device.try_enroll(&server.url(), "enroll_wrong", &[]);
    assert!(error(&refusal).contains("does not accept the enrollment token"));
    assert_eq!(device.files(), [""; 0]);
    assert_eq!(device.call("run", &[]).status.code(), Some(2));
}

#[test]
fn a_device_enrolls_twice_only_if_that_is_meant() {
    let (server, device) = (Double::start(), Device::new());
    device.enroll(&server, &[]);
    let again = device.try_enroll(&server.url(), ENROLLMENT_TOKEN, &[]);
    assert!(error(&again).contains("--again"));
    device.enroll(&server, &["--again"]);
    assert_eq!(fs::read_to_string(device.state().join("token")).unwrap(), "cbd_device2");
    let keys: Vec<_> =
        server.state().requests.iter().map(|r| r.body["device"]["unique_key"].clone()).collect();
    assert_eq!(keys[0], keys[1]);
}

#[test]
fn enrolling_again_forgets_the_former_enrolment_and_keeps_the_service() {
    let (server, mut device) = (Double::start(), Device::new());
    device.enroll(&server, &["--install"]);
    device.run();
    server.wait_until("usage", |state| !state.records.is_empty());
    server.wait_until("an inventory", |state| inventories(state) == 1);
    server.change(|state| state.away = true);
    let begun = std::time::Instant::now();
    while device.spooled() == 0 {
        assert!(begun.elapsed() < crate::double::PATIENCE, "{}", device.log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    device.terminate();
    server.change(|state| state.away = false);
    device.enroll(&server, &["--again"]);
    assert_eq!(device.files(), ["agent.json", "directive.json", "token"]);
    let unit = device.root().join("etc/systemd/system/clientbook-agent.service");
    assert!(unit.exists());
    // The server gets the inventory anew.
    device.run();
    server.wait_until("another inventory", |state| inventories(state) == 2);
    device.terminate();
    assert!(device.call("uninstall", &[]).status.success());
    assert!(!unit.exists() && !device.state().exists());
}

fn inventories(state: &crate::double::State) -> usize {
    state.requests.iter().filter(|request| request.path.ends_with("inventory")).count()
}

#[test]
fn an_enrolment_that_was_not_finished_leaves_no_service_behind() {
    let (server, device) = (Double::start(), Device::new());
    device.enroll(&server, &["--install"]);
    fs::remove_file(device.state().join("token")).unwrap();
    assert!(device.call("uninstall", &[]).status.success());
    assert!(!device.root().join("etc/systemd/system/clientbook-agent.service").exists());
    assert!(!device.root().join("usr/local/bin/clientbook-agent").exists());
}

#[test]
fn a_refused_enrolment_changes_nothing() {
    let (server, device) = (Double::start(), Device::new());
    device.enroll(&server, &["--install"]);
    let before: Vec<_> =
        device.files().iter().map(|f| fs::read(device.state().join(f)).unwrap()).collect();
    let refusal = device.try_enroll(&server.url(), "enroll_wrong", &["--again"]);
    assert!(error(&refusal).contains("does not accept the enrollment token"));
    let after: Vec<_> =
        device.files().iter().map(|f| fs::read(device.state().join(f)).unwrap()).collect();
    assert_eq!(before, after);
}

#[test]
fn a_status_cannot_command_a_terminal() {
    let (server, device) = (Double::start(), Device::new());
    device.enroll(&server, &[]);
    let path = device.state().join("directive.json");
    let told = fs::read_to_string(&path).unwrap();
    fs::write(&path, told.replace("saas_usage", "a\\u001b[2J\\nAgent: fine")).unwrap();
    let status = device.call("status", &[]);
    let text = String::from_utf8(status.stdout).unwrap();
    assert!(text.contains("a\\u001b[2J\\u000aAgent: fine"), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
fn another_machine_is_not_spoken_to_without_tls() {
    let device = Device::new();
    let refusal = device.try_enroll("http://203.0.113.1:1", ENROLLMENT_TOKEN, &[]);
    assert_eq!(refusal.status.code(), Some(2));
    assert!(error(&refusal).contains("--allow-insecure-http"));
}

#[test]
fn a_token_may_come_from_a_file() {
    let (server, device) = (Double::start(), Device::new());
    device.write("enrollment", &format!("{ENROLLMENT_TOKEN}\n"));
    let file = device.dir.path().join("system/enrollment");
    let system = device.dir.path().join("system");
    let arguments = [
        "--server",
        &server.url(),
        "--token-file",
        file.to_str().unwrap(),
        "--system",
        system.to_str().unwrap(),
    ];
    let output = device.call("enroll", &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn one_agent_runs_at_a_time() {
    let (server, mut device) = (Double::start(), Device::new());
    device.enroll(&server, &[]);
    device.run();
    server.wait_until("a check-in", |state| state.told_at("saas_usage").is_some());
    assert!(error(&device.call("run", &[])).contains("another clientbook-agent"));
    assert!(error(&device.call("uninstall", &[])).contains("another clientbook-agent"));
    let status = device.call("status", &["--json"]);
    assert!(String::from_utf8_lossy(&status.stdout).contains(r#""state":"running""#));
    device.terminate();
}
