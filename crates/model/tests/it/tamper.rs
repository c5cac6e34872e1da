//! Tampering with a chain: whatever is edited, removed, inserted or moved is found.

use crate::audit::{Chain, Operation, any_chain, any_operation, append, chain_of, values};
use crate::make::time;
use clientbook_model::audit::{
    Action, ChainFault, ChainHead, EntityType, Entry, Hash, Sealed, SealedChange, Surface,
};
use clientbook_model::id::{EntryId, TenantId};
use clientbook_model::principal::ActorKind;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

const OTHER: Uuid = Uuid::from_u128(u128::MAX);

fn text_of(sealed: &mut Sealed) -> &mut String {
    match sealed {
        Sealed::Open { text, .. } => text,
        Sealed::Erased { .. } | Sealed::Hidden { .. } => panic!("erased"),
    }
}

fn salt_of(sealed: &mut Sealed) -> &mut u8 {
    match sealed {
        Sealed::Open { salt, .. } => &mut salt[15],
        Sealed::Erased { .. } | Sealed::Hidden { .. } => panic!("erased"),
    }
}

fn other<T: Copy + PartialEq>(all: &[T], one: T) -> T {
    let mut others = all.iter().filter(|other| **other != one);
    *others.next().expect("more than one")
}

type Edit = fn(&mut Entry);

/// Edits of one field each; an entry has at least two changes.
const EDITS: &[(&str, Edit)] = &[
    ("id", |e| e.id = EntryId(OTHER)),
    ("tenant_id", |e| e.tenant_id = TenantId(OTHER)),
    ("chain_id", |e| e.chain_id = OTHER),
    ("sequence up", |e| e.sequence += 1),
    ("sequence down", |e| e.sequence -= 1),
    ("created_at", |e| e.created_at = time(e.created_at.millis() + 1)),
    ("entity_type", |e| e.entity_type = other(EntityType::ALL, e.entity_type)),
    ("entity_id", |e| e.entity_id = OTHER),
    ("action", |e| e.action = other(Action::ALL, e.action)),
    ("actor_kind", |e| e.actor_kind = other(&[ActorKind::Cli, ActorKind::System], e.actor_kind)),
    ("actor_id", |e| e.actor_id.push(' ')),
    ("surface", |e| e.surface = other(Surface::ALL, e.surface)),
    ("request_id", |e| e.request_id.push('\0')),
    ("operation_id", |e| e.operation_id = OTHER),
    ("previous_hash", |e| e.previous_hash[0] ^= 1),
    ("hash", |e| e.hash[31] ^= 0x80),
    ("actor_name", |e| text_of(&mut e.contents.actor_name).push(' ')),
    ("actor_name's salt", |e| *salt_of(&mut e.contents.actor_name) ^= 1),
    ("source_address", |e| text_of(&mut e.contents.source_address).push(' ')),
    ("source_address's salt", |e| *salt_of(&mut e.contents.source_address) ^= 1),
    ("name and address swapped", |e| {
        std::mem::swap(&mut e.contents.actor_name, &mut e.contents.source_address);
    }),
    ("erased to another digest", |e| {
        e.contents.actor_name = Sealed::Erased { digest: Hash::default() };
    }),
    ("field", |e| e.contents.changes[0].field.push('.')),
    ("before", |e| text_of(&mut e.contents.changes[0].before).push(' ')),
    ("before's salt", |e| *salt_of(&mut e.contents.changes[0].before) ^= 1),
    ("after", |e| text_of(&mut e.contents.changes[1].after).push(' ')),
    ("after's salt", |e| *salt_of(&mut e.contents.changes[1].after) ^= 1),
    ("before and after swapped", |e| {
        let SealedChange { before, after, .. } = &mut e.contents.changes[0];
        std::mem::swap(before, after);
    }),
    ("change removed", |e| drop(e.contents.changes.pop())),
    ("change inserted", |e| e.contents.changes.insert(0, e.contents.changes[0].clone())),
    ("changes swapped", |e| e.contents.changes.swap(0, 1)),
];

/// Random operations, the same ones on every run, with at least two changes each.
fn operations(count: usize) -> Vec<Operation> {
    let two = any_operation().prop_filter("two changes", |one| one.changes() >= 2);
    let list = proptest::collection::vec(two, count);
    let tree = list.new_tree(&mut TestRunner::deterministic());
    tree.expect("a value").current()
}

/// Gives an entry the hash of what it says now, as one who knows the form would.
fn rehash(entry: &mut Entry) {
    entry.hash = Sha256::digest(entry.canonical()).into();
}

/// Numbers and links all entries anew: only the head, kept elsewhere, can tell.
fn relink(chain: &mut Chain) {
    let mut head = ChainHead::default();
    for entry in &mut chain.entries {
        entry.sequence = head.count + 1;
        entry.previous_hash = head.hash;
        rehash(entry);
        head = ChainHead { count: entry.sequence, hash: entry.hash };
    }
}

