//! What callers were told, kept outside, to be compared with what the store holds.

use super::calls::{Call, Effect, may_be_there};
use clientbook_testkit::{Answer, TestDatabase};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// Every call so far. Calls are known in the audit trail by their request id.
#[derive(Clone)]
pub(super) struct Ledger {
    name: String,
    calls: usize,
    notes: Vec<Note>,
    /// The version of each client when it began.
    versions: BTreeMap<String, i64>,
    slowest: Duration,
}

#[derive(Clone)]
struct Note {
    id: String,
    effect: Effect,
    status: u16,
    /// Whether the answer says that the change may have been made.
    doubt: bool,
    /// The id of the token that was made, or was to be revoked.
    token: Option<String>,
}

impl Ledger {
    pub(super) fn new(name: &str, database: &TestDatabase) -> Self {
        let (versions, slowest) = (versions(database), Duration::ZERO);
        Self { name: name.to_owned(), calls: 0, notes: Vec::new(), versions, slowest }
    }

    /// One for a caller beside others; `take` puts it back.
    pub(super) fn part(&self, name: &str) -> Self {
        let (name, notes) = (format!("{}.{name}", self.name), Vec::new());
        Self { name, calls: 0, notes, versions: BTreeMap::new(), slowest: Duration::ZERO }
    }

    pub(super) fn take(&mut self, parts: impl IntoIterator<Item = Self>) {
        for part in parts {
            self.notes.extend(part.notes);
            self.slowest = self.slowest.max(part.slowest);
        }
    }

    /// An id that no call has had.
    pub(super) fn next_id(&mut self) -> String {
        self.calls += 1;
        format!("{}.{}", self.name, self.calls)
    }

    pub(super) fn note(&mut self, id: String, call: &Call, answer: &Answer, took: Duration) {
        let token = match call.effect {
            Effect::Token if answer.status == 201 => {
                answer.json()["id"].as_str().map(str::to_owned)
            }
            Effect::Revoke => call.path.rsplit('/').next().map(str::to_owned),
            _ => None,
        };
        self.slowest = self.slowest.max(took);
        let (effect, status, doubt) = (call.effect, answer.status, may_be_there(answer));
        self.notes.push(Note { id, effect, status, doubt, token });
    }

