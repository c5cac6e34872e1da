//! What an import of a file keeps beside it, so that the same command goes on with it.

use crate::cli;
use crate::failure::Failure;
use clientbook_app::Env;
use clientbook_model::moving::MatchBy;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use uuid::Uuid;

/// The file beside the one that is imported.
pub(super) struct State {
    path: Option<PathBuf>,
    /// The import's name in the store.
    pub(super) id: Uuid,
    /// Whether it has begun before.
    pub(super) resumed: bool,
    /// Whether rows may be in.
    begun: Cell<bool>,
}

/// What stands in it. Another file, or other wishes, would be another import.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Begun {
    import_id: Uuid,
    bytes: u64,
    modified_ns: u128,
    match_by: Option<String>,
    tenant: Option<String>,
    /// Nothing of a password.
    place: String,
}

/// `FILE` with something at its end.
pub(super) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

impl State {
    /// The import of this file: the one that has begun, or a new one. A dry run keeps nothing.
    pub(super) fn of(args: &cli::Import, place: &str, file: &Metadata) -> Result<Self, Failure> {
        let fresh = Env::system().random_uuid();
        if args.dry_run {
            return Ok(Self { path: None, id: fresh, resumed: false, begun: Cell::new(false) });
        }
        let path = beside(&args.file, ".import.json");
        let modified = file.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let mut wanted = Begun {
            import_id: fresh,
            bytes: file.len(),
            modified_ns: modified.unwrap_or_default().as_nanos(),
            match_by: args.match_by.map(|by| MatchBy::as_str(by).to_owned()),
            tenant: args.place.tenant.clone(),
            place: place.to_owned(),
        };
        let resumed = match std::fs::read(&path) {
            Ok(text) => {
                let begun: Option<Begun> = serde_json::from_slice(&text).ok();
                wanted.import_id = begun.as_ref().map_or(fresh, |begun| begun.import_id);
                if begun.as_ref() != Some(&wanted) {
                    return Err(Failure::Failed(format!(
                        "{} tells of an import that has begun with another content of the file, \
                         another tenant, store or --match: repeat that one as it was, or remove \
                         this file to begin anew",
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
        Ok(Self { path: Some(path), id: wanted.import_id, resumed, begun: Cell::new(resumed) })
    }

    /// From now on rows may be in.
    pub(super) fn begins(&self) {
        self.begun.set(true);
    }

    /// It failed. If nothing is in, the next command is a new import: perhaps of a mended file.
    pub(super) fn failed(self) -> Result<(), Failure> {
        if self.begun.get() { Ok(()) } else { self.remove() }
    }

    /// All is done and told.
    pub(super) fn remove(self) -> Result<(), Failure> {
        let Some(path) = self.path else {
            return Ok(());
        };
        std::fs::remove_file(&path).map_err(|error| unwritable(&path, &error))
    }
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
