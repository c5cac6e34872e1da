//! A server to test the agent against: it speaks the protocol, enforces modes, and records every byte
//! that it receives and every mode that it tells, in one order.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) const ENROLLMENT_TOKEN: &str = "enroll_abcdefghijklmnopqrstuvwxyz012345";
/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What happened, in order.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// Bytes came in on a connection.
    Bytes(Vec<u8>),
    /// A mode is about to be told.
    Told(&'static str),
}

/// A request that came in whole.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// How many events there were when it was complete.
    pub(crate) at: usize,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    pub(crate) body: Value,
    pub(crate) status: u16,
}

/// How the server is.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
pub(crate) struct State {
    pub(crate) mode: &'static str,
    version: u64,
    pub(crate) archived: BTreeSet<String>,
    /// The same, but the agent is not told.
    pub(crate) archived_unsaid: BTreeSet<String>,
    pub(crate) logs: bool,
    users: BTreeMap<String, String>,
    token: Option<String>,
    issued: u64,
    /// The client is suspended.
    pub(crate) inactive: bool,
    /// The server does not know the token any more.
    pub(crate) forgetful: bool,
    /// Connections are closed as soon as they come.
    pub(crate) away: bool,
    /// Usage is stored, but the answer never sent: so often.
    pub(crate) lose_answers: u32,
    /// Usage is not answered.
    pub(crate) stall: bool,
    /// The agent may send what the mode forbids: to see whether it tries.
    pub(crate) lenient: bool,
    /// How far the server's clock is from this machine's, in seconds; `None`: it does not tell the time.
    pub(crate) clock: Option<i64>,
    pub(crate) events: Vec<Event>,
    pub(crate) requests: Vec<Request>,
    /// Records of usage by id, and how often each was sent.
    pub(crate) records: BTreeMap<String, (Value, u32)>,
    pub(crate) last_words: u32,
}

impl State {
    pub(crate) fn set_mode(&mut self, mode: &'static str) {
        self.mode = mode;
        self.version += 1;
    }

    pub(crate) fn touch(&mut self) {
        self.version += 1;
    }

    /// What the agent knows the configuration by.
    pub(crate) fn version(&self) -> String {
        self.version.to_string()
    }

    fn is_archived(&self, key: &str) -> bool {
        self.archived.contains(key) || self.archived_unsaid.contains(key)
    }

    fn collect(&self) -> &'static [&'static str] {
        match self.mode {
            "discovery" => &["device", "software"],
            "dreams" => &["device", "software", "dreams"],
            "saas_usage" | "asleep" => &["device", "software", "app_usage", "web_usage"],
            _ => &[],
        }
    }

    fn config(&self) -> Value {
        let directive = match self.mode {
            "disabled" => "idle",
            "deleted" => "uninstall",
            "asleep" => "sleep",
            _ => "collect",
        };
        let usage = self.collect().contains(&"app_usage");
        let users = self.users.keys().filter(|_| usage).map(|key| {
            let collect = !self.archived.contains(key);
            json!({ "user_key": key, "collect": collect })
        });
        json!({
            "config_version": self.version.to_string(),
            "effective_mode": self.mode,
            "directive": directive,
            "collect": self.collect(),
            "users": users.collect::<Vec<_>>(),
            "log_shipping_enabled": self.logs,
            "next_check_in_seconds": 1,
            "a_field_of_a_newer_server": true,
        })
    }

    /// The requests after the first `seen` events.
    pub(crate) fn requests_after(&self, seen: usize) -> impl Iterator<Item = &Request> {
        self.requests.iter().filter(move |request| request.at > seen)
    }

    /// The newest moment at which this mode was told.
    pub(crate) fn told_at(&self, mode: &str) -> Option<usize> {
        self.events.iter().rposition(|event| matches!(event, Event::Told(told) if *told == mode))
    }

    /// All bytes after an event, as text.
    pub(crate) fn bytes_after(&self, at: usize) -> String {
        let bytes = self.events[at..].iter().filter_map(|event| match event {
            Event::Bytes(bytes) => Some(bytes.as_slice()),
            Event::Told(_) => None,
        });
        String::from_utf8_lossy(&bytes.collect::<Vec<_>>().concat()).into_owned()
    }

    /// How often the domain was visited, by the records that were stored.
    pub(crate) fn visits(&self, domain: &str) -> u64 {
        let records = self.records.values().map(|(record, _)| record);
        let of_domain = records.filter(|record| record["name"] == domain);
        of_domain.map(|record| record["visits"].as_u64().unwrap()).sum()
    }
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// The server.
pub(crate) struct Double {
    address: SocketAddr,
    shared: Shared,
    scheme: &'static str,
}

