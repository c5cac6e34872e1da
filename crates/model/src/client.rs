//! The client: one record, whichever surface shows it.

use crate::audit::{ChainHead, Surface};
use crate::collection::{CollectionMode, TransitionError};
use crate::contact::{ContactMethods, EmailAddress};
use crate::custom_field::{self, CustomPatch, CustomValues, FieldKey};
use crate::id::{ClientId, ClientNumber, ObjectId, TenantId};
use crate::number::Reference;
use crate::patch::{Parse as _, Patch};
use crate::status::{Status, StatusPatch};
use crate::success::{Success, SuccessPatch};
use crate::text::{ClientName, ScopeId, Tag, Text};
use crate::time::Timestamp;
use crate::violation::Violation;
use crate::web::WebUrl;
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// A client organisation of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its UUID, unique across tenants.
    pub id: ClientId,
    /// The tenant that owns it.
    pub tenant_id: TenantId,
    /// Its number in the tenant.
    pub number: ClientNumber,
    /// Its 24 hex digits.
    pub object_id: ObjectId,
    /// Its name.
    pub name: ClientName,
    /// Where it stands; `active` is derived from it.
    pub status: Status,
    /// What agents may collect.
    pub collection_mode: CollectionMode,
    /// Its address in the tenants API.
    pub email: Option<EmailAddress>,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// The organization it belongs to.
    pub org_id: Option<ScopeId>,
    /// The project it belongs to.
    pub project_id: Option<ScopeId>,
    /// Its owner.
    pub owner_id: Option<ScopeId>,
    /// Its picture.
    pub avatar_url: Option<WebUrl>,
    /// How to reach it.
    pub contact_methods: ContactMethods,
    /// Its custom values.
    pub custom_values: CustomValues,
    /// Its id in a system of the caller's, unique in the tenant.
    pub external_id: Option<Text<100>>,
    /// The number of its parent in the same tenant.
    pub parent_client_id: Option<Reference>,
    /// Its type, of the tenant's list.
    pub client_type_id: Option<Reference>,
    /// The other customer-success attributes.
    pub success: Success,
    /// Counts accepted changes; the first part of every `ETag`.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was removed from the workspace surface, which hides it from then on. Leaving the
    /// status `terminated` takes it back.
    pub workspace_deleted_at: Option<Timestamp>,
    /// The record that this one was joined to. It stands for this one wherever this one is named.
    pub merged_into: Option<ClientId>,
    /// The newest entry of its audit chain.
    pub audit: ChainHead,
}

/// What a client has from the start, and never changes.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// Its UUID.
    pub id: ClientId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its number there.
    pub number: ClientNumber,
    /// Its 24 hex digits.
    pub object_id: ObjectId,
    /// When it is made.
    pub created_at: Timestamp,
}

/// The most tags of a client.
pub const MAX_TAGS: usize = 100;

/// Reads the next of a client's tags. `seen` has those before it: none may stand there twice.
pub fn next_tag(value: &Value, seen: &mut BTreeSet<Tag>) -> Result<Tag, Violation> {
    let tag = Tag::parse(value)?;
    let twice = || Violation::new("duplicate", "names a tag for the second time");
    if seen.insert(tag.clone()) { Ok(tag) } else { Err(twice()) }
}

/// What a request asks to change, whichever surface it came through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientPatch {
    /// New name.
    pub name: Option<ClientName>,
    /// New status, flag, or both.
    pub status: StatusPatch,
    /// New collection mode.
    pub collection_mode: Option<CollectionMode>,
    /// New or cleared address.
    pub email: Patch<EmailAddress>,
    /// The whole list of tags.
    pub tags: Option<Vec<Tag>>,
    /// New or cleared organization.
    pub org_id: Patch<ScopeId>,
    /// New or cleared project.
    pub project_id: Patch<ScopeId>,
    /// New or cleared owner.
    pub owner_id: Patch<ScopeId>,
    /// New or cleared picture.
    pub avatar_url: Patch<WebUrl>,
    /// The whole list of contact methods.
    pub contact_methods: Option<ContactMethods>,
    /// Custom values to set or remove.
    pub custom_values: CustomPatch,
    /// New or cleared outside id.
    pub external_id: Patch<Text<100>>,
    /// New or cleared parent, by number.
    pub parent_client_id: Patch<Reference>,
    /// New or cleared type, by id.
    pub client_type_id: Patch<Reference>,
    /// Customer-success attributes.
    pub success: SuccessPatch,
    /// When the workspace surface had removed it; counts while the status is `terminated`.
    pub workspace_deleted_at: Option<Timestamp>,
}

