//! The applications that are installed, by what their processes look like.

use super::desktop_file::{self, DesktopFile};
use super::process::Process;
use super::unit_name::{Said, said};
use crate::files;
use crate::places::Places;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Where desktop files are, below the system's root. The first that has a name wins.
const DIRECTORIES: &[&str] = &[
    "usr/local/share/applications",
    "usr/share/applications",
    "var/lib/flatpak/exports/share/applications",
    "var/lib/snapd/desktop/applications",
];
/// The same, below the home of each user who is looked at.
const HOME_DIRECTORIES: &[&str] =
    &[".local/share/applications", ".local/share/flatpak/exports/share/applications"];
/// Where programs are looked for that are named without a path.
const PATH: &[&str] = &["usr/local/bin", "usr/bin", "bin", "usr/games", "snap/bin"];
/// Directories that many programs share: being in one says nothing.
const SHARED: &[&str] = &["bin", "sbin", "games", "lib", "lib64", "libexec", "opt", "share"];
/// Programs that run others, which they are given as an argument.
const INTERPRETERS: &[&str] =
    &["python", "perl", "ruby", "bash", "sh", "dash", "node", "gjs", "java", "mono", "electron"];
/// More desktop files are not kept.
const MOST: usize = 2_000;
/// Of one directory, more are not read: no user's displace those of others.
const MOST_OF_DIRECTORY: usize = 1_000;
const MOST_OF_HOME: usize = 200;

/// The applications.
#[derive(Debug, Default)]
pub(super) struct Applications {
    stamps: Vec<(PathBuf, Option<SystemTime>)>,
    files: Vec<DesktopFile>,
    by_id: BTreeMap<String, usize>,
    by_flatpak: BTreeMap<String, usize>,
    by_snap: BTreeMap<String, Vec<usize>>,
    by_program: BTreeMap<PathBuf, Vec<usize>>,
    by_directory: BTreeMap<PathBuf, Vec<usize>>,
    by_name: BTreeMap<String, Vec<usize>>,
}

impl Applications {
    /// Reads the desktop files anew if a directory of them has changed.
    pub(super) fn refresh(&mut self, places: &Places, homes: &[PathBuf]) {
        let stamp = |path: PathBuf| {
            let changed = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
            (path, changed)
        };
        let stamps: Vec<_> = directories(places, homes).into_iter().map(stamp).collect();
        if stamps == self.stamps && !self.stamps.is_empty() {
            return;
        }
        *self = Self { stamps, ..Self::default() };
        for (directory, _) in self.stamps.clone() {
            let is_home = homes.iter().any(|home| directory.starts_with(home));
            let most = if is_home { MOST_OF_HOME } else { MOST_OF_DIRECTORY };
            self.read_directory(places, &directory, most);
        }
    }

