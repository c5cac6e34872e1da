//! Change many clients at once: the same patch for each, each by itself.
//!
//! Clients are changed in batches of one transaction each, so that nobody waits long for a row, and a
//! client's change stands with its audit entry. What stops the call in its middle stops the rest: the
//! answer says of each client what became of it.

use crate::App;
use crate::caller::Caller;
use crate::change_client::{ClientChange, Precondition, apply};
use crate::env::Env;
use crate::error::{AppError, Forbidden, invalid};
use crate::kept_answers::{About, Done, Once};
use crate::list_clients::filter;
use crate::load::{self, ClientRef, Home, Purpose};
use clientbook_model::client::ClientPatch;
use clientbook_model::client_filter::ClientWishes;
use clientbook_model::id::ClientId;
use clientbook_model::principal::Permission;
use clientbook_store::client_lists::{self, Order, Sort};
use clientbook_store::clients::ClientKey;
use clientbook_store::{Repeat, Tx};
use std::sync::Arc;
use uuid::Uuid;

/// The most clients of one call.
pub const MAX_CLIENTS: usize = 10_000;

/// Clients that are changed in one transaction: well under a thousand rows.
const BATCH: usize = 100;

/// Clients that are found in one transaction.
const PAGE: i64 = 500;

/// Which clients to change.
#[derive(Debug, Clone)]
pub enum Targets {
    /// These.
    Ids(Vec<ClientId>),
    /// Those of a tenant that a list with these wishes would show.
    Matching {
        /// Whose.
        home: Home,
        /// Which of them.
        wishes: ClientWishes,
    },
}

/// A change of many clients.
#[derive(Debug, Clone)]
pub struct BulkChange {
    /// Which.
    pub targets: Targets,
    /// What to change of each.
    pub patch: ClientPatch,
    /// Only count them.
    pub dry_run: bool,
}

/// What became of many clients.
#[derive(Debug, Clone, Default)]
pub struct BulkOutcome {
    /// How many of those asked for are there, for this caller.
    pub matched: usize,
    /// Those that are now as asked for.
    pub succeeded: Vec<ClientId>,
    /// The others, and why.
    pub failed: Vec<(ClientId, AppError)>,
    /// Something stopped the call before its end.
    pub is_stopped: bool,
    /// Some of them had to be changed for that.
    has_changed: bool,
}

/// The permissions that a patch takes, whatever it comes to.
fn needed(patch: &ClientPatch) -> Vec<Permission> {
    let mut needed = Vec::new();
    if patch.name.is_some() || patch.tags.is_some() {
        needed.push(Permission::ClientsUpdate);
    }
    if patch.status.status.is_some() || patch.status.active.is_some() {
        needed.push(Permission::ClientsStatus);
    }
    if patch.collection_mode.is_some() {
        needed.push(Permission::CollectionUpdate);
    }
    needed
}

impl App {
    /// Whether the caller may change any client at all: said before what is wrong with its request.
    pub fn may_change_clients(caller: &Caller) -> Result<(), AppError> {
        let any =
            [Permission::ClientsUpdate, Permission::ClientsStatus, Permission::CollectionUpdate];
        if any.into_iter().any(|one| caller.principal.permissions.has(one)) {
            return Ok(());
        }
        Err(AppError::Forbidden(Forbidden::Lacks(Permission::ClientsUpdate)))
    }

    /// Makes one change of many clients, 10,000 at most. Needs what the patch needs, and
    /// `clients.view` to find clients instead of naming them.
    pub async fn change_clients(
        &self,
        caller: &Caller,
        bulk: BulkChange,
        once: Once<BulkOutcome>,
    ) -> Result<Done<BulkOutcome>, AppError> {
        let needed = needed(&bulk.patch);
        let finds = matches!(bulk.targets, Targets::Matching { .. });
        let all = needed.iter().copied().chain(finds.then_some(Permission::ClientsView));
        for permission in all {
            if !caller.principal.permissions.has(permission) {
                return Err(AppError::Forbidden(Forbidden::Lacks(permission)));
            }
        }
        let once = Arc::new(once.within(&caller.principal));
        if once.is_keyed()
            && let Some(told) = seek_bulk(self, caller, Arc::clone(&once), anybody).await?
        {
            return Ok(told);
        }
        let permission = needed.first().copied().unwrap_or(Permission::ClientsUpdate);
        let change = ClientChange { patch: bulk.patch, ..ClientChange::new(permission) };
        let (ids, named) = match bulk.targets {
            Targets::Ids(ids) => (ids, true),
            Targets::Matching { home, wishes } => (self.find(caller, home, wishes).await?, false),
        };
        if bulk.dry_run {
            let matched =
                if named { self.count(caller, permission, ids).await? } else { ids.len() };
            return Ok(Done::Now(BulkOutcome { matched, ..BulkOutcome::default() }));
        }
        let outcome = self.change_each(caller, &change, ids).await?;
        // What broke off is finished by a repeat.
        if once.is_keyed() && !outcome.is_stopped {
            let about = About { idle: !outcome.has_changed, ..About::default() };
            return keep_bulk(self, once, about, outcome).await;
        }
        Ok(Done::Now(outcome))
    }

