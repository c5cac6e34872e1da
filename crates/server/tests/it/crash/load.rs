//! Clients that write and read while things go wrong.

use super::model::{self, Lane};
use crate::process::{Caller, PATIENCE, Server};
use reqwest::{Method, StatusCode};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How often what is waited for is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What came of the calls so far.
pub(crate) struct Told {
    /// Of each lane, the newest step that was answered.
    answered: [AtomicU64; Lane::ALL.len()],
    read: AtomicU64,
    refused: Mutex<BTreeMap<u16, u64>>,
    stop: AtomicBool,
}

/// Writers on all surfaces, and readers that must always be answered.
pub(crate) struct Load {
    told: Arc<Told>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts them. `refusals` are what a write may get besides its answer.
    pub(crate) fn start(
        server: &Server,
        steps: model::Steps,
        refusals: &'static [StatusCode],
    ) -> Self {
        let told = Arc::new(Told {
            answered: steps.map(AtomicU64::new),
            read: AtomicU64::new(0),
            refused: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let caller = Caller::new(server);
        let mut tasks = Vec::new();
        for (at, lane) in Lane::ALL.into_iter().enumerate() {
            tasks.push(tokio::spawn(write(lane, at, caller.clone(), Arc::clone(&told), refusals)));
        }
        for path in [model::ACME, model::GLOBEX_NUMBER, model::LOG] {
            tasks.push(tokio::spawn(read(path, caller.clone(), Arc::clone(&told))));
        }
        Self { told, tasks }
    }

    /// How many writes have been answered.
    pub(crate) fn answered(&self) -> u64 {
        self.steps().iter().sum()
    }

    /// How many reads have been answered.
    pub(crate) fn read(&self) -> u64 {
        self.told.read.load(Ordering::SeqCst)
    }

    /// How many writes got each refusal.
    pub(crate) fn refused(&self) -> BTreeMap<u16, u64> {
        self.told.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn steps(&self) -> model::Steps {
        std::array::from_fn(|at| self.told.answered[at].load(Ordering::SeqCst))
    }

    /// Waits until `done`.
    pub(crate) async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            let gone = self.tasks.iter().any(JoinHandle::is_finished);
            assert!(!gone, "a client has stopped while waiting for {what}");
            let told = (self.steps(), self.refused());
            assert!(begun.elapsed() < PATIENCE, "no {what} within {PATIENCE:?}: {told:?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until every lane, and the readers, have been answered again.
    pub(crate) async fn goes_on(&self) {
        let (steps, read) = (self.steps(), self.read());
        self.until("answers to all", |load| {
            let further = std::iter::zip(load.steps(), steps).all(|(now, then)| now >= then + 2);
            further && load.read() > read + 2
        })
        .await;
    }

    /// Lets the calls that have begun end; the newest step of each lane that was answered.
    pub(crate) async fn stop(self) -> model::Steps {
        self.told.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.expect("a client");
        }
        std::array::from_fn(|at| self.told.answered[at].load(Ordering::SeqCst))
    }
}

/// Writes step after step until it is stopped or the server is gone; repeats what was refused.
async fn write(
    lane: Lane,
    at: usize,
    caller: Caller,
    told: Arc<Told>,
    refusals: &'static [StatusCode],
) {
    while !told.stop.load(Ordering::SeqCst) {
        let step = told.answered[at].load(Ordering::SeqCst) + 1;
        let (path, body) = lane.write(step);
        match caller.patch(&path, &body).await {
            Some(StatusCode::OK) => told.answered[at].store(step, Ordering::SeqCst),
            Some(refusal) if refusals.contains(&refusal) => {
                let mut refused = told.refused.lock().unwrap_or_else(PoisonError::into_inner);
                *refused.entry(refusal.as_u16()).or_default() += 1;
            }
            Some(other) => panic!("{lane:?} step {step} got {other}"),
            None => return,
        }
    }
}

/// Reads until it is stopped or the server is gone.
async fn read(path: &'static str, caller: Caller, told: Arc<Told>) {
    while !told.stop.load(Ordering::SeqCst) {
        match caller.try_call(Method::GET, path, None).await {
            Some(StatusCode::OK) => told.read.fetch_add(1, Ordering::SeqCst),
            Some(other) => panic!("reading {path} got {other}"),
            None => return,
        };
    }
}
