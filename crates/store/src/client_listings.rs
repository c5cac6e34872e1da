//! What lists keep of each client beside its record: how it is sorted, what it is found by, and how
//! many there are. Written in the transaction that writes the record.

use crate::db::{Db, Repeat};
use crate::error::DbError;
use crate::row::Row;
use crate::trigrams;
use crate::tx::Tx;
use crate::value::Value;
use crate::{clients, settings};
use clientbook_model::client::Client;
use clientbook_model::collection::CollectionMode;
use clientbook_model::id::{ClientId, TenantId};
use clientbook_model::search::Listing;
use clientbook_model::status::Status;
use uuid::Uuid;

/// Rows among which a tenant's clients are counted: two writers rarely meet at one.
const SHARDS: u8 = 16;

/// The setting of a store with clients from before there were listings.
pub(crate) const UNLISTED: &str = "unlisted";

/// Clients that are listed in one transaction, of a store that has them unlisted.
const FILLED: i64 = 500;

/// Lists a new client.
pub(crate) async fn add(tx: &mut Tx, client: &Client) -> Result<(), DbError> {
    let sql = "INSERT INTO client_times (tenant_id, updated_at, client_id) VALUES ($1, $2, $3)";
    let args = [client.tenant_id.into(), client.updated_at.into(), client.id.into()];
    tx.send(&[], sql, &args).await?;
    count(tx, client, 1).await?;
    trigrams::add(tx, client, &Listing::of(client)).await
}

/// Brings a client's listing from what `old` says to what `new` says; nothing is written of what is
/// the same.
pub(crate) async fn change(tx: &mut Tx, old: &Client, new: &Client) -> Result<(), DbError> {
    if old.updated_at != new.updated_at {
        let sql = "UPDATE client_times SET updated_at = $1
            WHERE tenant_id = $2 AND updated_at = $3 AND client_id = $4";
        let [tenant, id] = [new.tenant_id.into(), new.id.into()];
        tx.send(&[], sql, &[new.updated_at.into(), tenant, old.updated_at.into(), id]).await?;
    }
    let key = |client: &Client| (client.status.as_str(), client.collection_mode.as_str());
    if key(old) != key(new) {
        // In one order, so that two writers never wait for each other.
        let mut steps = [(key(old), old, -1), (key(new), new, 1)];
        steps.sort_by_key(|(key, ..)| *key);
        for (_, client, by) in steps {
            count(tx, client, by).await?;
        }
    }
    if !same_words(old, new) {
        let [before, after] = [old, new].map(Listing::of);
        if before != after {
            trigrams::change(tx, new, &after).await?;
        }
    }
    Ok(())
}

/// Takes a client, as it was read, out of every list. Its record can be deleted then.
pub async fn remove(tx: &mut Tx, client: &Client) -> Result<(), DbError> {
    let sql = "DELETE FROM client_times
        WHERE tenant_id = $1 AND updated_at = $2 AND client_id = $3";
    let args = [client.tenant_id.into(), client.updated_at.into(), client.id.into()];
    tx.send(&[], sql, &args).await?;
    count(tx, client, -1).await?;
    trigrams::remove(tx, client.tenant_id, client.id).await
}

/// Has what searches look in keep nothing of clients that were removed; on `PostgreSQL` there is nothing
/// to do. With a million clients it takes seconds, in transactions that others come between.
pub async fn forget_removed(db: &Db) -> Result<(), DbError> {
    trigrams::purge(db).await
}

// Most changes leave alone what is searched in: to fold it would take longer than to see that.
fn same_words(old: &Client, new: &Client) -> bool {
    old.name == new.name
        && old.email == new.email
        && old.contact_methods == new.contact_methods
        && old.external_id == new.external_id
        && old.success == new.success
        && old.tags == new.tags
}

async fn count(tx: &mut Tx, client: &Client, by: i64) -> Result<(), DbError> {
    let sql = "INSERT INTO client_counts (tenant_id, status, collection_mode, shard, clients)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (tenant_id, status, collection_mode, shard)
        DO UPDATE SET clients = client_counts.clients + excluded.clients";
    let shard = i64::from(client.id.0.as_bytes()[15] % SHARDS);
    let (status, mode) = (client.status.as_str(), client.collection_mode.as_str());
    let args = [client.tenant_id.into(), status.into(), mode.into(), shard.into(), by.into()];
    tx.send(&[], sql, &args).await
}

