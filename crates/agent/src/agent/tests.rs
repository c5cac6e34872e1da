use super::*;
use crate::permits::tests::config;
use crate::state::{Address, ExtensionIds};
use clientbook_agent_protocol::{Device, Directive};
use std::path::Path;
use tempfile::TempDir;

const SECOND: Duration = Duration::from_secs(1);
const YEAR: Millis = 365 * 24 * 3_600_000;

/// An agent that was just told to collect one user's visits.
fn agent() -> (TempDir, Agent) {
    let dir = tempfile::tempdir().unwrap();
    let places = Places::new(dir.path(), Path::new("/")).unwrap();
    files::make_private_directory(&places.state()).unwrap();
    let enrollment = Enrollment {
        server: Address { url: "http://127.0.0.1:1".into(), ca: None, insecure_http: false },
        device_id: "1".into(),
        unique_key: "d".into(),
        extensions: ExtensionIds::default(),
        installed: Vec::new(),
    };
    let mut told = Told::default();
    told.hear(config(Directive::Collect, &[Collect::WebUsage], &["uid:1"]), env::now());
    state::keep(&places, &enrollment, "cbd_1", &told).unwrap();
    let pace = Pace {
        wait: 55 * SECOND,
        retry: 2 * SECOND,
        inactive: 300 * SECOND,
        unknown: 3_600 * SECOND,
        sample: 15 * SECOND,
        window: 300 * SECOND,
        scan: 300 * SECOND,
        inventory: 3_600 * SECOND,
        alone: SECOND / 2,
    };
    let agent = Agent::start(places, enrollment, "cbd_1".into(), pace, Ring::default()).unwrap();
    (dir, agent)
}

#[test]
fn looks_that_take_long_leave_nothing_undone() {
    let (_dir, mut agent) = agent();
    let (begun, pause) = (Instant::now(), agent.pace.sample);
    // Each ends when the next is due already.
    let orders: Vec<_> = (0..4).filter_map(|at| agent.order(begun + at * pause)).collect();
    assert!(orders[0].sessions && orders.len() == 4, "{orders:?}");
    assert!(orders.iter().any(|order| !order.visits.is_empty()), "{orders:?}");
}

#[test]
fn a_clock_that_was_set_is_what_visits_count_by() {
    for by in [YEAR, -YEAR, 60_000, -60_000] {
        let (_dir, mut agent) = agent();
        assert!(!agent.expire().unwrap());
        // As if the clock had been this far off until now.
        let wrong = env::now() - by;
        agent.clock = Clock::new(wrong, env::running());
        agent.told.at = wrong;
        agent.told.web_since.insert("uid:1".into(), wrong);
        agent.cursors.insert("uid:1 profile".into(), wrong * 1_000);
        // What is being gathered stops.
        assert!(agent.expire().unwrap());
        let now = env::now();
        assert!((now - agent.told.web_since["uid:1"]).abs() < 5_000, "{by}");
        assert!((now - agent.told.at).abs() < 5_000, "{by}");
        assert!(agent.cursors["uid:1 profile"] <= now * 1_000);
        assert!(agent.order(Instant::now()).is_some());
        assert!(!agent.expire().unwrap());
    }
}

#[test]
fn what_was_sent_is_remembered_even_where_it_cannot_be_kept() {
    let (dir, mut agent) = agent();
    // Nothing can be written in its place.
    std::fs::create_dir_all(dir.path().join("var/lib/clientbook-agent/.sent.json.new/a")).unwrap();
    let device = Device { name: "a".into(), ..Device::default() };
    assert!(agent.sent.is_new_device(&device));
    agent.inventory.device = Some(device.clone());
    agent.permits = Permits::of(&config(Directive::Collect, &[Collect::Device], &[]));
    agent.confirmed = true;
    let upload = agent.upload().unwrap().unwrap();
    agent.uploaded(upload.sent, Ok(())).unwrap();
    assert!(!agent.sent.is_new_device(&device) && !agent.has_inventory());
}
