//! API tokens, found by the digest of their secret.

use crate::column::{Json, Name};
use crate::error::DbError;
use crate::raw_id::RawId;
use crate::row::Row;
use crate::tx::{Asked, Tx};
use crate::value::Value;
use clientbook_model::api_token::{ApiToken, Capability, Grant};
use clientbook_model::id::{ApiTokenId, ClientId, TenantId};
use clientbook_model::principal::{Permission, Permissions, Reach, Role};
use clientbook_model::secret::SecretDigest;
use clientbook_model::text::ScopeId;
use clientbook_model::time::Timestamp;

/// What `credentials.kind` says of an API token.
const KIND: &str = "api_token";

macro_rules! select_token {
    ($rest:literal) => {
        concat!(
            "SELECT t.tenant_id, t.id, t.name, t.role, t.permissions, t.client_ids, t.org_id,
                t.project_id, t.expires_at, t.created_by, t.created_at FROM ",
            $rest
        )
    };
}

/// The token whose secret has this digest, unless it is revoked; crosses tenants, because a
/// credential is what tells the tenant.
pub async fn find_across_tenants(
    tx: &mut Tx,
    digest: SecretDigest,
) -> Result<Option<ApiToken>, DbError> {
    let sql = select_token!(
        "credentials c JOIN api_tokens t ON t.tenant_id = c.tenant_id AND t.id = c.id
         WHERE c.digest = $1 AND c.kind = $2 AND t.revoked_at IS NULL"
    );
    tx.opt(sql, &[Value::Bytes(&digest.0), KIND.into()], token).await
}

const LOCK: &str = "SELECT 1 FROM api_tokens WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE";

/// The token with this id, revoked or not, kept from other writers until the transaction ends.
/// Also says whether it still works.
pub async fn get_for_update(
    tx: &mut Tx,
    tenant: TenantId,
    id: ApiTokenId,
) -> Result<Option<(ApiToken, bool)>, DbError> {
    let sql = "SELECT t.tenant_id, t.id, t.name, t.role, t.permissions, t.client_ids, t.org_id,
            t.project_id, t.expires_at, t.created_by, t.created_at, t.revoked_at
        FROM api_tokens t WHERE t.tenant_id = $1 AND t.id = $2";
    tx.lock(LOCK, &[tenant.into(), id.into()]).await?;
    tx.opt(sql, &[tenant.into(), id.into()], |row| {
        let revoked: Option<Timestamp> = row.get(11)?;
        Ok((token(row)?, revoked.is_none()))
    })
    .await
}

/// A question for the state of a token.
pub struct AskedToken(Asked<(Option<Timestamp>, Option<Timestamp>)>);

/// Asks for the state of a token, without waiting for it.
pub async fn ask(tx: &mut Tx, tenant: TenantId, id: ApiTokenId) -> Result<AskedToken, DbError> {
    let sql = "SELECT revoked_at, expires_at FROM api_tokens WHERE tenant_id = $1 AND id = $2";
    let args = [tenant.into(), id.into()];
    tx.ask(sql, &args, |row| Ok((row.get(0)?, row.get(1)?))).await.map(AskedToken)
}

/// Whether the token that was asked for is neither revoked nor past its end at `now`.
pub async fn works(tx: &mut Tx, asked: AskedToken, now: Timestamp) -> Result<bool, DbError> {
    let works = |(revoked, end): (Option<_>, Option<_>)| {
        revoked.is_none() && end.is_none_or(|end| end > now)
    };
    Ok(tx.answer(asked.0).await?.is_some_and(works))
}

/// The tenant of a token; crosses tenants, for operators' calls that name no tenant.
pub async fn tenant_across_tenants(
    tx: &mut Tx,
    id: ApiTokenId,
) -> Result<Option<TenantId>, DbError> {
    tx.opt("SELECT tenant_id FROM credentials WHERE id = $1", &[id.into()], |row| row.get(0)).await
}

/// Which tokens a list holds.
#[derive(Debug, Clone)]
pub struct TokenFilter {
    /// Tokens of this tenant.
    pub tenant_id: TenantId,
    /// Only those made by this actor.
    pub created_by: Option<String>,
}

/// Tokens that are not revoked, newest first, starting after `after`.
pub async fn list(
    tx: &mut Tx,
    filter: &TokenFilter,
    after: Option<ApiTokenId>,
    limit: i64,
) -> Result<Vec<ApiToken>, DbError> {
    // Ids are version 7: their order is that of creation.
    let sql = select_token!(
        "api_tokens t
         WHERE t.tenant_id = $1 AND t.revoked_at IS NULL AND t.id < $2
            AND (t.created_by = $3 OR $3 IS NULL)
         ORDER BY t.id DESC LIMIT $4"
    );
    let after = after.unwrap_or(ApiTokenId(uuid::Uuid::max()));
    let created_by = filter.created_by.as_ref().into();
    tx.all(sql, &[filter.tenant_id.into(), after.into(), created_by, limit.into()], token).await
}

/// How many tokens the filter matches.
pub async fn count(tx: &mut Tx, filter: &TokenFilter) -> Result<i64, DbError> {
    let sql = "SELECT count(*) FROM api_tokens t
        WHERE t.tenant_id = $1 AND t.revoked_at IS NULL AND (t.created_by = $2 OR $2 IS NULL)";
    let args = [filter.tenant_id.into(), filter.created_by.as_ref().into()];
    tx.one(sql, &args, |row| row.get(0)).await
}

