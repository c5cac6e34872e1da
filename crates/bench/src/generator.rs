//! The load generator: so many connections, each with one request under way at any time.
//!
//! It reads sockets itself, as wrk does: what it takes of the machine, the server cannot have.

use crate::Failure;
use crate::connection::Connection;
use crate::machine::{self, Usage};
use crate::stats::Latencies;
use crate::work::Work;
use mio::{Events, Poll, Token};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

/// How long an answer may take before the run has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// In about this time, every client is asked for once.
const FIRST_TURN: Duration = Duration::from_millis(500);

/// How to load a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) threads: usize,
    pub(crate) seconds: f64,
    /// The first process of the database server, whose CPU time is told apart.
    pub(crate) engine: Option<u32>,
}

/// A server that runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) process: u32,
}

/// What was seen.
pub(crate) struct Outcome {
    pub(crate) latencies: Latencies,
    pub(crate) seconds: f64,
    pub(crate) usage: Usage,
    /// Whether the usage tells of a database server.
    pub(crate) has_engine: bool,
}

struct Window {
    begin: Instant,
    end: Instant,
}

/// Loads servers of one store alike, first without counting. Ends with every request answered.
pub(crate) fn drive(load: &Load, targets: &[Target], work: &impl Work) -> Result<Outcome, Failure> {
    let addresses: Vec<_> = targets.iter().map(|target| target.address).collect();
    let processes: Vec<_> = targets.iter().map(|target| target.process).collect();
    let usage = || machine::usage(&processes, load.engine);
    let measured = Duration::from_secs_f64(load.seconds);
    let begin = Instant::now() + warm_up(measured).max(FIRST_TURN);
    let window = Window { begin, end: begin + measured };
    thread::scope(|scope| {
        let share = |at| (load.connections + at) / load.threads;
        let threads: Vec<_> = (0..load.threads)
            .map(|at| {
                let (window, addresses) = (&window, &addresses);
                scope.spawn(move || run(share(at), addresses, work, window))
            })
            .collect();
        thread::sleep(window.begin.saturating_duration_since(Instant::now()));
        let before = usage()?;
        thread::sleep(window.end.saturating_duration_since(Instant::now()));
        let usage = usage()? - before;
        let mut latencies = Latencies::new()?;
        for thread in threads {
            let seen = thread.join().map_err(|_| "a thread of the generator panicked")?;
            latencies.add(&seen?)?;
        }
        let has_engine = load.engine.is_some();
        Ok(Outcome { latencies, seconds: load.seconds, usage, has_engine })
    })
}

/// The time before a measurement, in which caches fill.
pub(crate) fn warm_up(measured: Duration) -> Duration {
    measured / 5
}

fn run(
    connections: usize,
    addresses: &[SocketAddr],
    work: &impl Work,
    window: &Window,
) -> Result<Latencies, Failure> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(connections.max(1));
    let mut latencies = Latencies::new()?;
    let mut all = Vec::with_capacity(connections);
    for (at, address) in addresses.iter().cycle().copied().take(connections).enumerate() {
        all.push(Connection::open(address, poll.registry(), Token(at))?);
    }
    for connection in &mut all {
        connection.send(work)?;
    }
    let mut under_way = all.len();
    while under_way > 0 {
        match poll.poll(&mut events, Some(PATIENCE)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        if events.is_empty() {
            return Err(format!("no answer within {PATIENCE:?}").into());
        }
        for event in &events {
            let connection = &mut all[event.token().0];
            if !connection.receive(work)? {
                continue;
            }
            let now = Instant::now();
            if now >= window.begin && now < window.end {
                latencies.record(now - connection.sent)?;
            }
            if now < window.end {
                connection.send(work)?;
            } else {
                under_way -= 1;
            }
        }
    }
    Ok(latencies)
}
