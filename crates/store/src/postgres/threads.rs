//! The threads that transactions run on.

use super::connect::Target;
use super::pool::Pool;
use crate::error::DbError;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

type Job = Box<dyn FnOnce(Rc<Pool>) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// Threads, each with connections of its own.
pub(super) struct Threads {
    queues: Vec<mpsc::UnboundedSender<Job>>,
    next: AtomicUsize,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    pub(super) fn start(target: &Target) -> Result<Self, DbError> {
        let (mut queues, mut handles) = (Vec::new(), Vec::new());
        for number in 0..target.threads {
            let (queue, jobs) = mpsc::unbounded_channel();
            let target = target.clone();
            let handle = std::thread::Builder::new()
                .name(format!("postgres-{number}"))
                .spawn(move || run(&target, jobs))
                .map_err(|error| DbError::Unavailable(error.to_string()))?;
            queues.push(queue);
            handles.push(handle);
        }
        Ok(Self { queues, next: AtomicUsize::new(0), handles })
    }

    fn submit<T, E, F>(&self, work: F) -> oneshot::Receiver<Result<T, E>>
    where
        F: AsyncFnOnce(&Pool) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |pool| {
            Box::pin(async move {
                // The caller may be gone; what was committed stays.
                let _caller = reply.send(work(&pool).await);
            })
        });
        let at = self.next.fetch_add(1, Ordering::Relaxed) % self.queues.len();
        // A thread that is gone drops the job, and its reply with it.
        let _gone = self.queues[at].send(job);
        answer
    }

    /// Runs `work` on one of the threads.
    pub(super) async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Pool) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.submit(work).await.unwrap_or_else(|_| Err(stopped().into()))
    }

    /// Like `run`, for the start of the program: the calling thread waits.
    pub(super) fn wait<T, F>(&self, work: F) -> Result<T, DbError>
    where
        F: AsyncFnOnce(&Pool) -> Result<T, DbError> + Send + 'static,
        T: Send + 'static,
    {
        let answer = self.submit(work);
        let (done, is_done) = std::sync::mpsc::sync_channel(1);
        let waiter = std::thread::spawn(move || {
            let _listening = done.send(answer.blocking_recv());
        });
        let answer = is_done.recv();
        let joined = waiter.join();
        match (answer, joined) {
            (Ok(Ok(answer)), Ok(())) => answer,
            _ => Err(stopped()),
        }
    }
}

fn stopped() -> DbError {
    DbError::internal("a transaction panicked, or its thread has stopped")
}

/// Lets what runs finish.
impl Drop for Threads {
    fn drop(&mut self) {
        self.queues.clear();
        let this = std::thread::current().id();
        for handle in self.handles.drain(..).filter(|handle| handle.thread().id() != this) {
            if handle.join().is_err() {
                tracing::error!("a thread of the PostgreSQL engine panicked");
            }
        }
    }
}

fn run(target: &Target, mut jobs: mpsc::UnboundedReceiver<Job>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "a thread of the PostgreSQL engine cannot run");
            return;
        }
    };
    let pool = match runtime.block_on(async { Pool::new(target) }) {
        Ok(pool) => Rc::new(pool),
        Err(error) => {
            tracing::error!(%error, "a thread of the PostgreSQL engine has no connections");
            return;
        }
    };
    let local = LocalSet::new();
    local.block_on(&runtime, async move {
        let mut running = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                job = jobs.recv() => match job {
                    Some(job) => {
                        running.spawn_local(job(Rc::clone(&pool)));
                    }
                    None => break,
                },
                // A panic has cost its own transaction: the caller hears of it.
                Some(_) = running.join_next() => {}
            }
        }
        while running.join_next().await.is_some() {}
    });
}
