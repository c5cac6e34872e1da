//! Walks audit chains and says where one is not what it should be.

mod chain;
mod control;
mod rows;
mod story;

use crate::App;
use crate::error::{AppError, Missing};
use chain::Checked;
use clientbook_model::id::{ClientId, TenantId, parse_uuid};
use clientbook_model::tenant::TenantKey;
use clientbook_store::{RawId, Tx, audit, clients, tenants};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

/// Which chains to check.
#[derive(Debug, Clone, Default)]
pub struct AuditScope {
    /// Only this tenant's: any of its three names.
    pub tenant: Option<String>,
    /// Only this client's: its UUID.
    pub client: Option<String>,
}

/// A chain that is not intact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFault {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The client's id, or the tenant's own.
    pub chain_id: Uuid,
    /// What is wrong, and where.
    pub what: String,
}

/// A tenant, and the client or the tenant that the chain is of.
type Chain = (RawId, RawId);

fn named(tenant: TenantId, chain: Uuid) -> Chain {
    (tenant.0.into(), chain.into())
}

/// Whether it is this tenant's; `None` is any.
fn is_of(only: Option<TenantId>, (tenant, _): &Chain) -> bool {
    only.is_none_or(|only| tenant.uuid() == Some(only.0))
}

/// What was checked and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Chains checked.
    pub chains: u64,
    /// Entries checked.
    pub entries: u64,
    /// What is wrong, chain by chain.
    pub faults: Vec<AuditFault>,
}

/// Chains, entries or rows read at a time.
const PAGE: i64 = 500;

/// Chains checked at a time: most of a check on PostgreSQL is waiting.
const AT_ONCE: usize = 8;

const GONE: &str = "the record that the chain belongs to is not there";

impl App {
    /// Checks every chain in `scope`: each entry's hash and place, the head, and that the rows the
    /// chain tells of are what its entries make them. Runs beside a server that writes.
    pub async fn verify_audit(&self, scope: AuditScope) -> Result<AuditReport, AppError> {
        let mut report = AuditReport::default();
        let tenant = self.tenant_by_name(scope.tenant.clone()).await?;
        if let Some(asked) = &scope.client {
            let missing = || AppError::NotFound(Missing { kind: "client", id: asked.clone() });
            let id = ClientId(parse_uuid(asked).ok_or_else(missing)?);
            let home = self
                .0
                .db
                .scan(async move |tx: &mut Tx| {
                    Ok::<_, AppError>(clients::tenant_across_tenants(tx, id).await?)
                })
                .await?;
            let home = home.filter(|home| tenant.is_none_or(|tenant| tenant == *home));
            self.check(&[named(home.ok_or_else(missing)?, id.0)], &mut report).await?;
            return Ok(report);
        }
        self.check_tenants(tenant, &mut report).await?;
        self.check_clients(tenant, &mut report).await?;
        self.check_erased(tenant, &mut report).await?;
        self.check_orphans(tenant, &mut report).await?;
        Ok(report)
    }

