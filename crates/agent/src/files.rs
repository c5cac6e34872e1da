//! Files that only their owner may read, and that are whole or not there, whenever the power goes.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Makes a directory that only its owner may enter. Those above it are made as any other: they hold
/// what is not ours.
pub(crate) fn make_private_directory(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {
            fs::set_permissions(path, Permissions::from_mode(0o700))
        }
        made => made,
    }
}

/// Replaces a file by `bytes`, to be read and written by its owner only from the moment it is made.
/// On return it is on the disk.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, 0o600)
}

/// Like [`write_private`], with other rights.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let written = temporary(path);
    // One that a kill left behind may have other rights: it is not written to.
    remove(&written)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&written)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&written, path)?;
    sync_directory(path)
}

/// The name under which a file is written before it has its own.
fn temporary(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

/// Removes a file, or a link, that may be gone already. On return that is on the disk.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_directory(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes a file or a whole directory that may be gone already, following no link.
pub(crate) fn remove_all(path: &Path) -> io::Result<()> {
    let is_directory = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.is_dir(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if is_directory { fs::remove_dir_all(path) } else { remove(path) }
}

/// What is in a file; `None` if there is none.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The beginning of a file that is not ours, at most `limit` bytes, as text; `None` if it cannot be
/// read. A named pipe or a device that stands in its place does not hold us up.
pub(crate) fn read_text(path: &Path, limit: u64) -> Option<String> {
    let file = open_regular(path).ok()?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// What lies in a directory that is not ours: at most `most` paths, in order. Which ones, if there are
/// more, is the system's choice.
pub(crate) fn entries(directory: &Path, most: usize) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?.filter_map(Result::ok).take(most);
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

/// Opens a file that is not ours for reading, if it is one.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    const PATH_ONLY: i32 = 0o10_000_000;
    // To open some devices is to use them.
    let place = OpenOptions::new().read(true).custom_flags(PATH_ONLY).open(path)?;
    if !place.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a file"));
    }
    File::open(format!("/proc/self/fd/{}", place.as_raw_fd()))
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_its_owners_only() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("a/b");
        make_private_directory(&state).unwrap();
        let file = state.join("token");
        // Left behind by a kill, and open to all.
        fs::write(state.join(".token.new"), "old").unwrap();
        for text in ["one", "two"] {
            write_private(&file, text.as_bytes()).unwrap();
            assert_eq!(read(&file).unwrap().unwrap(), text.as_bytes());
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(&state)), (0o600, 0o700));
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1);
    }

    #[test]
    fn only_the_directory_itself_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("var/lib/agent");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        make_private_directory(&state).unwrap();
        assert_eq!(mode(&state), 0o700);
        // As the process's mask has it for all that others may enter.
        fs::create_dir(dir.path().join("any")).unwrap();
        let any = mode(&dir.path().join("any")) & 0o755;
        assert_eq!((mode(&dir.path().join("var/lib")), mode(&dir.path().join("var"))), (any, any));
        // One that was there already, and open to all.
        fs::set_permissions(&state, Permissions::from_mode(0o755)).unwrap();
        make_private_directory(&state).unwrap();
        assert_eq!(mode(&state), 0o700);
    }

    #[test]
    fn a_directory_without_an_end_is_read_in_part() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..10 {
            fs::write(dir.path().join(format!("{number}")), "").unwrap();
        }
        assert_eq!(entries(dir.path(), 7).unwrap().len(), 7);
        let all = entries(dir.path(), 100).unwrap();
        assert!(all.len() == 10 && all.is_sorted());
        assert!(entries(&dir.path().join("none"), 7).is_err());
    }

    #[test]
    fn what_is_gone_already_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(&dir.path().join("none")).unwrap().is_none());
        remove(&dir.path().join("none")).unwrap();
        remove_all(&dir.path().join("none")).unwrap();
    }

    #[test]
    fn a_link_is_removed_and_what_it_leads_to_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (kept, link) = (dir.path().join("kept"), dir.path().join("link"));
        fs::create_dir(&kept).unwrap();
        std::os::unix::fs::symlink(&kept, &link).unwrap();
        remove_all(&link).unwrap();
        assert!(kept.exists() && !link.is_symlink());
    }

    #[test]
    fn a_pipe_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        assert!(open_regular(&pipe).is_err());
        assert_eq!(read_text(&pipe, 10), None);
    }
}
