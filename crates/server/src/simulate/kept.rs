//! The devices' tokens in a file, so that another run takes the same devices up again.

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A file of one JSON object a line: first where the devices are, then what became of each. The last
/// line about a device counts. Readable by its owner only.
pub(super) struct Kept {
    path: PathBuf,
    file: Mutex<File>,
}

/// Where the devices are: tokens are not sent elsewhere.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) server: String,
    pub(super) prefix: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    number: u32,
    /// Absent once the device has left.
    token: Option<String>,
}

impl Kept {
    /// Opens the file, or makes it; with the tokens in it, by the devices' numbers.
    pub(super) fn open(
        path: &Path,
        place: &Place,
    ) -> Result<(Self, BTreeMap<u32, String>), Failure> {
        let wrong = |why: &str| Failure::Setting(told(path, why));
        let unusable = |error| unusable(path, &error);
        let file = alone(path)?;
        let mut tokens = BTreeMap::new();
        let mut lines = BufReader::new(&file).lines();
        let first = lines.next().transpose().map_err(unusable)?;
        if let Some(first) = &first {
            let there: Place = serde_json::from_str(first)
                .map_err(|_| wrong("which is not a file that this command wrote"))?;
            if there != *place {
                let why = format!(
                    "which is of --server {} and --prefix {}: name another file",
                    there.server, there.prefix
                );
                return Err(wrong(&why));
            }
        }
        for line in lines {
            let line = line.map_err(unusable)?;
            // A run that was killed may have left half a line: that device joins again.
            let Ok(Line { number, token }) = serde_json::from_str(&line) else { continue };
            match token {
                Some(token) => tokens.insert(number, token),
                None => tokens.remove(&number),
            };
        }
        let kept = Self { path: path.to_owned(), file: Mutex::new(file) };
        // An empty line ends half a one.
        let begin = if first.is_some() { String::new() } else { crate::output::json(place) };
        kept.write(begin).map_err(Failure::Failed)?;
        Ok((kept, tokens))
    }

    /// A device has joined; an error in words.
    pub(super) fn joined(&self, number: u32, token: &str) -> Result<(), String> {
        self.write(crate::output::json(&Line { number, token: Some(token.to_owned()) }))
    }

    /// A device has left.
    pub(super) fn left(&self, number: u32) -> Result<(), String> {
        self.write(crate::output::json(&Line { number, token: None }))
    }

    fn write(&self, mut line: String) -> Result<(), String> {
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes())
            .map_err(|error| format!("tokens cannot be kept in {}: {error}", self.path.display()))
    }
}

fn told(path: &Path, why: &str) -> String {
    format!("--state (CLIENTBOOK_STATE) is {}, {why}", path.display())
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::Setting(told(path, &format!("which cannot be used ({error})")))
}

/// Opens the file, or makes it: for one run at a time, and if nobody else may read it. It is locked
/// itself, so that nothing is left behind.
fn alone(path: &Path) -> Result<File, Failure> {
    let unusable = |error| unusable(path, &error);
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    let file = options.open(path).map_err(unusable)?;
    let mode = file.metadata().map_err(unusable)?.permissions().mode();
    if mode & 0o077 != 0 {
        let why = format!(
            "which can be read by others: chmod 600 {}, or name another file",
            path.display()
        );
        return Err(Failure::Setting(told(path, &why)));
    }
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let why = "which another run works with: stop that one, or name another file";
            Err(Failure::Failed(told(path, why)))
        }
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;

    fn place(server: &str) -> Place {
        Place { server: server.into(), prefix: "simulated".into() }
    }

    #[test]
    fn tokens_are_there_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("state");
        let here = place("http://here/");
        let (kept, tokens) = Kept::open(&path, &here).expect("a new file");
        assert!(tokens.is_empty());
        for number in 0..3 {
            kept.joined(number, "old").expect("a line");
        }
        kept.joined(1, "new").expect("a line");
        kept.left(2).expect("a line");
        drop(kept);
        // Killed amid a line.
        std::fs::write(&path, std::fs::read_to_string(&path).expect("text") + "{\"numb").expect("");
        let (kept, tokens) = Kept::open(&path, &here).expect("the file");
        assert_eq!(tokens, BTreeMap::from([(0, "old".into()), (1, "new".into())]));
        kept.joined(3, "another").expect("a line");
        drop(kept);
        let (_, tokens) = Kept::open(&path, &here).expect("the file");
        assert_eq!(tokens.len(), 3);
        let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn one_run_at_a_time_has_them() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("state");
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        let here = place("http://here/");
        let (kept, _) = Kept::open(&path, &here).expect("a new file");
        let refused = Kept::open(&link, &here).err().expect("a refusal");
        assert!(matches!(&refused, Failure::Failed(why) if why.contains("another run")));
        drop(kept);
        Kept::open(&link, &here).expect("the file");
    }

    #[test]
    fn nobody_else_reads_them() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("state");
        let here = place("http://here/");
        Kept::open(&path, &here).expect("a new file");
        for mode in [0o640, 0o604, 0o620] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its owner's");
            let refused = Kept::open(&path, &here).err().expect("a refusal");
            assert!(matches!(&refused, Failure::Setting(why) if why.contains("chmod 600")));
        }
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its owner's");
        Kept::open(&path, &here).expect("the file");
    }

    #[test]
    fn no_other_server_gets_them() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("state");
        Kept::open(&path, &place("http://here/")).expect("a new file");
        let refused = Kept::open(&path, &place("http://there/")).err().expect("a refusal");
        assert!(format!("{refused:?}").contains("http://here/"), "{refused:?}");
        std::fs::write(&path, "clients.csv").expect("a file");
        Kept::open(&path, &place("http://here/")).err().expect("a refusal");
    }
}
