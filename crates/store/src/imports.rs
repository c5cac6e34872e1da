//! Imports: how far each has come, the rows that failed, and those that wait for their parents.

use crate::error::DbError;
use crate::row::Row;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::audit::Hash;
use clientbook_model::id::TenantId;
use clientbook_model::moving::Taken;
use clientbook_model::time::Timestamp;
use uuid::Uuid;

/// How far an import has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportMark {
    /// What was asked for.
    pub terms: String,
    /// Rows that were read, from the beginning.
    pub read: i64,
    /// The digest of these rows; `None` where nobody knows any more what stood in them.
    pub digest: Option<Hash>,
    /// Rows that made a client.
    pub created: i64,
    /// Rows that changed one.
    pub updated: i64,
    /// Rows that said what was there.
    pub unchanged: i64,
    /// Rows that failed.
    pub failed: i64,
    /// Whether nothing is left to do.
    pub finished: bool,
}

impl ImportMark {
    /// Which rows of the file are in.
    pub fn taken(&self) -> Taken {
        Taken { rows: self.read, digest: self.digest }
    }

    /// Rows that were read and wait for their parents. A dry run leaves them: what would have made
    /// their parents was not written.
    pub fn waiting(&self) -> i64 {
        self.read - self.created - self.updated - self.unchanged - self.failed
    }
}

/// The most rows that one statement here takes away.
const FORGOTTEN: i64 = 1_000;

/// Notes an import that begins, or goes on: it is not forgotten meanwhile.
pub async fn begin(
    tx: &mut Tx,
    tenant: TenantId,
    id: Uuid,
    terms: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    let sql = "INSERT INTO imports (tenant_id, id, terms, changed_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (tenant_id, id) DO UPDATE SET changed_at = excluded.changed_at";
    tx.send(&[], sql, &[tenant.into(), id.into(), terms.into(), now.into()]).await
}

/// How far the import has come, kept from other runs of it until the transaction ends.
pub async fn get_for_update(
    tx: &mut Tx,
    tenant: TenantId,
    id: Uuid,
) -> Result<Option<ImportMark>, DbError> {
    let sql = "SELECT 1 FROM imports WHERE tenant_id = $1 AND id = $2 FOR UPDATE";
    tx.lock(sql, &[tenant.into(), id.into()]).await?;
    get(tx, tenant, id).await
}

/// How far the import has come.
pub async fn get(tx: &mut Tx, tenant: TenantId, id: Uuid) -> Result<Option<ImportMark>, DbError> {
    let sql = "SELECT terms, read_rows, created_rows, updated_rows, unchanged_rows, failed_rows,
            finished, read_digest FROM imports WHERE tenant_id = $1 AND id = $2";
    tx.opt(sql, &[tenant.into(), id.into()], |row| {
        Ok(ImportMark {
            terms: row.get(0)?,
            read: row.get(1)?,
            created: row.get(2)?,
            updated: row.get(3)?,
            unchanged: row.get(4)?,
            failed: row.get(5)?,
            finished: row.get(6)?,
            digest: row.get(7)?,
        })
    })
    .await
}

/// Notes how far the import has come.
pub async fn set(
    tx: &mut Tx,
    tenant: TenantId,
    id: Uuid,
    mark: &ImportMark,
    now: Timestamp,
) -> Result<(), DbError> {
    let sql = "UPDATE imports SET read_rows = $1, created_rows = $2, updated_rows = $3,
            unchanged_rows = $4, failed_rows = $5, finished = $6, changed_at = $7,
            read_digest = $8
        WHERE tenant_id = $9 AND id = $10";
    let counts = [mark.read, mark.created, mark.updated, mark.unchanged, mark.failed];
    let args: Vec<Value<'_>> = counts
        .into_iter()
        .map(Value::from)
        .chain([mark.finished.into(), now.into(), mark.digest.as_ref().into()])
        .chain([tenant.into(), id.into()])
        .collect();
    tx.send(&[], sql, &args).await
}

/// Notes the row that is the `sequence`-th to fail.
pub async fn add_error(
    tx: &mut Tx,
    tenant: TenantId,
    id: Uuid,
    (sequence, row): (i64, i64),
    violations: &str,
) -> Result<(), DbError> {
    let sql = "INSERT INTO import_errors (tenant_id, import_id, sequence, row_number, violations)
        VALUES ($1, $2, $3, $4, $5)";
    let args = [tenant.into(), id.into(), sequence.into(), row.into(), violations.into()];
    tx.send(&[], sql, &args).await
}

/// Rows that failed: which of them in the order in which that was found, the row, and its violations;
/// after the first `after` of them.
pub async fn errors(
    tx: &mut Tx,
    tenant: TenantId,
    id: Uuid,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, i64, String)>, DbError> {
    let sql = "SELECT sequence, row_number, violations FROM import_errors
        WHERE tenant_id = $1 AND import_id = $2 AND sequence > $3 ORDER BY sequence LIMIT $4";
    let args = [tenant.into(), id.into(), after.into(), limit.into()];
    tx.all(sql, &args, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).await
}

/// Keeps a row until its parent is there.
pub async fn add_waiting(
    tx: &mut Tx,
    tenant: TenantId,
    id: Uuid,
    row: i64,
    contents: &str,
) -> Result<(), DbError> {
    let sql = "INSERT INTO import_waiting (tenant_id, import_id, row_number, contents)
        VALUES ($1, $2, $3, $4)";
    tx.send(&[], sql, &[tenant.into(), id.into(), row.into(), contents.into()]).await
}

