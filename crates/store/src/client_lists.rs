//! Lists of clients: which clients stand on a page, and how many there are in all.
//!
//! A page costs about the same wherever it stands and however many clients there are. Where an
//! index leads to few clients, or the tenant has few (`GATHER`; more of both where listings alone
//! decide), all of them are read, compared with the filter and sorted: everything about the list is
//! known then. Else the list's order is walked from where the page
//! begins, and each client on the way compared; after `WALK` clients the page ends as it is, with
//! fewer rows and a position to go on from.

use crate::client_listings::{self, counted};
use crate::client_rows::{self, Found, is_light};
use crate::client_sources::{self, Source};
use crate::error::DbError;
use crate::trigrams;
use crate::tx::Tx;
use clientbook_model::client_filter::ClientFilter;
use clientbook_model::id::ClientId;
use std::time::Duration;

pub use crate::client_rows::{Key, Order, Position, Sort};

/// The most clients that one index may lead to for all of them to be read: 10,000, and some that it
/// leads to by what they were, until it is brought up to date.
pub const GATHER: i64 = 11_000;

/// The same, where a listing alone decides about each.
pub const GATHER_LIGHT: i64 = 21_000;

/// The most clients of a tenant for all of them to be read where no index leads to any, and a listing
/// alone decides about each.
pub const SCAN_LIGHT: i64 = 40_000;

/// The most clients that are compared for one page.
pub const WALK: i64 = 5_000;

/// The same, where a listing alone decides about each.
pub const WALK_LIGHT: i64 = 15_000;

/// Clients among which those are counted of which no index tells how many there are.
const SAMPLE: i64 = 2_000;

/// The most bytes of records on a page of a list that is walked by a cursor: the page ends before
/// the record that would exceed it, but has at least one.
pub const PAGE_BYTES: i64 = 1 << 20;

/// How long the statements of one page may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many clients a filter leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// So many.
    pub count: i64,
    /// Or more.
    pub is_lower_bound: bool,
}

/// The clients of a page, in order.
#[derive(Debug, Clone)]
pub struct ListPage {
    /// Their ids.
    pub ids: Vec<ClientId>,
    /// Bytes of their records.
    pub bytes: i64,
    /// Where the next page begins: after this; `None` if nothing follows.
    pub next: Option<Position>,
    /// How many clients there are, on all pages.
    pub total: Total,
}

fn exactly(count: i64) -> Total {
    Total { count, is_lower_bound: false }
}

/// Up to `size` clients that come after a position.
pub async fn page(
    tx: &mut Tx,
    filter: &ClientFilter,
    sort: Sort,
    after: Option<&Position>,
    size: i64,
) -> Result<ListPage, DbError> {
    tx.bound(PATIENCE).await?;
    let mut total = None;
    if filter.is_counted() {
        let count = count(tx, filter).await?;
        total = Some(exactly(count));
        let all = counted(tx, filter.tenant_id, None, None).await?;
        // Dense enough that a walk soon has its rows.
        if filter.is_all() || count.saturating_mul(WALK / 2) >= all.saturating_mul(size + 1) {
            return walk(tx, filter, sort, after, size, exactly(count)).await;
        }
    }
    // Where an index leads to many, a walk soon has its rows.
    let scans = !trigrams::are_looked_up(filter);
    if let Some(mut found) = gather(tx, filter, sort, scans).await? {
        let total = exactly(length(&found));
        if let Some(after) = after {
            found.retain(|one| sort.is_before(after, &one.position));
        }
        return cut(tx, filter, found, size, None, total).await;
    }
    let total = match total {
        Some(total) => total,
        None => at_least(tx, filter).await?,
    };
    walk(tx, filter, sort, after, size, total).await
}

/// The page with this number, from 0, of `size` clients each, by number. Where no index leads to
/// few clients, only the first `WALK` clients of the tenant are compared.
pub async fn numbered(
    tx: &mut Tx,
    filter: &ClientFilter,
    page: i64,
    size: i64,
) -> Result<ListPage, DbError> {
    tx.bound(PATIENCE).await?;
    let skip = page.saturating_mul(size);
    let tenant = filter.tenant_id;
    let (ids, total) = if filter.is_counted() && filter.wishes.collection_mode.is_none() {
        let mut statuses = filter.wishes.statuses.clone();
        if let Some(statuses) = &mut statuses {
            // Where only one of them is left, its own index has the order.
            let present = client_listings::statuses(tx, tenant).await?;
            statuses.retain(|status| present.contains(status));
        }
        let statuses = statuses.as_deref();
        let count = counted(tx, tenant, statuses, None).await?;
        (client_rows::slice(tx, tenant, statuses, count, skip, size).await?, exactly(count))
    } else {
        let (found, total) = by_number(tx, filter).await?;
        let at = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
        let page = found.into_iter().skip(at(skip)).take(at(size));
        (page.map(|one| one.position.id).collect(), total)
    };
    let bytes = client_rows::bytes(tx, tenant, &ids).await?.values().sum();
    Ok(ListPage { ids, bytes, next: None, total })
}

