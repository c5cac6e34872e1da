//! Entries of the audit trail: as JSON, as lines of NDJSON that can be checked, and as rows of CSV.

use crate::shared::error::ApiError;
use crate::shared::schema;
use clientbook_model::audit::{Entry, Sealed, SealedChange};
use clientbook_model::id::{EntryId, TenantId, hex};
use clientbook_model::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Serialize, ToSchema)]
pub(super) struct AuditEntryView<'a> {
    #[schema(value_type = schema::Id)]
    id: EntryId,
    #[schema(value_type = super::docs::audit::Kind)]
    entity_type: &'static str,
    #[schema(value_type = schema::Id)]
    entity_id: Uuid,
    actor_id: &'a str,
    #[schema(value_type = super::docs::audit::ActionName)]
    action: &'static str,
    #[schema(schema_with = schema::values)]
    previous_value: Map<String, Value>,
    #[schema(schema_with = schema::values)]
    new_value: Map<String, Value>,
    #[schema(value_type = super::docs::audit::Door)]
    surface: &'static str,
    request_id: &'a str,
    #[schema(schema_with = super::docs::audit::address)]
    source_address: Value,
    #[schema(value_type = schema::Timestamp)]
    created_at: Timestamp,
    #[schema(value_type = schema::Digest)]
    entry_hash: String,
    #[schema(value_type = schema::Digest)]
    previous_hash: String,
}

/// An entry of the audit log.
pub(super) fn audit_entry(entry: &Entry) -> AuditEntryView<'_> {
    AuditEntryView {
        id: entry.id,
        entity_type: entry.entity_type.as_str(),
        entity_id: entry.entity_id,
        actor_id: &entry.actor_id,
        action: entry.action.as_str(),
        previous_value: values(entry, |change| &change.before),
        new_value: values(entry, |change| &change.after),
        surface: entry.surface.as_str(),
        request_id: &entry.request_id,
        source_address: entry.contents.source_address.value(),
        created_at: entry.created_at,
        entry_hash: hex(&entry.hash),
        previous_hash: hex(&entry.previous_hash),
    }
}

/// One side of what changed, without what is hidden from the reader.
pub(super) fn values(entry: &Entry, side: fn(&SealedChange) -> &Sealed) -> Map<String, Value> {
    let shown = entry.contents.changes.iter().filter(|change| !change.is_hidden());
    shown.map(|change| (change.field.clone(), side(change).value())).collect()
}

/// What a checker of the chain needs beside what the log shows.
#[derive(Serialize)]
struct LineView<'a> {
    #[serde(flatten)]
    shown: AuditEntryView<'a>,
    tenant_id: TenantId,
    chain_id: Uuid,
    sequence: i64,
    actor_kind: &'static str,
    operation_id: Uuid,
    /// Salts and texts, or digests where those are gone or hidden.
    sealed: Value,
}

/// An entry as a line of NDJSON, with its end.
pub(super) fn line(entry: &Entry) -> Result<Vec<u8>, ApiError> {
    let contents = &entry.contents;
    let changes = contents
        .changes
        .iter()
        .map(|change| json!([change.field, sealed(&change.before), sealed(&change.after)]));
    let view = LineView {
        shown: audit_entry(entry),
        tenant_id: entry.tenant_id,
        chain_id: entry.chain_id,
        sequence: entry.sequence,
        actor_kind: entry.actor_kind.as_str(),
        operation_id: entry.operation_id,
        sealed: json!({
            "actor_name": sealed(&contents.actor_name),
            "source_address": sealed(&contents.source_address),
            "changes": changes.collect::<Vec<_>>(),
        }),
    };
    let mut line = serde_json::to_vec(&view).map_err(|error| ApiError::internal(&error))?;
    line.push(b'\n');
    Ok(line)
}

fn sealed(sealed: &Sealed) -> Value {
    match sealed {
        Sealed::Open { salt, text } => json!({ "salt": hex(salt), "text": text }),
        Sealed::Erased { .. } | Sealed::Hidden { .. } => json!({ "digest": hex(&sealed.digest()) }),
    }
}

/// The columns of CSV.
pub(super) const COLUMNS: [&str; 13] = [
    "id",
    "created_at",
    "entity_type",
    "entity_id",
    "action",
    "actor_id",
    "surface",
    "request_id",
    "source_address",
    "previous_value",
    "new_value",
    "entry_hash",
    "previous_hash",
];

/// Entries as rows of CSV; with the names of the columns above the first.
pub(super) fn rows(entries: &[Entry], with_names: bool) -> Result<Vec<u8>, ApiError> {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(vec![]);
    if with_names {
        writer.write_record(COLUMNS).map_err(|error| ApiError::internal(&error))?;
    }
    for entry in entries {
        let address = match &entry.contents.source_address {
            Sealed::Open { .. } => entry.contents.source_address.value(),
            other => Value::from(other.value().to_string()),
        };
        let object = |side| Value::from(values(entry, side)).to_string();
        let cells = [
            entry.id.to_string(),
            entry.created_at.to_string(),
            entry.entity_type.as_str().to_owned(),
            entry.entity_id.to_string(),
            entry.action.as_str().to_owned(),
            entry.actor_id.clone(),
            entry.surface.as_str().to_owned(),
            entry.request_id.clone(),
            address.as_str().unwrap_or_default().to_owned(),
            object(|change| &change.before),
            object(|change| &change.after),
            hex(&entry.hash),
            hex(&entry.previous_hash),
        ];
        let cells = cells.map(harmless);
        writer.write_record(&cells).map_err(|error| ApiError::internal(&error))?;
    }
    writer.into_inner().map_err(|error| ApiError::internal(&error))
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn a_formula_becomes_text() {
        for (cell, expected) in
            [("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM", "'@SUM"), ("\t=1", "'\t=1")]
        {
            assert_eq!(harmless(cell.to_owned()), expected);
        }
        for fine in ["a=1", "", "2026-03-10", "{\"name\":\"=1\"}"] {
            assert_eq!(harmless(fine.to_owned()), fine);
        }
    }
}
