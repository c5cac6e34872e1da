//! `cargo xtask bench`: how fast the server is, beside a server that does nothing and SQLite that
//! does the same; or, on PostgreSQL, beside pgbench that sends the same statements.

use std::path::Path;
use std::process::Command;

use cargo_metadata::camino::Utf8PathBuf;
use clap::{Args, Subcommand};

use crate::postgres::{self, Cluster};
use crate::step::{self, Failure};
use crate::workspace::Workspace;

/// The command line of `bench`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Bench {
    #[command(subcommand)]
    kind: Option<Kind>,
    /// Three short rounds instead of five: two minutes, coarser figures
    #[arg(long)]
    quick: bool,
    /// On a throw-away PostgreSQL server with durable settings, beside pgbench
    #[arg(long)]
    postgres: bool,
    /// Also write the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
    /// Fail where a target is missed
    #[arg(long)]
    assert: bool,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Measures lists, searches and reads on a large store
    ///
    /// The store stays in target/bench for the next run. To make one of a million clients takes some
    /// minutes.
    Scale(Scale),
    /// Measures export and import of a large store, beside SQLite alone
    ///
    /// The store is that of `scale`.
    Moving(Moving),
    /// Measures heartbeats of devices' agents, and agents that wait
    Agents(Agents),
}

#[derive(Debug, Args)]
struct Moving {
    /// How many clients there are
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    clients: u32,
    /// Fail where a target is missed
    #[arg(long)]
    assert: bool,
}

#[derive(Debug, Args)]
struct Agents {
    /// How many agents wait
    #[arg(long, default_value_t = 8_000, value_parser = clap::value_parser!(u32).range(1..=9_900))]
    waiting: u32,
    /// Fail where a target is missed
    #[arg(long)]
    assert: bool,
}

#[derive(Debug, Args)]
struct Scale {
    /// How many clients the store has
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    clients: u32,
    /// On a throw-away PostgreSQL server
    #[arg(long)]
    postgres: bool,
    /// Fail where a target is missed
    #[arg(long)]
    assert: bool,
}

pub(crate) fn run(workspace: &Workspace, bench: &Bench) -> Result<(), Failure> {
    build(workspace)?;
    let release = workspace.target.join("release");
    std::fs::create_dir_all(directory(workspace)).map_err(Failure::new)?;
    let mut command = Command::new(release.join("clientbook-bench"));
    let assert = |assert: bool| assert.then_some("--assert");
    let clients = |clients: u32| ["--clients".to_owned(), clients.to_string()];
    // A cluster runs until the command has ended.
    let (name, _cluster) = match &bench.kind {
        None => ("bench", rounds(workspace, bench, &mut command)?),
        Some(Kind::Scale(scale)) => {
            command.arg("scale").args(clients(scale.clients)).args(assert(scale.assert));
            let cluster = scale.postgres.then(|| durable(workspace, &postgres::programs()?));
            let cluster = cluster.transpose()?;
            command.envs(cluster.as_ref().map(|one| ("CLIENTBOOK_BENCH_DATABASE", one.url())));
            ("bench scale", cluster)
        }
        Some(Kind::Moving(moving)) => {
            command.arg("moving").args(clients(moving.clients)).args(assert(moving.assert));
            ("bench moving", None)
        }
        Some(Kind::Agents(agents)) => {
            command.arg("agents").args(["--waiting", &agents.waiting.to_string()]);
            command.args(assert(agents.assert));
            ("bench agents", None)
        }
    };
    command.arg("--server").arg(release.join("clientbook"));
    command.arg("--directory").arg(directory(workspace));
    step::run(name, &mut command)
}

/// What the rounds of reads and changes are told.
fn rounds(
    workspace: &Workspace,
    bench: &Bench,
    command: &mut Command,
) -> Result<Option<Cluster>, Failure> {
    let cluster = if bench.postgres {
        let programs = postgres::programs()?;
        let cluster = durable(workspace, &programs)?;
        command.arg("postgres").arg("--pgbench").arg(programs.join("pgbench"));
        command.env("CLIENTBOOK_BENCH_POSTGRES", cluster.url());
        Some(cluster)
    } else {
        command.arg("run");
        None
    };
    command.args(["--commit", &commit(workspace)?]);
    command.args(length(bench));
    command.args(bench.json.iter().flat_map(|file| ["--json", file]));
    command.args(bench.assert.then_some("--assert"));
    Ok(cluster)
}

/// Not in a temporary directory of the system's, which may be memory: there fsync is free.
fn directory(workspace: &Workspace) -> Utf8PathBuf {
    workspace.target.join("bench")
}

fn durable(workspace: &Workspace, programs: &Path) -> Result<Cluster, Failure> {
    Cluster::durable(programs, directory(workspace).join("postgres").as_std_path())
}

/// Two builds: one of both crates would give the server the features that the bench needs.
fn build(workspace: &Workspace) -> Result<(), Failure> {
    for package in ["clientbook", "clientbook-bench"] {
        let build = ["build", "--release", "--locked", "-p", package];
        step::run(&format!("bench: build {package}"), &mut workspace.cargo(build))?;
    }
    Ok(())
}

fn length(bench: &Bench) -> [&'static str; 4] {
    let (rounds, seconds) = match (bench.quick, bench.postgres) {
        (true, _) => ("3", "1"),
        (false, true) => ("3", "3"),
        (false, false) => ("5", "4"),
    };
    ["--rounds", rounds, "--seconds", seconds]
}

/// What is built, and whether it is as committed.
fn commit(workspace: &Workspace) -> Result<String, Failure> {
    let mut git = Command::new("git");
    git.current_dir(&workspace.root).args(["describe", "--always", "--dirty", "--abbrev=12"]);
    let output = git.output().map_err(|error| Failure::new(format!("git: {error}")))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failure::new(format!("git describe failed: {reason}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
