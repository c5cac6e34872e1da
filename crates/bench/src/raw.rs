//! What durability itself costs: the statements that changes through each surface ran, run again
//! on a copy of the same store by SQLite alone, in the same groups.

use crate::Failure;
use crate::generator::{self, Load, Target};
use crate::machine::{self, Usage};
use crate::stats::Latencies;
use crate::store::{self, InProcess, Template};
use crate::surface::Surface;
use crate::work::Book;
use clientbook_store::{Group, Recording, Replay};
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;

/// What the writer ran for each surface, one surface after the other.
pub(crate) struct Recordings(Vec<Recording>);

/// What SQLite took for one of them.
pub(crate) struct Outcome {
    /// Of a change: of the group it was in.
    pub(crate) latencies: Latencies,
    pub(crate) seconds: f64,
    /// CPU microseconds of a change.
    pub(crate) cpu: f64,
}

impl Recordings {
    /// Loads a server in this process as the real one will be, and records.
    pub(crate) fn make(template: &Template, load: &Load) -> Result<Self, Failure> {
        let copy = template.copy("recorded")?;
        let runtime = Runtime::new()?;
        let server = InProcess::serve(&runtime, &store::url(&copy))?;
        let book = Book::new(&template.clients, &template.token);
        let target = Target { address: server.address, process: std::process::id() };
        let record = |surface| {
            runtime.block_on(server.db.start_recording())?;
            generator::drive(load, &[target], &book.writes(surface))?;
            Ok(runtime.block_on(server.db.stop_recording())?)
        };
        let recordings =
            Surface::ALL.into_iter().map(record).collect::<Result<Vec<_>, Failure>>()?;
        let recorded: usize = recordings.iter().map(Recording::changes).sum();
        if recorded as u64 != book.changes() {
            return Err(format!("{recorded} of {} changes were recorded", book.changes()).into());
        }
        drop((server, runtime));
        store::remove(&copy)?;
        Ok(Self(recordings))
    }

    /// How many changes they hold in all.
    pub(crate) fn changes(&self) -> u64 {
        self.0.iter().map(|recording| recording.changes() as u64).sum()
    }

    /// The changes of a group, on average.
    #[expect(clippy::cast_precision_loss, reason = "not so many are recorded")]
    pub(crate) fn group_size(&self, surface: Surface) -> f64 {
        let recording = &self.0[surface as usize];
        recording.changes() as f64 / recording.groups() as f64
    }

    /// Runs one of them on a store that has those of the surfaces before it, and no more.
    pub(crate) fn run(&self, surface: Surface, replay: &mut Replay) -> Result<Outcome, Failure> {
        let this = std::process::id();
        let before = machine::usage(&[this], None)?;
        let groups = replay.run(&self.0[surface as usize])?;
        outcome(&groups, machine::usage(&[this], None)? - before)
    }
}

/// The server's store is warm when it is measured, so the first groups do not count here either.
#[expect(clippy::cast_precision_loss, reason = "not so many are recorded")]
fn outcome(groups: &[Group], usage: Usage) -> Result<Outcome, Failure> {
    let (Some(first), Some(last)) = (groups.first(), groups.last()) else {
        return Err("nothing was recorded".into());
    };
    let warm = first.begun + generator::warm_up(last.done - first.begun);
    let counted = || groups.iter().filter(|group| group.begun >= warm);
    let mut latencies = Latencies::new()?;
    for group in counted() {
        latencies.record_many(group.done - group.begun, group.changes)?;
    }
    let begun = counted().map(|group| group.begun).next();
    let took = begun.map_or(Duration::ZERO, |begun| last.done - begun);
    let changes: u64 = groups.iter().map(|group| group.changes).sum();
    let cpu = usage.server * 1e6 / changes as f64;
    Ok(Outcome { latencies, seconds: took.as_secs_f64(), cpu })
}

/// Opens a copy of the store for a round of runs.
pub(crate) fn open(copy: &Path) -> Result<Replay, Failure> {
    Ok(Replay::open(copy)?)
}

/// What SQLite is set to.
pub(crate) fn pragmas(template: &Template) -> Result<Vec<(String, String)>, Failure> {
    let copy = template.copy("pragmas")?;
    let replay = open(&copy)?;
    let pragmas = replay.pragmas()?.into_iter().map(|(name, value)| (name.to_owned(), value));
    let pragmas = pragmas.collect();
    drop(replay);
    store::remove(&copy)?;
    Ok(pragmas)
}
