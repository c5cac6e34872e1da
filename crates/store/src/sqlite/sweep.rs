//! Overwrites what SQLite leaves in the unused middle of a page.
//!
//! `secure_delete` puts zeros where a cell is deleted. But when SQLite splits or joins pages it packs
//! the cells of a page anew, and copies of cells that have moved may stay between the list of cells
//! and the first of them. So erasure looks at each page once and zeroes that gap (`sqlite_dbpage`).
//!
//! It looks at the file itself, past SQLite, which would take ten times as long. What was deleted before
//! the log was moved into the file is in no page that is written later: no cell has it any more.

use crate::error::DbError;
use crate::tx::Tx;
use crate::value::Value;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

/// Bytes of the file that are looked at before others have their turn.
const PART: u64 = 64 << 20;

/// Bytes that are read at a time: a multiple of every size of a page.
const BLOCK: usize = 1 << 20;

/// From here on, the number of a page looks like a kind of page: 128 GiB of pages of 4 KiB.
const MOST: u64 = 0x0200_0000;

/// The pages from `first` on whose gaps hold something, and where to go on; `None` after the last.
/// Nobody writes to the file meanwhile.
pub(super) fn dirty(file: &File, first: u64) -> io::Result<(Vec<u64>, Option<u64>)> {
    let mut header = [0; 18];
    file.read_exact_at(&mut header, 0)?;
    // https://sqlite.org/fileformat.html#the_database_header: 1 stands for 65,536.
    let size = match u64::from(u16::from_be_bytes([header[16], header[17]])) {
        1 => 65_536,
        size => size,
    };
    let count = file.metadata()?.len() / size;
    if count >= MOST {
        let message = "the store is too large to be swept: move it to PostgreSQL";
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    let last = count.min(first + PART / size - 1);
    let mut dirty = Vec::new();
    let mut block = vec![0; BLOCK];
    let mut page = first;
    while page <= last {
        let rest = usize::try_from((last + 1 - page) * size).unwrap_or(BLOCK);
        let block = &mut block[..rest.min(BLOCK)];
        file.read_exact_at(block, (page - 1) * size)?;
        for data in block.chunks(usize::try_from(size).unwrap_or(BLOCK)) {
            if gap(page, data).is_some_and(|gap| data[gap].iter().any(|byte| *byte != 0)) {
                dirty.push(page);
            }
            page += 1;
        }
    }
    Ok((dirty, (last < count).then_some(last + 1)))
}

/// Zeroes the gaps of these pages, as they are now.
pub(super) async fn clean(tx: &mut Tx, pages: &[u64]) -> Result<(), DbError> {
    for page in pages {
        let number = i64::try_from(*page).map_err(|error| DbError::internal(error.to_string()))?;
        let sql = "SELECT data FROM sqlite_dbpage WHERE pgno = $1";
        let data: Option<Vec<u8>> = tx.opt(sql, &[number.into()], |row| row.get(0)).await?;
        if let Some(data) = data.and_then(|data| cleaned(*page, data)) {
            let sql = "UPDATE sqlite_dbpage SET data = $1 WHERE pgno = $2";
            tx.send(&[], sql, &[Value::Bytes(&data), number.into()]).await?;
        }
    }
    Ok(())
}

/// The page with zeros in its gap, if something else stands there.
fn cleaned(page: u64, mut data: Vec<u8>) -> Option<Vec<u8>> {
    let gap = gap(page, &data)?;
    let bytes = &mut data[gap];
    if bytes.iter().all(|byte| *byte == 0) {
        return None;
    }
    bytes.fill(0);
    Some(data)
}

/// Where a page's gap is. See "The SQLite Database File Format", section 1.6: the kind of the page, at
/// 3 how many cells it has, at 5 where the first of them is, at 8 or 12 the list of their places.
fn gap(page: u64, data: &[u8]) -> Option<Range<usize>> {
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
    (gap.start <= gap.end && gap.end <= data.len()).then_some(gap)
}

#[cfg(test)]
mod tests {
    use super::{PART, cleaned, dirty};
    use std::io::Write as _;

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
    fn every_page_is_looked_at_once() {
        let mut file = tempfile::tempfile().expect("a file");
        let size: u16 = 32_768;
        let per_part = PART / u64::from(size);
        // One page more than a part has, all of one kind, and the last two with something in the gap.
        for number in 1..=per_part + 1 {
            let mut page = vec![0; usize::from(size)];
            let header = if number == 1 { 100 } else { 0 };
            page[header..header + 8].copy_from_slice(&[
                13,
                0,
                0,
                0,
                0,
                size.to_be_bytes()[0],
                0,
                0,
            ]);
            if number == 1 {
                page[16..18].copy_from_slice(&size.to_be_bytes());
            }
            if number >= per_part {
                page[9_000] = 7;
            }
            file.write_all(&page).expect("a page");
        }
        let first = dirty(&file, 1).expect("a look");
        assert_eq!(first, (vec![per_part], Some(per_part + 1)));
        assert_eq!(dirty(&file, per_part + 1).expect("a look"), (vec![per_part + 1], None));
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
