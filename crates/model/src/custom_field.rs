//! Custom fields: values by key that a workspace adds to its clients.

use crate::field::{Field, FieldStatus, Fields};
use crate::nearest::nearest;
use crate::violation::Violation;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// The most values one client can hold.
pub const MAX_VALUES: usize = 500;

/// The most characters of one text value.
pub const MAX_TEXT: usize = 65_536;

/// The most characters of a key.
pub const MAX_KEY: usize = 100;

/// The key of a custom field: 1 to 100 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldKey(String);

impl FieldKey {
    /// Checks the limits.
    pub fn new(key: &str) -> Result<Self, Violation> {
        let length = key.chars().count();
        if !(1..=MAX_KEY).contains(&length)
            || key.trim() != key
            || key.chars().any(char::is_control)
        {
            let message = format!(
                "must have 1 to {MAX_KEY} characters, no control characters and no spaces at the ends"
            );
            return Err(Violation::new("field_key", message));
        }
        Ok(Self(key.to_owned()))
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A client's custom values, by key.
pub type CustomValues = BTreeMap<FieldKey, Value>;

/// What a request says about custom values: keys not named stay, `None` removes one.
pub type CustomPatch = BTreeMap<FieldKey, Option<Value>>;

/// What a request says of one custom value, and where.
#[derive(Debug, Clone)]
pub struct CustomWish {
    /// The field's key.
    pub key: FieldKey,
    /// The value as sent; `None` removes it.
    pub value: Option<Value>,
    /// The id of the field, where it was sent back and is not null.
    pub field_id: Option<String>,
    /// Where the key stands.
    pub key_at: String,
    /// Where the value stands.
    pub value_at: String,
    /// Where the id stands.
    pub id_at: String,
}

/// How many broken rules are told of the values of one request.
const MAX_VIOLATIONS: usize = 100;

/// How many of them come with the list of known keys.
const MAX_LISTS: usize = 5;

/// How many known keys are listed.
const MAX_LISTED: usize = 100;

/// Checks a value of a text field, or for a key that nobody defined.
pub(crate) fn check_text(value: &Value) -> Result<Value, Violation> {
    let text = value.as_str().ok_or_else(|| Violation::not_a("a string"))?;
    crate::text::no_nul(text)?;
    if text.chars().count() > MAX_TEXT {
        let message = format!("must have at most {MAX_TEXT} characters");
        return Err(Violation::new("max_length", message));
    }
    Ok(value.clone())
}

/// Checks a value for a key that nobody defined: such a field is a text.
pub fn check_undefined(value: &Value) -> Result<Value, Violation> {
    if !value.is_string() {
        let message = "must be a string or null: a field that is not defined holds text";
        return Err(Violation::new("type", message));
    }
    check_text(value)
}

/// What the wishes make of the values of a client that holds `old`, and every rule they break.
/// `strict` lets no key in that is not defined. A value that stays as it is breaks no rule: what was
/// read can be sent back, whatever became of the definition since.
pub fn resolve(
    fields: &Fields,
    strict: bool,
    old: &CustomValues,
    wishes: &[CustomWish],
) -> (CustomPatch, Vec<Violation>) {
    let (mut patch, mut broken) = (CustomPatch::new(), Vec::new());
    for wish in wishes {
        let field = fields.by_key(&wish.key);
        let unknown = field.is_none() && strict && !old.contains_key(&wish.key);
        if broken.len() == MAX_VIOLATIONS {
            let message = format!("more is wrong than these {MAX_VIOLATIONS}");
            broken.push(Violation::new("more", message));
            break;
        }
        if unknown {
            let list = broken.len() < MAX_LISTS;
            broken.push(unknown_key(fields, &wish.key, list).below(&wish.key_at));
            continue;
        }
        if let Err(rule) = check_id(field, wish) {
            broken.push(rule.below(&wish.id_at));
        }
        match decide(field, strict, old.get(&wish.key), wish) {
            Ok(value) => {
                patch.insert(wish.key.clone(), value);
            }
            Err(rule) => broken.push(rule),
        }
    }
    (patch, broken)
}

fn decide(
    field: Option<&Field>,
    strict: bool,
    old: Option<&Value>,
    wish: &CustomWish,
) -> Result<Option<Value>, Violation> {
    if let Some(status) = field.map(|field| field.status).filter(|one| *one != FieldStatus::Active)
    {
        let message = match status {
            FieldStatus::Archived => "names a field that is archived: restore it first",
            _ => "names a field that is being deleted: its values are still being dropped",
        };
        return Err(Violation::new("archived", message).below(&wish.key_at));
    }
    let Some(value) = &wish.value else {
        return match (field, old) {
            (Some(field), Some(_)) if field.is_required => {
                let message = "must not be removed: the field is required";
                Err(Violation::new("required", message).below(&wish.value_at))
            }
            _ => Ok(None),
        };
    };
    if old == Some(value) {
        return Ok(Some(value.clone()));
    }
    let checked = match field {
        Some(field) => field.check(value),
        None if strict => {
            Err(Violation::new("read_only", "must not change: no such field is defined"))
        }
        None => check_undefined(value),
    };
    checked.map(Some).map_err(|rule| rule.below(&wish.value_at))
}

fn check_id(field: Option<&Field>, wish: &CustomWish) -> Result<(), Violation> {
    let Some(sent) = &wish.field_id else {
        return Ok(());
    };
    let field = field.filter(|field| field.is_active());
    let message = match field {
        Some(field) if sent.eq_ignore_ascii_case(&field.object_id.to_string()) => return Ok(()),
        Some(_) => "must be the id of the field with this key, or left out",
        None => "must be null: no field with this id is defined",
    };
    Err(Violation::new("read_only", message))
}

fn unknown_key(fields: &Fields, key: &FieldKey, list: bool) -> Violation {
    let rule = "known_field";
    if !list {
        return Violation::new(rule, "must be the key of a defined field");
    }
    let mut known: Vec<_> = fields.active().map(|field| field.key.as_str()).collect();
    let near = nearest(key.as_str(), known.iter().copied());
    let hint = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
    let more = if known.len() > MAX_LISTED { ", ..." } else { "" };
    known.truncate(MAX_LISTED);
    let list = known.join(", ");
    let message = if known.is_empty() {
        "must be the key of a defined field, and none is defined".to_owned()
    } else {
        format!("must be the key of a defined field{hint}; they are: {list}{more}")
    };
    let allowed = known.into_iter().map(str::to_owned).collect();
    Violation { allowed, ..Violation::new(rule, message) }
}

/// Which required fields a new client has no value of.
pub fn missing(fields: &Fields, patch: &CustomPatch) -> Option<Violation> {
    let absent = |field: &&Field| !matches!(patch.get(&field.key), Some(Some(_)));
    let required = fields.active().filter(|field| field.is_required);
    let keys: Vec<_> = required.filter(absent).map(|field| field.key.as_str()).collect();
    if keys.is_empty() {
        return None;
    }
    let message = format!("must have a value of each required field; missing: {}", keys.join(", "));
    Some(Violation::new("required", message).below("/custom"))
}

/// Each value that may be shown, with its definition if there is one: what is archived or being
/// deleted is hidden. Every view of a client's custom values goes through here.
pub fn shown<'a>(
    fields: Option<&'a Fields>,
    values: &'a CustomValues,
) -> impl Iterator<Item = (&'a FieldKey, &'a Value, Option<&'a Field>)> {
    values.iter().filter_map(move |(key, value)| {
        let field = fields.and_then(|fields| fields.by_key(key));
        field.is_none_or(Field::is_active).then_some((key, value, field))
    })
}

/// The values after `patch`, or the rule on their number.
pub fn merge(values: &CustomValues, patch: &CustomPatch) -> Result<CustomValues, Violation> {
    let mut merged = values.clone();
    for (key, value) in patch {
        match value {
            Some(value) => merged.insert(key.clone(), value.clone()),
            None => merged.remove(key),
        };
    }
    if merged.len() > MAX_VALUES {
        let message = format!("a client holds at most {MAX_VALUES} custom values");
        return Err(Violation::new("max_items", message));
    }
    Ok(merged)
}
