//! What an import of a file keeps beside it, so that the same command goes on with it.

use crate::cli;
use crate::failure::Failure;
use clientbook_app::Env;
use clientbook_model::moving::MatchBy;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The file beside the one that is imported.
pub(super) struct State {
    path: Option<PathBuf>,
    /// The import's name in the store.
    pub(super) id: Uuid,
    /// Whether a command has tried to begin it before.
    pub(super) resumed: bool,
    /// The store has it for certain: where it does not know it, it was forgotten, and its rows are in.
    pub(super) is_known: bool,
    begun: Begun,
    /// Whether the file says so.
    written: Cell<bool>,
    /// Whether rows may be in.
    perhaps: Cell<bool>,
}

/// How long, in seconds, an import that may have begun can be tried anew: a day less than a store
/// keeps it.
const TRIED: u64 = 29 * 24 * 60 * 60;

/// What stands in it. Other wishes would be another import, as would other rows: the store knows those.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Begun {
    import_id: Uuid,
    /// Whether the store, or the server, has said that it has it. The first answer may have been lost:
    /// then the same id is tried again, which begins it or goes on.
    #[serde(default = "yes")]
    known: bool,
    match_by: Option<String>,
    tenant: Option<String>,
    /// Nothing of a password.
    place: String,
}

// As older versions took it.
fn yes() -> bool {
    true
}

/// `FILE` with something at its end.
pub(super) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

impl State {
    /// The import of this file: the one that has begun, or a new one. A dry run keeps nothing, and what
    /// is no file, such as a pipe, cannot be read again (`can_be_repeated`).
    pub(super) fn of(
        args: &cli::Import,
        place: &str,
        can_be_repeated: bool,
    ) -> Result<Self, Failure> {
        let fresh = Env::system().random_uuid();
        let path = beside(&args.file, ".import.json");
        let mut wanted = Begun {
            import_id: fresh,
            known: false,
            match_by: args.match_by.map(|by| MatchBy::as_str(by).to_owned()),
            tenant: args.place.tenant.clone(),
            place: place.to_owned(),
        };
        if args.dry_run || !can_be_repeated {
            return Ok(Self::new(None, false, wanted));
        }
        let resumed = match std::fs::read(&path) {
            Ok(text) => {
                let begun: Option<Begun> = serde_json::from_slice(&text).ok();
                if let Some(begun) = &begun {
                    (wanted.import_id, wanted.known) = (begun.import_id, begun.known);
                }
                if begun.as_ref() != Some(&wanted) {
                    return Err(Failure::Failed(format!(
                        "{} tells of an import that has begun with another tenant, store or \
                         --match: repeat that one as it was, or remove this file to begin anew",
                        path.display()
                    )));
                }
                true
            }
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(unwritable(&path, &error)),
        };
        if !resumed {
            write(&path, &wanted).map_err(|error| unwritable(&path, &error))?;
        }
        Ok(Self::new(Some(path), resumed, wanted))
    }

    fn new(path: Option<PathBuf>, resumed: bool, begun: Begun) -> Self {
        let is_old = resumed && path.as_deref().is_some_and(is_old);
        Self {
            path,
            id: begun.import_id,
            resumed,
            is_known: begun.known || is_old,
            written: Cell::new(begun.known),
            perhaps: Cell::new(resumed),
            begun,
        }
    }

    /// From now on rows may be in.
    pub(super) fn may_begin(&self) {
        self.perhaps.set(true);
    }

    /// Nothing has come of it after all, this time.
    pub(super) fn was_refused(&self) {
        self.perhaps.set(self.resumed);
    }

    /// The store has it.
    pub(super) fn begins(&self) -> Result<(), Failure> {
        self.may_begin();
        match &self.path {
            Some(path) if !self.written.replace(true) => {
                let begun = Begun { known: true, ..self.begun.clone() };
                write(path, &begun).map_err(|error| unwritable(path, &error))
            }
            _ => Ok(()),
        }
    }

    /// It failed. If nothing is in, the next command is a new import: perhaps of a mended file.
    pub(super) fn failed(self) -> Result<(), Failure> {
        if self.perhaps.get() { Ok(()) } else { self.remove() }
    }

    /// All is done and told.
    pub(super) fn remove(self) -> Result<(), Failure> {
        let Some(path) = self.path else {
            return Ok(());
        };
        std::fs::remove_file(&path).map_err(|error| unwritable(&path, &error))
    }
}

/// Whether a store may have forgotten what was tried when this file was written.
fn is_old(path: &Path) -> bool {
    let written = std::fs::metadata(path).and_then(|file| file.modified());
    let age = written.ok().and_then(|time| time.elapsed().ok());
    age.is_some_and(|age| age.as_secs() > TRIED)
}

fn write(path: &Path, begun: &Begun) -> std::io::Result<()> {
    let text = serde_json::to_vec(begun)?;
    // Under its name only once all of it is there.
    let part = beside(path, ".part");
    let mut file = File::create(&part)?;
    file.write_all(&text)?;
    file.sync_all()?;
    std::fs::rename(part, path)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("{} cannot be kept: {error}", path.display()))
}
