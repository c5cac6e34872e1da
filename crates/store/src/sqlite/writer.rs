//! The one thread that writes, and group commit.
//!
//! Transactions queue for the writer. It opens one physical transaction, runs each waiting one
//! between `SAVEPOINT` and `RELEASE`, commits once and then answers them all: no answer leaves
//! before the fsync that covers it, and one transaction's failure rolls back its savepoint alone.

use super::checkpoint::Checkpointer;
use super::connection::{Connection, from_sqlite};
use super::poll;
use crate::error::DbError;
use crate::tx::Tx;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// How many transactions may wait for the writer.
const QUEUE: usize = 4_096;

/// How long a transaction waits for a place in the queue before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most transactions of one group.
const GROUP: usize = 256;

/// The longest a group gathers: its first member waits for it.
const GATHER: Duration = Duration::from_millis(5);

pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(
        path: &Path,
        mut connection: rusqlite::Connection,
    ) -> Result<Self, DbError> {
        let refuse = |error: std::io::Error| DbError::Unavailable(error.to_string());
        let checkpointer = Checkpointer::start(path).map_err(refuse)?;
        let pages = Arc::new(AtomicI32::new(0));
        let counter = Arc::clone(&pages);
        connection
            .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
                counter.store(pages, Ordering::Relaxed);
                Ok(())
            }))
            .map_err(|error| from_sqlite(&error))?;
        let (queue, waiting) = mpsc::channel(QUEUE);
        let tx = Tx { sqlite: Connection::new(connection) };
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || run(tx, waiting, &checkpointer, &pages))
            .map_err(refuse)?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    pub(super) async fn write<T, E, F>(&self, change: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let stopped = || DbError::Unavailable("the writer has stopped".into());
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Change { run: change, outcome: None, reply });
        queue
            .send_timeout(job, PATIENCE)
            .await
            .map_err(|_| DbError::Unavailable("too many writes are waiting".into()))?;
        answer.await.unwrap_or_else(|_| Err(stopped().into()))
    }
}

/// Lets what is queued finish, then closes the file.
impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer thread panicked");
        }
    }
}

/// A queued transaction, whatever its types.
trait Job: Send {
    /// Runs it inside the open savepoint; whether its changes stand.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// Answers it; `failed` says why the group it was part of did not become durable.
    fn answer(self: Box<Self>, failed: Option<&DbError>);
}

struct Change<F, T, E> {
    run: F,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Job for Change<F, T, E>
where
    F: AsyncFn(&mut Tx) -> Result<T, E> + Send,
    T: Send,
    E: From<DbError> + Send,
{
    fn run(&mut self, tx: &mut Tx) -> bool {
        let outcome = poll::ready((self.run)(tx)).unwrap_or_else(|error| Err(error.into()));
        let stands = outcome.is_ok();
        self.outcome = Some(outcome);
        stands
    }

    fn answer(self: Box<Self>, failed: Option<&DbError>) {
        let outcome = match (self.outcome, failed) {
            // A refusal stands whatever became of the group: it changed nothing.
            (Some(Err(refused)), _) => Err(refused),
            (_, Some(failed)) => Err(failed.clone().into()),
            (Some(done), None) => done,
            (None, None) => Err(DbError::internal("a transaction was never run").into()),
        };
        // The caller may be gone; what was committed stays.
        let _caller = self.reply.send(outcome);
    }
}

fn run(
    mut tx: Tx,
    mut waiting: mpsc::Receiver<Box<dyn Job>>,
    checkpointer: &Checkpointer,
    pages: &AtomicI32,
) {
    let mut group = Vec::with_capacity(GROUP);
    while let Some(first) = waiting.blocking_recv() {
        let committed = commit_group(&mut tx, first, &mut waiting, &mut group);
        if let Err(error) = &committed {
            tracing::error!(%error, transactions = group.len(), "a group of writes was rolled back");
        }
        for job in group.drain(..) {
            job.answer(committed.as_ref().err());
        }
        checkpointer.log_is(pages.load(Ordering::Relaxed));
    }
}

fn commit_group(
    tx: &mut Tx,
    first: Box<dyn Job>,
    waiting: &mut mpsc::Receiver<Box<dyn Job>>,
    group: &mut Vec<Box<dyn Job>>,
) -> Result<(), DbError> {
    let begun = Instant::now();
    tx.sqlite.fault = None;
    let mut next = Some(first);
    let gathered = tx.sqlite.execute("BEGIN IMMEDIATE", &[]).and_then(|_| {
        while let Some(mut job) = next.take() {
            let ran = run_one(tx, job.as_mut());
            group.push(job);
            ran?;
            if group.len() < GROUP && begun.elapsed() < GATHER {
                next = waiting.try_recv().ok();
            }
        }
        tx.sqlite.execute("COMMIT", &[])
    });
    // Where BEGIN failed, the first one still wants its answer.
    group.extend(next);
    gathered.map(|_| ()).inspect_err(|_| roll_back(tx))
}

// Disk full, I/O errors and lack of memory may make SQLite roll back the whole transaction, and
// with it the members that ran before: then the group has failed, whatever this one says.
fn run_one(tx: &mut Tx, job: &mut dyn Job) -> Result<(), DbError> {
    tx.sqlite.execute("SAVEPOINT change", &[])?;
    let stands = job.run(tx);
    if tx.sqlite.raw.is_autocommit() {
        let lost = || DbError::internal("SQLite rolled the transaction back");
        return Err(tx.sqlite.fault.take().unwrap_or_else(lost));
    }
    if !stands {
        tx.sqlite.execute("ROLLBACK TO change", &[])?;
    }
    tx.sqlite.execute("RELEASE change", &[])?;
    Ok(())
}

fn roll_back(tx: &mut Tx) {
    if tx.sqlite.raw.is_autocommit() {
        return;
    }
    if let Err(error) = tx.sqlite.execute("ROLLBACK", &[]) {
        tracing::error!(%error, "a failed group could not be rolled back");
    }
}
