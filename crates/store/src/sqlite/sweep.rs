//! Overwrites what SQLite leaves in the unused middle of a page.
//!
//! `secure_delete` puts zeros where a cell is deleted. But when SQLite splits or joins pages it packs
//! the cells of a page anew, and copies of cells that have moved may stay between the list of cells
//! and the first of them. So erasure looks at each page once (`sqlite_dbpage`) and zeroes that gap.

use crate::error::DbError;
use crate::tx::Tx;
use crate::value::Value;

/// Pages that are looked at in one transaction.
const CHUNK: i64 = 2_000;

/// From here on, the number of a page looks like a kind of page: 128 GiB of pages of 4 KiB.
const MOST: i64 = 0x0200_0000;

/// How many pages the file has.
async fn pages(tx: &mut Tx) -> Result<i64, DbError> {
    let count: i64 =
        tx.one("SELECT page_count FROM pragma_page_count", &[], |row| row.get(0)).await?;
    if count < MOST {
        return Ok(count);
    }
    Err(DbError::Unavailable("the store is too large to be swept: move it to PostgreSQL".into()))
}

/// The pages from `first` on whose gaps hold something, and where to go on; `None` after the last.
pub(super) async fn dirty(tx: &mut Tx, first: i64) -> Result<(Vec<i64>, Option<i64>), DbError> {
    let count = pages(tx).await?;
    let last = count.min(first + CHUNK - 1);
    let mut dirty = Vec::new();
    for page in first..=last {
        // The page that holds the file's locks, at 1 GiB, is never used.
        let data = read(tx, page).await?;
        if data.is_some_and(|data| cleaned(page, data).is_some()) {
            dirty.push(page);
        }
    }
    Ok((dirty, (last < count).then_some(last + 1)))
}

/// Zeroes the gaps of these pages, as they are now.
pub(super) async fn clean(tx: &mut Tx, pages: &[i64]) -> Result<(), DbError> {
    for page in pages {
        if let Some(data) = read(tx, *page).await?.and_then(|data| cleaned(*page, data)) {
            let sql = "UPDATE sqlite_dbpage SET data = $1 WHERE pgno = $2";
            tx.send(&[], sql, &[Value::Bytes(&data), (*page).into()]).await?;
        }
    }
    Ok(())
}

async fn read(tx: &mut Tx, page: i64) -> Result<Option<Vec<u8>>, DbError> {
    let sql = "SELECT data FROM sqlite_dbpage WHERE pgno = $1";
    tx.opt(sql, &[page.into()], |row| row.get(0)).await
}

/// The page with zeros in its gap, if something else stands there. See "The SQLite Database File
/// Format", section 1.6: the kind of the page, at 3 how many cells it has, at 5 where the first of
/// them is, at 8 or 12 the list of their places.
fn cleaned(page: i64, mut data: Vec<u8>) -> Option<Vec<u8>> {
    let header = if page == 1 { 100 } else { 0 };
    let number = |at: usize| {
        let bytes = data.get(header + at..header + at + 2)?;
        Some(usize::from(u16::from_be_bytes([bytes[0], bytes[1]])))
    };
    let list = match data.get(header)? {
        2 | 5 => header + 12,
        10 | 13 => header + 8,
        _ => return None,
    };
    let (cells, first) = (number(3)?, number(5)?);
    let gap = list + 2 * cells..if first == 0 { 65_536 } else { first };
    let bytes = data.get_mut(gap)?;
    if bytes.iter().all(|byte| *byte == 0) {
        return None;
    }
    bytes.fill(0);
    Some(data)
}

#[cfg(test)]
mod tests {
    use super::cleaned;

    /// A leaf page of a table with two cells, the first of them at 90 of 100.
    fn page(gap: u8) -> Vec<u8> {
        let mut page = vec![gap; 100];
        page[..8].copy_from_slice(&[13, 0, 0, 0, 2, 0, 90, 0]);
        page[8..12].copy_from_slice(&[0, 95, 0, 90]);
        page[90..].fill(7);
        page
    }

    #[test]
    fn only_the_gap_is_zeroed() {
        assert_eq!(cleaned(2, page(9)), Some(page(0)));
        assert_eq!(cleaned(2, page(0)), None);
    }

    #[test]
    fn what_is_no_page_of_cells_is_left_alone() {
        let other = |kind: u8| [&[kind][..], &page(9)[1..]].concat();
        for kind in [0, 1, 3, 255] {
            assert_eq!(cleaned(2, other(kind)), None);
        }
        assert_eq!(cleaned(2, vec![]), None);
        assert_eq!(cleaned(2, vec![13, 0, 0, 255, 255, 0, 0]), None);
    }
}
