//! Clients between files and stores: `clientbook import` and `clientbook export`.

mod export;
mod import;
mod remote;
mod report;
mod state;

pub(crate) use export::run as export;
pub(crate) use import::run as import;

use crate::failure::{Failure, flag};
use crate::remote::refusal_of;
use clientbook_app::{AppError, Home};
use clientbook_model::moving::Format;
use reqwest::{StatusCode, Url};
use serde_json::Value;
use std::path::Path;

/// The form of a file by the ending of its name.
fn format_of(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()? {
        "ndjson" | "jsonl" => Some(Format::Ndjson),
        "csv" => Some(Format::Csv),
        _ => None,
    }
}

/// Whether files can stand beside this one: not beside a pipe or a device, nor beside a name that leads
/// to what is open, such as `/dev/stdin`.
fn is_file(path: &Path) -> bool {
    let is_system = parent(path)
        .canonicalize()
        .is_ok_and(|at| at == Path::new("/dev") || at.starts_with("/proc"));
    !is_system && std::fs::metadata(path).map_or(true, |found| found.is_file())
}

/// The directory that a path is in.
fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Why an import or export has not begun.
fn about_terms(error: AppError) -> Failure {
    match error {
        // By a name that no flag gives.
        AppError::Conflict(conflict) => Failure::Failed(conflict.message),
        error => error.into(),
    }
}

/// The same, of a server.
fn refused(server: &Url, status: StatusCode, answer: &Value) -> Failure {
    let told = refusal_of(server, status, answer, named);
    let fields = answer["error"]["details"]["fields"].as_array();
    let by_flags = fields.is_some_and(|fields| fields.iter().all(|field| by_flag(field).is_some()));
    if status == StatusCode::BAD_REQUEST && by_flags {
        Failure::Setting(told)
    } else {
        Failure::Failed(told)
    }
}

/// Parameters that flags give.
const BY_FLAGS: [&str; 7] =
    ["tenant", "match", "dry_run", "format", "status", "collection_mode", "q"];

/// The flag that gave the field; a column that is wrong is named in the file's header.
fn by_flag(field: &Value) -> Option<String> {
    let path = field["path"].as_str().unwrap_or_default();
    let is_column = matches!(field["rule"].as_str(), Some("unknown_field" | "repeated"));
    let is_given = BY_FLAGS.contains(&path.trim_start_matches('/'));
    (is_given && !is_column).then(|| flag(path))
}

/// What a field that breaks a rule is called where it was written.
fn named(field: &Value) -> String {
    let path = field["path"].as_str().unwrap_or_default();
    match path.trim_start_matches('/') {
        "import_id" | "resume" => String::new(),
        column => by_flag(field).unwrap_or_else(|| format!("{:?}", unescaped(column))),
    }
}

/// A name as it was before it became part of a JSON pointer.
fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// The tenant of a store's clients.
fn home(tenant: Option<&str>) -> Result<Home, Failure> {
    let missing = "--tenant (CLIENTBOOK_TENANT) is missing: name the tenant of the clients, such as \
                   --tenant acme";
    let tenant = tenant.ok_or_else(|| Failure::Setting(missing.into()))?;
    Ok(Home::Field { asked: Some(tenant.to_owned()), at: "/tenant" })
}
