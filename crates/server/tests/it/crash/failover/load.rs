//! Writers and readers on all surfaces, each through both servers in turn.

use super::super::model::{self, Lane, Steps};
use super::tally::{Tally, Told};
use super::tokens::{Made, Tokens};
use crate::process::{Caller, OPERATOR};
use reqwest::{Method, StatusCode, header};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long each writer and reader rests between two calls.
const PACE: Duration = Duration::from_millis(20);

/// How long a call may take: whoever has to wait longer has been left hanging.
const HUNG: Duration = Duration::from_secs(45);

/// How often what is waited for is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How long all writers and readers may take to be answered again.
const AGAIN: Duration = Duration::from_mins(2);

const READ: [&str; 4] = [model::ACME, model::GLOBEX_NUMBER, model::LOG, model::GLOBEX];

/// The lanes, and one writer that makes tokens.
const WRITERS: usize = Lane::ALL.len() + 1;

/// What the writers and readers know together.
struct Shared {
    callers: Vec<Caller>,
    stop: AtomicBool,
    state: Mutex<State>,
}

struct State {
    tally: Tally,
    steps: Steps,
    tokens: Tokens,
    /// When a write was last answered, and by each writer.
    answered: Option<Instant>,
    by_writer: [Option<Instant>; WRITERS],
    /// How many writes each writer has had answered, and reads each reader.
    writes: [u64; WRITERS],
    reads: [u64; READ.len()],
}

/// The writers and readers of one cycle.
pub(super) struct Load {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    pub(super) fn start(callers: &[Caller], steps: Steps, tokens: Tokens) -> Self {
        let state = State {
            tally: Tally::default(),
            steps,
            tokens,
            answered: None,
            by_writer: [None; WRITERS],
            writes: [0; WRITERS],
            reads: [0; READ.len()],
        };
        let shared = Arc::new(Shared {
            callers: callers.to_vec(),
            stop: AtomicBool::new(false),
            state: Mutex::new(state),
        });
        let mut tasks = Vec::new();
        for writer in 0..WRITERS {
            tasks.push(tokio::spawn(write(writer, Arc::clone(&shared))));
        }
        for reader in 0..READ.len() {
            tasks.push(tokio::spawn(read(reader, Arc::clone(&shared))));
        }
        Self { shared, tasks }
    }

    /// Waits until every writer and every reader has been answered twice more.
    pub(super) async fn goes_on(&self) {
        let answered = || {
            let state = self.shared.state();
            state.writes.into_iter().chain(state.reads).collect::<Vec<_>>()
        };
        let (then, begun) = (answered(), Instant::now());
        while std::iter::zip(answered(), &then).any(|(now, then)| now < then + 2) {
            assert!(
                begun.elapsed() < AGAIN,
                "no answers to all within {AGAIN:?}: {:?}",
                answered()
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Lets the calls that have begun end.
    pub(super) async fn stop(self) -> (Tally, Steps, Tokens) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.expect("a client");
        }
        let mut state = self.shared.state();
        let (tally, tokens) = (std::mem::take(&mut state.tally), std::mem::take(&mut state.tokens));
        (tally, state.steps, tokens)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    /// Calls a server; counts the answer, and says whether it is the one that was hoped for.
    async fn call(&self, at: usize, method: Method, path: &str, body: Option<&Value>) -> Made {
        let caller = &self.callers[at % self.callers.len()];
        let safe = method.is_safe();
        let mut request = caller.request(method, path).bearer_auth(OPERATOR).timeout(HUNG);
        if let Some(body) = body {
            request = request.json(body);
        }
        let begun = Instant::now();
        let answer = match request.send().await {
            Ok(response) => {
                let (status, waits) = (response.status(), seconds(response.headers()));
                response.text().await.map(|text| (status, waits, text))
            }
            Err(error) => Err(error),
        };
        let took = begun.elapsed();
        let judged = match &answer {
            Ok((status, ..)) if status.is_success() && safe => Some((Told::Read, Made::Yes)),
            Ok((status, ..)) if status.is_success() => Some((Told::Write, Made::Yes)),
            Ok((status, waits, text)) => judge(safe, *status, *waits, text),
            Err(_) => None,
        };
        let mut state = self.state();
        let Some((told, made)) = judged else {
            state.tally.wrong(format!("{path} got, after {took:?}: {answer:?}"));
            return Made::Perhaps;
        };
        state.tally.count(told, took);
        made
    }
}

/// What a refusal says; `None` if it is none that a caller should get.
fn judge(safe: bool, status: StatusCode, waits: Option<u64>, text: &str) -> Option<(Told, Made)> {
    if status != StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    let nothing = text.contains("nothing was changed") && !text.contains("in_doubt");
    let perhaps = text.contains("may have been made") && text.contains(r#""in_doubt":true"#);
    match waits {
        Some(_) if nothing && safe => Some((Told::Unread, Made::No)),
        Some(_) if nothing => Some((Told::Refused, Made::No)),
        None if perhaps && !safe => Some((Told::InDoubt, Made::Perhaps)),
        _ => None,
    }
}

fn seconds(headers: &header::HeaderMap) -> Option<u64> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

/// Writes step after step, until each is answered; the last writer makes tokens.
async fn write(writer: usize, shared: Arc<Shared>) {
    let mut call = writer;
    while shared.goes_on() {
        call += 1;
        let made = if let Some(lane) = Lane::ALL.get(writer) {
            let step = shared.state().steps[writer] + 1;
            let (path, body) = lane.write(step);
            let made = shared.call(call, Method::PATCH, &path, Some(&body)).await;
            if made == Made::Yes {
                shared.state().steps[writer] = step;
            }
            made
        } else {
            let (number, body) = shared.state().tokens.next();
            let made = shared.call(call, Method::POST, "/v2/api-tokens", Some(&body)).await;
            shared.state().tokens.told(number, made);
            made
        };
        if made == Made::Yes {
            shared.state().note(writer);
        }
        tokio::time::sleep(PACE).await;
    }
}

async fn read(reader: usize, shared: Arc<Shared>) {
    let mut call = reader;
    while shared.goes_on() {
        call += 1;
        if shared.call(call, Method::GET, READ[reader], None).await == Made::Yes {
            shared.state().reads[reader] += 1;
        }
        tokio::time::sleep(PACE).await;
    }
}

impl State {
    /// Notes an answered write, and how long it was since the one before.
    fn note(&mut self, writer: usize) {
        let now = Instant::now();
        let since = |then: Option<Instant>| then.map_or(Duration::ZERO, |then| now - then);
        self.tally.outage = self.tally.outage.max(since(self.answered));
        self.tally.slowest = self.tally.slowest.max(since(self.by_writer[writer]));
        (self.answered, self.by_writer[writer]) = (Some(now), Some(now));
        self.writes[writer] += 1;
    }
}