    fn read_directory(&mut self, places: &Places, directory: &Path, most: usize) {
        for path in files::entries(directory, most).unwrap_or_default() {
            let id = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".desktop"));
            let Some(id) = id.filter(|id| !self.by_id.contains_key(*id)) else { continue };
            let text = files::read_text(&path, 256 << 10).unwrap_or_default();
            if let Some(file) = desktop_file::parse(&text) {
                self.add(places, id, file);
            }
        }
    }

    fn add(&mut self, places: &Places, id: &str, file: DesktopFile) {
        if self.files.len() >= MOST {
            return;
        }
        let index = self.files.len();
        self.by_id.insert(id.to_owned(), index);
        if let Some(flatpak) = &file.flatpak {
            self.by_flatpak.entry(flatpak.clone()).or_insert(index);
        } else if let Some(snap) = &file.snap {
            self.by_snap.entry(snap.clone()).or_default().push(index);
        } else {
            for program in programs(places, &file.command[0]) {
                let directory = program.parent().filter(|directory| is_own(directory));
                if let Some(directory) = directory {
                    self.by_directory.entry(directory.to_owned()).or_default().push(index);
                }
                self.by_program.entry(program).or_default().push(index);
            }
            let name = file.command[0].rsplit('/').next().unwrap_or_default();
            self.by_name.entry(name.to_owned()).or_default().push(index);
        }
        self.files.push(file);
    }

    /// What the application is called that a process belongs to.
    pub(super) fn name(&self, process: &Process) -> Option<&str> {
        let index = match said(&process.group) {
            Some(Said::Flatpak(id)) => self.by_flatpak.get(&id).copied(),
            Some(Said::Snap(snap, application)) => {
                let candidates = self.by_snap.get(&snap)?;
                self.best_snap(candidates, &snap, &application)
            }
            Some(Said::Desktop(id)) => {
                self.by_id.get(&id).copied().or_else(|| self.by_what_runs(process))
            }
            None => self.by_what_runs(process),
        };
        index.map(|index| self.files[index].name.as_str())
    }

    fn best_snap(&self, candidates: &[usize], snap: &str, application: &str) -> Option<usize> {
        let id = format!("{snap}_{application}");
        self.by_id.get(&id).filter(|i| candidates.contains(i)).or(candidates.first()).copied()
    }

    fn by_what_runs(&self, process: &Process) -> Option<usize> {
        let executable = process.executable.as_deref()?;
        let program = executable.file_name()?.to_str()?;
        let is_interpreter = is_interpreter(program);
        let path = if is_interpreter { script(&process.arguments)? } else { executable };
        let mut candidates = self.by_program.get(path);
        if candidates.is_none() && !is_interpreter {
            let mut directories = path.ancestors().skip(1).take(3);
            candidates = directories.find_map(|it| self.by_directory.get(it));
        }
        let name = path.file_name()?.to_str()?;
        let candidates = candidates.or_else(|| self.by_name.get(name))?;
        self.best(candidates, &process.arguments)
    }

    /// Of several applications with one program, the one most of whose arguments the process has; of
    /// those, the one with the fewest.
    fn best(&self, candidates: &[usize], arguments: &[String]) -> Option<usize> {
        let given: BTreeSet<&str> = arguments.iter().map(String::as_str).collect();
        let fit = |index: &&usize| {
            let fixed = &self.files[**index].command[1..];
            let has = fixed.iter().filter(|word| given.contains(word.as_str())).count();
            // Arguments that the process has not speak against it.
            (fixed.len() - has, usize::MAX - has)
        };
        candidates.iter().min_by_key(fit).copied()
    }
}

fn directories(places: &Places, homes: &[PathBuf]) -> Vec<PathBuf> {
    let shared = DIRECTORIES.iter().map(|path| places.read(path));
    let own = homes.iter().flat_map(|home| HOME_DIRECTORIES.iter().map(|path| home.join(path)));
    shared.chain(own).collect()
}

/// What a command's program is on the disk: the path it is found at, and where links lead from there,
/// as processes show it.
fn programs(places: &Places, program: &str) -> Vec<PathBuf> {
    let found: Vec<PathBuf> = if program.starts_with('/') {
        vec![PathBuf::from(program)]
    } else {
        let candidates = PATH.iter().map(|directory| Path::new("/").join(directory).join(program));
        candidates.collect()
    };
    let mut programs = Vec::new();
    for path in found {
        let below = places.read(&path.to_string_lossy());
        if program.starts_with('/') {
            programs.push(path.clone());
        }
        let Ok(resolved) = fs::canonicalize(&below) else { continue };
        let root = fs::canonicalize(places.system()).unwrap_or_default();
        let resolved = resolved.strip_prefix(root).map(|path| Path::new("/").join(path));
        programs.extend(resolved);
        programs.push(path);
    }
    programs.sort();
    programs.dedup();
    programs
}

/// Whether a directory belongs to one application.
fn is_own(directory: &Path) -> bool {
    let name = directory.file_name().and_then(|name| name.to_str());
    let depth = directory.components().count();
    depth > 2 && name.is_some_and(|name| !SHARED.contains(&name) && !name.contains("-linux-"))
}

fn is_interpreter(program: &str) -> bool {
    let bare = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    INTERPRETERS.contains(&bare)
}

/// The first argument that is a path.
fn script(arguments: &[String]) -> Option<&Path> {
    arguments.iter().skip(1).map(Path::new).find(|path| path.is_absolute())
}

#[cfg(test)]
mod tests;
