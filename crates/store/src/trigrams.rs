//! How text is looked up: the one place where the engines differ in more than words.
//!
//! SQLite has an FTS5 index of trigrams, kept by our own statements. FTS5 takes rows in the order
//! of their ids at some 20 µs each, and at more than a millisecond each in any other order. So a
//! change is noted (`client_trigrams_pending`) and the index brought up to date for many at once.
//! Whoever searches looks at what is noted too, and compares each row's present text: a search sees
//! its snapshot and nothing else. PostgreSQL's `pg_trgm` does both by itself.

use crate::db::{Db, Repeat};
use crate::error::DbError;
use crate::row::Row;
use crate::tx::Tx;
use clientbook_model::client::Client;
use clientbook_model::client_filter::ClientFilter;
use clientbook_model::id::{ClientId, TenantId};
use clientbook_model::search::{Listing, Words};

/// How many noted changes are worth bringing the index up to date.
const PENDING: i64 = 500;

/// How many changes note, for one that looks whether there are enough.
const LOOK: u8 = 16;

/// Pages that are merged in one transaction, which others wait for.
const STEP: i64 = 100;

/// How often a merge begins: the first time it may go on with one that was cut off, and leave out what
/// was written since.
const ROUNDS: usize = 2;

/// The most trigrams that are looked up of one text. The rest is compared.
const TRIGRAMS: usize = 12;

/// How many places a tenant has on SQLite; there is room for eight million tenants.
const PLACES: i64 = 1 << 40;

/// Adds a listing.
pub(crate) async fn add(tx: &mut Tx, client: &Client, listing: &Listing) -> Result<(), DbError> {
    let [tenant, id] = [client.tenant_id.into(), client.id.into()];
    let words = [(&listing.name).into(), (&listing.text).into()];
    let fixed = [client.number.into(), client.created_at.into()];
    if !tx.is_sqlite() {
        let sql =
            "INSERT INTO client_listings (tenant_id, client_id, number, created_at, name, text)
            VALUES ($1, $2, $3, $4, $5, $6)";
        return tx.send(&[], sql, &[[tenant, id], fixed, words].concat()).await;
    }
    let sql = "INSERT INTO client_listings (place, tenant_id, client_id, number, created_at, name,
            text)
        SELECT coalesce((SELECT max(l.place) FROM client_listings l
            WHERE l.place > p.base AND l.place <= p.base + $1), p.base) + 1, $2, $3, $4, $5, $6, $7
        FROM client_places p WHERE p.tenant_id = $2";
    let args = [&[PLACES.into()][..], &[tenant, id], &fixed, &words].concat();
    if tx.execute(&[], sql, &args).await? == 0 {
        let first = "INSERT INTO client_places (tenant_id, base)
            SELECT $1, coalesce(max(base) + $2, 0) FROM client_places";
        tx.send(&[], first, &[tenant, PLACES.into()]).await?;
        tx.send(&[], sql, &args).await?;
    }
    let sql = "INSERT INTO client_trigrams_pending (place, indexed)
        SELECT place, NULL FROM client_listings WHERE tenant_id = $1 AND client_id = $2";
    tx.send(&[], sql, &[tenant, id]).await?;
    settle(tx, client).await
}

/// Replaces a listing.
pub(crate) async fn change(tx: &mut Tx, client: &Client, listing: &Listing) -> Result<(), DbError> {
    note(tx, client.tenant_id, client.id).await?;
    let sql = "UPDATE client_listings SET name = $1, text = $2
        WHERE tenant_id = $3 AND client_id = $4";
    let [tenant, id] = [client.tenant_id.into(), client.id.into()];
    let args = [(&listing.name).into(), (&listing.text).into(), tenant, id];
    tx.send(&[], sql, &args).await?;
    settle(tx, client).await
}

