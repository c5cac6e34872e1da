//! Change one client: the path that every surface takes.

use crate::App;
use crate::caller::Caller;
use crate::dry_run::{self, Stop};
use crate::echo::{self, Echo};
use crate::env::Env;
use crate::error::{AppError, Forbidden, Missing, enforce};
use crate::kept_answers::{About, Done, Once};
use crate::load::{self, ClientRef, Purpose};
use crate::recorder::Recorder;
use crate::references;
use crate::values::ValueRules;
use clientbook_model::audit::{Action, EntityType, Event};
use clientbook_model::client::{Client, ClientPatch, FieldChange, Refusal};
use clientbook_model::collection::CollectionMode;
use clientbook_model::custom_field::CustomWish;
use clientbook_model::patch::Patch;
use clientbook_model::policy::{self, ClientFacts};
use clientbook_model::principal::{Permission, Permissions};
use clientbook_model::violation::Violation;
use clientbook_store::clients::{ClientKey, ClientRecord};
use clientbook_store::{Repeat, Tx, client_types, clients, merged_clients};
use uuid::Uuid;

/// What a request asks of a client.
#[derive(Debug, Clone)]
pub struct ClientChange {
    /// The permission the call as a whole takes; single fields may take more.
    pub permission: Permission,
    /// The wishes.
    pub patch: ClientPatch,
    /// Custom values to set or remove, as sent.
    pub custom: Vec<CustomWish>,
    /// A client type by its title; counts where no id is given.
    pub client_type_title: Patch<String>,
    /// Fields that must be as the record has them.
    pub echoes: Vec<Echo<ClientRecord>>,
    /// What reading the request found wrong. Told together with what the record has to say, once
    /// the caller is known to be allowed here.
    pub violations: Vec<Violation>,
}

impl ClientChange {
    /// A change with nothing in it yet.
    pub fn new(permission: Permission) -> Self {
        let (patch, client_type_title) = (ClientPatch::default(), Patch::Absent);
        let (custom, echoes, violations) = (Vec::new(), Vec::new(), Vec::new());
        Self { permission, patch, custom, client_type_title, echoes, violations }
    }
}

/// What must hold for a change to be made (`If-Match`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    #[default]
    None,
    /// The record has one of these versions.
    Versions(Vec<i64>),
}

/// A change and how to make it.
#[derive(Debug, Clone)]
pub struct Change {
    /// What to change.
    pub change: ClientChange,
    /// Only if this holds.
    pub precondition: Precondition,
    /// Only say what the record would become.
    pub dry_run: bool,
}

impl App {
    /// Changes the client that `target` names and answers what it is now. A change that changes
    /// nothing leaves no trace; a refused one neither.
    pub async fn change_client(
        &self,
        caller: &Caller,
        target: ClientRef,
        change: Change,
        once: Once<ClientRecord>,
    ) -> Result<Done<ClientRecord>, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        let done = self.0.db.write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
            let standing = load::standing(tx, &caller).await?;
            let asked = &change.change;
            let purpose =
                if asked.custom.is_empty() { Purpose::Change } else { Purpose::ChangeValues };
            let record = load::client(tx, &caller, &target, asked.permission, purpose).await;
            standing.check(tx, env.now()).await?;
            let record = record?;
            if let Some(kept) = once.seek(tx, &caller, env.now()).await? {
                return Ok(Done::Told(kept.told));
            }
            let precondition = &change.precondition;
            let (record, took) =
                apply(tx, &env, &caller, operation_id, record, asked, precondition).await?;
            let record = references::shown_to(&caller.principal, record);
            if change.dry_run {
                return Err(Stop::DryRun(record));
            }
            let about = About::from(&record).changed(took);
            Ok(once.keep(tx, env.now(), about, record).await?)
        });
        dry_run::told(done.await)
    }
}