/// The chain is refused as it is, and still after every link was mended.
fn assert_found(mut chain: Chain, what: &str) {
    assert!(chain.verify().is_err(), "{what}");
    relink(&mut chain);
    assert!(matches!(chain.verify(), Err(ChainFault::Head { .. })), "{what}, mended");
}

#[test]
fn every_edit_of_every_entry_is_found() {
    let chain = chain_of(&operations(4));
    for at in 0..chain.entries.len() {
        for (what, edit) in EDITS {
            let mut edited = chain.clone();
            edit(&mut edited.entries[at]);
            assert_ne!(edited.entries[at], chain.entries[at], "{what}");
            let fault = edited.verify().expect_err(what);
            let sequence = chain.entries[at].sequence;
            let place = [ChainFault::Edited { sequence }, ChainFault::Broken { sequence }];
            assert!(place.contains(&fault), "{what} at {at}: {fault}");
            // With its own hash mended, the next entry or the head gives it away.
            rehash(&mut edited.entries[at]);
            if edited.entries[at] != chain.entries[at] {
                assert!(edited.verify().is_err(), "{what} at {at}, mended");
            }
        }
    }
}

#[test]
fn an_edit_is_found_after_all_links_are_mended() {
    let chain = chain_of(&operations(3));
    let mended_by_linking = ["sequence up", "sequence down", "previous_hash", "hash"];
    for at in 0..chain.entries.len() {
        for (what, edit) in EDITS {
            let mut edited = chain.clone();
            edit(&mut edited.entries[at]);
            if !mended_by_linking.contains(what) {
                assert_found(edited, what);
            }
        }
    }
}

#[test]
fn every_removal_is_found() {
    let chain = chain_of(&operations(5));
    for mask in 1_u32..1 << 5 {
        let mut left = chain.clone();
        let mut at = 0;
        left.entries.retain(|_| {
            at += 1;
            mask >> (at - 1) & 1 == 0
        });
        assert_found(left, "removal");
    }
    let mut shorter = chain.clone();
    shorter.entries.pop();
    let newest = ChainFault::Head { expected: 5, found: 4 };
    assert_eq!(shorter.verify(), Err(newest), "the newest");
}

#[test]
fn every_insertion_is_found() {
    let all = operations(6);
    let (forged, all) = all.split_last().expect("six");
    let chain = chain_of(all);
    for at in 0..=chain.entries.len() {
        // A forger who links the new entry to the one before it.
        let mut head = chain_of(&all[..at]).head;
        let mut longer = chain.clone();
        longer.entries.insert(at, append(&mut head, forged));
        assert_found(longer, "a forged entry");
        for copied in &chain.entries {
            let mut longer = chain.clone();
            longer.entries.insert(at, copied.clone());
            assert_found(longer, "a copied entry");
        }
    }
}

#[test]
fn every_swap_is_found() {
    let chain = chain_of(&operations(5));
    for a in 0..5 {
        for b in 0..a {
            let mut swapped = chain.clone();
            swapped.entries.swap(a, b);
            assert_found(swapped, "a swap");
        }
    }
}

#[test]
fn numbers_have_no_gaps() {
    let mut head = ChainHead { count: 1, hash: Hash::default() };
    let entries = vec![append(&mut head, &operations(1)[0])];
    // All hashes fit: only the number says that the first entry is not the first.
    head.count = 1;
    assert_eq!(Chain { entries, head }.verify(), Err(ChainFault::Broken { sequence: 1 }));
}

#[test]
fn a_foreign_head_is_found() {
    let mut chain = chain_of(&operations(2));
    chain.head.count += 1;
    assert!(chain.verify().is_err());
    chain.head.count -= 1;
    chain.head.hash[0] ^= 1;
    assert!(chain.verify().is_err());
    chain.head = ChainHead::default();
    assert!(chain.verify().is_err());
    chain.entries.clear();
    assert_eq!(chain.verify(), Ok(()), "an empty chain is one too");
}

proptest! {
    #[test]
    fn an_edited_value_is_found_wherever_it_is(
        mut chain in any_chain(),
        at in any::<prop::sample::Index>(),
        erase in any::<bool>(),
        byte in any::<prop::sample::Index>(),
    ) {
        let mut sealed: Vec<_> = chain.entries.iter_mut().flat_map(values).collect();
        let value = at.index(sealed.len());
        let value = &mut *sealed[value];
        if erase {
            *value = Sealed::Erased { digest: value.digest() };
        }
        match value {
            Sealed::Open { salt, .. } if byte.index(2) == 0 => salt[byte.index(16)] ^= 1,
            Sealed::Open { text, .. } => text.insert(0, ' '),
            Sealed::Erased { digest } | Sealed::Hidden { digest } => digest[byte.index(32)] ^= 1,
        }
        let edited = matches!(chain.verify(), Err(ChainFault::Edited { .. }));
        prop_assert!(edited);
    }
}
