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

/// The channel on which PostgreSQL notifies; the payload is the client's UUID.
pub const CHANNEL: &str = "clientbook_agents";

/// Says that what agents of this client are told has changed, or what makes it: the client's mode or
/// status, a device's state or log shipping, a user's status, or that there are more or fewer of
/// them. Copies in memory of what is about the client end.
pub async fn bump(tx: &mut Tx, tenant: TenantId, client: ClientId) -> Result<(), DbError> {
    let sql = "INSERT INTO agent_configs (tenant_id, client_id, revision) VALUES ($1, $2, 1)
        ON CONFLICT (tenant_id, client_id) DO UPDATE SET revision = agent_configs.revision + 1";
    tx.send(&[client.0], sql, &[tenant.into(), client.into()]).await?;
    tx.tell_agents(client).await
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
    let sql = "DELETE FROM agent_configs WHERE tenant_id = $1 AND client_id = $2";
    tx.send(&[client.0], sql, &[tenant.into(), client.into()]).await?;
    tx.tell_agents(client).await
}

/// The number of a client; 0 where nothing was changed yet, or where the client is gone.
pub async fn revision(tx: &mut Tx, tenant: TenantId, client: ClientId) -> Result<i64, DbError> {
    let sql = "SELECT revision FROM agent_configs WHERE tenant_id = $1 AND client_id = $2";
    let found = tx.opt(sql, &[tenant.into(), client.into()], |row| row.get(0)).await?;
    Ok(found.unwrap_or_default())
}

/// The numbers of these clients of a tenant; one that is not named has 0.
pub async fn revisions(
    tx: &mut Tx,
    tenant: TenantId,
    clients: &[ClientId],
) -> Result<HashMap<ClientId, i64>, DbError> {
    let uuids: Vec<_> = clients.iter().map(|id| id.0).collect();
    let sql = tx.worded([
        "SELECT client_id, revision FROM agent_configs
            WHERE tenant_id = $1 AND client_id IN (SELECT unhex(value) FROM json_each($2))",
        "SELECT client_id, revision FROM agent_configs WHERE tenant_id = $1 AND client_id = ANY($2)",
    ]);
    let args = [tenant.into(), Value::Uuids(&uuids)];
    let rows = tx.all(sql, &args, |row| Ok((row.get(0)?, row.get(1)?))).await?;
    Ok(rows.into_iter().collect())
}