impl Precondition {
    /// Whether it holds for a record of this version.
    pub fn holds(&self, version: i64) -> bool {
        match self {
            Self::None => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }

    /// Refuses unless it holds for a record of this version.
    pub(crate) fn check(&self, version: i64) -> Result<(), AppError> {
        if self.holds(version) { Ok(()) } else { Err(AppError::PreconditionFailed) }
    }
}

/// Applies `change` to a loaded record, writes it and its audit entries. Answers which permissions
/// the changes took.
pub(crate) async fn apply(
    tx: &mut Tx,
    env: &Env,
    caller: &Caller,
    operation_id: Uuid,
    record: ClientRecord,
    change: &ClientChange,
    precondition: &Precondition,
) -> Result<(ClientRecord, Permissions), AppError> {
    let mut violations = change.violations.clone();
    violations.extend(echo::broken(&record, &change.echoes));
    let mut patch = resolve_client_type(tx, &record, change, &mut violations).await?;
    let rules = ValueRules { tenant: &record.tenant, fields: record.fields.as_deref() };
    rules.resolve(&record.client, &change.custom, &mut patch, &mut violations);
    let hidden = references::hides_parent(&caller.principal, &record);
    let shown = record.client.parent_client_id.filter(|_| !hidden);
    references::check(tx, caller, &record.client, shown, &mut patch, &mut violations).await?;
    if leads_here(tx, &record.client, &patch).await? {
        patch.external_id = Patch::Absent;
    }
    let (next, changes) = decide(&record.client, &patch, violations)?;
    let took = authorize(caller, &record.client, &next, &changes)?;
    precondition.check(record.client.version)?;
    if changes.is_empty() {
        return Ok((record, took));
    }
    references::check_external_id(tx, &record.client, &next).await?;
    rules.check_unique(tx, &record.client, &next, &change.custom).await?;
    let now = env.now().max(record.client.updated_at);
    let tenant_id = record.client.tenant_id;
    let recorder = Recorder { env, caller, tenant_id, operation_id, now };
    Ok((write(tx, &recorder, record, next, changes).await?, took))
}

/// Whether the wish is for the outside id of a record that was joined to this one: it finds this one
/// as it is.
async fn leads_here(tx: &mut Tx, client: &Client, patch: &ClientPatch) -> Result<bool, AppError> {
    let (tenant, wish) = (client.tenant_id, &patch.external_id);
    let Patch::Set(id) = wish else {
        return Ok(false);
    };
    if client.external_id.as_ref() == Some(id) {
        return Ok(false);
    }
    let Some(next) = merged_clients::by_external_id(tx, tenant, id.as_str()).await? else {
        return Ok(false);
    };
    let found = clients::get(tx, tenant, ClientKey::Id(next)).await?;
    let found = load::follow(tx, found, Purpose::Read).await?;
    Ok(found.is_some_and(|found| found.client.id == client.id))
}

pub(crate) fn decide(
    client: &Client,
    patch: &ClientPatch,
    mut violations: Vec<Violation>,
) -> Result<(Client, Vec<FieldChange>), AppError> {
    match client.apply(patch) {
        Ok(done) if violations.is_empty() => return Ok(done),
        Err(Refusal::Transition(refused)) if violations.is_empty() => {
            return Err(AppError::Transition(refused.into()));
        }
        Err(Refusal::Invalid(more)) => violations.extend(more),
        Ok(_) | Err(Refusal::Transition(_)) => {}
    }
    Err(AppError::Invalid(violations))
}

/// Each changed field may take a permission of its own; and nobody moves a client out of the
/// organization or project that they are bound to.
fn authorize(
    caller: &Caller,
    client: &Client,
    next: &Client,
    changes: &[FieldChange],
) -> Result<Permissions, AppError> {
    let facts = ClientFacts::from(client);
    if !policy::is_in_scope(&caller.principal, &ClientFacts::from(next)) {
        return Err(AppError::Forbidden(Forbidden::OutsideRestriction));
    }
    let took: Permissions =
        changes.iter().map(|change| policy::permission_to_change(&change.field)).collect();
    for permission in took.iter() {
        let decision = policy::permits(&caller.principal, permission, &facts);
        enforce(decision, || Missing { kind: "client", id: client.id.to_string() })?;
    }
    Ok(took)
}

/// The id wins over the title; an unknown title is refused, and the known ones are listed.
async fn resolve_client_type(
    tx: &mut Tx,
    record: &ClientRecord,
    change: &ClientChange,
    violations: &mut Vec<Violation>,
) -> Result<ClientPatch, AppError> {
    let mut patch = change.patch.clone();
    if patch.client_type_id.is_present() {
        return Ok(patch);
    }
    match &change.client_type_title {
        Patch::Absent => {}
        Patch::Clear => patch.client_type_id = Patch::Clear,
        Patch::Set(title) => {
            let tenant = record.client.tenant_id;
            if let Some(found) = client_types::find_by_title(tx, tenant, title).await? {
                patch.client_type_id = Patch::Set(found.id);
            } else {
                let types = client_types::list(tx, tenant).await?;
                let titles: Vec<_> = types.iter().map(|known| known.title.as_str()).collect();
                violations.push(Violation::not_one_of(&titles).below("/client_type_title"));
            }
        }
    }
    Ok(patch)
}

pub(crate) async fn write(
    tx: &mut Tx,
    recorder: &Recorder<'_>,
    mut record: ClientRecord,
    next: Client,
    changes: Vec<FieldChange>,
) -> Result<ClientRecord, AppError> {
    let old = std::mem::replace(&mut record.client, next);
    let client = &mut record.client;
    client.version += 1;
    client.updated_at = recorder.now;
    let (mode, rest): (Vec<_>, Vec<_>) =
        changes.into_iter().partition(|change| change.field == "collection_mode");
    let groups = [(Action::ClientUpdated, rest), (Action::CollectionModeChanged, mode)];
    for (action, changes) in groups.into_iter().filter(|(_, changes)| !changes.is_empty()) {
        let (entity_type, entity_id) = (EntityType::Client, client.id.0);
        let event = Event { entity_type, entity_id, action, changes: &changes };
        recorder.append(tx, client.id.0, &mut client.audit, &event).await?;
    }
    if client.collection_mode == CollectionMode::Deleted
        && old.collection_mode != client.collection_mode
    {
        revoke_enrollment_token(tx, recorder, &mut record).await?;
    }
    let client = &record.client;
    clients::update(tx, &old, client, record.fields.as_deref()).await?;
    let embeds_change = old.parent_client_id != client.parent_client_id
        || old.client_type_id != client.client_type_id;
    if embeds_change {
        let (tenant, key) = (client.tenant_id, ClientKey::Id(client.id));
        let gone = || AppError::Internal("a client vanished inside its own change".into());
        record = clients::get(tx, tenant, key).await?.ok_or_else(gone)?;
    }
    Ok(record)
}

/// Entering `deleted` takes the enrolment token back: no device may join any more.
async fn revoke_enrollment_token(
    tx: &mut Tx,
    recorder: &Recorder<'_>,
    record: &mut ClientRecord,
) -> Result<(), AppError> {
    match record.enrollment_token.take() {
        Some(token) => {
            crate::enrollment_tokens::revoke(tx, recorder, &mut record.client, token.id).await
        }
        None => Ok(()),
    }
}
