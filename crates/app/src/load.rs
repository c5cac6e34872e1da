//! Loads what a request names, within the tenant, and asks the policy.

use crate::caller::Caller;
use crate::error::{AppError, Forbidden, Missing, Unauthenticated, enforce, invalid};
use clientbook_model::audit::ChainHead;
use clientbook_model::client::Client;
use clientbook_model::id::{ApiTokenId, ClientId, TenantId, parse_uuid};
use clientbook_model::policy::{self, ClientFacts, Overreach};
use clientbook_model::principal::{ActorKind, Permission, Reach};
use clientbook_model::tenant::{Tenant, TenantKey};
use clientbook_model::time::Timestamp;
use clientbook_store::api_tokens::{self, AskedToken};
use clientbook_store::clients::{self, ClientKey, ClientRecord};
use clientbook_store::erased_clients::{self, ErasedClient};
use clientbook_store::{Tx, fields, tenants};

/// How a request names the tenant of what it makes or lists.
#[derive(Debug, Clone)]
pub enum Home {
    /// In its path: as written, and as read.
    Path(String, Option<TenantKey>),
    /// In a field or a parameter, as written, whose pointer is `at`; absent, it is the caller's own.
    Field {
        /// What stands there.
        asked: Option<String>,
        /// Where it stands or would stand.
        at: &'static str,
    },
}

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
    pub(crate) fn missing(&self) -> Missing {
        Missing { kind: "client", id: self.asked.clone() }
    }
}

/// Whether the loaded row is about to be changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Read,
    Change,
    /// Of custom values, too: the definitions of fields stay as they are meanwhile.
    ChangeValues,
}

/// Whether a caller's credentials still work: asked, and not answered yet.
pub(crate) enum Standing {
    /// Nothing that the store could take back.
    Lasting,
    Unknown,
    Asked(AskedToken),
}

/// Asks whether the caller's token was revoked, or ended, between its request's head and this
/// transaction: a body may take its time. What is read next goes out with the question.
pub(crate) async fn standing(tx: &mut Tx, caller: &Caller) -> Result<Standing, AppError> {
    let actor = &caller.principal.actor;
    let id = match actor.kind {
        ActorKind::ApiToken => parse_uuid(&actor.id).map(ApiTokenId),
        ActorKind::Subject | ActorKind::Device | ActorKind::Cli | ActorKind::System => {
            return Ok(Standing::Lasting);
        }
    };
    Ok(match id {
        Some(id) => Standing::Asked(api_tokens::ask(tx, caller.home(), id).await?),
        None => Standing::Unknown,
    })
}

impl Standing {
    /// Refuses the caller if the answer is no. It comes before whatever else was found.
    pub(crate) async fn check(self, tx: &mut Tx, now: Timestamp) -> Result<(), AppError> {
        let works = match self {
            Self::Lasting => true,
            Self::Unknown => false,
            Self::Asked(asked) => api_tokens::works(tx, asked, now).await?,
        };
        if works { Ok(()) } else { Err(AppError::Unauthenticated(Unauthenticated::Invalid)) }
    }
}

/// The same, where nothing else is read meanwhile.
pub(crate) async fn still_works(
    tx: &mut Tx,
    caller: &Caller,
    now: Timestamp,
) -> Result<(), AppError> {
    standing(tx, caller).await?.check(tx, now).await
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
        Purpose::ChangeValues => {
            fields::share(tx, tenant).await?;
            clients::get_for_update(tx, tenant, key).await?
        }
    };
    let found = follow(tx, found, purpose).await?;
    let shown = found.filter(|record| record.client.shows_on(caller.origin.surface));
    let record = shown.ok_or_else(outside)?;
    let facts = ClientFacts::from(&record.client);
    enforce(policy::permits(principal, permission, &facts), || target.missing())?;
    Ok(record)
}

/// The record that stands for `found`: itself, unless it was joined to another. Each was joined to one
/// that was joined to none by then, so the way ends.
pub(crate) async fn follow(
    tx: &mut Tx,
    mut found: Option<ClientRecord>,
    purpose: Purpose,
) -> Result<Option<ClientRecord>, AppError> {
    while let Some(client) = found.as_ref().map(|record| &record.client)
        && let Some(winner) = client.merged_into
    {
        let (tenant, key) = (client.tenant_id, ClientKey::Id(winner));
        found = match purpose {
            Purpose::Read => clients::get(tx, tenant, key).await?,
            Purpose::Change | Purpose::ChangeValues => {
                clients::get_for_update(tx, tenant, key).await?
            }
        };
    }
    Ok(found)
}

