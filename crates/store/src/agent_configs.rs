//! What a client's agents are told has changed: a number that each such change moves, in its own
//! transaction.
//!
//! An agent that waits for a change is answered once its client's number is another. Who waits in
//! this process is told at once where the store is its own (`Db::agent_changes`), and on PostgreSQL
//! by a notification on `CHANNEL`. Both are hints only: what counts is the number.

use crate::error::DbError;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::client::Client;
use clientbook_model::id::{ClientId, TenantId};
use std::collections::HashMap;
use uuid::Uuid;

/// The channel on which PostgreSQL notifies; the payload is the client's UUID.
pub const CHANNEL: &str = "clientbook_agents";

/// Gives a client its number, which it has from its first device on.
pub(crate) async fn begin(tx: &mut Tx, tenant: TenantId, client: ClientId) -> Result<(), DbError> {
    let sql = "INSERT INTO agent_configs (tenant_id, client_id, revision) VALUES ($1, $2, 0)
        ON CONFLICT (tenant_id, client_id) DO NOTHING";
    tx.send(&[client.0], sql, &[tenant.into(), client.into()]).await
}

/// Says that what agents of this client are told has changed, or what makes it: the client's mode or
/// status, a device's state or log shipping, a user's status. Copies in memory of what is about the
/// client end. Of a client that never had a device nothing is written, and nobody is told.
pub async fn bump(tx: &mut Tx, tenant: TenantId, client: ClientId) -> Result<(), DbError> {
    let sql = tx.worded([
        "UPDATE agent_configs SET revision = revision + 1 WHERE tenant_id = $1 AND client_id = $2",
        "WITH moved AS (UPDATE agent_configs SET revision = revision + 1
            WHERE tenant_id = $1 AND client_id = $2 RETURNING client_id)
         SELECT pg_notify($3, client_id::text) FROM moved",
    ]);
    tell(tx, tenant, client, sql).await
}

/// Runs a statement about a client's number, and tells who waits if there is one.
async fn tell(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
    sql: &'static str,
) -> Result<(), DbError> {
    let args = [tenant.into(), client.into(), CHANNEL.into()];
    if !tx.is_sqlite() {
        return tx.send(&[], sql, &args).await;
    }
    if tx.execute(&[client.0], sql, &args[..2]).await? > 0 {
        tx.sqlite()?.told_agents.push(client);
    }
    Ok(())
}

/// The same, if a change of the client's record is such a change.
pub(crate) async fn bump_if_told(tx: &mut Tx, old: &Client, new: &Client) -> Result<(), DbError> {
    let told = |client: &Client| (client.status.is_active(), client.collection_mode);
    if told(old) == told(new) {
        return Ok(());
    }
    bump(tx, new.tenant_id, new.id).await
}

/// Takes the number away with its client.
pub(crate) async fn remove(tx: &mut Tx, tenant: TenantId, client: ClientId) -> Result<(), DbError> {
    let sql = tx.worded([
        "DELETE FROM agent_configs WHERE tenant_id = $1 AND client_id = $2",
        "WITH gone AS (DELETE FROM agent_configs
            WHERE tenant_id = $1 AND client_id = $2 RETURNING client_id)
         SELECT pg_notify($3, client_id::text) FROM gone",
    ]);
    tell(tx, tenant, client, sql).await
}

/// How often what the agents of these clients are told has changed; none that has not. Crosses
/// tenants: a server asks for all whose agents wait at it.
pub async fn revisions_across_tenants(
    tx: &mut Tx,
    tenants: &[Uuid],
    clients: &[Uuid],
) -> Result<HashMap<ClientId, i64>, DbError> {
    let sql = tx.worded([
        "SELECT client_id, revision FROM agent_configs
            WHERE tenant_id IN (SELECT unhex(value) FROM json_each($1))
                AND client_id IN (SELECT unhex(value) FROM json_each($2))",
        "SELECT client_id, revision FROM agent_configs
            WHERE tenant_id = ANY($1) AND client_id = ANY($2)",
    ]);
    let args = [Value::Uuids(tenants), Value::Uuids(clients)];
    let rows = tx.all(sql, &args, |row| Ok((row.get(0)?, row.get(1)?))).await?;
    Ok(rows.into_iter().collect())
}