/// Takes a listing away, and out of the index. What the index has said of it before lies in its older
/// parts until those are merged: see `purge`.
pub(crate) async fn remove(tx: &mut Tx, tenant: TenantId, id: ClientId) -> Result<(), DbError> {
    if tx.is_sqlite() {
        let sql = "SELECT l.place, CASE WHEN p.place IS NULL THEN l.text ELSE p.indexed END
            FROM client_listings l LEFT JOIN client_trigrams_pending p ON p.place = l.place
            WHERE l.tenant_id = $1 AND l.client_id = $2";
        let indexed = |row: &Row<'_>| Ok((row.get::<i64>(0)?, row.get::<Option<String>>(1)?));
        if let Some((place, text)) = tx.opt(sql, &[tenant.into(), id.into()], indexed).await? {
            if let Some(text) = &text {
                let sql = "INSERT INTO client_trigrams (client_trigrams, rowid, text)
                    VALUES ('delete', $1, $2)";
                tx.send(&[], sql, &[place.into(), text.into()]).await?;
            }
            let sql = "DELETE FROM client_trigrams_pending WHERE place = $1";
            tx.send(&[], sql, &[place.into()]).await?;
        }
    }
    let sql = "DELETE FROM client_listings WHERE tenant_id = $1 AND client_id = $2";
    tx.send(&[], sql, &[tenant.into(), id.into()]).await
}

/// Has the index keep nothing of what was taken out of it, in transactions that others come between:
/// all its parts are merged into one, which takes seconds with a million clients. FTS5 could forget at
/// once (`secure-delete`), but an index without positions, as this one is, gets damaged by it wherever
/// a text was replaced before (SQLite 3.54).
pub(crate) async fn purge(db: &Db) -> Result<(), DbError> {
    if db.is_postgres() {
        return Ok(());
    }
    for _ in 0..ROUNDS {
        if !merge(db, -STEP).await? {
            break;
        }
        while merge(db, STEP).await? {}
    }
    Ok(())
}

/// Merges some pages; whether there were any. Less than nothing begins with all parts that no merge has
/// begun with: <https://sqlite.org/fts5.html#the_merge_command>
async fn merge(db: &Db, pages: i64) -> Result<bool, DbError> {
    let step = async move |tx: &mut Tx| {
        let before = rows_written(tx).await?;
        let sql = "INSERT INTO client_trigrams (client_trigrams, rank) VALUES ('merge', $1)";
        tx.send(&[], sql, &[pages.into()]).await?;
        // The command itself counts as one.
        Ok::<_, DbError>(rows_written(tx).await? > before + 1)
    };
    db.write_many(Repeat::Harmless, step).await
}

async fn rows_written(tx: &mut Tx) -> Result<i64, DbError> {
    tx.one("SELECT total_changes()", &[], |row| row.get(0)).await
}

// The first note of a place holds what the index has of it.
async fn note(tx: &mut Tx, tenant: TenantId, id: ClientId) -> Result<(), DbError> {
    if !tx.is_sqlite() {
        return Ok(());
    }
    let sql = "INSERT INTO client_trigrams_pending (place, indexed)
        SELECT place, text FROM client_listings WHERE tenant_id = $1 AND client_id = $2
        ON CONFLICT (place) DO NOTHING";
    tx.send(&[], sql, &[tenant.into(), id.into()]).await
}

/// Brings the index up to date if enough is noted. To count takes longer than to note: the digest
/// of the newest entry draws lots.
async fn settle(tx: &mut Tx, client: &Client) -> Result<(), DbError> {
    if !tx.is_sqlite() || !client.audit.hash[31].is_multiple_of(LOOK) {
        return Ok(());
    }
    let sql = "SELECT count(*) FROM (SELECT 1 FROM client_trigrams_pending LIMIT $1)";
    let pending: i64 = tx.one(sql, &[PENDING.into()], |row| row.get(0)).await?;
    if pending < PENDING { Ok(()) } else { index_pending(tx).await }
}

/// Makes the index of a SQLite store anew from the listings.
pub(crate) const REBUILD: [&str; 2] = [
    "DELETE FROM client_trigrams_pending",
    "INSERT INTO client_trigrams (client_trigrams) VALUES ('rebuild')",
];

