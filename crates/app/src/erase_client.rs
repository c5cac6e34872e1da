//! Erase a client: nothing stays of it but its id and the chain of its audit trail.

use crate::App;
use crate::caller::Caller;
use crate::change_client::{Precondition, decide, write};
use crate::env::Env;
use crate::erased_imports;
use crate::error::AppError;
use crate::load::{self, ClientRef, Purpose};
use crate::recorder::Recorder;
use clientbook_model::audit::{Action, EntityType, Event};
use clientbook_model::client::{Client, ClientPatch};
use clientbook_model::collection::CollectionMode;
use clientbook_model::patch::Patch;
use clientbook_model::principal::Permission;
use clientbook_model::violation::Violation;
use clientbook_store::clients::{self, ClientKey};
use clientbook_store::{
    Db, Repeat, Tx, audit, client_listings, erased_clients, imports, merged_clients, tenants,
};

/// The most clients that an erased one may be the parent of: each is changed with it.
const CHILDREN: i64 = 1_000;

/// The most records that may have been joined to it: they are erased with it.
const JOINED: i64 = 1_000;

/// Entries that are erased at a time.
const PAGE: i64 = 100;

const IN_THE_WAY: &str = "what was asked for is erased, but a long read keeps its bytes in the files: \
    repeat the request until it succeeds";

impl App {
    /// Erases the client that `target` names, which must be in the mode `deleted`. Once this
    /// returns, no file of the store holds its values any more; on PostgreSQL, no row does. Again,
    /// if that could not be promised the first time. Needs `clients.delete`.
    pub async fn erase_client(
        &self,
        caller: &Caller,
        target: ClientRef,
        precondition: Precondition,
    ) -> Result<(), AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                load::still_works(tx, &caller, env.now()).await?;
                let (permission, purpose) = (Permission::ClientsDelete, Purpose::Change);
                // Values can be tried against a digest of few rows. Batches of imports take their
                // import's row first, then clients' and the tenant's.
                let known = load::client(tx, &caller, &target, permission, Purpose::Read).await;
                if let Ok(record) = known {
                    imports::forget_digests(tx, record.client.tenant_id).await?;
                }
                let client = match load::client(tx, &caller, &target, permission, purpose).await {
                    Err(missing @ AppError::NotFound(_)) => {
                        let erased = load::erased(tx, &caller, &target, &[permission]).await?;
                        let repeated = erased.is_some_and(|client| !client.scrubbed);
                        return if repeated { Ok(()) } else { Err(missing) };
                    }
                    record => record?.client,
                };
                precondition.check(client.version)?;
                if client.collection_mode != CollectionMode::Deleted {
                    let message = "must be deleted before the client can be erased";
                    let violation = Violation::new("deleted_first", message);
                    return Err(AppError::Conflict(violation.below("/collection_mode")));
                }
                erase(tx, &env, &caller, operation_id, client).await
            })
            .await?;
        // A task of its own: whoever hangs up, or has waited too long, leaves it to end.
        let app = self.clone();
        let scrubbed = tokio::spawn(async move { app.finish_erasures().await });
        scrubbed.await.unwrap_or_else(|error| Err(AppError::Internal(error.to_string())))
    }

    /// Has the bytes of what was deleted leave the files.
    pub(crate) async fn scrub_files(&self) -> Result<(), AppError> {
        let _turn = self.0.scrubs.lock().await;
        if self.0.db.scrub().await? {
            Ok(())
        } else {
            Err(AppError::Unavailable(IN_THE_WAY.into()))
        }
    }

    /// Has the bytes of erased clients leave the files, if some may be there: a server that stops, or
    /// is killed, cuts that off, and whoever asked for the erasure has no answer then. One at a time:
    /// who waits may find it done.
    pub async fn finish_erasures(&self) -> Result<(), AppError> {
        let _turn = self.0.scrubs.lock().await;
        scrub(&self.0.db).await
    }
}

async fn scrub(db: &Db) -> Result<(), AppError> {
    let unscrubbed =
        async |tx: &mut Tx| Ok::<_, AppError>(erased_clients::unscrubbed_across_tenants(tx).await?);
    // Those that are erased meanwhile are not in the log that is emptied, or not all of them.
    let clients = db.lookup(unscrubbed).await?;
    if clients.is_empty() {
        return Ok(());
    }
    client_listings::forget_removed(db).await?;
    if !db.scrub().await? {
        return Err(AppError::Unavailable(IN_THE_WAY.into()));
    }
    db.write(Repeat::Harmless, async move |tx: &mut Tx| {
        for (tenant, id) in &clients {
            erased_clients::set_scrubbed(tx, *tenant, *id).await?;
        }
        Ok(())
    })
    .await
}

