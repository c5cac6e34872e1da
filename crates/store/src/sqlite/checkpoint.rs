//! Moves the log (WAL) into the database file, on a thread and a connection of its own: inside
//! COMMIT the same work would stand in the tail of every write's latency.

use super::limits::Limits;
use super::{open, sweep};
use crate::error::DbError;
use rusqlite::{Connection, ffi};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long SQLite waits for readers before it looks again which ones there are. It waits for the
/// place where it once saw an old read, even if newer reads have taken that over since: steady
/// reads would keep it waiting for ever.
const LOOK: Duration = Duration::from_millis(20);

/// How long the log's file may not be truncated because somebody reads in it.
const SCRUB: Duration = Duration::from_secs(10);

const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const RESTART: &str = "PRAGMA wal_checkpoint(RESTART)";
const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// Whether the log must be moved, all of it, before anything else is written.
#[derive(Clone, Default)]
pub(super) struct Doubt(Arc<AtomicBool>);

impl Doubt {
    pub(super) fn is_there(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    pub(super) fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(super) fn dispel(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// What came of emptying the log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Emptied {
    Done,
    /// A long read is in the way.
    Busy,
    /// The disk failed.
    Failed,
}

/// What the thread is asked to do.
enum Ask {
    /// To move what it can.
    Move,
    /// To let the log start over, and to say whether it does: the writer stands still meanwhile.
    StartOver(SyncSender<Emptied>),
    /// To leave nothing in the log's file, and to say whether that is so.
    Truncate(SyncSender<Emptied>),
    /// To look at a part of the database file, from a page on, while nothing is moved into it.
    Look(Arc<File>, u64, SyncSender<io::Result<Looked>>),
}

/// Pages of which something is to be overwritten, and where to go on.
pub(super) type Looked = (Vec<u64>, Option<u64>);

/// Where the thread that runs now is asked.
#[derive(Clone, Default)]
pub(super) struct Checkpoints(Arc<Mutex<Option<SyncSender<Ask>>>>);

impl Checkpoints {
    fn set(&self, asks: Option<SyncSender<Ask>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = asks;
    }

    /// Leaves nothing in the log's file; whether that is so, or a long read is in the way.
    pub(super) fn truncate(&self) -> Result<bool, DbError> {
        let failed = || DbError::Unavailable("the log cannot be moved".into());
        let asks = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (done, is_done) = sync_channel(1);
        asks.and_then(|asks| asks.send(Ask::Truncate(done)).ok()).ok_or_else(failed)?;
        match is_done.recv().map_err(|_| failed())? {
            Emptied::Done => Ok(true),
            Emptied::Busy => Ok(false),
            Emptied::Failed => Err(failed()),
        }
    }

    /// See `sweep::dirty`.
    pub(super) fn look(&self, file: &Arc<File>, first: u64) -> Result<Looked, DbError> {
        let failed = || DbError::Unavailable("the file cannot be looked at".into());
        let asks = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (done, is_done) = sync_channel(1);
        let ask = Ask::Look(Arc::clone(file), first, done);
        asks.and_then(|asks| asks.send(ask).ok()).ok_or_else(failed)?;
        let looked = is_done.recv().map_err(|_| failed())?;
        looked.map_err(|error| DbError::Unavailable(error.to_string()))
    }
}

/// The checkpointing thread, as the writer sees it.
pub(super) struct Checkpointer {
    wake: Option<SyncSender<Ask>>,
    checkpoints: Checkpoints,
    thread: Option<JoinHandle<()>>,
    limits: Limits,
    doubt: Doubt,
    pub(super) cap: i32,
}

impl Checkpointer {
    pub(super) fn start(
        path: &Path,
        limits: Limits,
        doubt: Doubt,
        checkpoints: Checkpoints,
    ) -> std::io::Result<Self> {
        let look = LOOK.min(limits.patience);
        let connection = open::checkpointer(path, look).map_err(std::io::Error::other)?;
        let (wake, woken) = sync_channel(1);
        let doubts = doubt.clone();
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || run(&connection, &woken, limits.patience, &doubts))?;
        checkpoints.set(Some(wake.clone()));
        let (wake, thread, cap) = (Some(wake), Some(thread), limits.cap);
        Ok(Self { wake, checkpoints, thread, limits, doubt, cap })
    }

    /// Tells it how long the log is after a commit; waits only at the cap.
    pub(super) fn log_is(&mut self, pages: i32) {
        if pages < self.limits.cap {
            self.cap = self.limits.cap;
        }
        let Some(wake) = self.wake.as_ref().filter(|_| pages >= self.limits.worth_while) else {
            return;
        };
        if pages < self.cap {
            // Full means that one is about to run: nothing is lost.
            let _already_asked = wake.try_send(Ask::Move);
            return;
        }
        let (done, is_done) = sync_channel(1);
        let asked = wake.send(Ask::StartOver(done));
        match asked.ok().and_then(|()| is_done.recv().ok()).unwrap_or(Emptied::Failed) {
            Emptied::Done => {}
            Emptied::Busy => {
                tracing::warn!(pages, "a long read keeps the write-ahead log from being emptied");
                // Waiting for the same read at every commit would bring the writer to a stand.
                self.cap = pages + self.limits.cap / 4;
            }
            // Writes that went on would fill the disk.
            Emptied::Failed => self.doubt.raise(),
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        self.checkpoints.set(None);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the checkpoint thread panicked");
        }
    }
}

fn run(connection: &Connection, woken: &Receiver<Ask>, patience: Duration, doubt: &Doubt) {
    let mut fails = false;
    while let Ok(ask) = woken.recv() {
        // What a failed sync may have lost counts as moved: see `Writable`.
        let done = match ask {
            Ask::Look(file, first, answer) => {
                // Whoever asked may be gone.
                let _listening = answer.send(sweep::dirty(&file, first));
                continue;
            }
            Ask::Move if doubt.is_there() => continue,
            _ if doubt.is_there() => Ok(Emptied::Failed),
            Ask::Move => checkpoint(connection, PASSIVE),
            Ask::StartOver(_) => empty(connection, RESTART, patience),
            Ask::Truncate(_) => empty(connection, TRUNCATE, SCRUB),
        };
        match &done {
            Ok(_) if fails => tracing::info!("checkpoints succeed again"),
            Err(error) if is_failed_sync(error) => {
                doubt.raise();
                tracing::error!(%error, "a sync failed; the whole log is moved before the next write");
            }
            // Each commit asks for one: once is enough to say.
            Err(error) if !fails => {
                tracing::error!(%error, "checkpoints fail; the write-ahead log keeps what it has");
            }
            _ => {}
        }
        fails = done.is_err();
        if let Ask::StartOver(answer) | Ask::Truncate(answer) = ask {
            // The writer waits for it, unless it has panicked.
            let _listening = answer.send(done.unwrap_or(Emptied::Failed));
        }
    }
}

fn is_failed_sync(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|code| code.extended_code == ffi::SQLITE_IOERR_FSYNC)
}

// SQLite starts the log over only when a writer finds all of it moved and no reader in it, which
// steady writes beside steady reads never let happen: so at the cap the writer stands still, and
// RESTART waits for the readers in the log. New ones meanwhile need only the database file.
// TRUNCATE takes the writer's place between two commits, for a moment at a time.
fn empty(connection: &Connection, sql: &str, patience: Duration) -> rusqlite::Result<Emptied> {
    let begun = Instant::now();
    loop {
        let done = checkpoint(connection, sql)?;
        if done == Emptied::Done || begun.elapsed() >= patience {
            return Ok(done);
        }
    }
}

fn checkpoint(connection: &Connection, sql: &str) -> rusqlite::Result<Emptied> {
    let busy = connection.query_row(sql, [], |row| row.get::<_, i64>(0))?;
    Ok(if busy == 0 { Emptied::Done } else { Emptied::Busy })
}
