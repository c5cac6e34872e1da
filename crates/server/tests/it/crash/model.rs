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
    /// that one, or the next, if a crash has cut off its answer.
    fn fits(self, shown: u64, answered: u64, open: Open) -> bool {
        match (self, open) {
            // These show only odd or even; the audit log counts the steps of `Mode`.
            (Self::Mode | Self::Status, Open::MayStand) => shown < 2,
            (Self::Mode | Self::Status, Open::MustNot) => shown == answered % 2,
            (_, Open::MayStand) => shown == answered || shown == answered + 1,
            (_, Open::MustNot) => shown == answered,
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
    let caller = Caller::new(server);
    for (lane, answered) in std::iter::zip(Lane::ALL, steps) {
        let shown = lane.read(&caller).await;
        assert!(lane.fits(shown, *answered, open), "{lane:?}: {answered} answered, {shown} shown");
        match lane {
            Lane::Mode => *answered = modes(&caller, *answered, shown, open).await,
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
async fn modes(caller: &Caller, answered: u64, shown: u64, open: Open) -> u64 {
    let log = caller.get(LOG).await;
    let entries = log["total_count"].as_u64().expect("a count");
    let more = u64::from(open == Open::MayStand);
    assert!(
        entries == answered || entries == answered + more,
        "{answered} answered, {entries} logged"
    );
    assert_eq!(entries % 2, shown, "the log's newest entry is not what the record shows");
    entries
}
