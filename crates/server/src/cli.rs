//! The command line. Each flag has a twin in the environment; the flag wins.

mod agents;
mod moving;

pub(crate) use agents::{AgentsCommand, Simulate};
pub(crate) use moving::{Export, Import};

use crate::settings::{self, DEFAULT_DATABASE};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clientbook_app::VerifyingKey;
use clientbook_model::api_token::ApiTokenName;
use clientbook_model::id::ClientId;
use clientbook_model::principal::Role;
use clientbook_model::time::Timestamp;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  clientbook serve --demo
      A server with made-up clients, and calls to try on it
  clientbook serve --database sqlite:/var/lib/clientbook/clientbook.db
      A server; its first start tells the operator's token
  clientbook token create --tenant acme --role admin
      A token for the admin of a tenant
  clientbook audit verify
      Whether anyone has tampered with the audit trail
  clientbook copy --from sqlite:./clientbook-data/clientbook.db --to postgres://...
      The same store on PostgreSQL
  clientbook import clients.csv --tenant acme --match external_id
      Clients from a file
  clientbook export --tenant acme --output clients.ndjson
      Clients as a file
  clientbook agents simulate --count 1000 --server http://127.0.0.1:8080
      What the agents of a thousand devices cost a server";

const SERVE_EXAMPLES: &str = "\
Environment:
  CLIENTBOOK_BOOTSTRAP_TOKEN
      The operator's token on the first start: at least 24 visible ASCII characters.
      Without it a random one is made and told once

Examples:
  clientbook serve --demo
  clientbook serve --demo --listen 127.0.0.1:0 --database sqlite:./demo.db
  clientbook serve --listen 0.0.0.0:8080 --log info,clientbook_store=debug";

const TOKEN_EXAMPLES: &str = "\
The token alone goes to standard output, the rest to standard error.

Examples:
  clientbook token create --tenant acme --role viewer --name 'Front desk'
  clientbook token create --tenant acme --role admin --expires-at 2027-01-31T00:00:00Z --json
  clientbook token create --tenant acme --role member \\
      --client 0197a0b1-5a7c-7d3e-8f00-112233445566
  clientbook token create --role operator
  CLIENTBOOK_TOKEN=... clientbook token create --tenant acme --role viewer \\
      --server http://127.0.0.1:8080";

const VERIFY_EXAMPLES: &str = "\
Works beside a running server and changes nothing.
Exit code 0: every chain is intact, and has all that the checkpoint says. 1: one is not, the
checkpoint itself is not, or something cannot be read. 2: there is no such tenant or client, or a
setting is wrong.

Examples:
  clientbook audit verify
  clientbook audit verify --against 2026-03.ndjson --public-key 5f0c...
  clientbook audit verify --tenant acme --json
  clientbook audit verify --client 0197a0b1-5a7c-7d3e-8f00-112233445566";

const CHECKPOINT_EXAMPLES: &str = "\
Works beside a running server and changes nothing. Lines of JSON: one for each chain, and for each
tenant one that signs them. Keep them elsewhere: whoever can rewrite the store must not reach them.

Examples:
  clientbook audit checkpoint --key audit.key --output 2026-03.ndjson
  clientbook audit checkpoint --key audit.key --tenant acme > acme.ndjson
  clientbook audit verify --against 2026-03.ndjson";

const KEY_EXAMPLES: &str = "\
The public key alone goes to standard output. Give it to those who check.

Examples:
  clientbook audit key --output audit.key > audit.pub";

const COPY_EXAMPLES: &str = "\
Stop the server on the store that is copied first. The other store must be empty; its tables are made.
Whatever stops a copy (Ctrl-C, a lost connection, a full disk): repeat it, and it goes on.
At the end every row of both stores is compared, and the audit trail of the copy is verified.

Progress goes to standard error. The last line of standard output is JSON.
Exit code 0: everything is there. 1: it is not, or the audit trail is not intact. 2: a setting is wrong.

Examples:
  clientbook copy --from sqlite:./clientbook-data/clientbook.db \\
      --to postgres://clientbook:PASSWORD@db.example.com/clientbook
  CLIENTBOOK_FROM=postgres://... clientbook copy --to sqlite:./clientbook.db";

/// The system of record for a company's clients: one record, four APIs.
#[derive(Parser)]
#[command(name = "clientbook", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve the four APIs
    Serve(Serve),
    /// Work with API tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Work with the audit trail
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Make and change clients from the rows of a file
    Import(Import),
    /// Write clients as the rows of a file
    Export(Export),
    /// Carry a store from SQLite to PostgreSQL, or back
    Copy(Copy),
    /// Try what devices' agents cost
    #[command(subcommand)]
    Agents(AgentsCommand),
}

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Make an API token, and tell it once
    Create(TokenCreate),
}

#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Check every audit chain: hashes, order, completeness, and the records against their trails
    Verify(AuditVerify),
    /// Write down how every chain ends, signed: to be kept where nobody who can rewrite the store can
    Checkpoint(AuditCheckpoint),
    /// Make the key that checkpoints are signed with
    Key(AuditKey),
}

