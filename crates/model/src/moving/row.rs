//! What one row says of a client, read with the rules of the record's own types.

use super::columns::COLUMNS;
use super::token::{self, TokenWish};
use crate::client::{ClientPatch, MAX_TAGS, next_tag};
use crate::contact::{ContactMethod, ContactMethods, ContactType, MAX_METHODS};
use crate::custom_field::{CustomWish, FieldKey};
use crate::id::{ClientId, ClientNumber, ObjectId, parse_uuid};
use crate::nearest::nearest;
use crate::patch::{Parse, Patch};
use crate::status::{Status, StatusPatch};
use crate::success::{SuccessPatch, TypeTitle};
use crate::text::Tag;
use crate::time::Timestamp;
use crate::violation::{Violation, step};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The largest number that a client has, and that a row may give a type: every JSON reader knows those
/// exactly that come after it, too.
pub const MAX_NUMBER: i64 = 1 << 52;

/// The most violations that are told of one row.
pub const MAX_VIOLATIONS: usize = 20;

/// Characters of a name that is no column's, at most, as it is told.
const TOLD: usize = 100;

/// By which column a row finds the client that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchBy {
    /// By UUID.
    Id,
    /// By number.
    Number,
    /// By 24 hex digits.
    ObjectId,
    /// By external id.
    ExternalId,
}

impl MatchBy {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Id, Self::Number, Self::ObjectId, Self::ExternalId];

    /// The column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Number => "number",
            Self::ObjectId => "object_id",
            Self::ExternalId => "external_id",
        }
    }

    /// Reads the column's name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// How a row names a parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParentRef {
    /// By number.
    Number(ClientNumber),
    /// By UUID.
    Id(ClientId),
}

impl Parse for ParentRef {
    const EMPTY_CLEARS: bool = true;

    fn parse(value: &Value) -> Result<Self, Violation> {
        let number = value.as_i64().and_then(ClientNumber::new).map(Self::Number);
        let id = || value.as_str().and_then(parse_uuid).map(|id| Self::Id(ClientId(id)));
        let message = "must be the number or the UUID of a client of the same tenant";
        number.or_else(id).ok_or_else(|| Violation::new("parent", message))
    }
}

/// What one row says.
#[derive(Debug, Clone)]
pub struct ImportRow {
    /// The client's UUID.
    pub id: Option<ClientId>,
    /// Its number.
    pub number: Option<ClientNumber>,
    /// Its 24 hex digits.
    pub object_id: Option<ObjectId>,
    /// What it is to be, apart from what follows.
    pub patch: ClientPatch,
    /// Its custom values.
    pub custom: Vec<CustomWish>,
    /// Its parent.
    pub parent: Patch<ParentRef>,
    /// The title of its type.
    pub client_type_title: Patch<TypeTitle>,
    /// Its enrolment token.
    pub token: TokenWish,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
    /// When the workspace surface removed it.
    pub workspace_deleted_at: Option<Timestamp>,
}

struct LowerCase(Status);

impl Parse for LowerCase {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let found = value.as_str().and_then(Status::from_name);
        found.map(Self).ok_or_else(|| Violation::not_one_of(&Status::ALL.map(Status::as_str)))
    }
}

struct RowNumber(ClientNumber);

impl Parse for RowNumber {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let number = value.as_i64().filter(|number| *number <= MAX_NUMBER);
        let message = format!("must be a whole number from 1 to {MAX_NUMBER}");
        number.and_then(ClientNumber::new).map(Self).ok_or_else(|| Violation::new("range", message))
    }
}

/// The ids before and after all others stand for the ends of lists.
struct RowId(ClientId);

impl Parse for RowId {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let id = ClientId::parse(value)?;
        if id.0.is_nil() || id.0.is_max() {
            let message = "must be a client's own UUID, not all zeros or all ones";
            return Err(Violation::new("uuid", message));
        }
        Ok(Self(id))
    }
}

