//! `clientbook import` and `clientbook export`.

use crate::settings;
use clap::Args;
use clientbook_model::collection::CollectionMode;
use clientbook_model::moving::{Format, MatchBy};
use clientbook_model::status::Status;
use std::path::PathBuf;

const IMPORT_EXAMPLES: &str = "\
A row is a client; docs/moving.md has the columns. Without --match every row makes a new client.
Rows that fail are told in FILE.errors.ndjson, and nothing of them is written. Whatever stops an
import (Ctrl-C, kill -9, a lost connection): repeat it, and it goes on where it was. Standard input (-),
pipes and devices cannot be repeated, and their failed rows are told with --errors only.

Progress goes to standard error. The last line of standard output is JSON.
Exit code 0: every row is in. 1: rows failed, the header is wrong, or the import did not end. 2: a
setting is wrong, such as a tenant or a file that is not there.

Examples:
  clientbook import clients.ndjson --tenant acme --dry-run
  clientbook import clients.csv --tenant acme --match external_id
  clientbook import - --format csv --tenant acme --errors failed.ndjson < clients.csv
  CLIENTBOOK_TOKEN=... clientbook import clients.csv --server http://127.0.0.1:8080";

const EXPORT_EXAMPLES: &str = "\
Works beside a running server. Clients come by number, a row each; docs/moving.md has the columns.

Examples:
  clientbook export --tenant acme > clients.ndjson
  clientbook export --tenant acme --output clients.csv --status active
  CLIENTBOOK_TOKEN=... clientbook export --output clients.csv --server http://127.0.0.1:8080";

/// Where the clients are.
#[derive(Args)]
pub(crate) struct At {
    /// The tenant: its slug, UUID or object id. A tenant's token needs none with --server
    #[arg(long, env = "CLIENTBOOK_TENANT")]
    pub(crate) tenant: Option<String>,

    /// The store [default: sqlite:./clientbook-data/clientbook.db]. An import needs one that no
    /// server has open, unless it is PostgreSQL
    #[arg(long, env = "CLIENTBOOK_DATABASE", value_name = "URL", hide_env_values = true)]
    pub(crate) database: Option<String>,

    /// Ask this running server instead, as the bearer of --token
    #[arg(long, env = "CLIENTBOOK_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,

    /// A token for --server. Better set it in the environment: every user of the machine can see
    /// arguments
    #[arg(long, env = "CLIENTBOOK_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

#[derive(Args)]
#[command(after_help = IMPORT_EXAMPLES)]
pub(crate) struct Import {
    /// The file: NDJSON (a JSON object a line) or CSV with a header, by its ending; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) place: At,

    /// The form of the file, if its name does not end in .ndjson, .jsonl or .csv
    #[arg(long, env = "CLIENTBOOK_FORMAT", value_parser = settings::format)]
    pub(crate) format: Option<Format>,

    /// Change the client that is there already: the one with the row's id, number, `object_id` or
    /// `external_id`
    #[arg(long = "match", env = "CLIENTBOOK_MATCH", value_name = "COLUMN")]
    #[arg(value_parser = settings::match_by)]
    pub(crate) match_by: Option<MatchBy>,

    /// Say what would become of each row, and write nothing
    #[arg(long, env = "CLIENTBOOK_DRY_RUN", value_parser = settings::yes_or_no)]
    pub(crate) dry_run: bool,

    /// Where rows that fail are told [default: FILE.errors.ndjson]
    #[arg(long, env = "CLIENTBOOK_ERRORS", value_name = "FILE")]
    pub(crate) errors: Option<PathBuf>,
}

#[derive(Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) place: At,

    /// The form: ndjson or csv [default: by the ending of --output, else ndjson]
    #[arg(long, env = "CLIENTBOOK_FORMAT", value_parser = settings::format)]
    pub(crate) format: Option<Format>,

    /// The file to write, once all of it is there [default: standard output]
    #[arg(long, env = "CLIENTBOOK_OUTPUT", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Only clients of this status
    #[arg(long, env = "CLIENTBOOK_STATUS", value_parser = settings::status)]
    pub(crate) status: Option<Status>,

    /// Only clients of this collection mode
    #[arg(long, env = "CLIENTBOOK_COLLECTION_MODE", value_parser = settings::collection_mode)]
    pub(crate) collection_mode: Option<CollectionMode>,

    /// Only clients with this in their name, an e-mail address, an outside id or a tag
    #[arg(long, env = "CLIENTBOOK_Q", value_name = "TEXT", value_parser = settings::words)]
    pub(crate) q: Option<String>,
}
