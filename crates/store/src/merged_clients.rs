//! Records that were joined to another one: they lead to it.

use crate::agent_configs;
use crate::error::DbError;
use crate::tx::Tx;
use clientbook_model::id::{ClientId, TenantId};

/// Has every name of a client lead to another one.
pub async fn set(
    tx: &mut Tx,
    tenant: TenantId,
    id: ClientId,
    winner: ClientId,
) -> Result<(), DbError> {
    let sql = "UPDATE clients SET merged_into = $1 WHERE tenant_id = $2 AND id = $3";
    tx.send(&[id.0], sql, &[winner.into(), tenant.into(), id.into()]).await?;
    // Of its agents too, and of those that come to the other.
    agent_configs::bump(tx, tenant, id).await?;
    agent_configs::bump(tx, tenant, winner).await
}

/// Takes a client's external id away, for another one to have it in the same transaction.
pub async fn clear_external_id(tx: &mut Tx, tenant: TenantId, id: ClientId) -> Result<(), DbError> {
    let sql = "UPDATE clients SET external_id = NULL WHERE tenant_id = $1 AND id = $2";
    tx.send(&[id.0], sql, &[tenant.into(), id.into()]).await
}

/// Keeps the external id that a client gives to the one it is joined to. One that leads there through
/// another record already goes on doing so.
pub async fn keep_external_id(
    tx: &mut Tx,
    tenant: TenantId,
    id: ClientId,
    external_id: &str,
) -> Result<(), DbError> {
    let sql = "INSERT INTO merged_external_ids (tenant_id, external_id, client_id)
        VALUES ($1, $2, $3) ON CONFLICT (tenant_id, external_id) DO NOTHING";
    tx.send(&[], sql, &[tenant.into(), external_id.into(), id.into()]).await
}

/// The record that gave this external id to the one it was joined to.
pub async fn giver(
    tx: &mut Tx,
    tenant: TenantId,
    external_id: &str,
) -> Result<Option<ClientId>, DbError> {
    let sql = "SELECT client_id FROM merged_external_ids WHERE tenant_id = $1 AND external_id = $2";
    tx.opt(sql, &[tenant.into(), external_id.into()], |row| row.get(0)).await
}

/// The external ids that a client gave away.
pub async fn given_by(tx: &mut Tx, tenant: TenantId, id: ClientId) -> Result<Vec<String>, DbError> {
    let sql = "SELECT external_id FROM merged_external_ids
        WHERE tenant_id = $1 AND client_id = $2 ORDER BY external_id";
    tx.all(sql, &[tenant.into(), id.into()], |row| row.get(0)).await
}

/// Forgets those, for its erasure.
pub(crate) async fn forget(tx: &mut Tx, tenant: TenantId, id: ClientId) -> Result<(), DbError> {
    let sql = "DELETE FROM merged_external_ids WHERE tenant_id = $1 AND client_id = $2";
    tx.send(&[], sql, &[tenant.into(), id.into()]).await
}

/// The clients that lead to this one, for its erasure: they are records of it.
pub async fn of(
    tx: &mut Tx,
    tenant: TenantId,
    winner: ClientId,
    limit: i64,
) -> Result<Vec<ClientId>, DbError> {
    // Sorted here: asked for the order, SQLite walks all of the tenant's clients in it.
    let sql = "SELECT id FROM clients WHERE tenant_id = $1 AND merged_into = $2 LIMIT $3";
    let args = [tenant.into(), winner.into(), limit.into()];
    let mut found: Vec<ClientId> = tx.all(sql, &args, |row| row.get(0)).await?;
    found.sort();
    Ok(found)
}

/// Where the client with this external id leads, if it leads to another one.
pub async fn by_external_id(
    tx: &mut Tx,
    tenant: TenantId,
    external_id: &str,
) -> Result<Option<ClientId>, DbError> {
    let sql = "SELECT merged_into FROM clients
        WHERE tenant_id = $1 AND external_id = $2 AND merged_into IS NOT NULL";
    tx.opt(sql, &[tenant.into(), external_id.into()], |row| row.get(0)).await
}
