//! Delete a custom field with its values, of as many clients as hold one.
//!
//! The definition is marked first: with that it is gone for everyone, and its values are hidden on
//! every surface. Then the values are dropped, some clients at a time, and at last the definition
//! with its key. Whatever ends the program in between, the next start goes on, and so does whoever
//! deletes the field again. Until the end nobody can define the key anew.

use super::{FieldRef, Place, begin};
use crate::App;
use crate::caller::Caller;
use crate::change_client::{Precondition, write};
use crate::error::{AppError, Missing};
use crate::recorder::Recorder;
use clientbook_model::audit::{Action, EntityType, Event};
use clientbook_model::field::{Field, FieldPatch, FieldStatus};
use clientbook_model::id::ObjectId;
use clientbook_model::violation::Violation;
use clientbook_store::clients::ClientKey;
use clientbook_store::{Repeat, Tx, client_values, clients, fields};
use std::time::Duration;

/// Clients of one transaction.
const BATCH: i64 = 200;

/// How long a caller waits for the values: with many clients they are dropped behind its back.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long to wait before a store that was away is asked again.
const PAUSE: Duration = Duration::from_secs(5);

impl App {
    /// Deletes the field that `target` names, and its values. When this returns, nobody sees either
    /// any more; with very many clients the values are still being dropped.
    pub async fn delete_field(
        &self,
        caller: &Caller,
        target: FieldRef,
        precondition: Precondition,
    ) -> Result<(), AppError> {
        let place = self.mark(caller, target, precondition).await?;
        // A task of its own: a caller that goes away does not end it.
        let task = tokio::spawn(self.clone().drop_field(caller.clone(), place));
        match tokio::time::timeout(PATIENCE, task).await {
            Ok(Ok(())) | Err(_) => Ok(()),
            Ok(Err(error)) => Err(AppError::Internal(error.to_string())),
        }
    }

    /// Goes on with what was being deleted when the program ended.
    pub(crate) async fn go_on_deleting_fields(&self) -> Result<(), AppError> {
        let all = async |tx: &mut Tx| fields::deleting_across_tenants(tx).await;
        for place in self.0.db.scan(all).await? {
            let caller = Caller::system("deleting a field".into());
            tokio::spawn(self.clone().drop_field(caller, place));
        }
        Ok(())
    }

    async fn mark(
        &self,
        caller: &Caller,
        target: FieldRef,
        precondition: Precondition,
    ) -> Result<Place, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                let defining = begin(tx, &env, &caller, operation_id, &target.home, &[]).await?;
                let tenant = defining.tenant.id;
                let id = ObjectId::parse_hex(&target.asked);
                let missing = || Missing { kind: "field", id: target.asked.clone() };
                let mut all = defining.fields.all().iter();
                let field = all.find(|field| Some(field.object_id) == id);
                let field = field.ok_or_else(|| AppError::NotFound(missing()))?;
                if field.status == FieldStatus::Deleting {
                    return Ok((tenant, field.id));
                }
                precondition.check(field.version)?;
                let status = Some(FieldStatus::Deleting);
                let patch = FieldPatch { status, ..FieldPatch::default() };
                let wrong = |broken: Violation| AppError::Internal(broken.message);
                let (mut next, changes) = field.apply(&patch).map_err(wrong)?;
                defining.touch(&mut next);
                fields::update(tx, tenant, &next).await?;
                defining.end(tx, Action::FieldUpdated, &[(&next, changes)]).await?;
                Ok((tenant, next.id))
            })
            .await
    }

    /// Drops all values of a field that is marked, and the definition at last.
    async fn drop_field(self, caller: Caller, place: Place) {
        loop {
            let dropped = match self.drop_values(&caller, place).await {
                Ok(true) => continue,
                Ok(false) => self.finish(&caller, place).await,
                Err(error) => Err(error),
            };
            match dropped {
                Ok(true) => return,
                Ok(false) => {}
                Err(AppError::Unavailable(_) | AppError::InDoubt(_) | AppError::StorageFull) => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => {
                    let (tenant, field) = place;
                    tracing::error!(%tenant, %field, ?error, "a field cannot be deleted");
                    return;
                }
            }
        }
    }

    /// Drops the values of some clients; whether there may be more.
    async fn drop_values(&self, caller: &Caller, place: Place) -> Result<bool, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write_many(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                let (tenant_id, id) = place;
                // Keeps the key from coming back while values go.
                fields::share(tx, tenant_id).await?;
                let Some(field) = marked(tx, place).await? else { return Ok(false) };
                let holders = client_values::holder_ids(tx, tenant_id, &field.key, BATCH).await?;
                for client in &holders {
                    let found = clients::get_for_update(tx, tenant_id, ClientKey::Id(*client));
                    let Some(record) = found.await? else { continue };
                    let now = env.now().max(record.client.updated_at);
                    let (env, caller) = (&env, &caller);
                    let recorder = Recorder { env, caller, tenant_id, operation_id, now };
                    let (next, changes) = record.client.without_custom(&field.key);
                    if changes.is_empty() {
                        client_values::remove(tx, tenant_id, &field.key, *client).await?;
                    } else {
                        write(tx, &recorder, record, next, changes).await?;
                    }
                }
                tracing::debug!(%tenant_id, field = %id, count = holders.len(), "values dropped");
                Ok(!holders.is_empty())
            })
            .await
    }

    /// Removes a definition whose values are gone; whether that is done.
    async fn finish(&self, caller: &Caller, place: Place) -> Result<bool, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                let (tenant_id, id) = place;
                fields::lock(tx, tenant_id).await?;
                let Some(field) = marked(tx, place).await? else { return Ok(true) };
                if !client_values::holder_ids(tx, tenant_id, &field.key, 1).await?.is_empty() {
                    return Ok(false);
                }
                fields::delete(tx, tenant_id, id).await?;
                fields::set_revision(tx, tenant_id, env.random_uuid()).await?;
                let now = env.now().max(field.updated_at);
                let (env, caller) = (&env, &caller);
                let recorder = Recorder { env, caller, tenant_id, operation_id, now };
                let event = Event {
                    entity_type: EntityType::Field,
                    entity_id: id.0,
                    action: Action::FieldDeleted,
                    changes: &field.last_changes(),
                };
                recorder.append_to_tenant(tx, &event).await?;
                Ok(true)
            })
            .await
    }
}

async fn marked(tx: &mut Tx, (tenant, id): Place) -> Result<Option<Field>, AppError> {
    let field = fields::get(tx, tenant, id).await?;
    Ok(field.filter(|field| field.status == FieldStatus::Deleting))
}
