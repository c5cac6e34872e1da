//! Users seen on the devices of clients.

use crate::error::DbError;
use crate::raw_id::RawId;
use crate::row::Row;
use crate::software::DevicePlace;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::device_user::{DeviceUser, Username};
use clientbook_model::id::{ClientId, DeviceId, DeviceUserId, TenantId};
use clientbook_model::search::fold;
use clientbook_model::time::Timestamp;
use std::collections::HashSet;
use uuid::Uuid;

macro_rules! select_user {
    ($rest:expr) => {
        concat!(
            "SELECT u.tenant_id, u.id, u.client_id, u.user_key, u.username, u.status,
                u.desktop_at, u.web_at, u.version, u.created_at, u.updated_at FROM ",
            $rest
        )
    };
}

pub(crate) use select_user;

/// Adds a user, unless another one of the client that is not deleted has the key; whether it did.
pub async fn insert(tx: &mut Tx, user: &DeviceUser) -> Result<bool, DbError> {
    let sql = "INSERT INTO device_users (tenant_id, id, client_id, user_key, username,
            folded_username, status, desktop_at, web_at, version, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT (tenant_id, client_id, user_key) WHERE status <> 'deleted' DO NOTHING";
    let folded = fold(user.username.as_str());
    let args = [
        user.tenant_id.into(),
        user.id.into(),
        user.client_id.into(),
        user.user_key.as_str().into(),
        user.username.as_str().into(),
        (&folded).into(),
        user.status.as_str().into(),
        user.desktop_at.into(),
        user.web_at.into(),
        user.version.into(),
        user.created_at.into(),
        user.updated_at.into(),
    ];
    let added = tx.execute(&[user.id.0, user.client_id.0], sql, &args).await?;
    Ok(added == 1)
}

/// Writes what changes of the record: what agents tell has functions of its own.
pub async fn update(tx: &mut Tx, user: &DeviceUser) -> Result<(), DbError> {
    let sql = "UPDATE device_users SET status = $1, version = $2, updated_at = $3
        WHERE tenant_id = $4 AND id = $5";
    let args = [
        user.status.as_str().into(),
        user.version.into(),
        user.updated_at.into(),
        user.tenant_id.into(),
        user.id.into(),
    ];
    tx.send(&[user.id.0, user.client_id.0], sql, &args).await
}

/// Writes the login name that a user was last seen with.
pub async fn set_username(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeviceUserId,
    username: &Username,
) -> Result<(), DbError> {
    let sql = "UPDATE device_users SET username = $1, folded_username = $2
        WHERE tenant_id = $3 AND id = $4";
    let folded = fold(username.as_str());
    let args = [username.as_str().into(), (&folded).into(), tenant.into(), id.into()];
    tx.send(&[id.0], sql, &args).await
}

/// Writes when a user was last active in applications or in a browser, unless something later is
/// there.
pub async fn set_activity(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeviceUserId,
    desktop_at: Option<Timestamp>,
    web_at: Option<Timestamp>,
) -> Result<(), DbError> {
    if let Some(at) = desktop_at {
        let sql = "UPDATE device_users SET desktop_at = $1
            WHERE tenant_id = $2 AND id = $3 AND (desktop_at < $1 OR desktop_at IS NULL)";
        tx.send(&[], sql, &[at.into(), tenant.into(), id.into()]).await?;
    }
    if let Some(at) = web_at {
        let sql = "UPDATE device_users SET web_at = $1
            WHERE tenant_id = $2 AND id = $3 AND (web_at < $1 OR web_at IS NULL)";
        tx.send(&[], sql, &[at.into(), tenant.into(), id.into()]).await?;
    }
    Ok(())
}

/// The user with this id, of whichever client of the tenant.
pub async fn get(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeviceUserId,
) -> Result<Option<DeviceUser>, DbError> {
    let sql = select_user!("device_users u WHERE u.tenant_id = $1 AND u.id = $2");
    tx.opt(sql, &[tenant.into(), id.into()], user).await
}

/// Like `get`, and keeps the row from other writers until the transaction ends. Whoever changes the
/// record also takes its client's row, and takes that first.
pub async fn get_for_update(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeviceUserId,
) -> Result<Option<DeviceUser>, DbError> {
    let sql = "SELECT 1 FROM device_users WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE";
    tx.lock(sql, &[tenant.into(), id.into()]).await?;
    get(tx, tenant, id).await
}

/// Those of a client with these ids, in no order.
pub async fn get_all(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
    ids: &[DeviceUserId],
) -> Result<Vec<DeviceUser>, DbError> {
    let uuids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let sql = tx.worded([
        select_user!(
            "device_users u WHERE u.tenant_id = $1 AND u.client_id = $2
                AND u.id IN (SELECT unhex(value) FROM json_each($3))"
        ),
        select_user!(
            "device_users u WHERE u.tenant_id = $1 AND u.client_id = $2 AND u.id = ANY($3)"
        ),
    ]);
    tx.all(sql, &[tenant.into(), client.into(), Value::Uuids(&uuids)], user).await
}

/// Writes that a user was seen on a device, for the first time or again.
pub async fn see(
    tx: &mut Tx,
    tenant: TenantId,
    device: DeviceId,
    user: DeviceUserId,
    at: Timestamp,
) -> Result<(), DbError> {
    let sql = "INSERT INTO device_user_sightings (tenant_id, device_id, user_id, enrolled_at,
            last_seen_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (tenant_id, device_id, user_id) DO UPDATE
            SET last_seen_at = excluded.last_seen_at
            WHERE device_user_sightings.last_seen_at < excluded.last_seen_at";
    let args = [tenant.into(), device.into(), user.into(), at.into(), at.into()];
    // Whose usage the agent collects is told with its device.
    tx.send(&[device.0], sql, &args).await
}

