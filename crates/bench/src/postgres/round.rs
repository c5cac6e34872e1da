//! One round: fresh copies of the database, and on them every surface, reads and writes, each
//! beside pgbench; at the end two servers on one database beside one.

use super::TEMPLATE;
use super::pgbench::{Pgbench, Until};
use super::recorded::Scripts;
use crate::Failure;
use crate::child::{self, Server};
use crate::generator::{self, Load};
use crate::machine;
use crate::round::{Method, Round, Seen, Subject, pace, seen_of};
use crate::surface::Surface;
use crate::work::Book;
use clientbook_model::client::Client;
use clientbook_store::Cluster;
use std::path::PathBuf;
use tokio::runtime::Runtime;

/// What stays the same from round to round.
pub(crate) struct Bench {
    pub(crate) server: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) cluster: Cluster,
    /// In no order of the database's.
    pub(crate) clients: Vec<Client>,
    /// An admin's.
    pub(crate) token: String,
    /// Entries of the audit trail in the template.
    pub(crate) entries: u64,
    pub(crate) scripts: Scripts,
    pub(crate) pgbench: Pgbench,
    pub(crate) load: Load,
}

/// Runs a round; fails unless every answer was right and the audit trail is whole.
pub(crate) fn run(bench: &Bench, runtime: &Runtime) -> Result<Round, Failure> {
    let make = |name| runtime.block_on(bench.cluster.make(name, Some(TEMPLATE)));
    let (own, replayed) = (make("bench_served")?, make("bench_replayed")?);
    let server = Server::clientbook(&bench.server, &own, &bench.log)?;
    let book = Book::new(&bench.clients, &bench.token);
    let mut seen = Vec::new();
    let load = &bench.load;
    for surface in Surface::ALL {
        let subject = |method| Subject { surface, method, servers: 1 };
        let script = bench.scripts.reads(surface);
        runtime.block_on(script.load(&replayed))?;
        let reads = generator::drive(load, &[server.target()], &book.reads(surface))?;
        let baseline = bench.pgbench.run(&replayed, script, Until::Time)?;
        seen.push(seen_of(subject(Method::Get), &reads, baseline));
        let script = bench.scripts.changes(surface);
        runtime.block_on(async {
            script.load(&replayed).await?;
            bench.cluster.checkpoint().await
        })?;
        let writes = generator::drive(load, &[server.target()], &book.writes(surface))?;
        let baseline = bench.pgbench.run(&replayed, script, Until::Done)?;
        seen.push(seen_of(subject(Method::Patch), &writes, baseline));
    }
    seen.extend(two(bench, &own, &server, &book)?);
    let peak_memory = machine::peak_memory(server.target().process)?;
    server.stop()?;
    let entries = child::audited(&bench.server, &own)?;
    if entries != bench.entries + book.changes() {
        let left = entries - bench.entries;
        return Err(format!("{} changes left {left} entries", book.changes()).into());
    }
    for name in ["bench_served", "bench_replayed"] {
        runtime.block_on(bench.cluster.remove(name))?;
    }
    Ok(Round { seen, peak_memory })
}

/// A second server beside the first, and the same load on both.
fn two(bench: &Bench, url: &str, first: &Server, book: &Book<'_>) -> Result<Vec<Seen>, Failure> {
    let second = Server::clientbook(&bench.server, url, &bench.log)?;
    let both = [first.target(), second.target()];
    let surface = Surface::Organizations;
    let subject = |method| Subject { surface, method, servers: 2 };
    let load = &bench.load;
    let alone = generator::drive(load, &both[..1], &book.reads(surface))?;
    let reads = generator::drive(load, &both, &book.reads(surface))?;
    let reads = seen_of(subject(Method::Get), &reads, pace(&alone));
    let alone = generator::drive(load, &both[..1], &book.writes(surface))?;
    let writes = generator::drive(load, &both, &book.writes(surface))?;
    let writes = seen_of(subject(Method::Patch), &writes, pace(&alone));
    second.stop()?;
    Ok(vec![reads, writes])
}
