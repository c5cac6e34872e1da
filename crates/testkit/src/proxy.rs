//! A proxy before PostgreSQL that does to a server's connections what networks and failing servers
//! do: by plan, at a request of the test's choice, or at random.
//!
//! It knows the frames of the protocol and no SQL: a request that is to fail is replaced by one that
//! no PostgreSQL can carry out, so that the server's transaction fails too, and the caller gets the
//! error that was asked for.

mod frame;
mod plan;
mod traffic;

use crate::database::TestDatabase;
use plan::Plan;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The server answers with this SQLSTATE, and its transaction has failed.
    Refuse(&'static str),
    /// The connection ends before the request reaches the server.
    DropBefore,
    /// The server gets the first half of the request, and then nothing more.
    TearRequest,
    /// The server gets the request, and the connection ends at once.
    DropSent,
    /// The server carries the request out, and the connection ends before its answer.
    DropAfter,
    /// The server carries the request out, and the connection ends in the middle of its answer.
    TearAnswer,
    /// The request waits.
    Delay(Duration),
    /// The server carries the request out, and no answer ever comes.
    Silence,
}

impl Fault {
    /// Its name, without what varies.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Refuse(code) => code,
            Self::DropBefore => "dropped before",
            Self::TearRequest => "request torn",
            Self::DropSent => "dropped when sent",
            Self::DropAfter => "dropped after",
            Self::TearAnswer => "answer torn",
            Self::Delay(_) => "delayed",
            Self::Silence => "no answer",
        }
    }
}

/// Which requests count for a fault that is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Every one, `BEGIN` and the preparing of statements included.
    Any,
    /// `COMMIT`.
    Commit,
    /// One that carries out a statement with this text in it.
    Statement(&'static str),
}

/// The proxy; its connections end with it.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    plan: Mutex<Plan>,
    /// Counts up where all connections are to end; odd while none is let in.
    gate: watch::Sender<u32>,
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy {
    /// Starts before the server that has this store.
    pub async fn start(database: &TestDatabase) -> Self {
        let (_, upstream, _) = parts(database.url());
        let upstream = upstream.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared =
            Arc::new(Shared { plan: Mutex::new(Plan::default()), gate: watch::Sender::new(0) });
        let moved = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.expect("a connection");
                // Those that have ended.
                while connections.try_join_next().is_some() {}
                connections.spawn(connection(client, upstream.clone(), Arc::clone(&moved)));
            }
        });
        Self { shared, address, task }
    }

    /// The URL that leads to `database` through the proxy.
    pub fn url(&self, database: &TestDatabase) -> String {
        let (before, _, after) = parts(database.url());
        format!("{before}{}{after}", self.address)
    }

    /// Plans `fault` for the `nth` request from now on, from 1, that is at `place`.
    pub fn plan(&self, place: Place, nth: u32, fault: Fault) {
        self.shared.plan().arm(place, nth, fault);
    }

    /// From now on, this share of the requests has a fault of those in `faults`; of the `COMMIT`s,
    /// three times as many.
    pub fn at_random(&self, seed: u64, share: f64, faults: &'static [Fault]) {
        self.shared.plan().random = Some((StdRng::seed_from_u64(seed), share, faults));
    }

    /// From now on, nothing happens to anybody. Whether a fault was planned that has not happened.
    pub fn calm(&self) -> bool {
        self.shared.plan().calm()
    }

    /// How often each fault has happened.
    pub fn struck(&self) -> BTreeMap<&'static str, u64> {
        self.shared.plan().struck.clone()
    }

    /// Ends all connections and refuses new ones.
    pub fn close(&self) {
        self.shared.gate.send_modify(|gate| *gate |= 1);
    }

    /// Lets connections in again.
    pub fn open(&self) {
        self.shared.gate.send_modify(|gate| *gate += *gate & 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connection(client: TcpStream, upstream: String, shared: Arc<Shared>) {
    let mut gate = shared.gate.subscribe();
    if *gate.borrow_and_update() & 1 == 1 {
        return;
    }
    tokio::select! {
        // Whatever ends it, both sides see the same: a connection that is gone.
        _ended = traffic::pass(client, &upstream, &shared) => {}
        _closed = gate.changed() => {}
    }
}

/// What stands before the host of a URL, the host with its port, and what stands after.
fn parts(url: &str) -> (&str, &str, &str) {
    let at = url.find('@').map_or_else(|| url.find("//").map_or(0, |at| at + 2), |at| at + 1);
    let end = url[at..].find('/').map_or(url.len(), |length| at + length);
    (&url[..at], &url[at..end], &url[end..])
}
