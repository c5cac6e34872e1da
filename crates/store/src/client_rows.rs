//! The rows that lists are made of: a client's place in each order, and whether a filter leaves it.

use crate::error::DbError;
use crate::row::Row;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::client_filter::{ClientFilter, Listed};
use clientbook_model::id::{ClientId, TenantId};
use clientbook_model::search::NAME_KEY;
use clientbook_model::status::Status;
use clientbook_model::time::Timestamp;
use std::cmp::Ordering;
use std::collections::HashMap;
use uuid::Uuid;

/// What clients are sorted by; ids decide between equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The beginning of the folded name.
    Name,
    /// When they were made.
    CreatedAt,
    /// When they last changed.
    UpdatedAt,
    /// Their number.
    Number,
}

/// An order and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub order: Order,
    /// From the end.
    pub descending: bool,
}

/// A client's value in an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A text, by its bytes.
    Text(String),
    /// A number, or milliseconds since 1970.
    Number(i64),
}

/// A client's place in an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Its value.
    pub key: Key,
    /// Its id.
    pub id: ClientId,
}

impl Sort {
    /// Which of two comes first.
    pub(crate) fn compare(self, one: &Position, other: &Position) -> Ordering {
        let order = one.cmp(other);
        if self.descending { order.reverse() } else { order }
    }

    pub(crate) fn is_before(self, one: &Position, other: &Position) -> bool {
        self.compare(one, other) == Ordering::Less
    }

    /// A place before every client.
    fn start(self) -> Position {
        let text = |last: char| Key::Text(String::from(last).repeat(NAME_KEY + 1));
        let key = match (self.order, self.descending) {
            (Order::Name, false) => Key::Text(String::new()),
            (Order::Name, true) => text(char::MAX),
            (Order::CreatedAt | Order::UpdatedAt, descending) => {
                let far = if descending { i64::MAX } else { i64::MIN };
                Key::Number(Timestamp::clamped(far).millis())
            }
            (Order::Number, descending) => Key::Number(if descending { i64::MAX } else { 0 }),
        };
        let id = if self.descending { Uuid::max() } else { Uuid::nil() };
        Position { key, id: ClientId(id) }
    }
}

/// A client that was compared.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) position: Position,
    /// Whether the filter leaves it.
    pub(crate) matches: bool,
}

// The account is read from its JSON only where somebody asks for it.
macro_rules! select {
    ($rest:expr) => {
        concat!(
            "SELECT c.id, c.number, l.name, c.created_at, c.updated_at, l.text, c.status,
                c.collection_mode, c.org_id, c.project_id, c.external_id, c.tags,
                c.workspace_deleted_at IS NOT NULL,
                CASE WHEN $1 THEN c.success ->> 'salesforce_account_id' END
             FROM ",
            $rest
        )
    };
}

// Where texts decide, the record is left alone: that is faster three times over.
macro_rules! select_light {
    ($rest:expr) => {
        concat!("SELECT l.client_id, l.number, l.name, l.created_at, NULL, l.text FROM ", $rest)
    };
}

pub(crate) use {select, select_light};

// CROSS JOIN keeps SQLite from another order than that of the index that sorts.
macro_rules! by_name {
    ($than:literal, $way:literal) => {
        select!(concat!(
            "client_listings l CROSS JOIN clients c
             WHERE l.tenant_id = $2 AND (l.name, l.client_id) ",
            $than,
            " ($3, $4)
                AND c.tenant_id = l.tenant_id AND c.id = l.client_id
             ORDER BY l.name ",
            $way,
            ", l.client_id ",
            $way,
            " LIMIT $5"
        ))
    };
}

macro_rules! by_name_light {
    ($than:literal, $way:literal) => {
        select_light!(concat!(
            "client_listings l
             WHERE l.tenant_id = $1 AND (l.name, l.client_id) ",
            $than,
            " ($2, $3) ORDER BY l.name ",
            $way,
            ", l.client_id ",
            $way,
            " LIMIT $4"
        ))
    };
}

macro_rules! by_creation {
    ($than:literal, $way:literal) => {
        select!(concat!(
            "clients c CROSS JOIN client_listings l
             WHERE c.tenant_id = $2 AND (c.created_at, c.id) ",
            $than,
            " ($3, $4)
                AND l.tenant_id = c.tenant_id AND l.client_id = c.id
             ORDER BY c.created_at ",
            $way,
            ", c.id ",
            $way,
            " LIMIT $5"
        ))
    };
}

