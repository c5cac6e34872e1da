//! A whole run: from an empty directory to a report.

use crate::child::{self, Server};
use crate::generator::Load;
use crate::machine::Machine;
use crate::raw::{self, Recordings};
use crate::report::{Engine, Goal, Ran, Report};
use crate::round::{self, Bench, Method};
use crate::store::{self, Template};
use crate::surface::Surface;
use crate::work::{Book, Work as _};
use crate::{Args, Failure};
use std::path::Path;

/// The dependencies that both the server and what it is measured by are built from.
pub(crate) const VERSIONS: [&str; 4] = ["hyper", "tokio", "rusqlite", "libsqlite3-sys"];

pub(crate) const GOALS: [Goal; 2] = [
    Goal {
        what: "GET of organizations v2, of bare hyper",
        at_least: 0.7,
        counts: |one| one.method == Method::Get && one.surface == Surface::Organizations,
    },
    Goal {
        what: "PATCH of every surface, of raw SQLite",
        at_least: 0.4,
        counts: |one| one.method == Method::Patch,
    },
];

/// Whether all went as it should: without `--assert`, missed targets do.
pub(crate) fn run(args: &Args) -> Result<bool, Failure> {
    let directory = tempfile::Builder::new().prefix("bench-").tempdir_in(&args.directory)?;
    let machine = Machine::this(directory.path())?;
    println!("Making a store of {} clients", args.clients);
    let load = Load {
        connections: args.connections as usize,
        // The server's workers are as many as there are cores: leave them some.
        threads: (machine.cores / 2).clamp(1, args.connections as usize),
        seconds: args.seconds,
        engine: None,
    };
    let bench = prepare(args, directory.path(), load)?;
    let mut rounds = Vec::new();
    for number in 1..=args.rounds {
        println!("Round {number} of {}", args.rounds);
        rounds.push(round::run(&bench)?);
    }
    let engine = Engine { name: "SQLite".into(), settings: raw::pragmas(&bench.template)? };
    let ran = Ran::new(args, machine, &load, engine, &VERSIONS);
    let report = Report::new(ran, &rounds, &GOALS, |subject| match subject.method {
        Method::Get => "bare hyper".into(),
        Method::Patch => {
            format!("SQLite in groups of {:.0}", bench.recordings.group_size(subject.surface))
        }
    });
    finish(args, &report)
}

/// Shows the report; whether all went as it should.
pub(crate) fn finish(args: &Args, report: &Report) -> Result<bool, Failure> {
    println!("\n{}", report.text());
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_vec_pretty(report)?)?;
    }
    Ok(!args.assert || report.targets.iter().all(|target| target.met))
}

fn prepare(args: &Args, directory: &Path, load: Load) -> Result<Bench, Failure> {
    let template = Template::make(directory, args.clients)?;
    let log = directory.join("server.log");
    let store = template.copy("first")?;
    let entries = child::audited(&args.server, &store::url(&store))?;
    let server = Server::clientbook(&args.server, &store::url(&store), &log)?;
    let bares = bares(&template, &server)?;
    server.stop()?;
    store::remove(&store)?;
    println!("Recording what changes do");
    let recordings = Recordings::make(&template, &load)?;
    let binary = args.server.clone();
    Ok(Bench { binary, log, template, entries, recordings, bares, load })
}

/// A bare server for each surface, with the real one's answer.
fn bares(template: &Template, server: &Server) -> Result<Vec<(String, Server)>, Failure> {
    let book = Book::new(&template.clients, &template.token);
    let bare = |surface| {
        let mut request = Vec::new();
        book.reads(surface).next(&mut request);
        let constant = server.fetch(&request)?;
        let bare = Server::bare(&constant)?;
        Ok((constant.body, bare))
    };
    Surface::ALL.into_iter().map(bare).collect()
}
