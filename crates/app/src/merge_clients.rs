//! Join two records of one client.

use crate::App;
use crate::caller::Caller;
use crate::change_client::{Precondition, decide, write};
use crate::dry_run::{self, Stop};
use crate::env::Env;
use crate::error::{AppError, Forbidden, Missing, enforce, invalid};
use crate::kept_answers::{About, Done, Once};
use crate::load::{self, ClientRef, Purpose};
use crate::recorder::Recorder;
use crate::references;
use clientbook_model::audit::{Action, EntityType, Event};
use clientbook_model::client::{Client, ClientPatch, FieldChange};
use clientbook_model::collection::CollectionMode;
use clientbook_model::field::Fields;
use clientbook_model::id::{ClientId, ClientNumber};
use clientbook_model::merge::{self, Difference};
use clientbook_model::number::Reference;
use clientbook_model::patch::Patch;
use clientbook_model::policy::{self, ClientFacts, Decision};
use clientbook_model::principal::{Permission, Permissions};
use clientbook_model::violation::Violation;
use clientbook_store::clients::{ClientKey, ClientRecord};
use clientbook_store::{
    Repeat, Tx, client_keys, client_listings, clients, devices, fields, merged_clients, tenants,
};
use serde_json::json;
use uuid::Uuid;

/// The most clients that may stand below the one that is given up: they are moved in the same
/// transaction.
const MAX_CHILDREN: i64 = 500;

/// Which records to join, and how.
#[derive(Debug, Clone)]
pub struct Merge {
    /// The record that is given up.
    pub loser_id: ClientId,
    /// Fields, by their names in the audit trail, whose value is the loser's.
    pub take: Vec<String>,
    /// Only if this holds of the winner.
    pub precondition: Precondition,
    /// Only say what the record would become.
    pub dry_run: bool,
}

/// What two records became.
#[derive(Debug, Clone)]
pub struct Merged {
    /// The record that is left.
    pub record: ClientRecord,
    /// The one that was given up.
    pub loser_id: ClientId,
    /// Where they differed, and whose value stands.
    pub differences: Vec<Difference>,
    /// What it took.
    pub permissions: Permissions,
}

/// What the steps of one merge share.
struct Merging<'a> {
    env: &'a Env,
    caller: &'a Caller,
    operation_id: Uuid,
    merge: &'a Merge,
}

impl App {
    /// Joins another record of the same client into the one that `target` names. Every name of the
    /// other leads to this one from then on. Needs `clients.update` and `clients.delete` for both, and
    /// what changing the status or the mode takes where they differ in it.
    pub async fn merge_clients(
        &self,
        caller: &Caller,
        target: ClientRef,
        merge: Merge,
        once: Once<Merged>,
    ) -> Result<Done<Merged>, AppError> {
        let (env, caller, once) =
            (self.0.env.clone(), caller.clone(), once.within(&caller.principal));
        let operation_id = env.uuid(env.now());
        let done = self.0.db.write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
            load::still_works(tx, &caller, env.now()).await?;
            lock_in_order(tx, &caller, &target, merge.loser_id).await?;
            let winner = admitted(tx, &caller, &target).await?;
            if let Some(kept) = once.seek(tx, &caller, env.now()).await? {
                return Ok(Done::Told(kept.told));
            }
            let merging = Merging { env: &env, caller: &caller, operation_id, merge: &merge };
            let merged = Box::pin(merging.run(tx, winner)).await?;
            if merge.dry_run {
                return Err(Stop::DryRun(merged));
            }
            let about = About::from(&merged.record).with(merged.permissions);
            Ok(once.keep(tx, env.now(), about, merged).await?)
        });
        dry_run::told(done.await)
    }
}

/// A record that the caller may both change and end.
async fn admitted(
    tx: &mut Tx,
    caller: &Caller,
    target: &ClientRef,
) -> Result<ClientRecord, AppError> {
    let record =
        load::client(tx, caller, target, Permission::ClientsDelete, Purpose::ChangeValues).await?;
    let facts = ClientFacts::from(&record.client);
    let decision = policy::permits(&caller.principal, Permission::ClientsUpdate, &facts);
    enforce(decision, || Missing { kind: "client", id: target.asked.clone() })?;
    Ok(record)
}

