//! Which clients hold a value under which key, and the digests of values that must be unique.
//! Written in the transaction that writes the record.

use crate::error::DbError;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::audit::Hash;
use clientbook_model::client::Client;
use clientbook_model::custom_field::{CustomValues, FieldKey};
use clientbook_model::field::Fields;
use clientbook_model::id::{ClientId, ObjectId, TenantId};

/// A client that holds a value under a key.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The client.
    pub client: ClientId,
    /// Its name in the workspace API.
    pub object_id: ObjectId,
    /// The value.
    pub value: Option<serde_json::Value>,
}

/// Brings what is kept of a client's values from `old` to what it holds now. `fields` are the
/// tenant's definitions, which say what must be unique.
pub(crate) async fn change(
    tx: &mut Tx,
    old: &CustomValues,
    client: &Client,
    fields: Option<&Fields>,
) -> Result<(), DbError> {
    let new = &client.custom_values;
    if old == new {
        return Ok(());
    }
    let (tenant, id) = (client.tenant_id, client.id);
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        remove(tx, tenant, key, id).await?;
    }
    // In the order of keys: two writers of the same two unique values never wait for each other.
    for (key, value) in new {
        let before = old.get(key);
        let field = fields.and_then(|fields| fields.by_key(key)).filter(|field| field.is_unique);
        let digest = field.map(|field| field.digest(value));
        if before.is_none() {
            let sql = "INSERT INTO client_values (tenant_id, field_key, client_id, digest)
                VALUES ($1, $2, $3, $4)";
            let digest: Value<'_> = digest.as_ref().into();
            let args = [tenant.into(), key.as_str().into(), id.into(), digest];
            tx.send(&[], sql, &args).await?;
        } else if let Some(digest) = digest.filter(|_| before != Some(value)) {
            set_digest(tx, tenant, key, id, &digest).await?;
        }
    }
    Ok(())
}

/// Notes that a client holds no value under `key`.
pub async fn remove(
    tx: &mut Tx,
    tenant: TenantId,
    key: &FieldKey,
    client: ClientId,
) -> Result<(), DbError> {
    let sql = "DELETE FROM client_values
        WHERE tenant_id = $1 AND field_key = $2 AND client_id = $3";
    tx.send(&[], sql, &[tenant.into(), key.as_str().into(), client.into()]).await
}

/// Writes the digest of a client's value under `key`. Another client's equal one is refused by the
/// unique index `client_values_field_key_digest`.
pub async fn set_digest(
    tx: &mut Tx,
    tenant: TenantId,
    key: &FieldKey,
    client: ClientId,
    digest: &Hash,
) -> Result<(), DbError> {
    let sql = "UPDATE client_values SET digest = $1
        WHERE tenant_id = $2 AND field_key = $3 AND client_id = $4";
    let args = [digest.into(), tenant.into(), key.as_str().into(), client.into()];
    tx.send(&[], sql, &args).await
}

/// Forgets the digests of all values under `key`: they need not be unique any more.
pub async fn clear_digests(tx: &mut Tx, tenant: TenantId, key: &FieldKey) -> Result<(), DbError> {
    let sql = "UPDATE client_values SET digest = NULL
        WHERE tenant_id = $1 AND field_key = $2 AND digest IS NOT NULL";
    tx.send(&[], sql, &[tenant.into(), key.as_str().into()]).await
}

/// The client whose value under `key` has this digest.
pub async fn with_digest(
    tx: &mut Tx,
    tenant: TenantId,
    key: &FieldKey,
    digest: &Hash,
) -> Result<Option<ClientId>, DbError> {
    let sql = "SELECT client_id FROM client_values
        WHERE tenant_id = $1 AND field_key = $2 AND digest = $3";
    let args = [tenant.into(), key.as_str().into(), digest.into()];
    tx.opt(sql, &args, |row| row.get(0)).await
}

macro_rules! select_holders {
    ($values:literal) => {
        concat!(
            "SELECT v.client_id, c.object_id, ",
            $values,
            " FROM client_values v
                JOIN clients c ON c.tenant_id = v.tenant_id AND c.id = v.client_id
             WHERE v.tenant_id = $1 AND v.field_key = $2 AND v.client_id >= $3
             ORDER BY v.client_id LIMIT $4"
        )
    };
}

/// Clients that hold a value under `key`, in the order of their ids, starting with `from`.
pub async fn holders(
    tx: &mut Tx,
    tenant: TenantId,
    key: &FieldKey,
    from: ClientId,
    limit: i64,
) -> Result<Vec<Holder>, DbError> {
    // SQLite has no operator that takes any key; there, all values are a moment away.
    let sql = tx.worded([
        select_holders!("c.custom_values"),
        select_holders!("jsonb_build_object(v.field_key, c.custom_values -> v.field_key)"),
    ]);
    let args = [tenant.into(), key.as_str().into(), from.into(), limit.into()];
    tx.all(sql, &args, |row| {
        let mut values: CustomValues = row.json(2)?;
        Ok(Holder { client: row.get(0)?, object_id: row.get(1)?, value: values.remove(key) })
    })
    .await
}

/// The ids of clients that hold a value under `key`: the first so many.
pub async fn holder_ids(
    tx: &mut Tx,
    tenant: TenantId,
    key: &FieldKey,
    limit: i64,
) -> Result<Vec<ClientId>, DbError> {
    let sql = "SELECT client_id FROM client_values WHERE tenant_id = $1 AND field_key = $2
        ORDER BY client_id LIMIT $3";
    let args = [tenant.into(), key.as_str().into(), limit.into()];
    tx.all(sql, &args, |row| row.get(0)).await
}
