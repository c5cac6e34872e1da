//! Leaving: the directory is empty in the end and the server has heard one last word, whenever the
//! agent was killed.

use crate::device::Device;
use crate::double::{Double, PATIENCE};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How often the agent is killed amid it; more in a longer proof.
fn cycles() -> u32 {
    let cycles = std::env::var("CLIENTBOOK_AGENT_UNINSTALL_CYCLES").ok();
    cycles.map_or(20, |text| text.parse().unwrap())
}

/// All files below a directory.
pub(crate) fn files(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

fn is_gone(device: &Device) {
    assert_eq!(files(&device.root()), [""; 0]);
    assert!(!device.state().exists());
}

#[test]
fn told_to_uninstall_it_leaves_no_trace() {
    let (server, mut device) = (Double::start(), Device::new());
    device.enroll(&server, &["--install"]);
    assert_eq!(files(&device.root().join("etc/systemd")).len(), 2);
    assert!(device.root().join("usr/local/bin/clientbook-agent").exists());
    device.run();
    server.wait_until("usage", |state| !state.records.is_empty());
    server.change(|state| state.set_mode("deleted"));
    assert_eq!(device.wait_for_end(), Some(0));
    is_gone(&device);
    let state = server.state();
    assert_eq!(state.last_words, 1);
    let told = state.told_at("deleted").unwrap();
    let paths: Vec<&str> = state.requests_after(told + 1).map(|r| r.path.as_str()).collect();
    assert_eq!(paths, ["/v2/agent/uninstalled"]);
}

#[test]
fn a_suspended_client_uninstalls_all_the_same() {
    let (server, mut device) = (Double::start(), Device::new());
    device.enroll(&server, &[]);
    server.change(|state| state.inactive = true);
    device.run();
    server.wait_until("refused", |state| state.requests.iter().any(|r| r.status == 401));
    server.change(|state| state.set_mode("deleted"));
    assert_eq!(device.wait_for_end(), Some(0));
    is_gone(&device);
    assert_eq!(server.state().last_words, 1);
}

#[test]
fn it_tries_until_the_server_is_back() {
    let (server, mut device) = (Double::start(), Device::new());
    device.enroll(&server, &["--install"]);
    device.run();
    server.wait_until("usage", |state| !state.records.is_empty());
    server.change(|state| state.set_mode("deleted"));
    server.wait_until("told", |state| state.told_at("deleted").is_some());
    let said = server.change(|state| {
        state.away = true;
        state.last_words
    });
    // Whether it had already said it is chance; if not, only this is left until it has.
    let begun = Instant::now();
    while said == 0 && device.files() != ["token", "uninstall.json"] {
        assert!(begun.elapsed() < PATIENCE, "{:?}", device.files());
        thread::sleep(Duration::from_millis(20));
    }
    server.change(|state| state.away = false);
    assert_eq!(device.wait_for_end(), Some(0));
    is_gone(&device);
    assert_eq!(server.state().last_words, 1);
}

#[test]
fn killed_at_any_moment_it_ends_with_one_last_word() {
    let (mut restarts, mut begun) = (0, 0);
    for cycle in 0..cycles() {
        let (server, mut device) = (Double::start(), Device::new());
        device.enroll(&server, &["--install"]);
        server.change(|state| state.set_mode("deleted"));
        // Each cycle kills later; together they go over the whole of it.
        let mut pause = Duration::from_micros(u64::from(cycle) * 37_000 / u64::from(cycles()));
        device.run();
        loop {
            thread::sleep(pause);
            if !device.runs() {
                break;
            }
            device.kill();
            begun += u32::from(device.files().contains(&"uninstall.json".to_owned()));
            if !device.state().exists() {
                break;
            }
            restarts += 1;
            pause += Duration::from_millis(2);
            device.run();
        }
        is_gone(&device);
        assert_eq!(server.state().last_words, 1, "cycle {cycle}");
    }
    println!("{} cycles: {restarts} kills and starts anew, {begun} kills amid it", cycles());
    assert!(begun > 0, "none of {restarts} kills fell amid an uninstallation");
}

#[test]
fn a_command_uninstalls_too() {
    let (server, device) = (Double::start(), Device::new());
    device.enroll(&server, &["--install"]);
    let output = device.call("uninstall", &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    is_gone(&device);
    assert_eq!(server.state().last_words, 1);
    assert_eq!(device.call("uninstall", &[]).status.code(), Some(2));
}

#[test]
fn a_server_that_is_gone_for_good_holds_nobody() {
    let (server, device) = (Double::start(), Device::new());
    device.enroll(&server, &["--install"]);
    server.change(|state| state.away = true);
    assert!(device.call("uninstall", &["--without-server"]).status.success());
    is_gone(&device);
    assert_eq!(server.state().last_words, 0);
}
