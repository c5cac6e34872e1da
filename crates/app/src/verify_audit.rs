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
            self.check(home.ok_or_else(missing)?, id.0, &mut report).await?;
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
            return self.check(only, only.0, report).await;
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
            for tenant in page.iter().skip(seen) {
                match tenant.uuid() {
                    Some(id) => self.check(TenantId(id), id, report).await?,
                    None => report.damaged(tenant, tenant),
                }
            }
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
            for (tenant, client) in page.iter().skip(seen) {
                if only.is_some_and(|only| tenant.uuid() != Some(only.0)) {
                    return Ok(());
                }
                match (tenant.uuid(), client.uuid()) {
                    (Some(tenant), Some(id)) => self.check(TenantId(tenant), id, report).await?,
                    _ => report.damaged(tenant, client),
                }
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
            let wanted = |tenant: &RawId| only.is_none_or(|only| tenant.uuid() == Some(only.0));
            for (tenant, client) in page.iter().skip(seen).filter(|(tenant, _)| wanted(tenant)) {
                match (tenant.uuid(), client.uuid()) {
                    (Some(tenant), Some(id)) => self.check(TenantId(tenant), id, report).await?,
                    _ => report.damaged(tenant, client),
                }
            }
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

    /// Checks one chain in one snapshot, so that a change beside it cannot look like a fault.
    async fn check(
        &self,
        tenant_id: TenantId,
        chain_id: Uuid,
        report: &mut AuditReport,
    ) -> Result<(), AppError> {
        let checked = self
            .0
            .db
            .scan(async move |tx: &mut Tx| chain::check(tx, tenant_id, chain_id).await)
            .await
            .or_else(unreadable)?;
        report.chains += 1;
        report.entries += checked.entries;
        for what in checked.faults {
            report.fault(tenant_id, chain_id, what);
        }
        Ok(())
    }
}

impl AuditReport {
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
