//! What passes between agents and their server, byte for byte and in one order.

use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToServer,
    ToAgent,
}

/// Bytes that passed together.
#[derive(Debug)]
struct Piece {
    connection: usize,
    way: Way,
    bytes: Vec<u8>,
}

/// A call whose request has passed whole.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Which of all pieces was its last.
    pub(super) sent: usize,
    /// Method and path.
    pub(super) line: String,
    pub(super) token: Option<String>,
    /// JSON, or else as text.
    pub(super) body: Value,
    /// How many bytes the body had.
    pub(super) size: usize,
    pub(super) answer: Option<Answer>,
}

#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// Which of all pieces was its last.
    pub(super) piece: usize,
    pub(super) at: Instant,
    pub(super) status: u16,
    pub(super) body: Value,
}

/// What passed.
#[derive(Debug, Default)]
pub(super) struct Recording {
    pieces: Vec<Piece>,
    talks: BTreeMap<usize, Talk>,
    pub(super) calls: Vec<Call>,
}

/// What is under way on a connection.
#[derive(Debug, Default)]
struct Talk {
    up: Vec<u8>,
    down: Vec<u8>,
    /// The last piece of `up`.
    newest: usize,
    /// Calls without an answer.
    open: VecDeque<usize>,
}

impl Recording {
    /// How many pieces have passed.
    pub(super) fn now(&self) -> usize {
        self.pieces.len()
    }

    /// The calls of which a piece passed after this many had.
    pub(super) fn after(&self, pieces: usize) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(move |call| call.sent >= pieces)
    }

    /// The beginnings of requests of which a piece passed then, and never the end.
    pub(super) fn cut_after(&self, pieces: usize) -> Vec<String> {
        let talks = self.talks.values();
        let cut = talks.filter(|talk| !talk.up.is_empty() && talk.newest >= pieces);
        cut.map(|talk| String::from_utf8_lossy(&talk.up).into_owned()).collect()
    }

    /// Whether agents said a word after this many pieces, in whatever case. A connection's pieces are
    /// looked at together: a word may lie on the seam.
    pub(super) fn says(&self, word: &str, pieces: usize) -> bool {
        let mut said: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
        for piece in self.pieces[pieces..].iter().filter(|piece| piece.way == Way::ToServer) {
            said.entry(piece.connection).or_default().extend(&piece.bytes);
        }
        let decoded = self.after(pieces).map(|call| call.body.to_string());
        let mut texts =
            said.values().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).chain(decoded);
        texts.any(|text| text.to_ascii_lowercase().contains(word))
    }

    fn record(&mut self, connection: usize, way: Way, bytes: &[u8]) {
        let piece = self.pieces.len();
        self.pieces.push(Piece { connection, way, bytes: bytes.to_vec() });
        let talk = self.talks.entry(connection).or_default();
        if way == Way::ToServer {
            talk.newest = piece;
            talk.up.extend(bytes);
            while let Some((call, used)) = request(&talk.up, piece) {
                talk.up.drain(..used);
                talk.open.push_back(self.calls.len());
                self.calls.push(call);
            }
            return;
        }
        talk.down.extend(bytes);
        while let Some((answer, used)) = answer(&talk.down, piece) {
            talk.down.drain(..used);
            if let Some(call) = talk.open.pop_front() {
                self.calls[call].answer = Some(answer);
            }
        }
    }
}

/// A proxy in front of a server.
pub(super) struct Proxy {
    address: SocketAddr,
    recording: Arc<Mutex<Recording>>,
}