#[derive(Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub(crate) struct Serve {
    /// IP address and port to listen on; port 0 takes a free one
    /// [default: 127.0.0.1:8080]
    #[arg(long, env = "CLIENTBOOK_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,

    /// The store, made if it is not there [default: sqlite:./clientbook-data/clientbook.db; with
    /// --demo a temporary one]
    #[arg(long, env = "CLIENTBOOK_DATABASE", value_name = "URL")]
    pub(crate) database: Option<String>,

    /// Load made-up clients, print tokens and calls to try, and serve this machine only
    #[arg(long, env = "CLIENTBOOK_DEMO", value_parser = settings::yes_or_no)]
    pub(crate) demo: bool,

    /// What to log: a level (error, warn, info, debug, trace, off), or levels by part
    /// [default: info]
    #[arg(long, env = "CLIENTBOOK_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,

    /// Requests that each caller may make in a minute; 0 for any number. A demo has no limit
    /// [default: 60000]
    #[arg(long, env = "CLIENTBOOK_RATE_LIMIT", value_name = "REQUESTS")]
    pub(crate) rate_limit: Option<String>,

    /// Days for which what agents collect is kept: usage, and their own logs [default: 90]
    #[arg(long, env = "CLIENTBOOK_TELEMETRY_DAYS", value_name = "DAYS")]
    pub(crate) telemetry_days: Option<String>,

    /// MiB of memory for copies of clients, from which they are read without the store. For a store
    /// in a file; none are kept of `PostgreSQL`'s [default: 128]
    #[arg(long, env = "CLIENTBOOK_CLIENT_CACHE", value_name = "MIB")]
    pub(crate) client_cache: Option<String>,

    /// A TOML file for what is not said otherwise: listen, database, log, `rate_limit`,
    /// `telemetry_days`, `client_cache`, `public_url`, and the issuers whose JWTs are believed
    #[arg(long, env = "CLIENTBOOK_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args)]
#[command(after_help = TOKEN_EXAMPLES)]
pub(crate) struct TokenCreate {
    /// The tenant: its slug, UUID or object id. Not for an operator's token
    #[arg(long, env = "CLIENTBOOK_TENANT")]
    pub(crate) tenant: Option<String>,

    /// What the token allows: viewer, member, admin or operator
    #[arg(long, env = "CLIENTBOOK_ROLE", value_parser = settings::role)]
    pub(crate) role: Role,

    /// A client, by UUID, that the token is for; repeat it for more [default: all of the tenant]
    #[arg(long = "client", env = "CLIENTBOOK_CLIENT", value_name = "UUID")]
    #[arg(value_delimiter = ',', value_parser = settings::client_id)]
    pub(crate) clients: Vec<ClientId>,

    /// What people call the token, 1 to 100 characters
    #[arg(long, env = "CLIENTBOOK_NAME", value_parser = settings::token_name)]
    #[arg(default_value = "Made at the command line")]
    pub(crate) name: ApiTokenName,

    /// When the token ends, RFC 3339 in UTC [default: never]
    #[arg(long, env = "CLIENTBOOK_EXPIRES_AT", value_name = "TIME", value_parser = settings::time)]
    pub(crate) expires_at: Option<Timestamp>,

    /// The store, while no server has it open [default: sqlite:./clientbook-data/clientbook.db]
    #[arg(long, env = "CLIENTBOOK_DATABASE", value_name = "URL")]
    pub(crate) database: Option<String>,

    /// Ask this running server instead, as the bearer of --token
    #[arg(long, env = "CLIENTBOOK_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,

    /// A token that may make tokens, for --server. Better set it in the environment: every user of
    /// the machine can see arguments
    #[arg(long, env = "CLIENTBOOK_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// Print JSON
    #[arg(long, env = "CLIENTBOOK_JSON", value_parser = settings::yes_or_no)]
    pub(crate) json: bool,
}

#[derive(Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub(crate) struct AuditVerify {
    /// The store
    #[arg(long, env = "CLIENTBOOK_DATABASE", value_name = "URL", default_value = DEFAULT_DATABASE)]
    pub(crate) database: String,

    /// Only this tenant: its slug, UUID or object id
    #[arg(long, env = "CLIENTBOOK_TENANT")]
    pub(crate) tenant: Option<String>,

    /// Only this client, by UUID
    #[arg(long, env = "CLIENTBOOK_CLIENT", value_name = "UUID")]
    pub(crate) client: Option<String>,

    /// A checkpoint: also find what was removed or built anew since it was made
    #[arg(long, env = "CLIENTBOOK_AGAINST", value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,

    /// The public key that the checkpoint must be signed with, as `audit key` told it
    /// [default: whichever the checkpoint names, which is then told]
    #[arg(long, env = "CLIENTBOOK_PUBLIC_KEY", value_name = "HEX", requires = "against")]
    #[arg(value_parser = settings::public_key)]
    pub(crate) public_key: Option<VerifyingKey>,

    /// Print JSON
    #[arg(long, env = "CLIENTBOOK_JSON", value_parser = settings::yes_or_no)]
    pub(crate) json: bool,
}