/// One field of the record, before and after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// The field's name in the audit trail: snake case, `custom.<key>` for a custom value.
    pub field: Cow<'static, str>,
    /// Its value before; null where it had none.
    pub before: Value,
    /// Its value after.
    pub after: Value,
}

/// Why a patch cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The state machine of collection control forbids it.
    Transition(TransitionError),
    /// Values break rules; every one is listed.
    Invalid(Vec<Violation>),
}

/// The most bytes of JSON that a client's contact methods, custom values and customer-success
/// attributes take together. What a client holds can be sent back in one request.
pub const MAX_SIZE: usize = 900_000;

/// Counts bytes without keeping them.
struct Count(usize);

impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The JSON form of a value in the audit trail.
pub(crate) fn json(value: &impl Serialize) -> Value {
    // Our own values have string keys and finite numbers: nothing here can fail to serialise.
    serde_json::to_value(value).unwrap_or(Value::Null)
}

impl Client {
    /// A new client before anything else is said of it: active, and everything is collected.
    pub fn blank(identity: Identity, name: ClientName) -> Self {
        let Identity { id, tenant_id, number, object_id, created_at } = identity;
        Self {
            id,
            tenant_id,
            number,
            object_id,
            name,
            status: Status::Active,
            collection_mode: CollectionMode::SaasUsage,
            email: None,
            tags: Vec::new(),
            org_id: None,
            project_id: None,
            owner_id: None,
            avatar_url: None,
            contact_methods: ContactMethods::default(),
            custom_values: CustomValues::new(),
            external_id: None,
            parent_client_id: None,
            client_type_id: None,
            success: Success::default(),
            version: 1,
            created_at,
            updated_at: created_at,
            workspace_deleted_at: None,
            merged_into: None,
            audit: ChainHead::default(),
        }
    }

    /// Whether `surface` knows the client: the workspace surface knows none that it has removed.
    pub fn shows_on(&self, surface: Surface) -> bool {
        surface != Surface::Workspace || self.workspace_deleted_at.is_none()
    }

    /// The client after the workspace surface has removed it, and what changed: it is terminated,
    /// and nothing is collected of it any more.
    pub fn remove_from_workspace(&self, now: Timestamp) -> (Self, Vec<FieldChange>) {
        let mut next = self.clone();
        next.status = Status::Terminated;
        if next.collection_mode != CollectionMode::Deleted {
            next.collection_mode = CollectionMode::Disabled;
        }
        next.workspace_deleted_at = Some(now);
        let changes = self.differences(&next);
        (next, changes)
    }

    /// The client without its value of a custom field, and what changed.
    pub fn without_custom(&self, key: &FieldKey) -> (Self, Vec<FieldChange>) {
        let mut next = self.clone();
        next.custom_values.remove(key);
        let changes = self.differences(&next);
        (next, changes)
    }

    /// The client after `patch` and what changed; an empty list means that nothing did.
    pub fn apply(&self, patch: &ClientPatch) -> Result<(Self, Vec<FieldChange>), Refusal> {
        let mut next = self.clone();
        let mut violations = Vec::new();
        match patch.status.resolve(self.status) {
            Ok(status) => next.status = status,
            Err(contradiction) => violations.extend(contradiction),
        }
        match custom_field::merge(&self.custom_values, &patch.custom_values) {
            Ok(values) => next.custom_values = values,
            Err(violation) => violations.push(violation.below("/custom")),
        }
        set(&mut next.name, patch.name.as_ref());
        set(&mut next.tags, patch.tags.as_ref());
        set(&mut next.contact_methods, patch.contact_methods.as_ref());
        patch.email.apply(&mut next.email);
        patch.org_id.apply(&mut next.org_id);
        patch.project_id.apply(&mut next.project_id);
        patch.owner_id.apply(&mut next.owner_id);
        patch.avatar_url.apply(&mut next.avatar_url);
        patch.external_id.apply(&mut next.external_id);
        patch.parent_client_id.apply(&mut next.parent_client_id);
        patch.client_type_id.apply(&mut next.client_type_id);
        patch.success.apply(&mut next.success);
        violations.extend(next.success.check().err());
        if !violations.is_empty() {
            return Err(Refusal::Invalid(violations));
        }
        if let Some(mode) = patch.collection_mode {
            next.collection_mode =
                self.collection_mode.transition(mode).map_err(Refusal::Transition)?;
        }
        if next.status != Status::Terminated {
            next.workspace_deleted_at = None;
        } else if patch.workspace_deleted_at.is_some() {
            next.workspace_deleted_at = patch.workspace_deleted_at;
        }
        let changes = self.differences(&next);
        if !changes.is_empty() && next.size() > MAX_SIZE.max(self.size()) {
            let message = format!("a client's values must not exceed {MAX_SIZE} bytes of JSON");
            return Err(Refusal::Invalid(vec![Violation::new("max_size", message)]));
        }
        Ok((next, changes))
    }

