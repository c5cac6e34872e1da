//! What the entries of a chain tell of the things they are about.

use clientbook_model::audit::{Action, Contents, EntityType, Entry, Sealed};
use clientbook_model::client::{FieldChange, fold};
use clientbook_model::device_user::UserStatus;
use clientbook_model::time::Timestamp;
use serde::Deserialize as _;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

const CREATED_AT: &str = "created_at";
const UPDATED_AT: &str = "updated_at";

/// The fields of a thing that have a value, by their names in the trail.
pub(super) type Facts = BTreeMap<String, Value>;

/// Everything a chain tells, until each thing has been compared with its row.
#[derive(Default)]
pub(super) struct Story {
    things: BTreeMap<(&'static str, String), Thing>,
    /// Departments that there are no more: nobody is in them.
    left: BTreeSet<Uuid>,
    first_erased: Option<i64>,
    first_readable: Option<i64>,
    /// The first entry that holds something readable, of those before the erasure.
    first_open: Option<i64>,
    erasure: Option<Entry>,
}

#[derive(Default)]
struct Thing {
    made: Option<(Timestamp, String)>,
    newest: Option<Timestamp>,
    facts: Facts,
    erased: BTreeSet<String>,
}

const STATUS: &str = "status";
const DEPARTMENTS: &str = "departments";

/// A tenant's setting that is off at first.
const STRICT: &str = "strict_fields";

impl Story {
    /// Takes the next entry in.
    pub(super) fn read(&mut self, entry: Entry) {
        if entry.contents.is_erased() {
            self.first_erased.get_or_insert(entry.sequence);
        }
        if self.erasure.is_none() && entry.action == Action::ClientErased {
            self.first_open = self.first_readable.take();
            // Everything before it may be erased, and nothing after it.
            self.first_erased = entry.contents.is_erased().then_some(entry.sequence);
            self.erasure = Some(entry);
            return;
        }
        if entry.contents.is_readable() {
            self.first_readable.get_or_insert(entry.sequence);
        }
        let id = match entry.entity_type {
            EntityType::ClientType => client_type_id(&entry.contents),
            _ => entry.entity_id.to_string(),
        };
        if matches!(entry.action, Action::FieldDeleted | Action::DepartmentDeleted) {
            self.things.remove(&(entry.entity_type.as_str(), id));
            self.left.insert(entry.entity_id);
            return;
        }
        let thing = self.things.entry((entry.entity_type.as_str(), id)).or_default();
        let at = |field| time(&entry.contents, field).unwrap_or(entry.created_at);
        let (made_at, newest) = (at(CREATED_AT), at(UPDATED_AT));
        // A device may join again.
        let again = entry.action == Action::DeviceEnrolled && thing.made.is_some();
        if makes(entry.action) && !again {
            thing.made = Some((made_at, entry.actor_id));
        }
        thing.newest = Some(newest);
        for change in entry.contents.changes {
            if [CREATED_AT, UPDATED_AT].contains(&change.field.as_str()) {
                // Told by the entry's own time, unless it was imported.
                if matches!(change.after, Sealed::Erased { .. }) {
                    thing.erased.insert(change.field);
                }
                continue;
            }
            if matches!(change.after, Sealed::Erased { .. }) {
                thing.erased.insert(change.field.clone());
            } else {
                thing.erased.remove(&change.field);
            }
            match change.after.value() {
                Value::Null => thing.facts.remove(&change.field),
                // As it is where nobody has said anything.
                Value::Bool(false) if change.field == STRICT => thing.facts.remove(&change.field),
                after => thing.facts.insert(change.field, after),
            };
        }
    }

    /// Says where the chain holds a value that was reduced to its digest: whoever edits a row can
    /// do that too, so that there is nothing to compare it with.
    pub(super) fn erased(&self) -> Option<String> {
        let sequence = self.first_erased?;
        Some(format!("entry {sequence} was erased without an entry that says so"))
    }

    /// What is wrong with the chain of a client that was erased at `time`.
    pub(super) fn faults_of_erased(&self, time: Timestamp) -> Vec<String> {
        let mut faults: Vec<_> = self.erased().into_iter().collect();
        match &self.erasure {
            None => faults.push("the client is not there, and no entry says it was erased".into()),
            Some(entry) if entry.created_at != time => {
                faults.push("the client was erased at another time than an entry says".into());
            }
            Some(_) => {}
        }
        let open = |sequence| format!("entry {sequence} was not erased with the client");
        faults.extend(self.first_open.map(open));
        faults
    }

