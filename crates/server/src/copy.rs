//! `clientbook copy`: a store from one engine to the other.

use crate::cli;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::settings::{self, Place};
use crate::signals::Signals;
use crate::{log, output};
use clientbook_app::{App, AuditScope, Env};
use clientbook_store::copy::{Compared, Copy};
use clientbook_store::{Access, Db, DbError};
use serde::Serialize;
use std::pin::pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const FROM: &str = "--from (CLIENTBOOK_FROM)";
const TO: &str = "--to (CLIENTBOOK_TO)";

/// Copies, compares, verifies. A signal stops it where it can go on later.
pub(crate) fn run(args: &cli::Copy) -> Result<ExitCode, Failure> {
    log::start(settings::log_filter("warn").map_err(Failure::Setting)?);
    let from = settings::place(FROM, &args.from).map_err(Failure::Setting)?;
    let to = settings::place(TO, &args.to).map_err(Failure::Setting)?;
    // Before anything is made.
    let same = match (from, to) {
        (Place::File(_), Place::File(_)) => Some(
            "both stores are of SQLite: stop the server and copy the file, with its -wal file if \
             there is one",
        ),
        (Place::Postgres, Place::Postgres) => {
            Some("both stores are of PostgreSQL: use its pg_dump and pg_restore")
        }
        _ => None,
    };
    if let Some(same) = same {
        return Err(Failure::Setting(same.into()));
    }
    let source = open_source(&args.from, from)?;
    let target = open_target(&args.to)?;
    crate::runtime()?.block_on(async {
        let mut signals = Signals::install()?;
        let mut copying = pin!(copy(source, target));
        tokio::select! {
            outcome = &mut copying => outcome,
            signal = signals.next() => {
                // A transaction that has begun ends first; who cannot wait for it says so.
                tokio::spawn(async move {
                    signals.next().await;
                    std::process::exit(1);
                });
                Err(Failure::Failed(format!(
                    "stopped by {signal}: what has been copied stays, and the same command goes on \
                     from there"
                )))
            }
        }
    })
}

/// A store of this version's tables, and with SQLite its lock.
fn open_source(url: &str, place: Place<'_>) -> Result<Db, Failure> {
    let cannot = |error: DbError| Failure::Failed(format!("{FROM} cannot be copied: {error}"));
    if let Place::File(path) = place
        && !path.try_exists().unwrap_or(true)
    {
        let path = path.display();
        let message = format!("there is no store at {path}: name with {FROM} the one to copy");
        return Err(Failure::Setting(message));
    }
    // Migrates nothing: what another version has written is refused.
    let db = Db::open(url, Access::Read).map_err(cannot)?;
    if place == Place::Postgres {
        return Ok(db);
    }
    drop(db);
    Db::open(url, Access::Write).map_err(|error| match error {
        DbError::Locked(_) => Failure::Failed(format!(
            "{error}: stop it first, so that nothing changes while it is copied"
        )),
        error => cannot(error),
    })
}

/// A store of this version's tables, made where there are none.
fn open_target(url: &str) -> Result<Db, Failure> {
    Db::open(url, Access::Write)
        .map_err(|error| Failure::Failed(format!("{TO} cannot be copied to: {error}")))
}

