//! Two records of one client become one: which of their values it keeps.
//!
//! The winner keeps every value that it has, and gets from the loser what it lacks. Lists are joined.
//! Whoever merges may name fields whose value is the loser's nevertheless.

use crate::client::{Client, ClientPatch, MAX_TAGS};
use crate::contact::{ContactMethod, ContactMethods, MAX_METHODS};
use crate::custom_field::FieldKey;
use crate::field::{Field, Fields};
use crate::patch::Patch;
use crate::policy::permission_to_change;
use crate::principal::{Permission, Permissions};
use crate::violation::Violation;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What is a record's own, whoever wins: its identity, and what takes permissions of its own to
/// change.
const OWN: &[&str] =
    &["number", "object_id", "status", "collection_mode", "workspace_deleted_at", "merged_into"];

/// Whose value a field has after a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The winner's.
    Winner,
    /// The loser's.
    Loser,
    /// Something of each.
    Both,
}

impl Source {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Winner => "winner",
            Self::Loser => "loser",
            Self::Both => "both",
        }
    }
}

/// A field in which two records differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name in the audit trail.
    pub field: String,
    /// The winner's value; null where it has none.
    pub winner: Value,
    /// The loser's.
    pub loser: Value,
    /// Whose value stands.
    pub from: Source,
}

/// The names of the fields that can be taken from `loser`: those in which it shows a value.
pub fn takeable(loser: &Client, fields: Option<&Fields>) -> Vec<String> {
    let names = loser.facts().into_keys().map(Cow::into_owned);
    names.filter(|name| !OWN.contains(&name.as_str()) && is_shown(fields, name)).collect()
}

/// Values of fields that are archived are hidden; the others are shown.
fn is_shown(fields: Option<&Fields>, name: &str) -> bool {
    let key = name.strip_prefix("custom.").and_then(|key| FieldKey::new(key).ok());
    let field = fields.zip(key).and_then(|(fields, key)| fields.by_key(&key));
    field.is_none_or(Field::is_active)
}

/// What a merge takes: to change and to end a client, and what it takes to change the state in which
/// the loser's names find a record, where it is another one.
pub fn needed(winner: &Client, loser: &Client) -> Permissions {
    let mut needed = vec![Permission::ClientsUpdate, Permission::ClientsDelete];
    let status = |client: &Client| (client.status, client.workspace_deleted_at.is_some());
    if status(winner) != status(loser) {
        needed.push(permission_to_change("status"));
    }
    if winner.collection_mode != loser.collection_mode {
        needed.push(permission_to_change("collection_mode"));
    }
    needed.into_iter().collect()
}

/// What makes the merged record of `winner`. `take` names fields whose value is the loser's.
pub fn patch(
    winner: &Client,
    loser: &Client,
    take: &BTreeSet<String>,
) -> Result<ClientPatch, Vec<Violation>> {
    let takes = |field: &str| take.contains(field);
    let mut violations = Vec::new();
    let mut patch = ClientPatch {
        name: takes("name").then(|| loser.name.clone()),
        email: choose(winner.email.as_ref(), loser.email.as_ref(), takes("email")),
        org_id: choose(winner.org_id.as_ref(), loser.org_id.as_ref(), takes("org_id")),
        project_id: choose(
            winner.project_id.as_ref(),
            loser.project_id.as_ref(),
            takes("project_id"),
        ),
        owner_id: choose(winner.owner_id.as_ref(), loser.owner_id.as_ref(), takes("owner_id")),
        avatar_url: choose(
            winner.avatar_url.as_ref(),
            loser.avatar_url.as_ref(),
            takes("avatar_url"),
        ),
        external_id: choose(
            winner.external_id.as_ref(),
            loser.external_id.as_ref(),
            takes("external_id"),
        ),
        parent_client_id: choose(
            winner.parent_client_id.as_ref(),
            loser.parent_client_id.as_ref(),
            takes("parent_client_id"),
        ),
        client_type_id: choose(
            winner.client_type_id.as_ref(),
            loser.client_type_id.as_ref(),
            takes("client_type_id"),
        ),
        success: winner.success.filled_from(&loser.success, &takes),
        ..ClientPatch::default()
    };
    for (key, value) in &loser.custom_values {
        if !winner.custom_values.contains_key(key) || takes(&format!("custom.{key}")) {
            patch.custom_values.insert(key.clone(), Some(value.clone()));
        }
    }
    let mut tags = if takes("tags") { Vec::new() } else { winner.tags.clone() };
    let new: Vec<_> = loser.tags.iter().filter(|tag| !tags.contains(tag)).cloned().collect();
    tags.extend(new);
    if tags.len() > MAX_TAGS {
        let message = format!("would be more than {MAX_TAGS} together: take those of one");
        violations.push(Violation::new("max_items", message).below("/tags"));
    }
    patch.tags = Some(tags);
    match contact_methods(winner, loser, takes("contact_methods")) {
        Ok(methods) => patch.contact_methods = methods,
        Err(violation) => violations.push(violation.below("/contact_methods")),
    }
    if violations.is_empty() { Ok(patch) } else { Err(violations) }
}

fn choose<T: Clone>(winner: Option<&T>, loser: Option<&T>, take: bool) -> Patch<T> {
    match loser {
        Some(value) if take || winner.is_none() => Patch::Set(value.clone()),
        _ => Patch::Absent,
    }
}

/// The winner's and, behind them, those of the loser that it does not have; one is preferred.
fn contact_methods(
    winner: &Client,
    loser: &Client,
    take: bool,
) -> Result<Option<ContactMethods>, Violation> {
    let (first, second) = match (take, winner.contact_methods.is_empty()) {
        (true, _) if !loser.contact_methods.is_empty() => (&loser.contact_methods, None),
        (_, true) => (&loser.contact_methods, None),
        _ => (&winner.contact_methods, Some(&loser.contact_methods)),
    };
    let mut all = first.as_slice().to_vec();
    for method in second.into_iter().flat_map(ContactMethods::as_slice) {
        if !all.iter().any(|one| (one.kind, &one.value) == (method.kind, &method.value)) {
            all.push(ContactMethod { preferred: false, ..method.clone() });
        }
    }
    if all.is_empty() {
        return Ok(None);
    }
    if all.len() > MAX_METHODS {
        let message = format!("would be more than {MAX_METHODS} together: take those of one");
        return Err(Violation::new("max_items", message));
    }
    ContactMethods::new(all).map(Some)
}

/// The fields in which the two show different values, and whose value `merged` has.
pub fn differences(
    winner: &Client,
    loser: &Client,
    merged: &Client,
    fields: Option<&Fields>,
) -> Vec<Difference> {
    let defined = fields;
    let [won, lost, now] = [winner, loser, merged].map(Client::facts);
    let value = |facts: &BTreeMap<Cow<'_, str>, Value>, field: &str| {
        facts.get(field).cloned().unwrap_or(Value::Null)
    };
    let fields: BTreeSet<_> = won.keys().chain(lost.keys()).map(AsRef::as_ref).collect();
    let hidden = ["number", "object_id", "workspace_deleted_at", "merged_into"];
    let fields = fields
        .into_iter()
        .filter(|field: &&str| !hidden.contains(field) && is_shown(defined, field));
    let difference = |field: &str| {
        let [winner, loser, now] = [&won, &lost, &now].map(|facts| value(facts, field));
        let from = match () {
            () if now == winner => Source::Winner,
            () if now == loser => Source::Loser,
            () => Source::Both,
        };
        (winner != loser).then(|| Difference { field: field.to_owned(), winner, loser, from })
    };
    fields.filter_map(difference).collect()
}
