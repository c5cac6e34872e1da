//! Loads what a request names, within the tenant, and asks the policy.

use crate::caller::Caller;
use crate::error::{AppError, Forbidden, Missing, Unauthenticated, enforce, invalid};
use clientbook_model::id::{ApiTokenId, TenantId, parse_uuid};
use clientbook_model::policy::{self, ClientFacts, Overreach};
use clientbook_model::principal::{ActorKind, Permission, Reach};
use clientbook_model::tenant::{Tenant, TenantKey};
use clientbook_model::time::Timestamp;
use clientbook_store::clients::{self, ClientKey, ClientRecord};
use clientbook_store::{Tx, api_tokens, tenants};

/// How a request names a client.
#[derive(Debug, Clone)]
pub struct ClientRef {
    /// The tenant, where the path has one: as written, and as read.
    pub tenant: Option<(String, Option<TenantKey>)>,
    /// The client as written in the path.
    pub asked: String,
    /// The client as read; `None` names no client.
    pub key: Option<ClientKey>,
}

impl ClientRef {
    fn missing(&self) -> Missing {
        Missing { kind: "client", id: self.asked.clone() }
    }
}

/// Whether the loaded row is about to be changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Read,
    Change,
}

/// Refuses a caller whose token was revoked, or ended, between its request's head and this
/// transaction: a body may take its time.
pub(crate) async fn still_works(
    tx: &mut Tx,
    caller: &Caller,
    now: Timestamp,
) -> Result<(), AppError> {
    let actor = &caller.principal.actor;
    let id = match actor.kind {
        ActorKind::ApiToken => parse_uuid(&actor.id).map(ApiTokenId),
        ActorKind::Subject | ActorKind::Cli | ActorKind::System => return Ok(()),
    };
    let works = match id {
        Some(id) => api_tokens::works(tx, caller.home(), id, now).await?,
        None => false,
    };
    if works { Ok(()) } else { Err(AppError::Unauthenticated(Unauthenticated::Invalid)) }
}

/// The client that `target` names, if the caller may do with it what `permission` names.
pub(crate) async fn client(
    tx: &mut Tx,
    caller: &Caller,
    target: &ClientRef,
    permission: Permission,
    purpose: Purpose,
) -> Result<ClientRecord, AppError> {
    let principal = &*caller.principal;
    let tenant = tenant_of(tx, caller, target).await?;
    enforce(policy::may_ask(principal, permission), || target.missing())?;
    // Bound to some clients: every other id gets the same answer, whether it exists or not.
    let outside = || match &principal.clients {
        Some(_) => AppError::Forbidden(Forbidden::OutsideRestriction),
        None => AppError::NotFound(target.missing()),
    };
    let (Some(tenant), Some(key)) = (tenant, target.key) else {
        return Err(outside());
    };
    let found = match purpose {
        Purpose::Read => clients::get(tx, tenant, key).await?,
        Purpose::Change => clients::get_for_update(tx, tenant, key).await?,
    };
    let record = found.ok_or_else(outside)?;
    let facts = ClientFacts::from(&record.client);
    enforce(policy::permits(principal, permission, &facts), || target.missing())?;
    Ok(record)
}

/// The tenant to look in. `None` where an operator's path names no tenant and the client's id is
/// unknown.
async fn tenant_of(
    tx: &mut Tx,
    caller: &Caller,
    target: &ClientRef,
) -> Result<Option<TenantId>, AppError> {
    match (&target.tenant, caller.principal.reach) {
        (Some((asked, key)), _) => {
            let found = tenant(tx, caller, key.as_ref()).await?;
            let missing = || Missing { kind: "tenant", id: asked.clone() };
            found.map(|tenant| Some(tenant.id)).ok_or_else(|| AppError::NotFound(missing()))
        }
        (None, Reach::Tenant(own)) => Ok(Some(own)),
        (None, Reach::Everywhere) => match target.key {
            Some(ClientKey::Id(id)) => Ok(clients::tenant_across_tenants(tx, id).await?),
            _ => Ok(None),
        },
    }
}

/// The tenant that `key` names, if the caller may know of it.
pub(crate) async fn tenant(
    tx: &mut Tx,
    caller: &Caller,
    key: Option<&TenantKey>,
) -> Result<Option<Tenant>, AppError> {
    let Some(key) = key else {
        return Ok(None);
    };
    let found = tenants::find(tx, key).await?;
    Ok(found.filter(|tenant| caller.principal.reach.includes(tenant.id)))
}

/// The tenant that a request names. A caller of one tenant gets the same answer for every other
/// name, whether such a tenant exists or not.
pub(crate) async fn named_tenant(
    tx: &mut Tx,
    caller: &Caller,
    asked: &str,
) -> Result<TenantId, AppError> {
    let key = TenantKey::parse(asked);
    if let Some(tenant) = tenant(tx, caller, key.as_ref()).await? {
        return Ok(tenant.id);
    }
    match caller.principal.reach {
        Reach::Tenant(_) => Err(AppError::Forbidden(Forbidden::Overreach(Overreach::Tenant))),
        Reach::Everywhere => {
            let message = "must be the id, the slug or the object id of a tenant";
            Err(invalid("/tenant", "exists", message))
        }
    }
}