/// Rows that wait, from `from` on in their order, or before it against their order.
pub async fn waiting(
    tx: &mut Tx,
    tenant: TenantId,
    id: Uuid,
    from: i64,
    forwards: bool,
    limit: i64,
) -> Result<Vec<(i64, String)>, DbError> {
    let sql = if forwards {
        "SELECT row_number, contents FROM import_waiting
         WHERE tenant_id = $1 AND import_id = $2 AND row_number > $3
         ORDER BY row_number LIMIT $4"
    } else {
        "SELECT row_number, contents FROM import_waiting
         WHERE tenant_id = $1 AND import_id = $2 AND row_number < $3
         ORDER BY row_number DESC LIMIT $4"
    };
    let args = [tenant.into(), id.into(), from.into(), limit.into()];
    tx.all(sql, &args, |row| Ok((row.get(0)?, row.get(1)?))).await
}

/// How many rows wait.
pub async fn count_waiting(tx: &mut Tx, tenant: TenantId, id: Uuid) -> Result<i64, DbError> {
    let sql = "SELECT count(*) FROM import_waiting WHERE tenant_id = $1 AND import_id = $2";
    tx.one(sql, &[tenant.into(), id.into()], |row| row.get(0)).await
}

/// Whether a row waits.
pub async fn is_waiting(
    tx: &mut Tx,
    tenant: TenantId,
    id: Uuid,
    row: i64,
) -> Result<bool, DbError> {
    let sql = "SELECT 1 FROM import_waiting
        WHERE tenant_id = $1 AND import_id = $2 AND row_number = $3";
    Ok(tx.opt(sql, &[tenant.into(), id.into(), row.into()], |_| Ok(())).await?.is_some())
}

/// A row waits no longer.
pub async fn remove_waiting(
    tx: &mut Tx,
    tenant: TenantId,
    id: Uuid,
    row: i64,
) -> Result<(), DbError> {
    let sql = "DELETE FROM import_waiting
        WHERE tenant_id = $1 AND import_id = $2 AND row_number = $3";
    tx.send(&[], sql, &[tenant.into(), id.into(), row.into()]).await
}

/// Rows that wait in any import of a tenant, by import and row, starting after `after`.
pub async fn waiting_of_tenant(
    tx: &mut Tx,
    tenant: TenantId,
    (import, row): (Uuid, i64),
    limit: i64,
) -> Result<Vec<(Uuid, i64, String)>, DbError> {
    let sql = "SELECT import_id, row_number, contents FROM import_waiting
        WHERE tenant_id = $1 AND (import_id, row_number) > ($2, $3)
        ORDER BY import_id, row_number LIMIT $4";
    let args = [tenant.into(), import.into(), row.into(), limit.into()];
    tx.all(sql, &args, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).await
}

/// Writes over what a row that waits says.
pub async fn set_waiting(
    tx: &mut Tx,
    tenant: TenantId,
    (import, row): (Uuid, i64),
    contents: &str,
) -> Result<(), DbError> {
    let sql = "UPDATE import_waiting SET contents = $1
        WHERE tenant_id = $2 AND import_id = $3 AND row_number = $4";
    tx.send(&[], sql, &[contents.into(), tenant.into(), import.into(), row.into()]).await
}

/// Writes over the violations of every row of the tenant that failed.
pub async fn set_errors(tx: &mut Tx, tenant: TenantId, violations: &str) -> Result<(), DbError> {
    let sql = "UPDATE import_errors SET violations = $1
        WHERE tenant_id = $2 AND violations <> $1";
    tx.send(&[], sql, &[violations.into(), tenant.into()]).await
}

/// Forgets what stood in the rows that any import of the tenant has read.
pub async fn forget_digests(tx: &mut Tx, tenant: TenantId) -> Result<(), DbError> {
    let sql = "UPDATE imports SET read_digest = NULL
        WHERE tenant_id = $1 AND read_digest IS NOT NULL";
    tx.send(&[], sql, &[tenant.into()]).await
}

/// An import on which nothing was done since `before`, and its tenant. Crosses tenants, for the
/// server's own clean-up.
pub async fn one_since_across_tenants(
    tx: &mut Tx,
    before: Timestamp,
) -> Result<Option<(TenantId, Uuid)>, DbError> {
    let sql = "SELECT tenant_id, id FROM imports WHERE changed_at < $1
        ORDER BY changed_at LIMIT 1";
    tx.opt(sql, &[before.into()], |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?))).await
}

/// Forgets some of an import; whether that was all.
pub async fn forget_some(tx: &mut Tx, tenant: TenantId, id: Uuid) -> Result<bool, DbError> {
    let errors = "DELETE FROM import_errors
        WHERE tenant_id = $1 AND import_id = $2 AND sequence IN (
            SELECT sequence FROM import_errors WHERE tenant_id = $1 AND import_id = $2
            ORDER BY sequence LIMIT $3)";
    let waiting = "DELETE FROM import_waiting
        WHERE tenant_id = $1 AND import_id = $2 AND row_number IN (
            SELECT row_number FROM import_waiting WHERE tenant_id = $1 AND import_id = $2
            ORDER BY row_number LIMIT $3)";
    let args = [tenant.into(), id.into(), FORGOTTEN.into()];
    for sql in [errors, waiting] {
        if tx.execute(&[], sql, &args).await? > 0 {
            return Ok(false);
        }
    }
    let sql = "DELETE FROM imports WHERE tenant_id = $1 AND id = $2";
    tx.send(&[], sql, &[tenant.into(), id.into()]).await?;
    Ok(true)
}
