//! The parts of a filter that an index answers: to how few clients they lead, and to which.

use crate::client_listings::counted;
use crate::client_rows::{
    Found, Sort, asks_for_account, found_in, found_light, is_light, select, select_light,
};
use crate::error::DbError;
use crate::row::Row;
use crate::trigrams::{self, Lookup};
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::client_filter::ClientFilter;
use clientbook_model::collection::CollectionMode;
use clientbook_model::id::{ClientId, TenantId};
use clientbook_model::search::Words;
use clientbook_model::status::Status;
use clientbook_model::text::ScopeId;

/// A part of a filter that an index answers.
pub(crate) enum Source<'f> {
    Clients(&'f [ClientId]),
    ExternalId(&'f str),
    Statuses(&'f [Status]),
    Mode(CollectionMode),
    Organization(&'f ScopeId),
    Project(&'f ScopeId),
    /// Any of these texts.
    Words(Vec<Words>),
}

impl<'f> Source<'f> {
    /// Those of a filter, the cheapest to ask first.
    pub(crate) fn of(filter: &'f ClientFilter) -> Vec<Self> {
        let (mut sources, wishes) = (Vec::new(), &filter.wishes);
        sources.extend(filter.clients.as_deref().map(Self::Clients));
        sources.extend(wishes.external_id.as_deref().map(Self::ExternalId));
        sources.extend(wishes.statuses.as_deref().map(Self::Statuses));
        sources.extend(wishes.collection_mode.map(Self::Mode));
        sources.extend(filter.org_id.as_ref().map(Self::Organization));
        sources.extend(filter.project_id.as_ref().map(Self::Project));
        let account = wishes.salesforce_account_id.as_deref();
        sources.extend(account.and_then(|id| Words::new(id).ok()).map(|it| Self::Words(vec![it])));
        let texts = wishes.q.iter().chain(&wishes.name);
        sources.extend(texts.map(|words| Self::Words(vec![words.clone()])));
        let tags = wishes.tags.iter().map(|tag| Words::new(tag.as_str()));
        if let Ok(tags) = tags.collect::<Result<Vec<_>, _>>()
            && !tags.is_empty()
        {
            sources.push(Self::Words(tags));
        }
        sources
    }
}

macro_rules! at_most {
    ($inner:literal) => {
        concat!("SELECT count(*) FROM (SELECT 1 FROM ", $inner, ") few")
    };
}

/// How many clients a source leads to, counted up to `limit`; `None` if no index can tell.
pub(crate) async fn size(
    tx: &mut Tx,
    filter: &ClientFilter,
    source: &Source<'_>,
    limit: i64,
) -> Result<Option<i64>, DbError> {
    let tenant = filter.tenant_id;
    let size = match source {
        Source::Clients(ids) => i64::try_from(ids.len()).unwrap_or(i64::MAX),
        Source::ExternalId(_) => 1,
        Source::Statuses(statuses) => counted(tx, tenant, Some(statuses), None).await?,
        Source::Mode(mode) => counted(tx, tenant, None, Some(*mode)).await?,
        Source::Organization(id) => {
            let sql = at_most!("clients WHERE tenant_id = $1 AND org_id = $2 LIMIT $3");
            let args = [tenant.into(), id.as_str().into(), limit.into()];
            tx.one(sql, &args, |row| row.get(0)).await?
        }
        Source::Project(id) => {
            let sql = at_most!("clients WHERE tenant_id = $1 AND project_id = $2 LIMIT $3");
            let args = [tenant.into(), id.as_str().into(), limit.into()];
            tx.one(sql, &args, |row| row.get(0)).await?
        }
        Source::Words(texts) => {
            let mut sum = 0;
            for words in texts {
                match looked_up(tx, tenant, words, limit).await? {
                    Some(count) => sum += count,
                    None => return Ok(None),
                }
            }
            sum
        }
    };
    Ok(Some(size))
}

/// How many clients `words` may stand in, counted up to `limit`.
async fn looked_up(
    tx: &mut Tx,
    tenant: TenantId,
    words: &Words,
    limit: i64,
) -> Result<Option<i64>, DbError> {
    let Some(Lookup { expression, places: (first, last) }) =
        trigrams::lookup(tx, tenant, words).await?
    else {
        return Ok(None);
    };
    if !tx.is_sqlite() {
        let sql = at_most!("client_listings WHERE tenant_id = $1 AND text LIKE $2 LIMIT $3");
        let args = [tenant.into(), (&expression).into(), limit.into()];
        return tx.one(sql, &args, |row| row.get(0)).await.map(Some);
    }
    let sql = at_most!(
        "client_trigrams WHERE client_trigrams MATCH $1 AND rowid BETWEEN $2 AND $3 LIMIT $4"
    );
    let args = [(&expression).into(), first.into(), last.into(), limit.into()];
    tx.one(sql, &args, |row| row.get(0)).await.map(Some)
}

/// How many clients have `words` in their text, counted up to `limit` and among so many.
pub(crate) async fn found(
    tx: &mut Tx,
    tenant: TenantId,
    words: &Words,
    limit: i64,
) -> Result<Option<i64>, DbError> {
    if !tx.is_sqlite() {
        return looked_up(tx, tenant, words, limit).await;
    }
    let Some(Lookup { expression, places: (first, last) }) =
        trigrams::lookup(tx, tenant, words).await?
    else {
        return Ok(None);
    };
    let sql = "SELECT count(*) FROM (SELECT rowid AS place FROM client_trigrams
            WHERE client_trigrams MATCH $1 AND rowid BETWEEN $2 AND $3 LIMIT $4) f
        CROSS JOIN client_listings l WHERE l.place = f.place AND instr(l.text, $5) > 0";
    let args =
        [(&expression).into(), first.into(), last.into(), limit.into(), words.as_str().into()];
    tx.one(sql, &args, |row| row.get(0)).await.map(Some)
}

const OF_CLIENTS: [&str; 2] = [
    select!(
        "clients c CROSS JOIN client_listings l
         WHERE c.tenant_id = $2 AND c.id IN (SELECT unhex(value) FROM json_each($3))
            AND l.tenant_id = c.tenant_id AND l.client_id = c.id"
    ),
    select!(
        "clients c JOIN client_listings l ON l.tenant_id = c.tenant_id AND l.client_id = c.id
         WHERE c.tenant_id = $2 AND c.id = ANY($3)"
    ),
];

// What is noted for the index, too. Of hits that come in no order, each is looked at once.
const OF_WORDS: [&str; 2] = [
    select!(
        "(SELECT place FROM (SELECT rowid AS place FROM client_trigrams
                WHERE client_trigrams MATCH $2 AND rowid BETWEEN $3 AND $4 LIMIT $5)
            UNION SELECT place FROM client_trigrams_pending WHERE place BETWEEN $3 AND $4) f
         CROSS JOIN client_listings l CROSS JOIN clients c
         WHERE l.place = f.place AND c.tenant_id = l.tenant_id AND c.id = l.client_id"
    ),
    select!(
        "client_listings l JOIN clients c ON c.tenant_id = l.tenant_id AND c.id = l.client_id
         WHERE l.tenant_id = $2 AND l.text LIKE $3 LIMIT $4"
    ),
];

const OF_WORDS_LIGHT: [&str; 2] = [
    select_light!(
        "(SELECT place FROM (SELECT rowid AS place FROM client_trigrams
                WHERE client_trigrams MATCH $1 AND rowid BETWEEN $2 AND $3 LIMIT $4)
            UNION SELECT place FROM client_trigrams_pending WHERE place BETWEEN $2 AND $3) f
         CROSS JOIN client_listings l WHERE l.place = f.place"
    ),
    select_light!("client_listings l WHERE l.tenant_id = $1 AND l.text LIKE $2 LIMIT $3"),
];

