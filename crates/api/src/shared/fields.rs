//! Reads the fields of a JSON object and collects everything that is wrong with them.

use clientbook_app::{ClientRecord, Echo};
use clientbook_model::client::{MAX_TAGS, next_tag};
use clientbook_model::nearest::nearest;
use clientbook_model::patch::{Parse, Patch};
use clientbook_model::text::Tag;
use clientbook_model::violation::{Violation, step};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The rule that a field breaks which the request does not have.
pub(crate) const UNKNOWN_FIELD: &str = "unknown_field";

/// How many violations are told of one request.
const MAX_VIOLATIONS: usize = 100;

/// An object being read.
pub(crate) struct Fields<'a> {
    object: &'a Map<String, Value>,
    at: String,
    /// What is wrong so far.
    pub(crate) violations: Vec<Violation>,
    /// Fields that must be as the record has them.
    pub(crate) echoes: Vec<Echo<ClientRecord>>,
}

impl<'a> Fields<'a> {
    /// Starts to read `object`, which stands at the pointer `at`; names beyond `known` are wrong.
    pub(crate) fn new(object: &'a Map<String, Value>, at: &str, known: &[&str]) -> Self {
        let at = at.to_owned();
        let mut fields = Self { object, at, violations: Vec::new(), echoes: Vec::new() };
        let unknown = object.keys().filter(|name| !known.contains(&name.as_str()));
        for name in unknown.take(MAX_VIOLATIONS + 1) {
            // A suggestion takes time: more than a few typos are no typos.
            let hints = if fields.violations.len() < 10 { known } else { &[] };
            fields.note([unknown_field(name, hints).below(&fields.at)]);
        }
        fields
    }

    /// Notes what is wrong, up to a number that a person can use and an answer can hold.
    pub(crate) fn note(&mut self, found: impl IntoIterator<Item = Violation>) {
        for violation in found {
            match self.violations.len() {
                ..MAX_VIOLATIONS => self.violations.push(violation),
                MAX_VIOLATIONS => {
                    let message = format!("more is wrong than these {MAX_VIOLATIONS}");
                    self.violations.push(Violation::new("more", message));
                }
                _ => return,
            }
        }
    }

    /// A field that may be absent but not null.
    pub(crate) fn set<T: Parse>(&mut self, name: &str) -> Option<T> {
        let value = self.object.get(name)?;
        if value.is_null() {
            // The type knows best what it wants instead of null.
            let broken = T::parse(value).err();
            let broken = broken.unwrap_or_else(|| Violation::new("not_null", "must not be null"));
            self.refuse(name, broken);
            return None;
        }
        self.parse(name, value)
    }

    /// A field that must be there.
    pub(crate) fn required<T: Parse>(&mut self, name: &str) -> Option<T> {
        if self.object.contains_key(name) {
            return self.set(name);
        }
        self.refuse(name, Violation::new("required", "must be given"));
        None
    }

    /// A nullable field.
    pub(crate) fn patch<T: Parse>(&mut self, name: &str) -> Patch<T> {
        Patch::read(self.object.get(name)).unwrap_or_else(|broken| {
            self.refuse(name, broken);
            Patch::Absent
        })
    }

    /// A nullable field of a request that makes something: absent and null are the same.
    pub(crate) fn optional<T: Parse>(&mut self, name: &str) -> Option<T> {
        match self.patch(name) {
            Patch::Set(value) => Some(value),
            Patch::Absent | Patch::Clear => None,
        }
    }

    /// A list of at most `max` items; `read` turns each, with its pointer, into a value or
    /// violations.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        max: usize,
        mut read: impl FnMut(&'a Value, &str) -> Result<T, Vec<Violation>>,
    ) -> Option<Vec<T>> {
        let value = self.object.get(name)?;
        let Some(items) = value.as_array() else {
            self.refuse(name, Violation::not_a("an array"));
            return None;
        };
        if items.len() > max {
            let message = format!("must have at most {max} items");
            self.refuse(name, Violation::new("max_items", message));
            return None;
        }
        let mut list = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            match read(item, &format!("{}{}/{at}", self.at, step(name))) {
                Ok(item) => list.push(item),
                Err(broken) => self.note(broken),
            }
        }
        (list.len() == items.len()).then_some(list)
    }

    /// The raw value of a field.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name)
    }

    /// A field that callers send back: it must be what the record has.
    pub(crate) fn echo(&mut self, name: &str, matches: fn(&ClientRecord, &Value) -> bool) {
        self.echoes.extend(self.sent_back(name, matches));
    }

    /// Likewise, of another record.
    pub(crate) fn sent_back<R>(
        &self,
        name: &str,
        matches: fn(&R, &Value) -> bool,
    ) -> Option<Echo<R>> {
        let sent = self.object.get(name)?.clone();
        Some(Echo { path: format!("{}{}", self.at, step(name)), sent, matches })
    }

    /// Notes that `name` breaks a rule.
    pub(crate) fn refuse(&mut self, name: &str, violation: Violation) {
        let at = format!("{}{}", self.at, step(name));
        self.note([violation.below(&at)]);
    }

    fn parse<T: Parse>(&mut self, name: &str, value: &Value) -> Option<T> {
        T::parse(value).map_err(|broken| self.refuse(name, broken)).ok()
    }
}

/// The fields of an item that must be an object.
pub(crate) fn item<'a>(
    value: &'a Value,
    at: &str,
    known: &[&str],
) -> Result<Fields<'a>, Vec<Violation>> {
    match value.as_object() {
        Some(object) => Ok(Fields::new(object, at, known)),
        None => Err(vec![Violation::not_a("an object").below(at)]),
    }
}

/// The whole list of a client's tags.
pub(crate) fn tags(fields: &mut Fields<'_>) -> Option<Vec<Tag>> {
    let mut seen = BTreeSet::new();
    fields.list("tags", MAX_TAGS, |value, at| {
        next_tag(value, &mut seen).map_err(|broken| vec![broken.below(at)])
    })
}

/// Whether `sent` is `id` in any letter case.
pub(crate) fn same_id(sent: &Value, id: &impl ToString) -> bool {
    sent.as_str().is_some_and(|sent| sent.eq_ignore_ascii_case(&id.to_string()))
}

fn unknown_field(name: &str, known: &[&str]) -> Violation {
    let hint = nearest(name, known.iter().copied());
    let message = match hint {
        Some(near) => format!("is no field of this request; did you mean {near}?"),
        None => "is no field of this request".to_owned(),
    };
    Violation::new(UNKNOWN_FIELD, message).below(&step(name))
}
