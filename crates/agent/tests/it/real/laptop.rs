//! A device whose packages and whose browser are the machine's own.

use super::api::Api;
use super::proxy::Proxy;
use crate::device::{Device, USER};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

/// Where Debian's package of Chromium says what it is called.
const DESKTOP_FILE: &str = "usr/share/applications/chromium.desktop";

/// The device; its history is Chromium's to make.
pub(super) fn laptop() -> Device {
    let device = Device::without_history();
    let dpkg = device.system().join("var/lib/dpkg");
    fs::remove_dir_all(&dpkg).unwrap();
    symlink("/var/lib/dpkg", &dpkg).unwrap();
    let text = fs::read_to_string(format!("/{DESKTOP_FILE}")).unwrap();
    device.write(DESKTOP_FILE, &text);
    device
}

pub(super) fn home(device: &Device) -> PathBuf {
    device.system().join("home").join(USER)
}

/// What the desktop file calls Chromium.
pub(super) fn browser_name() -> String {
    let text = fs::read_to_string(format!("/{DESKTOP_FILE}")).unwrap();
    let name = text.lines().find_map(|line| line.strip_prefix("Name="));
    name.expect("a name").to_owned()
}

/// Names and versions, as dpkg itself tells them.
pub(super) fn packages() -> BTreeSet<(String, String)> {
    let format = "--showformat=${db:Status-Status}\\t${Package}\\t${Version}\\n";
    let asked = Command::new("dpkg-query").args(["--show", format]).output().unwrap();
    assert!(asked.status.success(), "{asked:?}");
    let text = String::from_utf8(asked.stdout).unwrap();
    let installed = text.lines().filter_map(|line| line.strip_prefix("installed\t"));
    let package = |line: &str| {
        let (name, version) = line.split_once('\t')?;
        Some((name.to_owned(), version.to_owned()))
    };
    installed.filter_map(package).collect()
}

/// Enrolls a device through the proxy, with its service; its id and its token.
pub(super) fn enroll(device: &Device, api: &Api, proxy: &Proxy) -> (String, String) {
    let enrolled = device.try_enroll(&proxy.url(), &api.enrollment_token(), &["--install"]);
    assert!(enrolled.status.success(), "{}", String::from_utf8_lossy(&enrolled.stderr));
    let read = |name: &str| fs::read_to_string(device.state().join(name)).unwrap();
    let enrollment: Value = serde_json::from_str(&read("agent.json")).unwrap();
    (enrollment["device_id"].as_str().unwrap().to_owned(), read("token").trim().to_owned())
}

/// What the agent says of itself.
pub(super) fn status(device: &Device) -> Value {
    let said = device.call("status", &["--json"]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).unwrap()
}

/// What systemd has to say against the unit, which need not run for that; `None` where there is none.
/// It only warns of what it does not know.
pub(super) fn unit_faults(device: &Device) -> Option<String> {
    const PROGRAM: &str = "/usr/local/bin/clientbook-agent";
    let unit = device.root().join("etc/systemd/system/clientbook-agent.service");
    let program = device.root().join(&PROGRAM[1..]);
    let text = fs::read_to_string(unit).unwrap().replace(PROGRAM, program.to_str().unwrap());
    let copy = device.dir.path().join("clientbook-agent.service");
    fs::write(&copy, text).unwrap();
    let said = Command::new("systemd-analyze").arg("verify").arg(copy).output().ok()?;
    Some(String::from_utf8_lossy(&said.stderr).into_owned())
}
