//! Opens the store, and says in a sentence why that cannot be done.

use crate::failure::Failure;
use crate::settings::{self, Place};
use clientbook_store::{Access, Db, DbError};

/// What would be right for whoever may make a store, and for whoever may not.
const MAKES: &str = "name a store of this version or a new file, where this user may write";
const TAKES: &str = "name a store of this version that this user may open";

/// The store for `serve`: made if it is not there.
pub(crate) fn to_serve(url: &str) -> Result<Db, Failure> {
    settings::database(url).map_err(Failure::Setting)?;
    Db::open(url, Access::Write).map_err(|error| match error {
        DbError::Locked(_) => Failure::Failed(format!(
            "{error}: stop that one, or give this one another --database (CLIENTBOOK_DATABASE)"
        )),
        error => cannot_open(&error, MAKES),
    })
}

/// A store that a server has made, for a change beside it; refused while that one runs.
pub(crate) fn to_change(url: &str, instead: &str) -> Result<Db, Failure> {
    // Also refuses what no server has made yet, and what would have to be migrated.
    to_read(url)?;
    Db::open(url, Access::Write).map_err(|error| match error {
        DbError::Locked(_) => Failure::Failed(format!("{error}: {instead}")),
        error => cannot_open(&error, TAKES),
    })
}

/// A store that a server has made, to read beside it.
pub(crate) fn to_read(url: &str) -> Result<Db, Failure> {
    let place = settings::database(url).map_err(Failure::Setting)?;
    if let Place::File(path) = place
        && !path.try_exists().unwrap_or(true)
    {
        let path = path.display();
        return Err(Failure::Setting(format!(
            "there is no store at {path}: start the server once first (clientbook serve), or name \
             the store with --database (CLIENTBOOK_DATABASE)"
        )));
    }
    Db::open(url, Access::Read).map_err(|error| cannot_open(&error, TAKES))
}

fn cannot_open(error: &DbError, right: &str) -> Failure {
    Failure::Failed(format!("--database (CLIENTBOOK_DATABASE) cannot be opened: {error}: {right}"))
}
