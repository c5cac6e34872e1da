//! Enrolment tokens.

use crate::error::DbError;
use crate::raw_id::RawId;
use crate::row::Row;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::enrollment::{EnrollmentToken, digest};
use clientbook_model::id::{ClientId, EnrollmentTokenId, TenantId};
use clientbook_model::time::Timestamp;
use uuid::Uuid;

/// Adds a token. `DbError::Unique("enrollment_values_digest")` if another has its value, in whichever
/// tenant, or had it and was erased.
pub async fn insert(tx: &mut Tx, token: &EnrollmentToken) -> Result<(), DbError> {
    let sql = "INSERT INTO enrollment_values (digest, tenant_id) VALUES ($1, $2)";
    let value = digest(&token.value);
    tx.send(&[], sql, &[(&value).into(), token.tenant_id.into()]).await?;
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
    tx.send(&[token.client_id.0], sql, &args).await
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
    tx.send(&[id.0], sql, &[now.into(), tenant.into(), id.into()]).await
}

macro_rules! select_token {
    ($rest:literal) => {
        concat!(
            "SELECT tenant_id, id, client_id, value, description, site_id, max_uses, uses,
                expires_at, created_at, revoked_at FROM enrollment_tokens WHERE ",
            $rest
        )
    };
}

/// A client's token with this id.
pub async fn get(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
    id: EnrollmentTokenId,
) -> Result<Option<EnrollmentToken>, DbError> {
    let sql = select_token!("tenant_id = $1 AND client_id = $2 AND id = $3");
    tx.opt(sql, &[tenant.into(), client.into(), id.into()], token).await
}

/// A client's tokens, whatever they are good for, newest first, starting after `after`.
pub async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
    after: Option<(Timestamp, EnrollmentTokenId)>,
    limit: i64,
) -> Result<Vec<EnrollmentToken>, DbError> {
    let sql = select_token!(
        "tenant_id = $1 AND client_id = $2 AND (created_at, id) < ($3, $4)
         ORDER BY created_at DESC, id DESC LIMIT $5"
    );
    let last = (Timestamp::clamped(i64::MAX), EnrollmentTokenId(Uuid::max()));
    let (time, id) = after.unwrap_or(last);
    let args = [tenant.into(), client.into(), time.into(), id.into(), limit.into()];
    tx.all(sql, &args, token).await
}

/// How many tokens a client has and had.
pub async fn count(tx: &mut Tx, tenant: TenantId, client: ClientId) -> Result<i64, DbError> {
    let sql = "SELECT count(*) FROM enrollment_tokens WHERE tenant_id = $1 AND client_id = $2";
    tx.one(sql, &[tenant.into(), client.into()], |row| row.get(0)).await
}

/// The client and the id of the token with this value that is not revoked; crosses tenants, because it
/// is what tells the tenant. Found by the digest: how long that takes says nothing of other values.
pub async fn find_across_tenants(
    tx: &mut Tx,
    value: &str,
) -> Result<Option<(TenantId, ClientId, EnrollmentTokenId)>, DbError> {
    let sql = "SELECT e.tenant_id, e.client_id, e.id FROM enrollment_values v
        JOIN enrollment_tokens e ON e.tenant_id = v.tenant_id AND e.value = $1
        WHERE v.digest = $2 AND e.revoked_at IS NULL";
    let digest = digest(value);
    let args = [value.into(), Value::Bytes(&digest)];
    tx.opt(sql, &args, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).await
}

/// Counts a use. Whoever calls has the client's row, and has seen that there is one left.
pub async fn count_use(tx: &mut Tx, token: &EnrollmentToken) -> Result<(), DbError> {
    let sql = "UPDATE enrollment_tokens SET uses = uses + 1 WHERE tenant_id = $1 AND id = $2";
    let touched = [token.id.0, token.client_id.0];
    tx.send(&touched, sql, &[token.tenant_id.into(), token.id.into()]).await
}

fn token(row: &Row<'_>) -> Result<EnrollmentToken, DbError> {
    Ok(EnrollmentToken {
        tenant_id: row.get(0)?,
        id: row.get(1)?,
        client_id: row.get(2)?,
        value: row.get(3)?,
        description: row.get(4)?,
        site_id: row.get(5)?,
        max_uses: row.get(6)?,
        uses: row.get(7)?,
        expires_at: row.get(8)?,
        created_at: row.get(9)?,
        revoked_at: row.get(10)?,
    })
}

/// A token as it stands in the store, for verification.
#[derive(Debug, Clone)]
pub struct StoredToken {
    /// Its id.
    pub id: RawId,
    /// What it is for.
    pub description: Option<String>,
    /// The site its devices stand at.
    pub site_id: Option<String>,
    /// How many devices may enrol, if limited.
    pub max_uses: Option<i64>,
    /// When it stops working, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

/// All tokens of a client as they stand, revoked or not, in the order of their ids, starting with
/// `from`.
pub async fn stored(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
    from: &RawId,
    limit: i64,
) -> Result<Vec<StoredToken>, DbError> {
    let sql = "SELECT id, description, site_id, max_uses, expires_at, created_at, revoked_at
        FROM enrollment_tokens WHERE tenant_id = $1 AND client_id = $2 AND id >= $3
        ORDER BY id LIMIT $4";
    tx.all(sql, &[tenant.into(), client.into(), from.into(), limit.into()], |row| {
        Ok(StoredToken {
            id: row.get(0)?,
            description: row.get(1)?,
            site_id: row.get(2)?,
            max_uses: row.get(3)?,
            expires_at: row.get(4)?,
            created_at: row.get(5)?,
            revoked_at: row.get(6)?,
        })
    })
    .await
}
