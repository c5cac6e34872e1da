//! Devices as their agents come by: by token, to be told what to do, and to be seen.

use crate::devices::KIND;
use crate::error::DbError;
use crate::row::Row;
use crate::software::DevicePlace;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::agent::Tiers;
use clientbook_model::device::DeploymentError;
use clientbook_model::device_user::{MAX_USERS_OF_DEVICE, UserKey, UserStatus};
use clientbook_model::id::{ClientId, DeviceUserId, TenantId};
use clientbook_model::secret::SecretDigest;
use clientbook_model::time::Timestamp;

/// A device that a token stands for, with all that decides what its agent is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundAgent {
    /// The device.
    pub place: DevicePlace,
    /// What tells it from the client's others; empty once the client is erased.
    pub unique_key: String,
    /// Its name.
    pub name: String,
    /// What decides.
    pub tiers: Tiers,
    /// The version that its agent last told.
    pub agent_version: String,
    /// What its agent last said keeps it from its work.
    pub deployment_errors: Vec<DeploymentError>,
    /// The users seen on it, by key.
    pub users: Vec<FoundUser>,
    /// How often what the client's agents are told had changed.
    pub revision: i64,
}

/// A user seen on the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundUser {
    /// Its id.
    pub id: DeviceUserId,
    /// What the device knows the user by.
    pub user_key: String,
    /// The login name.
    pub username: String,
    /// The third tier.
    pub status: UserStatus,
}

impl FoundAgent {
    /// The user of this key.
    pub fn user(&self, user_key: &str) -> Option<&FoundUser> {
        let at = self.users.binary_search_by(|user| user.user_key.as_str().cmp(user_key));
        at.ok().and_then(|at| self.users.get(at))
    }
}

/// The device whose token has this digest; crosses tenants, because a credential is what tells the
/// tenant.
pub async fn find_across_tenants(
    tx: &mut Tx,
    digest: SecretDigest,
) -> Result<Option<FoundAgent>, DbError> {
    let sql = "SELECT c.tenant_id, c.id, t.client_id, d.client_id, d.unique_key, d.name,
            d.collection_state, d.log_shipping_enabled, d.agent_version, d.deployment_errors,
            k.status, k.collection_mode, r.revision
        FROM credentials c
        LEFT JOIN devices d ON d.tenant_id = c.tenant_id AND d.id = c.id
        LEFT JOIN clients k ON k.tenant_id = d.tenant_id AND k.id = d.client_id
        LEFT JOIN device_tombstones t ON t.tenant_id = c.tenant_id AND t.device_id = c.id
        LEFT JOIN agent_configs r ON r.tenant_id = d.tenant_id AND r.client_id = d.client_id
        WHERE c.digest = $1 AND c.kind = $2";
    let args = [Value::Bytes(&digest.0), KIND.into()];
    let asked = tx.ask(sql, &args, found).await?;
    // Both questions go out at once.
    let sql = "SELECT u.id, u.user_key, u.username, u.status
        FROM credentials c
        JOIN device_user_sightings s ON s.tenant_id = c.tenant_id AND s.device_id = c.id
        JOIN device_users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
        WHERE c.digest = $1 AND c.kind = $2 AND u.status <> 'deleted'
        ORDER BY s.last_seen_at DESC, u.id LIMIT $3";
    // Those seen last: there is a limit, and before there was one a device could have more.
    let most = i64::from(MAX_USERS_OF_DEVICE);
    let mut users = tx.all(sql, &[&args[..], &[most.into()]].concat(), user).await?;
    users.sort_unstable_by(|one: &FoundUser, other| one.user_key.cmp(&other.user_key));
    Ok(tx.answer(asked).await?.flatten().map(|agent| FoundAgent { users, ..agent }))
}

fn user(row: &Row<'_>) -> Result<FoundUser, DbError> {
    Ok(FoundUser {
        id: row.get(0)?,
        user_key: row.get(1)?,
        username: row.get(2)?,
        status: row.name(3)?,
    })
}

