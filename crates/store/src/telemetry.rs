//! How what agents collect goes: with its client, with its user, or with time.

use crate::error::DbError;
use crate::tx::Tx;
use clientbook_model::id::{ClientId, DeviceId, DeviceUserId, TenantId};
use clientbook_model::telemetry::DayNumber;
use clientbook_model::time::Timestamp;

/// Removes all that was collected of a client. Comes before its devices go.
pub async fn erase_client(tx: &mut Tx, tenant: TenantId, client: ClientId) -> Result<(), DbError> {
    for sql in [
        "DELETE FROM usage_records WHERE tenant_id = $1 AND device_id IN (
            SELECT id FROM devices WHERE tenant_id = $1 AND client_id = $2)",
        "DELETE FROM usage_days WHERE tenant_id = $1 AND client_id = $2",
        "DELETE FROM agent_logs WHERE tenant_id = $1 AND device_id IN (
            SELECT id FROM devices WHERE tenant_id = $1 AND client_id = $2)",
        "DELETE FROM installed_software WHERE tenant_id = $1 AND client_id = $2",
        "DELETE FROM software WHERE tenant_id = $1 AND client_id = $2",
        "DELETE FROM collection_refusals WHERE tenant_id = $1 AND client_id = $2",
    ] {
        tx.send(&[], sql, &[tenant.into(), client.into()]).await?;
    }
    Ok(())
}

/// Removes all that was collected of a user; whether there was anything. Which records were counted stays, as digests that say
/// nothing of anybody: one that is sent again is not counted again.
pub async fn erase_user(
    tx: &mut Tx,
    tenant: TenantId,
    user: DeviceUserId,
) -> Result<bool, DbError> {
    let sql = "DELETE FROM usage_days WHERE tenant_id = $1 AND user_id = $2";
    Ok(tx.execute(&[], sql, &[tenant.into(), user.into()]).await? > 0)
}

/// The next client of which sums are kept; crosses tenants, as time does.
pub async fn next_client_across_tenants(
    tx: &mut Tx,
    after: (TenantId, ClientId),
) -> Result<Option<(TenantId, ClientId)>, DbError> {
    let sql = "SELECT tenant_id, client_id FROM usage_days
        WHERE (tenant_id, client_id) > ($1, $2) ORDER BY tenant_id, client_id LIMIT 1";
    tx.opt(sql, &[after.0.into(), after.1.into()], |row| Ok((row.get(0)?, row.get(1)?))).await
}

/// Removes some sums of the oldest day that a client has, if it is before `day`; whether it did.
pub async fn forget_sums(
    tx: &mut Tx,
    (tenant, client): (TenantId, ClientId),
    day: DayNumber,
    limit: i64,
) -> Result<bool, DbError> {
    let sql = "DELETE FROM usage_days WHERE tenant_id = $1 AND client_id = $2
        AND (day, device_id, user_id, kind, name) IN (
            SELECT day, device_id, user_id, kind, name FROM usage_days
            WHERE tenant_id = $1 AND client_id = $2 AND day < $3 LIMIT $4)";
    let args = [tenant.into(), client.into(), day.0.into(), limit.into()];
    Ok(tx.execute(&[], sql, &args).await? > 0)
}

/// The next device of which records are known; crosses tenants, as time does.
pub async fn next_device_across_tenants(
    tx: &mut Tx,
    after: (TenantId, DeviceId),
) -> Result<Option<(TenantId, DeviceId)>, DbError> {
    let sql = "SELECT tenant_id, device_id FROM usage_records
        WHERE (tenant_id, device_id) > ($1, $2) ORDER BY tenant_id, device_id LIMIT 1";
    tx.opt(sql, &[after.0.into(), after.1.into()], |row| Ok((row.get(0)?, row.get(1)?))).await
}

/// Forgets which records of a device are counted, of some that began before `day`; whether it did.
pub async fn forget_records(
    tx: &mut Tx,
    (tenant, device): (TenantId, DeviceId),
    day: DayNumber,
    limit: i64,
) -> Result<bool, DbError> {
    let sql = "DELETE FROM usage_records WHERE tenant_id = $1 AND device_id = $2 AND digest IN (
            SELECT digest FROM usage_records
            WHERE tenant_id = $1 AND device_id = $2 AND day < $3 LIMIT $4)";
    let args = [tenant.into(), device.into(), day.0.into(), limit.into()];
    Ok(tx.execute(&[], sql, &args).await? > 0)
}

/// The next device whose log is kept; crosses tenants, as time does.
pub async fn next_log_across_tenants(
    tx: &mut Tx,
    after: (TenantId, DeviceId),
) -> Result<Option<(TenantId, DeviceId)>, DbError> {
    let sql = "SELECT tenant_id, device_id FROM agent_logs
        WHERE (tenant_id, device_id) > ($1, $2) ORDER BY tenant_id, device_id LIMIT 1";
    tx.opt(sql, &[after.0.into(), after.1.into()], |row| Ok((row.get(0)?, row.get(1)?))).await
}

/// Removes some lines of a device's log of before `time`; whether it did.
pub async fn forget_log(
    tx: &mut Tx,
    (tenant, device): (TenantId, DeviceId),
    time: Timestamp,
    limit: i64,
) -> Result<bool, DbError> {
    let sql = "DELETE FROM agent_logs WHERE tenant_id = $1 AND device_id = $2 AND id IN (
            SELECT id FROM agent_logs
            WHERE tenant_id = $1 AND device_id = $2 AND logged_at < $3 LIMIT $4)";
    let args = [tenant.into(), device.into(), time.into(), limit.into()];
    Ok(tx.execute(&[], sql, &args).await? > 0)
}
