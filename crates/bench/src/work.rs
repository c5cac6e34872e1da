//! What the generator sends, and what it makes of the answers.

use crate::Failure;
use crate::answer::Answer;
use crate::surface::{Request, Surface};
use clientbook_model::client::Client;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// A stream of requests. Each has a number, by which its answer is judged.
pub(crate) trait Work: Sync {
    /// Writes the next request into `request`, which is empty; its number.
    fn next(&self, request: &mut Vec<u8>) -> usize;

    /// Refuses an answer that is not the right one.
    fn check(&self, number: usize, answer: &Answer<'_>) -> Result<(), Failure>;
}

/// What is known of a store while one server has it: the clients, in the order in which they are
/// asked for, and what has been changed.
pub(crate) struct Book<'a> {
    pub(crate) clients: &'a [Client],
    pub(crate) token: &'a str,
    /// By client.
    versions: Vec<AtomicI64>,
    /// By surface.
    changes: [AtomicUsize; Surface::ALL.len()],
}

impl<'a> Book<'a> {
    /// A store that nothing has been changed in.
    pub(crate) fn new(clients: &'a [Client], token: &'a str) -> Self {
        let versions = clients.iter().map(|client| AtomicI64::new(client.version)).collect();
        Self { clients, token, versions, changes: Default::default() }
    }

    /// How many changes were asked for.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.iter().map(|changes| changes.load(Ordering::Relaxed) as u64).sum()
    }

    pub(crate) fn reads(&self, surface: Surface) -> Reads {
        let request = |client| {
            let mut bytes = Vec::new();
            let request = Request { path: surface.path(client), body: String::new() };
            write(&mut bytes, "GET", self.token, &request);
            (bytes, surface.mark(client))
        };
        let requests = self.clients.iter().map(request).collect();
        Reads { requests, next: AtomicUsize::new(0), constant: None }
    }

    pub(crate) fn writes(&self, surface: Surface) -> Writes<'_> {
        Writes { book: self, surface }
    }
}

/// Reads one client after the other.
pub(crate) struct Reads {
    requests: Vec<(Vec<u8>, String)>,
    next: AtomicUsize,
    /// The answer to each of them, from a server that does not look.
    constant: Option<Vec<u8>>,
}

impl Reads {
    /// Reads clients by their UUIDs, in this order, again and again.
    pub(crate) fn by_id<'a>(token: &str, ids: impl Iterator<Item = &'a str>) -> Self {
        let request = |id| {
            let mut bytes = Vec::new();
            let request = Request { path: format!("/v2/clients/{id}"), body: String::new() };
            write(&mut bytes, "GET", token, &request);
            (bytes, format!(r#"{{"id":"{id}","#))
        };
        Self { requests: ids.map(request).collect(), next: AtomicUsize::new(0), constant: None }
    }

    /// The same requests, to a server whose answer never changes.
    pub(crate) fn of_constant(self, body: &[u8]) -> Self {
        Self { constant: Some(body.to_owned()), ..self }
    }
}

impl Work for Reads {
    fn next(&self, request: &mut Vec<u8>) -> usize {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.requests.len();
        request.extend_from_slice(&self.requests[number].0);
        number
    }

    fn check(&self, number: usize, answer: &Answer<'_>) -> Result<(), Failure> {
        expect_ok(answer)?;
        let right = match &self.constant {
            Some(body) => answer.body == body,
            None => answer.body.starts_with(self.requests[number].1.as_bytes()),
        };
        if right { Ok(()) } else { Err(wrong("another client's body came", answer)) }
    }
}

/// Changes one client after the other, and then each of them again.
pub(crate) struct Writes<'a> {
    book: &'a Book<'a>,
    surface: Surface,
}

impl Work for Writes<'_> {
    fn next(&self, request: &mut Vec<u8>) -> usize {
        let number = self.book.changes[self.surface as usize].fetch_add(1, Ordering::Relaxed);
        let clients = self.book.clients;
        let at = number % clients.len();
        let change = self.surface.change(&clients[at], number / clients.len());
        write(request, "PATCH", self.book.token, &change);
        at
    }

    // The version counts changes: one that changed nothing would show.
    fn check(&self, number: usize, answer: &Answer<'_>) -> Result<(), Failure> {
        expect_ok(answer)?;
        let before = self.book.versions[number].fetch_add(1, Ordering::Relaxed);
        if answer.version == Some(before + 1) {
            return Ok(());
        }
        let version = answer.version;
        Err(wrong(&format!("version {before} became {version:?}"), answer))
    }
}

/// Heartbeats of one device after the other.
pub(crate) struct CheckIns {
    requests: Vec<Vec<u8>>,
    next: AtomicUsize,
    /// The answer to each of them, from a server that does not look.
    constant: Option<Vec<u8>>,
}

impl CheckIns {
    /// Of the devices with these tokens, again and again.
    pub(crate) fn new(tokens: &[String], path: &str, body: &str) -> Self {
        let requests = tokens.iter().map(|token| request("POST", path, token, body)).collect();
        Self { requests, next: AtomicUsize::new(0), constant: None }
    }

    /// The same requests, to a server whose answer never changes.
    pub(crate) fn of_constant(self, body: &[u8]) -> Self {
        Self { constant: Some(body.to_owned()), ..self }
    }
}

impl Work for CheckIns {
    fn next(&self, request: &mut Vec<u8>) -> usize {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.requests.len();
        request.extend_from_slice(&self.requests[number]);
        number
    }

    fn check(&self, _: usize, answer: &Answer<'_>) -> Result<(), Failure> {
        expect_ok(answer)?;
        let right = match &self.constant {
            Some(body) => answer.body == body,
            None => answer.body.starts_with(br#"{"config_version":""#),
        };
        if right { Ok(()) } else { Err(wrong("another answer came", answer)) }
    }
}

/// A whole request.
pub(crate) fn request(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let request = Request { path: path.to_owned(), body: body.to_owned() };
    write(&mut bytes, method, token, &request);
    bytes
}

fn write(bytes: &mut Vec<u8>, method: &str, token: &str, request: &Request) {
    let Request { path, body } = request;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\
         Accept: application/json\r\n"
    );
    bytes.extend_from_slice(head.as_bytes());
    if !body.is_empty() {
        let head = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        bytes.extend_from_slice(head.as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body.as_bytes());
}

fn expect_ok(answer: &Answer<'_>) -> Result<(), Failure> {
    if answer.status == 200 { Ok(()) } else { Err(wrong("200 was expected", answer)) }
}

fn wrong(what: &str, answer: &Answer<'_>) -> Failure {
    format!("{what}: {} {}", answer.status, String::from_utf8_lossy(answer.body)).into()
}
