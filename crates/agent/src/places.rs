//! Where everything is: what the agent writes lies below one root, what it reads about the device
//! below another. Both are `/` unless a test or an image says otherwise.

use std::path::{Path, PathBuf};

/// The directory below the root that holds all state.
pub(crate) const STATE: &str = "var/lib/clientbook-agent";

/// The two roots.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    root: PathBuf,
    system: PathBuf,
}

impl Places {
    pub(crate) fn new(root: &Path, system: &Path) -> Self {
        Self { root: root.to_owned(), system: system.to_owned() }
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

    /// A place that the agent writes, below the root.
    pub(crate) fn write(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// All state.
    pub(crate) fn state(&self) -> PathBuf {
        self.write(STATE)
    }

    /// A file of the state.
    pub(crate) fn state_file(&self, name: &str) -> PathBuf {
        self.state().join(name)
    }
}
