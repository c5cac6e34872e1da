//! A running `clientbook serve`, and what can be done to it.

use crate::written::Written;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The operator's token of every store that these tests make.
pub(crate) const OPERATOR: &str = "operator-token-of-the-tests";

/// How long anything may take that should take a moment: the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The demo's clients as v2 shows them: two of tenant123, one of tenant999.
pub(crate) const ACME: &str = "aa7cf840-9ca9-46a3-9778-9015d6580d50";
pub(crate) const GLOBEX: &str = "aa7cf840-9ca9-46a3-9778-9015d6580d51";
pub(crate) const INITECH: &str = "bb7cf840-9ca9-46a3-9778-9015d6580d50";

/// The first of them as the workspace shows it.
pub(crate) const ACME_OBJECT: &str = "/v1/workspace/tenant123/clients/507f1f77bcf86cd799439011";

/// The binary under test, with a clean environment.
pub(crate) fn clientbook() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clientbook"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CLIENTBOOK_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the binary to its end.
pub(crate) fn run(args: &[&str]) -> Ended {
    finish(clientbook().args(args))
}

/// Runs `command` to its end.
pub(crate) fn finish(command: &mut Command) -> Ended {
    let run = command.stdin(Stdio::null()).output().expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ended { code: run.status.code(), out: text(run.stdout), log: text(run.stderr) }
}

/// The names in a directory.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    entries.map(|entry| name(entry.expect("an entry"))).collect()
}

/// The store in `directory`, opened behind the program's back.
pub(crate) fn behind(directory: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(directory.join("clientbook.db")).expect("the store")
}

/// A server on a store, killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// `http://127.0.0.1:<port>`
    pub(crate) base: String,
    /// What it prints.
    pub(crate) out: Written,
    /// What it logs.
    pub(crate) log: Written,
}

/// What a process that has ended leaves.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` if a signal killed it.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) out: String,
    /// What it logged, and what it told on standard error.
    pub(crate) log: String,
}

/// The URL of the store in `directory`.
pub(crate) fn store_url(directory: &Path) -> String {
    format!("sqlite:{}", directory.join("clientbook.db").display())
}

/// `clientbook serve` on a free port.
pub(crate) fn serve() -> Command {
    let mut command = clientbook();
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command
}

/// `clientbook serve` on a free port and the store in `directory`.
pub(crate) fn serve_store(directory: &Path) -> Command {
    let mut command = serve();
    command.args(["--database", &store_url(directory)]);
    command
}

/// Makes a store with the demo's data in `directory`, and leaves it to others.
pub(crate) fn make_store(directory: &Path) {
    let ended = Server::start(directory).stop();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
}

impl Server {
    /// Starts one with the demo's data and waits until it listens.
    pub(crate) fn start(directory: &Path) -> Self {
        let mut command = serve_store(directory);
        Self::launch(command.arg("--demo").env("CLIENTBOOK_BOOTSTRAP_TOKEN", OPERATOR))
    }

    /// Starts what `command` says and waits until it listens.
    pub(crate) fn launch(command: &mut Command) -> Self {
        Self::try_launch(command).unwrap_or_else(|ended| panic!("it does not serve: {ended:?}"))
    }

    /// The same, for what may end instead.
    pub(crate) fn try_launch(command: &mut Command) -> Result<Self, Ended> {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let out = Written::read(child.stdout.take().expect("a pipe"));
        let log = Written::read(child.stderr.take().expect("a pipe"));
        // Made before it listens, so that it is killed if it never does.
        let mut server = Self { child, base: String::new(), out, log };
        let said = server.out.until_or_end("Clientbook listens on ");
        match said.lines().find_map(|line| line.strip_prefix("Clientbook listens on ")) {
            Some(base) => base.clone_into(&mut server.base),
            None => return Err(server.ended(PATIENCE)),
        }
        Ok(server)
    }

    /// Its address.
    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.base.strip_prefix("http://").expect("plain HTTP");
        address.parse().expect("an address")
    }

    /// What it has in memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("Linux tells of processes");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kibibytes.expect("a size").parse::<u64>().expect("a number") * 1024
    }

    /// `kill -9`
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a process to kill");
        self.child.wait().expect("a killed process");
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        // The shell has it built in; a test may not make system calls of its own (`unsafe`).
        let kill = format!("kill -s {name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(sent.success(), "{kill}");
    }

    /// Waits for its end, so long.
    pub(crate) fn ended(mut self, patience: Duration) -> Ended {
        // Both pipes close when the process ends, and not before.
        let (out, log) = (self.out.all(patience), self.log.all(patience));
        let status = self.child.wait().expect("a process that has ended");
        Ended { code: status.code(), out, log }
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(self) -> Ended {
        self.signal("TERM");
        self.ended(PATIENCE)
    }
}

impl Drop for Server {
    #[expect(clippy::print_stderr, reason = "a test that fails shows what the server said")]
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log.now());
        }
    }
}

/// Someone with a token who calls a server.
#[derive(Clone)]
pub(crate) struct Caller {
    http: Client,
    base: String,
    token: String,
}

impl Caller {
    /// The operator.
    pub(crate) fn new(server: &Server) -> Self {
        Self::with(server, OPERATOR)
    }

    /// The bearer of `token`.
    pub(crate) fn with(server: &Server, token: &str) -> Self {
        let http = Client::builder().no_proxy().build().expect("an HTTP client");
        Self { http, base: server.base.clone(), token: token.into() }
    }

    /// A request, without its credentials.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// The answer to a call.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let request = self.request(method, path).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        request.send().await.expect("an answer")
    }

    /// The status that reading `path` gets.
    pub(crate) async fn reads(&self, path: &str) -> u16 {
        self.call(Method::GET, path, None).await.status().as_u16()
    }

    /// The status that changing `path` gets.
    pub(crate) async fn changes(&self, path: &str, body: &Value) -> u16 {
        self.call(Method::PATCH, path, Some(body)).await.status().as_u16()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let response = self.call(Method::GET, path, None).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.expect("JSON")
    }

    /// The status of a change; `None` if the connection broke before the answer.
    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Option<StatusCode> {
        self.try_call(Method::PATCH, path, Some(body)).await
    }

    /// The status of a call; `None` if the connection broke before the answer.
    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Option<StatusCode> {
        let request = self.request(method, path).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        request.send().await.ok().map(|response| response.status())
    }
}

/// A connection of which every byte is ours.
pub(crate) struct Wire {
    stream: BufReader<TcpStream>,
}

/// An answer on a wire.
pub(crate) struct Answered {
    pub(crate) status: u16,
    /// Whether it says that it is the connection's last.
    pub(crate) last: bool,
}

impl Wire {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    pub(crate) fn send(&mut self, text: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(text.as_bytes())
    }

    /// Reads one answer. An error if the connection ends before it does.
    pub(crate) fn answer(&mut self) -> io::Result<Answered> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let head = head.to_ascii_lowercase();
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        let length = field("content-length: ").map_or(0, |length| length.parse().expect("bytes"));
        self.stream.read_exact(&mut vec![0; length])?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        Ok(Answered { status, last: field("connection: ") == Some("close") })
    }

    /// Waits until the server closes it; whether it did so without another byte.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.stream.fill_buf(), Ok([]))
    }
}
