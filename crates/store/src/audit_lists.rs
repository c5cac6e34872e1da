//! Lists of audit entries, newest first: which entries stand on a page, and how many there are.
//!
//! An index leads along a chain or the tenant's time, and each entry on the way is compared with the
//! filter. After `WALK` entries a page ends as it is, with fewer rows and a
//! position to go on from.

use crate::audit::entry;
use crate::error::DbError;
use crate::row::Row;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::audit::{Action, EntityType, Entry, Surface};
use clientbook_model::audit_filter::{AuditFilter, Name};
use clientbook_model::id::{ClientId, TenantId};
use clientbook_model::text::ScopeId;
use clientbook_model::time::Timestamp;
use std::time::Duration;
use uuid::Uuid;

/// The most entries that are compared for one page.
pub const WALK: i64 = 10_000;

/// The most entries among which those that match are counted.
pub const COUNT: i64 = 10_000;

/// The most bytes of values on a page: it ends before the entry that would exceed it, but has at
/// least one.
pub const PAGE_BYTES: i64 = 1 << 20;

/// How long the statements of one page may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where an entry stands among all of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its time.
    pub created_at: Timestamp,
    /// Its chain.
    pub chain_id: Uuid,
    /// Its place there.
    pub sequence: i64,
}

/// The entries of a page, newest first.
#[derive(Debug, Clone)]
pub struct AuditPage {
    /// The entries.
    pub rows: Vec<Entry>,
    /// Where the next page begins: after this; `None` if nothing follows.
    pub next: Option<Place>,
}

/// How many entries a filter leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditTotal {
    /// So many.
    pub count: i64,
    /// Or more.
    pub is_lower_bound: bool,
}

struct Found {
    place: Place,
    bytes: i64,
    matches: bool,
}