/// A client's audit trail, which outlives the client.
pub(crate) struct Trail {
    pub(crate) tenant_id: TenantId,
    pub(crate) client_id: ClientId,
    pub(crate) head: ChainHead,
    /// Whether nothing else is left of the client.
    pub(crate) is_erased: bool,
}

/// The trail of the client that `target` names, if the caller may do there all that `permissions`
/// name. What is left of an erased client tells nobody which organization it was of: whoever is
/// bound to some clients does not see it.
pub(crate) async fn trail(
    tx: &mut Tx,
    caller: &Caller,
    target: &ClientRef,
    permissions: &[Permission],
) -> Result<Trail, AppError> {
    let first = permissions.first().copied().unwrap_or(Permission::AuditView);
    let missing = match client(tx, caller, target, first, Purpose::Read).await {
        Ok(record) => {
            let facts = ClientFacts::from(&record.client);
            for permission in permissions {
                let decision = policy::permits(&caller.principal, *permission, &facts);
                enforce(decision, || target.missing())?;
            }
            let Client { tenant_id, id, audit, .. } = record.client;
            return Ok(Trail { tenant_id, client_id: id, head: audit, is_erased: false });
        }
        Err(missing @ AppError::NotFound(_)) => missing,
        Err(other) => return Err(other),
    };
    match erased(tx, caller, target, permissions).await? {
        Some(erased) => Ok(Trail {
            tenant_id: erased.tenant_id,
            client_id: erased.id,
            head: erased.audit,
            is_erased: true,
        }),
        None => Err(missing),
    }
}

/// The erased client that `target` names, if the caller may do there all that `permissions` name.
pub(crate) async fn erased(
    tx: &mut Tx,
    caller: &Caller,
    target: &ClientRef,
    permissions: &[Permission],
) -> Result<Option<ErasedClient>, AppError> {
    let principal = &*caller.principal;
    let bound =
        principal.clients.is_some() || principal.org_id.is_some() || principal.project_id.is_some();
    let has_all = permissions.iter().all(|one| principal.permissions.has(*one));
    let Some(ClientKey::Id(id)) = target.key.filter(|_| has_all && !bound) else {
        return Ok(None);
    };
    match tenant_of(tx, caller, target).await? {
        Some(tenant) => Ok(erased_clients::get(tx, tenant, id).await?),
        None => Ok(None),
    }
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

/// The tenant that `home` names, if the caller holds `permission`.
pub(crate) async fn home(
    tx: &mut Tx,
    caller: &Caller,
    home: &Home,
    permission: Permission,
) -> Result<Tenant, AppError> {
    let principal = &*caller.principal;
    let allowed = || {
        let has = principal.permissions.has(permission);
        has.then_some(()).ok_or(AppError::Forbidden(Forbidden::Lacks(permission)))
    };
    match home {
        Home::Path(asked, key) => {
            let found = tenant(tx, caller, key.as_ref()).await?;
            let missing = || Missing { kind: "tenant", id: asked.clone() };
            let found = found.ok_or_else(|| AppError::NotFound(missing()))?;
            allowed().map(|()| found)
        }
        Home::Field { asked: Some(asked), at } => {
            allowed()?;
            named_tenant(tx, caller, asked, at).await
        }
        Home::Field { asked: None, at } => {
            allowed()?;
            match principal.reach {
                Reach::Tenant(own) => {
                    let gone = || AppError::Internal("the caller's tenant is gone".into());
                    tenants::get(tx, own).await?.ok_or_else(gone)
                }
                Reach::Everywhere => Err(invalid(at, "required", "must name the tenant")),
            }
        }
    }
}

/// The tenant that a request names at `at`. A caller of one tenant gets the same answer for every
/// other name, whether such a tenant exists or not.
pub(crate) async fn named_tenant(
    tx: &mut Tx,
    caller: &Caller,
    asked: &str,
    at: &str,
) -> Result<Tenant, AppError> {
    let key = TenantKey::parse(asked);
    if let Some(found) = tenant(tx, caller, key.as_ref()).await? {
        return Ok(found);
    }
    match caller.principal.reach {
        Reach::Tenant(_) => Err(AppError::Forbidden(Forbidden::Overreach(Overreach::Tenant))),
        Reach::Everywhere => {
            let message = "must be the id, the slug or the object id of a tenant";
            Err(invalid(at, "exists", message))
        }
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
