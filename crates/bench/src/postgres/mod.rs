//! The same on PostgreSQL, beside pgbench that sends the same statements to the same server.

mod pgbench;
mod recorded;
mod round;

use crate::child;
use crate::generator::Load;
use crate::machine::{self, Machine};
use crate::report::{Engine, Goal, Ran, Report};
use crate::round::Method;
use crate::surface::Surface;
use crate::{Failure, OnPostgres, run, store};
use clientbook_store::Cluster;
use pgbench::Pgbench;
use recorded::Scripts;
use round::Bench;
use std::path::Path;
use std::thread;
use tokio::runtime::Runtime;

/// What the server is built from.
pub(crate) const VERSIONS: [&str; 3] = ["hyper", "tokio", "tokio-postgres"];

/// The database that every round begins with a copy of.
const TEMPLATE: &str = "bench_template";

const GOALS: [Goal; 2] = [
    Goal {
        what: "GET of organizations v2, of pgbench's point select",
        at_least: 0.4,
        counts: |one| {
            (one.method, one.surface, one.servers) == (Method::Get, Surface::Organizations, 1)
        },
    },
    Goal {
        what: "PATCH of every surface, of pgbench with the same statements",
        at_least: 0.5,
        counts: |one| (one.method, one.servers) == (Method::Patch, 1),
    },
];

/// Whether all went as it should: without `--assert`, missed targets do.
pub(crate) fn run(on: &OnPostgres) -> Result<bool, Failure> {
    let args = &on.args;
    let directory = tempfile::Builder::new().prefix("bench-").tempdir_in(&args.directory)?;
    let machine = Machine::this(directory.path())?;
    let runtime = Runtime::new()?;
    let cluster = Cluster::new(&on.url);
    // Held as long as its parent's CPU time is asked for.
    let (_backend, process) = runtime.block_on(cluster.backend())?;
    let load = Load {
        connections: args.connections as usize,
        threads: (machine.cores / 2).clamp(1, args.connections as usize),
        seconds: args.seconds,
        engine: Some(machine::parent(process)?),
    };
    println!("Making a database of {} clients", args.clients);
    let bench = prepare(on, directory.path(), &runtime, cluster, load)?;
    let mut rounds = Vec::new();
    for number in 1..=args.rounds {
        println!("Round {number} of {}", args.rounds);
        rounds.push(round::run(&bench, &runtime)?);
    }
    let (version, settings) = runtime.block_on(async {
        Ok::<_, Failure>((bench.cluster.version().await?, bench.cluster.settings().await?))
    })?;
    let engine = Engine { name: format!("PostgreSQL {version}"), settings };
    let ran = Ran::new(args, machine, &load, engine, &VERSIONS);
    let report =
        Report::new(ran, &rounds, &GOALS, |subject| match (subject.servers, subject.method) {
            (2.., _) => "one server".into(),
            (_, Method::Get) => "pgbench, one select".into(),
            (_, Method::Patch) => {
                format!(
                    "pgbench, {} round trips",
                    bench.scripts.changes(subject.surface).round_trips
                )
            }
        });
    run::finish(args, &report)
}

fn prepare(
    on: &OnPostgres,
    directory: &Path,
    runtime: &Runtime,
    cluster: Cluster,
    load: Load,
) -> Result<Bench, Failure> {
    let args = &on.args;
    let url = runtime.block_on(cluster.make(TEMPLATE, None))?;
    let (clients, token) = store::fill(&url, args.clients)?;
    runtime.block_on(cluster.analyze(Some(TEMPLATE)))?;
    let entries = child::audited(&args.server, &url)?;
    println!("Recording what requests send");
    let recorded = runtime.block_on(cluster.make("bench_recorded", Some(TEMPLATE)))?;
    let scripts = Scripts::record(&recorded, &clients, &token, &load)?;
    runtime.block_on(cluster.remove("bench_recorded"))?;
    scripts.keep(&args.directory)?;
    let threads = thread::available_parallelism()?.get().min(load.connections);
    let pgbench =
        Pgbench { program: on.pgbench.clone(), directory: directory.to_owned(), load, threads };
    let (server, log) = (args.server.clone(), directory.join("server.log"));
    Ok(Bench { server, log, cluster, clients, token, entries, scripts, pgbench, load })
}
