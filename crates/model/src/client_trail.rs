//! A client's fields as the audit trail holds them, and the way back from there.

use crate::client::{ClientPatch, FieldChange};
use crate::custom_field::FieldKey;
use crate::patch::{Parse, Patch, from_trail, value_from_trail};
use crate::status::Status;
use crate::success;
use crate::time::Timestamp;
use crate::violation::{Violation, step};
use serde_json::Value;

/// What a custom value's field begins with.
const CUSTOM: &str = "custom.";

/// The fields of the trail that are neither custom values nor customer-success attributes.
const FIELDS: [&str; 17] = [
    "number",
    "object_id",
    "name",
    "status",
    "collection_mode",
    "email",
    "tags",
    "org_id",
    "project_id",
    "owner_id",
    "avatar_url",
    "contact_methods",
    "external_id",
    "parent_client_id",
    "client_type_id",
    "workspace_deleted_at",
    "merged_into",
];

/// Whether a client has such a field.
pub fn is_field(field: &str) -> bool {
    FIELDS.contains(&field) || success::FIELDS.contains(&field) || field.starts_with(CUSTOM)
}

impl ClientPatch {
    /// The wish to have each field again as it was before these changes. What cannot be wished for
    /// is listed.
    pub fn back_to_before(changes: &[FieldChange]) -> Result<Self, Vec<Violation>> {
        let mut patch = Self::default();
        let mut violations = Vec::new();
        for FieldChange { field, before, .. } in changes {
            if let Err(violation) = patch.put_back(field, before) {
                violations.push(violation.below(&step(field)));
            }
        }
        if violations.is_empty() { Ok(patch) } else { Err(violations) }
    }

    fn put_back(&mut self, field: &str, value: &Value) -> Result<(), Violation> {
        match field {
            "name" => self.name = Some(Parse::parse(value)?),
            "status" => self.status.status = Some(status(value)?),
            "collection_mode" => self.collection_mode = Some(Parse::parse(value)?),
            "email" => self.email = nullable(value)?,
            "tags" => self.tags = Some(value_from_trail(value)?),
            "org_id" => self.org_id = nullable(value)?,
            "project_id" => self.project_id = nullable(value)?,
            "owner_id" => self.owner_id = nullable(value)?,
            "avatar_url" => self.avatar_url = nullable(value)?,
            "contact_methods" => self.contact_methods = Some(value_from_trail(value)?),
            "external_id" => self.external_id = nullable(value)?,
            "parent_client_id" => self.parent_client_id = from_trail(value)?,
            "client_type_id" => self.client_type_id = from_trail(value)?,
            // Taking it back follows from the status.
            "workspace_deleted_at" if value.is_null() => {}
            "workspace_deleted_at" => {
                self.workspace_deleted_at = Some(<Timestamp as Parse>::parse(value)?);
            }
            _ => return self.put_back_other(field, value),
        }
        Ok(())
    }

    fn put_back_other(&mut self, field: &str, value: &Value) -> Result<(), Violation> {
        if let Some(key) = field.strip_prefix(CUSTOM) {
            let value = Some(value.clone()).filter(|value| !value.is_null());
            self.custom_values.insert(FieldKey::new(key)?, value);
            return Ok(());
        }
        let fixed = || Violation::new("fixed", "a client keeps it from the start");
        self.success.set(field, value).ok_or_else(fixed)?
    }
}

fn status(value: &Value) -> Result<Status, Violation> {
    let found = value.as_str().and_then(Status::from_name);
    found.ok_or_else(|| Violation::not_one_of(&Status::ALL.map(Status::as_str)))
}

fn nullable<T: Parse>(value: &Value) -> Result<Patch<T>, Violation> {
    if value.is_null() { Ok(Patch::Clear) } else { T::parse(value).map(Patch::Set) }
}
