//! What a patch does to a client, and what the audit trail learns of it.

use crate::make::{
    any_client, any_patch, any_patches, client, full_patch, key, parsed, patch_of_current, time,
};
use clientbook_model::audit::Surface;
use clientbook_model::client::{Client, ClientPatch, FieldChange, Identity, Refusal, fold};
use clientbook_model::collection::{CollectionMode, TransitionError};
use clientbook_model::custom_field::{CustomPatch, MAX_VALUES};
use clientbook_model::patch::Patch;
use clientbook_model::status::{Status, StatusPatch};
use clientbook_model::success::SuccessPatch;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The paths and rules of a refusal.
fn broken(refused: Result<(Client, Vec<FieldChange>), Refusal>) -> Vec<(String, &'static str)> {
    match refused {
        Err(Refusal::Invalid(list)) => list.into_iter().map(|v| (v.path, v.rule)).collect(),
        other => panic!("not refused as invalid: {other:?}"),
    }
}

fn dates(inception: Option<&str>, terminated: Option<&str>) -> ClientPatch {
    let day = |day: Option<&str>| day.map_or(Patch::Absent, |day| Patch::Set(parsed(&json!(day))));
    ClientPatch {
        success: SuccessPatch {
            inception_date: day(inception),
            terminated_date: day(terminated),
            ..SuccessPatch::default()
        },
        ..ClientPatch::default()
    }
}

fn custom(values: impl IntoIterator<Item = (String, Option<Value>)>) -> ClientPatch {
    let values = values.into_iter().map(|(name, value)| (key(&name), value));
    ClientPatch { custom_values: values.collect::<CustomPatch>(), ..ClientPatch::default() }
}

fn mode(mode: CollectionMode) -> ClientPatch {
    ClientPatch { collection_mode: Some(mode), ..ClientPatch::default() }
}

/// Whether the rules allow the patch, said in other words than the model's.
fn allowed(client: &Client, patch: &ClientPatch) -> bool {
    let contradicts = matches!(patch.status, StatusPatch { status: Some(status), active: Some(flag) }
        if matches!(status, Status::Active | Status::Trial) != flag);
    let after = |wish: &Patch<_>, now| match wish {
        Patch::Absent => now,
        Patch::Clear => None,
        Patch::Set(day) => Some(*day),
    };
    let (success, wish) = (&client.success, &patch.success);
    let inception = after(&wish.inception_date, success.inception_date);
    let terminated = after(&wish.terminated_date, success.terminated_date);
    let backwards = inception.zip(terminated).is_some_and(|(a, b)| b < a);
    let comes_back = client.collection_mode == CollectionMode::Deleted
        && patch.collection_mode.is_some_and(|to| to != CollectionMode::Deleted);
    !contradicts && !backwards && !comes_back
}

proptest! {
    #[test]
    fn only_contradictions_are_refused(client in any_client(), patch in any_patch()) {
        prop_assert_eq!(client.apply(&patch).is_ok(), allowed(&client, &patch));
    }

    #[test]
    fn the_same_patch_again_changes_nothing(client in any_client(), patch in any_patch()) {
        if let Ok((once, _)) = client.apply(&patch) {
            prop_assert_eq!(once.apply(&patch), Ok((once, vec![])));
        }
    }

    #[test]
    fn current_values_change_nothing(client in any_client()) {
        for patch in [patch_of_current(&client), ClientPatch::default()] {
            prop_assert_eq!(client.apply(&patch), Ok((client.clone(), vec![])));
        }
    }

    #[test]
    fn changes_are_exactly_what_differs(client in any_client(), patch in any_patch()) {
        if let Ok((next, changes)) = client.apply(&patch) {
            let (before, after) = (client.facts(), next.facts());
            let fields: BTreeSet<_> = changes.iter().map(|change| change.field.clone()).collect();
            prop_assert_eq!(fields.len(), changes.len(), "a field twice");
            let known = before.keys().chain(after.keys());
            let differ = known.filter(|field| before.get(*field) != after.get(*field)).cloned();
            prop_assert_eq!(fields, differ.collect::<BTreeSet<_>>());
            for change in changes {
                let fact = |value: Value| (value != Value::Null && value != json!([])).then_some(value);
                prop_assert_eq!(fact(change.before), before.get(&change.field).cloned());
                prop_assert_eq!(fact(change.after), after.get(&change.field).cloned());
            }
        }
    }

    #[test]
    fn the_trail_rebuilds_the_client(start in any_client(), patches in any_patches()) {
        let mut client = start;
        let mut trail = client.first_changes();
        for patch in &patches {
            // A refused patch must leave no half of itself in the record: the fold would miss it.
            if let Ok((next, changes)) = client.apply(patch) {
                client = next;
                trail.extend(changes);
            }
            prop_assert_eq!(fold(trail.clone()), client.facts());
        }
    }

    #[test]
    fn what_the_server_keeps_stays(client in any_client(), patch in any_patch()) {
        if let Ok((next, _)) = client.apply(&patch) {
            let kept = |client: &Client| (
                (client.id, client.tenant_id, client.number, client.object_id),
                (client.version, client.created_at, client.updated_at, client.audit),
            );
            prop_assert_eq!(kept(&next), kept(&client));
        }
    }

    #[test]
    fn nothing_leaves_deleted(patches in any_patches()) {
        let (mut client, _) = client().apply(&mode(CollectionMode::Deleted)).expect("allowed");
        for patch in &patches {
            if let Ok((next, _)) = client.apply(patch) {
                client = next;
            }
            prop_assert_eq!(client.collection_mode, CollectionMode::Deleted);
        }
    }
}

