//! Each mode in turn: after the answer that told it, not one forbidden byte.

use crate::device::{APPLICATION, Device, USER};
use crate::double::{Double, Request, State};
use serde_json::Value;

/// What may be told only while usage is collected.
const MARKS: &[&str] = &[USER, APPLICATION, "/v2/agent/usage", "\"users\""];

fn has_app(state: &State) -> bool {
    state.records.values().any(|(record, _)| record["name"] == APPLICATION)
}

fn check_ins_after(state: &State, at: usize) -> usize {
    state.requests_after(at).filter(|request| request.path == "/v2/agent/check-in").count()
}

/// A device whose inventory, applications and visits the server has.
fn collected(server: &Double) -> Device {
    let mut device = Device::new();
    device.enroll(server, &[]);
    device.run();
    // Before, the agent has not been told whose visits to count.
    server.wait_until("an application", has_app);
    device.visit("one.test");
    server.wait_until("a visit", |state| state.visits("one.test") == 1);
    device
}

/// Changes the mode, lets things happen that it forbids, and waits until the agent had time to tell.
fn forbid(server: &Double, device: &Device, mode: &'static str) -> usize {
    server.change(|state| state.set_mode(mode));
    server.wait_until(mode, |state| state.told_at(mode).is_some());
    let told = server.state().told_at(mode).unwrap();
    device.visit("forbidden.test");
    device.write(
        "var/lib/dpkg/status",
        &format!("Package: after-{mode}\nStatus: install ok installed\nVersion: 1\n"),
    );
    server.wait_until("two check-ins more", |state| check_ins_after(state, told) >= 3);
    told
}