macro_rules! by_change {
    ($than:literal, $way:literal) => {
        select!(concat!(
            "client_times t CROSS JOIN clients c CROSS JOIN client_listings l
             WHERE t.tenant_id = $2 AND (t.updated_at, t.client_id) ",
            $than,
            " ($3, $4)
                AND c.tenant_id = t.tenant_id AND c.id = t.client_id
                AND l.tenant_id = t.tenant_id AND l.client_id = t.client_id
             ORDER BY t.updated_at ",
            $way,
            ", t.client_id ",
            $way,
            " LIMIT $5"
        ))
    };
}

macro_rules! by_number {
    ($than:literal, $way:literal) => {
        select!(concat!(
            "clients c CROSS JOIN client_listings l
             WHERE c.tenant_id = $2 AND c.number ",
            $than,
            " $3
                AND l.tenant_id = c.tenant_id AND l.client_id = c.id
             ORDER BY c.number ",
            $way,
            " LIMIT $4"
        ))
    };
}

/// The next clients in an order, each compared.
pub(crate) async fn walk(
    tx: &mut Tx,
    filter: &ClientFilter,
    sort: Sort,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<Found>, DbError> {
    let start;
    let after = if let Some(after) = after {
        after
    } else {
        start = sort.start();
        &start
    };
    if sort.order == Order::Name && is_light(filter, sort) {
        return walk_light(tx, filter, sort, after, limit).await;
    }
    let sql = match (sort.order, sort.descending) {
        (Order::Name, false) => by_name!(">", "ASC"),
        (Order::Name, true) => by_name!("<", "DESC"),
        (Order::CreatedAt, false) => by_creation!(">", "ASC"),
        (Order::CreatedAt, true) => by_creation!("<", "DESC"),
        (Order::UpdatedAt, false) => by_change!(">", "ASC"),
        (Order::UpdatedAt, true) => by_change!("<", "DESC"),
        (Order::Number, false) => by_number!(">", "ASC"),
        (Order::Number, true) => by_number!("<", "DESC"),
    };
    let key = match (&after.key, sort.order) {
        (Key::Text(text), _) => Value::Text(text),
        (Key::Number(millis), Order::CreatedAt | Order::UpdatedAt) => {
            Value::Time(Timestamp::clamped(*millis))
        }
        (Key::Number(number), _) => Value::Int(*number),
    };
    let (asks, tenant) = (asks_for_account(filter), filter.tenant_id.into());
    let decode = |row: &Row<'_>| found_in(row, filter, sort);
    if sort.order == Order::Number {
        return tx.all(sql, &[asks, tenant, key, limit.into()], decode).await;
    }
    tx.all(sql, &[asks, tenant, key, after.id.into(), limit.into()], decode).await
}

async fn walk_light(
    tx: &mut Tx,
    filter: &ClientFilter,
    sort: Sort,
    after: &Position,
    limit: i64,
) -> Result<Vec<Found>, DbError> {
    let sql =
        if sort.descending { by_name_light!("<", "DESC") } else { by_name_light!(">", "ASC") };
    let Key::Text(name) = &after.key else {
        return Err(DbError::internal("a position of another order"));
    };
    let args = [filter.tenant_id.into(), name.into(), after.id.into(), limit.into()];
    tx.all(sql, &args, |row| found_light(row, filter, sort)).await
}

/// Whether a listing alone says if a client is left, and where it stands.
pub(crate) fn is_light(filter: &ClientFilter, sort: Sort) -> bool {
    filter.is_of_texts() && !filter.is_all() && sort.order != Order::UpdatedAt
}

pub(crate) fn asks_for_account<'a>(filter: &ClientFilter) -> Value<'a> {
    Value::Bool(filter.wishes.salesforce_account_id.is_some())
}

fn position(row: &Row<'_>, sort: Sort) -> Result<Position, DbError> {
    let millis = |time: Timestamp| Key::Number(time.millis());
    let key = match sort.order {
        Order::Name => Key::Text(row.get(2)?),
        Order::CreatedAt => millis(row.get(3)?),
        Order::UpdatedAt => millis(row.get(4)?),
        Order::Number => Key::Number(row.get(1)?),
    };
    Ok(Position { key, id: row.get(0)? })
}

pub(crate) fn found_light(
    row: &Row<'_>,
    filter: &ClientFilter,
    sort: Sort,
) -> Result<Found, DbError> {
    let matches = filter.matches_text(row.text(5)?.unwrap_or_default());
    Ok(Found { position: position(row, sort)?, matches })
}

pub(crate) fn found_in(row: &Row<'_>, filter: &ClientFilter, sort: Sort) -> Result<Found, DbError> {
    let listed = Listed {
        id: row.get(0)?,
        text: row.text(5)?.unwrap_or_default(),
        status: row.name(6)?,
        collection_mode: row.name(7)?,
        org_id: row.text(8)?,
        project_id: row.text(9)?,
        external_id: row.text(10)?,
        removed_from_workspace: row.get(12)?,
        salesforce_account_id: row.text(13)?,
    };
    let tags = if filter.wishes.tags.is_empty() { Vec::new() } else { row.json(11)? };
    Ok(Found { position: position(row, sort)?, matches: filter.matches(&listed, &tags) })
}

/// Bytes of each record.
pub(crate) async fn bytes(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[ClientId],
) -> Result<HashMap<ClientId, i64>, DbError> {
    let uuids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let sql = tx.worded([
        "SELECT id, bytes FROM clients
            WHERE tenant_id = $1 AND id IN (SELECT unhex(value) FROM json_each($2))",
        "SELECT id, bytes FROM clients WHERE tenant_id = $1 AND id = ANY($2)",
    ]);
    let args = [tenant.into(), Value::Uuids(&uuids)];
    let rows = tx.all(sql, &args, |row| Ok((row.get(0)?, row.get(1)?))).await?;
    Ok(rows.into_iter().collect())
}

// Numbers alone are skipped in the index, from the nearer end; then the page's rows are read.
macro_rules! slice {
    ($numbers:literal, $way:literal, $limit:literal, $skip:literal) => {
        concat!(
            "SELECT c.id, c.number FROM (SELECT number FROM ",
            $numbers,
            " ORDER BY number ",
            $way,
            " LIMIT ",
            $limit,
            " OFFSET ",
            $skip,
            ") n CROSS JOIN clients c WHERE c.tenant_id = $1 AND c.number = n.number"
        )
    };
}

macro_rules! of_statuses {
    ($way:literal) => {
        slice!(
            "(SELECT number FROM clients WHERE tenant_id = $1 AND status = $2
                    AND merged_into IS NULL
                UNION ALL SELECT number FROM clients WHERE tenant_id = $1 AND status = $3
                    AND merged_into IS NULL
                UNION ALL SELECT number FROM clients WHERE tenant_id = $1 AND status = $4
                    AND merged_into IS NULL
                UNION ALL SELECT number FROM clients WHERE tenant_id = $1 AND status = $5
                    AND merged_into IS NULL
                UNION ALL SELECT number FROM clients WHERE tenant_id = $1 AND status = $6
                    AND merged_into IS NULL) s",
            $way,
            "$7",
            "$8"
        )
    };
}