impl ImportRow {
    /// Reads a row, or says everything that is wrong with it.
    pub fn read(object: &Map<String, Value>) -> Result<Self, Vec<Violation>> {
        let mut reader = Reader::new(object, &COLUMNS.iter().map(|column| column.name));
        let row = Self {
            id: reader.set("id").map(|RowId(id)| id),
            number: reader.set("number").map(|RowNumber(number)| number),
            object_id: reader.set("object_id"),
            patch: patch(&mut reader),
            custom: custom(&mut reader),
            parent: reader.patch("parent_client_id"),
            client_type_title: reader.patch("client_type_title"),
            token: token::read(object.get("enrollment_token")).unwrap_or_else(|broken| {
                for one in broken {
                    reader.refuse("enrollment_token", one);
                }
                TokenWish::Absent
            }),
            created_at: reader.set("created_at"),
            updated_at: reader.set("updated_at"),
            workspace_deleted_at: reader.set("workspace_deleted_at"),
        };
        if reader.violations.is_empty() { Ok(row) } else { Err(reader.violations) }
    }

    /// The external id that it gives.
    pub fn external_id(&self) -> Option<&str> {
        match &self.patch.external_id {
            Patch::Set(id) => Some(id.as_str()),
            Patch::Absent | Patch::Clear => None,
        }
    }

    /// The columns with which it says who a new client is and how old, and that it has a token.
    pub fn identity(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("id", self.id.is_some()),
            ("number", self.number.is_some()),
            ("object_id", self.object_id.is_some()),
            ("created_at", self.created_at.is_some()),
            ("updated_at", self.updated_at.is_some()),
            ("workspace_deleted_at", self.workspace_deleted_at.is_some()),
            ("enrollment_token", matches!(self.token, TokenWish::Given(_))),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name)
    }
}

fn patch(reader: &mut Reader<'_>) -> ClientPatch {
    ClientPatch {
        name: reader.set("name"),
        status: StatusPatch {
            status: reader.set("status").map(|LowerCase(status)| status),
            active: None,
        },
        collection_mode: reader.set("collection_mode"),
        email: reader.patch("email"),
        tags: tags(reader),
        org_id: reader.patch("org_id"),
        project_id: reader.patch("project_id"),
        owner_id: reader.patch("owner_id"),
        avatar_url: reader.patch("avatar_url"),
        contact_methods: contact_methods(reader),
        external_id: reader.patch("external_id"),
        client_type_id: reader.patch("client_type_id"),
        success: success(reader),
        ..ClientPatch::default()
    }
}

fn success(reader: &mut Reader<'_>) -> SuccessPatch {
    let (patch, broken) = SuccessPatch::read(reader.object);
    for (name, broken) in broken {
        reader.refuse(name, broken);
    }
    patch
}

/// An empty list says that there are none; it clears.
fn tags(reader: &mut Reader<'_>) -> Option<Vec<Tag>> {
    if reader.object.get("tags")?.is_null() {
        return Some(Vec::new());
    }
    let mut seen = BTreeSet::new();
    reader.list("tags", MAX_TAGS, |value| next_tag(value, &mut seen).map_err(|broken| vec![broken]))
}

/// A client that has any keeps some: an empty list is no wish.
fn contact_methods(reader: &mut Reader<'_>) -> Option<ContactMethods> {
    if reader.object.get("contact_methods")?.is_null() {
        return None;
    }
    let methods = reader.list("contact_methods", MAX_METHODS, contact_method)?;
    if methods.is_empty() {
        return None;
    }
    ContactMethods::new(methods).map_err(|broken| reader.refuse("contact_methods", broken)).ok()
}

fn contact_method(value: &Value) -> Result<ContactMethod, Vec<Violation>> {
    let object = value.as_object().ok_or_else(|| vec![Violation::not_a("an object")])?;
    let mut reader = Reader::new(object, &["type", "value", "preferred"].into_iter());
    let kind: Option<ContactType> = reader.required("type");
    let value: Option<String> = reader.required("value");
    let preferred = reader.set("preferred").unwrap_or(false);
    match (kind, value) {
        (Some(kind), Some(value)) if reader.violations.is_empty() => {
            ContactMethod::new(kind, &value, preferred)
                .map_err(|broken| vec![broken.below("/value")])
        }
        _ => Err(reader.violations),
    }
}

