//! What requests through each surface make the server send, as scripts for pgbench.

use crate::Failure;
use crate::generator::{self, Load, Target};
use crate::store::InProcess;
use crate::surface::Surface;
use crate::work::Book;
use clientbook_model::client::Client;
use clientbook_store::Script;
use std::path::Path;
use tokio::runtime::Runtime;

/// Changes of one run of a script: pgbench fetches the arguments of all of them at once.
const CHANGES: usize = 8;

/// Reads of one run.
const READS: usize = 16;

/// So much longer than it is measured the server is recorded: pgbench is faster, and makes each
/// change only once.
const LONGER: f64 = 6.0;

/// By surface.
pub(crate) struct Scripts {
    changes: Vec<Script>,
    reads: Vec<Script>,
}

impl Scripts {
    /// Loads a server in this process as the real one will be, and records.
    pub(crate) fn record(
        url: &str,
        clients: &[Client],
        token: &str,
        load: &Load,
    ) -> Result<Self, Failure> {
        let runtime = Runtime::new()?;
        let server = InProcess::serve(&runtime, url)?;
        let book = Book::new(clients, token);
        let target = Target { address: server.address, process: std::process::id() };
        let (mut changes, mut reads) = (Vec::new(), Vec::new());
        for surface in Surface::ALL {
            server.db.start_tape()?;
            let short = Load { seconds: 0.2, ..*load };
            generator::drive(&short, &[target], &book.reads(surface))?;
            reads.push(server.db.stop_tape()?.reads(READS)?);
            server.db.start_tape()?;
            let long = Load { seconds: LONGER * load.seconds, ..*load };
            generator::drive(&long, &[target], &book.writes(surface))?;
            let script = server.db.stop_tape()?.changes(CHANGES)?;
            let recorded = script.runs() * CHANGES + script.others;
            if script.others * 20 > recorded {
                let name = surface.name();
                let told = format!("{} of {recorded} changes of {name}", script.others);
                return Err(format!("{told} send other statements than the rest").into());
            }
            changes.push(script);
        }
        Ok(Self { changes, reads })
    }

    pub(crate) fn changes(&self, surface: Surface) -> &Script {
        &self.changes[surface as usize]
    }

    pub(crate) fn reads(&self, surface: Surface) -> &Script {
        &self.reads[surface as usize]
    }

    /// Writes the scripts down, for whoever wants to know what ran.
    pub(crate) fn keep(&self, directory: &Path) -> Result<(), Failure> {
        for surface in Surface::ALL {
            let name = surface.name().replace(' ', "-");
            for (what, script) in [("get", self.reads(surface)), ("patch", self.changes(surface))] {
                let path = directory.join(format!("pgbench-{name}-{what}.sql"));
                std::fs::write(path, &script.text)?;
            }
        }
        Ok(())
    }
}
