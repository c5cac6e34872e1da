//! Everything a developer or CI runs, as one program: `cargo xtask --help`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks to its terminal"
)]

mod agents;
mod bench;
mod conform;
mod crash;
mod engines;
mod failover;
mod full;
mod openapi;
mod postgres;
mod snapshots;
mod step;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::step::Failure;
use crate::workspace::Workspace;

/// Builds, checks and proves Clientbook.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// What CI runs: format, tidy, clippy, all tests. Needs Rust, git, a C compiler and PostgreSQL
    ///
    /// Stops at the first step that fails, with that step's exit code. Snapshots are compared, never
    /// written, and a snapshot that no test reads is an error. What stores is tested on SQLite and on
    /// PostgreSQL: a throw-away server, installed from Debian's packages if it is missing, which is
    /// said first; `CLIENTBOOK_TEST_POSTGRES` names another one, or is `off`.
    Test,
    /// The rules rustc and clippy cannot know: crate graph, sizes, where SQL may stand
    ///
    /// Prints every finding as `path:line: message` and exits with 1 if there is one. Reads tracked
    /// files and new ones that git does not ignore.
    Tidy,
    /// `test`, then the slower proofs: `engines`, dependencies' licences and sources, unused ones
    ///
    /// Installs cargo-deny and cargo-machete if they are missing, and says so first.
    Full {
        /// Also look for known vulnerabilities; fetches the advisory database
        #[arg(long)]
        advisories: bool,
    },
    /// Writes the OpenAPI documents of the surfaces into docs/openapi, to be reviewed
    Openapi {
        /// Write nothing; fail where a file is not what the code says
        #[arg(long)]
        check: bool,
    },
    /// Calls a server in every way its OpenAPI documents allow and forbid, and checks each answer
    ///
    /// In three roles: none may get further than its permissions, and enough changes must get through
    /// to prove something. Needs Python 3.10 with venv; installs schemathesis under target/. Prints
    /// the seed of each run, and at the end how each was answered.
    Conform {
        /// At least how many examples a surface gets, in each role
        #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
        examples: u32,
        /// Repeat a run that had this seed
        #[arg(long)]
        seed: Option<u64>,
        /// Only this surface
        #[arg(long, value_parser = conform::SURFACES)]
        surface: Option<String>,
    },
    /// Kills the server and fails its disk under load, and checks that no answered write is lost
    ///
    /// Kills (kill -9), full disks, I/O errors and damaged files; prints a line for each kind. Builds
    /// in release mode: a crash is only worth proving in the binary that ships. Full disks need a
    /// tmpfs: root, or user namespaces (unshare -rm).
    Crash {
        /// How many times to do each
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        cycles: u32,
    },
    /// Takes PostgreSQL's primary away under load, and checks that no answered write is lost
    ///
    /// Two nodes under Patroni with etcd, two servers, writes and reads on every surface. In each
    /// cycle the primary's machine dies, its database dies, or the machine falls silent; the cycle
    /// ends when the old primary is back as the synchronous standby, under a minute later. Installs
    /// Debian's packages where they are missing, and says so first. Builds in release mode.
    Failover {
        /// How many times
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        cycles: u32,
    },
    /// Runs the agent against the server, with a browser, and looks at every byte that passes
    ///
    /// What arrives is what dpkg, a process and Chromium say. Then each mode in turn, by client, by
    /// device and by user: after the answer that told it, nothing may pass that it forbids. Then
    /// uninstallations are killed. Needs Debian; installs its package `chromium` if it is missing,
    /// and says so first. Builds in release mode.
    Agents(agents::Agents),
    /// Compares SQLite and PostgreSQL operation by operation, and fails requests to PostgreSQL
    ///
    /// Random operations must have the same answers, rows and audit chains on both. Then deadlocks,
    /// cut connections and lost answers to `COMMIT` must lose and double nothing. Prints the seed.
    /// Takes about ten minutes; `cargo xtask test` has the same, shorter.
    Engines(engines::Engines),
    /// Measures reads and writes of every surface, beside bare hyper and raw SQLite
    ///
    /// Builds in release mode and takes under ten minutes, on a machine that does nothing else.
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    let workspace = Workspace::load()?;
    match command {
        Command::Test => test::run(&workspace),
        Command::Tidy => tidy::run(&workspace),
        Command::Full { advisories } => full::run(&workspace, advisories),
        Command::Openapi { check } => openapi::run(&workspace, check),
        Command::Conform { examples, seed, surface } => {
            conform::run(&workspace, examples, seed, surface.as_deref())
        }
        Command::Crash { cycles } => crash::run(&workspace, cycles),
        Command::Failover { cycles } => failover::run(&workspace, cycles),
        Command::Agents(agents) => agents::run(&workspace, &agents),
        Command::Engines(engines) => engines::run(&workspace, &engines),
        Command::Bench(bench) => bench::run(&workspace, &bench),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn crash_refuses_to_prove_nothing() {
        assert!(Cli::try_parse_from(["xtask", "crash", "--cycles", "0"]).is_err());
        assert!(Cli::try_parse_from(["xtask", "crash", "--cycles", "1"]).is_ok());
    }
}