/// Values by key, merged key by key; null removes one.
fn custom(reader: &mut Reader<'_>) -> Vec<CustomWish> {
    let mut wishes = Vec::new();
    let values = match reader.object.get("custom") {
        None | Some(Value::Null) => return wishes,
        Some(Value::Object(values)) => values,
        Some(_) => {
            reader.refuse("custom", Violation::not_a("an object"));
            return wishes;
        }
    };
    for (name, value) in values {
        let at = format!("/custom{}", place(name));
        match FieldKey::new(name) {
            Ok(key) => wishes.push(CustomWish {
                key,
                value: Some(value.clone()).filter(|value| !value.is_null()),
                field_id: None,
                key_at: at.clone(),
                value_at: at.clone(),
                id_at: at,
            }),
            Err(broken) => reader.refuse("custom", broken.below(&place(name))),
        }
    }
    wishes
}

/// An object being read.
pub(super) struct Reader<'a> {
    object: &'a Map<String, Value>,
    /// What is wrong so far.
    pub(super) violations: Vec<Violation>,
}

impl<'a> Reader<'a> {
    /// Starts to read; names beyond `known` are wrong.
    pub(super) fn new(
        object: &'a Map<String, Value>,
        known: &(impl Iterator<Item = &'static str> + Clone),
    ) -> Self {
        let mut reader = Self { object, violations: Vec::new() };
        for name in object.keys() {
            if reader.violations.len() < MAX_VIOLATIONS && !known.clone().any(|one| one == name) {
                reader.refuse(name, unknown(name, known.clone()));
            }
        }
        reader
    }

    /// A value that is always there: null and absent leave it alone.
    pub(super) fn set<T: Parse>(&mut self, name: &str) -> Option<T> {
        let value = self.object.get(name).filter(|value| !value.is_null())?;
        T::parse(value).map_err(|broken| self.refuse(name, broken)).ok()
    }

    fn required<T: Parse>(&mut self, name: &str) -> Option<T> {
        if self.object.get(name).is_none_or(Value::is_null) {
            self.refuse(name, Violation::new("required", "must be given"));
        }
        self.set(name)
    }

    /// A value that can be cleared.
    pub(super) fn patch<T: Parse>(&mut self, name: &str) -> Patch<T> {
        Patch::read(self.object.get(name)).unwrap_or_else(|broken| {
            self.refuse(name, broken);
            Patch::Absent
        })
    }

    fn list<T>(
        &mut self,
        name: &str,
        max: usize,
        mut read: impl FnMut(&Value) -> Result<T, Vec<Violation>>,
    ) -> Option<Vec<T>> {
        let Some(items) = self.object.get(name)?.as_array() else {
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
            match read(item) {
                Ok(item) => list.push(item),
                Err(broken) => {
                    let place = format!("/{at}");
                    for one in broken {
                        self.refuse(name, one.below(&place));
                    }
                }
            }
        }
        (list.len() == items.len()).then_some(list)
    }

    /// Notes that `name` breaks a rule.
    pub(super) fn refuse(&mut self, name: &str, violation: Violation) {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(violation.below(&place(name)));
        }
    }
}

/// Where a violation is, with no more of a name than fits on a line: it may be any text of the file.
pub(super) fn place(name: &str) -> String {
    match name.char_indices().nth(TOLD) {
        Some((end, _)) => step(&format!("{}…", &name[..end])),
        None => step(name),
    }
}

/// A name that is no column's.
pub(super) fn unknown(name: &str, known: impl Iterator<Item = &'static str>) -> Violation {
    let hint = nearest(name, known).map_or(String::new(), |near| format!("; did you mean {near}?"));
    Violation::new("unknown_field", format!("is no column of a client{hint}"))
}
