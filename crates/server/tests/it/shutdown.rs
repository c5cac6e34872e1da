//! The end of a server: what was answered is durable, what was sent before the signal is answered,
//! and nobody can hold it up for long.

use crate::process::{
    ACME_OBJECT, Caller, Ended, OPERATOR, PATIENCE, Server, Wire, behind, names, serve, serve_store,
};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A write by one of many writers, each with a field of its own.
fn write(writer: usize, step: u64) -> String {
    let fields = json!([{ "fieldKey": format!("writer{writer}"), "value": step.to_string() }]);
    let body = json!({ "customFields": fields }).to_string();
    format!("{}{body}", head(body.len()))
}

fn head(length: usize) -> String {
    format!(
        "PATCH {ACME_OBJECT} HTTP/1.1\r\nHost: clientbook\r\nAuthorization: Bearer {OPERATOR}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn directory() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

fn wire(server: &Server) -> Wire {
    Wire::open(server.address()).expect("a connection")
}

/// The newest steps that the record in `directory` shows, writer by writer.
async fn steps(directory: &TempDir, writers: usize) -> Vec<u64> {
    let server = Server::launch(&mut serve_store(directory.path()));
    let client = Caller::new(&server).get(ACME_OBJECT).await;
    let fields = client["client"]["customFields"].as_array().expect("fields").clone();
    let step = |writer: usize| {
        let key = format!("writer{writer}");
        let field = fields.iter().find(|field| field["fieldKey"] == key);
        let value = field.and_then(|field| field["value"].as_str());
        value.map_or(0, |value| value.parse().expect("a step"))
    };
    (0..writers).map(step).collect()
}

/// What one writer knows once the server is gone.
struct Wrote {
    answered: u64,
    sent: u64,
}

/// Writes until the server takes no more, on one connection or on a new one each time.
fn keep_writing(
    writer: usize,
    address: SocketAddr,
    signalled: &OnceLock<Instant>,
    progress: &Sender<()>,
) -> Wrote {
    let mut wrote = Wrote { answered: 0, sent: 0 };
    let mut kept = None;
    loop {
        let Some(mut wire) = kept.take().or_else(|| Wire::open(address).ok()) else {
            assert!(signalled.get().is_some(), "a serving server refused a connection");
            return wrote;
        };
        wrote.sent = wrote.answered + 1;
        let sent = wire.send(&write(writer, wrote.sent)).map(|()| Instant::now());
        let answer = sent.as_ref().ok().map(|_| wire.answer());
        match (sent, answer) {
            (Ok(_), Some(Ok(answer))) => {
                assert_eq!(answer.status, 200);
                wrote.answered = wrote.sent;
                kept = (writer.is_multiple_of(2) && !answer.last).then_some(wire);
                let _counted = progress.send(());
            }
            (sent, _) => {
                let cut_off = sent.unwrap_or_else(|_| Instant::now());
                let signalled = signalled.get().expect("a serving server cut off a request");
                assert!(cut_off >= *signalled, "a request sent before the signal got no answer");
                return wrote;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_durable() {
    const WRITERS: usize = 16;
    let directory = directory();
    let server = Server::start(directory.path());
    let (address, signalled) = (server.address(), Arc::new(OnceLock::new()));
    let (progress, answers) = channel();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (signalled, progress) = (Arc::clone(&signalled), progress.clone());
            std::thread::spawn(move || keep_writing(writer, address, &signalled, &progress))
        })
        .collect();
    for _ in 0..20 * WRITERS {
        answers.recv_timeout(PATIENCE).expect("a write that is answered");
    }
    signalled.set(Instant::now()).expect("one signal");
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    let wrote: Vec<_> =
        writers.into_iter().map(|writer| writer.join().expect("a writer")).collect();
    for (shown, Wrote { answered, sent }) in steps(&directory, WRITERS).await.into_iter().zip(wrote)
    {
        assert!((answered..=sent).contains(&shown), "{answered} answered, {shown} shown");
    }
}

/// Holds every write back until it is dropped.
fn hold_writes(directory: &TempDir) -> rusqlite::Connection {
    let store = behind(directory.path());
    store.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    store
}

/// Each writer's connection. Half of them have had an answer: one that is kept alive looks idle.
fn open_wires(server: &Server, writers: usize) -> Vec<Wire> {
    let mut wires: Vec<_> = (0..writers).map(|_| wire(server)).collect();
    for (writer, wire) in wires.iter_mut().enumerate().skip(writers / 2) {
        wire.send(&write(writer, 1)).expect("a request that is sent");
        assert_eq!(wire.answer().expect("an answer").status, 200);
    }
    wires
}

fn send_all(wires: &mut [Wire], step: u64) {
    for (writer, wire) in wires.iter_mut().enumerate() {
        wire.send(&write(writer, step)).expect("a request that is sent");
    }
}

async fn assert_all_answered(directory: &TempDir, server: Server, mut wires: Vec<Wire>) {
    for (writer, wire) in wires.iter_mut().enumerate() {
        let answer = wire.answer().unwrap_or_else(|error| panic!("{writer}: {error}"));
        assert_eq!(answer.status, 200);
    }
    let ended = server.ended(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert_eq!(steps(directory, wires.len()).await, vec![2; wires.len()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_at_the_signal_is_answered() {
    let directory = directory();
    let server = Server::start(directory.path());
    let mut wires = open_wires(&server, 64);
    let held = hold_writes(&directory);
    send_all(&mut wires, 2);
    server.signal("TERM");
    server.log.until("stopping; requests that have begun");
    drop(held);
    assert_all_answered(&directory, server, wires).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_unread_at_the_signal_is_answered() {
    let directory = directory();
    let server = Server::start(directory.path());
    let mut wires = open_wires(&server, 32);
    // Stands still, so that it wakes up to requests, connections and the signal all at once.
    server.signal("STOP");
    wires.extend((0..32).map(|_| wire(&server)));
    send_all(&mut wires, 2);
    server.signal("TERM");
    server.signal("CONT");
    assert_all_answered(&directory, server, wires).await;
}

#[test]
fn idle_callers_hold_nothing_up() {
    let directory = directory();
    let server = Server::start(directory.path());
    let (mut silent, mut idle) = (wire(&server), wire(&server));
    idle.send(&write(0, 1)).expect("a request that is sent");
    assert!(!idle.answer().expect("an answer").last, "the connection is kept alive");
    server.signal("TERM");
    let ended = server.ended(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    // They get nothing of the grace.
    assert!(ended.log.contains("every request that had begun is answered"), "{}", ended.log);
    assert!(silent.is_closed() && idle.is_closed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_has_begun_may_end() {
    let directory = directory();
    let server = Server::start(directory.path());
    let address = server.address();
    let (mut idle, mut slow) = (wire(&server), wire(&server));
    idle.send(&write(0, 1)).expect("a request that is sent");
    idle.answer().expect("an answer");
    let request = write(1, 1);
    let (head, body) = request.split_at(request.find('{').expect("a body"));
    begin(&mut slow, head);
    let (some, rest) = body.split_at(body.len() - 5);
    slow.send(some).expect("a connection that is open");
    server.signal("TERM");
    assert!(idle.is_closed());
    // Idle callers are sent away last: from here on nobody new is let in.
    assert!(TcpStream::connect(address).is_err(), "a stopping server takes a connection");
    slow.send(rest).expect("a connection that is open");
    let answer = slow.answer().expect("an answer");
    assert_eq!((answer.status, answer.last), (200, true));
    let Ended { code, log, .. } = server.ended(PATIENCE);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("every request that had begun is answered"), "{log}");
    assert_eq!(steps(&directory, 2).await, [1, 1]);
}

/// Sends a head, and waits until the server asks for the body: the request has begun.
fn begin(wire: &mut Wire, head: &str) {
    let head = head.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    wire.send(&head).expect("a request that is sent");
    assert_eq!(wire.answer().expect("a word to go on").status, 100);
}

/// A head that stops, and a body that stops.
fn begin_requests(server: &Server) -> [Wire; 2] {
    let (mut no_head, mut no_body) = (wire(server), wire(server));
    no_head.send(&head(2)[..30]).expect("a connection");
    begin(&mut no_body, &head(100));
    no_body.send("{\"customFields\"").expect("a connection");
    [no_head, no_body]
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_stop_coming_are_cut_off() {
    let directory = directory();
    let server = Server::start(directory.path());
    let mut wires = begin_requests(&server);
    let signalled = Instant::now();
    server.signal("TERM");
    let Ended { code, log, .. } = server.ended(PATIENCE);
    let took = signalled.elapsed();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("cut off"), "{log}");
    // The grace, not the longer patience that a body has otherwise.
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(wires.iter_mut().all(|wire| wire.answer().is_err()));
    assert_eq!(steps(&directory, 2).await, [0, 0]);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let temporary = directory();
        let mut command = serve();
        command.arg("--demo").env("TMPDIR", temporary.path());
        let server = Server::launch(command.env("CLIENTBOOK_BOOTSTRAP_TOKEN", OPERATOR));
        let _wires = begin_requests(&server);
        server.signal(first);
        server.log.until("stopping; requests that have begun");
        server.signal(second);
        let ended = server.ended(PATIENCE);
        assert_eq!(ended.code, Some(1), "{}", ended.log);
        let told: Vec<Value> =
            ended.log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let last = told.last().expect("a line");
        assert_eq!(last["message"], "stopping at once");
        assert_eq!(last["signal"], format!("SIG{second}"));
        assert_eq!(names(temporary.path()), [""; 0]);
    }
}