    /// The clients that a list would show, oldest first: an order that no change here touches.
    async fn find(
        &self,
        caller: &Caller,
        home: Home,
        wishes: ClientWishes,
    ) -> Result<Vec<ClientId>, AppError> {
        let sort = Sort { order: Order::CreatedAt, descending: false };
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let (caller, home, wishes) = (caller.clone(), home.clone(), wishes.clone());
            let page = self.0.db.scan(async move |tx: &mut Tx| {
                let filter = filter(tx, &caller, &home, &wishes).await?;
                let page = client_lists::page(tx, &filter, sort, after.as_ref(), PAGE).await?;
                Ok::<_, AppError>(page)
            });
            let page = page.await?;
            ids.extend(page.ids);
            if ids.len() > MAX_CLIENTS {
                let message = format!("must not match more than {MAX_CLIENTS} clients: narrow it");
                return Err(invalid("/filter", "max_items", message));
            }
            let Some(next) = page.next else {
                return Ok(ids);
            };
            after = Some(next);
        }
    }

    /// How many of these the caller may change.
    async fn count(
        &self,
        caller: &Caller,
        permission: Permission,
        ids: Vec<ClientId>,
    ) -> Result<usize, AppError> {
        let mut count = 0;
        for batch in ids.chunks(BATCH) {
            let (caller, batch) = (caller.clone(), batch.to_vec());
            let found = self.0.db.scan(async move |tx: &mut Tx| {
                let mut found = 0;
                for id in &batch {
                    let target = target(*id);
                    match load::client(tx, &caller, &target, permission, Purpose::Read).await {
                        Ok(_) => found += 1,
                        Err(error) if is_of_one(&error) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(found)
            });
            count += found.await?;
        }
        Ok(count)
    }

    async fn change_each(
        &self,
        caller: &Caller,
        change: &ClientChange,
        ids: Vec<ClientId>,
    ) -> Result<BulkOutcome, AppError> {
        let mut outcome = BulkOutcome::default();
        let mut batches = ids.chunks(BATCH);
        while let Some(batch) = batches.next() {
            match self.change_batch(caller, change, batch.to_vec()).await {
                Ok(done) => done.into_iter().for_each(|(id, done)| outcome.note(id, done)),
                // Nothing was done before, and nobody need look.
                Err(error) if outcome.is_empty() && !matches!(error, AppError::InDoubt(_)) => {
                    return Err(error);
                }
                Err(error) => {
                    let left = batches.flatten().copied();
                    outcome.stop(batch, left, &error);
                    return Ok(outcome);
                }
            }
        }
        Ok(outcome)
    }

    async fn change_batch(
        &self,
        caller: &Caller,
        change: &ClientChange,
        ids: Vec<ClientId>,
    ) -> Result<Vec<(ClientId, Result<bool, AppError>)>, AppError> {
        let (env, caller, change) = (self.0.env.clone(), caller.clone(), change.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write_many(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                load::still_works(tx, &caller, env.now()).await?;
                // Calls about the same clients take them in one order, so that none waits for
                // another in a circle.
                let mut places: Vec<_> = ids.iter().copied().enumerate().collect();
                places.sort_by_key(|(_, id)| *id);
                let mut done = Vec::with_capacity(ids.len());
                for (place, id) in places {
                    let changed = change_one(tx, &env, &caller, operation_id, &change, id).await;
                    match changed {
                        Err(error) if !is_of_one(&error) => return Err(error),
                        changed => done.push((place, (id, changed))),
                    }
                }
                done.sort_by_key(|(place, _)| *place);
                Ok(done.into_iter().map(|(_, done)| done).collect())
            })
            .await
    }
}

/// Keeps the answer of a call about many things, in a transaction after the last of its own.
pub(crate) async fn keep_bulk<T: Clone + Send + Sync + 'static>(
    app: &App,
    once: Arc<Once<T>>,
    about: About,
    outcome: T,
) -> Result<Done<T>, AppError> {
    let (env, told) = (app.0.env.clone(), outcome.clone());
    let keep = async move |tx: &mut Tx| once.keep(tx, env.now(), about, told.clone()).await;
    match app.0.db.write(Repeat::Harmless, keep).await {
        Err(full @ AppError::NoRoomToKeep(_)) => Err(full),
        // What is done is done: a repeat finds everything as asked for, and changes nothing.
        Err(error) => {
            tracing::warn!(?error, "the answer of a bulk call could not be kept");
            Ok(Done::Now(outcome))
        }
        kept => kept,
    }
}