impl Double {
    pub(crate) fn start() -> Self {
        Self::serve("http", |stream| Ok(Box::new(stream)))
    }

    /// With TLS.
    pub(crate) fn start_tls(config: rustls::ServerConfig) -> Self {
        let config = Arc::new(config);
        Self::serve("https", move |stream| {
            let connection = rustls::ServerConnection::new(config.clone());
            let connection = connection.map_err(io::Error::other)?;
            Ok(Box::new(rustls::StreamOwned::new(connection, stream)))
        })
    }

    fn serve(
        scheme: &'static str,
        wrap: impl Fn(TcpStream) -> io::Result<Box<dyn Wire>> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Shared::default();
        lock(&shared).mode = "saas_usage";
        let accepted = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if lock(&accepted).away {
                    continue;
                }
                let shared = accepted.clone();
                let Ok(stream) = wrap(stream) else { continue };
                thread::spawn(move || drop(connection(stream, &shared)));
            }
        });
        Self { address, shared, scheme }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.address.port())
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared)
    }

    /// Changes something, and tells those who wait.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.shared.1.notify_all();
        changed
    }

    /// Waits until something is the case.
    pub(crate) fn wait_until(&self, what: &str, is: impl Fn(&State) -> bool) {
        let begun = Instant::now();
        let mut state = self.state();
        while !is(&state) {
            assert!(
                begun.elapsed() < PATIENCE,
                "not within a minute: {what}: {:#?}",
                state.requests
            );
            state = self.shared.1.wait_timeout(state, Duration::from_millis(50)).unwrap().0;
        }
    }
}

/// A socket, with TLS or without.
trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.0.lock().unwrap()
}

/// Answers requests until the agent hangs up.
fn connection(mut stream: Box<dyn Wire>, shared: &Shared) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(request) = receive(&mut stream, &mut buffer, shared)? else { return Ok(()) };
        while request.path == "/v2/agent/usage" && lock(shared).stall {
            let state = lock(shared);
            drop(shared.1.wait_timeout(state, Duration::from_millis(20)).unwrap());
        }
        let (status, body) = answer(&request, shared)?;
        let mut state = lock(shared);
        // The agent may not have waited for it; what counts is that it was about to be told.
        let at = state.events.len();
        state.requests.push(Request { at, status, ..request.clone() });
        if request.path == "/v2/agent/check-in" && status == 200 {
            let mode = state.mode;
            state.events.push(Event::Told(mode));
        }
        let loses = request.path == "/v2/agent/usage" && state.lose_answers > 0;
        if loses {
            state.lose_answers -= 1;
        }
        let date = state.clock.map_or_else(String::new, date);
        drop(state);
        shared.1.notify_all();
        if loses {
            return Ok(());
        }
        let text = if status == 204 { String::new() } else { body.to_string() };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{date}Content-Length: {}\r\n\r\n",
            text.len()
        );
        stream.write_all(format!("{head}{text}").as_bytes())?;
        stream.flush()?;
    }
}

/// The header that tells the time.
fn date(off: i64) -> String {
    #[expect(clippy::disallowed_methods, reason = "the agent under test asks the same clock")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let time = jiff::Timestamp::from_second(i64::try_from(now).unwrap() + off).unwrap();
    format!("Date: {}\r\n", time.strftime("%a, %d %b %Y %H:%M:%S GMT"))
}

/// Reads one request; `None` when the agent has hung up.
fn receive(
    stream: &mut Box<dyn Wire>,
    buffer: &mut Vec<u8>,
    shared: &Shared,
) -> io::Result<Option<Request>> {
    let mut chunk = [0; 16 << 10];
    loop {
        if let Some((request, used)) = parse(buffer) {
            buffer.drain(..used);
            return Ok(Some(request));
        }
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Ok(None);
        }
        buffer.extend_from_slice(&chunk[..read]);
        lock(shared).events.push(Event::Bytes(chunk[..read].to_vec()));
        shared.1.notify_all();
    }
}

fn parse(bytes: &[u8]) -> Option<(Request, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(body_at) = head.parse(bytes).unwrap() else { return None };
    let header = |name: &str| {
        let found = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        Some(String::from_utf8_lossy(found.value).into_owned())
    };
    let length: usize = header("content-length").map_or(0, |text| text.parse().unwrap());
    let body = bytes.get(body_at..body_at + length)?;
    let token = header("authorization");
    let request = Request {
        at: 0,
        method: head.method.unwrap().to_owned(),
        path: head.path.unwrap().to_owned(),
        token: token.map(|token| token.strip_prefix("Bearer ").unwrap().to_owned()),
        body: serde_json::from_slice(body).unwrap(),
        status: 0,
    };
    Some((request, body_at + length))
}