/// Brings the index up to date. Old and new text of a place one after the other, places in their
/// order: FTS5 gathers them in memory.
pub(crate) async fn index_pending(tx: &mut Tx) -> Result<(), DbError> {
    if !tx.is_sqlite() {
        return Ok(());
    }
    let sql = "SELECT p.place, p.indexed, l.text FROM client_trigrams_pending p
        LEFT JOIN client_listings l ON l.place = p.place ORDER BY p.place";
    let all = tx.all(sql, &[], |row| {
        Ok((row.get::<i64>(0)?, row.get::<Option<String>>(1)?, row.get::<Option<String>>(2)?))
    });
    for (place, old, new) in all.await?.into_iter().filter(|(_, old, new)| old != new) {
        if let Some(old) = &old {
            let sql = "INSERT INTO client_trigrams (client_trigrams, rowid, text)
                VALUES ('delete', $1, $2)";
            tx.send(&[], sql, &[place.into(), old.into()]).await?;
        }
        if let Some(new) = &new {
            let sql = "INSERT INTO client_trigrams (rowid, text) VALUES ($1, $2)";
            tx.send(&[], sql, &[place.into(), new.into()]).await?;
        }
    }
    tx.send(&[], "DELETE FROM client_trigrams_pending", &[]).await
}

/// A text to look up, in the engine's own words.
pub(crate) struct Lookup {
    /// FTS5's expression, or the pattern of LIKE.
    pub(crate) expression: String,
    /// The places to look at, on SQLite.
    pub(crate) places: (i64, i64),
}

/// Whether a text of a filter can be looked up.
pub(crate) fn are_looked_up(filter: &ClientFilter) -> bool {
    let mut texts = filter.wishes.q.iter().chain(&filter.wishes.name);
    texts.any(is_looked_up)
}

fn is_looked_up(words: &Words) -> bool {
    words.as_str().chars().nth(2).is_some()
}

/// How to look up `words` among a tenant's clients; `None` for a text without three letters.
pub(crate) async fn lookup(
    tx: &mut Tx,
    tenant: TenantId,
    words: &Words,
) -> Result<Option<Lookup>, DbError> {
    if !is_looked_up(words) {
        return Ok(None);
    }
    let letters: Vec<char> = words.as_str().chars().collect();
    if !tx.is_sqlite() {
        let expression = pattern(words.as_str());
        return Ok(Some(Lookup { expression, places: (0, 0) }));
    }
    let places = places(tx, tenant).await?;
    Ok(Some(Lookup { expression: every(&letters), places }))
}

/// The first and the last place of a tenant on SQLite. One without places has no clients.
pub(crate) async fn places(tx: &mut Tx, tenant: TenantId) -> Result<(i64, i64), DbError> {
    let sql = "SELECT base FROM client_places WHERE tenant_id = $1";
    let base: Option<i64> = tx.opt(sql, &[tenant.into()], |row| row.get(0)).await?;
    Ok(base.map_or((1, 0), |base| (base + 1, base + PLACES)))
}

/// Every one of the trigrams, if there are not too many; else some from all over the text.
fn every(letters: &[char]) -> String {
    let count = letters.len() - 2;
    let step = count.div_ceil(TRIGRAMS);
    let quoted = |at| {
        let trigram: String = letters[at..at + 3].iter().collect();
        format!("\"{}\"", trigram.replace('"', "\"\""))
    };
    (0..count).step_by(step).map(quoted).collect::<Vec<_>>().join(" AND ")
}

/// What LIKE finds a text by that may hold its wildcards.
fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_to_an_engine_is_quoted() {
        assert_eq!(pattern("50%_\\"), "%50\\%\\_\\\\%");
        let letters: Vec<char> = "a\"bc".chars().collect();
        assert_eq!(every(&letters), "\"a\"\"b\" AND \"\"\"bc\"");
    }

    #[test]
    fn a_long_text_is_looked_up_by_some_of_its_trigrams() {
        let letters: Vec<char> = ('a'..='z').cycle().take(200).collect();
        let looked_up = every(&letters).split(" AND ").count();
        assert!((2..=TRIGRAMS).contains(&looked_up), "{looked_up}");
    }
}
