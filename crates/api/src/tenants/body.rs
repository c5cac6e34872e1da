//! Reads the bodies of creations and changes.

use super::views;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::{Fields, same_id, tags};
use clientbook_app::{ClientChange, ClientRecord, Home, NewClient};
use clientbook_model::client::ClientPatch;
use clientbook_model::patch::Parse;
use clientbook_model::status::Status;
use clientbook_model::violation::Violation;
use serde_json::Value;

/// What can be said of a new client.
pub(super) const NEW: &[&str] =
    &["name", "email", "tags", "status", "org_id", "project_id", "owner_id"];

/// What a change can hold: what is written, and what callers send back as they read it.
pub(super) const KNOWN: &[&str] = &[
    "name",
    "email",
    "tags",
    "status",
    "active",
    "org_id",
    "project_id",
    "owner_id",
    "id",
    "client_id",
    "tenant_id",
    "created_at",
    "updated_at",
];

pub(super) fn new_client(call: &Call, home: Home) -> Result<NewClient, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", NEW);
    let mut patch = ClientPatch { name: fields.required("name"), ..ClientPatch::default() };
    profile(&mut fields, &mut patch);
    Ok(NewClient { home, patch, custom: Vec::new(), violations: fields.violations })
}

pub(super) fn change(call: &Call) -> Result<ClientChange, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", KNOWN);
    let mut change = ClientChange::new(call.permission);
    change.patch.name = fields.set("name");
    change.patch.status.active = fields.set("active");
    profile(&mut fields, &mut change.patch);
    fields.echo("id", |record, sent| sent.as_i64() == Some(record.client.number.get()));
    fields.echo("client_id", |record, sent| same_id(sent, &record.client.id));
    fields.echo("tenant_id", is_tenant);
    change.echoes = fields.echoes;
    change.violations = fields.violations;
    Ok(change)
}

fn profile(fields: &mut Fields<'_>, patch: &mut ClientPatch) {
    patch.email = fields.patch("email");
    patch.tags = tags(fields);
    patch.status.status = fields.set("status").map(|InWords(status)| status);
    patch.org_id = fields.patch("org_id");
    patch.project_id = fields.patch("project_id");
    patch.owner_id = fields.patch("owner_id");
}

// A path may name it by any of the three, so what is sent back may too.
fn is_tenant(record: &ClientRecord, sent: &Value) -> bool {
    let tenant = &record.tenant;
    sent.as_str() == Some(tenant.slug.as_str())
        || same_id(sent, &tenant.id)
        || same_id(sent, &tenant.object_id)
}

/// A status as this surface names it.
struct InWords(Status);

impl Parse for InWords {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let found = Status::ALL.into_iter().find(|one| value.as_str() == Some(views::status(*one)));
        found.map(Self).ok_or_else(|| Violation::not_one_of(&Status::ALL.map(views::status)))
    }
}
