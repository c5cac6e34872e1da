//! Answers to calls that came with an idempotency key, kept for repeats.

use crate::error::DbError;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::audit::Hash;
use clientbook_model::id::{ClientId, TenantId};
use clientbook_model::principal::{Permission, Permissions};
use clientbook_model::time::Timestamp;
use uuid::Uuid;

/// Who called what with which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The caller's tenant; the system's own for operators.
    pub tenant_id: TenantId,
    /// SHA-256 of the principal, the method, the path and the key.
    pub digest: Hash,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// SHA-256 of what was sent along.
    pub fingerprint: Hash,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its status.
    pub status: i64,
    /// The version of the record it shows.
    pub version: Option<i64>,
    /// Where what was made can be read.
    pub location: Option<String>,
    /// Its bytes; `None` if they are not to be told again.
    pub body: Option<Vec<u8>>,
    /// What was made.
    pub made_id: Option<Uuid>,
    /// The client it is about.
    pub client_id: Option<ClientId>,
    /// The client whose name it shows beside that.
    pub parent_id: Option<ClientId>,
    /// What its changes took; a repeat takes it too.
    pub permissions: Permissions,
}

/// What there is for a scope.
#[derive(Debug)]
pub enum Found {
    /// An answer.
    Answer(Box<KeptAnswer>),
    /// None, and no other transaction is about to make one.
    Nothing,
    /// None yet: a transaction of this or another server has the scope.
    Taken,
}

/// The answer kept for `scope`. Where there is none, PostgreSQL keeps other transactions from the
/// scope until this one ends, without making them wait; should two get through, the primary key lets
/// one `insert`. What it finds it locks: a server that has restarted alone shows what no standby has,
/// and only the `COMMIT` of a transaction that has written waits for the standbys.
pub async fn find(tx: &mut Tx, scope: &Scope) -> Result<Found, DbError> {
    let args = [scope.tenant_id.into(), (&scope.digest).into()];
    let turn = if tx.is_sqlite() {
        None
    } else {
        let sql = "SELECT pg_try_advisory_xact_lock($1)";
        Some(tx.ask(sql, &[lock_of(scope).into()], |row| row.get::<bool>(0)).await?)
    };
    let lock = "SELECT 1 FROM kept_answers WHERE tenant_id = $1 AND scope = $2 FOR NO KEY UPDATE";
    tx.lock(lock, &args).await?;
    let sql = "SELECT fingerprint, created_at, status, version, location, body, made_id, client_id,
            parent_id, permissions
        FROM kept_answers WHERE tenant_id = $1 AND scope = $2";
    let found = tx
        .opt(sql, &args, |row| {
            Ok(KeptAnswer {
                fingerprint: row.get(0)?,
                created_at: row.get(1)?,
                status: row.get(2)?,
                version: row.get(3)?,
                location: row.get(4)?,
                body: row.get(5)?,
                made_id: row.get(6)?,
                client_id: row.get(7)?,
                parent_id: row.get(8)?,
                permissions: read(&row.get::<String>(9)?),
            })
        })
        .await?;
    let has_turn = match turn {
        Some(turn) => tx.answer(turn).await?.unwrap_or(false),
        None => true,
    };
    Ok(match found {
        Some(answer) => Found::Answer(Box::new(answer)),
        None if has_turn => Found::Nothing,
        None => Found::Taken,
    })
}

// Of one that is not known here nobody knows who has it: then all of them are asked for.
fn read(names: &str) -> Permissions {
    let all = names.split_whitespace().map(Permission::from_name);
    all.collect::<Option<_>>().unwrap_or(Permissions::ALL)
}

// Scopes that share a number get in each other's way for a moment, no more.
fn lock_of(scope: &Scope) -> i64 {
    let first = scope.digest.first_chunk().copied().unwrap_or_default();
    i64::from_be_bytes(first)
}

/// Keeps an answer. `DbError::Unique("kept_answers_scope")` if the scope has one.
pub async fn insert(tx: &mut Tx, scope: &Scope, answer: &KeptAnswer) -> Result<(), DbError> {
    let sql =
        "INSERT INTO kept_answers (tenant_id, scope, fingerprint, created_at, status, version,
            location, body, made_id, client_id, parent_id, permissions)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let permissions: Vec<_> = answer.permissions.iter().map(Permission::as_str).collect();
    let permissions = permissions.join(" ");
    let args = [
        scope.tenant_id.into(),
        (&scope.digest).into(),
        (&answer.fingerprint).into(),
        answer.created_at.into(),
        answer.status.into(),
        answer.version.into(),
        answer.location.as_ref().into(),
        answer.body.as_deref().map_or(Value::Null, Value::Bytes),
        answer.made_id.into(),
        answer.client_id.into(),
        answer.parent_id.into(),
        (&permissions).into(),
    ];
    tx.send(&[], sql, &args).await
}

/// Forgets what is kept for `scope`.
pub async fn remove(tx: &mut Tx, scope: &Scope) -> Result<(), DbError> {
    let sql = "DELETE FROM kept_answers WHERE tenant_id = $1 AND scope = $2";
    tx.send(&[], sql, &[scope.tenant_id.into(), (&scope.digest).into()]).await
}

/// Forgets up to `limit` answers that were made at `end` or before; how many there were. Crosses tenants,
/// for the server's own clean-up. Servers that clean up together take different ones.
pub async fn forget_across_tenants(
    tx: &mut Tx,
    end: Timestamp,
    limit: i64,
) -> Result<u64, DbError> {
    let sql = tx.worded([
        "DELETE FROM kept_answers WHERE rowid IN
            (SELECT rowid FROM kept_answers WHERE created_at <= $1 ORDER BY created_at LIMIT $2)",
        "DELETE FROM kept_answers WHERE (tenant_id, scope) IN
            (SELECT tenant_id, scope FROM kept_answers WHERE created_at <= $1
             ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
    ]);
    tx.execute(&[], sql, &[end.into(), limit.into()]).await
}

/// Empties every answer that says something of a client, for its erasure: those that callers of its
/// tenant got, and those that operators did. A repeat of such a call then gets no answer, and has no
/// effect either.
pub async fn scrub(tx: &mut Tx, tenant: TenantId, client: ClientId) -> Result<(), DbError> {
    let about = "UPDATE kept_answers SET body = NULL, location = NULL
        WHERE tenant_id = $1 AND client_id = $2";
    let beside = "UPDATE kept_answers SET body = NULL, location = NULL
        WHERE tenant_id = $1 AND parent_id = $2";
    for caller in [tenant, TenantId::SYSTEM] {
        let args = [caller.into(), client.into()];
        tx.send(&[], about, &args).await?;
        tx.send(&[], beside, &args).await?;
    }
    Ok(())
}
