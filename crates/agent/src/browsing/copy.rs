//! Copies of histories: browsers lock the originals, and reading a database may write to it.

use crate::env;
use crate::files;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// A history of more is not read.
const MOST: u64 = 1 << 30;
/// The database, and what SQLite keeps beside it: its log, or what a transaction will roll back.
const PARTS: &[&str] = &["", "-wal", "-journal"];
/// How a journal ends that names another file, which SQLite would open, wherever it is, and remove.
/// Browsers write none: it takes a transaction over several databases.
const NAMES_ANOTHER: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// What tells whether a history has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp(Vec<Option<(u64, i64, i64)>>);

impl Stamp {
    pub(super) fn of(history: &Path) -> Self {
        let part = |part: &&str| {
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
    /// It belongs to another, is too large, or changed each time while it was copied; or `stop` was
    /// set.
    pub(super) fn make(
        history: &Path,
        owner: u32,
        copies: &Path,
        stop: &AtomicBool,
    ) -> io::Result<Self> {
        let directory = copies.join(env::id());
        files::make_private_directory(&directory)?;
        let path = directory.join("history");
        let mut copy = Self { directory, path, stamp: Stamp(Vec::new()) };
        for _ in 0..3 {
            copy.stamp = Stamp::of(history);
            for part in PARTS {
                copy_part(&beside(history, part), owner, &beside(&copy.path, part), stop)?;
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
    match fs::read(journal) {
        Ok(bytes) => Ok(bytes.ends_with(&NAMES_ANOTHER)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn beside(path: &Path, part: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(part);
    name.into()
}

fn copy_part(from: &Path, owner: u32, to: &Path, stop: &AtomicBool) -> io::Result<()> {
    files::remove(to)?;
    let mut from = match open_of(from, owner) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let mut buffer = vec![0; 128 << 10];
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(io::Error::new(ErrorKind::Interrupted, "told to stop"));
        }
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            read => to.write_all(&buffer[..read])?,
        }
    }
}

/// Opens a user's file. The agent may read everything, and whoever puts a link to another's file in
/// their own profile must not make use of that.
fn open_of(path: &Path, owner: u32) -> io::Result<File> {
    let file = files::open_regular(path)?;
    let metadata = file.metadata()?;
    if metadata.uid() != owner {
        return Err(io::Error::new(ErrorKind::PermissionDenied, "it is another's"));
    }
    if metadata.len() > MOST {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "it is too large"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

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
        let copy = Copy::make(&history, owner, &copies, &AtomicBool::new(false)).unwrap();
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
        let refused = Copy::make(&history, owner, &copies, &AtomicBool::new(false)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidData);
        assert_eq!(fs::read_dir(&copies).unwrap().count(), 0);
    }

    #[test]
    fn anothers_file_is_not_copied() {
        let dir = tempfile::tempdir().unwrap();
        let (history, owner) = history(dir.path());
        let copies = dir.path().join("copies");
        let refusal = |owner, stop| {
            Copy::make(&history, owner, &copies, &AtomicBool::new(stop)).unwrap_err().kind()
        };
        assert_eq!(refusal(owner + 1, false), ErrorKind::PermissionDenied);
        assert_eq!(refusal(owner, true), ErrorKind::Interrupted);
        assert_eq!(fs::read_dir(&copies).unwrap().count(), 0);
    }
}
