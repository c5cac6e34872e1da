//! Histories of Firefox and its relatives: the file `places.sqlite`.

use rusqlite::Connection;

/// What is read.
pub(super) const TABLES: &[&str] = &["moz_places", "moz_historyvisits"];

/// Gives each visit after `from` up to `until`, in microseconds since 1970; the newest of all visits
/// in that time, counted or not.
///
/// Counted is what a person went to: not what a frame loaded (4, 8), nor downloads (7), nor what
/// redirected to another place (5 and 6 are the types of where it led).
pub(super) fn visits(
    connection: &Connection,
    from: i64,
    until: i64,
    mut each: impl FnMut(i64, &str),
) -> rusqlite::Result<Option<i64>> {
    let window = [from, until];
    let newest = "SELECT max(visit_date) FROM moz_historyvisits \
                  WHERE visit_date > ?1 AND visit_date <= ?2";
    let newest = connection.query_row(newest, window, |row| row.get(0))?;
    let mut statement = connection.prepare(
        "SELECT v.visit_date, substr(p.url, 1, 2048) \
         FROM moz_historyvisits v JOIN moz_places p ON p.id = v.place_id \
         WHERE v.visit_date > ?1 AND v.visit_date <= ?2 AND p.url LIKE 'http%' \
         AND v.visit_type NOT IN (4, 7, 8) \
         AND NOT EXISTS (SELECT 1 FROM moz_historyvisits n \
                         WHERE n.from_visit = v.id AND n.visit_type IN (5, 6))",
    )?;
    let mut rows = statement.query(window)?;
    while let Some(row) = rows.next()? {
        // Whoever wrote the file decides what stands in it.
        if let (Ok(at), Ok(url)) = (row.get_ref(0)?.as_i64(), row.get_ref(1)?.as_str()) {
            each(at, url);
        }
    }
    Ok(newest)
}
