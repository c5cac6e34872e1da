//! What agents have collected.

use crate::error::DbError;
use crate::tx::Tx;
use clientbook_model::id::{DeviceUserId, TenantId};

/// Erases what was collected of a user: when it was active, and on which devices it was seen.
/// Whether there was anything.
pub async fn erase_user(
    tx: &mut Tx,
    tenant: TenantId,
    user: DeviceUserId,
) -> Result<bool, DbError> {
    let args = [tenant.into(), user.into()];
    let sql = "UPDATE device_users SET desktop_at = NULL, web_at = NULL
        WHERE tenant_id = $1 AND id = $2 AND (desktop_at IS NOT NULL OR web_at IS NOT NULL)";
    let activity = tx.execute(&[user.0], sql, &args).await?;
    let sql = "DELETE FROM device_user_sightings WHERE tenant_id = $1 AND user_id = $2";
    let sightings = tx.execute(&[user.0], sql, &args).await?;
    Ok(activity + sightings > 0)
}
