//! Copies of histories: browsers lock the originals, and reading a database may write to it.

use super::budget::Budget;
use crate::env;
use crate::files;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The database, and what SQLite keeps beside it: its log, or what a transaction will roll back. Of
/// which more bytes are not read.
const PARTS: &[(&str, u64)] = &[("", 512 << 20), ("-wal", 64 << 20), ("-journal", 64 << 20)];
/// Of a file that is larger than this, the disk must hold at least one byte in so many: file systems
/// compress, but no history that well.
const SPARSE: (u64, u64) = (1 << 20, 32);
/// How a journal ends that names another file, which SQLite would open, wherever it is, and remove.
/// Browsers write none: it takes a transaction over several databases.
const NAMES_ANOTHER: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// What tells whether a history has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp(Vec<Option<(u64, i64, i64)>>);

impl Stamp {
    pub(super) fn of(history: &Path) -> Self {
        let part = |(part, _): &(&str, u64)| {
            let metadata = fs::metadata(beside(history, part)).ok()?;
            Some((metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
        };
        Self(PARTS.iter().map(part).collect())
    }
}

/// A copy, in a directory of its own that goes with it.
#[derive(Debug)]
pub(super) struct Copy {
    directory: PathBuf,
    path: PathBuf,
    stamp: Stamp,
}

impl Copy {
    /// Copies a history that belongs to `owner`.
    ///
    /// # Errors
    /// It belongs to another, is too large or sparse, or changed each time while it was copied; or the
    /// budget is over.
    pub(super) fn make(
        history: &Path,
        owner: u32,
        copies: &Path,
        budget: &Budget,
    ) -> io::Result<Self> {
        let directory = copies.join(env::id());
        files::make_private_directory(&directory)?;
        let path = directory.join("history");
        let mut copy = Self { directory, path, stamp: Stamp(Vec::new()) };
        for _ in 0..3 {
            copy.stamp = Stamp::of(history);
            for (part, most) in PARTS {
                let (from, to) = (beside(history, part), beside(&copy.path, part));
                copy_part(&from, owner, &to, *most, budget)?;
            }
            if names_another(&beside(&copy.path, "-journal"))? {
                return Err(io::Error::new(
                    ErrorKind::InvalidData,
                    "its journal names another file",
                ));
            }
            // A copy made amid a change may be of neither state.
            if copy.stamp == Stamp::of(history) {
                return Ok(copy);
            }
        }
        Err(io::Error::new(ErrorKind::ResourceBusy, "it changes all the time"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the original was like.
    pub(super) fn stamp(&self) -> Stamp {
        self.stamp.clone()
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Err(error) = files::remove_all(&self.directory) {
            tracing::error!(%error, "a copy of a history could not be removed");
        }
    }
}

/// Whether a journal ends with the name of another file.
fn names_another(journal: &Path) -> io::Result<bool> {
    let mut file = match File::open(journal) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut end = [0; NAMES_ANOTHER.len()];
    if file.metadata()?.len() < end.len() as u64 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut end)?;
    Ok(end == NAMES_ANOTHER)
}

fn beside(path: &Path, part: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(part);
    name.into()
}

fn copy_part(from: &Path, owner: u32, to: &Path, most: u64, budget: &Budget) -> io::Result<()> {
    files::remove(to)?;
    let from = match open_of(from, owner, most) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    copy_bytes(from, to, most, budget)
}

/// Copies what there is. A file may grow while it is read: what counts are the bytes that come.
fn copy_bytes(
    mut from: impl Read,
    mut to: impl Write,
    most: u64,
    budget: &Budget,
) -> io::Result<()> {
    let mut buffer = vec![0; 128 << 10];
    let mut copied = 0;
    loop {
        budget.check()?;
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        copied += read as u64;
        if copied > most {
            return Err(too_large());
        }
        to.write_all(&buffer[..read])?;
    }
}

fn too_large() -> io::Error {
    io::Error::new(ErrorKind::FileTooLarge, "it is too large")
}

/// Opens a user's file. The agent may read everything, and whoever puts a link to another's file in
/// their own profile must not make use of that.
fn open_of(path: &Path, owner: u32, most: u64) -> io::Result<File> {
    let file = files::open_regular(path)?;
    let metadata = file.metadata()?;
    if metadata.uid() != owner {
        return Err(io::Error::new(ErrorKind::PermissionDenied, "it is another's"));
    }
    if metadata.len() > most {
        return Err(too_large());
    }
    if is_sparse(&metadata) {
        return Err(io::Error::new(ErrorKind::InvalidData, "it is sparse"));
    }
    Ok(file)
}

/// Whether there is next to nothing in it, which would be real bytes in a copy.
fn is_sparse(metadata: &Metadata) -> bool {
    let (least, ratio) = SPARSE;
    metadata.len() > least && metadata.blocks() * 512 < metadata.len() / ratio
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    fn budget(stop: bool, length: Duration) -> Budget {
        Budget::new(&Arc::new(AtomicBool::new(stop)), length)
    }

    fn ample() -> Budget {
        budget(false, Duration::from_mins(5))
    }

    fn history(dir: &Path) -> (PathBuf, u32) {
        let history = dir.join("History");
        fs::write(&history, "database").unwrap();
        fs::write(dir.join("History-wal"), "log").unwrap();
        let owner = fs::metadata(&history).unwrap().uid();
        (history, owner)
    }

    #[test]
    fn a_copy_is_private_and_goes_again() {
        let dir = tempfile::tempdir().unwrap();
        let (history, owner) = history(dir.path());
        let copies = dir.path().join("copies");
        let copy = Copy::make(&history, owner, &copies, &ample()).unwrap();
        assert_eq!(fs::read(copy.path()).unwrap(), b"database");
        assert_eq!(fs::read(beside(copy.path(), "-wal")).unwrap(), b"log");
        assert!(!beside(copy.path(), "-journal").exists());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(copy.path()), 0o600);
        assert_eq!(mode(copy.path().parent().unwrap()), 0o700);
        assert_eq!(copy.stamp(), Stamp::of(&history));
        drop(copy);
        assert_eq!(fs::read_dir(&copies).unwrap().count(), 0);
        fs::write(&history, "changed!!").unwrap();
    }

    #[test]
    fn a_journal_that_names_another_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (history, owner) = history(dir.path());
        let journal = [b"/home/x/f-mj012345900".as_slice(), &[0; 8], &NAMES_ANOTHER].concat();
        fs::write(beside(&history, "-journal"), journal).unwrap();
        let copies = dir.path().join("copies");
        let refused = Copy::make(&history, owner, &copies, &ample()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidData);
        assert_eq!(fs::read_dir(&copies).unwrap().count(), 0);
    }

    #[test]
    fn anothers_file_is_not_copied() {
        let dir = tempfile::tempdir().unwrap();
        let (history, owner) = history(dir.path());
        let copies = dir.path().join("copies");
        let refusal = |owner, budget: &Budget| {
            Copy::make(&history, owner, &copies, budget).unwrap_err().kind()
        };
        assert_eq!(refusal(owner + 1, &ample()), ErrorKind::PermissionDenied);
        let stopped = budget(true, Duration::from_mins(5));
        assert_eq!(refusal(owner, &stopped), ErrorKind::Interrupted);
        assert_eq!(refusal(owner, &budget(false, Duration::ZERO)), ErrorKind::TimedOut);
        assert_eq!(fs::read_dir(&copies).unwrap().count(), 0);
    }

    #[test]
    fn huge_and_sparse_files_are_not_copied() {
        for (part, most) in PARTS {
            for (length, kind) in
                [(most + 1, ErrorKind::FileTooLarge), (most / 2, ErrorKind::InvalidData)]
            {
                let dir = tempfile::tempdir().unwrap();
                let (history, owner) = history(dir.path());
                File::create(beside(&history, part)).unwrap().set_len(length).unwrap();
                let copies = dir.path().join("copies");
                let refused = Copy::make(&history, owner, &copies, &ample()).unwrap_err();
                assert_eq!(refused.kind(), kind, "{part} {length}");
                assert_eq!(fs::read_dir(&copies).unwrap().count(), 0);
            }
        }
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_is_cut_off() {
        let mut copied = Vec::new();
        let refused = copy_bytes(io::repeat(7), &mut copied, 1 << 20, &ample()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::FileTooLarge);
        assert!(copied.len() <= 1 << 20);
    }
}
