//! The audit trail: appended to, read, and walked for verification.

use crate::column::damaged;
use crate::error::DbError;
use crate::raw_id::RawId;
use crate::row::Row;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::audit::{Action, Contents, EntityType, Entry, Hash};
use clientbook_model::id::{ClientId, EntryId, TenantId};
use clientbook_model::time::Timestamp;
use uuid::Uuid;

/// Adds an entry. Its chain's head is written with the row it stands in.
pub async fn insert(tx: &mut Tx, entry: &Entry) -> Result<(), DbError> {
    let contents = serde_json::to_string(&entry.contents)
        .map_err(|error| DbError::internal(error.to_string()))?;
    let sql = "INSERT INTO audit_entries (tenant_id, chain_id, sequence, id, created_at,
            entity_type, entity_id, action, collection_control, actor_kind, actor_id, surface,
            request_id, operation_id, contents, previous_hash, hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
    let args = [
        entry.tenant_id.into(),
        entry.chain_id.into(),
        entry.sequence.into(),
        entry.id.into(),
        entry.created_at.into(),
        entry.entity_type.as_str().into(),
        entry.entity_id.into(),
        entry.action.as_str().into(),
        entry.action.is_collection_control().into(),
        entry.actor_kind.as_str().into(),
        (&entry.actor_id).into(),
        entry.surface.as_str().into(),
        (&entry.request_id).into(),
        entry.operation_id.into(),
        (&contents).into(),
        (&entry.previous_hash).into(),
        (&entry.hash).into(),
    ];
    tx.send(&[], sql, &args).await
}

/// Whether an operation has left an entry; crosses tenants, for an engine that has lost the answer
/// to a `COMMIT`. Locks what it finds: a server that has restarted alone shows what no standby has,
/// and only the `COMMIT` of a transaction that has written waits for the standbys, with all before it.
pub(crate) async fn has_operation_across_tenants(
    tx: &mut Tx,
    operation: Uuid,
) -> Result<bool, DbError> {
    let lock = "SELECT 1 FROM audit_entries WHERE operation_id = $1 FOR NO KEY UPDATE";
    tx.lock(lock, &[operation.into()]).await?;
    let sql = "SELECT 1 FROM audit_entries WHERE operation_id = $1 LIMIT 1";
    Ok(tx.opt(sql, &[operation.into()], |_| Ok(())).await?.is_some())
}

macro_rules! select_entry {
    ($rest:literal) => {
        concat!(
            "SELECT tenant_id, chain_id, sequence, id, created_at, entity_type, entity_id, action,
                actor_kind, actor_id, surface, request_id, operation_id, contents, previous_hash,
                hash, collection_control FROM audit_entries ",
            $rest
        )
    };
}

/// Which entries the collection-control log of a client holds.
#[derive(Debug, Clone)]
pub struct CollectionControlFilter {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The client.
    pub client_id: ClientId,
    /// Only entries about this kind of thing.
    pub entity_type: Option<EntityType>,
    /// Only entries about this very thing.
    pub entity_id: Option<Uuid>,
}

impl CollectionControlFilter {
    fn args(&self) -> [Value<'static>; 4] {
        [
            self.tenant_id.into(),
            self.client_id.into(),
            self.entity_type.map(EntityType::as_str).into(),
            self.entity_id.into(),
        ]
    }
}

/// A page of a client's collection-control log, in the order of the chain or against it, starting
/// after the entry with the sequence `after`.
pub async fn collection_control(
    tx: &mut Tx,
    filter: &CollectionControlFilter,
    ascending: bool,
    after: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    let [tenant, client, entity_type, entity_id] = filter.args();
    let mut args = [tenant, client, entity_type, entity_id, Value::Null, limit.into()];
    if ascending {
        let sql = select_entry!(
            "WHERE collection_control AND tenant_id = $1 AND chain_id = $2
                AND (entity_type = $3 OR $3 IS NULL) AND (entity_id = $4 OR $4 IS NULL)
                AND sequence > $5 ORDER BY sequence LIMIT $6"
        );
        args[4] = after.unwrap_or(0).into();
        tx.all(sql, &args, entry).await
    } else {
        let sql = select_entry!(
            "WHERE collection_control AND tenant_id = $1 AND chain_id = $2
                AND (entity_type = $3 OR $3 IS NULL) AND (entity_id = $4 OR $4 IS NULL)
                AND sequence < $5 ORDER BY sequence DESC LIMIT $6"
        );
        args[4] = after.unwrap_or(i64::MAX).into();
        tx.all(sql, &args, entry).await
    }
}