/// `None` where the credential has outlived both the device and its tombstone.
fn found(row: &Row<'_>) -> Result<Option<FoundAgent>, DbError> {
    let (tenant_id, device_id) = (row.get(0)?, row.get(1)?);
    let place = |client_id| DevicePlace { tenant_id, client_id, device_id };
    if let Some(client) = row.get::<Option<ClientId>>(3)? {
        return Ok(Some(FoundAgent {
            place: place(client),
            unique_key: row.get(4)?,
            name: row.get(5)?,
            tiers: Tiers {
                state: row.name(6)?,
                log_shipping_enabled: row.get(7)?,
                status: row.name(10)?,
                mode: row.name(11)?,
            },
            agent_version: row.get(8)?,
            deployment_errors: row.json(9)?,
            users: Vec::new(),
            revision: row.get::<Option<i64>>(12)?.unwrap_or(0),
        }));
    }
    let erased = row.get::<Option<ClientId>>(2)?.map(|client| FoundAgent {
        place: place(client),
        unique_key: String::new(),
        name: String::new(),
        tiers: Tiers::ERASED,
        agent_version: String::new(),
        deployment_errors: Vec::new(),
        users: Vec::new(),
        revision: 0,
    });
    Ok(erased)
}

/// The device that a token stands for, or stood for until just now, in a transaction that changes
/// something of it: nobody else changes what decides on it, or the device, until the end.
pub async fn hold_across_tenants(
    tx: &mut Tx,
    digest: SecretDigest,
    place: &DevicePlace,
) -> Result<Option<FoundAgent>, DbError> {
    // Whoever changes the mode or the status, erases, or changes a device takes the client's row. So do
    // agents, one after the other: were they to share it, PostgreSQL would let one after the other join
    // in while an administrator waits, for as long as any of them has something to say.
    let sql = "SELECT 1 FROM clients WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE";
    tx.lock(sql, &[place.tenant_id.into(), place.client_id.into()]).await?;
    let sql = "SELECT 1 FROM devices WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE";
    tx.lock(sql, &[place.tenant_id.into(), place.device_id.into()]).await?;
    find_across_tenants(tx, digest).await
}

/// Says when a user was seen on a device; nothing where neither is known.
pub async fn set_user_seen(
    tx: &mut Tx,
    place: &DevicePlace,
    user: DeviceUserId,
    at: Timestamp,
) -> Result<(), DbError> {
    let sql = "UPDATE device_user_sightings SET last_seen_at = $1
        WHERE tenant_id = $2 AND device_id = $3 AND user_id = $4 AND last_seen_at < $1";
    let args = [at.into(), place.tenant_id.into(), place.device_id.into(), user.into()];
    tx.send(&[], sql, &args).await
}

/// A client's user of some key, and when the last one before it was deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyHolder {
    /// The user that is not deleted.
    pub user: Option<FoundUser>,
    /// When the last deleted one was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// Who has a key, kept from other agents until the end. Several are asked for in the order of keys.
pub async fn key_holder(
    tx: &mut Tx,
    (tenant, client): (TenantId, ClientId),
    user_key: &UserKey,
) -> Result<KeyHolder, DbError> {
    let args = [tenant.into(), client.into(), user_key.as_str().into()];
    let sql = "SELECT 1 FROM device_users WHERE tenant_id = $1 AND client_id = $2 AND user_key = $3
        AND status <> 'deleted' FOR NO KEY UPDATE";
    tx.lock(sql, &args).await?;
    let sql = "SELECT id, user_key, username, status FROM device_users
        WHERE tenant_id = $1 AND client_id = $2 AND user_key = $3 AND status <> 'deleted'";
    let asked = tx.ask(sql, &args, user).await?;
    // Nothing of a deleted user changes any more: its last change was that.
    let sql = "SELECT max(updated_at) FROM device_users
        WHERE tenant_id = $1 AND client_id = $2 AND user_key = $3 AND status = 'deleted'";
    let deleted_at = tx.one(sql, &args, |row| row.get(0)).await?;
    Ok(KeyHolder { user: tx.answer(asked).await?, deleted_at })
}
