//! `clientbook-bench`: how fast a Clientbook server is, beside a server that does nothing and
//! SQLite or pgbench that does the same. `cargo xtask bench` builds and runs it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks to its terminal"
)]

mod agents;
mod answer;
mod bare;
mod child;
mod connection;
mod generator;
mod http;
mod machine;
mod moving;
mod postgres;
mod raw;
mod report;
mod round;
mod run;
mod scale;
#[cfg(test)]
mod smoke;
mod stats;
mod store;
mod surface;
mod work;

use clap::{Parser, Subcommand};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// What went wrong, for people.
type Failure = Box<dyn Error + Send + Sync>;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures a server
    Run(Args),
    /// Measures lists and searches on a large store
    Scale(ScaleArgs),
    /// Measures export and import of a large store
    Moving(MovingArgs),
    /// Measures heartbeats of devices' agents, and agents that wait
    Agents(AgentsArgs),
    /// Measures a server on PostgreSQL, beside pgbench
    Postgres(OnPostgres),
    /// Serves the constant answer that comes as JSON on standard input: what a server is measured by
    Bare,
}

/// What to measure, and how long.
#[derive(clap::Args)]
struct Args {
    /// The binary `clientbook`
    #[arg(long)]
    server: PathBuf,
    /// Where stores are made, in a directory that goes when the run ends
    #[arg(long)]
    directory: PathBuf,
    /// What the binary was built from, for the report
    #[arg(long, default_value = "unknown")]
    commit: String,
    /// How many clients the store has
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..))]
    clients: u32,
    /// How many connections are kept alive at once
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    connections: u32,
    /// How many rounds; medians are told
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long each measurement of a round takes
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Also write the report as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Fail where a target is missed
    #[arg(long)]
    assert: bool,
}

/// How large a store to measure lists on.
#[derive(clap::Args)]
struct ScaleArgs {
    /// The binary `clientbook`
    #[arg(long)]
    server: PathBuf,
    /// Where the store is made, or was made before
    #[arg(long)]
    directory: PathBuf,
    /// The URL of an empty PostgreSQL database to copy the store to and to use
    #[arg(long, env = "CLIENTBOOK_BENCH_DATABASE", hide_env_values = true)]
    database: Option<String>,
    /// How many clients the store has
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    clients: u32,
    /// How often each request is made
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Fail where a target is missed
    #[arg(long)]
    assert: bool,
}

/// How many clients to move.
#[derive(clap::Args)]
struct MovingArgs {
    /// The binary `clientbook`
    #[arg(long)]
    server: PathBuf,
    /// Where stores and files are made; the first store is that of `scale`
    #[arg(long)]
    directory: PathBuf,
    /// How many clients there are
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    clients: u32,
    /// Fail where a target is missed
    #[arg(long)]
    assert: bool,
}

/// How many agents to measure.
#[derive(clap::Args)]
struct AgentsArgs {
    /// The binary `clientbook`
    #[arg(long)]
    server: PathBuf,
    /// Where the store is made, in a directory that goes when the run ends
    #[arg(long)]
    directory: PathBuf,
    /// How many devices check in without a wait
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    devices: u32,
    /// How many devices wait
    #[arg(long, default_value_t = 8_000, value_parser = clap::value_parser!(u32).range(1..=9_900))]
    waiting: u32,
    /// How many connections are kept alive at once
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    connections: u32,
    /// How many rounds; medians are told
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long each measurement of a round takes
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Fail where a target is missed
    #[arg(long)]
    assert: bool,
}

/// Where PostgreSQL is.
#[derive(clap::Args)]
struct OnPostgres {
    #[command(flatten)]
    args: Args,
    /// The program `pgbench`
    #[arg(long)]
    pgbench: PathBuf,
    /// The URL of a server on this machine where databases may be made
    #[arg(long, env = "CLIENTBOOK_BENCH_POSTGRES", hide_env_values = true)]
    url: String,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Scale(args) => scale::run(&args),
        Command::Moving(args) => moving::run(&args),
        Command::Agents(args) => agents::run(&args),
        Command::Postgres(on) => postgres::run(&on),
        Command::Bare => bare::serve().map(|()| true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("clientbook-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}