#[test]
fn saas_usage_tells_what_it_is_for_and_no_more() {
    let server = Double::start();
    let device = collected(&server);
    let state = server.state();
    let all = state.bytes_after(0);
    for secret in ["marked-path", "marked-query", "marked-fragment", "www.one.test", "History"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert!(all.contains("marked-package") && all.contains(USER));
    let (visit, _) = state.records.values().find(|(r, _)| r["kind"] == "web").unwrap();
    assert!(visit["seconds"] == 0 && visit["user_key"] == device.user_key());
    assert!(!device.log().contains("one.test") && !device.log().contains(APPLICATION));
    assert!(!device.log().contains(USER) && !device.log().contains("cbd_"));
}

#[test]
fn discovery_tells_of_the_device_and_of_nobody() {
    let server = Double::start();
    let device = collected(&server);
    let told = forbid(&server, &device, "discovery");
    server
        .wait_until("the new package", |state| state.bytes_after(told).contains("after-discovery"));
    let bytes = server.state().bytes_after(told);
    for mark in MARKS {
        assert!(!bytes.contains(mark), "{mark}");
    }
    assert!(!bytes.contains("forbidden.test"));
    assert_eq!(device.spooled(), 0);
}

#[test]
fn disabled_sends_heartbeats_and_nothing_else() {
    let server = Double::start();
    let device = collected(&server);
    let told = forbid(&server, &device, "disabled");
    let state = server.state();
    for request in state.requests_after(told) {
        assert_eq!(request.path, "/v2/agent/check-in");
        let Value::Object(body) = &request.body else { panic!("{:?}", request.body) };
        let fields: Vec<&str> = body.keys().map(String::as_str).collect();
        assert_eq!(fields, ["agent_version", "config_version", "wait_seconds"]);
    }
    let bytes = state.bytes_after(told);
    assert!(MARKS.iter().all(|mark| !bytes.contains(mark)) && !bytes.contains("package"));
}

#[test]
fn what_was_visited_while_it_was_forbidden_is_never_told() {
    let server = Double::start();
    let device = collected(&server);
    for mode in ["discovery", "disabled"] {
        forbid(&server, &device, mode);
        server.change(|state| state.set_mode("saas_usage"));
        let told = server.state().told_at(mode).unwrap();
        server.wait_until("collecting again", |state| state.told_at("saas_usage") > Some(told));
        let told = server.state().told_at("saas_usage").unwrap();
        // The check-in that names the users comes after; from the answer to it visits count.
        server.wait_until("check-ins", |state| check_ins_after(state, told) >= 2);
        let before = server.state().visits("two.test");
        device.visit("two.test");
        server.wait_until("a visit", |state| state.visits("two.test") > before);
        assert!(!server.state().bytes_after(0).contains("forbidden.test"));
    }
}

#[test]
fn an_archived_user_is_not_collected() {
    let server = Double::start();
    let device = collected(&server);
    let key = device.user_key();
    server.change(|state| {
        state.archived.insert(key);
        state.touch();
    });
    let seen = server.state().events.len();
    server.wait_until("told", |state| state.told_at("saas_usage") > Some(seen));
    let told = server.state().told_at("saas_usage").unwrap();
    device.visit("forbidden.test");
    server.wait_until("check-ins", |state| check_ins_after(state, told) >= 3);
    let bytes = server.state().bytes_after(told);
    assert!(!bytes.contains("/v2/agent/usage") && !bytes.contains(APPLICATION));
    assert_eq!(device.spooled(), 0);
}

#[test]
fn a_refused_record_is_dropped_and_the_agent_asks_what_it_may() {
    let server = Double::start();
    let device = collected(&server);
    let key = device.user_key();
    // Without telling the agent, as when the change and a call cross.
    let seen = server.change(|state| {
        state.archived_unsaid.insert(key);
        state.events.len()
    });
    server.wait_until("a refusal", |state| state.requests_after(seen).any(|r| r.status == 403));
    let refused = server.state().requests.iter().rfind(|r| r.status == 403).unwrap().at;
    server.wait_until("a check-in that names nobody", |state| {
        state.requests_after(refused).any(|request| {
            request.path.ends_with("check-in") && request.body.get("users").is_none()
        })
    });
}

#[test]
fn a_suspended_clients_agent_gathers_nothing_and_asks_again() {
    let server = Double::start();
    let device = collected(&server);
    let seen = server.change(|state| {
        state.inactive = true;
        state.events.len()
    });
    server.wait_until("asked again", |state| {
        state.requests_after(seen).filter(|request| request.status == 401).count() >= 3
    });
    device.visit("forbidden.test");
    let first = server.state().requests_after(seen).find(|r| r.status == 401).unwrap().at;
    let bytes = server.state().bytes_after(first);
    assert!(MARKS.iter().all(|mark| !bytes.contains(mark)), "{bytes}");
    assert!(device.files().contains(&"token".to_owned()));
    server.change(|state| state.inactive = false);
    let before = server.state().records.len();
    server.wait_until("collecting again", |state| state.records.len() > before);
}

#[test]
fn an_agent_that_the_server_does_not_know_gathers_nothing() {
    let server = Double::start();
    let device = collected(&server);
    let seen = server.change(|state| {
        state.forgetful = true;
        state.events.len()
    });
    server.wait_until("asked again", |state| {
        state.requests_after(seen).filter(|request| request.status == 401).count() >= 3
    });
    let first = server.state().requests_after(seen).find(|r| r.status == 401).unwrap().at;
    let bytes = server.state().bytes_after(first);
    assert!(MARKS.iter().all(|mark| !bytes.contains(mark)), "{bytes}");
    assert!(device.files().contains(&"token".to_owned()));
}

#[test]
fn a_change_ends_a_held_check_in_and_is_obeyed_by_the_next() {
    let server = Double::start();
    let _device = collected(&server);
    for mode in ["disabled", "saas_usage", "discovery", "saas_usage"] {
        let version = server.change(|state| {
            state.set_mode(mode);
            state.version()
        });
        server.wait_until(mode, |state| {
            let mut requests = state.requests.iter();
            requests.any(|request| request.body["config_version"] == version.as_str())
        });
    }
}

#[test]
fn a_call_that_hangs_is_given_up_when_the_mode_forbids_it() {
    let server = Double::start();
    let device = collected(&server);
    server.change(|state| state.stall = true);
    let seen = server.state().events.len();
    server.wait_until("a call that hangs", |state| {
        state.bytes_after(seen).contains("POST /v2/agent/usage")
    });
    // The agent listens beside it.
    server.change(|state| state.set_mode("disabled"));
    server.wait_until("disabled", |state| state.told_at("disabled").is_some());
    let told = server.state().told_at("disabled").unwrap();
    server.wait_until("check-ins", |state| check_ins_after(state, told) >= 2);
    server.change(|state| state.stall = false);
    let bytes = server.state().bytes_after(told);
    assert!(MARKS.iter().all(|mark| !bytes.contains(mark)), "{bytes}");
    assert_eq!(device.spooled(), 0);
}

#[test]
fn words_of_a_newer_server_are_obeyed_as_far_as_they_are_known() {
    let server = Double::start();
    let device = collected(&server);
    // A kind that the agent does not know hinders no other.
    server.change(|state| state.set_mode("dreams"));
    server.wait_until("dreams", |state| state.told_at("dreams").is_some());
    device.write(
        "var/lib/dpkg/status",
        "Package: dreamt\nStatus: install ok installed\nVersion: 1\n",
    );
    server.wait_until("the new package", |state| state.bytes_after(0).contains("dreamt"));
    // A directive that it does not know is to collect nothing, and to ask.
    let told = forbid(&server, &device, "asleep");
    let bytes = server.state().bytes_after(told);
    assert!(MARKS.iter().all(|mark| !bytes.contains(mark)) && !bytes.contains("package"));
    assert_eq!(device.spooled(), 0);
    server.change(|state| state.set_mode("saas_usage"));
    let before = server.state().records.len();
    server.wait_until("collecting again", |state| state.records.len() > before);
}

#[test]
fn a_device_whose_clock_is_wrong_tells_no_usage() {
    for off in [-90_000, 90_000] {
        let server = Double::start();
        let device = collected(&server);
        server.change(|state| {
            state.clock = Some(off);
            state.touch();
        });
        server.wait_until("an error", |state| {
            let errors = |request: &Request| request.body["deployment_errors"].to_string();
            state.requests.iter().any(|request| errors(request).contains("clock_wrong"))
        });
        let told = server.state().told_at("saas_usage").unwrap();
        device.visit("wrong.test");
        server.wait_until("check-ins", |state| check_ins_after(state, told) >= 3);
        server.change(|state| {
            state.clock = Some(0);
            state.touch();
        });
        let right = server.state().told_at("saas_usage").unwrap();
        server.wait_until("the time", |state| state.told_at("saas_usage") > Some(right));
        server.wait_until("check-ins", |state| check_ins_after(state, right) >= 3);
        device.visit("right.test");
        server.wait_until("a visit", |state| state.visits("right.test") == 1);
        assert_eq!(server.state().visits("wrong.test"), 0);
    }
}

#[test]
fn the_log_is_sent_while_it_is_wanted() {
    let server = Double::start();
    let _device = collected(&server);
    assert!(!server.state().bytes_after(0).contains("/v2/agent/logs"));
    server.change(|state| {
        state.logs = true;
        state.touch();
    });
    let logs = |state: &State| {
        let mut requests = state.requests.iter();
        requests.any(|request| request.path == "/v2/agent/logs" && request.status == 204)
    };
    server.wait_until("a log", logs);
    let state = server.state();
    let request = state.requests.iter().find(|request| request.path == "/v2/agent/logs").unwrap();
    let text = request.body.to_string();
    assert!(text.contains("started") && !text.contains("one.test") && !text.contains(USER));
}
