//! `/v1/workspace/{workspace_id}/clients/fields`

use super::clients::home;
use super::views;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::{Fields, item, same_id};
use crate::shared::query::Parameter;
use crate::shared::schema;
use axum::http::StatusCode;
use clientbook_app::{FieldChangeWish, FieldRef, NewField, Reordering};
use clientbook_model::custom_field::FieldKey;
use clientbook_model::field::{Field, FieldOrder, FieldPatch, FieldStatus, MAX_FIELDS};
use clientbook_model::id::ObjectId;
use clientbook_model::violation::Violation;
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) const PARAMETERS: &[Parameter] = &[Parameter {
    name: "includeArchived",
    about: "Whether to list archived fields too",
    schema: schema::flag,
}];

/// The definitions of the workspace, in their order.
pub(super) async fn list(mut call: Call) -> Result<Answer, ApiError> {
    let mut parameters = std::mem::take(&mut call.query);
    let archived = parameters.flag("includeArchived");
    parameters.finish()?;
    let fields = call.app.list_fields(&call.caller, home(&call), archived).await?;
    Answer::list(&views::fields(&fields))
}

/// Defines a field.
pub(super) async fn create(call: Call) -> Result<Answer, ApiError> {
    let new = call.admitted_home(home(&call), new_field(&call)).await?;
    let show = |field: &Field| Answer::json(StatusCode::CREATED, &views::field(field));
    call.once(|once| call.app.create_field(&call.caller, new, once), show).await
}

/// Changes a definition.
pub(super) async fn update(call: Call) -> Result<Answer, ApiError> {
    let wish = call.admitted_home(home(&call), change(&call)).await?;
    changed(&call, wish).await
}

/// Hides a field and its values.
pub(super) async fn archive(call: Call) -> Result<Answer, ApiError> {
    call.admitted_home(home(&call), call.without_fields()).await?;
    let wish = FieldChangeWish::of_status(FieldStatus::Archived, call.precondition.clone());
    changed(&call, wish).await
}

/// Shows a field and its values again.
pub(super) async fn restore(call: Call) -> Result<Answer, ApiError> {
    call.admitted_home(home(&call), call.without_fields()).await?;
    let wish = FieldChangeWish::of_status(FieldStatus::Active, call.precondition.clone());
    changed(&call, wish).await
}

/// Deletes a field and all of its values.
pub(super) async fn delete(call: Call) -> Result<Answer, ApiError> {
    call.app.delete_field(&call.caller, target(&call), call.precondition.clone()).await?;
    Ok(Answer::no_content())
}

/// Puts fields in another order.
pub(super) async fn reorder(call: Call) -> Result<Answer, ApiError> {
    let wish = call.admitted_home(home(&call), reordering(&call)).await?;
    let show = |fields: &Vec<Field>| Answer::json(StatusCode::OK, &views::fields(fields));
    call.once(|once| call.app.reorder_fields(&call.caller, wish, once), show).await
}

async fn changed(call: &Call, wish: FieldChangeWish) -> Result<Answer, ApiError> {
    let show = |field: &Field| Answer::record(field.version, &views::field(field));
    call.once(|once| call.app.change_field(&call.caller, target(call), wish, once), show).await
}

fn target(call: &Call) -> FieldRef {
    FieldRef { home: home(call), asked: call.segment("field_id").to_owned() }
}

pub(super) const NEW: &[&str] =
    &["label", "type", "key", "description", "isRequired", "isUnique", "isFilterable", "metadata"];

pub(super) const WRITABLE: &[&str] =
    &["label", "description", "isRequired", "isUnique", "isFilterable", "metadata"];

pub(super) const KEPT: &[&str] =
    &["id", "key", "type", "order", "status", "createdAt", "updatedAt"];

fn new_field(call: &Call) -> Result<NewField, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", NEW);
    let key: Option<String> = fields.optional("key");
    let key =
        key.and_then(|key| FieldKey::new(&key).map_err(|broken| fields.refuse("key", broken)).ok());
    Ok(NewField {
        home: home(call),
        label: fields.required("label"),
        kind: fields.required("type"),
        key,
        description: fields.optional("description"),
        is_required: fields.optional("isRequired").unwrap_or_default(),
        is_unique: fields.optional("isUnique").unwrap_or_default(),
        is_filterable: fields.optional("isFilterable").unwrap_or_default(),
        metadata: fields.optional("metadata").unwrap_or_default(),
        violations: fields.violations,
    })
}

fn change(call: &Call) -> Result<FieldChangeWish, ApiError> {
    let object = call.object()?;
    let known = [WRITABLE, KEPT].concat();
    let unknown = object.keys().any(|name| !known.contains(&name.as_str()));
    if !unknown && !object.keys().any(|name| WRITABLE.contains(&name.as_str())) {
        let message = format!("Give at least one of: {}", WRITABLE.join(", "));
        return Err(ApiError::Unreadable(message));
    }
    let mut fields = Fields::new(&object, "", &known);
    let patch = FieldPatch {
        label: fields.set("label"),
        description: fields.patch("description"),
        is_required: fields.set("isRequired"),
        is_unique: fields.set("isUnique"),
        is_filterable: fields.set("isFilterable"),
        metadata: fields.patch("metadata"),
        ..FieldPatch::default()
    };
    let echo = |name, same: fn(&Field, &Value) -> bool| fields.sent_back(name, same);
    let echoes = [
        echo("id", |field, sent| same_id(sent, &field.object_id)),
        echo("key", |field, sent| sent.as_str() == Some(field.key.as_str())),
        echo("type", |field, sent| sent.as_str() == Some(field.kind.as_str())),
        echo("order", |field, sent| sent.as_i64() == Some(field.order.get())),
        echo("status", |field, sent| sent.as_str() == Some(field.status.as_str())),
    ];
    let echoes = echoes.into_iter().flatten().collect();
    let (violations, precondition) = (fields.violations, call.precondition.clone());
    Ok(FieldChangeWish { patch, echoes, violations, precondition })
}

fn reordering(call: &Call) -> Result<Reordering, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", &["fields"]);
    if fields.raw("fields").is_none() {
        fields.refuse("fields", Violation::new("required", "must be given"));
    }
    let mut seen = BTreeSet::new();
    let places = fields.list("fields", MAX_FIELDS, |value, at| place(value, at, &mut seen));
    let places = places.unwrap_or_default();
    Ok(Reordering { home: home(call), places, violations: fields.violations })
}

fn place(
    value: &Value,
    at: &str,
    seen: &mut BTreeSet<ObjectId>,
) -> Result<(ObjectId, FieldOrder, String), Vec<Violation>> {
    let mut place = item(value, at, &["fieldId", "order"])?;
    let (id, order) = (place.required("fieldId"), place.required("order"));
    if id.is_some_and(|id| !seen.insert(id)) {
        let message = "names a field for the second time";
        place.refuse("fieldId", Violation::new("duplicate", message));
    }
    match (id, order) {
        (Some(id), Some(order)) if place.violations.is_empty() => {
            Ok((id, order, format!("{at}/fieldId")))
        }
        _ => Err(place.violations),
    }
}
