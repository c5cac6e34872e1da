//! The audit trail's canonical form, how its chains grow, and what erasing leaves of them.

use crate::make::time;
use clientbook_model::audit::{
    Action, ChainCheck, ChainFault, ChainHead, Circumstances, Contents, EntityType, Entry, Event,
    Hash, Origin, Salt, Sealed, SealedChange, Surface,
};
use clientbook_model::client::FieldChange;
use clientbook_model::id::{EntryId, TenantId, hex};
use clientbook_model::principal::{Actor, ActorKind};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::net::IpAddr;
use uuid::Uuid;

/// A chain and the head that is kept elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) entries: Vec<Entry>,
    pub(crate) head: ChainHead,
}

impl Chain {
    pub(crate) fn verify(&self) -> Result<(), ChainFault> {
        let mut check = ChainCheck::default();
        self.entries.iter().try_for_each(|entry| check.next(entry))?;
        check.finish(&self.head)
    }
}

/// What one operation says, owned.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    id: u128,
    entity_type: EntityType,
    action: Action,
    actor: Actor,
    origin: Origin,
    changes: Vec<FieldChange>,
}

impl Operation {
    pub(crate) fn changes(&self) -> usize {
        self.changes.len()
    }
}

/// Appends an entry; salts count up from one that belongs to the operation.
pub(crate) fn append(head: &mut ChainHead, operation: &Operation) -> Entry {
    let event = Event {
        entity_type: operation.entity_type,
        entity_id: Uuid::from_u128(operation.id ^ 1),
        action: operation.action,
        changes: &operation.changes,
    };
    let circumstances = Circumstances {
        tenant_id: TenantId(Uuid::from_u128(2)),
        chain_id: Uuid::from_u128(3),
        actor: &operation.actor,
        origin: &operation.origin,
        operation_id: Uuid::from_u128(operation.id ^ 5),
        now: time(1_773_153_000_000),
    };
    let mut salt = operation.id;
    let salts = || {
        salt = salt.wrapping_add(1);
        salt.to_be_bytes()
    };
    let id = EntryId(Uuid::from_u128(operation.id));
    Entry::append(head, id, &event, &circumstances, salts)
}

pub(crate) fn chain_of(operations: &[Operation]) -> Chain {
    let mut head = ChainHead::default();
    let entries = operations.iter().map(|one| append(&mut head, one)).collect();
    Chain { entries, head }
}

/// Texts with everything that JSON escapes, and what it does not.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_.]{1,12}",
        any::<String>(),
        "(?s)[\\x00-\\x20\"\\\\/\u{7f}\u{2028}\u{e9}😀]{0,8}"
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
        (any_text(), any_text()).prop_map(|(key, value)| json!([{ key: value }, 1])),
    ]
}

fn any_actor() -> impl Strategy<Value = Actor> {
    let kinds = [ActorKind::ApiToken, ActorKind::Subject, ActorKind::Cli, ActorKind::System];
    let kind = select(kinds.to_vec());
    (kind, any_text(), any_text()).prop_map(|(kind, id, name)| Actor { kind, id, name })
}

pub(crate) fn any_operation() -> impl Strategy<Value = Operation> {
    let address = proptest::option::of(any::<IpAddr>());
    let origin = (select(Surface::ALL), any_text(), address);
    let change = (any_text(), any_value(), any_value());
    let changes = proptest::collection::vec(change, 0..4);
    let about = (any::<u128>(), select(EntityType::ALL), select(Action::ALL));
    (about, any_actor(), origin, changes).prop_map(|(about, actor, origin, changes)| Operation {
        id: about.0,
        entity_type: about.1,
        action: about.2,
        actor,
        origin: Origin { surface: origin.0, request_id: origin.1, source_address: origin.2 },
        changes: changes
            .into_iter()
            .map(|(field, before, after)| FieldChange { field: field.into(), before, after })
            .collect(),
    })
}

pub(crate) fn any_chain() -> impl Strategy<Value = Chain> {
    proptest::collection::vec(any_operation(), 1..6).prop_map(|list| chain_of(&list))
}

