//! How definitions of custom fields are described.

use crate::openapi::{Doc, Refusal};
use crate::shared::schema::{
    FieldDescription, FieldKey, FieldKind, FieldLabel, FieldMetadata, FieldOrder, ObjectId,
};
use crate::workspace::views::{FieldListView, WrappedField};
use clientbook_model::field::MAX_FIELDS;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{ArrayBuilder, Ref};

/// A field to define. Neither key nor type can be changed later.
#[derive(ToSchema)]
#[schema(as = FieldInput, rename_all = "camelCase")]
struct NewField {
    #[schema(value_type = FieldLabel)]
    label: String,
    #[schema(value_type = FieldKind)]
    r#type: String,
    /// Under which key clients hold its values. Absent: made from the label, in small letters and
    /// without accents; runs of other characters become `_`.
    #[schema(value_type = Option<FieldKey>)]
    key: Option<String>,
    #[schema(value_type = Option<FieldDescription>)]
    description: Option<String>,
    /// Whether a new client needs a value here and in customer success; nobody can remove it.
    is_required: Option<bool>,
    /// Whether no two clients of the workspace have the same value.
    is_unique: Option<bool>,
    /// Whether to offer it as a filter.
    is_filterable: Option<bool>,
    #[schema(value_type = Option<FieldMetadata>)]
    metadata: Option<Value>,
}

/// Nothing to say.
#[derive(ToSchema)]
#[schema(as = Empty)]
struct Nothing {}

/// A change of a definition: at least one of label, description, isRequired, isUnique, isFilterable
/// and metadata. What was read may be sent back: all but the times must then match.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct FieldPatch {
    #[schema(value_type = Option<FieldLabel>, nullable = false)]
    label: Option<String>,
    #[schema(value_type = Option<FieldDescription>)]
    description: Option<String>,
    /// Clients without a value stay as they are.
    #[schema(nullable = false)]
    is_required: Option<bool>,
    /// Refused where two clients have the same value.
    #[schema(nullable = false)]
    is_unique: Option<bool>,
    #[schema(nullable = false)]
    is_filterable: Option<bool>,
    /// The whole object. Options that are taken away stay with the clients that have them.
    #[schema(value_type = Option<FieldMetadata>)]
    metadata: Option<Value>,
    #[schema(value_type = Option<ObjectId>, nullable = false)]
    id: Option<String>,
    #[schema(value_type = Option<FieldKey>, nullable = false)]
    key: Option<String>,
    #[schema(value_type = Option<FieldKind>, nullable = false)]
    r#type: Option<String>,
    #[schema(value_type = Option<FieldOrder>, nullable = false)]
    order: Option<i64>,
    #[schema(value_type = Option<super::FieldState>, nullable = false)]
    status: Option<String>,
    #[schema(required = false)]
    created_at: Value,
    #[schema(required = false)]
    updated_at: Value,
}

/// Which field comes where.
#[derive(ToSchema)]
#[schema(as = FieldPlace, rename_all = "camelCase")]
struct Place {
    #[schema(value_type = ObjectId)]
    field_id: String,
    #[schema(value_type = FieldOrder)]
    order: i64,
}

/// Another order of the fields; those that are not named stay where they are.
#[derive(ToSchema)]
struct Reordering {
    #[schema(schema_with = places)]
    fields: Vec<Place>,
}

fn places() -> ArrayBuilder {
    let about = "No field stands here twice.";
    let example = json!([{ "fieldId": ID, "order": 0 }]);
    ArrayBuilder::new()
        .items(Ref::from_schema_name(Place::name()))
        .max_items(Some(MAX_FIELDS))
        .description(Some(about))
        .examples([example])
}

const ID: &str = "69b02ab8a1b2c3d4e5f60718";

fn field() -> Value {
    json!({
        "id": ID,
        "key": "contract_end",
        "label": "Contract end",
        "description": null,
        "type": "date",
        "isRequired": false,
        "isUnique": false,
        "isFilterable": true,
        "order": 0,
        "status": "active",
        "metadata": {},
        "createdAt": "2026-03-10T14:30:00Z",
        "updatedAt": "2026-03-10T14:30:00Z",
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut field = field();
    field[name] = value;
    json!({ "field": field })
}

pub(in crate::workspace) fn list() -> Doc {
    Doc::new("listFields", "Lists the definitions of custom fields, in their order")
        .answers::<FieldListView<'_>>(200, "The fields", json!({ "fields": [field()] }))
        .tagged()
}

pub(in crate::workspace) fn create() -> Doc {
    let body = json!({ "label": "Contract end", "type": "date", "isFilterable": true });
    let select = json!({
        "label": "Plan",
        "type": "select",
        "metadata": { "options": ["gold", "silver"] },
    });
    Doc::new("createField", "Defines a custom field; what clients hold under its key must fit it")
        .answers::<WrappedField<'_>>(201, "The new field", json!({ "field": field() }))
        .takes::<NewField>(vec![("date", body), ("select", select)])
        .refuses(&[Refusal::KeyTaken])
}

pub(in crate::workspace) fn update() -> Doc {
    let label = "End of the contract";
    Doc::new("updateField", "Changes the definition of a custom field")
        .answers::<WrappedField<'_>>(200, "The field as it is now", with("label", json!(label)))
        .tagged()
        .takes::<FieldPatch>(vec![("label", json!({ "label": label }))])
}

pub(in crate::workspace) fn archive() -> Doc {
    let archived = with("status", json!("archived"));
    Doc::new("archiveField", "Hides a custom field and its values, which are kept")
        .answers::<WrappedField<'_>>(200, "The field as it is now", archived)
        .tagged()
        .takes::<Nothing>(vec![("empty", json!({}))])
}

pub(in crate::workspace) fn restore() -> Doc {
    Doc::new("restoreField", "Shows an archived field and its values again")
        .answers::<WrappedField<'_>>(200, "The field as it is now", json!({ "field": field() }))
        .tagged()
        .takes::<Nothing>(vec![("empty", json!({}))])
}

pub(in crate::workspace) fn delete() -> Doc {
    Doc::new("deleteField", "Deletes a custom field, with its values of every client")
        .preconditioned()
}

pub(in crate::workspace) fn reorder() -> Doc {
    let body = json!({ "fields": [{ "fieldId": ID, "order": 0 }] });
    Doc::new("reorderFields", "Gives custom fields other places")
        .answers::<FieldListView<'_>>(200, "All active fields", json!({ "fields": [field()] }))
        .takes::<Reordering>(vec![("first", body)])
        .using::<Place>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::properties;
    use crate::workspace::fields::{KEPT, NEW, WRITABLE};

    #[test]
    fn bodies_have_the_fields_that_are_read() {
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        assert_eq!(properties::<NewField>(), names(NEW));
        assert_eq!(properties::<FieldPatch>(), names(&[WRITABLE, KEPT].concat()));
    }
}
