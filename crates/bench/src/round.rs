//! One round: a fresh copy of the store, and on it every surface, reads and writes, each beside
//! what it is measured by.

use crate::Failure;
use crate::child::{self, Server};
use crate::generator::{self, Load, Outcome};
use crate::machine;
use crate::raw::{self, Recordings};
use crate::stats::Latencies;
use crate::store::{self, Template};
use crate::surface::Surface;
use crate::work::Book;
use serde::Serialize;
use std::path::PathBuf;

/// What stays the same from round to round.
pub(crate) struct Bench {
    pub(crate) binary: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) template: Template,
    /// Entries of the audit trail in the template.
    pub(crate) entries: u64,
    pub(crate) recordings: Recordings,
    /// By surface: the constant answer to its reads, and who gives it.
    pub(crate) bares: Vec<(String, Server)>,
    pub(crate) load: Load,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    Get,
    Patch,
}

/// A measured stretch of requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// CPU microseconds, of a server's process alone, per request.
    pub(crate) cpu: f64,
    /// Those of the database server, where there is one.
    pub(crate) engine_cpu: Option<f64>,
}

/// What is measured: requests of one kind, to so many servers of one store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Subject {
    pub(crate) surface: Surface,
    pub(crate) method: Method,
    pub(crate) servers: u32,
}

/// A subject in one round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) subject: Subject,
    pub(crate) served: Pace,
    /// Cores that other programs kept busy meanwhile.
    pub(crate) others: f64,
    pub(crate) baseline: Pace,
}

pub(crate) struct Round {
    pub(crate) seen: Vec<Seen>,
    /// Bytes.
    pub(crate) peak_memory: u64,
}

/// Runs a round; fails unless every answer was right and both audit trails are whole.
pub(crate) fn run(bench: &Bench) -> Result<Round, Failure> {
    let (own, replayed) = (bench.template.copy("served")?, bench.template.copy("replayed")?);
    let server = Server::clientbook(&bench.binary, &store::url(&own), &bench.log)?;
    let mut replay = raw::open(&replayed)?;
    let book = Book::new(&bench.template.clients, &bench.template.token);
    let mut seen = Vec::new();
    for surface in Surface::ALL {
        let (body, bare) = &bench.bares[surface as usize];
        let reads = generator::drive(&bench.load, &[server.target()], &book.reads(surface))?;
        let constant = book.reads(surface).of_constant(body.as_bytes());
        let baseline = generator::drive(&bench.load, &[bare.target()], &constant)?;
        let subject = |method| Subject { surface, method, servers: 1 };
        seen.push(seen_of(subject(Method::Get), &reads, pace(&baseline)));
        let writes = generator::drive(&bench.load, &[server.target()], &book.writes(surface))?;
        let baseline = bench.recordings.run(surface, &mut replay)?;
        let raw::Outcome { latencies, seconds, cpu } = &baseline;
        let baseline = pace_of(latencies, *seconds, *cpu, None);
        seen.push(seen_of(subject(Method::Patch), &writes, baseline));
    }
    let peak_memory = machine::peak_memory(server.target().process)?;
    server.stop()?;
    drop(replay);
    for (store, changes) in [(&own, book.changes()), (&replayed, bench.recordings.changes())] {
        let entries = child::audited(&bench.binary, &store::url(store))?;
        if entries != bench.entries + changes {
            let told = format!("{changes} changes left {} entries", entries - bench.entries);
            return Err(told.into());
        }
        store::remove(store)?;
    }
    Ok(Round { seen, peak_memory })
}

pub(crate) fn seen_of(subject: Subject, outcome: &Outcome, baseline: Pace) -> Seen {
    let others = outcome.usage.others / outcome.seconds;
    Seen { subject, served: pace(outcome), others, baseline }
}

#[expect(clippy::cast_precision_loss, reason = "not so many requests are made")]
pub(crate) fn pace(outcome: &Outcome) -> Pace {
    let each = |seconds: f64| seconds * 1e6 / outcome.latencies.count() as f64;
    let usage = outcome.usage;
    let engine = outcome.has_engine.then(|| each(usage.engine));
    pace_of(&outcome.latencies, outcome.seconds, each(usage.server), engine)
}

#[expect(clippy::cast_precision_loss, reason = "not so many requests are made")]
pub(crate) fn pace_of(
    latencies: &Latencies,
    seconds: f64,
    cpu: f64,
    engine_cpu: Option<f64>,
) -> Pace {
    let per_second = latencies.count() as f64 / seconds;
    let (p50, p99) = (latencies.percentile(50.0), latencies.percentile(99.0));
    Pace { per_second, p50, p99, cpu, engine_cpu }
}
