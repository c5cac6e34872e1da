//! What a client points at: its type and its parent.

use crate::caller::Caller;
use crate::error::AppError;
use crate::load::{self, Purpose};
use clientbook_model::client::{Client, ClientPatch};
use clientbook_model::id::ClientNumber;
use clientbook_model::number::Reference;
use clientbook_model::patch::Patch;
use clientbook_model::policy::{self, ClientFacts, Decision};
use clientbook_model::principal::{Permission, Principal};
use clientbook_model::violation::Violation;
use clientbook_store::clients::{ClientKey, ClientRecord};
use clientbook_store::{Tx, client_types, clients, merged_clients, tenants};

/// Whether `principal`, who may read the client, may not know of its parent.
pub(crate) fn hides_parent(principal: &Principal, record: &ClientRecord) -> bool {
    record.parent.as_ref().is_some_and(|parent| {
        let facts = parent.facts(record.client.tenant_id);
        policy::permits(principal, Permission::ClientsView, &facts) != Decision::Allow
    })
}

/// The record as `principal` may see it: a parent that they may not read is none.
pub(crate) fn shown_to(principal: &Principal, mut record: ClientRecord) -> ClientRecord {
    if hides_parent(principal, &record) {
        (record.parent, record.client.parent_client_id) = (None, None);
    }
    record
}

pub(crate) fn all_shown_to(principal: &Principal, records: Vec<ClientRecord>) -> Vec<ClientRecord> {
    records.into_iter().map(|record| shown_to(principal, record)).collect()
}

/// What the record is to point at must exist, and parents must not form a circle. `shown` is the
/// parent that the caller sees by now: a hidden one stays where none is sent back, and is neither
/// confirmed nor denied.
pub(crate) async fn check(
    tx: &mut Tx,
    caller: &Caller,
    client: &Client,
    shown: Option<Reference>,
    patch: &mut ClientPatch,
    violations: &mut Vec<Violation>,
) -> Result<(), AppError> {
    if let Patch::Set(id) = patch.client_type_id
        && !client_types::exists(tx, client.tenant_id, id).await?
    {
        violations.push(no_such_type());
    }
    match patch.parent_client_id {
        Patch::Clear if shown.is_none() => patch.parent_client_id = Patch::Absent,
        Patch::Set(parent) if shown != Some(parent) => {
            match check_parent(tx, caller, client, parent.get()).await? {
                Ok(parent) => patch.parent_client_id = Patch::Set(parent),
                Err(rule) => violations.push(rule.below("/parent_client_id")),
            }
        }
        _ => {}
    }
    Ok(())
}

pub(crate) fn no_such_type() -> Violation {
    let message = "must be the id of a client type of the tenant";
    Violation::new("exists", message).below("/client_type_id")
}

pub(crate) fn no_such_parent() -> Violation {
    Violation::new("exists", "must be the number of a client of the same tenant")
}

pub(crate) fn circle() -> Violation {
    Violation::new("no_cycle", "must not be the client itself or one that stands below it")
}

/// An external id that leads to another client, because a record that was joined to that one had it, is
/// taken.
pub(crate) async fn check_external_id(
    tx: &mut Tx,
    old: &Client,
    next: &Client,
) -> Result<(), AppError> {
    let Some(id) = next.external_id.as_ref().filter(|id| old.external_id.as_ref() != Some(id))
    else {
        return Ok(());
    };
    let Some(giver) = merged_clients::giver(tx, next.tenant_id, id.as_str()).await? else {
        return Ok(());
    };
    let found = clients::get(tx, next.tenant_id, ClientKey::Id(giver)).await?;
    let found = load::follow(tx, found, Purpose::Read).await?;
    if found.is_some_and(|found| found.client.id == next.id) {
        return Ok(());
    }
    let message = "another client of the tenant already has this external id";
    Err(AppError::Conflict(Violation::new("unique", message).below("/external_id")))
}

/// The parent by its own number, where the one given is of a record that was joined to it. One that
/// the caller may not read is answered like one that is not there.
async fn check_parent(
    tx: &mut Tx,
    caller: &Caller,
    client: &Client,
    parent: i64,
) -> Result<Result<Reference, Violation>, AppError> {
    let found = match ClientNumber::new(parent) {
        Some(number) => {
            tenants::lock(tx, client.tenant_id).await?;
            let found = clients::get(tx, client.tenant_id, ClientKey::Number(number)).await?;
            load::follow(tx, found, Purpose::Read).await?
        }
        None => None,
    };
    let readable = |record: &ClientRecord| {
        let facts = ClientFacts::from(&record.client);
        policy::permits(&caller.principal, Permission::ClientsView, &facts) == Decision::Allow
    };
    let Some(found) = found.filter(readable) else {
        return Ok(Err(no_such_parent()));
    };
    let parent = found.client.number.get();
    if clients::is_above_or_same(tx, client.tenant_id, client.number, parent).await? {
        return Ok(Err(circle()));
    }
    let number = |broken: Violation| AppError::Internal(broken.message);
    Reference::new(parent).map(Ok).map_err(number)
}