/// How many entries the filter matches.
pub async fn count_collection_control(
    tx: &mut Tx,
    filter: &CollectionControlFilter,
) -> Result<i64, DbError> {
    let sql = "SELECT count(*) FROM audit_entries
        WHERE collection_control AND tenant_id = $1 AND chain_id = $2
            AND (entity_type = $3 OR $3 IS NULL) AND (entity_id = $4 OR $4 IS NULL)";
    tx.one(sql, &filter.args(), |row| row.get(0)).await
}

/// The entry of a chain with this id.
pub async fn find(
    tx: &mut Tx,
    tenant: TenantId,
    chain: Uuid,
    id: EntryId,
) -> Result<Option<Entry>, DbError> {
    let sql = select_entry!("WHERE tenant_id = $1 AND chain_id = $2 AND id = $3");
    tx.opt(sql, &[tenant.into(), chain.into(), id.into()], entry).await
}

/// The hash of a chain's entry with this sequence.
pub async fn hash_at(
    tx: &mut Tx,
    tenant: TenantId,
    chain: Uuid,
    sequence: i64,
) -> Result<Option<Hash>, DbError> {
    let sql = "SELECT hash FROM audit_entries
        WHERE tenant_id = $1 AND chain_id = $2 AND sequence = $3";
    tx.opt(sql, &[tenant.into(), chain.into(), sequence.into()], |row| row.get(0)).await
}

/// How many entries a chain has.
pub async fn length(tx: &mut Tx, tenant: TenantId, chain: Uuid) -> Result<i64, DbError> {
    let sql = "SELECT count(*) FROM audit_entries WHERE tenant_id = $1 AND chain_id = $2";
    tx.one(sql, &[tenant.into(), chain.into()], |row| row.get(0)).await
}

/// Changes of the tenant itself, oldest first, up to a time.
pub async fn of_tenant(
    tx: &mut Tx,
    tenant: TenantId,
    until: Timestamp,
) -> Result<Vec<Entry>, DbError> {
    let sql = select_entry!(
        "WHERE tenant_id = $1 AND chain_id = $1 AND entity_type = 'tenant' AND created_at <= $2
         ORDER BY sequence"
    );
    tx.all(sql, &[tenant.into(), until.into()], entry).await
}

/// Writes the contents of an entry anew: what erasure leaves of them.
pub(crate) async fn set_contents(tx: &mut Tx, entry: &Entry) -> Result<(), DbError> {
    let contents = serde_json::to_string(&entry.contents)
        .map_err(|error| DbError::internal(error.to_string()))?;
    let sql = "UPDATE audit_entries SET contents = $1
        WHERE tenant_id = $2 AND chain_id = $3 AND sequence = $4";
    let place = [entry.tenant_id.into(), entry.chain_id.into(), entry.sequence.into()];
    tx.send(&[], sql, &[&[(&contents).into()][..], &place].concat()).await
}

/// A stretch of one chain, oldest first, starting with the entry with the sequence `from`.
pub async fn chain(
    tx: &mut Tx,
    tenant: TenantId,
    chain: Uuid,
    from: i64,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    let sql = select_entry!(
        "WHERE tenant_id = $1 AND chain_id = $2 AND sequence >= $3 ORDER BY sequence LIMIT $4"
    );
    tx.all(sql, &[tenant.into(), chain.into(), from.into(), limit.into()], entry).await
}

/// Tenants, each with a chain of its own, in order, starting with `from`; crosses tenants, for
/// verification.
pub async fn tenant_chains_across_tenants(
    tx: &mut Tx,
    from: &RawId,
    limit: i64,
) -> Result<Vec<RawId>, DbError> {
    let sql = "SELECT id FROM tenants WHERE id >= $1 ORDER BY id LIMIT $2";
    tx.all(sql, &[from.into(), limit.into()], |row| row.get(0)).await
}

