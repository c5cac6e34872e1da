//! `status`: what the agent does, for people. The running agent writes it down.

use crate::cli::StatusArgs;
use crate::env::{self, Millis};
use crate::failure::Failure;
use crate::output;
use crate::places::Places;
use crate::state::{self, Told};
use crate::uninstall;
use serde::{Deserialize, Serialize};
use serde_json::json;

const STATUS: &str = "status.json";
/// How often it is written down while nothing happens, in milliseconds.
const EVERY: Millis = 300_000;

/// What the running agent last wrote down.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    started_at: Option<String>,
    answered_at: Option<String>,
    /// Why the last check-in failed, if it did.
    problem: Option<String>,
    spool_bytes: u64,
    #[serde(skip)]
    written: Option<Written>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Written {
    at: Millis,
    version: Option<String>,
    problem: Option<String>,
}

impl Status {
    pub(crate) fn begin(now: Millis) -> Self {
        Self { started_at: Some(env::timestamp(now)), ..Self::default() }
    }

    pub(crate) fn answered(&mut self, now: Millis) {
        self.answered_at = Some(env::timestamp(now));
        self.problem = None;
    }

    pub(crate) fn refused(&mut self, why: &str) {
        self.problem = Some(why.to_owned());
    }

    /// Writes it down if it says something new, or has not for a while. It is for people only: if it
    /// cannot be written, the agent goes on.
    pub(crate) fn contacted(&mut self, places: &Places, told: &Told, spool_bytes: u64) {
        let now = env::now();
        let (version, problem) = (told.version().map(str::to_owned), self.problem.clone());
        let new = Written { at: now, version, problem };
        let same = self.written.as_ref().is_some_and(|old| {
            Written { at: now, ..old.clone() } == new && (now - old.at).abs() < EVERY
        });
        if same {
            return;
        }
        self.spool_bytes = spool_bytes;
        if let Err(error) = state::write(places, STATUS, self) {
            tracing::warn!(?error, "the status cannot be written down");
        }
        self.written = Some(new);
    }
}

/// Says it.
pub(crate) fn run(args: &StatusArgs) -> Result<(), Failure> {
    let places = args.places.places()?;
    let lines = if uninstall::begun(&places)?.is_some() {
        let state = json!({ "state": "uninstalling" });
        vec![if args.json {
            state.to_string()
        } else {
            "An uninstallation has not ended yet".into()
        }]
    } else if let Some((enrollment, _)) = state::enrollment(&places)? {
        let told = state::told(&places);
        let status: Status = state::read(&places, STATUS)?.unwrap_or_default();
        let is_running = state::hold(&places).is_err();
        let config = told.config.as_ref();
        let shown = json!({
            "state": if is_running { "running" } else { "stopped" },
            "server": enrollment.server.url,
            "device_id": enrollment.device_id,
            "mode": config.map(|config| &config.effective_mode),
            "collect": config.map(|config| &config.collect),
            "answered_at": status.answered_at,
            "problem": status.problem,
            "spool_bytes": status.spool_bytes,
        });
        if args.json { vec![shown.to_string()] } else { lines(&shown) }
    } else {
        let state = json!({ "state": "not_enrolled" });
        vec![if args.json { state.to_string() } else { "Not enrolled".into() }]
    };
    output::print_lines(&lines)
        .map_err(|error| Failure::Failed(format!("standard output: {error}")))
}

fn lines(shown: &serde_json::Value) -> Vec<String> {
    let text = |name: &str| match &shown[name] {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) if items.is_empty() => "nothing".into(),
        serde_json::Value::Array(items) => {
            let items: Vec<&str> = items.iter().filter_map(|item| item.as_str()).collect();
            items.join(", ")
        }
        serde_json::Value::Null => "-".into(),
        other => other.to_string(),
    };
    let rows = [
        ("Agent", "state"),
        ("Server", "server"),
        ("Device", "device_id"),
        ("Mode", "mode"),
        ("Collects", "collect"),
        ("Server answered", "answered_at"),
        ("Problem", "problem"),
        ("Spooled bytes", "spool_bytes"),
    ];
    rows.map(|(title, name)| format!("{:<16} {}", format!("{title}:"), text(name))).into()
}