// By their places: they lie side by side. What cannot match comes to no memory; no LIKE, for which
// PostgreSQL would ask its index of trigrams in vain.
const ALL_LIGHT: [&str; 2] = [
    select_light!("client_listings l WHERE l.place BETWEEN $1 AND $2 AND instr(l.text, $3) > 0"),
    select_light!("client_listings l WHERE l.tenant_id = $1 AND strpos(l.text, $2) > 0"),
];

/// All clients of a tenant that may match, each compared by its listing alone.
pub(crate) async fn all_light(
    tx: &mut Tx,
    filter: &ClientFilter,
    sort: Sort,
) -> Result<Vec<Found>, DbError> {
    let tenant = filter.tenant_id;
    let wishes = &filter.wishes;
    let words = wishes.q.as_ref().or(wishes.name.as_ref()).map_or("", Words::as_str).into();
    let args = if tx.is_sqlite() {
        let (first, last) = trigrams::places(tx, tenant).await?;
        vec![first.into(), last.into(), words]
    } else {
        vec![tenant.into(), words]
    };
    tx.all(tx.worded(ALL_LIGHT), &args, |row| found_light(row, filter, sort)).await
}

macro_rules! of_column {
    ($column:literal) => {
        select!(concat!(
            "clients c CROSS JOIN client_listings l WHERE c.tenant_id = $2 AND c.",
            $column,
            " = $3 AND c.merged_into IS NULL AND l.tenant_id = c.tenant_id AND l.client_id = c.id LIMIT $4"
        ))
    };
}

