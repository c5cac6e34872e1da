//! Tenants.

use crate::error::DbError;
use crate::fields;
use crate::row::Row;
use crate::tx::Tx;
use clientbook_model::audit::ChainHead;
use clientbook_model::id::{ClientNumber, TenantId};
use clientbook_model::tenant::{Tenant, TenantKey};
use clientbook_model::time::Timestamp;
use uuid::Uuid;

macro_rules! select_tenant {
    ($condition:literal) => {
        concat!(
            "SELECT id, slug, object_id, name, created_at, version, strict_fields, fields_revision
             FROM tenants WHERE ",
            $condition
        )
    };
}

/// The tenant that `key` names. The system's own is found by nobody.
pub async fn find(tx: &mut Tx, key: &TenantKey) -> Result<Option<Tenant>, DbError> {
    let found = match key {
        TenantKey::Id(id) => get(tx, *id).await?,
        TenantKey::Slug(slug) => {
            tx.opt(select_tenant!("slug = $1"), &[slug.as_str().into()], tenant).await?
        }
        TenantKey::ObjectId(id) => {
            let id = id.to_string();
            tx.opt(select_tenant!("object_id = $1"), &[(&id).into()], tenant).await?
        }
    };
    Ok(found.filter(|tenant| tenant.id != TenantId::SYSTEM))
}

/// The tenant with this id, the system's own too.
pub async fn get(tx: &mut Tx, id: TenantId) -> Result<Option<Tenant>, DbError> {
    tx.opt(select_tenant!("id = $1"), &[id.into()], tenant).await
}

/// Adds a tenant.
pub async fn insert(tx: &mut Tx, tenant: &Tenant) -> Result<(), DbError> {
    let sql = "INSERT INTO tenants (id, slug, object_id, name, created_at, version, strict_fields,
            audit_hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let object_id = tenant.object_id.to_string();
    let args = [
        tenant.id.into(),
        tenant.slug.as_str().into(),
        (&object_id).into(),
        tenant.name.as_str().into(),
        tenant.created_at.into(),
        tenant.version.into(),
        tenant.strict_fields.into(),
        (&[0; 32]).into(),
    ];
    tx.send(&[], sql, &args).await?;
    fields::make_set(tx, tenant.id).await
}

/// Writes what can change of a tenant.
pub async fn update(tx: &mut Tx, tenant: &Tenant) -> Result<(), DbError> {
    let sql = "UPDATE tenants SET slug = $1, name = $2, version = $3, strict_fields = $4
        WHERE id = $5";
    let args = [
        tenant.slug.as_str().into(),
        tenant.name.as_str().into(),
        tenant.version.into(),
        tenant.strict_fields.into(),
        tenant.id.into(),
    ];
    tx.send(&[tenant.id.0], sql, &args).await
}

/// Tenants, newest first, starting after `after`; the system's own is not among them. Crosses
/// tenants, for operators.
pub async fn list_across_tenants(
    tx: &mut Tx,
    after: Option<(Timestamp, TenantId)>,
    limit: i64,
) -> Result<Vec<Tenant>, DbError> {
    let sql = select_tenant!(
        "id <> $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4"
    );
    let last = (Timestamp::clamped(i64::MAX), TenantId(Uuid::max()));
    let (time, id) = after.unwrap_or(last);
    let args = [TenantId::SYSTEM.into(), time.into(), id.into(), limit.into()];
    tx.all(sql, &args, tenant).await
}

/// How many tenants there are, the system's own aside; crosses tenants, for operators and for the
/// start-up check.
pub async fn count_across_tenants(tx: &mut Tx) -> Result<i64, DbError> {
    let sql = "SELECT count(*) FROM tenants WHERE id <> $1";
    tx.one(sql, &[TenantId::SYSTEM.into()], |row| row.get(0)).await
}

/// Takes the tenant's next client number.
pub async fn next_client_number(tx: &mut Tx, tenant: TenantId) -> Result<ClientNumber, DbError> {
    let sql = "UPDATE tenants SET next_client_number = next_client_number + 1 WHERE id = $1
        RETURNING next_client_number - 1";
    tx.one(sql, &[tenant.into()], |row| row.get(0)).await
}

/// The tenant's next client number. Under the tenant's lock it is nobody else's.
pub async fn next_number(tx: &mut Tx, tenant: TenantId) -> Result<i64, DbError> {
    let sql = "SELECT next_client_number FROM tenants WHERE id = $1";
    tx.one(sql, &[tenant.into()], |row| row.get(0)).await
}

/// Moves the counter past a number that was given instead of taken.
pub async fn reserve_client_number(
    tx: &mut Tx,
    tenant: TenantId,
    number: ClientNumber,
) -> Result<(), DbError> {
    let sql = "UPDATE tenants SET next_client_number = $1
        WHERE id = $2 AND next_client_number < $1";
    let next = number.get().checked_add(1).ok_or_else(|| DbError::internal("numbers are spent"))?;
    tx.send(&[], sql, &[next.into(), tenant.into()]).await
}

/// The head of the tenant's own chain.
pub async fn chain_head(tx: &mut Tx, tenant: TenantId) -> Result<Option<ChainHead>, DbError> {
    tx.opt(SELECT_HEAD, &[tenant.into()], head).await
}

/// The head of the tenant's own chain, kept from other writers until the transaction ends.
pub async fn chain_head_for_update(
    tx: &mut Tx,
    tenant: TenantId,
) -> Result<Option<ChainHead>, DbError> {
    lock(tx, tenant).await?;
    chain_head(tx, tenant).await
}

/// Keeps the tenant's row from other writers until the transaction ends; rows that refer to it can
/// still be added.
pub async fn lock(tx: &mut Tx, tenant: TenantId) -> Result<(), DbError> {
    let sql = "SELECT 1 FROM tenants WHERE id = $1 FOR NO KEY UPDATE";
    tx.lock(sql, &[tenant.into()]).await
}

/// Writes the head of the tenant's own chain.
pub async fn set_chain_head(
    tx: &mut Tx,
    tenant: TenantId,
    head: &ChainHead,
) -> Result<(), DbError> {
    let sql = "UPDATE tenants SET audit_count = $1, audit_hash = $2 WHERE id = $3";
    let args = [head.count.into(), (&head.hash).into(), tenant.into()];
    tx.send(&[], sql, &args).await
}

const SELECT_HEAD: &str = "SELECT audit_count, audit_hash FROM tenants WHERE id = $1";

fn head(row: &Row<'_>) -> Result<ChainHead, DbError> {
    Ok(ChainHead { count: row.get(0)?, hash: row.get(1)? })
}

fn tenant(row: &Row<'_>) -> Result<Tenant, DbError> {
    Ok(Tenant {
        id: row.get(0)?,
        slug: row.get(1)?,
        object_id: row.get(2)?,
        name: row.get(3)?,
        created_at: row.get(4)?,
        version: row.get(5)?,
        strict_fields: row.get(6)?,
        fields_revision: row.get(7)?,
    })
}
