//! What the workspace API shows. Its times have no decimals.

use crate::shared::schema;
use clientbook_app::ClientRecord;
use clientbook_model::custom_field::FieldKey;
use clientbook_model::id::ObjectId;
use clientbook_model::time::Timestamp;
use clientbook_model::web::WebUrl;
use serde::{Serialize, Serializer};
use serde_json::Value;
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
    #[schema(value_type = String)]
    value: &'a Value,
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
    let custom = client.custom_values.iter();
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
            .map(|(key, value)| CustomFieldView { field_id: None, field_key: key, value })
            .collect(),
        created_at: client.created_at,
        updated_at: client.updated_at,
    }
}

fn seconds<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time.seconds())
}