#[test]
fn a_full_patch_changes_every_field() {
    let (next, changes) = client().apply(&full_patch()).expect("allowed");
    // `number` and `object_id` are never changed.
    assert_eq!(changes.len(), next.facts().len() - 2);
    assert_eq!(changes.len(), 43);
}

#[test]
fn leaving_deleted_names_both_modes() {
    let (deleted, _) = client().apply(&mode(CollectionMode::Deleted)).expect("allowed");
    for requested in
        [CollectionMode::Discovery, CollectionMode::SaasUsage, CollectionMode::Disabled]
    {
        let refused = deleted.apply(&mode(requested)).expect_err("final");
        let current = CollectionMode::Deleted;
        let error = TransitionError { current, requested };
        assert_eq!(refused, Refusal::Transition(error));
        assert_eq!(error.to_string(), "Cannot transition from deleted to another collection mode");
    }
}

#[test]
fn every_contradiction_is_listed() {
    let values = (0..=MAX_VALUES).map(|at| (format!("k{at}"), Some(json!("x"))));
    let patch = ClientPatch {
        status: StatusPatch { status: Some(Status::Trial), active: Some(false) },
        success: dates(Some("2024-01-02"), Some("2024-01-01")).success,
        ..custom(values)
    };
    let expected = [
        ("/status", "contradiction"),
        ("/active", "contradiction"),
        ("/custom", "max_items"),
        ("/terminated_date", "date_order"),
    ];
    assert_eq!(
        broken(client().apply(&patch)),
        expected.map(|(path, rule)| (path.to_owned(), rule))
    );
}

#[test]
fn termination_is_not_before_inception() {
    let order = [("/terminated_date".to_owned(), "date_order")];
    let (first, second) = (Some("2024-02-28"), Some("2024-02-29"));
    for good in [dates(first, second), dates(first, first), dates(first, None), dates(None, first)]
    {
        assert!(client().apply(&good).is_ok(), "{good:?}");
    }
    assert_eq!(broken(client().apply(&dates(second, first))), order);
    // One of the two may stand in the record already.
    let (later, _) = client().apply(&dates(second, None)).expect("allowed");
    assert_eq!(broken(later.apply(&dates(None, first))), order);
    let (ended, _) = client().apply(&dates(None, first)).expect("allowed");
    assert_eq!(broken(ended.apply(&dates(second, None))), order);
    assert!(ended.apply(&dates(second, second)).is_ok());
}

#[test]
fn custom_values_merge_key_by_key() {
    let set = |name: &str, value: &str| (name.to_owned(), Some(json!(value)));
    let (both, _) = client().apply(&custom([set("a", "1"), set("b", "2")])).expect("allowed");
    let gone = ("a".to_owned(), None);
    let never = ("never there".to_owned(), None);
    let (next, changes) = both.apply(&custom([gone, never, set("c", "3")])).expect("allowed");
    let kept: Vec<_> = next.custom_values.keys().map(ToString::to_string).collect();
    assert_eq!(kept, ["b", "c"]);
    let change =
        |name: &'static str, before, after| FieldChange { field: name.into(), before, after };
    let expected =
        [change("custom.a", json!("1"), Value::Null), change("custom.c", Value::Null, json!("3"))];
    assert_eq!(changes, expected);
}

#[test]
fn a_client_holds_500_custom_values() {
    let values = |range: std::ops::Range<usize>| {
        custom(range.map(|at| (format!("k{at}"), Some(json!("x")))))
    };
    let (full, _) = client().apply(&values(0..500)).expect("as many as allowed");
    assert_eq!(full.custom_values.len(), MAX_VALUES);
    let too_many = [("/custom".to_owned(), "max_items")];
    assert_eq!(broken(full.apply(&values(500..501))), too_many);
    assert!(full.apply(&values(0..500)).is_ok(), "keys that are there");
    let mut swap = values(500..501);
    swap.custom_values.insert(key("k0"), None);
    assert!(full.apply(&swap).is_ok(), "one for one");
}

#[test]
fn an_empty_list_reads_as_unset() {
    let patch = ClientPatch {
        success: SuccessPatch { acc_teaming_roles: Patch::Set(vec![]), ..SuccessPatch::default() },
        ..ClientPatch::default()
    };
    let (next, changes) = client().apply(&patch).expect("allowed");
    assert_eq!((next, changes), (client(), vec![]));
}

#[test]
fn a_blank_client_says_nothing_that_was_not_asked() {
    let made = client();
    let identity = Identity {
        id: made.id,
        tenant_id: made.tenant_id,
        number: made.number,
        object_id: made.object_id,
        created_at: made.created_at,
    };
    assert_eq!(Client::blank(identity, made.name.clone()), made);
}

proptest! {
    /// The trail tells of the removal, and whatever takes it back too.
    #[test]
    fn a_removed_client_is_back_once_it_is_not_terminated(
        client in any_client(),
        patches in any_patches(),
    ) {
        let mut trail = client.first_changes();
        let (mut now, changes) = client.remove_from_workspace(time(7));
        trail.extend(changes);
        prop_assert_eq!(now.status, Status::Terminated);
        prop_assert!(!now.shows_on(Surface::Workspace));
        prop_assert!(now.shows_on(Surface::Tenants));
        let deleted = client.collection_mode == CollectionMode::Deleted;
        let mode = if deleted { CollectionMode::Deleted } else { CollectionMode::Disabled };
        prop_assert_eq!(now.collection_mode, mode);
        let mut left = false;
        for patch in &patches {
            if let Ok((next, changes)) = now.apply(patch) {
                now = next;
                trail.extend(changes);
            }
            left |= now.status != Status::Terminated;
            prop_assert_eq!(now.shows_on(Surface::Workspace), left);
            prop_assert_eq!(fold(trail.clone()), now.facts());
        }
    }
}