/// Calls about the same records take them in one order, that of their ids, as bulk calls do, and before
/// the tenant: none waits for another in a circle. Those below the loser are changed too; one that comes
/// there just now may still be waited for. What is wrong with a record is said in its turn.
async fn lock_in_order(
    tx: &mut Tx,
    caller: &Caller,
    winner: &ClientRef,
    loser: ClientId,
) -> Result<(), AppError> {
    let (tenant, key) = (winner.tenant.clone(), Some(ClientKey::Id(loser)));
    let target = ClientRef { tenant, asked: loser.to_string(), key };
    let found = load::client(tx, caller, &target, Permission::ClientsDelete, Purpose::Read).await;
    let loser = match found {
        Ok(record) => record.client,
        Err(AppError::NotFound(_) | AppError::Forbidden(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    let tenant = loser.tenant_id;
    let mut ids = clients::children(tx, tenant, loser.number, MAX_CHILDREN).await?;
    ids.push(loser.id);
    if let Some(ClientKey::Id(id)) = winner.key {
        ids.push(id);
    }
    fields::share(tx, tenant).await?;
    Ok(client_keys::lock(tx, tenant, &ids).await?)
}

impl Merging<'_> {
    async fn run(&self, tx: &mut Tx, winner: ClientRecord) -> Result<Merged, AppError> {
        let loser = self.loser(tx, &winner.client).await?;
        self.merge.precondition.check(winner.client.version)?;
        if winner.client.collection_mode == CollectionMode::Deleted {
            let message = "the client's collection mode is deleted: nothing may be joined to it";
            return Err(AppError::Conflict(Violation::new("client_deleted", message)));
        }
        self.admit_states(&winner.client, &loser.client)?;
        without_devices(tx, &loser.client).await?;
        // Whose parent is whose must not change meanwhile.
        tenants::lock(tx, winner.client.tenant_id).await?;
        let patch = self.patch(tx, &winner, &loser).await?;
        let (next, changes) = decide(&winner.client, &patch, Vec::new())?;
        if !policy::is_in_scope(&self.caller.principal, &ClientFacts::from(&next)) {
            return Err(AppError::Forbidden(Forbidden::OutsideRestriction));
        }
        let differences = self.differences(&winner, &loser, &next);
        let now = self.env.now().max(winner.client.updated_at).max(loser.client.updated_at);
        let recorder = Recorder {
            env: self.env,
            caller: self.caller,
            tenant_id: next.tenant_id,
            operation_id: self.operation_id,
            now,
        };
        let (id, tenant, loser_id) = (next.id, next.tenant_id, loser.client.id);
        let permissions = merge::needed(&winner.client, &loser.client);
        let number = loser.client.number;
        let fields = winner.fields.clone();
        give_up(tx, &recorder, loser, &winner.client, &next).await?;
        keep(tx, &recorder, &winner.client, next, &changes, fields.as_deref()).await?;
        adopt(tx, &recorder, number, winner.client.number.get()).await?;
        let gone = || AppError::Internal("a client vanished while it was merged".into());
        let record = clients::get(tx, tenant, ClientKey::Id(id)).await?.ok_or_else(gone)?;
        let record = references::shown_to(&self.caller.principal, record);
        Ok(Merged { record, loser_id, differences, permissions })
    }

    /// Where the two differ, as the caller may see it.
    fn differences(
        &self,
        winner: &ClientRecord,
        loser: &ClientRecord,
        next: &Client,
    ) -> Vec<Difference> {
        let hides =
            |record: &&ClientRecord| references::hides_parent(&self.caller.principal, record);
        let hidden = [winner, loser].into_iter().filter(hides);
        let hidden: Vec<_> = hidden.map(|record| record.client.parent_client_id).collect();
        let seen = |client: &Client| {
            let parent = client.parent_client_id.filter(|one| !hidden.contains(&Some(*one)));
            Client { parent_client_id: parent, ..client.clone() }
        };
        let [before, other, after] = [&winner.client, &loser.client, next].map(seen);
        merge::differences(&before, &other, &after, winner.fields.as_deref())
    }

    /// The names of the loser come to be of a record in another state: that takes what changing
    /// the state takes, and nothing leaves `deleted`.
    fn admit_states(&self, winner: &Client, loser: &Client) -> Result<(), AppError> {
        let facts = ClientFacts::from(winner);
        let missing = || Missing { kind: "client", id: winner.id.to_string() };
        for permission in merge::needed(winner, loser).iter() {
            enforce(policy::permits(&self.caller.principal, permission, &facts), missing)?;
        }
        let moved = loser.collection_mode.transition(winner.collection_mode);
        moved.map(|_| ()).map_err(|refused| AppError::Transition(refused.into()))
    }

    /// The other record, which must be one of the same tenant.
    async fn loser(&self, tx: &mut Tx, winner: &Client) -> Result<ClientRecord, AppError> {
        let id = self.merge.loser_id;
        let key = Some(ClientKey::Id(id));
        let target = ClientRef { tenant: None, asked: id.to_string(), key };
        let unknown = || {
            let message = "must be the id of another client of the same tenant";
            invalid("/loser_id", "exists", message)
        };
        let loser = match admitted(tx, self.caller, &target).await {
            Err(AppError::NotFound(_)) => return Err(unknown()),
            loser => loser?,
        };
        if loser.client.tenant_id != winner.tenant_id {
            return Err(unknown());
        }
        if loser.client.id == winner.id {
            let message = "must not be the client itself, or one that was joined to it before";
            return Err(invalid("/loser_id", "same", message));
        }
        Ok(loser)
    }

    async fn patch(
        &self,
        tx: &mut Tx,
        winner: &ClientRecord,
        loser: &ClientRecord,
    ) -> Result<ClientPatch, AppError> {
        let seen = references::shown_to(&self.caller.principal, loser.clone());
        let takeable = merge::takeable(&seen.client, winner.fields.as_deref());
        let (winner, loser) = (&winner.client, &loser.client);
        let mut violations = Vec::new();
        for (at, field) in self.merge.take.iter().enumerate() {
            if !takeable.contains(field) {
                let names: Vec<_> = takeable.iter().map(String::as_str).collect();
                let path = format!("/take/{at}");
                violations.push(Violation::not_one_of(&names).below(&path));
            }
        }
        let take = self.merge.take.iter().cloned().collect();
        let patch = merge::patch(winner, loser, &take);
        let mut patch = match patch {
            Ok(patch) if violations.is_empty() => patch,
            Ok(_) => return Err(AppError::Invalid(violations)),
            Err(more) => return Err(AppError::Invalid([violations, more].concat())),
        };
        patch.parent_client_id = self.parent(tx, winner, loser, patch.parent_client_id).await?;
        Ok(patch)
    }

    /// The parent of what is left. Who stood below the loser takes its place; nobody stands below
    /// itself.
    async fn parent(
        &self,
        tx: &mut Tx,
        winner: &Client,
        loser: &Client,
        wish: Patch<Reference>,
    ) -> Result<Patch<Reference>, AppError> {
        let tenant = winner.tenant_id;
        let loser_is_above =
            clients::is_above_or_same(tx, tenant, loser.number, winner.number.get()).await?;
        if loser_is_above {
            return Ok(loser.parent_client_id.map_or(Patch::Clear, Patch::Set));
        }
        match wish {
            Patch::Set(parent)
                if clients::is_above_or_same(tx, tenant, winner.number, parent.get()).await? =>
            {
                Ok(Patch::Absent)
            }
            wish => Ok(wish),
        }
    }
}

/// Devices, users and departments stay with their client, and so does what its chain tells of them:
/// a record that is given up has none, or none that is not deleted.
async fn without_devices(tx: &mut Tx, loser: &Client) -> Result<(), AppError> {
    if !devices::any_below(tx, loser.tenant_id, loser.id).await? {
        return Ok(());
    }
    let message = "has devices, users seen on them, or departments: delete those first, or give up \
        the other record";
    Err(AppError::Conflict(Violation::new("devices_left", message).below("/loser_id")))
}

/// Ends the loser: it leads to the winner, stands in no list, and lets no device join.
async fn give_up(
    tx: &mut Tx,
    recorder: &Recorder<'_>,
    mut loser: ClientRecord,
    winner: &Client,
    next: &Client,
) -> Result<(), AppError> {
    let old = loser.client.clone();
    if let Some(token) = loser.enrollment_token.take() {
        crate::enrollment_tokens::revoke(tx, recorder, &mut loser.client, token.id).await?;
    }
    let mut client = loser.client;
    let mut changes = Vec::new();
    if next.external_id == old.external_id && old.external_id.is_some() {
        // One id, one record: the winner's old one, if it had one, leads to it from here.
        client.external_id = winner.external_id.clone();
        let [before, after] = [json!(old.external_id), json!(client.external_id)];
        changes.push(FieldChange { field: "external_id".into(), before, after });
        merged_clients::clear_external_id(tx, old.tenant_id, old.id).await?;
        merged_clients::clear_external_id(tx, winner.tenant_id, winner.id).await?;
    }
    if let Some(given) = old.external_id.as_ref().filter(|_| next.external_id == old.external_id) {
        merged_clients::keep_external_id(tx, old.tenant_id, old.id, given.as_str()).await?;
    }
    // A value that must be unique is of the one that is left, and who deletes a field finds all.
    for (key, value) in std::mem::take(&mut client.custom_values) {
        let field = format!("custom.{key}").into();
        changes.push(FieldChange { field, before: json!(value), after: json!(null) });
    }
    client.merged_into = Some(next.id);
    let after = json!(next.id);
    changes.push(FieldChange { field: "merged_into".into(), before: json!(null), after });
    finish(tx, recorder, &old, &mut client, &changes, loser.fields.as_deref()).await?;
    merged_clients::set(tx, client.tenant_id, client.id, next.id).await?;
    Ok(client_listings::remove(tx, &client).await?)
}

/// Writes what is left.
async fn keep(
    tx: &mut Tx,
    recorder: &Recorder<'_>,
    old: &Client,
    mut next: Client,
    changes: &[FieldChange],
    fields: Option<&Fields>,
) -> Result<(), AppError> {
    finish(tx, recorder, old, &mut next, changes, fields).await
}

async fn finish(
    tx: &mut Tx,
    recorder: &Recorder<'_>,
    old: &Client,
    client: &mut Client,
    changes: &[FieldChange],
    fields: Option<&Fields>,
) -> Result<(), AppError> {
    client.version += 1;
    client.updated_at = recorder.now;
    let (entity_type, action) = (EntityType::Client, Action::ClientMerged);
    let event = Event { entity_type, entity_id: client.id.0, action, changes };
    recorder.append(tx, client.id.0, &mut client.audit, &event).await?;
    Ok(clients::update(tx, old, client, fields).await?)
}

/// Moves the clients below the loser to the winner. The caller must be able to reach them all.
async fn adopt(
    tx: &mut Tx,
    recorder: &Recorder<'_>,
    loser: ClientNumber,
    winner: i64,
) -> Result<(), AppError> {
    let tenant = recorder.tenant_id;
    let children = clients::children(tx, tenant, loser, MAX_CHILDREN + 1).await?;
    if i64::try_from(children.len()).is_ok_and(|count| count > MAX_CHILDREN) {
        let message = format!(
            "has more than {MAX_CHILDREN} clients below it: give them another parent first"
        );
        return Err(AppError::Conflict(Violation::new("max_items", message).below("/loser_id")));
    }
    let number = |_| AppError::Internal("a client's number is none".into());
    let parent = Reference::new(winner).map_err(number)?;
    for child in children {
        let Some(record) = clients::get_for_update(tx, tenant, ClientKey::Id(child)).await? else {
            continue;
        };
        let facts = ClientFacts::from(&record.client);
        let decision =
            policy::permits(&recorder.caller.principal, Permission::ClientsUpdate, &facts);
        if decision == Decision::OutsideRestriction {
            return Err(AppError::Forbidden(Forbidden::OutsideRestriction));
        }
        let now = recorder.now.max(record.client.updated_at);
        let recorder = Recorder { now, ..*recorder };
        let next = Client { parent_client_id: Some(parent), ..record.client.clone() };
        let changes = vec![FieldChange {
            field: "parent_client_id".into(),
            before: json!(record.client.parent_client_id),
            after: json!(parent),
        }];
        write(tx, &recorder, record, next, changes).await?;
    }
    Ok(())
}
