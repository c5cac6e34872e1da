//! The server is away: what was gathered meanwhile waits, and is sent once or never.

use crate::device::{APPLICATION, Device};
use crate::double::{Double, State};
use std::time::Duration;

fn stored(state: &State) -> usize {
    state.records.len()
}

/// An agent that collects, from a server that then goes away; the spool has something.
fn with_a_spool(server: &Double) -> Device {
    let mut device = Device::new();
    device.enroll(server, &[]);
    device.run();
    server.wait_until("records", |state| stored(state) > 0);
    server.change(|state| state.away = true);
    device.visit("spooled.test");
    let begun = std::time::Instant::now();
    while !spools(&device, "spooled.test") {
        assert!(begun.elapsed() < crate::double::PATIENCE, "{}", device.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    device
}

/// Whether the spool holds something. A file that does not have its name yet is not held: a kill ends
/// it.
fn spools(device: &Device, text: &str) -> bool {
    let entries = std::fs::read_dir(device.state().join("spool")).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let named = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let texts = named.filter_map(|path| std::fs::read_to_string(path).ok());
    texts.into_iter().any(|content| content.contains(text))
}

#[test]
fn what_was_gathered_is_sent_once_when_the_server_is_back() {
    let server = Double::start();
    let device = with_a_spool(&server);
    server.change(|state| state.away = false);
    server.wait_until("the visit", |state| state.visits("spooled.test") == 1);
    let before = stored(&server.state());
    server.wait_until("more", |state| stored(state) > before);
    let state = server.state();
    assert!(state.records.values().all(|(_, sent)| *sent == 1));
    assert_eq!(state.visits("spooled.test"), 1);
    drop(state);
    assert!(!spools(&device, "spooled.test"));
}

#[test]
fn it_survives_a_kill() {
    let server = Double::start();
    let mut device = with_a_spool(&server);
    device.kill();
    server.change(|state| state.away = false);
    device.run();
    server.wait_until("the visit", |state| state.visits("spooled.test") == 1);
    let before = stored(&server.state());
    server.wait_until("more", |state| stored(state) > before);
    assert_eq!(server.state().visits("spooled.test"), 1);
}

#[test]
fn a_lost_answer_counts_nothing_twice() {
    let server = Double::start();
    let _device = with_a_spool(&server);
    server.change(|state| {
        state.lose_answers = 1;
        state.away = false;
    });
    server.wait_until("sent again", |state| {
        state.records.values().any(|(_, sent)| *sent > 1) && state.lose_answers == 0
    });
    // A call has some of what is spooled, not all.
    server.wait_until("the visit", |state| state.visits("spooled.test") > 0);
    // By id, as a server counts.
    assert_eq!(server.state().visits("spooled.test"), 1);
}

#[test]
fn what_the_mode_forbids_meanwhile_is_thrown_away_unsent() {
    for mode in ["discovery", "disabled"] {
        let server = Double::start();
        let device = with_a_spool(&server);
        let seen = server.change(|state| {
            state.set_mode(mode);
            state.away = false;
            state.events.len()
        });
        server.wait_until(mode, |state| state.told_at(mode).is_some());
        let told = server.state().told_at(mode).unwrap();
        server.wait_until("check-ins", |state| {
            let after = state.requests_after(told);
            after.filter(|request| request.path.ends_with("check-in")).count() >= 2
        });
        // Not even before it was told: the first check-in after a silence says nothing forbidden.
        let bytes = server.state().bytes_after(seen);
        for mark in ["/v2/agent/usage", "spooled.test", APPLICATION, "\"users\""] {
            assert!(!bytes.contains(mark), "{mode}: {mark}");
        }
        assert_eq!(device.spooled(), 0);
    }
}

#[test]
fn a_start_while_the_server_is_away_goes_by_the_last_directive() {
    let server = Double::start();
    let mut device = with_a_spool(&server);
    device.terminate();
    device.run();
    let begun = std::time::Instant::now();
    // Visits of before it has started do not count.
    while device.log().matches("INFO started").count() < 2 {
        assert!(begun.elapsed() < crate::double::PATIENCE, "{}", device.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    device.visit("later.test");
    while !spools(&device, "later.test") {
        assert!(begun.elapsed() < crate::double::PATIENCE, "{}", device.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    server.change(|state| state.away = false);
    server.wait_until("both", |state| {
        state.visits("later.test") == 1 && state.visits("spooled.test") == 1
    });
}

#[test]
fn copies_of_histories_are_removed_after_a_kill() {
    let (server, mut device) = (Double::start(), Device::new());
    device.enroll(&server, &[]);
    let copies = device.state().join("copies/left");
    std::fs::create_dir_all(&copies).unwrap();
    std::fs::write(copies.join("history"), "private").unwrap();
    device.run();
    server.wait_until("a check-in", |state| state.told_at("saas_usage").is_some());
    assert!(!copies.exists());
}