    /// Bytes of JSON that the parts without a small limit of their own take.
    fn size(&self) -> usize {
        let mut count = Count(0);
        let parts = (&self.contact_methods, &self.custom_values, &self.success);
        // Counting cannot fail, and our own values have string keys.
        let _counted = serde_json::to_writer(&mut count, &parts);
        count.0
    }

    /// The changes that make a new client out of nothing: every field that has a value.
    pub fn first_changes(&self) -> Vec<FieldChange> {
        let facts = self.facts();
        let change = |(field, after)| FieldChange { field, before: Value::Null, after };
        facts.into_iter().map(change).collect()
    }

    /// Every field that the audit trail follows and that has a value, by its name there.
    pub fn facts(&self) -> BTreeMap<Cow<'static, str>, Value> {
        let mut facts = BTreeMap::new();
        facts.insert("number".into(), json(&self.number));
        facts.insert("object_id".into(), json(&self.object_id));
        facts.insert("name".into(), json(&self.name));
        facts.insert("status".into(), json(&self.status));
        facts.insert("collection_mode".into(), json(&self.collection_mode));
        // What is left differs from the empty record only where it has a value.
        for change in Self::empty_like(self).differences(self) {
            note(&mut facts, change);
        }
        facts
    }

    fn empty_like(client: &Self) -> Self {
        Self {
            email: None,
            tags: Vec::new(),
            org_id: None,
            project_id: None,
            owner_id: None,
            avatar_url: None,
            contact_methods: ContactMethods::default(),
            custom_values: CustomValues::new(),
            external_id: None,
            parent_client_id: None,
            client_type_id: None,
            success: Success::default(),
            workspace_deleted_at: None,
            merged_into: None,
            ..client.clone()
        }
    }

    fn differences(&self, next: &Self) -> Vec<FieldChange> {
        let mut changes = Vec::new();
        macro_rules! compare {
            ($($field:ident)*) => {
                $(if self.$field != next.$field {
                    let [before, after] = [&self.$field, &next.$field].map(json);
                    changes.push(FieldChange { field: stringify!($field).into(), before, after });
                })*
            };
        }
        compare! {
            name status collection_mode email tags org_id project_id owner_id avatar_url
            contact_methods external_id parent_client_id client_type_id workspace_deleted_at
            merged_into
        }
        let (old, new) = (&self.custom_values, &next.custom_values);
        if old != new {
            let keys = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)));
            for key in keys.filter(|key| old.get(*key) != new.get(*key)) {
                let value = |values: &CustomValues| values.get(key).cloned().unwrap_or_default();
                let field = format!("custom.{key}").into();
                changes.push(FieldChange { field, before: value(old), after: value(new) });
            }
        }
        self.success.differences(&next.success, |field, before, after| {
            changes.push(FieldChange { field: field.into(), before, after });
        });
        changes
    }
}

fn set<T: Clone>(target: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        target.clone_from(value);
    }
}

/// Rebuilds the facts of a client from its audit trail: each change, oldest first, applied to
/// what was there. Equal to `Client::facts` unless the record was changed behind our back.
pub fn fold(changes: impl IntoIterator<Item = FieldChange>) -> BTreeMap<Cow<'static, str>, Value> {
    let mut facts = BTreeMap::new();
    changes.into_iter().for_each(|change| note(&mut facts, change));
    facts
}

// An empty list is how an unset one reads: like null, it is no fact.
fn note(facts: &mut BTreeMap<Cow<'static, str>, Value>, change: FieldChange) {
    if change.after.is_null() || change.after.as_array().is_some_and(Vec::is_empty) {
        facts.remove(&change.field);
    } else {
        facts.insert(change.field, change.after);
    }
}
