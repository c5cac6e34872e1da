//! `kill -9` during concurrent writes on all surfaces: what was answered is there, what was not is
//! not half there, and the next start needs no hand.
//!
//! The model of what was answered is kept out here, in the process that is not killed.

use crate::process::{ACME_OBJECT, Caller, Server, behind, run, store_url};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;

const ACME: &str = "/v2/clients/aa7cf840-9ca9-46a3-9778-9015d6580d50";
const GLOBEX: &str = "/client/aa7cf840-9ca9-46a3-9778-9015d6580d51";
const GLOBEX_NUMBER: &str = "/clients/v1/tenants/tenant123/clients/457";
const INITECH: &str = "/client/bb7cf840-9ca9-46a3-9778-9015d6580d50";

/// One writer, on fields that no other writer touches.
#[derive(Clone, Copy, Debug)]
enum Lane {
    /// v2: the collection mode. Each change has one entry in the collection-control log.
    Mode,
    /// Tenants: on and off.
    Status,
    /// Workspace: two custom fields in one call, which must agree afterwards.
    Custom(u32),
    /// Customer success: three attributes in one call, which must agree afterwards.
    Attributes,
}

impl Lane {
    const ALL: [Self; 6] = [
        Self::Mode,
        Self::Status,
        Self::Custom(1),
        Self::Custom(2),
        Self::Custom(3),
        Self::Attributes,
    ];

    /// The call that writes step `n`.
    fn write(self, n: u64) -> (String, Value) {
        match self {
            Self::Mode => {
                let mode = if n.is_multiple_of(2) { "saas_usage" } else { "disabled" };
                (ACME.into(), json!({ "collection_mode": mode }))
            }
            Self::Status => {
                let verb = if n.is_multiple_of(2) { "activate" } else { "deactivate" };
                (format!("{GLOBEX_NUMBER}/{verb}"), json!({}))
            }
            Self::Custom(lane) => {
                let value = |half| json!({ "fieldKey": key(lane, half), "value": n.to_string() });
                (ACME_OBJECT.into(), json!({ "customFields": [value("a"), value("b")] }))
            }
            Self::Attributes => {
                let zip = format!("{n:020}");
                (INITECH.into(), json!({ "note": n.to_string(), "zip": zip, "usageId": zip }))
            }
        }
    }

    /// The step that the record shows.
    async fn read(self, caller: &Caller) -> u64 {
        match self {
            Self::Mode => u64::from(caller.get(ACME).await["collection_mode"] == "disabled"),
            Self::Status => u64::from(caller.get(GLOBEX).await["active"] == false),
            Self::Custom(lane) => {
                let client = caller.get(ACME_OBJECT).await;
                let fields = client["client"]["customFields"].as_array().expect("fields").clone();
                let step = |half: &str| {
                    let wanted = key(lane, half);
                    let field = fields.iter().find(|field| field["fieldKey"] == wanted);
                    field.map_or(0, |field| number(&field["value"]))
                };
                assert_eq!(step("a"), step("b"), "half a change is there");
                step("a")
            }
            Self::Attributes => {
                let client = caller.get(INITECH).await;
                let step = |field: &str| match &client[field] {
                    Value::Null => 0,
                    value => number(value),
                };
                assert_eq!(step("note"), step("zip"), "half a change is there");
                assert_eq!(step("note"), step("usageId"), "half a change is there");
                step("note")
            }
        }
    }

    /// Whether the record at `shown` may stand where the newest answered step is `answered`: it is
    /// that one, or the one whose answer the crash cut off.
    fn fits(self, shown: u64, answered: u64) -> bool {
        match self {
            // These show only odd or even; the audit log counts the steps of `Mode`.
            Self::Mode | Self::Status => shown < 2,
            Self::Custom(_) | Self::Attributes => shown == answered || shown == answered + 1,
        }
    }
}

fn key(lane: u32, half: &str) -> String {
    format!("lane{lane}{half}")
}

fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).expect("a number as text")
}

/// Writes step after step until the server is gone; the newest answered one.
async fn write(lane: Lane, caller: Caller, from: u64, stop: Arc<AtomicBool>) -> u64 {
    let mut answered = from;
    while !stop.load(Ordering::SeqCst) {
        let (path, body) = lane.write(answered + 1);
        match caller.patch(&path, &body).await {
            Some(StatusCode::OK) => answered += 1,
            Some(other) => panic!("{lane:?} step {} got {other}", answered + 1),
            None => break,
        }
    }
    answered
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answered_write_survives_a_kill() {
    let cycles: u32 = std::env::var("CLIENTBOOK_CRASH_CYCLES")
        .map_or(20, |cycles| cycles.parse().expect("CLIENTBOOK_CRASH_CYCLES is a number"));
    let directory = TempDir::new().expect("a temporary directory");
    let mut steps = [0; Lane::ALL.len()];
    let mut total = 0;
    for cycle in 0..cycles {
        let server = Server::start(directory.path());
        let caller = Caller::new(&server);
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = std::iter::zip(Lane::ALL, steps)
            .map(|(lane, from)| tokio::spawn(write(lane, caller.clone(), from, Arc::clone(&stop))))
            .collect();
        // Any moment will do; a different one each time covers more of them.
        tokio::time::sleep(Duration::from_millis(20 + u64::from(cycle * 37 % 200))).await;
        server.kill();
        stop.store(true, Ordering::SeqCst);
        let before: u64 = steps.iter().sum();
        for (step, writer) in std::iter::zip(&mut steps, writers) {
            *step = writer.await.expect("a writer");
        }
        total += steps.iter().sum::<u64>() - before;
        check(directory.path(), &mut steps).await;
    }
    assert!(total > u64::from(cycles) * 10, "only {total} writes: the kills came before the work");
    println!("{cycles} kills, {total} answered writes: none lost, none half there");
}

/// Starts the server again, by itself, and compares what it shows with what was answered.
async fn check(directory: &Path, steps: &mut [u64; Lane::ALL.len()]) {
    let server = Server::start(directory);
    let caller = Caller::new(&server);
    for (lane, answered) in std::iter::zip(Lane::ALL, steps) {
        let shown = lane.read(&caller).await;
        assert!(lane.fits(shown, *answered), "{lane:?}: {answered} answered, {shown} shown");
        match lane {
            Lane::Mode => *answered = modes(&caller, *answered, shown).await,
            // Start even again, so that the next step changes something.
            Lane::Status => *answered = *answered / 2 * 2 + shown,
            Lane::Custom(_) | Lane::Attributes => *answered = shown,
        }
    }
    let store = behind(directory);
    let intact: String =
        store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a check");
    assert_eq!(intact, "ok");
    let verified = run(&["audit", "verify", "--database", &store_url(directory)]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

/// Each effective change of the mode has exactly one entry; the newest may be the one whose answer
/// was cut off.
async fn modes(caller: &Caller, answered: u64, shown: u64) -> u64 {
    let log = caller.get(&format!("{ACME}/collection-control/audit-log?page_size=1")).await;
    let entries = log["total_count"].as_u64().expect("a count");
    assert!(
        entries == answered || entries == answered + 1,
        "{answered} answered, {entries} logged"
    );
    assert_eq!(entries % 2, shown, "the log's newest entry is not what the record shows");
    entries
}
