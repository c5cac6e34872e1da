//! What the agent costs: memory and processor, with TLS, users and their histories, at its ordinary
//! pace. By hand, of a release build:
//! `cargo test --release -p clientbook-agent --test it cost -- --ignored --nocapture`.

use crate::device::Device;
use crate::tls;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of memory that it may ever have taken.
const MEMORY: u64 = 20 << 20;
/// Of a core, once it has started.
const SHARE: f64 = 0.005;
const START: Duration = Duration::from_secs(30);
/// Clock ticks in a second, on every Linux.
const TICKS: f64 = 100.0;

/// How long it is watched: the histories are read every 5 minutes.
fn length() -> Duration {
    let seconds = std::env::var("CLIENTBOOK_AGENT_COST_SECONDS").ok();
    Duration::from_secs(seconds.map_or(330, |text| text.parse().unwrap()))
}

/// A device as an office has it: the packages of this machine, 200 applications, 6 people, and one
/// whose histories have 100,000 addresses.
fn device() -> Device {
    let device = Device::new();
    if let Ok(status) = fs::read("/var/lib/dpkg/status") {
        device.write("var/lib/dpkg/status", &String::from_utf8_lossy(&status));
    }
    for number in 0..200 {
        let entry =
            format!("[Desktop Entry]\nType=Application\nName=App {number}\nExec=app{number}\n");
        device.write(&format!("usr/share/applications/app{number}.desktop"), &entry);
    }
    let passwd = fs::read_to_string(device.dir.path().join("system/etc/passwd")).unwrap();
    let line = |uid: u32| format!("person{uid}:x:{uid}:1::/home/person{uid}:/bin/sh\n");
    device.write("etc/passwd", &(passwd + &(2_000..2_005).map(line).collect::<String>()));
    for uid in 2_000..2_005 {
        let session = format!("UID={uid}\nCLASS=user\nSTATE=active\n");
        device.write(&format!("run/systemd/sessions/{uid}"), &session);
    }
    for profile in 0..4 {
        device
            .profile(&format!("Profile {profile}"))
            .execute_batch(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 25000)
                     INSERT INTO urls(url) SELECT 'https://d' || i || '.example.org/a/b' FROM n;
                 INSERT INTO visits(url, visit_time, transition)
                     SELECT id, id, 805306369 FROM urls;",
            )
            .unwrap();
    }
    device
}

/// Seconds of the processor that a process has had.
fn processor(id: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS
}

/// The most memory that a process has had, in bytes.
fn memory(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
#[ignore = "takes minutes, and measures a release build"]
fn it_costs_little() {
    let (server, authority) = tls::server("127.0.0.1");
    let mut device = device();
    device.write("ca.pem", &authority);
    let ca = device.dir.path().join("system/ca.pem");
    device.enroll(&server, &["--ca", ca.to_str().unwrap()]);
    device.run_at_leisure();
    let id = device.agent_id();
    thread::sleep(START);
    let (started, began) = (processor(id), Instant::now());
    let half = length() / 2;
    thread::sleep(half);
    // Something to read, at the next look at the histories.
    device.visit("cost.test");
    thread::sleep(half);
    let share = (processor(id) - started) / began.elapsed().as_secs_f64();
    let memory = memory(id);
    println!(
        "a start {started:.2} s, then {:.3} % of a core; {:.1} MiB at most",
        share * 100.0,
        f64::from(u32::try_from(memory >> 10).unwrap()) / 1_024.0
    );
    assert!(server.state().requests.iter().any(|request| request.path == "/v2/agent/inventory"));
    assert!(memory < MEMORY && share < SHARE);
}
