//! Definitions of custom fields: what the clients of a tenant can hold, by key.

use crate::client::FieldChange;
use crate::contact::EmailAddress;
use crate::custom_field::{FieldKey, MAX_KEY, check_text};
use crate::id::{FieldId, ObjectId};
use crate::number::Int;
use crate::patch::{Parse, Patch};
use crate::search::fold;
use crate::text::{Label, Name, Text, no_nul};
use crate::time::{Day, Timestamp};
use crate::violation::Violation;
use crate::web::WebUrl;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// The most fields of a tenant, archived ones included.
pub const MAX_FIELDS: usize = 500;

/// The most options of a field of the type `select`.
pub const MAX_OPTIONS: usize = 500;

/// The most bytes of JSON that a field's metadata takes.
pub const MAX_METADATA: usize = 65_536;

/// The most bytes of JSON that the metadata of all fields of a tenant takes together: whoever changes
/// one definition or one value reads them all.
pub const MAX_ALL_METADATA: usize = 1 << 20;

/// The largest number that a value can be, and with a minus the smallest: up to there every whole
/// number is exact in every program that reads JSON.
pub const MAX_NUMBER: i64 = (1 << 53) - 1;

/// What people call a field: 1 to 255 characters after trimming.
pub type FieldLabel = Name<255>;

/// What a field is for: at most 1,000 characters.
pub type FieldDescription = Text<1_000>;

/// A field's place among the others.
pub type FieldOrder = Int<0, 1_000_000>;

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in the store and in the workspace API.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Reads the name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

names! {
    /// What the values of a field are.
    FieldType {
        /// Any text.
        Text = "text",
        /// A number.
        Number = "number",
        /// A calendar day.
        Date = "date",
        /// True or false.
        Boolean = "boolean",
        /// One of the options in the metadata.
        Select = "select",
        /// An absolute http or https URL.
        Url = "url",
        /// An e-mail address.
        Email = "email",
    }
}

names! {
    /// What a definition is good for.
    FieldStatus {
        /// Its values are shown and can be set.
        Active = "active",
        /// Its values are kept and hidden.
        Archived = "archived",
        /// It is gone for everyone; its values are being dropped.
        Deleting = "deleting",
    }
}

impl Parse for FieldType {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let names: Vec<_> = Self::ALL.iter().map(|one| one.as_str()).collect();
        value.as_str().and_then(Self::from_name).ok_or_else(|| Violation::not_one_of(&names))
    }
}

/// What callers keep beside a field: a JSON object of at most 65,536 bytes without U+0000. A field of
/// the type `select` has its options there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata(Map<String, Value>);

impl Metadata {
    /// The object.
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }

    /// How many bytes of JSON it takes.
    fn bytes(&self) -> usize {
        if self.0.is_empty() { 0 } else { json!(self.0).to_string().len() }
    }

    /// The options of a field of the type `select`.
    pub fn options(&self) -> impl Iterator<Item = &str> {
        let options = self.0.get("options").and_then(Value::as_array);
        options.into_iter().flatten().filter_map(Value::as_str)
    }

    /// Whether it fits a field of this type.
    pub fn check(&self, kind: FieldType) -> Result<(), Violation> {
        if kind != FieldType::Select {
            return Ok(());
        }
        let wrong = |rule, message: String| Err(Violation::new(rule, message).below("/options"));
        let Some(options) = self.0.get("options") else {
            return wrong("required", "must list the options of the field".into());
        };
        let Some(options) = options.as_array() else {
            return wrong("type", "must be an array".into());
        };
        if !(1..=MAX_OPTIONS).contains(&options.len()) {
            return wrong("items", format!("must have 1 to {MAX_OPTIONS} items"));
        }
        let mut seen = BTreeSet::new();
        for option in options {
            let text = option.as_str();
            if !text.is_some_and(|text| {
                Label::<255, false>::new(text).is_ok_and(|own| own.as_str() == text)
            }) {
                let message = "must be texts of 1 to 255 characters without spaces at the ends";
                return wrong("option", message.into());
            }
            if !seen.insert(text) {
                return wrong("duplicate", "must not name an option twice".into());
            }
        }
        Ok(())
    }
}

impl Parse for Metadata {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let object = value.as_object().ok_or_else(|| Violation::not_a("an object"))?;
        let text = value.to_string();
        if text.len() > MAX_METADATA {
            let message = format!("must take at most {MAX_METADATA} bytes of JSON");
            return Err(Violation::new("max_bytes", message));
        }
        check_nul(value)?;
        Ok(Self(object.clone()))
    }
}