    /// Says that an entry tells of an erasure of what is there.
    pub(super) fn resurrected(&self) -> Option<String> {
        let entry = self.erasure.as_ref()?;
        let sequence = entry.sequence;
        Some(format!("the client is there, though entry {sequence} says that it was erased"))
    }

    /// Compares what is told of a thing with its row, and is done with it.
    pub(super) fn compare(&mut self, kind: EntityType, id: &str, row: &Facts) -> Option<String> {
        let name = match kind {
            EntityType::Client => "the record".to_owned(),
            kind => format!("{} {id}", kind.as_str()),
        };
        let mut thing = self.things.remove(&(kind.as_str(), id.to_owned())).unwrap_or_default();
        match kind {
            EntityType::User => self.complete_user(&mut thing),
            _ if thing.made.is_none() => {
                return Some(format!("{name} has no entry that made it"));
            }
            _ => {}
        }
        let fields = thing.differences(kind, row);
        let list = || fields.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        (!fields.is_empty()).then(|| format!("{name} was changed behind the trail: {}", list()))
    }

    /// Users come with what agents tell, which no entry says: active, and in no department.
    fn complete_user(&self, user: &mut Thing) {
        user.facts.entry(STATUS.into()).or_insert_with(|| json!(UserStatus::Active));
        let departments =
            user.facts.remove(DEPARTMENTS).and_then(|told| Vec::deserialize(told).ok());
        let departments: Vec<_> = departments.unwrap_or_default();
        let left: Vec<_> = departments.into_iter().filter(|id| !self.left.contains(id)).collect();
        if !left.is_empty() {
            user.facts.insert(DEPARTMENTS.into(), json!(left));
        }
    }

    /// What is told of things that no row was compared with.
    pub(super) fn without_row(&self) -> impl Iterator<Item = String> {
        let things = self.things.keys();
        things.map(|(kind, id)| format!("{kind} {id} is not there, though an entry tells of it"))
    }
}

impl Thing {
    /// The fields in which the row is not what is told, as far as that is still told.
    fn differences(self, kind: EntityType, row: &Facts) -> BTreeSet<String> {
        let mut told = match kind {
            EntityType::Client => as_record(self.facts),
            _ => self.facts,
        };
        // What entries say by being there, of rows that say it too.
        let (at, by) = self.made.unzip();
        let said = [
            ("created_at", json!(at)),
            ("created_by", json!(by)),
            ("updated_at", json!(self.newest)),
        ];
        let said = said.into_iter().filter(|(field, _)| row.contains_key(*field));
        told.extend(said.map(|(field, value)| (field.to_owned(), value)));
        let fields = row.keys().chain(told.keys());
        let differing = fields.filter(|field| row.get(*field) != told.get(*field));
        differing.filter(|field| !self.erased.contains(*field)).cloned().collect()
    }
}

/// What an entry says of a time that is not its own.
fn time(contents: &Contents, field: &str) -> Option<Timestamp> {
    let change = contents.changes.iter().find(|change| change.field == field)?;
    change.after.value().as_str().and_then(Timestamp::parse_rfc3339)
}

// A record's facts leave out what is empty, as well as what is not there.
fn as_record(facts: Facts) -> Facts {
    let changes = facts.into_iter().map(|(field, after)| FieldChange {
        field: field.into(),
        before: Value::Null,
        after,
    });
    fold(changes).into_iter().map(|(field, value)| (field.into_owned(), value)).collect()
}

// Its entries are about the tenant: a type has a number, and no UUID.
fn client_type_id(contents: &Contents) -> String {
    let id = contents.changes.iter().find(|change| change.field == "id");
    id.map(|change| change.after.value().to_string()).unwrap_or_default()
}

fn makes(action: Action) -> bool {
    matches!(
        action,
        Action::ClientCreated
            | Action::EnrollmentTokenCreated
            | Action::ApiTokenCreated
            | Action::TenantCreated
            | Action::ClientTypeCreated
            | Action::FieldCreated
            | Action::DeviceEnrolled
            | Action::DepartmentCreated
    )
}