/// What the chain holds of a value, worked out anew.
fn digest(sealed: &Sealed) -> String {
    match sealed {
        Sealed::Open { salt, text } => {
            let salted: Vec<u8> = salt.iter().copied().chain(text.bytes()).collect();
            hex(&Sha256::digest(salted))
        }
        Sealed::Erased { digest } | Sealed::Hidden { digest } => hex(digest),
    }
}

/// The canonical form by `serde_json`. Without `..`, so that a field that is in no hash does not
/// compile.
fn rendered(entry: &Entry) -> String {
    let Entry {
        id,
        tenant_id,
        chain_id,
        sequence,
        created_at,
        entity_type,
        entity_id,
        action,
        actor_kind,
        actor_id,
        surface,
        request_id,
        operation_id,
        contents: Contents { actor_name, source_address, changes },
        previous_hash,
        hash: _,
    } = entry;
    let change = |SealedChange { field, before, after }: &SealedChange| {
        json!([field, digest(before), digest(after)])
    };
    let object = BTreeMap::from([
        ("format", json!("1")),
        ("id", json!(id.to_string())),
        ("tenant_id", json!(tenant_id.to_string())),
        ("chain_id", json!(chain_id.to_string())),
        ("sequence", json!(sequence.to_string())),
        ("created_at", json!(created_at.to_string())),
        ("entity_type", json!(entity_type.as_str())),
        ("entity_id", json!(entity_id.to_string())),
        ("action", json!(action.as_str())),
        ("actor_kind", json!(actor_kind.as_str())),
        ("actor_id", json!(actor_id)),
        ("actor_name", json!(digest(actor_name))),
        ("surface", json!(surface.as_str())),
        ("request_id", json!(request_id)),
        ("source_address", json!(digest(source_address))),
        ("operation_id", json!(operation_id.to_string())),
        ("changes", changes.iter().map(change).collect()),
        ("previous_hash", json!(hex(previous_hash))),
    ]);
    serde_json::to_string(&object).expect("strings and lists")
}

/// Every value of an entry that can be erased.
pub(crate) fn values(entry: &mut Entry) -> Vec<&mut Sealed> {
    let contents = &mut entry.contents;
    let changes = contents.changes.iter_mut();
    changes
        .flat_map(|change| [&mut change.before, &mut change.after])
        .chain([&mut contents.actor_name, &mut contents.source_address])
        .collect()
}

proptest! {
    #[test]
    fn the_canonical_form_is_sorted_json(chain in any_chain()) {
        for entry in &chain.entries {
            prop_assert_eq!(entry.canonical(), rendered(entry));
            prop_assert_eq!(hex(&entry.hash), hex(&Sha256::digest(rendered(entry))));
        }
    }

    #[test]
    fn appending_builds_a_chain(chain in any_chain()) {
        prop_assert_eq!(chain.verify(), Ok(()));
        let mut previous = Hash::default();
        for (at, entry) in (1..).zip(&chain.entries) {
            prop_assert_eq!((entry.sequence, entry.previous_hash), (at, previous));
            previous = entry.hash;
        }
        let count = chain.entries.last().map_or(0, |entry| entry.sequence);
        prop_assert_eq!(chain.head, ChainHead { count, hash: previous });
    }

    #[test]
    fn an_entry_tells_what_was_said(operation in any_operation()) {
        let entry = append(&mut ChainHead::default(), &operation);
        let told = entry.contents.changes.iter().map(|change| FieldChange {
            field: change.field.clone().into(),
            before: change.before.value(),
            after: change.after.value(),
        });
        prop_assert_eq!(told.collect::<Vec<_>>(), operation.changes);
        prop_assert_eq!(entry.contents.actor_name.value(), json!(operation.actor.name));
        let address = operation.origin.source_address.map(|address| address.to_string());
        prop_assert_eq!(entry.contents.source_address.value(), json!(address));
    }

    #[test]
    fn erasing_leaves_the_chain_whole(mut chain in any_chain(), mask in any::<u64>()) {
        let sealed = chain.entries.iter_mut().flat_map(values).enumerate();
        for (_, value) in sealed.filter(|(at, _)| mask >> (at % 64) & 1 == 1) {
            *value = Sealed::Erased { digest: value.digest() };
            prop_assert_eq!(value.value(), json!({ "erased": true }));
        }
        prop_assert_eq!(chain.verify(), Ok(()));
    }

    #[test]
    fn contents_are_stored_as_they_are(mut chain in any_chain(), mask in any::<u64>()) {
        for (at, value) in chain.entries.iter_mut().flat_map(values).enumerate() {
            if mask >> (at % 64) & 1 == 1 {
                *value = Sealed::Erased { digest: value.digest() };
            }
        }
        for entry in &mut chain.entries {
            let stored = serde_json::to_string(&entry.contents).expect("JSON");
            let read: Contents = serde_json::from_str(&stored).expect("what was stored");
            prop_assert_eq!(&read, &entry.contents);
        }
    }
}

