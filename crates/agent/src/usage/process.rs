//! The processes in `/proc`.

use crate::files;
use crate::places::Places;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

/// What of a process tells which application it belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) uid: u32,
    /// What it runs, links followed.
    pub(crate) executable: Option<PathBuf>,
    /// What it was started with, the program first.
    pub(crate) arguments: Vec<String>,
    /// Its control group.
    pub(crate) group: String,
}

/// Processes of all users that are looked at; more are passed over.
const MOST: usize = 20_000;

/// The processes of these users, one at a time.
pub(crate) fn of_users(places: &Places, uids: &BTreeSet<u32>) -> impl Iterator<Item = Process> {
    let theirs = directories(places).filter(|(_, uid)| uids.contains(uid));
    theirs.map(|(path, uid)| {
        let text = |name| files::read_text(&path.join(name), 16 << 10).unwrap_or_default();
        let arguments = text("cmdline");
        let arguments = arguments.trim_end_matches('\0').split('\0');
        Process {
            uid,
            executable: fs::read_link(path.join("exe")).ok().map(as_installed),
            arguments: arguments.map(str::to_owned).collect(),
            group: text("cgroup"),
        }
    })
}

/// Whose processes have a terminal: for systems without logind and utmp.
pub(crate) fn owners_with_terminal(places: &Places) -> BTreeSet<u32> {
    let mut owners = BTreeSet::new();
    for (path, uid) in directories(places) {
        if owners.contains(&uid) {
            continue;
        }
        let stat = files::read_text(&path.join("stat"), 4_096).unwrap_or_default();
        if has_terminal(&stat) {
            owners.insert(uid);
        }
    }
    owners
}

/// The directories of all processes, and whose they are. A process may end at any time.
fn directories(places: &Places) -> impl Iterator<Item = (PathBuf, u32)> {
    let entries = fs::read_dir(places.read("proc")).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit))
        .filter_map(|entry| {
            let uid = entry.metadata().ok()?.uid();
            Some((entry.path(), uid))
        })
        .take(MOST)
}

/// The program's path is marked once an update has replaced it.
fn as_installed(path: PathBuf) -> PathBuf {
    let replaced = path.to_str().and_then(|path| path.strip_suffix(" (deleted)")).map(Into::into);
    replaced.unwrap_or(path)
}

/// The fields after the name, which is in parentheses and may hold anything: state, parent, group,
/// session, terminal.
fn has_terminal(stat: &str) -> bool {
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let terminal = rest.split_whitespace().nth(4).and_then(|field| field.parse::<i64>().ok());
    terminal.is_some_and(|terminal| terminal != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_terminal_is_found_behind_any_name() {
        assert!(has_terminal("12 (a) R) S 1 12 12 34816 12 4194304"));
        assert!(!has_terminal("12 (bash) S 1 12 12 0 -1 4194304"));
        assert!(!has_terminal("12 (bash) S 1"));
        assert!(!has_terminal(""));
    }

    #[test]
    fn a_replaced_program_keeps_its_path() {
        let path = |text: &str| as_installed(PathBuf::from(text));
        assert_eq!(path("/usr/bin/a (deleted)"), Path::new("/usr/bin/a"));
        assert_eq!(path("/usr/bin/a"), Path::new("/usr/bin/a"));
    }

    #[test]
    fn this_process_is_found() {
        let places = Places::new(Path::new("/"), Path::new("/")).unwrap();
        let uid = fs::metadata("/proc/self").unwrap().uid();
        let own = std::env::current_exe().unwrap();
        let uids = BTreeSet::from([uid]);
        let found = of_users(&places, &uids).find(|p| p.executable.as_ref() == Some(&own));
        assert_eq!(found.unwrap().arguments[0], std::env::args().next().unwrap());
        assert_eq!(of_users(&places, &BTreeSet::from([u32::MAX - 7])).count(), 0);
    }
}
