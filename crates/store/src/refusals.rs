//! How often devices sent what may not be collected.

use crate::error::DbError;
use crate::software::DevicePlace;
use crate::tx::Tx;
use clientbook_model::agent::Payload;
use clientbook_model::id::{ClientId, DeviceId, TenantId};
use clientbook_model::time::Timestamp;
use uuid::Uuid;

/// What was refused to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusals {
    /// The device.
    pub device_id: DeviceId,
    /// What it sent.
    pub payload: Payload,
    /// How often.
    pub count: i64,
    /// When last.
    pub last_at: Timestamp,
}

/// Adds to what was refused to a device.
pub async fn add(
    tx: &mut Tx,
    place: &DevicePlace,
    payload: Payload,
    count: i64,
    last_at: Timestamp,
) -> Result<(), DbError> {
    // None for a device that is gone: erasure leaves nothing behind.
    let sql = "INSERT INTO collection_refusals (tenant_id, client_id, device_id, payload, refused,
            last_refused_at)
        SELECT d.tenant_id, d.client_id, d.id, $1, $2, $3 FROM devices d
        WHERE d.tenant_id = $4 AND d.id = $5
        ON CONFLICT (tenant_id, client_id, device_id, payload) DO UPDATE
            SET refused = collection_refusals.refused + excluded.refused,
                last_refused_at = excluded.last_refused_at";
    let args = [payload.as_str().into(), count.into(), last_at.into()];
    let device = [place.tenant_id.into(), place.device_id.into()];
    tx.send(&[], sql, &[&args[..], &device].concat()).await
}

/// What was refused to the devices of a client, in the order of their ids, behind `after`.
pub async fn page(
    tx: &mut Tx,
    (tenant, client): (TenantId, ClientId),
    after: Option<(DeviceId, Payload)>,
    limit: i64,
) -> Result<Vec<Refusals>, DbError> {
    let sql = "SELECT device_id, payload, refused, last_refused_at FROM collection_refusals
        WHERE tenant_id = $1 AND client_id = $2 AND (device_id, payload) > ($3, $4)
        ORDER BY device_id, payload LIMIT $5";
    let (device, payload) =
        after.map_or((DeviceId(Uuid::nil()), ""), |(device, payload)| (device, payload.as_str()));
    let args = [tenant.into(), client.into(), device.into(), payload.into(), limit.into()];
    tx.all(sql, &args, |row| {
        Ok(Refusals {
            device_id: row.get(0)?,
            payload: row.name(1)?,
            count: row.get(2)?,
            last_at: row.get(3)?,
        })
    })
    .await
}

/// How many rows there are.
pub async fn count(tx: &mut Tx, (tenant, client): (TenantId, ClientId)) -> Result<i64, DbError> {
    let sql = "SELECT count(*) FROM collection_refusals WHERE tenant_id = $1 AND client_id = $2";
    tx.one(sql, &[tenant.into(), client.into()], |row| row.get(0)).await
}