/// Takes the user away from a device who was seen on it longest ago, if that was before `stale`;
/// whether it did. The user stays.
pub async fn give_way(tx: &mut Tx, place: &DevicePlace, stale: Timestamp) -> Result<bool, DbError> {
    let sql = "DELETE FROM device_user_sightings
        WHERE tenant_id = $1 AND device_id = $2 AND user_id IN (
            SELECT s.user_id FROM device_user_sightings s
            JOIN device_users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
            WHERE s.tenant_id = $1 AND s.device_id = $2 AND u.status <> 'deleted'
                AND s.last_seen_at < $3
            ORDER BY s.last_seen_at, s.user_id LIMIT 1)";
    let args = [place.tenant_id.into(), place.device_id.into(), stale.into()];
    Ok(tx.execute(&[place.device_id.0], sql, &args).await? > 0)
}

/// Whether a user of a device could give way.
pub async fn has_stale(
    tx: &mut Tx,
    place: &DevicePlace,
    stale: Timestamp,
) -> Result<bool, DbError> {
    let sql = "SELECT s.user_id FROM device_user_sightings s
        JOIN device_users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
        WHERE s.tenant_id = $1 AND s.device_id = $2 AND u.status <> 'deleted'
            AND s.last_seen_at < $3 LIMIT 1";
    let args = [place.tenant_id.into(), place.device_id.into(), stale.into()];
    Ok(tx.opt(sql, &args, |row| row.get::<Uuid>(0)).await?.is_some())
}

/// Those of these keys whose users at the client are archived.
pub async fn archived(
    tx: &mut Tx,
    (tenant, client): (TenantId, ClientId),
    keys: impl Iterator<Item = &String>,
) -> Result<HashSet<String>, DbError> {
    let keys = serde_json::to_string(&keys.collect::<Vec<_>>());
    let keys = keys.map_err(|error| DbError::internal(error.to_string()))?;
    // The condition of the index is said twice: SQLite does not conclude it.
    let sql = tx.worded([
        "SELECT user_key FROM device_users WHERE tenant_id = $1 AND client_id = $2
            AND user_key IN (SELECT value FROM json_each($3))
            AND status <> 'deleted' AND status = 'archived'",
        "SELECT user_key FROM device_users WHERE tenant_id = $1 AND client_id = $2
            AND user_key = ANY(ARRAY(SELECT jsonb_array_elements_text($3)))
            AND status <> 'deleted' AND status = 'archived'",
    ]);
    let args = [tenant.into(), client.into(), Value::Json(&keys)];
    Ok(tx.all(sql, &args, |row| row.get(0)).await?.into_iter().collect())
}

/// Takes away what agents have told of a user: when it was active, and on which devices it was seen.
/// Whether there was anything.
pub async fn forget_activity(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeviceUserId,
) -> Result<bool, DbError> {
    let args = [tenant.into(), id.into()];
    let sql = "UPDATE device_users SET desktop_at = NULL, web_at = NULL
        WHERE tenant_id = $1 AND id = $2 AND (desktop_at IS NOT NULL OR web_at IS NOT NULL)";
    let activity = tx.execute(&[id.0], sql, &args).await?;
    let sql = "DELETE FROM device_user_sightings WHERE tenant_id = $1 AND user_id = $2";
    Ok(activity + tx.execute(&[id.0], sql, &args).await? > 0)
}

/// Takes the users of a client away, whose devices are gone already.
pub(crate) async fn erase_all(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
) -> Result<(), DbError> {
    let sql = "DELETE FROM device_users WHERE tenant_id = $1 AND client_id = $2";
    tx.send(&[client.0], sql, &[tenant.into(), client.into()]).await
}

/// A user as it stands in the store, for verification.
#[derive(Debug, Clone)]
pub struct StoredUser {
    /// Its id.
    pub id: RawId,
    /// Its status.
    pub status: String,
    /// Counts its changes.
    pub version: i64,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// All users of a client as they stand, in the order of their ids, starting with `from`.
pub async fn stored(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
    from: &RawId,
    limit: i64,
) -> Result<Vec<StoredUser>, DbError> {
    let sql = "SELECT id, status, version, created_at, updated_at FROM device_users
        WHERE tenant_id = $1 AND client_id = $2 AND id >= $3 ORDER BY id LIMIT $4";
    tx.all(sql, &[tenant.into(), client.into(), from.into(), limit.into()], |row| {
        Ok(StoredUser {
            id: row.get(0)?,
            status: row.get(1)?,
            version: row.get(2)?,
            created_at: row.get(3)?,
            updated_at: row.get(4)?,
        })
    })
    .await
}

pub(crate) fn user(row: &Row<'_>) -> Result<DeviceUser, DbError> {
    Ok(DeviceUser {
        tenant_id: row.get(0)?,
        id: row.get(1)?,
        client_id: row.get(2)?,
        user_key: row.get(3)?,
        username: row.get(4)?,
        status: row.name(5)?,
        desktop_at: row.get(6)?,
        web_at: row.get(7)?,
        version: row.get(8)?,
        created_at: row.get(9)?,
        updated_at: row.get(10)?,
    })
}
