//! Uninstallations that are killed, and started again until they have ended.

use super::api::{Api, CLIENT};
use super::conclude;
use super::laptop::enroll;
use super::proxy::Proxy;
use crate::device::Device;
use crate::uninstalling::files;
use serde_json::json;
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

/// How a device leaves.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// It is deleted at the server.
    Directive,
    /// By `clientbook-agent uninstall`.
    Command,
}

#[derive(Default)]
struct Tally {
    devices: u32,
    /// Kills amid an uninstallation, by what lay in the agent's directory then.
    amid: BTreeMap<String, u32>,
    /// How often last words were sent.
    sent: usize,
    heard: usize,
    findings: Vec<String>,
}

impl Tally {
    fn kills(&self) -> u32 {
        self.amid.values().sum()
    }
}

#[test]
#[ignore = "needs a server: cargo xtask agents"]
fn killed_amid_its_uninstallation_it_says_one_last_word() {
    let kills = std::env::var("CLIENTBOOK_AGENTS_KILLS");
    let kills: u32 = kills.map_or(20, |kills| kills.parse().unwrap());
    let api = Api::start();
    let proxy = Proxy::start(api.address);
    let mut tally = Tally::default();
    let ways = [Way::Directive, Way::Command].map(|way| {
        let took = leave(&api, &proxy, way, None, &mut tally);
        println!("{way:?}: an uninstallation takes {:.0} ms", took.as_secs_f64() * 1e3);
        (way, took)
    });
    for (way, took) in ways.into_iter().cycle() {
        if tally.kills() >= kills || !tally.findings.is_empty() {
            break;
        }
        assert!(tally.devices < 100 + 10 * kills, "too few kills fall amid an uninstallation");
        leave(&api, &proxy, way, Some(took), &mut tally);
    }
    for (left, kills) in &tally.amid {
        println!("{kills:4} kills while there was: {left}");
    }
    println!(
        "{} kills amid the uninstallations of {} devices: {} last words heard, {} sent",
        tally.kills(),
        tally.devices,
        tally.heard,
        tally.sent
    );
    conclude(&tally.findings);
}

/// A device joins and leaves, killed at random moments within so long after each start. Gives how long
/// it took.
fn leave(
    api: &Api,
    proxy: &Proxy,
    way: Way,
    within: Option<Duration>,
    tally: &mut Tally,
) -> Duration {
    let mut device = Device::new();
    device.write("etc/machine-id", &format!("{:032x}\n", rand::random::<u128>()));
    let (id, token) = enroll(&device, api, proxy);
    if matches!(way, Way::Directive) {
        let path = format!("{CLIENT}/devices/{id}");
        api.patch(&path, &json!({ "collection_state": "deleted" }));
    }
    let begun = Instant::now();
    loop {
        match way {
            Way::Directive => device.run(),
            Way::Command => device.leave(),
        }
        let Some(within) = within else {
            device.wait_for_end();
            break;
        };
        thread::sleep(within.mul_f64(rand::random()));
        if !device.runs() {
            break;
        }
        device.kill();
        let left = device.files();
        if left.contains(&"uninstall.json".to_owned()) {
            *tally.amid.entry(left.join(", ")).or_default() += 1;
        }
        if !device.state().exists() {
            break;
        }
    }
    let took = begun.elapsed();
    tally.devices += 1;
    let recording = proxy.recording();
    let calls = recording.calls.iter().filter(|call| call.token.as_deref() == Some(token.as_str()));
    tally.sent += calls.filter(|call| call.line.ends_with("/uninstalled")).count();
    drop(recording);
    let heard = api.last_words(&id);
    tally.heard += heard;
    let left = files(&device.root());
    let admitted = api.admits(&token);
    if heard != 1 || !left.is_empty() || device.state().exists() || admitted != 401 {
        let what = format!("{way:?}: {heard} last words, left {left:?}, the token gets {admitted}");
        tally.findings.push(format!("{what}; the log:\n{}", device.log()));
    }
    took
}