    /// The tenant of one of its three names.
    pub(crate) async fn tenant_by_name(
        &self,
        asked: Option<String>,
    ) -> Result<Option<TenantId>, AppError> {
        let Some(asked) = asked else {
            return Ok(None);
        };
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                let key = TenantKey::parse(&asked);
                let found = match &key {
                    Some(key) => tenants::find(tx, key).await?,
                    None => None,
                };
                let missing = Missing { kind: "tenant", id: asked.clone() };
                found.map(|tenant| Some(tenant.id)).ok_or(AppError::NotFound(missing))
            })
            .await
    }

    async fn check_tenants(
        &self,
        only: Option<TenantId>,
        report: &mut AuditReport,
    ) -> Result<(), AppError> {
        if let Some(only) = only {
            return self.check(&[named(only, only.0)], report).await;
        }
        let (mut from, mut seen) = (RawId::FIRST, 0);
        loop {
            let page = self
                .0
                .db
                .scan(async move |tx: &mut Tx| {
                    Ok::<_, AppError>(audit::tenant_chains_across_tenants(tx, &from, PAGE).await?)
                })
                .await?;
            let chains = page.iter().skip(seen).map(|tenant| (tenant.clone(), tenant.clone()));
            self.check(&chains.collect::<Vec<_>>(), report).await?;
            let Some(last) = last_if_full(page) else {
                return Ok(());
            };
            (from, seen) = (last, 1);
        }
    }

    async fn check_clients(
        &self,
        only: Option<TenantId>,
        report: &mut AuditReport,
    ) -> Result<(), AppError> {
        let first = only.map_or(RawId::FIRST, |tenant| tenant.0.into());
        let (mut from, mut seen) = ((first, RawId::FIRST), 0);
        loop {
            let page = self
                .0
                .db
                .scan(async move |tx: &mut Tx| {
                    Ok::<_, AppError>(audit::client_chains_across_tenants(tx, &from, PAGE).await?)
                })
                .await?;
            let chains = &page[seen.min(page.len())..];
            let wanted = chains.iter().take_while(|chain| is_of(only, chain)).count();
            self.check(&chains[..wanted], report).await?;
            if wanted < chains.len() {
                return Ok(());
            }
            let Some(last) = last_if_full(page) else {
                return Ok(());
            };
            (from, seen) = (last, 1);
        }
    }

    async fn check_erased(
        &self,
        only: Option<TenantId>,
        report: &mut AuditReport,
    ) -> Result<(), AppError> {
        let (mut from, mut seen) = ((RawId::FIRST, RawId::FIRST), 0);
        loop {
            let page = self
                .0
                .db
                .scan(async move |tx: &mut Tx| {
                    Ok::<_, AppError>(audit::erased_chains_across_tenants(tx, &from, PAGE).await?)
                })
                .await?;
            let chains = page.iter().skip(seen).filter(|chain| is_of(only, chain)).cloned();
            self.check(&chains.collect::<Vec<_>>(), report).await?;
            let Some(last) = last_if_full(page) else {
                return Ok(());
            };
            (from, seen) = (last, 1);
        }
    }

    async fn check_orphans(
        &self,
        only: Option<TenantId>,
        report: &mut AuditReport,
    ) -> Result<(), AppError> {
        let orphans = self
            .0
            .db
            .scan(async move |tx: &mut Tx| {
                Ok::<_, AppError>(audit::orphan_chains_across_tenants(tx, only, PAGE).await?)
            })
            .await?;
        for (tenant, chain) in orphans {
            match (tenant.uuid(), chain.uuid()) {
                (Some(tenant), Some(id)) => report.fault(TenantId(tenant), id, GONE.to_owned()),
                _ => report.damaged(&tenant, &chain),
            }
        }
        Ok(())
    }

    /// Checks chains, some at a time; what is found stands in their order.
    async fn check(&self, chains: &[Chain], report: &mut AuditReport) -> Result<(), AppError> {
        let checks = chains.iter().map(|(tenant, chain)| async {
            let (Some(tenant), Some(id)) = (tenant.uuid(), chain.uuid()) else { return Ok(None) };
            let checked = self.check_one(TenantId(tenant), id).await?;
            Ok::<_, AppError>(Some((TenantId(tenant), id, checked)))
        });
        let mut checks = stream::iter(checks).buffered(AT_ONCE);
        for (tenant, chain) in chains {
            match checks.try_next().await?.flatten() {
                Some((tenant, id, checked)) => report.add(tenant, id, checked),
                None => report.damaged(tenant, chain),
            }
        }
        Ok(())
    }

    /// Checks one chain in one snapshot, so that a change beside it cannot look like a fault.
    async fn check_one(&self, tenant_id: TenantId, chain_id: Uuid) -> Result<Checked, AppError> {
        let check = async move |tx: &mut Tx| chain::check(tx, tenant_id, chain_id).await;
        self.0.db.scan(check).await.or_else(unreadable)
    }
}

impl AuditReport {
    fn add(&mut self, tenant_id: TenantId, chain_id: Uuid, checked: Checked) {
        self.chains += 1;
        self.entries += checked.entries;
        for what in checked.faults {
            self.fault(tenant_id, chain_id, what);
        }
    }

    fn fault(&mut self, tenant_id: TenantId, chain_id: Uuid, what: String) {
        self.faults.push(AuditFault { tenant_id, chain_id, what });
    }

    /// Nothing can be looked up by such an id; the rest of the store can.
    fn damaged(&mut self, tenant: &RawId, chain: &RawId) {
        let [tenant_id, chain_id] = [tenant, chain].map(|id| id.uuid().unwrap_or_default());
        let what = format!("an id is damaged: tenant {tenant}, chain {chain}");
        self.fault(TenantId(tenant_id), chain_id, what);
    }
}

fn last_if_full<T>(mut page: Vec<T>) -> Option<T> {
    if is_full(&page) { page.pop() } else { None }
}

fn is_full<T>(page: &[T]) -> bool {
    i64::try_from(page.len()).is_ok_and(|length| length >= PAGE)
}

// A column that cannot be read is damage to this chain, and says nothing of the others.
fn unreadable(error: AppError) -> Result<Checked, AppError> {
    match error {
        AppError::Internal(why) => {
            Ok(Checked { entries: 0, faults: vec![format!("it cannot be read: {why}")] })
        }
        other => Err(other),
    }
}