    /// Tokens that were made, as far as their makers know.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &str> {
        self.notes
            .iter()
            .filter(|note| note.effect == Effect::Token)
            .filter_map(|n| n.token.as_deref())
    }

    /// Nothing is lost, doubled or half there.
    pub(super) fn check(&self, database: &TestDatabase) {
        let entries = self.entries(database);
        for note in &self.notes {
            let found = entries.get(&note.id).map(Vec::as_slice).unwrap_or_default();
            let operations: BTreeSet<_> = found.iter().map(|entry| &entry.operation).collect();
            let actions: BTreeSet<_> = found.iter().map(|entry| &entry.action).collect();
            let Note { id, status, effect, .. } = note;
            assert!(operations.len() <= 1, "{id} ({status}) was done {} times", operations.len());
            assert_eq!(actions.len(), found.len(), "{id} ({status}) has an entry twice");
            let done = !found.is_empty();
            match (status, effect) {
                (200 | 201, Effect::Change | Effect::Token) => {
                    assert!(done, "{id} was answered with {status} and is lost");
                }
                (503, _) if !note.doubt => {
                    assert!(!done, "{id} is there, and its 503 says that nothing was changed");
                }
                (_, Effect::Read) => assert!(!done, "{id} changed something by reading"),
                _ => {}
            }
        }
        let known: BTreeSet<_> = self.notes.iter().map(|note| &note.id).collect();
        let strange: Vec<_> = entries.keys().filter(|id| !known.contains(id)).collect();
        assert!(strange.is_empty(), "entries of calls that nobody made: {strange:?}");
        self.check_versions(database, &entries);
        self.check_tokens(database, &entries);
    }

    /// A version counts the operations that changed the client.
    fn check_versions(&self, database: &TestDatabase, entries: &Entries) {
        let mut operations = BTreeMap::<_, BTreeSet<_>>::new();
        for entry in entries.values().flatten().filter(|entry| entry.kind == "client") {
            operations.entry(&entry.entity).or_default().insert(&entry.operation);
        }
        for (client, version) in versions(database) {
            let made = operations.get(&client).map_or(0, BTreeSet::len);
            let counted = version - self.versions.get(&client).copied().unwrap_or(0);
            assert_eq!(usize::try_from(counted), Ok(made), "the version of {client}");
        }
    }

    /// Each token that is there has one entry, and so has each that was taken back.
    fn check_tokens(&self, database: &TestDatabase, entries: &Entries) {
        let sql = "SELECT id, revoked_at IS NOT NULL FROM api_tokens WHERE name = 'Of the faults'";
        let rows: BTreeMap<_, _> =
            database.rows(sql).into_iter().map(|row| (row[0].clone(), row[1] == "t")).collect();
        let told = |action: &str| -> BTreeSet<_> {
            let entries = entries.values().flatten().filter(|entry| entry.action == action);
            entries.map(|entry| entry.entity.clone()).collect()
        };
        assert_eq!(rows.keys().cloned().collect::<BTreeSet<_>>(), told("api_token_created"));
        let revoked: BTreeSet<_> =
            rows.iter().filter(|(_, revoked)| **revoked).map(|(id, _)| id.clone()).collect();
        assert_eq!(revoked, told("api_token_revoked"));
        for note in self.notes.iter().filter(|note| note.token.is_some()) {
            let id = note.token.as_ref().expect("a token's id");
            match (note.status, note.effect) {
                (201, Effect::Token) => assert!(rows.contains_key(id), "the token {id} is lost"),
                (204, Effect::Revoke) => assert!(revoked.contains(id), "{id} still works"),
                _ => {}
            }
        }
    }

    fn entries(&self, database: &TestDatabase) -> Entries {
        let sql = format!(
            "SELECT request_id, operation_id, entity_type, entity_id, action FROM audit_entries
                WHERE request_id LIKE '{}.%'",
            self.name
        );
        let mut entries = Entries::new();
        for row in database.rows(&sql) {
            let [id, operation, kind, entity, action] =
                <[String; 5]>::try_from(row).expect("five columns");
            entries.entry(id).or_default().push(Entry { operation, kind, entity, action });
        }
        entries
    }
}

/// Whatever was to be written with `mark` was not.
pub(super) fn assert_absent(database: &TestDatabase, mark: &str) {
    let sql = format!("SELECT id FROM audit_entries WHERE contents LIKE '%{mark}%'");
    assert_eq!(database.rows(&sql), [[""; 0]; 0], "{mark}");
}

type Entries = BTreeMap<String, Vec<Entry>>;

struct Entry {
    operation: String,
    kind: String,
    entity: String,
    action: String,
}

fn versions(database: &TestDatabase) -> BTreeMap<String, i64> {
    let rows = database.rows("SELECT id, version FROM clients");
    let version = |row: &Vec<String>| (row[0].clone(), row[1].parse().expect("a version"));
    rows.iter().map(version).collect()
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |status: fn(u16) -> bool, writes: bool| {
            let notes = self.notes.iter().filter(|note| (note.effect != Effect::Read) == writes);
            notes.filter(|note| status(note.status)).count()
        };
        let (done, away) = (|status| status < 300, |status| status == 503);
        write!(
            f,
            "{}: writes {} done, {} with 503, {} of them in doubt; reads {} done, {} with 503; slowest {:.1} s",
            self.name,
            of(done, true),
            of(away, true),
            self.notes.iter().filter(|note| note.doubt).count(),
            of(done, false),
            of(away, false),
            self.slowest.as_secs_f64()
        )
    }
}