/// The clients that a source leads to, each compared; some perhaps twice. At most `limit` for each
/// value of the source.
pub(crate) async fn of(
    tx: &mut Tx,
    filter: &ClientFilter,
    sort: Sort,
    source: &Source<'_>,
    limit: i64,
) -> Result<Vec<Found>, DbError> {
    let (asks, tenant) = (asks_for_account(filter), filter.tenant_id.into());
    let decode = |row: &Row<'_>| found_in(row, filter, sort);
    let (sql, value): (_, &str) = match source {
        Source::Clients(ids) => {
            let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
            let sql = tx.worded(OF_CLIENTS);
            return tx.all(sql, &[asks, tenant, Value::Uuids(&ids)], decode).await;
        }
        Source::Words(texts) => {
            let mut all = Vec::new();
            for words in texts {
                all.extend(of_words(tx, filter, sort, words, limit).await?);
            }
            return Ok(all);
        }
        Source::Statuses(statuses) => {
            let mut all = Vec::new();
            for status in *statuses {
                let args = [asks, tenant, status.as_str().into(), limit.into()];
                all.extend(tx.all(of_column!("status"), &args, decode).await?);
            }
            return Ok(all);
        }
        Source::ExternalId(id) => (of_column!("external_id"), id),
        Source::Mode(mode) => (of_column!("collection_mode"), mode.as_str()),
        Source::Organization(id) => (of_column!("org_id"), id.as_str()),
        Source::Project(id) => (of_column!("project_id"), id.as_str()),
    };
    tx.all(sql, &[asks, tenant, value.into(), limit.into()], decode).await
}

async fn of_words(
    tx: &mut Tx,
    filter: &ClientFilter,
    sort: Sort,
    words: &Words,
    limit: i64,
) -> Result<Vec<Found>, DbError> {
    let tenant = filter.tenant_id;
    let Some(Lookup { expression, places: (first, last) }) =
        trigrams::lookup(tx, tenant, words).await?
    else {
        return Ok(Vec::new());
    };
    let expression = (&expression).into();
    let mut args = if tx.is_sqlite() {
        vec![expression, first.into(), last.into(), limit.into()]
    } else {
        vec![tenant.into(), expression, limit.into()]
    };
    if is_light(filter, sort) {
        let sql = tx.worded(OF_WORDS_LIGHT);
        return tx.all(sql, &args, |row| found_light(row, filter, sort)).await;
    }
    args.insert(0, asks_for_account(filter));
    tx.all(tx.worded(OF_WORDS), &args, |row| found_in(row, filter, sort)).await
}
