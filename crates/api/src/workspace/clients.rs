//! `/v1/workspace/{workspace_id}/clients/{client_id}`

use super::views;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::{Fields, item, same_id};
use clientbook_app::{Change, ClientChange, ClientKey, ClientRecord, ClientRef, Home, NewClient};
use clientbook_model::audit::Surface;
use clientbook_model::client::ClientPatch;
use clientbook_model::contact::{ContactMethod, ContactMethods, ContactType, MAX_METHODS};
use clientbook_model::custom_field::{self, CustomWish, FieldKey, MAX_VALUES};
use clientbook_model::id::ObjectId;
use clientbook_model::tenant::TenantKey;
use clientbook_model::violation::Violation;
use serde_json::Value;
use std::collections::BTreeSet;

/// Reads one client.
pub(super) async fn read(call: Call) -> Result<Answer, ApiError> {
    let read = call.app.read_client(&call.caller, target(&call)).await?;
    Answer::read(&read, Surface::Workspace, views::client)
}

/// Makes a client.
pub(super) async fn create(call: Call) -> Result<Answer, ApiError> {
    let new = call.admitted_home(home(&call), new_client(&call)).await?;
    let show = |record: &ClientRecord| {
        let client = &record.client;
        let place = format!("/v1/workspace/{}/clients/{}", record.tenant.slug, client.object_id);
        Answer::created(client.version, place, &views::client(record))
    };
    call.once(|once| call.app.create_client(&call.caller, new, once), show).await
}

/// Terminates a client; this surface knows it no longer.
pub(super) async fn delete(call: Call) -> Result<Answer, ApiError> {
    call.app.remove_client(&call.caller, target(&call), call.precondition.clone()).await?;
    Ok(Answer::no_content())
}

/// Changes name, avatar, contact methods or custom fields.
pub(super) async fn update(call: Call) -> Result<Answer, ApiError> {
    let change = call.admitted(target(&call), change(&call)).await?;
    let change = Change { change, precondition: call.precondition.clone(), dry_run: false };
    let show =
        |record: &ClientRecord| Answer::record(record.client.version, &views::client(record));
    call.once(|once| call.app.change_client(&call.caller, target(&call), change, once), show).await
}

fn target(call: &Call) -> ClientRef {
    let (workspace, asked) = (call.segment("workspace_id"), call.segment("client_id"));
    ClientRef {
        tenant: Some((workspace.to_owned(), TenantKey::parse(workspace))),
        asked: asked.to_owned(),
        key: ObjectId::parse_hex(asked).map(ClientKey::ObjectId),
    }
}

pub(super) fn home(call: &Call) -> Home {
    let workspace = call.segment("workspace_id");
    Home::Path(workspace.to_owned(), TenantKey::parse(workspace))
}

fn new_client(call: &Call) -> Result<NewClient, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", WRITABLE);
    let mut patch = ClientPatch { name: fields.required("name"), ..ClientPatch::default() };
    patch.avatar_url = fields.patch("avatarUrl");
    if fields.raw("contactMethods").is_none() {
        fields.refuse("contactMethods", Violation::new("required", "must be given"));
    }
    patch.contact_methods = contact_methods(&mut fields);
    let custom = custom_fields(&mut fields);
    Ok(NewClient { home: home(call), patch, custom, violations: fields.violations })
}

pub(super) const WRITABLE: &[&str] = &["name", "avatarUrl", "contactMethods", "customFields"];

pub(super) const KNOWN: &[&str] =
    &["id", "name", "avatarUrl", "contactMethods", "customFields", "createdAt", "updatedAt"];