fn problem(status: u16, code: &str, details: &Value) -> (u16, Value) {
    let error = json!({ "code": code, "message": "Refused", "details": details });
    (status, json!({ "error": error }))
}

fn answer(request: &Request, shared: &Shared) -> io::Result<(u16, Value)> {
    let mut state = lock(shared);
    if state.away {
        return Err(io::Error::other("away"));
    }
    if request.path == "/v2/agent/enroll" {
        return Ok(enroll(request, &mut state));
    }
    if state.forgetful || request.token.is_none() || request.token != state.token {
        return Ok(problem(401, "unauthenticated", &json!({})));
    }
    if state.inactive && state.mode != "deleted" {
        return Ok(problem(401, "client_inactive", &json!({})));
    }
    let body = &request.body;
    Ok(match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/v2/agent/check-in") => {
            drop(state);
            return check_in(body, shared);
        }
        ("PUT", "/v2/agent/inventory") => {
            let sent = [("device", "device"), ("software", "software")];
            allowed(&state, sent.iter().filter(|(part, _)| !body[part].is_null()).map(|(_, k)| *k))
                .unwrap_or((204, json!(null)))
        }
        ("POST", "/v2/agent/usage") => usage(body, &mut state),
        ("POST", "/v2/agent/logs") if state.logs => (204, json!(null)),
        ("POST", "/v2/agent/uninstalled") => {
            state.token = None;
            state.last_words += 1;
            (204, json!(null))
        }
        _ => problem(403, "forbidden", &json!({})),
    })
}

fn enroll(request: &Request, state: &mut State) -> (u16, Value) {
    if request.body["enrollment_token"] != ENROLLMENT_TOKEN {
        return problem(401, "unauthenticated", &json!({}));
    }
    state.issued += 1;
    let token = format!("cbd_device{}", state.issued);
    state.token = Some(token.clone());
    let device_id = "0197a0b1-5a7c-7d3e-8f00-112233445566";
    (201, json!({ "device_id": device_id, "device_token": token, "check_in": state.config() }))
}

/// Holds the answer until there is news, as long as the agent will wait.
fn check_in(body: &Value, shared: &Shared) -> io::Result<(u16, Value)> {
    let begun = Instant::now();
    let wait = Duration::from_secs(body["wait_seconds"].as_u64().unwrap_or_default());
    let mut state = lock(shared);
    if let Some(users) = body["users"].as_array() {
        if !state.lenient && !state.collect().contains(&"app_usage") {
            return Ok(problem(
                403,
                "collection_not_permitted",
                &json!({ "collect": state.collect() }),
            ));
        }
        for user in users {
            let text = |name: &str| user[name].as_str().unwrap().to_owned();
            if state.users.insert(text("user_key"), text("username")).is_none() {
                state.version += 1;
            }
        }
    }
    while body["config_version"] == state.version().as_str() && begun.elapsed() < wait {
        if state.away || state.forgetful || state.inactive {
            return Err(io::Error::other("away"));
        }
        state = shared.1.wait_timeout(state, Duration::from_millis(20)).unwrap().0;
    }
    Ok((200, state.config()))
}

fn allowed<'a>(state: &State, mut kinds: impl Iterator<Item = &'a str>) -> Option<(u16, Value)> {
    let forbids = kinds.any(|kind| !state.collect().contains(&kind));
    let details = json!({ "effective_mode": state.mode, "collect": state.collect() });
    forbids.then(|| problem(403, "collection_not_permitted", &details))
}

fn usage(body: &Value, state: &mut State) -> (u16, Value) {
    let records = body["records"].as_array().unwrap();
    let kinds = records.iter().map(
        |record| {
            if record["kind"] == "app" { "app_usage" } else { "web_usage" }
        },
    );
    if let Some(refusal) = allowed(state, kinds).filter(|_| !state.lenient) {
        return refusal;
    }
    let key = |record: &Value| record["user_key"].as_str().unwrap().to_owned();
    let archived: BTreeSet<_> =
        records.iter().map(key).filter(|key| state.is_archived(key)).collect();
    if !archived.is_empty() {
        let details = json!({ "collect": state.collect(), "user_keys": archived });
        return problem(403, "collection_not_permitted", &details);
    }
    let (mut accepted, mut duplicates) = (0, 0);
    for record in records {
        let id = record["id"].as_str().unwrap().to_owned();
        let stored = state.records.entry(id).or_insert((record.clone(), 0));
        assert_eq!(stored.0, *record, "an id stands for one record");
        if stored.1 == 0 {
            accepted += 1;
        } else {
            duplicates += 1;
        }
        stored.1 += 1;
    }
    (202, json!({ "accepted": accepted, "duplicates": duplicates }))
}
