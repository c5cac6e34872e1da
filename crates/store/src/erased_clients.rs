//! Clients that were erased: what stays of them, and how the rest goes.

use crate::agent_configs;
use crate::audit;
use crate::client_listings;
use crate::departments;
use crate::device_users;
use crate::devices;
use crate::error::DbError;
use crate::kept_answers;
use crate::merged_clients;
use crate::row::Row;
use crate::telemetry;
use crate::tx::Tx;
use clientbook_model::audit::{ChainHead, Entry};
use clientbook_model::client::Client;
use clientbook_model::id::{ClientId, TenantId};
use clientbook_model::time::Timestamp;

/// What stays of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasedClient {
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its id, which no other client gets.
    pub id: ClientId,
    /// When it was erased.
    pub erased_at: Timestamp,
    /// The end of its chain.
    pub audit: ChainHead,
    /// Whether its bytes have left the files, as far as that is ours to do.
    pub scrubbed: bool,
}

/// The erased client with this id.
pub async fn get(
    tx: &mut Tx,
    tenant: TenantId,
    id: ClientId,
) -> Result<Option<ErasedClient>, DbError> {
    let sql = "SELECT tenant_id, id, erased_at, audit_count, audit_hash, scrubbed
        FROM erased_clients WHERE tenant_id = $1 AND id = $2";
    tx.opt(sql, &[tenant.into(), id.into()], erased).await
}

/// Erased clients of a tenant, by id, starting with `from`.
pub async fn page(
    tx: &mut Tx,
    tenant: TenantId,
    from: ClientId,
    limit: i64,
) -> Result<Vec<ErasedClient>, DbError> {
    let sql = "SELECT tenant_id, id, erased_at, audit_count, audit_hash, scrubbed
        FROM erased_clients WHERE tenant_id = $1 AND id >= $2 ORDER BY id LIMIT $3";
    tx.all(sql, &[tenant.into(), from.into(), limit.into()], erased).await
}

fn erased(row: &Row<'_>) -> Result<ErasedClient, DbError> {
    Ok(ErasedClient {
        tenant_id: row.get(0)?,
        id: row.get(1)?,
        erased_at: row.get(2)?,
        audit: ChainHead { count: row.get(3)?, hash: row.get(4)? },
        scrubbed: row.get(5)?,
    })
}

/// Replaces a client, as it was read, by what stays of it. No client may have it for a parent any
/// more.
pub async fn put(tx: &mut Tx, client: &Client, now: Timestamp) -> Result<(), DbError> {
    // One that was joined to another stands in no list.
    if client.merged_into.is_none() {
        client_listings::remove(tx, client).await?;
    }
    let [tenant, id] = [client.tenant_id.into(), client.id.into()];
    let sql = "DELETE FROM enrollment_tokens WHERE tenant_id = $1 AND client_id = $2";
    tx.send(&[], sql, &[tenant, id]).await?;
    kept_answers::scrub(tx, client.tenant_id, client.id).await?;
    let sql = "DELETE FROM client_values WHERE tenant_id = $1 AND client_id = $2";
    tx.send(&[], sql, &[tenant, id]).await?;
    telemetry::erase_client(tx, client.tenant_id, client.id).await?;
    devices::erase_all(tx, client.tenant_id, client.id).await?;
    departments::erase_all(tx, client.tenant_id, client.id).await?;
    device_users::erase_all(tx, client.tenant_id, client.id).await?;
    agent_configs::remove(tx, client.tenant_id, client.id).await?;
    merged_clients::forget(tx, client.tenant_id, client.id).await?;
    let sql = "DELETE FROM clients WHERE tenant_id = $1 AND id = $2";
    tx.send(&[client.id.0], sql, &[tenant, id]).await?;
    // Neither is given to another client.
    let sql = "INSERT INTO spent_client_names (tenant_id, number, object_id) VALUES ($1, $2, $3)";
    let object_id = client.object_id.to_string();
    tx.send(&[], sql, &[tenant, client.number.into(), (&object_id).into()]).await?;
    let sql = "INSERT INTO erased_clients (tenant_id, id, erased_at, audit_count, audit_hash,
            scrubbed)
        VALUES ($1, $2, $3, $4, $5, $6)";
    let head = &client.audit;
    // Of PostgreSQL's files the server itself is in charge.
    let scrubbed = !tx.is_sqlite();
    let head = [head.count.into(), (&head.hash).into(), scrubbed.into()];
    tx.send(&[], sql, &[&[tenant, id, now.into()][..], &head].concat()).await
}

/// Writes an entry anew with nothing but digests in it.
pub async fn reduce(tx: &mut Tx, mut entry: Entry) -> Result<(), DbError> {
    entry.contents.erase();
    audit::set_contents(tx, &entry).await
}

/// Erased clients of which bytes may still be in the files; crosses tenants, as files do.
pub async fn unscrubbed_across_tenants(tx: &mut Tx) -> Result<Vec<(TenantId, ClientId)>, DbError> {
    let sql = "SELECT tenant_id, id FROM erased_clients WHERE NOT scrubbed";
    tx.all(sql, &[], |row| Ok((row.get(0)?, row.get(1)?))).await
}

/// Says that none of an erased client is in the files any more.
pub async fn set_scrubbed(tx: &mut Tx, tenant: TenantId, id: ClientId) -> Result<(), DbError> {
    let sql = "UPDATE erased_clients SET scrubbed = NOT scrubbed
        WHERE tenant_id = $1 AND id = $2 AND NOT scrubbed";
    tx.send(&[], sql, &[tenant.into(), id.into()]).await
}
