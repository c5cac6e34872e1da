//! Where everything is: what the agent writes lies below one root, what it reads about the device
//! below another. Both are `/` unless a test or an image says otherwise.

use crate::failure::Failure;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

/// The directory below the root that holds all state.
pub(crate) const STATE: &str = "var/lib/clientbook-agent";

/// The two roots.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    root: PathBuf,
    system: PathBuf,
    state: PathBuf,
}

impl Places {
    /// # Errors
    /// The way to the state cannot be told, such as through a link that leads nowhere.
    pub(crate) fn new(root: &Path, system: &Path) -> Result<Self, Failure> {
        let failed = |error: &io::Error| Failure::file("used", root, error);
        let absolute = std::path::absolute(root).map_err(|error| failed(&error))?;
        let root = fs::canonicalize(&absolute).unwrap_or(absolute);
        let state = below(&root, Path::new(STATE)).map_err(|error| failed(&error))?;
        Ok(Self { root, system: system.to_owned(), state })
    }

    /// Whether this is about the machine itself, not about a directory that stands for one.
    pub(crate) fn is_machine(&self) -> bool {
        self.root == Path::new("/")
    }

    /// What is told about the device is read below this.
    pub(crate) fn system(&self) -> &Path {
        &self.system
    }

    /// A place below the system's root; `path` is given without the leading slash.
    pub(crate) fn read(&self, path: &str) -> PathBuf {
        self.system.join(path.trim_start_matches('/'))
    }

    /// A place that the agent writes, below the root: links on the way to it lead to where they would
    /// in the system that is there.
    ///
    /// # Errors
    /// A link leads nowhere, or the system cannot tell.
    pub(crate) fn write(&self, path: &str) -> io::Result<PathBuf> {
        let path = Path::new(path.trim_start_matches('/'));
        match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => Ok(below(&self.root, parent)?.join(name)),
            _ => Err(io::Error::new(ErrorKind::InvalidInput, "no file's name")),
        }
    }

    /// All state.
    pub(crate) fn state(&self) -> PathBuf {
        self.state.clone()
    }

    /// A file of the state.
    pub(crate) fn state_file(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }
}

/// Where a directory is, with `root` as the root of all links; what is not there yet of it, as named.
fn below(root: &Path, path: &Path) -> io::Result<PathBuf> {
    if root == Path::new("/") {
        return Ok(root.join(path));
    }
    let directory = match File::open(root) {
        Ok(directory) => directory,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(root.join(path)),
        Err(error) => return Err(error),
    };
    let mut there = root.to_owned();
    let mut found = PathBuf::new();
    let mut names = path.components();
    while let Some(name) = names.clone().next() {
        let next = found.join(name);
        let (how, mode) = (OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        match openat2(&directory, &next, how, mode, ResolveFlags::IN_ROOT) {
            Ok(opened) => there = fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd()))?,
            Err(rustix::io::Errno::NOENT) if !there.join(name).is_symlink() => break,
            Err(error) => return Err(error.into()),
        }
        found = next;
        names.next();
    }
    Ok(there.join(names.as_path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A root, and a directory outside of it.
    fn image() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(dir.path()).unwrap();
        let (root, outside) = (base.join("image"), base.join("outside"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(&outside).unwrap();
        (dir, root, outside)
    }

    #[test]
    fn links_of_an_image_stay_in_it() {
        let (_dir, root, outside) = image();
        fs::create_dir_all(root.join("data/lib")).unwrap();
        symlink("/data", root.join("var")).unwrap();
        let places = Places::new(&root, Path::new("/")).unwrap();
        assert_eq!(places.state(), root.join("data/lib/clientbook-agent"));
        let file = places.write("/var/new/deep/file").unwrap();
        assert_eq!(file, root.join("data/new/deep/file"));
        // One that climbs ends at the root.
        symlink("../../../../..", root.join("up")).unwrap();
        fs::create_dir(root.join("etc")).unwrap();
        assert_eq!(places.write("up/etc/file").unwrap(), root.join("etc/file"));
        // One whose target is there outside, and in the image is not.
        symlink(&outside, root.join("away")).unwrap();
        assert!(places.write("away/file").is_err());
        assert!(places.write("away/new/file").is_err());
    }

    #[test]
    fn a_root_that_is_not_there_yet_has_no_links() {
        let (_dir, root, _) = image();
        let places = Places::new(&root.join("new"), Path::new("/")).unwrap();
        assert_eq!(places.state(), root.join("new").join(STATE));
        assert!(!places.is_machine());
        assert!(Places::new(Path::new("/etc/.."), Path::new("/")).unwrap().is_machine());
    }
}