/// What a filter leaves, by number; of the tenant's first clients only, if it may be many.
async fn by_number(tx: &mut Tx, filter: &ClientFilter) -> Result<(Vec<Found>, Total), DbError> {
    let sort = Sort { order: Order::Number, descending: false };
    if let Some(found) = gather(tx, filter, sort, true).await? {
        let total = exactly(length(&found));
        return Ok((found, total));
    }
    let mut found = client_rows::walk(tx, filter, sort, None, WALK).await?;
    found.retain(|one| one.matches);
    let count = length(&found);
    Ok((found, Total { count, is_lower_bound: true }))
}

async fn count(tx: &mut Tx, filter: &ClientFilter) -> Result<i64, DbError> {
    let (statuses, mode) = (filter.wishes.statuses.as_deref(), filter.wishes.collection_mode);
    counted(tx, filter.tenant_id, statuses, mode).await
}

/// Every client that the filter leaves, sorted, if one of its parts leads to few, or the tenant has few;
/// more of them where the tenant's listings are scanned.
async fn gather(
    tx: &mut Tx,
    filter: &ClientFilter,
    sort: Sort,
    scans: bool,
) -> Result<Option<Vec<Found>>, DbError> {
    let most = if is_light(filter, sort) { GATHER_LIGHT } else { GATHER };
    let mut found = if let Some(source) = smallest(tx, filter, most).await? {
        client_sources::of(tx, filter, sort, &source, most).await?
    } else {
        match counted(tx, filter.tenant_id, None, None).await? {
            ..=SCAN_LIGHT if scans && is_light(filter, sort) => {
                client_sources::all_light(tx, filter, sort).await?
            }
            ..=GATHER => client_rows::walk(tx, filter, sort, None, GATHER).await?,
            _ => return Ok(None),
        }
    };
    found.retain(|one| one.matches);
    found.sort_unstable_by(|a, b| sort.compare(&a.position, &b.position));
    // What two tags lead to stands there twice.
    found.dedup_by_key(|one| one.position.id);
    Ok(Some(found))
}

/// The part of the filter that leads to the fewest clients, if those are few.
async fn smallest<'f>(
    tx: &mut Tx,
    filter: &'f ClientFilter,
    most: i64,
) -> Result<Option<Source<'f>>, DbError> {
    let mut best = None;
    for source in Source::of(filter) {
        let limit = best.as_ref().map_or(most, |(size, _)| *size);
        let size = client_sources::size(tx, filter, &source, limit + 1).await?;
        if size.is_some_and(|size| size <= limit) {
            best = size.map(|size| (size, source));
        }
        // To look on would take longer than to read them.
        if best.as_ref().is_some_and(|(size, _)| *size <= 100) {
            break;
        }
    }
    Ok(best.map(|(_, source)| source))
}

/// How many clients are left at least, where nothing tells how many there are.
async fn at_least(tx: &mut Tx, filter: &ClientFilter) -> Result<Total, DbError> {
    let mut count = 0;
    if let Some(words) = filter.only_words() {
        count = client_sources::found(tx, filter.tenant_id, words, GATHER).await?.unwrap_or(0);
    }
    if count == 0 {
        let sort = Sort { order: Order::Number, descending: false };
        let sample = client_rows::walk(tx, filter, sort, None, SAMPLE).await?;
        count = sample.iter().filter(|one| one.matches).count().try_into().unwrap_or(i64::MAX);
    }
    Ok(Total { count, is_lower_bound: true })
}

async fn walk(
    tx: &mut Tx,
    filter: &ClientFilter,
    sort: Sort,
    after: Option<&Position>,
    size: i64,
    total: Total,
) -> Result<ListPage, DbError> {
    let (mut page, mut compared) = (Vec::new(), 0);
    let mut at = after.cloned();
    let most = if is_light(filter, sort) { WALK_LIGHT } else { WALK };
    let mut step = if filter.is_all() { size + 1 } else { 2 * (size + 1) };
    loop {
        step = step.min(most - compared);
        let found = client_rows::walk(tx, filter, sort, at.as_ref(), step).await?;
        let read = length(&found);
        at = found.last().map(|last| last.position.clone()).or(at);
        page.extend(found.into_iter().filter(|one| one.matches));
        compared += read;
        if length(&page) > size || read < step {
            return cut(tx, filter, page, size, None, total).await;
        }
        if compared >= most {
            return cut(tx, filter, page, size, at, total).await;
        }
        step *= 4;
    }
}

fn length<T>(list: &[T]) -> i64 {
    list.len().try_into().unwrap_or(i64::MAX)
}

/// Ends a page at its limit of rows or bytes. `walked` is where a walk has stopped.
async fn cut(
    tx: &mut Tx,
    filter: &ClientFilter,
    mut found: Vec<Found>,
    size: i64,
    walked: Option<Position>,
    total: Total,
) -> Result<ListPage, DbError> {
    let count = found.len();
    found.truncate(usize::try_from(size).unwrap_or(usize::MAX));
    let ids: Vec<_> = found.iter().map(|one| one.position.id).collect();
    let sizes = client_rows::bytes(tx, filter.tenant_id, &ids).await?;
    let (mut ids, mut bytes, mut last) = (Vec::new(), 0, None);
    for one in found {
        let own = sizes.get(&one.position.id).copied().unwrap_or_default();
        if !ids.is_empty() && bytes + own > PAGE_BYTES {
            break;
        }
        bytes += own;
        ids.push(one.position.id);
        last = Some(one.position);
    }
    let next = if ids.len() < count { last } else { walked };
    Ok(ListPage { ids, bytes, next, total })
}
