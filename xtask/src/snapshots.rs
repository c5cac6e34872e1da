//! Snapshots in CI: compared, never written, and none left that no test reads. A snapshot without
//! a test looks like a checked promise and is none.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::camino::Utf8PathBuf;

use crate::step::{self, Failure};
use crate::workspace::Workspace;

/// A file to which insta appends the path of each snapshot that a test reads.
pub(crate) struct References(Utf8PathBuf);

impl References {
    /// Tells insta, in the tests that `command` runs, to be strict and to keep the list.
    pub(crate) fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("INSTA_UPDATE", "no")
            .env("INSTA_FORCE_PASS", "0")
            .env("INSTA_REQUIRE_FULL_MATCH", "1")
            .env("INSTA_SNAPSHOT_REFERENCES_FILE", &self.0)
    }
}

/// Runs the tests, then fails on snapshots that none of them read.
pub(crate) fn watch(
    workspace: &Workspace,
    tests: impl FnOnce(&References) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let list = References(workspace.target.join("xtask-snapshot-references"));
    // insta appends: what an earlier run read proves nothing about this one.
    match fs::remove_file(&list.0) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(Failure::new(format!("{}: {error}", list.0)));
        }
        _ => {}
    }
    tests(&list)?;
    step::timed("snapshots", || {
        // No list at all: no test read a snapshot.
        let read = fs::read_to_string(&list.0).unwrap_or_default();
        let files = workspace.files("crates/*.snap")?;
        let unread = unread(&files, workspace.root.as_std_path(), &read);
        if unread.is_empty() {
            return Ok(());
        }
        for path in &unread {
            eprintln!("{path}:1: no test reads this snapshot; delete it");
        }
        Err(Failure::new(format!("{} unread snapshots", unread.len())))
    })
}

/// Those of `files`, given from `root`, that the list of absolute paths does not have.
fn unread<'a>(files: &'a BTreeSet<String>, root: &Path, list: &str) -> Vec<&'a str> {
    let read: BTreeSet<PathBuf> = list.lines().map(|line| real(Path::new(line))).collect();
    let is_unread = |path: &&str| !read.contains(&real(&root.join(path)));
    files.iter().map(String::as_str).filter(is_unread).collect()
}

/// One name per file: insta's paths may go through `..` or a link.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_that_no_test_read_is_found() {
        let files = BTreeSet::from(["crates/a/x.snap".to_owned(), "crates/a/y.snap".to_owned()]);
        let root = Path::new("/nowhere");
        assert_eq!(unread(&files, root, "/nowhere/crates/a/x.snap\n"), ["crates/a/y.snap"]);
        assert_eq!(unread(&files, root, "").len(), 2);
    }

    #[test]
    fn another_spelling_of_the_path_is_the_same_file() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = BTreeSet::from(["src/main.rs".to_owned()]);
        let list = format!("{}/src/tidy/../main.rs\n", root.display());
        assert!(unread(&files, root, &list).is_empty());
    }
}