/// A token as it stands in the store, for verification: what no version of ours would write shows
/// too.
#[derive(Debug, Clone)]
pub struct StoredToken {
    /// Its id.
    pub id: RawId,
    /// What people call it.
    pub name: String,
    /// Its role.
    pub role: Option<String>,
    /// Its permissions.
    pub permissions: Option<serde_json::Value>,
    /// The clients it is restricted to.
    pub client_ids: Option<serde_json::Value>,
    /// The organization.
    pub org_id: Option<String>,
    /// The project.
    pub project_id: Option<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// The actor who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

/// All tokens of a tenant as they stand, revoked or not, in the order of their ids, starting with
/// `from`.
pub async fn stored(
    tx: &mut Tx,
    tenant: TenantId,
    from: &RawId,
    limit: i64,
) -> Result<Vec<StoredToken>, DbError> {
    let sql = "SELECT id, name, role, permissions, client_ids, org_id, project_id, expires_at,
            created_by, created_at, revoked_at
        FROM api_tokens WHERE tenant_id = $1 AND id >= $2 ORDER BY id LIMIT $3";
    tx.all(sql, &[tenant.into(), from.into(), limit.into()], |row| {
        Ok(StoredToken {
            id: row.get(0)?,
            name: row.get(1)?,
            role: row.get(2)?,
            permissions: row.get::<Option<Json<_>>>(3)?.map(|json| json.0),
            client_ids: row.get::<Option<Json<_>>>(4)?.map(|json| json.0),
            org_id: row.get(5)?,
            project_id: row.get(6)?,
            expires_at: row.get(7)?,
            created_by: row.get(8)?,
            created_at: row.get(9)?,
            revoked_at: row.get(10)?,
        })
    })
    .await
}

/// Adds a token and the credential that leads to it.
pub async fn insert(tx: &mut Tx, token: &ApiToken, digest: SecretDigest) -> Result<(), DbError> {
    let (role, permissions) = match token.grant.capability {
        Capability::Role(role) => (Some(role.as_str()), None),
        Capability::Permissions(all) => {
            let names: Vec<_> = all.iter().map(Permission::as_str).collect();
            (None, Some(json(&names)?))
        }
    };
    let client_ids = token.grant.client_ids.as_ref().map(json).transpose()?;
    let sql = "INSERT INTO api_tokens (tenant_id, id, name, role, permissions, client_ids, org_id,
            project_id, expires_at, created_by, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let args = [
        token.tenant_id.into(),
        token.id.into(),
        token.name.as_str().into(),
        role.into(),
        permissions.as_deref().map_or(Value::Null, Value::Json),
        client_ids.as_deref().map_or(Value::Null, Value::Json),
        token.grant.org_id.as_ref().map(ScopeId::as_str).into(),
        token.grant.project_id.as_ref().map(ScopeId::as_str).into(),
        token.grant.expires_at.into(),
        (&token.created_by).into(),
        token.created_at.into(),
    ];
    tx.send(&[], sql, &args).await?;
    let sql = "INSERT INTO credentials (digest, tenant_id, kind, id) VALUES ($1, $2, $3, $4)";
    let args = [Value::Bytes(&digest.0), token.tenant_id.into(), KIND.into(), token.id.into()];
    tx.send(&[], sql, &args).await
}

/// Takes a token back. Its credential stays, so that its tenant can still be found.
pub async fn revoke(
    tx: &mut Tx,
    tenant: TenantId,
    id: ApiTokenId,
    now: Timestamp,
) -> Result<(), DbError> {
    let sql = "UPDATE api_tokens SET revoked_at = $1
        WHERE tenant_id = $2 AND id = $3 AND revoked_at IS NULL";
    tx.send(&[id.0], sql, &[now.into(), tenant.into(), id.into()]).await
}

fn json(value: &impl serde::Serialize) -> Result<String, DbError> {
    serde_json::to_string(value).map_err(|error| DbError::internal(error.to_string()))
}

fn token(row: &Row<'_>) -> Result<ApiToken, DbError> {
    let tenant_id: TenantId = row.get(0)?;
    let capability = if let Some(role) = row.get::<Option<Name<Role>>>(3)? {
        Capability::Role(role.0)
    } else {
        let names: Vec<String> = row.json(4)?;
        // A permission that this version does not know grants nothing.
        let known = names.iter().filter_map(|name| Permission::from_name(name));
        Capability::Permissions(known.collect::<Permissions>())
    };
    let client_ids: Option<Json<Vec<ClientId>>> = row.get(5)?;
    Ok(ApiToken {
        tenant_id,
        id: row.get(1)?,
        name: row.get(2)?,
        grant: Grant {
            reach: match tenant_id {
                TenantId::SYSTEM => Reach::Everywhere,
                tenant => Reach::Tenant(tenant),
            },
            capability,
            client_ids: client_ids.map(|ids| ids.0),
            org_id: row.get(6)?,
            project_id: row.get(7)?,
            expires_at: row.get(8)?,
        },
        created_by: row.get(9)?,
        created_at: row.get(10)?,
    })
}