fn change(call: &Call) -> Result<ClientChange, ApiError> {
    let object = call.object()?;
    let unknown = object.keys().any(|name| !KNOWN.contains(&name.as_str()));
    if !unknown && !object.keys().any(|name| WRITABLE.contains(&name.as_str())) {
        let message = format!("Give at least one of: {}", WRITABLE.join(", "));
        return Err(ApiError::Unreadable(message));
    }
    let mut fields = Fields::new(&object, "", KNOWN);
    let mut change = ClientChange::new(call.permission);
    change.patch.name = fields.set("name");
    change.patch.avatar_url = fields.patch("avatarUrl");
    change.patch.contact_methods = contact_methods(&mut fields);
    change.custom = custom_fields(&mut fields);
    fields.echo("id", |record, sent| same_id(sent, &record.client.object_id));
    change.echoes = fields.echoes;
    change.violations = fields.violations;
    Ok(change)
}

fn contact_methods(fields: &mut Fields<'_>) -> Option<ContactMethods> {
    let mut preferred = Vec::new();
    let methods = fields.list("contactMethods", MAX_METHODS, |value, at| {
        preferred.push(value.get("isPreferred").and_then(Value::as_bool));
        contact_method(value, at)
    });
    let checked = match methods {
        Some(methods) => ContactMethods::new(methods).map(Some),
        // What is wrong with an item must not hide what is wrong with the list.
        None => match preferred.iter().filter(|flag| **flag == Some(true)).count() {
            0 if preferred.is_empty() || preferred.contains(&None) => Ok(None),
            count => ContactMethods::check_preferred(count).map(|()| None),
        },
    };
    checked.unwrap_or_else(|broken| {
        fields.refuse("contactMethods", broken);
        None
    })
}

fn contact_method(value: &Value, at: &str) -> Result<ContactMethod, Vec<Violation>> {
    let mut fields = item(value, at, &["type", "value", "isPreferred"])?;
    let kind: Option<ContactType> = fields.required("type");
    let value: Option<String> = fields.required("value");
    let preferred: Option<bool> = fields.required("isPreferred");
    // The value is judged even where its neighbours are wrong: every broken rule is told.
    let (kind, preferred) = (kind.unwrap_or(ContactType::Other), preferred.unwrap_or_default());
    let method = value.and_then(|value| {
        let checked = ContactMethod::new(kind, &value, preferred);
        checked.map_err(|broken| fields.refuse("value", broken)).ok()
    });
    method.filter(|_| fields.violations.is_empty()).ok_or(fields.violations)
}

/// Sets the keys given and removes those whose value is null; keys not given stay. What is wrong
/// with one item hides nothing of the others.
fn custom_fields(fields: &mut Fields<'_>) -> Vec<CustomWish> {
    let (mut wishes, mut seen) = (Vec::new(), BTreeSet::new());
    fields.list("customFields", MAX_VALUES, |value, at| {
        custom_field(value, at, &mut seen, &mut wishes)
    });
    wishes
}

fn custom_field(
    value: &Value,
    at: &str,
    seen: &mut BTreeSet<FieldKey>,
    wishes: &mut Vec<CustomWish>,
) -> Result<(), Vec<Violation>> {
    let mut fields = item(value, at, &["fieldId", "fieldKey", "value"])?;
    let key: Option<String> = fields.required("fieldKey");
    let key = key.and_then(|key| {
        FieldKey::new(&key).map_err(|broken| fields.refuse("fieldKey", broken)).ok()
    });
    if key.as_ref().is_some_and(|key| !seen.insert(key.clone())) {
        let message = "names a key for the second time";
        fields.refuse("fieldKey", Violation::new("duplicate", message));
    }
    let value = fields.raw("value");
    if value.is_none() {
        fields.refuse("value", Violation::new("required", "must be given; null removes it"));
    }
    let value = value.filter(|value| !value.is_null()).cloned();
    if let Some(key) = key {
        let id = fields.raw("fieldId").filter(|id| !id.is_null());
        wishes.push(CustomWish {
            key,
            value,
            field_id: id.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned)),
            key_at: format!("{at}/fieldKey"),
            value_at: format!("{at}/value"),
            id_at: format!("{at}/fieldId"),
        });
    } else if let Some(Err(broken)) = value.as_ref().map(custom_field::check_undefined) {
        fields.refuse("value", broken);
    }
    if fields.violations.is_empty() { Ok(()) } else { Err(fields.violations) }
}
