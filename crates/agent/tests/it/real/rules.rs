//! What each mode lets an agent say, written down a second time: neither the agent nor the server is
//! asked.

use super::proxy::Call;
use serde_json::Value;
use std::collections::BTreeSet;

/// What an agent was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// To collect everything.
    Usage,
    /// To collect everything but the usage of users, all of whom are archived.
    UsageOfNobody,
    /// To collect the device and its software.
    Discovery,
    /// To collect nothing.
    Idle,
    /// To go.
    Uninstall,
}

/// What usage may be told of.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) applications: BTreeSet<String>,
    pub(super) domains: BTreeSet<String>,
}

const DEVICE: &[&str] = &[
    "name",
    "serial_number",
    "unique_key",
    "os_name",
    "os_version",
    "agent_version",
    "hardware",
    "extensions",
];
const SOFTWARE: &[&str] = &["name", "version", "publisher", "source", "installed_at"];
const RECORD: &[&str] = &["id", "kind", "user_key", "name", "started_at", "seconds", "visits"];
const USER: &[&str] = &["user_key", "username"];
const ERROR: &[&str] = &["code", "message"];

/// The fields that a call may have; `None` if it may not be made.
fn fields(told: Told, line: &str) -> Option<&'static [&'static str]> {
    use Told::{Discovery, Idle, Uninstall, Usage, UsageOfNobody};
    Some(match (line, told) {
        ("POST /v2/agent/check-in", Idle) => &["agent_version", "config_version", "wait_seconds"],
        ("POST /v2/agent/check-in", Discovery) => {
            &["agent_version", "config_version", "wait_seconds", "deployment_errors"]
        }
        ("POST /v2/agent/check-in", Usage | UsageOfNobody) => {
            &["agent_version", "config_version", "wait_seconds", "deployment_errors", "users"]
        }
        ("PUT /v2/agent/inventory", Usage | UsageOfNobody | Discovery) => &["device", "software"],
        ("POST /v2/agent/usage", Usage) => &["records"],
        ("POST /v2/agent/uninstalled", Uninstall) => &[],
        _ => return None,
    })
}

/// What is wrong with a call.
pub(super) fn objections(told: Told, call: &Call, known: &Known) -> Vec<String> {
    let Some(allowed) = fields(told, &call.line) else {
        return vec![format!("{} is not for {told:?}: {}", call.line, call.body)];
    };
    let mut wrong = strangers(&call.body, allowed);
    for (name, allowed) in
        [("software", SOFTWARE), ("records", RECORD), ("users", USER), ("deployment_errors", ERROR)]
    {
        let items = call.body[name].as_array().into_iter().flatten();
        wrong.extend(items.flat_map(|item| strangers(item, allowed)));
    }
    if let Some(device) = call.body.get("device") {
        wrong.extend(strangers(device, DEVICE));
    }
    for record in call.body["records"].as_array().into_iter().flatten() {
        let name = record["name"].as_str().unwrap_or_default();
        let is_known = match record["kind"].as_str() {
            Some("app") => known.applications.contains(name) && record["visits"].is_null(),
            Some("web") => known.domains.contains(name) && record["seconds"] == 0,
            _ => false,
        };
        if !is_known {
            wrong.push(format!("a record of something else: {record}"));
        }
    }
    wrong.into_iter().map(|what| format!("{} during {told:?}: {what}", call.line)).collect()
}

/// What an object has beside these fields.
fn strangers(object: &Value, allowed: &[&str]) -> Vec<String> {
    let Value::Object(fields) = object else { return vec![format!("no object: {object}")] };
    let strange = fields.iter().filter(|(name, _)| !allowed.contains(&name.as_str()));
    strange.map(|(name, value)| format!("`{name}`: {value}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wrong(told: Told, line: &str, body: Value) -> usize {
        let known = Known {
            applications: ["Tool".to_owned()].into(),
            domains: ["shop.test".to_owned()].into(),
        };
        let call = Call { sent: 0, line: line.into(), token: None, body, size: 0, answer: None };
        objections(told, &call, &known).len()
    }

    #[test]
    fn each_mode_has_its_calls() {
        let modes =
            [Told::Usage, Told::UsageOfNobody, Told::Discovery, Told::Idle, Told::Uninstall];
        for (line, body, allowed) in [
            ("POST /v2/agent/check-in", json!({ "agent_version": "1" }), 4),
            ("POST /v2/agent/check-in", json!({ "deployment_errors": [] }), 3),
            ("POST /v2/agent/check-in", json!({ "users": [] }), 2),
            ("PUT /v2/agent/inventory", json!({ "software": [{ "name": "a" }] }), 3),
            ("POST /v2/agent/usage", json!({ "records": [] }), 1),
            ("POST /v2/agent/logs", json!({ "records": [] }), 0),
            ("POST /v2/agent/check-in?a", json!({}), 0),
        ] {
            let count = modes.iter().filter(|told| wrong(**told, line, body.clone()) == 0).count();
            assert_eq!(count, allowed, "{line} {body}");
        }
        assert_eq!(wrong(Told::Uninstall, "POST /v2/agent/uninstalled", json!({})), 0);
        assert_eq!(wrong(Told::Usage, "POST /v2/agent/uninstalled", json!({})), 1);
    }

    #[test]
    fn a_record_says_no_more_than_it_may() {
        let record = |kind: &str, name: &str, more: &str| {
            let mut record = json!({ "kind": kind, "name": name, "seconds": 0 });
            record[more] = json!(1);
            wrong(Told::Usage, "POST /v2/agent/usage", json!({ "records": [record] }))
        };
        assert_eq!(record("web", "shop.test", "visits"), 0);
        assert_eq!(record("web", "www.shop.test", "visits"), 1);
        assert_eq!(record("web", "shop.test", "seconds"), 1);
        assert_eq!(record("web", "shop.test", "title"), 1);
        assert_eq!(record("app", "Tool", "seconds"), 0);
        assert_eq!(record("app", "Other", "seconds"), 1);
    }
}
