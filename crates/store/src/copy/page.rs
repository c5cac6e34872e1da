//! Rows of one table, read some at a time.

use super::field::Field;
use super::mark;
use super::plan::{Rows, Table};
use crate::client_listings::UNLISTED;
use crate::db::Db;
use crate::error::DbError;
use crate::row::Row;
use crate::tx::Tx;
use crate::value::Value;
use std::sync::Arc;

/// The most rows of a page. Each page is one transaction of the target.
const ROWS: i64 = 500;

/// Where reading begins: rows may be big.
const FIRST_ROWS: i64 = 50;

/// A page ends after the row with which its fields take this many bytes.
const BYTES: usize = 4 << 20;

/// Some rows of a table.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) rows: Vec<Vec<Field>>,
    /// The key of the last one.
    pub(super) last: Option<Vec<Field>>,
    /// Whether others may follow.
    pub(super) more: bool,
    /// Whether it ended for its bytes.
    is_cut: bool,
}

/// Reads pages of such sizes that none takes much memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pages {
    limit: i64,
}

impl Pages {
    pub(super) fn new() -> Self {
        Self { limit: FIRST_ROWS }
    }

    /// The rows after a key, or the first.
    pub(super) async fn read(
        &mut self,
        db: &Db,
        table: &Arc<Table>,
        rows: Rows,
        after: Option<Vec<Field>>,
    ) -> Result<Page, DbError> {
        let (table, limit) = (Arc::clone(table), self.limit);
        let page =
            db.scan(async move |tx: &mut Tx| read(tx, &table, rows, after.as_deref(), limit).await);
        let page = page.await?;
        let count = i64::try_from(page.rows.len()).unwrap_or(limit);
        self.limit = if page.is_cut { count.max(1) } else { (limit * 2).min(ROWS) };
        Ok(page)
    }
}

async fn read(
    tx: &mut Tx,
    table: &Table,
    rows: Rows,
    after: Option<&[Field]>,
    limit: i64,
) -> Result<Page, DbError> {
    let key = after.unwrap_or_default();
    let mut args: Vec<Value<'_>> = key.iter().map(Field::value).collect();
    args.push(limit.into());
    let sql = if after.is_some() { rows.next } else { rows.first };
    let (mut bytes, mut count, mut is_cut) = (0, 0, false);
    let mut last = None;
    let decode = |row: &Row<'_>| {
        if bytes >= BYTES {
            is_cut = true;
            return Ok(None);
        }
        let fields = fields(row, table)?;
        bytes += fields.iter().map(Field::size).sum::<usize>();
        count += 1;
        last = Some(fields[..table.keys].to_vec());
        Ok(Some(fields).filter(|fields| !is_own(table, fields)))
    };
    let rows = tx.all(sql, &args, decode).await?;
    let rows = rows.into_iter().flatten().collect();
    Ok(Page { rows, last, more: is_cut || count == limit, is_cut })
}

/// A row that a store has for itself: how far it has come as a copy, and with its lists.
fn is_own(table: &Table, fields: &[Field]) -> bool {
    let own = |name: &str| name == mark::NAME || name == UNLISTED;
    table.name == "settings" && matches!(fields.first(), Some(Field::Text(name)) if own(name))
}

fn fields(row: &Row<'_>, table: &Table) -> Result<Vec<Field>, DbError> {
    let mut fields: Vec<Field> = Vec::with_capacity(table.columns.len());
    for (at, (column, kind)) in table.columns.iter().enumerate() {
        let Ok(field) = Field::read(row, at, *kind) else {
            let key = fields.iter().take(table.keys).map(Field::to_key).collect::<Vec<_>>();
            return Err(DbError::Refused(format!(
                "{} is damaged: in the row {:?}, {column} holds a value that is not of its type",
                table.name,
                key.join(" ")
            )));
        };
        fields.push(field);
    }
    Ok(fields)
}
