//! A client as the cells of a row, and rows as bytes.

use super::columns::{COLUMNS, Kind};
use super::csv_cell::guard;
use super::{Format, token};
use crate::client::Client;
use crate::contact::{ContactMethods, EmailAddress};
use crate::custom_field;
use crate::enrollment::{EnrollmentToken, EnrollmentTokenStatus};
use crate::field::Fields;
use crate::number::Reference;
use crate::success::ClientType;
use crate::text::{ScopeId, Text};
use crate::time::Timestamp;
use crate::web::WebUrl;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The values of every column, in their order; null where unset. `fields` are its tenant's
/// definitions. Who does not manage tokens sees those that work at `readers_at`.
pub fn cells(
    client: &Client,
    fields: Option<&Fields>,
    client_type: Option<&ClientType>,
    token: Option<&EnrollmentToken>,
    readers_at: Option<Timestamp>,
) -> Vec<Value> {
    let token = match readers_at {
        None => token.map(token::shown),
        Some(now) => token
            .filter(|token| token.status(now) == EnrollmentTokenStatus::Active)
            .map(token::shown_to_readers),
    };
    // What has a value; the attributes name themselves.
    let mut success = match json(&client.success) {
        Value::Object(attributes) => attributes,
        _ => Map::new(),
    };
    let time = |time: Timestamp| Value::from(time.to_string());
    let scope = |id: Option<&ScopeId>| id.map(ScopeId::as_str).into();
    let mut value = |name: &str| match name {
        "id" => client.id.to_string().into(),
        "number" => client.number.get().into(),
        "object_id" => client.object_id.to_string().into(),
        "name" => client.name.as_str().into(),
        "status" => client.status.as_str().into(),
        "collection_mode" => client.collection_mode.as_str().into(),
        "email" => client.email.as_ref().map(EmailAddress::as_str).into(),
        "tags" => json(&client.tags),
        "org_id" => scope(client.org_id.as_ref()),
        "project_id" => scope(client.project_id.as_ref()),
        "owner_id" => scope(client.owner_id.as_ref()),
        "avatar_url" => client.avatar_url.as_ref().map(WebUrl::as_str).into(),
        "contact_methods" => contact_methods(&client.contact_methods),
        "custom" => custom_field::shown(fields, &client.custom_values)
            .map(|(key, value, _)| (key.to_string(), value.clone()))
            .collect(),
        "external_id" => client.external_id.as_ref().map(Text::as_str).into(),
        "parent_client_id" => client.parent_client_id.map(Reference::get).into(),
        "client_type_id" => client.client_type_id.map(Reference::get).into(),
        "client_type_title" => client_type.map(|known| known.title.as_str()).into(),
        "enrollment_token" => token.clone().into(),
        "created_at" => time(client.created_at),
        "updated_at" => time(client.updated_at),
        "workspace_deleted_at" => client.workspace_deleted_at.map(time).into(),
        attribute => success.remove(attribute).unwrap_or_default(),
    };
    COLUMNS.iter().map(|column| value(column.name)).collect()
}

fn json(value: &impl Serialize) -> Value {
    crate::client::json(value)
}

fn contact_methods(methods: &ContactMethods) -> Value {
    let method = |method: &crate::contact::ContactMethod| {
        json!({
            "type": method.kind.as_str(),
            "value": method.value,
            "preferred": method.preferred,
        })
    };
    methods.as_slice().iter().map(method).collect()
}

/// Writes rows one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Writer(Format);

impl Writer {
    /// In this form.
    pub fn new(format: Format) -> Self {
        Self(format)
    }

    /// What stands before the first row.
    pub fn begin(self, out: &mut Vec<u8>) {
        if self.0 == Format::Csv {
            for (at, column) in COLUMNS.iter().enumerate() {
                cell(out, at, column.name);
            }
            out.push(b'\n');
        }
    }

    /// One row of `cells`.
    pub fn row(self, out: &mut Vec<u8>, cells: &[Value]) {
        for (at, (column, value)) in COLUMNS.iter().zip(cells).enumerate() {
            match self.0 {
                Format::Ndjson => {
                    out.extend_from_slice(if at == 0 { b"{\"" } else { b",\"" });
                    out.extend_from_slice(column.name.as_bytes());
                    out.extend_from_slice(b"\":");
                    // Writing to memory cannot fail, and our values have text for keys.
                    let _infallible = serde_json::to_writer(&mut *out, value);
                }
                Format::Csv => cell(out, at, &text(column.kind, value)),
            }
        }
        out.extend_from_slice(if self.0 == Format::Ndjson { b"}\n" } else { b"\n" });
    }
}

/// A value as a cell holds it; what is empty is an empty cell.
fn text(kind: Kind, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(items) if items.is_empty() => String::new(),
        Value::Object(entries) if entries.is_empty() => String::new(),
        Value::String(text) if kind == Kind::Text => guard(text).into_owned(),
        value => value.to_string(),
    }
}

fn cell(out: &mut Vec<u8>, at: usize, text: &str) {
    if at > 0 {
        out.push(b',');
    }
    // Spaces at the ends are quoted for readers that cut them off.
    let special = |byte: u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    let plain = !text.bytes().any(special) && text.trim() == text;
    if plain {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