#[test]
fn nothing_of_an_erased_value_is_left() {
    let salt: Salt = [0xab; 16];
    let mut sealed = Sealed::new(&json!("Jane Doe"), salt);
    sealed = Sealed::Erased { digest: sealed.digest() };
    let stored = serde_json::to_string(&sealed).expect("JSON");
    assert!(!stored.contains("Jane") && !stored.contains(&hex(&salt)), "{stored}");
    // The same value elsewhere has another digest: the two cannot be matched.
    let other = Sealed::new(&json!("Jane Doe"), [0xac; 16]);
    assert_ne!(sealed.digest(), other.digest());
}

/// The hash comes from this script, which shares nothing with the code:
///
/// ```python
/// import hashlib, json
/// def seal(n, value):
///     text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
///     return hashlib.sha256(bytes([n] * 16) + text.encode()).hexdigest()
/// id = "00000000-0000-0000-0000-00000000000"
/// entry = {
///     "format": "1", "sequence": "7", "previous_hash": "ab" * 32, "id": id + "1",
///     "tenant_id": id + "2", "chain_id": id + "3", "entity_id": id + "4", "operation_id": id + "5",
///     "created_at": "2026-03-10T14:30:00.000Z", "entity_type": "client",
///     "action": "client_updated", "actor_kind": "subject", "actor_id": 'jane "j" \\ \x01\x7f\n',
///     "surface": "tenants", "request_id": "é😀\u2028",
///     "changes": [["name", seal(1, "Acme"), seal(2, "Ünïted")],
///                 ['custom."k"', seal(3, None), seal(4, 5)]],
///     "actor_name": seal(5, "Jane"), "source_address": seal(6, "192.0.2.7")}
/// text = json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
/// print(hashlib.sha256(text.encode()).hexdigest())
/// ```
#[test]
fn a_third_party_gets_the_same_hash() {
    let change =
        |field: &'static str, before, after| FieldChange { field: field.into(), before, after };
    let changes = [
        change("name", json!("Acme"), json!("Ünïted")),
        change("custom.\"k\"", Value::Null, json!(5)),
    ];
    let event = Event {
        entity_type: EntityType::Client,
        entity_id: Uuid::from_u128(4),
        action: Action::ClientUpdated,
        changes: &changes,
    };
    let circumstances = Circumstances {
        tenant_id: TenantId(Uuid::from_u128(2)),
        chain_id: Uuid::from_u128(3),
        actor: &Actor {
            kind: ActorKind::Subject,
            id: "jane \"j\" \\ \u{1}\u{7f}\n".to_owned(),
            name: "Jane".to_owned(),
        },
        origin: &Origin {
            surface: Surface::Tenants,
            request_id: "é😀\u{2028}".to_owned(),
            source_address: Some("192.0.2.7".parse().expect("an address")),
        },
        operation_id: Uuid::from_u128(5),
        now: time(1_773_153_000_000),
    };
    let mut head = ChainHead { count: 6, hash: [0xab; 32] };
    // Salts of sixteen 1s, then 2s, and so on.
    let mut salt = 0;
    let salts = || {
        salt += 1;
        [salt; 16]
    };
    let id = EntryId(Uuid::from_u128(1));
    let entry = Entry::append(&mut head, id, &event, &circumstances, salts);
    assert_eq!(
        hex(&entry.hash),
        "8981904afb8e3408a32e50b22f8d41114f76e4ef5408aa17f9b075d9b5ca0552"
    );
}
