//! Enrolment tokens.

use crate::error::DbError;
use crate::tx::Tx;
use clientbook_model::enrollment::EnrollmentToken;
use clientbook_model::id::{EnrollmentTokenId, TenantId};
use clientbook_model::time::Timestamp;

/// Adds a token.
pub async fn insert(tx: &mut Tx, token: &EnrollmentToken) -> Result<(), DbError> {
    let sql = "INSERT INTO enrollment_tokens (tenant_id, id, client_id, value, description,
            site_id, max_uses, uses, expires_at, created_at, revoked_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let args = [
        token.tenant_id.into(),
        token.id.into(),
        token.client_id.into(),
        (&token.value).into(),
        token.description.as_ref().into(),
        token.site_id.as_ref().into(),
        token.max_uses.into(),
        token.uses.into(),
        token.expires_at.into(),
        token.created_at.into(),
        token.revoked_at.into(),
    ];
    tx.execute(sql, &args).await.map(|_| ())
}

/// Takes a token back.
pub async fn revoke(
    tx: &mut Tx,
    tenant: TenantId,
    id: EnrollmentTokenId,
    now: Timestamp,
) -> Result<(), DbError> {
    let sql = "UPDATE enrollment_tokens SET revoked_at = $1
        WHERE tenant_id = $2 AND id = $3 AND revoked_at IS NULL";
    tx.execute(sql, &[now.into(), tenant.into(), id.into()]).await.map(|_| ())
}
