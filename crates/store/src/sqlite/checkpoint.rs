//! Moves the log (WAL) into the database file, on a thread and a connection of its own: inside
//! COMMIT the same work would stand in the tail of every write's latency.

use super::open;
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Log pages (4 KiB each) from which a checkpoint is worth its while: 8 MiB.
const WORTH_WHILE: i32 = 2_000;

/// Log pages at which the writer waits for a checkpoint before it goes on: 128 MiB. SQLite starts
/// the log over only when a writer finds all of it moved, which a steady writer never lets happen.
const CAP: i32 = 32_000;

/// The longest the writer waits at the cap. A long read may pin the log; writes then go on, and
/// the log grows until the read ends.
const PATIENCE: Duration = Duration::from_secs(2);

/// The checkpointing thread, as the writer sees it.
pub(super) struct Checkpointer {
    wake: Option<SyncSender<Option<SyncSender<()>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(path: &Path) -> std::io::Result<Self> {
        let connection = open::checkpointer(path).map_err(std::io::Error::other)?;
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || run(&connection, &woken))?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }

    /// Tells it how long the log is after a commit; waits only at the cap.
    pub(super) fn log_is(&self, pages: i32) {
        let Some(wake) = self.wake.as_ref().filter(|_| pages >= WORTH_WHILE) else {
            return;
        };
        if pages < CAP {
            // Full means that one is about to run: nothing is lost.
            let _already_asked = wake.try_send(None);
            return;
        }
        let (done, is_done) = sync_channel(1);
        if wake.send(Some(done)).is_ok() && is_done.recv_timeout(PATIENCE).is_err() {
            tracing::warn!(pages, "a long read keeps the write-ahead log from being emptied");
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

fn run(connection: &Connection, woken: &Receiver<Option<SyncSender<()>>>) {
    while let Ok(answer) = woken.recv() {
        let checkpoint =
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(0));
        if let Err(error) = checkpoint {
            tracing::error!(%error, "a checkpoint failed; the write-ahead log keeps what it has");
        }
        if let Some(answer) = answer {
            // The writer may have run out of patience: then nobody listens, and that is fine.
            let _listening = answer.send(());
        }
    }
}
