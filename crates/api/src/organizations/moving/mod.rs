//! `/v2/clients/export` and `/v2/clients/import`: clients as rows of a file.

mod export;
mod import;

pub(super) use export::{EXPORT_PARAMETERS, export};
pub(super) use import::{IMPORT_PARAMETERS, import};