// What an entry is compared with, as parameters $1 to $14: see `wishes`.
macro_rules! wished {
    ($among:literal) => {
        concat!(
            "(a.entity_type = $1 OR $1 IS NULL) AND (a.entity_id = $2 OR $2 IS NULL)
                AND (a.actor_id = $3 OR $3 IS NULL) AND (a.action = $4 OR $4 IS NULL)
                AND (a.surface = $5 OR $5 IS NULL)
                AND (a.created_at >= $6 OR $6 IS NULL) AND (a.created_at < $7 OR $7 IS NULL)
                AND (NOT $8 OR EXISTS (SELECT 1 FROM clients c
                    WHERE c.tenant_id = a.tenant_id AND c.id = a.chain_id
                        AND (c.org_id = $9 OR $9 IS NULL) AND (c.project_id = $10 OR $10 IS NULL)
                        AND (NOT $11 OR (c.status IN ('active', 'trial') AND c.id ",
            $among,
            "))))
                AND CASE WHEN $13 THEN replace(a.contents, $14, '') <> a.contents ELSE true END"
        )
    };
}

// Where the entries come from, and in which order: parameters $15 to $20.
macro_rules! along {
    (chain) => {
        "a.tenant_id = $15 AND a.chain_id = $16 AND a.sequence < $17
            ORDER BY a.sequence DESC LIMIT $18"
    };
    (time) => {
        "a.tenant_id = $15 AND (a.created_at, a.chain_id, a.sequence) < ($16, $17, $18)
            AND a.created_at >= $19
            ORDER BY a.created_at DESC, a.chain_id DESC, a.sequence DESC LIMIT $20"
    };
}

macro_rules! found {
    ($among:literal, $source:tt) => {
        concat!(
            "SELECT a.created_at, a.chain_id, a.sequence, CAST(octet_length(a.contents) AS bigint), ",
            wished!($among),
            " FROM audit_entries a WHERE ",
            along!($source)
        )
    };
}

macro_rules! counted {
    ($among:literal, $source:tt) => {
        concat!(
            "SELECT count(*), CAST(coalesce(sum(matches), 0) AS bigint) FROM (SELECT CASE WHEN ",
            wished!($among),
            " THEN 1 ELSE 0 END AS matches FROM audit_entries a WHERE ",
            along!($source),
            ") f"
        )
    };
}

macro_rules! rows {
    ($among:literal, $source:tt) => {
        concat!(
            "SELECT a.tenant_id, a.chain_id, a.sequence, a.id, a.created_at, a.entity_type,
                a.entity_id, a.action, a.actor_kind, a.actor_id, a.surface, a.request_id,
                a.operation_id, a.contents, a.previous_hash, a.hash, a.collection_control
             FROM audit_entries a WHERE ",
            wished!($among),
            " AND ",
            along!($source)
        )
    };
}

// The statement of this name along one of the sources, in the engine's own words.
macro_rules! worded {
    ($tx:expr, $filter:expr, $name:ident) => {{
        let words = match $filter.chain_id {
            Some(_) => both!($name, chain),
            None => both!($name, time),
        };
        $tx.worded(words)
    }};
}

macro_rules! both {
    ($name:ident, $source:tt) => {
        [
            $name!("IN (SELECT unhex(value) FROM json_each($12))", $source),
            $name!("= ANY($12)", $source),
        ]
    };
}

/// Up to `size` entries that come after a place.
pub async fn page(
    tx: &mut Tx,
    filter: &AuditFilter,
    after: Option<&Place>,
    size: i64,
) -> Result<AuditPage, DbError> {
    tx.bound(PATIENCE).await?;
    let mut at = after.copied();
    let (mut compared, mut kept, mut bytes, mut last) = (0, 0, 0, None);
    let mut step = size + 1;
    let next = 'walk: loop {
        step = step.min(WALK - compared);
        let found = walk(tx, filter, at.as_ref(), step).await?;
        let read = i64::try_from(found.len()).unwrap_or(i64::MAX);
        for one in found {
            at = Some(one.place);
            if !one.matches {
                continue;
            }
            if kept == size || (kept > 0 && bytes + one.bytes > PAGE_BYTES) {
                break 'walk last;
            }
            (kept, bytes, last) = (kept + 1, bytes + one.bytes, at);
        }
        compared += read;
        if read < step {
            break None;
        }
        if compared >= WALK {
            break at;
        }
        step *= 4;
    };
    let rows = if kept == 0 { Vec::new() } else { entries(tx, filter, after, kept).await? };
    Ok(AuditPage { rows, next })
}

async fn walk(
    tx: &mut Tx,
    filter: &AuditFilter,
    after: Option<&Place>,
    limit: i64,
) -> Result<Vec<Found>, DbError> {
    let sql = worded!(tx, filter, found);
    let holding = Holding::of(filter);
    let found = |row: &Row<'_>| {
        let place = Place { created_at: row.get(0)?, chain_id: row.get(1)?, sequence: row.get(2)? };
        Ok(Found { place, bytes: row.get(3)?, matches: row.get(4)? })
    };
    tx.all(sql, &holding.args(filter, after, limit), found).await
}

/// The first entries after a place that match.
async fn entries(
    tx: &mut Tx,
    filter: &AuditFilter,
    after: Option<&Place>,
    count: i64,
) -> Result<Vec<Entry>, DbError> {
    let sql = worded!(tx, filter, rows);
    let holding = Holding::of(filter);
    tx.all(sql, &holding.args(filter, after, count), entry).await
}

/// How many entries the filter leaves among the newest `COUNT` that lead to them.
pub async fn total(tx: &mut Tx, filter: &AuditFilter) -> Result<AuditTotal, DbError> {
    let sql = worded!(tx, filter, counted);
    let holding = Holding::of(filter);
    let args = holding.args(filter, None, COUNT + 1);
    let both = |row: &Row<'_>| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?));
    let (seen, count) = tx.one(sql, &args, both).await?;
    Ok(AuditTotal { count: count.min(COUNT), is_lower_bound: seen > COUNT })
}

/// What the arguments borrow.
struct Holding {
    clients: Vec<Uuid>,
    field: Option<String>,
}

impl Holding {
    fn of(filter: &AuditFilter) -> Self {
        let clients = filter.clients.iter().flatten().map(|client| client.0).collect();
        // As it stands in the JSON of the contents: inside a value each quote has a backslash.
        let quoted = |name: &Name| format!("\"field\":{},", serde_json::json!(name.as_str()));
        Self { clients, field: filter.wishes.field.as_ref().map(quoted) }
    }

    fn args<'a>(
        &'a self,
        filter: &'a AuditFilter,
        after: Option<&Place>,
        limit: i64,
    ) -> Vec<Value<'a>> {
        let wishes = &filter.wishes;
        let mut args = vec![
            wishes.entity_type.map(EntityType::as_str).into(),
            wishes.entity_id.into(),
            wishes.actor_id.as_ref().map(Name::as_str).into(),
            wishes.action.map(Action::as_str).into(),
            wishes.surface.map(Surface::as_str).into(),
            wishes.from.into(),
            wishes.to.into(),
            filter.is_restricted().into(),
            filter.org_id.as_ref().map(ScopeId::as_str).into(),
            filter.project_id.as_ref().map(ScopeId::as_str).into(),
            filter.clients.is_some().into(),
            Value::Uuids(&self.clients),
            self.field.is_some().into(),
            self.field.as_ref().into(),
            filter.tenant_id.into(),
        ];
        let place = after.copied().unwrap_or(Place {
            created_at: wishes.to.unwrap_or(Timestamp::clamped(i64::MAX)),
            chain_id: if wishes.to.is_some() { Uuid::nil() } else { Uuid::max() },
            sequence: i64::MAX,
        });
        let place_args: [Value<'_>; 3] =
            [place.created_at.into(), place.chain_id.into(), place.sequence.into()];
        if let Some(chain) = filter.chain_id {
            args.extend([chain.into(), place_args[2]]);
        } else {
            args.extend(place_args);
            args.push(wishes.from.unwrap_or(Timestamp::clamped(i64::MIN)).into());
        }
        args.push(limit.into());
        args
    }
}

/// The chain that holds all entries about a client or one of its enrolment tokens; `None` for
/// anything else.
pub async fn chain_about(
    tx: &mut Tx,
    tenant: TenantId,
    entity: Uuid,
) -> Result<Option<ClientId>, DbError> {
    let sql = "SELECT id FROM client_ids WHERE id = $1 AND tenant_id = $2
        UNION ALL
        SELECT client_id FROM enrollment_tokens WHERE tenant_id = $2 AND id = $1";
    tx.opt(sql, &[entity.into(), tenant.into()], |row| row.get(0)).await
}