// The nesting of what was read as JSON is bounded.
fn check_nul(value: &Value) -> Result<(), Violation> {
    match value {
        Value::String(text) => no_nul(text),
        Value::Array(items) => items.iter().try_for_each(check_nul),
        Value::Object(object) => object.iter().try_for_each(|(name, value)| {
            no_nul(name)?;
            check_nul(value)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// The definition of a custom field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its UUID, in the audit trail.
    pub id: FieldId,
    /// Its number in the tenant, by which customer success knows it; never another field's.
    pub number: i64,
    /// Its 24 hex digits, by which the workspace API knows it.
    pub object_id: ObjectId,
    /// Under which key clients hold its values.
    pub key: FieldKey,
    /// What people call it.
    pub label: FieldLabel,
    /// What it is for.
    pub description: Option<FieldDescription>,
    /// What its values are.
    pub kind: FieldType,
    /// Whether a new client needs a value, which nobody can remove.
    pub is_required: bool,
    /// Whether no two clients of the tenant have the same value.
    pub is_unique: bool,
    /// Whether user interfaces offer to filter by it.
    pub is_filterable: bool,
    /// Its place among the others.
    pub order: FieldOrder,
    /// What it is good for.
    pub status: FieldStatus,
    /// What callers keep beside it.
    pub metadata: Metadata,
    /// Counts accepted changes.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a request asks to change of a definition. Neither key nor type change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FieldPatch {
    /// New label.
    pub label: Option<FieldLabel>,
    /// New or cleared description.
    pub description: Patch<FieldDescription>,
    /// Whether a new client is to need a value.
    pub is_required: Option<bool>,
    /// Whether values are to be unique.
    pub is_unique: Option<bool>,
    /// Whether to offer it as a filter.
    pub is_filterable: Option<bool>,
    /// New place.
    pub order: Option<FieldOrder>,
    /// What it is to be good for.
    pub status: Option<FieldStatus>,
    /// New or emptied metadata.
    pub metadata: Patch<Metadata>,
}

/// The key made from a label: in small letters and without accents; runs of everything else become
/// `_`. `None` where no letter or digit is left.
pub fn key_of(label: &FieldLabel) -> Option<FieldKey> {
    let mut key = String::new();
    for c in fold(label.as_str()).chars() {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            key.push(c);
        } else if !key.ends_with('_') {
            key.push('_');
        }
    }
    key.truncate(MAX_KEY);
    FieldKey::new(&key).ok().filter(|_| key != "_")
}

impl Field {
    /// Whether its values are shown and can be set.
    pub fn is_active(&self) -> bool {
        self.status == FieldStatus::Active
    }

    /// The definition after `patch` and what changed; an empty list means that nothing did.
    pub fn apply(&self, patch: &FieldPatch) -> Result<(Self, Vec<FieldChange>), Violation> {
        let mut next = self.clone();
        patch.description.apply(&mut next.description);
        match &patch.metadata {
            Patch::Absent => {}
            Patch::Clear => next.metadata = Metadata::default(),
            Patch::Set(metadata) => next.metadata = metadata.clone(),
        }
        next.metadata.check(self.kind).map_err(|broken| broken.below("/metadata"))?;
        macro_rules! set {
            ($($field:ident)*) => {
                $(if let Some(value) = &patch.$field {
                    next.$field = value.clone();
                })*
            };
        }
        set! { label is_required is_unique is_filterable order status }
        let changes = differences(&self.facts(), &next.facts());
        Ok((next, changes))
    }

    /// The changes that make a new definition out of nothing.
    pub fn first_changes(&self) -> Vec<FieldChange> {
        let nothing = self.facts().map(|(field, _)| (field, Value::Null));
        differences(&nothing, &self.facts())
    }

    /// The changes that leave nothing of it.
    pub fn last_changes(&self) -> Vec<FieldChange> {
        let nothing = self.facts().map(|(field, _)| (field, Value::Null));
        differences(&self.facts(), &nothing)
    }

    /// Every field that the audit trail follows, by its name there; null where it is not set.
    pub fn facts(&self) -> [(&'static str, Value); 12] {
        let metadata = &self.metadata.0;
        [
            ("number", json!(self.number)),
            ("object_id", json!(self.object_id)),
            ("key", json!(self.key)),
            ("label", json!(self.label)),
            ("description", json!(self.description)),
            ("type", json!(self.kind.as_str())),
            ("is_required", json!(self.is_required)),
            ("is_unique", json!(self.is_unique)),
            ("is_filterable", json!(self.is_filterable)),
            ("order", json!(self.order)),
            ("status", json!(self.status.as_str())),
            ("metadata", if metadata.is_empty() { Value::Null } else { json!(metadata) }),
        ]
    }

    /// The value as it is kept, if the field can have it.
    pub fn check(&self, value: &Value) -> Result<Value, Violation> {
        match self.kind {
            FieldType::Text => check_text(value),
            FieldType::Number => number(value),
            FieldType::Boolean if value.is_boolean() => Ok(value.clone()),
            FieldType::Boolean => Err(Violation::not_a("a boolean")),
            FieldType::Date => Day::parse(value).map(|day| json!(day)),
            FieldType::Url => WebUrl::parse(value).map(|url| json!(url)),
            FieldType::Email => EmailAddress::parse(value).map(|_| value.clone()),
            FieldType::Select => {
                let text = value.as_str().ok_or_else(|| Violation::not_a("a string"))?;
                if self.metadata.options().any(|option| option == text) {
                    return Ok(value.clone());
                }
                let options: Vec<_> = self.metadata.options().collect();
                Err(Violation::not_one_of(&options))
            }
        }
        .and_then(|value| match value.as_str() {
            Some(text) if self.is_required && text.trim().is_empty() => {
                Err(Violation::new("not_blank", "must have at least 1 character"))
            }
            _ => Ok(value),
        })
    }

    /// What two equal values of a unique field have in common: SHA-256 of the value, of an e-mail
    /// address in small letters.
    pub fn digest(&self, value: &Value) -> [u8; 32] {
        let text = match value {
            Value::String(text) if self.kind == FieldType::Email => text.to_lowercase(),
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        Sha256::digest(text.as_bytes()).into()
    }
}

// One number, one form: 1.0 and 1 are the same, and so are 0 and -0.
fn number(value: &Value) -> Result<Value, Violation> {
    let Value::Number(number) = value else {
        return Err(Violation::not_a("a number"));
    };
    #[expect(clippy::cast_precision_loss, reason = "up to there every whole number is exact")]
    let limit = MAX_NUMBER as f64;
    let float = number.as_f64().filter(|float| float.abs() <= limit).ok_or_else(|| {
        Violation::new("range", format!("must be a number from -{MAX_NUMBER} to {MAX_NUMBER}"))
    })?;
    if float.fract() == 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the limit")]
        return Ok(json!(float as i64));
    }
    Ok(json!(float))
}

fn differences<const N: usize>(
    before: &[(&'static str, Value); N],
    after: &[(&'static str, Value); N],
) -> Vec<FieldChange> {
    let pairs = before.iter().zip(after).filter(|((_, before), (_, after))| before != after);
    let change = |((field, before), (_, after)): (&(&'static str, Value), &(_, Value))| {
        FieldChange { field: (*field).into(), before: before.clone(), after: after.clone() }
    };
    pairs.map(change).collect()
}

/// The definitions of a tenant, as of one revision.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields(Vec<Field>);

impl Fields {
    /// In the order in which they are shown.
    pub fn new(mut fields: Vec<Field>) -> Self {
        fields.sort_by_key(|field| (field.order, field.number));
        Self(fields)
    }

    /// All of them, those that are being deleted too.
    pub fn all(&self) -> &[Field] {
        &self.0
    }

    /// Those that anyone may know of.
    pub fn known(&self) -> impl Iterator<Item = &Field> {
        self.0.iter().filter(|field| field.status != FieldStatus::Deleting)
    }

    /// Those whose values are shown and can be set.
    pub fn active(&self) -> impl Iterator<Item = &Field> {
        self.0.iter().filter(|field| field.is_active())
    }

    /// The one with this key, whatever its status.
    pub fn by_key(&self, key: &FieldKey) -> Option<&Field> {
        self.0.iter().find(|field| field.key == *key)
    }

    /// Whether there is room for the metadata of `next`, which is new or replaces the one with its id.
    /// What takes no more than before always fits: older versions took more.
    pub fn check_room(&self, next: &Field) -> Result<(), Violation> {
        let bytes = next.metadata.bytes();
        let (same, others): (Vec<_>, Vec<_>) = self.0.iter().partition(|one| one.id == next.id);
        if bytes <= same.first().map_or(0, |old| old.metadata.bytes()) {
            return Ok(());
        }
        let all = bytes + others.iter().map(|one| one.metadata.bytes()).sum::<usize>();
        if all <= MAX_ALL_METADATA {
            return Ok(());
        }
        let message = format!(
            "all fields of a workspace together take at most {MAX_ALL_METADATA} bytes of JSON for \
             their metadata, and would take {all}"
        );
        Err(Violation::new("max_total_bytes", message).below("/metadata"))
    }

    /// About how many bytes they take.
    pub fn size(&self) -> usize {
        let text = |field: &Field| {
            field.label.as_str().len()
                + field.description.as_ref().map_or(0, |about| about.as_str().len())
                + 4 * field.metadata.bytes()
        };
        self.0.iter().map(|field| size_of::<Field>() + 100 + text(field)).sum()
    }
}