/// Clients, each with a chain of its own, in the order of tenant and id, starting with `from`;
/// crosses tenants, for verification.
pub async fn client_chains_across_tenants(
    tx: &mut Tx,
    from: &(RawId, RawId),
    limit: i64,
) -> Result<Vec<(RawId, RawId)>, DbError> {
    let sql = "SELECT tenant_id, id FROM clients WHERE (tenant_id, id) >= ($1, $2)
        ORDER BY tenant_id, id LIMIT $3";
    let args = [(&from.0).into(), (&from.1).into(), limit.into()];
    tx.all(sql, &args, |row| Ok((row.get(0)?, row.get(1)?))).await
}

/// The same of erased clients, whose chains stay.
pub async fn erased_chains_across_tenants(
    tx: &mut Tx,
    from: &(RawId, RawId),
    limit: i64,
) -> Result<Vec<(RawId, RawId)>, DbError> {
    let sql = "SELECT tenant_id, id FROM erased_clients WHERE (tenant_id, id) >= ($1, $2)
        ORDER BY tenant_id, id LIMIT $3";
    let args = [(&from.0).into(), (&from.1).into(), limit.into()];
    tx.all(sql, &args, |row| Ok((row.get(0)?, row.get(1)?))).await
}

/// Chains, of one tenant or of all, whose client or tenant is not there, though an entry or a row
/// still names it; crosses tenants, for verification.
pub async fn orphan_chains_across_tenants(
    tx: &mut Tx,
    only: Option<TenantId>,
    limit: i64,
) -> Result<Vec<(RawId, RawId)>, DbError> {
    // The look-up table still knows a client whose entries went with it.
    let sql = "SELECT a.tenant_id, a.chain_id FROM audit_entries a
        WHERE (a.tenant_id = $1 OR $1 IS NULL)
            AND NOT EXISTS (SELECT 1 FROM clients c
                WHERE c.tenant_id = a.tenant_id AND c.id = a.chain_id)
            AND NOT EXISTS (SELECT 1 FROM erased_clients x
                WHERE x.tenant_id = a.tenant_id AND x.id = a.chain_id)
            AND NOT (a.chain_id = a.tenant_id AND EXISTS (SELECT 1 FROM tenants t
                WHERE t.id = a.tenant_id))
        UNION
        SELECT i.tenant_id, i.id FROM client_ids i
        WHERE (i.tenant_id = $1 OR $1 IS NULL)
            AND NOT EXISTS (SELECT 1 FROM clients c
                WHERE c.tenant_id = i.tenant_id AND c.id = i.id)
            AND NOT EXISTS (SELECT 1 FROM erased_clients x
                WHERE x.tenant_id = i.tenant_id AND x.id = i.id)
        UNION
        SELECT e.tenant_id, e.client_id FROM enrollment_tokens e
        WHERE (e.tenant_id = $1 OR $1 IS NULL)
            AND NOT EXISTS (SELECT 1 FROM clients c
                WHERE c.tenant_id = e.tenant_id AND c.id = e.client_id)
        UNION
        SELECT k.tenant_id, k.tenant_id FROM api_tokens k
        WHERE (k.tenant_id = $1 OR $1 IS NULL)
            AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.id = k.tenant_id)
        LIMIT $2";
    tx.all(sql, &[only.into(), limit.into()], |row| Ok((row.get(0)?, row.get(1)?))).await
}

/// An entry, of a row with the columns of `select_entry`.
pub(crate) fn entry(row: &Row<'_>) -> Result<Entry, DbError> {
    let action: Action = row.name(7)?;
    // The one column that no hash covers: it would hide the entry from the log it belongs to.
    if row.get::<bool>(16)? != action.is_collection_control() {
        return Err(damaged(16));
    }
    Ok(Entry {
        tenant_id: row.get(0)?,
        chain_id: row.get(1)?,
        sequence: row.get(2)?,
        id: row.get(3)?,
        created_at: row.get(4)?,
        entity_type: row.name(5)?,
        entity_id: row.get(6)?,
        action,
        actor_kind: row.name(8)?,
        actor_id: row.get(9)?,
        surface: row.name(10)?,
        request_id: row.get(11)?,
        operation_id: row.get(12)?,
        contents: row.get::<crate::column::Json<Contents>>(13)?.0,
        previous_hash: row.get(14)?,
        hash: row.get(15)?,
    })
}
