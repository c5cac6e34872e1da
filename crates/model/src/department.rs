//! Departments: how a client groups the users seen on its devices.

use crate::client::FieldChange;
use crate::id::{ClientId, DepartmentId, TenantId};
use crate::patch::Patch;
use crate::text::{Name, Text};
use crate::time::Timestamp;
use serde_json::{Value, json};

/// A department's name: 1 to 255 characters, no two of a client alike.
pub type DepartmentName = Name<255>;

/// What a department is for: 0 to 1,000 characters.
pub type DepartmentDescription = Text<1_000>;

/// The most departments of a client.
pub const MAX_DEPARTMENTS: i64 = 10_000;

/// A department of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Department {
    /// Its id.
    pub id: DepartmentId,
    /// Its client's tenant.
    pub tenant_id: TenantId,
    /// Its client.
    pub client_id: ClientId,
    /// What people call it.
    pub name: DepartmentName,
    /// What it is for.
    pub description: Option<DepartmentDescription>,
    /// Counts accepted changes, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a request wants of a department.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DepartmentPatch {
    /// This name.
    pub name: Option<DepartmentName>,
    /// This description.
    pub description: Patch<DepartmentDescription>,
}

impl Department {
    /// The department after `patch` and what changed. Version and time are the caller's to set.
    pub fn apply(&self, patch: &DepartmentPatch) -> (Self, Vec<FieldChange>) {
        let mut next = self.clone();
        if let Some(name) = &patch.name {
            next.name = name.clone();
        }
        patch.description.apply(&mut next.description);
        let changes = self.differences(&next);
        (next, changes)
    }

    /// What of it the audit trail follows, by the names there: what is null has no value.
    pub fn facts(&self) -> [(&'static str, Value); 2] {
        [("name", json!(self.name)), ("description", json!(self.description))]
    }

    /// What the entry of its making says.
    pub fn first_changes(&self) -> Vec<FieldChange> {
        let set = self.facts().into_iter().filter(|(_, after)| !after.is_null());
        set.map(|(field, after)| FieldChange { field: field.into(), before: Value::Null, after })
            .collect()
    }

    /// What the entry of its end says.
    pub fn last_changes(&self) -> Vec<FieldChange> {
        let set = self.facts().into_iter().filter(|(_, before)| !before.is_null());
        set.map(|(field, before)| FieldChange { field: field.into(), before, after: Value::Null })
            .collect()
    }

    fn differences(&self, next: &Self) -> Vec<FieldChange> {
        let pairs = self.facts().into_iter().zip(next.facts());
        let changed = pairs.filter(|((_, before), (_, after))| before != after);
        changed
            .map(|((field, before), (_, after))| FieldChange { field: field.into(), before, after })
            .collect()
    }
}
