//! Histories of Chromium and its relatives: the file `History`.

use super::database;
use rusqlite::{Connection, params};

/// What is read; more may be there.
pub(super) const TABLES: &[&str] = &["urls", "visits"];

/// Microseconds from 1601, where Chromium's time begins, to 1970.
const EPOCH: i64 = 11_644_473_600_000_000;

/// Gives each visit after `from` up to `until`, in microseconds since 1970; the newest of all visits
/// in that time, counted or not.
///
/// Counted is what a person went to: not what a frame loaded by itself, nor the steps of a
/// redirection before its last, nor what was taken over from another browser or another device.
pub(super) fn visits(
    connection: &Connection,
    from: i64,
    until: i64,
    mut each: impl FnMut(i64, &str),
) -> rusqlite::Result<Option<i64>> {
    const AUTO_SUBFRAME: i64 = 3;
    const CHAIN_END: i64 = 0x2000_0000;
    let window = [from.saturating_add(EPOCH), until.saturating_add(EPOCH)];
    let newest = "SELECT max(visit_time) FROM visits WHERE visit_time > ?1 AND visit_time <= ?2";
    let newest: Option<i64> = connection.query_row(newest, window, |row| row.get(0))?;
    let mut sql = String::from(
        "SELECT v.visit_time, substr(u.url, 1, 2048) FROM visits v JOIN urls u ON u.id = v.url \
         WHERE v.visit_time > ?1 AND v.visit_time <= ?2 AND u.url LIKE 'http%' \
         AND (v.transition & 255) <> ?3 AND (v.transition & ?4) <> 0",
    );
    // What not every version has.
    if has_column(connection, "visits", "originator_cache_guid")? {
        sql.push_str(" AND coalesce(v.originator_cache_guid, '') = ''");
    }
    if has_column(connection, "visit_source", "source")? {
        // 1: browsed here.
        sql.push_str(
            " AND NOT EXISTS (SELECT 1 FROM visit_source s WHERE s.id = v.id AND s.source <> 1)",
        );
    }
    let mut statement = connection.prepare(&sql)?;
    let parameters = params![window[0], window[1], AUTO_SUBFRAME, CHAIN_END];
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        // Whoever wrote the file decides what stands in it.
        if let (Ok(at), Ok(url)) = (row.get_ref(0)?.as_i64(), row.get_ref(1)?.as_str()) {
            each(at.saturating_sub(EPOCH), url);
        }
    }
    Ok(newest.map(|newest| newest.saturating_sub(EPOCH)))
}

fn has_column(connection: &Connection, table: &str, column: &str) -> rusqlite::Result<bool> {
    if !database::is_table(connection, table)? {
        return Ok(false);
    }
    let sql = "SELECT count(*) FROM pragma_table_info(?1) WHERE name = ?2";
    let count: i64 = connection.query_row(sql, [table, column], |row| row.get(0))?;
    Ok(count > 0)
}
