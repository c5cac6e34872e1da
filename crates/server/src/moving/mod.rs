//! Clients between files and stores: `clientbook import` and `clientbook export`.

mod export;
mod import;
mod remote;
mod report;
mod state;

pub(crate) use export::run as export;
pub(crate) use import::run as import;

use crate::failure::Failure;
use clientbook_app::Home;
use clientbook_model::moving::Format;
use std::path::Path;

/// The form of a file by the ending of its name.
fn format_of(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()? {
        "ndjson" | "jsonl" => Some(Format::Ndjson),
        "csv" => Some(Format::Csv),
        _ => None,
    }
}

/// The tenant of a store's clients.
fn home(tenant: Option<&str>) -> Result<Home, Failure> {
    let missing = "--tenant (CLIENTBOOK_TENANT) is missing: name the tenant of the clients, such as \
                   --tenant acme";
    let tenant = tenant.ok_or_else(|| Failure::Setting(missing.into()))?;
    Ok(Home::Field { asked: Some(tenant.to_owned()), at: "/tenant" })
}
