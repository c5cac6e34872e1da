//! Whoever edits the file behind the trail is found out, and nobody else is blamed.

use crate::book::{ACME, Book, GLOBEX, INITECH, OURS, RIVAL};
use clientbook_model::audit::{Contents, Hash, Sealed};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Acme's fifth entry, somewhere in the middle.
const FIFTH: &str = "sequence = 5 AND chain_id = x'aa7cf8409ca946a3977890 15d6580d50'";

fn chain(id: Uuid) -> String {
    format!("chain_id = x'{}'", id.simple())
}

fn entry(sequence: i64) -> String {
    format!("{} AND sequence = {sequence}", chain(ACME))
}

/// Tampers with a copy of the book, and expects faults in these chains and in no other.
#[track_caller]
fn tampered(book: &Book, statements: &[&str]) -> Book {
    let copy = book.copy();
    copy.tamper(statements);
    copy
}

async fn assert_faults(book: &Book, statements: &[&str], chains: &[Uuid]) {
    let report = tampered(book, statements).verify(None, None).await;
    let mut found: Vec<_> = report.faults.iter().map(|fault| fault.chain_id).collect();
    let mut expected = chains.to_vec();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "{statements:?}: {:?}", report.faults);
}