async fn copy(source: Db, target: Db) -> Result<ExitCode, Failure> {
    let begun = Instant::now();
    let failed = |error: DbError| Failure::Failed(format!("the copy is not complete: {error}"));
    let mut copy = Copy::begin(source.clone(), target.clone()).await.map_err(|error| {
        Failure::Failed(format!("from {FROM} to {TO} nothing can be copied: {error}"))
    })?;
    let is_resumed = copy.is_resumed();
    let before = copy.moved();
    if is_resumed {
        output::note(&format!("{before} of {} rows are there already: going on", copy.total()));
    }
    let mut progress = Progress::begin("copying", copy.total(), before);
    while let Some(table) = copy.step().await.map_err(failed)? {
        progress.at(&table, copy.moved());
    }
    progress.end(copy.moved());
    let took = begun.elapsed();
    let rows = copy.moved();
    let mut report = ReportView {
        copied: false,
        resumed: is_resumed,
        tables: copy.carried().count(),
        rows,
        rows_per_second: per_second(rows - before, took),
        differences: Vec::new(),
        chains: 0,
        entries: 0,
        faults: 0,
        seconds: 0,
    };
    let compared = compare(&copy).await.map_err(failed)?;
    report.differences = compared.into_iter().filter(|table| !table.is_same()).map(view).collect();
    if let [first, ..] = &report.differences[..] {
        let message = format!(
            "the copy is not the same as its source, first in the table {} ({} rows, and {} in the \
             copy): somebody has changed one of them meanwhile. The copy is not served; empty it \
             and begin anew",
            first.table, first.source_rows, first.copy_rows
        );
        return tell(report, begun, Some(message));
    }
    let faults = verify(&mut report, &source, &target).await?;
    if faults == Faults::OfTheCopy {
        let message = "the audit trail of the copy is not intact, and that of the source is: look \
            at both with `clientbook audit verify`. The copy is not served";
        return tell(report, begun, Some(message.into()));
    }
    output::note("making the lists of the copy");
    copy.finish().await.map_err(failed)?;
    report.copied = true;
    let message = (faults == Faults::OfBoth).then(|| {
        "the copy is the same as its source, to the byte, and so are the faults of its audit trail: \
         `clientbook audit verify` tells them"
            .to_owned()
    });
    tell(report, begun, message)
}

async fn compare(copy: &Copy) -> Result<Vec<Compared>, DbError> {
    let progress = std::cell::RefCell::new(Progress::begin("comparing", copy.total(), 0));
    let read = std::cell::Cell::new(0);
    let compared = copy.compare(|rows| {
        read.set(read.get() + rows);
        progress.borrow_mut().at("", read.get());
    });
    let compared = compared.await?;
    progress.into_inner().end(read.get());
    Ok(compared)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Faults {
    None,
    OfBoth,
    OfTheCopy,
}

async fn verify(report: &mut ReportView, source: &Db, target: &Db) -> Result<Faults, Failure> {
    output::note("verifying the audit trail of the copy");
    let verify = async |db: &Db| {
        App::inspect(db.clone(), Env::system()).verify_audit(AuditScope::default()).await
    };
    let found = verify(target).await?;
    (report.chains, report.entries) = (found.chains, found.entries);
    report.faults = found.faults.len();
    if found.faults.is_empty() {
        return Ok(Faults::None);
    }
    Ok(if verify(source).await? == found { Faults::OfBoth } else { Faults::OfTheCopy })
}

fn tell(
    mut report: ReportView,
    begun: Instant,
    failure: Option<String>,
) -> Result<ExitCode, Failure> {
    report.seconds = begun.elapsed().as_secs();
    output::print(&output::json(&report)).map_err(|error| {
        Failure::Failed(format!("what was copied could not be printed: {error}"))
    })?;
    match failure {
        Some(why) => Err(Failure::Failed(why)),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn per_second(rows: u64, took: Duration) -> u64 {
    u64::try_from(u128::from(rows) * 1_000 / took.as_millis().max(1)).unwrap_or(u64::MAX)
}

#[derive(Serialize)]
struct ReportView {
    copied: bool,
    resumed: bool,
    tables: usize,
    rows: u64,
    /// Of this run, without the comparison.
    rows_per_second: u64,
    differences: Vec<DifferenceView>,
    chains: u64,
    entries: u64,
    faults: usize,
    seconds: u64,
}

#[derive(Serialize)]
struct DifferenceView {
    table: String,
    source_rows: u64,
    copy_rows: u64,
}

fn view(compared: Compared) -> DifferenceView {
    DifferenceView {
        source_rows: compared.source.rows,
        copy_rows: compared.target.rows,
        table: compared.table,
    }
}