/// The kept answer of a call about many things, if it is a repeat by somebody whom `admit` lets do
/// it.
pub(crate) async fn seek_bulk<T: Send + Sync + 'static>(
    app: &App,
    caller: &Caller,
    once: Arc<Once<T>>,
    admit: impl AsyncFn(&mut Tx) -> Result<(), AppError> + Send + 'static,
) -> Result<Option<Done<T>>, AppError> {
    let (env, caller) = (app.0.env.clone(), caller.clone());
    let seek = async move |tx: &mut Tx| {
        load::still_works(tx, &caller, env.now()).await?;
        admit(tx).await?;
        Ok::<_, AppError>(
            once.seek(tx, &caller, env.now()).await?.map(|kept| Done::Told(kept.told)),
        )
    };
    app.0.db.write(Repeat::Harmless, seek).await
}

/// Whoever may change clients at all was asked for before.
async fn anybody(_: &mut Tx) -> Result<(), AppError> {
    Ok(())
}

/// Whether it had to be changed.
async fn change_one(
    tx: &mut Tx,
    env: &Env,
    caller: &Caller,
    operation_id: Uuid,
    change: &ClientChange,
    id: ClientId,
) -> Result<bool, AppError> {
    let target = target(id);
    let record = load::client(tx, caller, &target, change.permission, Purpose::Change).await?;
    let precondition = Precondition::None;
    let done = apply(tx, env, caller, operation_id, record, change, &precondition).await;
    done.map(|(_, took)| took.iter().next().is_some())
}

fn target(id: ClientId) -> ClientRef {
    ClientRef { tenant: None, asked: id.to_string(), key: Some(ClientKey::Id(id)) }
}

/// Whether a refusal is about one client. It comes before anything is written of that client, so the
/// others of its batch stand.
fn is_of_one(error: &AppError) -> bool {
    matches!(
        error,
        AppError::NotFound(_)
            | AppError::Forbidden(_)
            | AppError::Invalid(_)
            | AppError::Transition(_)
    )
}

impl BulkOutcome {
    fn is_empty(&self) -> bool {
        self.succeeded.is_empty() && self.failed.is_empty()
    }

    fn note(&mut self, id: ClientId, done: Result<bool, AppError>) {
        match done {
            Ok(has_changed) => {
                self.has_changed |= has_changed;
                self.matched += 1;
                self.succeeded.push(id);
            }
            Err(error) => {
                // A client that the caller may not know of, or touch, is none of those asked for.
                let outside = matches!(
                    error,
                    AppError::NotFound(_) | AppError::Forbidden(Forbidden::OutsideRestriction)
                );
                self.matched += usize::from(!outside);
                self.failed.push((id, error));
            }
        }
    }

    /// Says of the batch in which something failed, and of all that were still to come, that they
    /// were not changed, or perhaps were.
    fn stop(&mut self, batch: &[ClientId], left: impl Iterator<Item = ClientId>, error: &AppError) {
        let rest = match error {
            // Only of the batch is it in doubt.
            AppError::InDoubt(why) => AppError::Unavailable(why.clone()),
            other => other.clone(),
        };
        let stopped = batch.iter().map(|id| (*id, error.clone()));
        let stopped: Vec<_> = stopped.chain(left.map(|id| (id, rest.clone()))).collect();
        self.is_stopped = true;
        self.matched += stopped.len();
        self.failed.extend(stopped);
    }
}
