//! Client types of a tenant.

use crate::error::DbError;
use crate::tx::Tx;
use clientbook_model::id::TenantId;
use clientbook_model::number::Reference;
use clientbook_model::success::ClientType;

/// Whether the tenant has a type with this id.
pub async fn exists(tx: &mut Tx, tenant: TenantId, id: Reference) -> Result<bool, DbError> {
    let sql = "SELECT id FROM client_types WHERE tenant_id = $1 AND id = $2";
    let args = [tenant.into(), id.get().into()];
    Ok(tx.opt(sql, &args, |row| row.get::<i64>(0)).await?.is_some())
}

/// The tenant's types, by title; the first 1,000.
pub async fn list(tx: &mut Tx, tenant: TenantId) -> Result<Vec<ClientType>, DbError> {
    let sql = "SELECT id, title FROM client_types WHERE tenant_id = $1 ORDER BY title LIMIT 1000";
    tx.all(sql, &[tenant.into()], |row| Ok(ClientType { id: row.get(0)?, title: row.get(1)? }))
        .await
}

/// The type with this very title.
pub async fn find_by_title(
    tx: &mut Tx,
    tenant: TenantId,
    title: &str,
) -> Result<Option<ClientType>, DbError> {
    let sql = "SELECT id, title FROM client_types WHERE tenant_id = $1 AND title = $2";
    let args = [tenant.into(), title.into()];
    tx.opt(sql, &args, |row| Ok(ClientType { id: row.get(0)?, title: row.get(1)? })).await
}

/// How many types the tenant has, and the id after the largest of theirs, unless that is the last one
/// there is. Under the tenant's lock it is nobody else's.
pub async fn count_and_next_id(
    tx: &mut Tx,
    tenant: TenantId,
) -> Result<(i64, Option<i64>), DbError> {
    let sql = "SELECT count(*), coalesce(max(id), 0) FROM client_types WHERE tenant_id = $1";
    let (count, largest): (i64, i64) =
        tx.one(sql, &[tenant.into()], |row| Ok((row.get(0)?, row.get(1)?))).await?;
    Ok((count, largest.checked_add(1)))
}

/// Adds a type.
pub async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    client_type: &ClientType,
) -> Result<(), DbError> {
    let sql = "INSERT INTO client_types (tenant_id, id, title) VALUES ($1, $2, $3)";
    let args = [tenant.into(), client_type.id.get().into(), (&client_type.title).into()];
    tx.send(&[], sql, &args).await
}

/// The tenant's types as they stand in the store, by id and title, in the order of their ids,
/// starting with `from`; for verification.
pub async fn stored(
    tx: &mut Tx,
    tenant: TenantId,
    from: i64,
    limit: i64,
) -> Result<Vec<(i64, String)>, DbError> {
    let sql = "SELECT id, title FROM client_types WHERE tenant_id = $1 AND id >= $2
        ORDER BY id LIMIT $3";
    let args = [tenant.into(), from.into(), limit.into()];
    tx.all(sql, &args, |row| Ok((row.get(0)?, row.get(1)?))).await
}
