//! Writes and syncs of the store's files that fail.

use super::load::Load;
use super::model::{self, GLOBEX, Lane, Open};
use super::shim::{Call, EIO, ENOSPC, Fault, Of, Shim};
use crate::process::{Caller, OPERATOR, Server, behind, serve_store};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::path::Path;
use tempfile::TempDir;

const FOR_EVER: u32 = u32::MAX;

const REFUSALS: &[StatusCode] =
    &[StatusCode::SERVICE_UNAVAILABLE, StatusCode::INSUFFICIENT_STORAGE];

/// What one kind of fault came to.
#[derive(Default)]
struct Sum {
    struck: u64,
    killed: u32,
    answered: u64,
    refused: u64,
    read: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written() {
    for (error, halves) in [(EIO, false), (ENOSPC, false), (ENOSPC, true)] {
        let fault = Fault { of: Of::Log, call: Call::Write, error, halves, forgets: false };
        strike(fault).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_synced() {
    for (error, forgets) in [(EIO, false), (EIO, true), (ENOSPC, false)] {
        let fault = Fault { of: Of::Log, call: Call::Sync, error, halves: false, forgets };
        strike(fault).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_cannot_write() {
    for (error, halves) in [(EIO, false), (ENOSPC, true)] {
        let fault = Fault { of: Of::Database, call: Call::Write, error, halves, forgets: false };
        strike(fault).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_cannot_sync() {
    for forgets in [false, true] {
        let fault =
            Fault { of: Of::Database, call: Call::Sync, error: EIO, halves: false, forgets };
        strike(fault).await;
    }
}

/// The sync of a commit fails, and then that of a checkpoint which an earlier one has left half done:
/// the store is opened anew, and reads a log with the refused commit at its end.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_stays_refused() {
    if !cfg!(target_os = "linux") {
        println!("not tried: LD_PRELOAD and these error numbers are Linux's");
        return;
    }
    let directory = TempDir::new().expect("a temporary directory");
    let shim = Shim::new();
    let server = start(&shim, directory.path());
    let caller = Caller::new(&server);
    let name = || async { caller.get(GLOBEX).await["name"].clone() };
    let before = name().await;
    let reader = behind(directory.path());
    let log = directory.path().join("clientbook.db-wal");
    // Long enough that each commit asks for a checkpoint, which stops at what the reader may read.
    for step in 0.. {
        if step == 30 {
            reader.execute_batch("BEGIN; SELECT count(*) FROM clients").expect("a read");
        }
        let note = json!({ "note": format!("{step} {}", "x".repeat(4_000)) });
        assert_eq!(caller.changes(GLOBEX, &note).await, 200);
        if log.metadata().expect("a log").len() > 9_500_000 {
            break;
        }
    }
    let sync = |of| Fault { of, call: Call::Sync, error: EIO, halves: false, forgets: false };
    shim.arm(sync(Of::Log), 0, 2);
    drop(reader);
    assert_eq!(caller.changes(GLOBEX, &json!({ "name": "Refused" })).await, 503);
    let begun = std::time::Instant::now();
    while shim.hits() < 2 {
        assert!(begun.elapsed() < crate::process::PATIENCE, "no checkpoint has failed");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    shim.heal();
    assert_eq!(caller.changes(GLOBEX, &json!({ "note": "goes on" })).await, 200);
    assert_eq!(name().await, before);
    server.kill();
    let server = start(&shim, directory.path());
    assert_eq!(Caller::new(&server).get(GLOBEX).await["name"], before);
}

/// Strikes again and again, on one store.
async fn strike(fault: Fault) {
    if !cfg!(target_os = "linux") {
        println!("{fault:?}: not tried: LD_PRELOAD and these error numbers are Linux's");
        return;
    }
    let cycles = super::cycles(3);
    let directory = TempDir::new().expect("a temporary directory");
    let mut steps = [0; Lane::ALL.len()];
    let mut sum = Sum::default();
    let shim = Shim::new();
    let mut server = start(&shim, directory.path());
    for cycle in 0..cycles {
        let load = Load::start(&server, steps, REFUSALS);
        load.goes_on().await;
        // Every third is a single failure, and every third ends with a kill while it goes on.
        let count = if cycle % 3 == 0 { 1 } else { FOR_EVER };
        // The database is synced once a checkpoint: to let some pass would take long on a slow disk.
        let is_rare = (fault.of, fault.call) == (Of::Database, Call::Sync);
        shim.arm(fault, if is_rare { 0 } else { cycle * 7 % 13 }, count);
        load.until("failed call", |_| shim.hits() > 0).await;
        let open = if cycle % 3 == 2 {
            server.kill();
            sum.struck += u64::from(shim.hits());
            sum.killed += 1;
            shim.heal();
            server = start(&shim, directory.path());
            Open::MayStand
        } else {
            struck(fault, &server, &load, count).await;
            sum.struck += u64::from(shim.hits());
            shim.heal();
            load.goes_on().await;
            ready(&server, StatusCode::OK).await;
            Open::MustNot
        };
        sum.read += load.read();
        sum.refused += load.refused().values().sum::<u64>();
        let before: u64 = steps.iter().sum();
        steps = load.stop().await;
        sum.answered += steps.iter().sum::<u64>() - before;
        model::compare(&server, directory.path(), &mut steps, open).await;
    }
    // What only memory held would be missing now.
    server.kill();
    let server = start(&shim, directory.path());
    model::compare(&server, directory.path(), &mut steps, Open::MustNot).await;
    sum.tell(fault, cycles);
}

fn start(shim: &Shim, directory: &Path) -> Server {
    let mut command = serve_store(directory);
    let command = shim.under(command.arg("--demo"));
    Server::launch(command.env("CLIENTBOOK_BOOTSTRAP_TOKEN", OPERATOR))
}

/// What callers see while the fault lasts: reads as ever, writes that are told.
async fn struck(fault: Fault, server: &Server, load: &Load, count: u32) {
    let read = load.read();
    load.until("reads", |load| load.read() > read + 10).await;
    // Pages that cannot be moved out of the log yet stay there: no write fails for that.
    if count == 1 || (fault.of, fault.call) == (Of::Database, Call::Write) {
        return;
    }
    let status = match (fault.call, fault.error) {
        (Call::Write, ENOSPC) => StatusCode::INSUFFICIENT_STORAGE,
        // SQLite knows one error of a sync.
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let refused = |load: &Load| load.refused().get(&status.as_u16()).copied().unwrap_or(0);
    load.until("refused writes", |load| refused(load) >= 5).await;
    let others = load.refused().into_keys().any(|other| other != status.as_u16());
    assert!(!others, "{fault:?}: {:?}", load.refused());
    ready(server, status).await;
}

/// Waits until the server says so of itself: it tries once a second.
async fn ready(server: &Server, status: StatusCode) {
    let caller = Caller::new(server);
    let begun = std::time::Instant::now();
    loop {
        let said = caller.call(Method::GET, "/readyz", None).await;
        if said.status() == status {
            return;
        }
        let said = (said.status(), said.text().await);
        assert!(begun.elapsed() < crate::process::PATIENCE, "{said:?}, not {status}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

impl Sum {
    fn tell(&self, fault: Fault, cycles: u32) {
        let Fault { of, call, error, halves, forgets } = fault;
        let error = if error == EIO { "EIO" } else { "ENOSPC" };
        let halves = if halves { ", half done" } else { "" };
        let forgets = if forgets { ", pages lost" } else { "" };
        let Self { struck, killed, answered, refused, read } = self;
        println!(
            "{of:?} {call:?} {error}{halves}{forgets}: {cycles} cycles, {struck} failed calls, \
             {killed} kills, {answered} answered writes: none lost, none half there; {refused} \
             refused; {read} reads answered"
        );
    }
}