#[derive(Args)]
#[command(after_help = CHECKPOINT_EXAMPLES)]
pub(crate) struct AuditCheckpoint {
    /// The file with the key, which `clientbook audit key` made
    #[arg(long, env = "CLIENTBOOK_KEY", value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// Where to write it; there must be no such file yet [default: standard output]
    #[arg(long, env = "CLIENTBOOK_OUTPUT", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// The store
    #[arg(long, env = "CLIENTBOOK_DATABASE", value_name = "URL", default_value = DEFAULT_DATABASE)]
    pub(crate) database: String,

    /// Only this tenant: its slug, UUID or object id
    #[arg(long, env = "CLIENTBOOK_TENANT")]
    pub(crate) tenant: Option<String>,
}

#[derive(Args)]
#[command(after_help = KEY_EXAMPLES)]
pub(crate) struct AuditKey {
    /// The file to make, readable by this user only; there must be no such file yet
    #[arg(long, env = "CLIENTBOOK_OUTPUT", value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Args)]
#[command(after_help = COPY_EXAMPLES)]
pub(crate) struct Copy {
    /// The store to copy, which no server has open
    #[arg(long, env = "CLIENTBOOK_FROM", value_name = "URL", hide_env_values = true)]
    pub(crate) from: String,

    /// The empty store to copy it to, or the same one again. Better set a URL with a password in the
    /// environment: every user of the machine can see arguments
    #[arg(long, env = "CLIENTBOOK_TO", value_name = "URL", hide_env_values = true)]
    pub(crate) to: String,
}

/// Reads the command line. What cannot be read, `--help` and `--version` end the process.
pub(crate) fn parse() -> Command {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match cli.command {
        Command::Token(TokenCommand::Create(args)) => {
            let args = one_place(args, &matches).unwrap_or_else(|error| error.exit());
            Command::Token(TokenCommand::Create(args))
        }
        Command::Import(mut args) => {
            let own = matches.subcommand_matches("import");
            choose(&mut args.place.database, &mut args.place.server, own);
            Command::Import(args)
        }
        Command::Export(mut args) => {
            let own = matches.subcommand_matches("export");
            choose(&mut args.place.database, &mut args.place.server, own);
            Command::Export(args)
        }
        command => command,
    }
}

fn choose(database: &mut Option<String>, server: &mut Option<String>, own: Option<&ArgMatches>) {
    one_of(database, server, own).unwrap_or_else(|error| error.exit());
}

/// A token is made in one place. clap counts a variable like a flag, but whoever has set
/// `CLIENTBOOK_DATABASE` for `serve` and types `--server` means the latter.
fn one_place(mut args: TokenCreate, matches: &ArgMatches) -> Result<TokenCreate, clap::Error> {
    let own = matches.subcommand_matches("token").and_then(|it| it.subcommand_matches("create"));
    one_of(&mut args.database, &mut args.server, own)?;
    Ok(args)
}

fn one_of(
    database: &mut Option<String>,
    server: &mut Option<String>,
    own: Option<&ArgMatches>,
) -> Result<(), clap::Error> {
    let typed = |flag| own.and_then(|own| own.value_source(flag)) == Some(ValueSource::CommandLine);
    if database.is_some() && server.is_some() {
        match (typed("database"), typed("server")) {
            (true, false) => *server = None,
            (false, true) => *database = None,
            _ => {
                let message = "--database (CLIENTBOOK_DATABASE) and --server (CLIENTBOOK_SERVER) \
                               are both set: choose one";
                return Err(Cli::command().error(ErrorKind::ArgumentConflict, message));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_a_twin() {
        fn check(command: &clap::Command) {
            for arg in command.get_arguments() {
                let Some(flag) = arg.get_long().filter(|flag| !["help", "version"].contains(flag))
                else {
                    continue;
                };
                let twin = format!("CLIENTBOOK_{}", flag.replace('-', "_").to_uppercase());
                assert_eq!(arg.get_env().and_then(|env| env.to_str()), Some(twin.as_str()));
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    fn create(flags: &[&str]) -> Result<TokenCreate, clap::Error> {
        let start = ["clientbook", "token", "create", "--role", "viewer"];
        let matches = Cli::command().get_matches_from(start.iter().chain(flags));
        match Cli::from_arg_matches(&matches)?.command {
            Command::Token(TokenCommand::Create(args)) => one_place(args, &matches),
            _ => panic!("another command"),
        }
    }

    #[test]
    fn a_token_is_made_in_one_place() {
        let server = create(&["--server", "http://a"]).unwrap_or_else(|error| panic!("{error}"));
        assert!(server.database.is_none());
        let both = create(&["--server", "http://a", "--database", "sqlite:a"]);
        assert!(both.is_err_and(|error| error.kind() == ErrorKind::ArgumentConflict));
    }
}