macro_rules! of_status {
    ($way:literal) => {
        slice!(
            "clients WHERE tenant_id = $1 AND status = $2 AND merged_into IS NULL",
            $way,
            "$3",
            "$4"
        )
    };
}

/// Clients by number, of these statuses: `size` of them after the first `skip` of `count`.
pub(crate) async fn slice(
    tx: &mut Tx,
    tenant: TenantId,
    statuses: Option<&[Status]>,
    count: i64,
    skip: i64,
    size: i64,
) -> Result<Vec<ClientId>, DbError> {
    let size = size.min(count.saturating_sub(skip));
    if size <= 0 {
        return Ok(Vec::new());
    }
    let from_end = count - skip - size;
    let backwards = from_end < skip;
    let skip = if backwards { from_end } else { skip };
    let [tenant, size, skip] = [tenant.into(), size.into(), skip.into()];
    let decode = |row: &Row<'_>| Ok((row.get::<i64>(1)?, row.get(0)?));
    let mut rows: Vec<(i64, ClientId)> = match statuses {
        None => {
            let sql = if backwards {
                slice!("clients WHERE tenant_id = $1 AND merged_into IS NULL", "DESC", "$2", "$3")
            } else {
                slice!("clients WHERE tenant_id = $1 AND merged_into IS NULL", "ASC", "$2", "$3")
            };
            tx.all(sql, &[tenant, size, skip], decode).await?
        }
        Some([status]) => {
            let sql = if backwards { of_status!("DESC") } else { of_status!("ASC") };
            tx.all(sql, &[tenant, status.as_str().into(), size, skip], decode).await?
        }
        Some(statuses) => {
            let sql = if backwards { of_statuses!("DESC") } else { of_statuses!("ASC") };
            let status = |at: usize| statuses.get(at).map(|status| status.as_str()).into();
            let statuses = [0, 1, 2, 3, 4].map(status);
            let args = [&[tenant][..], &statuses, &[size, skip]].concat();
            tx.all(sql, &args, decode).await?
        }
    };
    rows.sort_unstable();
    Ok(rows.into_iter().map(|(_, id)| id).collect())
}
