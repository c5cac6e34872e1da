//! What is installed on the machine that the tests run on.

use crate::device::Device;
use crate::double::Double;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// What dpkg itself says is installed: names and versions.
fn dpkg() -> BTreeSet<(String, String)> {
    let format = "${db:Status-Status}\\t${Package}\\t${Version}\\n";
    let output = Command::new("dpkg-query").args(["-W", "-f", format]).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("installed\t"));
    let split =
        |row: &str| row.split_once('\t').map(|(name, version)| (name.into(), version.into()));
    rows.filter_map(split).collect()
}

#[test]
fn the_inventory_is_what_dpkg_says() {
    if !Path::new("/var/lib/dpkg/status").exists() {
        return;
    }
    let (server, mut device) = (Double::start(), Device::new());
    server.change(|state| state.set_mode("discovery"));
    let status = std::fs::read_to_string("/var/lib/dpkg/status").unwrap();
    device.write("var/lib/dpkg/status", &status);
    device.enroll(&server, &[]);
    device.run();
    let is_inventory = |request: &&crate::double::Request| request.body["software"].is_array();
    server.wait_until("an inventory", |state| state.requests.iter().any(|r| is_inventory(&r)));
    let state = server.state();
    let request = state.requests.iter().find(is_inventory).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let software = request.body["software"].as_array().unwrap();
    let sent: BTreeSet<(String, String)> =
        software.iter().map(|one| (text(&one["name"]), text(&one["version"]))).collect();
    assert!(sent.len() > 50);
    assert_eq!(sent, dpkg());
    assert!(software.iter().all(|one| one["source"] == "dpkg"));
}

#[test]
fn an_inventory_is_sent_again_only_when_it_has_changed() {
    let (server, mut device) = (Double::start(), Device::new());
    server.change(|state| state.set_mode("discovery"));
    device.enroll(&server, &[]);
    device.run();
    let count = |state: &crate::double::State| {
        state.requests.iter().filter(|request| request.path.ends_with("inventory")).count()
    };
    server.wait_until("an inventory", |state| count(state) == 1);
    let check_ins = |state: &crate::double::State| state.requests.len() - count(state);
    let before = check_ins(&server.state());
    server.wait_until("check-ins", |state| check_ins(state) >= before + 2);
    assert_eq!(count(&server.state()), 1);
    let status = "Package: another\nStatus: install ok installed\nVersion: 2\n";
    device.write("var/lib/dpkg/status", status);
    server.wait_until("another", |state| count(state) == 2);
    let state = server.state();
    let last = state.requests.iter().rfind(|request| request.path.ends_with("inventory")).unwrap();
    assert_eq!(last.body["software"][0]["name"], "another");
    assert!(last.body.get("device").is_none());
}
