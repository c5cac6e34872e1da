//! What the workspace API shows. Its times have no decimals.

use crate::shared::schema;
use clientbook_app::ClientRecord;
use clientbook_model::custom_field::{self, FieldKey};
use clientbook_model::field::{Field, FieldDescription};
use clientbook_model::id::ObjectId;
use clientbook_model::time::Timestamp;
use clientbook_model::web::WebUrl;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[schema(as = ClientAnswer)]
pub(super) struct Wrapped<'a> {
    client: ClientView<'a>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClientView<'a> {
    #[schema(value_type = schema::ObjectId)]
    id: ObjectId,
    name: &'a str,
    #[schema(required)]
    avatar_url: Option<&'a str>,
    contact_methods: Vec<ContactMethodView<'a>>,
    custom_fields: Vec<CustomFieldView<'a>>,
    #[serde(serialize_with = "seconds")]
    #[schema(value_type = schema::Seconds)]
    created_at: Timestamp,
    #[serde(serialize_with = "seconds")]
    #[schema(value_type = schema::Seconds)]
    updated_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
struct ContactMethodView<'a> {
    #[serde(rename = "type")]
    #[schema(value_type = schema::ContactKind)]
    kind: &'static str,
    value: &'a str,
    #[serde(rename = "isPreferred")]
    preferred: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CustomFieldView<'a> {
    /// Null for a key that nobody defined.
    #[schema(value_type = Option<schema::ObjectId>, required)]
    field_id: Option<ObjectId>,
    #[schema(value_type = String)]
    field_key: &'a FieldKey,
    #[schema(value_type = schema::HeldValue)]
    value: &'a Value,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FieldView<'a> {
    #[schema(value_type = schema::ObjectId)]
    id: ObjectId,
    #[schema(value_type = schema::FieldKey)]
    key: &'a FieldKey,
    label: &'a str,
    #[schema(required)]
    description: Option<&'a str>,
    #[schema(value_type = schema::FieldKind)]
    r#type: &'static str,
    is_required: bool,
    is_unique: bool,
    is_filterable: bool,
    order: i64,
    #[schema(value_type = super::docs::FieldState)]
    status: &'static str,
    #[schema(value_type = schema::FieldMetadata)]
    metadata: &'a Map<String, Value>,
    #[serde(serialize_with = "seconds")]
    #[schema(value_type = schema::Seconds)]
    created_at: Timestamp,
    #[serde(serialize_with = "seconds")]
    #[schema(value_type = schema::Seconds)]
    updated_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
#[schema(as = FieldAnswer)]
pub(super) struct WrappedField<'a> {
    field: FieldView<'a>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = FieldList)]
pub(super) struct FieldListView<'a> {
    fields: Vec<FieldView<'a>>,
}

/// A definition, wrapped.
pub(super) fn field(field: &Field) -> WrappedField<'_> {
    WrappedField { field: bare_field(field) }
}

/// Definitions in their order.
pub(super) fn fields(fields: &[Field]) -> FieldListView<'_> {
    FieldListView { fields: fields.iter().map(bare_field).collect() }
}

fn bare_field(field: &Field) -> FieldView<'_> {
    FieldView {
        id: field.object_id,
        key: &field.key,
        label: field.label.as_str(),
        description: field.description.as_ref().map(FieldDescription::as_str),
        r#type: field.kind.as_str(),
        is_required: field.is_required,
        is_unique: field.is_unique,
        is_filterable: field.is_filterable,
        order: field.order.get(),
        status: field.status.as_str(),
        metadata: field.metadata.as_object(),
        created_at: field.created_at,
        updated_at: field.updated_at,
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = ClientList)]
pub(super) struct ListView<'a> {
    clients: Vec<ClientView<'a>>,
}

/// A client, wrapped as every single-client answer of this surface is.
pub(super) fn client(record: &ClientRecord) -> Wrapped<'_> {
    Wrapped { client: bare(record) }
}

/// A page of clients.
pub(super) fn list(records: &[ClientRecord]) -> ListView<'_> {
    ListView { clients: records.iter().map(bare).collect() }
}

fn bare(record: &ClientRecord) -> ClientView<'_> {
    let client = &record.client;
    let methods = client.contact_methods.as_slice().iter();
    let custom = custom_field::shown(record.fields.as_deref(), &client.custom_values);
    ClientView {
        id: client.object_id,
        name: client.name.as_str(),
        avatar_url: client.avatar_url.as_ref().map(WebUrl::as_str),
        contact_methods: methods
            .map(|method| ContactMethodView {
                kind: method.kind.as_str(),
                value: &method.value,
                preferred: method.preferred,
            })
            .collect(),
        custom_fields: custom
            .map(|(field_key, value, field)| CustomFieldView {
                field_id: field.map(|field| field.object_id),
                field_key,
                value,
            })
            .collect(),
        created_at: client.created_at,
        updated_at: client.updated_at,
    }
}

fn seconds<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time.seconds())
}
