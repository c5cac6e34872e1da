//! Walks audit chains and says where one is not what it should be.

use crate::App;
use crate::error::{AppError, Missing};
use clientbook_model::audit::{ChainCheck, Sealed};
use clientbook_model::client::{FieldChange, fold};
use clientbook_model::id::{ClientId, TenantId, parse_uuid};
use clientbook_model::tenant::TenantKey;
use clientbook_store::clients::{self, ClientKey};
use clientbook_store::{Tx, audit, tenants};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Chains that are not intact.
    pub faults: Vec<AuditFault>,
}

/// Chains listed at a time.
const LISTED: i64 = 500;

/// Entries read at a time.
const PAGE: i64 = 500;

const GONE: &str = "the record that the chain belongs to is not there";

impl App {
    /// Checks every chain in `scope`: each entry's hash and place, the head, and that the record
    /// is what its entries make it. Runs beside a server that writes.
    pub async fn verify_audit(&self, scope: AuditScope) -> Result<AuditReport, AppError> {
        let mut report = AuditReport::default();
        let tenant = self.scope_tenant(&scope).await?;
        if let Some(asked) = &scope.client {
            let missing = || AppError::NotFound(Missing { kind: "client", id: asked.clone() });
            let id = ClientId(parse_uuid(asked).ok_or_else(missing)?);
            let home = self
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
        self.check_orphans(tenant, &mut report).await?;
        Ok(report)
    }

    async fn scope_tenant(&self, scope: &AuditScope) -> Result<Option<TenantId>, AppError> {
        let Some(asked) = scope.tenant.clone() else {
            return Ok(None);
        };
        self.db
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
        let mut after = None;
        loop {
            let page = self
                .db
                .scan(async move |tx: &mut Tx| {
                    Ok::<_, AppError>(audit::tenant_chains_across_tenants(tx, after, LISTED).await?)
                })
                .await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(*last);
            for tenant in page.into_iter().filter(|tenant| only.is_none_or(|only| only == *tenant))
            {
                self.check(tenant, tenant.0, report).await?;
            }
        }
    }

    async fn check_clients(
        &self,
        only: Option<TenantId>,
        report: &mut AuditReport,
    ) -> Result<(), AppError> {
        let mut after = (only.unwrap_or(TenantId::SYSTEM), ClientId(Uuid::nil()));
        loop {
            let page = self
                .db
                .scan(async move |tx: &mut Tx| {
                    Ok::<_, AppError>(audit::client_chains_across_tenants(tx, after, LISTED).await?)
                })
                .await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = *last;
            for (tenant, client) in page {
                if only.is_some_and(|only| only != tenant) {
                    return Ok(());
                }
                self.check(tenant, client.0, report).await?;
            }
        }
    }

    async fn check_orphans(
        &self,
        only: Option<TenantId>,
        report: &mut AuditReport,
    ) -> Result<(), AppError> {
        let orphans = self
            .db
            .scan(async move |tx: &mut Tx| {
                Ok::<_, AppError>(audit::orphan_chains_across_tenants(tx, only, LISTED).await?)
            })
            .await?;
        for (tenant_id, chain_id) in orphans {
            let what = GONE.to_owned();
            report.faults.push(AuditFault { tenant_id, chain_id, what });
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
            .db
            .scan(async move |tx: &mut Tx| check_chain(tx, tenant_id, chain_id).await)
            .await
            .or_else(unreadable)?;
        report.chains += 1;
        report.entries += checked.entries;
        if let Some(what) = checked.fault {
            report.faults.push(AuditFault { tenant_id, chain_id, what });
        }
        Ok(())
    }
}

struct Checked {
    entries: u64,
    fault: Option<String>,
}

// A column that cannot be read is damage to this chain, and says nothing of the others.
fn unreadable(error: AppError) -> Result<Checked, AppError> {
    match error {
        AppError::Internal(why) => {
            Ok(Checked { entries: 0, fault: Some(format!("it cannot be read: {why}")) })
        }
        other => Err(other),
    }
}

async fn check_chain(
    tx: &mut Tx,
    tenant_id: TenantId,
    chain_id: Uuid,
) -> Result<Checked, AppError> {
    let client = clients::get(tx, tenant_id, ClientKey::Id(ClientId(chain_id))).await?;
    let head = match &client {
        Some(record) => Some(record.client.audit),
        None if chain_id == tenant_id.0 => tenants::chain_head(tx, tenant_id).await?,
        None => None,
    };
    let Some(head) = head else {
        return Ok(Checked { entries: 0, fault: Some(GONE.to_owned()) });
    };
    let (mut check, mut entries, mut changes) = (ChainCheck::default(), 0, Vec::new());
    let mut erased = BTreeSet::new();
    // Not from 1: an entry before the first would be one that nobody sees but the log shows.
    let mut from = i64::MIN;
    loop {
        let page = audit::chain(tx, tenant_id, chain_id, from, PAGE).await?;
        let last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        for entry in page {
            entries += 1;
            if let Err(fault) = check.next(&entry) {
                return Ok(Checked { entries, fault: Some(fault.to_string()) });
            }
            from = entry.sequence.saturating_add(1);
            if client.is_some() && entry.entity_id == chain_id {
                for change in entry.contents.changes {
                    match change.after {
                        Sealed::Erased { .. } => erased.insert(change.field.clone()),
                        Sealed::Open { .. } => erased.remove(&change.field),
                    };
                    let (before, after) = (change.before.value(), change.after.value());
                    changes.push(FieldChange { field: change.field.into(), before, after });
                }
            }
        }
        if last {
            break;
        }
    }
    let mut fault = check.finish(&head).err().map(|fault| fault.to_string());
    if let (None, Some(record)) = (&fault, &client) {
        fault = differing_fields(&record.client.facts(), &fold(changes), &erased);
    }
    Ok(Checked { entries, fault })
}

type Facts = BTreeMap<Cow<'static, str>, serde_json::Value>;

/// The fields in which the record is not what its entries say, as far as they still say it.
fn differing_fields(record: &Facts, trail: &Facts, erased: &BTreeSet<String>) -> Option<String> {
    let fields: BTreeSet<_> = record
        .keys()
        .chain(trail.keys())
        .filter(|field| record.get(*field) != trail.get(*field))
        .filter(|field| !erased.contains(field.as_ref()))
        .collect();
    if fields.is_empty() {
        return None;
    }
    let fields: Vec<_> = fields.into_iter().map(AsRef::as_ref).collect();
    Some(format!("the record was changed behind the trail: {}", fields.join(", ")))
}
