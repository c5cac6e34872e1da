//! Moves the log (WAL) into the database file, on a thread and a connection of its own: inside
//! COMMIT the same work would stand in the tail of every write's latency.

use super::limits::Limits;
use super::open;
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long SQLite waits for readers before it looks again which ones there are. It waits for the
/// place where it once saw an old read, even if newer reads have taken that over since: steady
/// reads would keep it waiting for ever.
const LOOK: Duration = Duration::from_millis(20);

/// The checkpointing thread, as the writer sees it.
pub(super) struct Checkpointer {
    wake: Option<SyncSender<Option<SyncSender<bool>>>>,
    thread: Option<JoinHandle<()>>,
    limits: Limits,
    pub(super) cap: i32,
}

impl Checkpointer {
    pub(super) fn start(path: &Path, limits: Limits) -> std::io::Result<Self> {
        let look = LOOK.min(limits.patience);
        let connection = open::checkpointer(path, look).map_err(std::io::Error::other)?;
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || run(&connection, &woken, limits.patience))?;
        Ok(Self { wake: Some(wake), thread: Some(thread), limits, cap: limits.cap })
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
            let _already_asked = wake.try_send(None);
            return;
        }
        let (done, is_done) = sync_channel(1);
        let asked = wake.send(Some(done));
        let emptied = asked.is_ok() && is_done.recv().unwrap_or(false);
        if !emptied {
            tracing::warn!(pages, "a long read keeps the write-ahead log from being emptied");
            // Waiting for the same read at every commit would bring the writer to a stand.
            self.cap = pages + self.limits.cap / 4;
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the checkpoint thread panicked");
        }
    }
}

fn run(connection: &Connection, woken: &Receiver<Option<SyncSender<bool>>>, patience: Duration) {
    while let Ok(answer) = woken.recv() {
        let done = match answer {
            None => checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)"),
            Some(_) => empty(connection, patience),
        };
        if let Err(error) = &done {
            tracing::error!(%error, "a checkpoint failed; the write-ahead log keeps what it has");
        }
        if let Some(answer) = answer {
            // The writer waits for it, unless it has panicked.
            let _listening = answer.send(done.unwrap_or(false));
        }
    }
}

// SQLite starts the log over only when a writer finds all of it moved and no reader in it, which
// steady writes beside steady reads never let happen: so at the cap the writer stands still, and
// RESTART waits for the readers in the log. New ones meanwhile need only the database file.
fn empty(connection: &Connection, patience: Duration) -> rusqlite::Result<bool> {
    let begun = Instant::now();
    loop {
        let done = checkpoint(connection, "PRAGMA wal_checkpoint(RESTART)")?;
        if done || begun.elapsed() >= patience {
            return Ok(done);
        }
    }
}

/// Whether nobody was in its way.
fn checkpoint(connection: &Connection, sql: &str) -> rusqlite::Result<bool> {
    connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|busy| busy == 0)
}