async fn erase(
    tx: &mut Tx,
    env: &Env,
    caller: &Caller,
    operation_id: uuid::Uuid,
    client: Client,
) -> Result<(), AppError> {
    let (tenant_id, now) = (client.tenant_id, env.now().max(client.updated_at));
    let recorder = Recorder { env, caller, tenant_id, operation_id, now };
    let records = joined(tx, client).await?;
    for record in &records {
        leave_children(tx, &recorder, record).await?;
    }
    erased_imports::forget(tx, tenant_id, &records).await?;
    for Client { id, .. } in records {
        // Anew: they may have stood below each other.
        let record = clients::get_for_update(tx, tenant_id, ClientKey::Id(id)).await?;
        let gone = || AppError::Internal("a client vanished while it was erased".into());
        put_away(tx, &recorder, record.ok_or_else(gone)?.client).await?;
    }
    Ok(())
}

/// The client and the records that were joined to it, and those that were joined to them: all are of
/// the same client.
async fn joined(tx: &mut Tx, client: Client) -> Result<Vec<Client>, AppError> {
    let (tenant, mut open, mut found) = (client.tenant_id, vec![client.id], vec![client]);
    while let Some(winner) = open.pop() {
        for id in merged_clients::of(tx, tenant, winner, JOINED + 1).await? {
            let record = clients::get_for_update(tx, tenant, ClientKey::Id(id)).await?;
            found.extend(record.map(|record| record.client));
            open.push(id);
        }
    }
    if i64::try_from(found.len()).is_ok_and(|count| count > JOINED + 1) {
        let message = format!("more than {JOINED} records were joined to the client");
        return Err(AppError::Conflict(Violation::new("max_joined", message)));
    }
    Ok(found)
}

/// Leaves of a client what stays of an erased one.
async fn put_away(
    tx: &mut Tx,
    recorder: &Recorder<'_>,
    mut client: Client,
) -> Result<(), AppError> {
    let tenant_id = client.tenant_id;
    let mut from = 1;
    loop {
        let page = audit::chain(tx, tenant_id, client.id.0, from, PAGE).await?;
        let Some(last) = page.last() else { break };
        from = last.sequence + 1;
        for entry in page {
            erased_clients::reduce(tx, entry).await?;
        }
    }
    let (entity_type, entity_id) = (EntityType::Client, client.id.0);
    let event = Event { entity_type, entity_id, action: Action::ClientErased, changes: &[] };
    let as_read = client.clone();
    recorder.append(tx, client.id.0, &mut client.audit, &event).await?;
    let erased = Client { audit: client.audit, ..as_read };
    Ok(erased_clients::put(tx, &erased, recorder.now).await?)
}

/// Takes the client from those that have it for a parent. Each is told in its own trail. Whoever keeps
/// an answer that shows a client's parent holds that client's row, or the tenant's: once this is done,
/// all such answers are there, and new ones show no parent.
async fn leave_children(
    tx: &mut Tx,
    recorder: &Recorder<'_>,
    client: &Client,
) -> Result<(), AppError> {
    // Whoever makes a client the parent of another holds this too.
    tenants::lock(tx, client.tenant_id).await?;
    let children = clients::children(tx, client.tenant_id, client.number, CHILDREN + 1);
    let children = children.await?;
    if i64::try_from(children.len()).is_ok_and(|count| count > CHILDREN) {
        let message = format!(
            "the client is the parent of more than {CHILDREN} others: give them another, or none"
        );
        return Err(AppError::Conflict(Violation::new("max_children", message)));
    }
    for id in children {
        let key = ClientKey::Id(id);
        let Some(child) = clients::get_for_update(tx, client.tenant_id, key).await? else {
            continue;
        };
        let patch = ClientPatch { parent_client_id: Patch::Clear, ..ClientPatch::default() };
        let (next, changes) = decide(&child.client, &patch, Vec::new())?;
        if !changes.is_empty() {
            let now = recorder.now.max(child.client.updated_at);
            let recorder = Recorder { now, ..*recorder };
            write(tx, &recorder, child, next, changes).await?;
        }
    }
    Ok(())
}
