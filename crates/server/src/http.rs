//! HTTP/1.1 over TCP: takes connections, has their requests answered, and stops without
//! losing one.

use crate::addresses::Addresses;
use crate::body::PatientBody;
use crate::head_timer::HeadTimer;
use crate::stream::PatientStream;
use axum::body::Body;
use axum::http::{Request, Response};
use futures_util::FutureExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::{debug, error, info, warn};

/// The most connections at a time; further ones wait in the system's queue.
pub(crate) const CONNECTIONS: u32 = 10_000;

/// How long a request's head may take. hyper waits as long for the next request of a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The most header fields of a request, and the most bytes of its head.
const HEADERS: usize = 100;
const HEAD_BYTES: usize = 32 << 10;

/// The most bytes that a connection buffers each way.
const BUFFER_BYTES: usize = 64 << 10;

/// How long requests that have begun may go on once the server is to stop. With the last reads and
/// the end of the store the whole stop takes less than ten seconds.
pub(crate) const GRACE: Duration = Duration::from_secs(7);

/// How long a stopping server goes on reading. hyper closes a connection that looks idle even if
/// a request lies unread in its socket; those sent before the signal are read in this time.
const LINGER: Duration = Duration::from_millis(250);

/// Once no connection has come for this long, the queue of those the system took is empty.
const QUEUE_EMPTY: Duration = Duration::from_millis(10);

/// Pauses after the system refused a connection: without file descriptors it does so at once.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Serves until `stop` is done and the requests that have begun are answered, or `GRACE` is over.
/// Connections that are still open then end with the runtime.
pub(crate) async fn serve<A, F>(
    listener: TcpListener,
    answers: A,
    connections: u32,
    stop: impl Future<Output = ()>,
) where
    A: Fn(IpAddr, Request<Body>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send,
{
    let server = Server::new(answers, connections);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = server.accept(&listener) => server.start(accepted),
        }
    }
    server.stop(listener).await;
}

/// How long the log stays silent about connections being used up, once it has said so.
const FULL_AGAIN: Duration = Duration::from_mins(1);

struct Server<A> {
    builder: http1::Builder,
    answers: A,
    connections: u32,
    slots: Arc<Semaphore>,
    addresses: Arc<Addresses>,
    stopping: Arc<AtomicBool>,
    graceful: GracefulShutdown,
    told_full: Cell<Option<Instant>>,
}

struct Accepted {
    stream: TcpStream,
    peer: SocketAddr,
    slot: OwnedSemaphorePermit,
}

impl<A, F> Server<A>
where
    A: Fn(IpAddr, Request<Body>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send,
{
    fn new(answers: A, connections: u32) -> Self {
        let mut builder = http1::Builder::new();
        builder
            .header_read_timeout(HEAD_TIMEOUT)
            .max_headers(HEADERS)
            .max_header_size(HEAD_BYTES)
            .max_buf_size(BUFFER_BYTES)
            .keep_alive(true);
        Self {
            builder,
            answers,
            connections,
            slots: Arc::new(Semaphore::new(connections as usize)),
            addresses: Arc::new(Addresses::new(connections)),
            stopping: Arc::default(),
            graceful: GracefulShutdown::new(),
            told_full: Cell::new(None),
        }
    }

    /// The next connection, once there is room for it. Loses none when dropped.
    async fn accept(&self, listener: &TcpListener) -> Accepted {
        let slot = self.slot().await;
        let mut pause = FIRST_PAUSE;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return Accepted { stream, peer, slot },
                Err(error) if concerns_one_connection(&error) => {
                    debug!(%error, "a connection ended before it was taken");
                }
                Err(error) => {
                    error!(%error, "no connection can be taken; trying again");
                    sleep(pause).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
    }

    async fn slot(&self) -> OwnedSemaphorePermit {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return slot;
        }
        if self.told_full.get().is_none_or(|told| told.elapsed() > FULL_AGAIN) {
            self.told_full.set(Some(Instant::now()));
            warn!(self.connections, "all connections are in use; further callers wait");
        }
        match Arc::clone(&self.slots).acquire_owned().await {
            Ok(slot) => slot,
            // Nobody closes the semaphore.
            Err(_) => std::future::pending().await,
        }
    }

    fn start(&self, Accepted { stream, peer, slot }: Accepted) {
        // Else the last, short segment of an answer may wait for the caller's acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, %peer, "TCP_NODELAY was refused");
        }
        let address = peer.ip().to_canonical();
        let Some(place) = self.addresses.place(address) else {
            debug!(%peer, "an address holds as many connections as it may");
            return;
        };
        let (answers, stopping) = (self.answers.clone(), Arc::clone(&self.stopping));
        let answer = service_fn(move |request| {
            let stopping = Arc::clone(&stopping);
            // Not an async block, which would hold the answer's future twice.
            answers(address, prepared(request)).map(move |mut response| {
                if stopping.load(Ordering::Relaxed) {
                    // Tells the caller, and hyper, that this is the connection's last answer.
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            })
        });
        let mut builder = self.builder.clone();
        let stream = TokioIo::new(PatientStream::new(stream));
        let connection = builder.timer(HeadTimer::default()).serve_connection(stream, answer);
        let watched = self.graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                debug!(%error, %peer, "a connection broke off");
            }
            drop((place, slot));
        });
    }

    async fn stop(self, listener: TcpListener) {
        self.stopping.store(true, Ordering::Relaxed);
        let begun = Instant::now();
        while begun.elapsed() < LINGER
            && let Ok(accepted) = timeout(QUEUE_EMPTY, self.accept(&listener)).await
        {
            self.start(accepted);
        }
        drop(listener);
        let every_slot = self.slots.acquire_many(self.connections);
        if timeout_at(begun + LINGER, every_slot).await.is_ok() {
            return;
        }
        // The slots do not tell: a connection gives its own back a moment after it has ended.
        if timeout_at(begun + GRACE, self.graceful.shutdown()).await.is_ok() {
            info!("every request that had begun is answered");
        } else {
            let open = self.connections as usize - self.slots.available_permits();
            warn!(open, "connections are cut off: their requests took too long");
        }
    }
}

fn prepared(request: Request<Incoming>) -> Request<Body> {
    request.map(|body| {
        if body.is_end_stream() { Body::empty() } else { Body::new(PatientBody::new(body)) }
    })
}

/// Errors of `accept` that say nothing about the listener: the caller went away meanwhile.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test(start_paused = true)]
    async fn an_agent_may_wait_a_minute_in_silence() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let answers = |_, _| async {
            sleep(Duration::from_mins(1)).await;
            Response::new(Body::from("late"))
        };
        let caller = async {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            let request = b"GET / HTTP/1.1\r\nHost: clientbook\r\nConnection: close\r\n\r\n";
            stream.write_all(request).await.expect("a request");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("an answer");
            answer
        };
        tokio::select! {
            () = serve(listener, answers, 1, pending()) => unreachable!("nobody stops it"),
            answer = caller => assert!(answer.ends_with("late"), "{answer}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_reads_no_answer_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let answers = |_, _| async { Response::new(Body::from(vec![0; 64 << 10])) };
        let caller = async {
            let stream = TcpStream::connect(address).await.expect("a connection");
            // Fails once the server has closed its end.
            while stream.writable().await.is_ok() {
                match stream.try_write(b"GET / HTTP/1.1\r\nHost: clientbook\r\n\r\n") {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => break,
                    _ => {}
                }
            }
        };
        tokio::select! {
            () = serve(listener, answers, 1, pending()) => {}
            cut_off = timeout(Duration::from_hours(1), caller) => cut_off.expect("an end"),
        }
    }
}
