//! What agents log.

use crate::error::DbError;
use crate::software::DevicePlace;
use crate::tx::Tx;
use clientbook_model::telemetry::{LogLevel, LogRecord};
use clientbook_model::time::Timestamp;
use uuid::Uuid;

/// The most lines of a device that are kept: the newest.
const LINES: i64 = 10_000;

/// A line that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its id, later ones of which come later.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// How grave.
    pub level: LogLevel,
    /// What.
    pub message: String,
}

/// Keeps a line under an id that comes behind all others of the device.
pub async fn insert(
    tx: &mut Tx,
    place: &DevicePlace,
    id: Uuid,
    line: &LogRecord,
) -> Result<(), DbError> {
    let sql =
        "INSERT INTO agent_logs (tenant_id, device_id, id, client_id, logged_at, level, message)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let place = [place.tenant_id.into(), place.device_id.into(), id.into(), place.client_id.into()];
    let line = [line.at.into(), line.level.as_str().into(), line.message.as_str().into()];
    tx.send(&[], sql, &[&place[..], &line].concat()).await
}

/// Lets go of the oldest lines of a device, where there are too many.
pub async fn trim(tx: &mut Tx, place: &DevicePlace) -> Result<(), DbError> {
    let sql = "DELETE FROM agent_logs WHERE tenant_id = $1 AND device_id = $2 AND id <= (
            SELECT id FROM agent_logs WHERE tenant_id = $1 AND device_id = $2
            ORDER BY id DESC LIMIT 1 OFFSET $3)";
    tx.send(&[], sql, &[place.tenant_id.into(), place.device_id.into(), LINES.into()]).await
}

/// Lines of a device, newest first, before `before`.
pub async fn page(
    tx: &mut Tx,
    place: &DevicePlace,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<LogLine>, DbError> {
    let sql = "SELECT id, logged_at, level, message FROM agent_logs
        WHERE tenant_id = $1 AND device_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4";
    let before = before.unwrap_or(Uuid::max());
    let args = [place.tenant_id.into(), place.device_id.into(), before.into(), limit.into()];
    tx.all(sql, &args, |row| {
        Ok(LogLine { id: row.get(0)?, at: row.get(1)?, level: row.name(2)?, message: row.get(3)? })
    })
    .await
}

/// How many lines of a device there are.
pub async fn count(tx: &mut Tx, place: &DevicePlace) -> Result<i64, DbError> {
    let sql = "SELECT count(*) FROM agent_logs WHERE tenant_id = $1 AND device_id = $2";
    tx.one(sql, &[place.tenant_id.into(), place.device_id.into()], |row| row.get(0)).await
}