impl Proxy {
    pub(super) fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let recording = Arc::new(Mutex::new(Recording::default()));
        let recorded = Arc::clone(&recording);
        thread::spawn(move || {
            for (connection, agent) in listener.incoming().map_while(Result::ok).enumerate() {
                // A server that is gone is one for the agent, too.
                let Ok(server) = TcpStream::connect(server) else { continue };
                let pass = |from: &TcpStream, to: &TcpStream, way| {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let recorded = Arc::clone(&recorded);
                    thread::spawn(move || pass(&from, &to, connection, way, &recorded));
                };
                pass(&agent, &server, Way::ToServer);
                pass(&server, &agent, Way::ToAgent);
            }
        });
        Self { address, recording }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn recording(&self) -> MutexGuard<'_, Recording> {
        self.recording.lock().unwrap()
    }
}

/// Passes on what comes, once it is recorded: who acts on it does so afterwards.
fn pass(
    mut from: &TcpStream,
    mut to: &TcpStream,
    connection: usize,
    way: Way,
    recording: &Mutex<Recording>,
) {
    let mut chunk = [0; 16 << 10];
    let end = loop {
        match from.read(&mut chunk) {
            Ok(0) => break Shutdown::Write,
            Err(_) => break Shutdown::Both,
            Ok(read) => {
                recording.lock().unwrap().record(connection, way, &chunk[..read]);
                if to.write_all(&chunk[..read]).is_err() {
                    break Shutdown::Both;
                }
            }
        }
    };
    // The other side may have gone first.
    let _gone: io::Result<()> = to.shutdown(end);
}

fn json(body: &[u8]) -> Value {
    match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(_) if body.is_empty() => Value::Null,
        Err(_) => String::from_utf8_lossy(body).into(),
    }
}

fn header<'h>(headers: &[httparse::Header<'h>], name: &str) -> Option<&'h str> {
    let found = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(found.value).ok()
}

fn length(headers: &[httparse::Header<'_>]) -> usize {
    assert_eq!(header(headers, "transfer-encoding"), None, "the proxy reads no chunks");
    header(headers, "content-length").map_or(0, |length| length.parse().unwrap())
}

fn request(bytes: &[u8], piece: usize) -> Option<(Call, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(begin) = head.parse(bytes).unwrap() else { return None };
    let end = begin + length(head.headers);
    let token = header(head.headers, "authorization");
    let body = bytes.get(begin..end)?;
    let call = Call {
        sent: piece,
        line: format!("{} {}", head.method?, head.path?),
        token: token.and_then(|token| token.strip_prefix("Bearer ")).map(str::to_owned),
        body: json(body),
        size: body.len(),
        answer: None,
    };
    Some((call, end))
}

fn answer(bytes: &[u8], piece: usize) -> Option<(Answer, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(begin) = head.parse(bytes).unwrap() else { return None };
    let end = begin + length(head.headers);
    let body = json(bytes.get(begin..end)?);
    Some((Answer { piece, at: Instant::now(), status: head.code?, body }, end))
}

#[test]
fn calls_and_words_are_found_across_pieces() {
    let mut recording = Recording::default();
    let request = "POST /v2/agent/check-in HTTP/1.1\r\nAuthorization: Bearer cbd_1\r\n\
                   Content-Length: 19\r\n\r\n{\"a\":\"Qu\\u006fkka\"}";
    let (first, second) = request.split_at(60);
    recording.record(7, Way::ToServer, first.as_bytes());
    assert_eq!((recording.calls.len(), recording.cut_after(0).len()), (0, 1));
    recording.record(8, Way::ToServer, b"DELETE /x HTTP/1.1\r\n\r\n");
    recording.record(7, Way::ToServer, second.as_bytes());
    recording.record(7, Way::ToAgent, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    assert!(recording.cut_after(0).is_empty());
    let call = &recording.calls[1];
    assert_eq!((call.line.as_str(), call.sent), ("POST /v2/agent/check-in", 2));
    assert_eq!(call.token.as_deref(), Some("cbd_1"));
    assert_eq!(call.answer.as_ref().unwrap().status, 200);
    // Written with an escape.
    assert!(recording.says("quokka", 2) && !recording.says("quokka", 3));
    assert!(recording.says("check-in", 0));
}
