//! The one thread that writes, and group commit.
//!
//! Transactions queue for the writer. It opens one physical transaction, runs all that wait in it,
//! commits once and then answers them: no answer leaves before the fsync that covers it. One
//! transaction's failure rolls back its own `SAVEPOINT`; the first one needs none, as with it goes
//! all there is so far.
//!
//! Inside a savepoint SQLite keeps the former state of each page, in a list that it walks at the end
//! of every statement. A transaction of ten thousand statements spends most of its time there, so it
//! is always the first of its group (`Size::Large`).

use super::connection::Connection;
use super::limits::Limits;
use super::poll;
use super::writable::Writable;
use crate::changes::Changes;
use crate::error::DbError;
use crate::tx::Tx;
use std::fs::File;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot};

/// How many transactions may wait for the writer.
pub(super) const QUEUE: usize = 4_096;

/// How long a transaction waits for a place in the queue before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most transactions of one group.
const GROUP: usize = 256;

/// How much a transaction writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// Some rows.
    Small,
    /// Hundreds or thousands of rows.
    Large,
}

pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread, which holds the file and its lock until it has closed its connections.
    pub(super) fn start(
        writable: Writable,
        (file, lock): (Arc<File>, File),
        limits: Limits,
    ) -> Result<Self, DbError> {
        let refuse = |error: std::io::Error| DbError::Unavailable(error.to_string());
        let (queue, waiting) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || {
                run(writable, waiting, limits.gather);
                drop(file);
                // Closing the file would do, unless a process that is just being started shares it.
                if let Err(error) = lock.unlock() {
                    tracing::error!(%error, "the store's lock could not be given back");
                }
            })
            .map_err(refuse)?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    pub(super) async fn write<T, E, F>(&self, size: Size, change: F) -> Result<T, E>
    where
        F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let stopped = || DbError::Unavailable("the writer has stopped".into());
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Change { size, run: change, outcome: None, reply });
        queue.send_timeout(job, PATIENCE).await.map_err(|error| match error {
            SendTimeoutError::Timeout(_) => {
                DbError::Unavailable("too many writes are waiting".into())
            }
            SendTimeoutError::Closed(_) => stopped(),
        })?;
        answer.await.unwrap_or_else(|_| Err(stopped().into()))
    }
}

/// Lets what is queued finish, then closes the file.
impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        // A transaction whose caller is gone may own the last handle. Then this is the writer's
        // own thread: it cannot wait for itself, and ends when the queue is empty.
        let this = std::thread::current().id();
        let other = self.thread.take().filter(|thread| thread.thread().id() != this);
        if other.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer thread panicked");
        }
    }
}

/// A queued transaction, whatever its types.
trait Job: Send {
    /// How much it writes.
    fn size(&self) -> Size;
    /// Runs it; whether its changes stand.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// Answers it; `failed` says why the group it was part of did not become durable.
    fn answer(self: Box<Self>, failed: Option<&DbError>);
}

struct Change<F, T, E> {
    size: Size,
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
    fn size(&self) -> Size {
        self.size
    }

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

fn run(mut writable: Writable, waiting: mpsc::Receiver<Box<dyn Job>>, gather: Duration) {
    let changes = writable.changes();
    let mut queue = Queue { waiting, put_back: None };
    let mut group = Vec::with_capacity(GROUP);
    while let Some(first) = queue.next() {
        let committed = match writable.trusted() {
            Ok(tx) => commit_group(tx, first, &mut queue, &mut group, gather, &changes),
            Err(error) => {
                group.push(first);
                Err(error)
            }
        };
        if let Err(error) = &committed {
            tracing::error!(%error, transactions = group.len(), "a group of writes was rolled back");
        }
        for job in group.drain(..) {
            job.answer(committed.as_ref().err());
        }
        writable.committed();
    }
}

/// What waits for the writer.
struct Queue {
    waiting: mpsc::Receiver<Box<dyn Job>>,
    /// Was next, but wants a group of its own.
    put_back: Option<Box<dyn Job>>,
}

impl Queue {
    /// The next one, once there is one; `None` when there will be no more.
    fn next(&mut self) -> Option<Box<dyn Job>> {
        self.put_back.take().or_else(|| self.waiting.blocking_recv())
    }

    /// The next one that may join a group that has begun, if there is one now.
    fn next_to_join(&mut self) -> Option<Box<dyn Job>> {
        let next = self.waiting.try_recv().ok()?;
        if next.size() == Size::Small {
            return Some(next);
        }
        self.put_back = Some(next);
        None
    }
}

fn commit_group(
    tx: &mut Tx,
    first: Box<dyn Job>,
    queue: &mut Queue,
    group: &mut Vec<Box<dyn Job>>,
    gather: Duration,
    changes: &Changes,
) -> Result<(), DbError> {
    let begun = Instant::now();
    let mut next = Some(first);
    let gathered = tx.sqlite().and_then(|connection| connection.begin(BEGIN)).and_then(|()| {
        while let Some(mut job) = next.take() {
            let ran = if group.is_empty() {
                run_first(tx, job.as_mut())
            } else {
                run_another(tx, job.as_mut())
            };
            group.push(job);
            ran?;
            if group.len() < GROUP && begun.elapsed() < gather {
                next = queue.next_to_join();
            }
        }
        let connection = tx.sqlite()?;
        changes.mark(&connection.touched);
        let committed = connection.execute("COMMIT", &[]);
        changes.publish();
        if committed.is_ok() {
            changes.tell_agents(&connection.told_agents);
        }
        committed
    });
    // Where BEGIN failed, the first one still wants its answer.
    group.extend(next);
    gathered.map(|_| ()).inspect_err(|_| roll_back(tx))
}

const BEGIN: &str = "BEGIN IMMEDIATE";

fn run_first(tx: &mut Tx, job: &mut dyn Job) -> Result<(), DbError> {
    let stands = job.run(tx);
    let connection = still_open(tx)?;
    if !stands {
        connection.execute("ROLLBACK", &[])?;
        connection.begin(BEGIN)?;
    }
    Ok(())
}

fn run_another(tx: &mut Tx, job: &mut dyn Job) -> Result<(), DbError> {
    tx.sqlite()?.execute("SAVEPOINT change", &[])?;
    let stands = job.run(tx);
    let connection = still_open(tx)?;
    if !stands {
        connection.execute("ROLLBACK TO change", &[])?;
    }
    connection.execute("RELEASE change", &[])?;
    Ok(())
}

// Disk full, I/O errors and lack of memory may make SQLite roll back the whole transaction, and
// with it the members that ran before: then the group has failed, whatever the last one says.
fn still_open(tx: &mut Tx) -> Result<&mut Connection, DbError> {
    let connection = tx.sqlite()?;
    if connection.raw.is_autocommit() {
        let lost = || DbError::internal("SQLite rolled the transaction back");
        return Err(connection.fault.take().unwrap_or_else(lost));
    }
    Ok(connection)
}

fn roll_back(tx: &mut Tx) {
    let done = tx.sqlite().and_then(|connection| {
        if connection.raw.is_autocommit() { Ok(0) } else { connection.execute("ROLLBACK", &[]) }
    });
    if let Err(error) = done {
        tracing::error!(%error, "a failed group could not be rolled back");
    }
}