/// How many clients a tenant has of one of these statuses, and of this mode; `None` is any.
pub async fn counted(
    tx: &mut Tx,
    tenant: TenantId,
    statuses: Option<&[Status]>,
    mode: Option<CollectionMode>,
) -> Result<i64, DbError> {
    let sql = "SELECT status, CAST(sum(clients) AS bigint) FROM client_counts
        WHERE tenant_id = $1 AND (collection_mode = $2 OR $2 IS NULL) GROUP BY status";
    let mode = mode.map(CollectionMode::as_str).into();
    let decode = |row: &Row<'_>| Ok((row.name::<Status>(0)?, row.get::<i64>(1)?));
    let rows = tx.all(sql, &[tenant.into(), mode], decode).await?;
    let wanted = |status: &Status| statuses.is_none_or(|statuses| statuses.contains(status));
    Ok(rows.iter().filter(|(status, _)| wanted(status)).map(|(_, count)| count).sum())
}

/// The statuses that some client of a tenant has.
pub(crate) async fn statuses(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Status>, DbError> {
    let sql = "SELECT status FROM client_counts WHERE tenant_id = $1
        GROUP BY status HAVING sum(clients) > 0";
    tx.all(sql, &[tenant.into()], |row| row.name(0)).await
}

/// Has `fill` list every client: a copy brings the records only.
pub(crate) async fn make_anew(tx: &mut Tx) -> Result<(), DbError> {
    settings::insert_if_absent(tx, UNLISTED, &[1]).await.map(|_| ())
}

/// Whether every client is in its lists; else they show some of them only.
pub async fn are_made(tx: &mut Tx) -> Result<bool, DbError> {
    Ok(settings::get(tx, UNLISTED).await?.is_none())
}

/// Lists the next clients that are in no list; whether there may be more.
pub async fn fill(db: &Db) -> Result<bool, DbError> {
    let fill = async |tx: &mut Tx| fill_across_tenants(tx, FILLED).await;
    db.write_many(Repeat::Harmless, fill).await
}

/// Lists up to `limit` clients that are in no list: those from before there were any, or of a copy.
/// Whether there may be more. Crosses tenants, for the start of the program.
pub async fn fill_across_tenants(tx: &mut Tx, limit: i64) -> Result<bool, DbError> {
    // Servers that start together take turns.
    tx.lock("SELECT 1 FROM settings WHERE name = 'unlisted' FOR UPDATE", &[]).await?;
    let Some(reached) = settings::get(tx, UNLISTED).await? else {
        return Ok(false);
    };
    // The tenant and the client that it has come to; at first there is something else.
    let id = |at: usize| reached.get(at..at + 16).and_then(|id| Uuid::from_slice(id).ok());
    let (tenant, client) = id(0).zip(id(16)).unwrap_or_default();
    // Said of both sides: a merge of them would begin at the first listing.
    let sql = "SELECT c.tenant_id, c.id, l.client_id IS NULL FROM clients c
        LEFT JOIN client_listings l ON l.tenant_id = c.tenant_id AND l.client_id = c.id
            AND (l.tenant_id, l.client_id) > ($1, $2)
        WHERE (c.tenant_id, c.id) > ($1, $2) AND c.merged_into IS NULL
        ORDER BY c.tenant_id, c.id LIMIT $3";
    let decode =
        |row: &Row<'_>| Ok((row.get::<TenantId>(0)?, row.get::<ClientId>(1)?, row.get::<bool>(2)?));
    let found = tx.all(sql, &[tenant.into(), client.into(), limit.into()], decode).await?;
    for of_one in found.chunk_by(|(one, ..), (other, ..)| one == other) {
        let unlisted = of_one.iter().filter(|(.., is_unlisted)| *is_unlisted);
        let ids: Vec<_> = unlisted.map(|(_, id, _)| *id).collect();
        for record in clients::get_all(tx, of_one[0].0, &ids).await? {
            trigrams::add(tx, &record.client, &Listing::of(&record.client)).await?;
        }
    }
    match found.last() {
        Some((tenant, id, _)) => {
            let reached = [tenant.0.as_bytes().as_slice(), id.0.as_bytes()].concat();
            let sql = "UPDATE settings SET value = $1 WHERE name = 'unlisted'";
            tx.send(&[], sql, &[Value::Bytes(&reached)]).await?;
        }
        None => tx.send(&[], "DELETE FROM settings WHERE name = 'unlisted'", &[]).await?,
    }
    Ok(!found.is_empty())
}
