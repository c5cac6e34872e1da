//! One record of the demo's for each writer, and what each must show.

use crate::process::{ACME_OBJECT, Caller, Server, behind, run, store_url};
use serde_json::{Value, json};
use std::path::Path;

/// The newest step of each lane.
pub(crate) type Steps = [u64; Lane::ALL.len()];

pub(crate) const ACME: &str = "/v2/clients/aa7cf840-9ca9-46a3-9778-9015d6580d50";
pub(crate) const GLOBEX: &str = "/client/aa7cf840-9ca9-46a3-9778-9015d6580d51";
pub(crate) const GLOBEX_NUMBER: &str = "/clients/v1/tenants/tenant123/clients/457";
pub(crate) const LOG: &str =
    "/v2/clients/aa7cf840-9ca9-46a3-9778-9015d6580d50/collection-control/audit-log?page_size=1";
const INITECH: &str = "/client/bb7cf840-9ca9-46a3-9778-9015d6580d50";

/// Whether a step that got no answer, or an error, may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    /// The server was killed before it could say.
    MayStand,
    /// The server said that nothing was changed, and lived on.
    MustNot,
}

/// What a comparison finds: nothing, if all is well.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Answered steps that are not there.
    pub(crate) lost: u64,
    /// Steps that are there more often, or further, than anybody has asked for.
    pub(crate) doubled: u64,
    /// Changes of which a part is there.
    pub(crate) half: u64,
    /// Each of them, in words.
    pub(crate) said: Vec<String>,
}

impl Found {
    /// Counts what differs between `shown` and `answered`, if one that is `open` may be there too.
    pub(crate) fn count(&mut self, what: &str, answered: u64, shown: u64, open: Open) {
        let more = u64::from(open == Open::MayStand);
        if shown < answered {
            self.lost += answered - shown;
        } else if shown > answered + more {
            self.doubled += shown - answered - more;
        } else {
            return;
        }
        self.said.push(format!("{what}: {answered} answered, {shown} shown"));
    }

    /// Counts a change that is half there.
    pub(crate) fn half(&mut self, what: String) {
        self.half += 1;
        self.said.push(what);
    }
}

/// One writer, on fields that no other writer touches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lane {
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
    pub(crate) const ALL: [Self; 6] = [
        Self::Mode,
        Self::Status,
        Self::Custom(1),
        Self::Custom(2),
        Self::Custom(3),
        Self::Attributes,
    ];

    /// The call that writes step `n`.
    pub(crate) fn write(self, n: u64) -> (String, Value) {
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

    /// The step that the record shows; `None` if it shows half of one.
    async fn read(self, caller: &Caller) -> Option<u64> {
        match self {
            Self::Mode => Some(u64::from(caller.get(ACME).await["collection_mode"] == "disabled")),
            Self::Status => Some(u64::from(caller.get(GLOBEX).await["active"] == false)),
            Self::Custom(lane) => {
                let client = caller.get(ACME_OBJECT).await;
                let fields = client["client"]["customFields"].as_array().expect("fields").clone();
                let step = |half: &str| {
                    let wanted = key(lane, half);
                    let field = fields.iter().find(|field| field["fieldKey"] == wanted);
                    field.map_or(0, |field| number(&field["value"]))
                };
                (step("a") == step("b")).then(|| step("a"))
            }
            Self::Attributes => {
                let client = caller.get(INITECH).await;
                let step = |field: &str| match &client[field] {
                    Value::Null => 0,
                    value => number(value),
                };
                let whole = step("note") == step("zip") && step("note") == step("usageId");
                whole.then(|| step("note"))
            }
        }
    }

    /// The step that the record is at, as far as `shown` tells; the newest answered is `answered`.
    fn at(self, shown: u64, answered: u64) -> u64 {
        match self {
            // These show only odd or even; the audit log counts the steps of `Mode`.
            Self::Mode | Self::Status => answered + u64::from(shown != answered % 2),
            Self::Custom(_) | Self::Attributes => shown,
        }
    }
}

fn key(lane: u32, half: &str) -> String {
    format!("lane{lane}{half}")
}

fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).expect("a number as text")
}

/// Compares what the server on `directory` shows with what was answered, and looks for damage. The
/// next steps then follow what is shown.
pub(crate) async fn compare(server: &Server, directory: &Path, steps: &mut Steps, open: Open) {
    let found = look(&Caller::new(server), steps, open).await;
    assert_eq!(found, Found::default());
    let store = behind(directory);
    let intact: String =
        store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a check");
    assert_eq!(intact, "ok");
    let verified = run(&["audit", "verify", "--database", &store_url(directory)]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

/// Compares what is shown with what was answered. The next steps then follow what is shown.
pub(crate) async fn look(caller: &Caller, steps: &mut Steps, open: Open) -> Found {
    let mut found = Found::default();
    for (lane, answered) in std::iter::zip(Lane::ALL, steps) {
        let what = format!("{lane:?}");
        let Some(shown) = lane.read(caller).await else {
            found.half(what);
            continue;
        };
        let at = match lane {
            Lane::Mode => modes(caller, shown, &mut found).await,
            _ => lane.at(shown, *answered),
        };
        found.count(&what, *answered, at, open);
        *answered = at;
    }
    found
}

/// How many times the mode has changed: each effective change has exactly one entry.
async fn modes(caller: &Caller, shown: u64, found: &mut Found) -> u64 {
    let log = caller.get(LOG).await;
    let entries = log["total_count"].as_u64().expect("a count");
    if entries % 2 != shown {
        found.half(format!("the log's newest entry is the {entries}th, the record shows {shown}"));
    }
    entries
}
