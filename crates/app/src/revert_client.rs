//! Put fields of a client back to what they were before an entry of its trail.

use crate::App;
use crate::caller::Caller;
use crate::change_client::{ClientChange, Precondition, apply};
use crate::error::{AppError, Missing, enforce};
use crate::kept_answers::{About, Done, Once};
use crate::load::{self, ClientRef, Purpose};
use crate::references;
use clientbook_model::audit::{Action, EntityType, Entry};
use clientbook_model::client::{ClientPatch, FieldChange};
use clientbook_model::custom_field::{CustomWish, FieldKey};
use clientbook_model::id::EntryId;
use clientbook_model::policy::{self, ClientFacts};
use clientbook_model::principal::Permission;
use clientbook_model::violation::Violation;
use clientbook_store::clients::ClientRecord;
use clientbook_store::{Repeat, Tx, audit};
use serde_json::Value;
use std::collections::BTreeMap;

/// What it takes, beside what each field takes.
const PERMISSIONS: [Permission; 2] = [Permission::ClientsUpdate, Permission::AuditView];

impl App {
    /// Puts the fields of an entry back to their values before it, as a change like any other: it
    /// is audited, and what a rule forbids is refused. Needs `clients.update` and `audit.view`, and
    /// what each of the fields takes.
    pub async fn revert_client(
        &self,
        caller: &Caller,
        target: ClientRef,
        entry_id: EntryId,
        precondition: Precondition,
        once: Once<ClientRecord>,
    ) -> Result<Done<ClientRecord>, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                load::still_works(tx, &caller, env.now()).await?;
                let (permission, purpose) = (Permission::ClientsUpdate, Purpose::ChangeValues);
                let record = match load::client(tx, &caller, &target, permission, purpose).await {
                    Err(missing @ AppError::NotFound(_)) => {
                        let erased = load::erased(tx, &caller, &target, &PERMISSIONS).await?;
                        return Err(erased.map_or(missing, |_| erased_client()));
                    }
                    record => record?,
                };
                let client = &record.client;
                let facts = ClientFacts::from(client);
                let decision = policy::permits(&caller.principal, Permission::AuditView, &facts);
                enforce(decision, || target.missing())?;
                if let Some(kept) = once.seek(tx, &caller, env.now()).await? {
                    return Ok(Done::Told(kept.told));
                }
                let entry = audit::find(tx, client.tenant_id, client.id.0, entry_id).await?;
                let missing = || Missing { kind: "entry", id: entry_id.to_string() };
                let changes = before(&entry.ok_or_else(|| AppError::NotFound(missing()))?)?;
                let mut change = ClientChange::new(permission);
                change.patch = ClientPatch::back_to_before(&changes).map_err(AppError::Invalid)?;
                change.custom = wishes(std::mem::take(&mut change.patch.custom_values));
                let (record, took) =
                    apply(tx, &env, &caller, operation_id, record, &change, &precondition).await?;
                let record = references::shown_to(&caller.principal, record);
                let about = About::from(&record).changed(took);
                once.keep(tx, env.now(), about, record).await
            })
            .await
    }
}

/// Values go back as if they were sent: what their definitions say by now holds for them too.
fn wishes(values: BTreeMap<FieldKey, Option<Value>>) -> Vec<CustomWish> {
    let wish = |(key, value): (FieldKey, _)| {
        let at = || format!("/entry_id/{key}");
        let (key_at, value_at, id_at) = (at(), at(), at());
        CustomWish { key, value, field_id: None, key_at, value_at, id_at }
    };
    values.into_iter().map(wish).collect()
}

fn erased_client() -> AppError {
    AppError::Conflict(Violation::new("erased", "the client was erased: nothing can be put back"))
}

/// What an entry changed of its client.
fn before(entry: &Entry) -> Result<Vec<FieldChange>, AppError> {
    let changes_fields =
        matches!(entry.action, Action::ClientUpdated | Action::CollectionModeChanged);
    if entry.entity_type != EntityType::Client || !changes_fields {
        let message = "must be an entry that changed fields of the client";
        let violation = Violation::new("changes_fields", message).below("/entry_id");
        return Err(AppError::Conflict(violation));
    }
    let changes = entry.contents.changes.iter().map(|change| {
        let before = change.before.open()?;
        Some(FieldChange { field: change.field.clone().into(), before, after: Value::Null })
    });
    changes.collect::<Option<_>>().ok_or_else(erased_client)
}
