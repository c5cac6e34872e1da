//! The binary `clientbook-agent`: the agent on a device. It tells its server what the server's last
//! directive lists, and nothing else.

mod accounts;
mod agent;
mod browsing;
mod cli;
mod clock;
mod command;
mod enroll;
mod env;
mod failure;
mod files;
mod gather;
mod inventory;
mod log;
mod output;
mod pace;
mod permits;
mod places;
mod run;
mod server;
mod signals;
mod spool;
mod state;
mod status;
mod transport;
mod uninstall;
mod unit;
mod usage;
mod users;

use clap::Parser as _;
use cli::{Cli, Command};
use failure::Failure;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Enroll(args) => work(enroll::run(args)),
        Command::Run(args) => work(run::run(args)),
        Command::Status(args) => status::run(&args),
        Command::Uninstall(args) => work(uninstall::run(args)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}

/// One thread, and a few beside it for what reads files; they end when they have nothing to do.
fn work(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().max_blocking_threads(4).thread_keep_alive(Duration::from_secs(5));
    let built = builder.build();
    let runtime = built
        .map_err(|error| Failure::Failed(format!("the threads could not be started: {error}")))?;
    let outcome = runtime.block_on(command);
    // A look at the device that is under way was told to stop.
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}
