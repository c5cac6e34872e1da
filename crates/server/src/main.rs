//! The binary `clientbook`: settings, command line, wiring. Decides nothing about clients.

mod addresses;
mod audit;
mod body;
mod checkpoint;
mod cli;
mod config;
mod copy;
mod demo;
mod failure;
mod head_timer;
mod http;
mod jwks;
mod log;
mod moving;
mod open_files;
mod output;
mod progress;
mod remote;
mod serve;
mod settings;
mod signals;
mod simulate;
mod store;
mod stream;
mod token;

use cli::{AgentsCommand, AuditCommand, Command, TokenCommand};
use failure::Failure;
use std::process::ExitCode;

/// Each request allocates some dozens of small pieces, on one of a few threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let outcome = match cli::parse() {
        Command::Serve(args) => serve::run(args),
        Command::Token(TokenCommand::Create(args)) => token::create(args),
        Command::Import(args) => moving::import(&args),
        Command::Export(args) => moving::export(&args),
        Command::Agents(AgentsCommand::Simulate(args)) => simulate::run(&args),
        Command::Copy(args) => copy::run(&args),
        Command::Audit(AuditCommand::Verify(args)) => audit::verify(args),
        Command::Audit(AuditCommand::Checkpoint(args)) => checkpoint::write(args),
        Command::Audit(AuditCommand::Key(args)) => checkpoint::key(&args),
    };
    outcome.unwrap_or_else(|failure| failure.tell())
}

/// The runtime that every command runs on.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| Failure::Failed(format!("the threads could not be started: {error}")))
}
