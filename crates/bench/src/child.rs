//! Servers in processes of their own, so that their CPU time and memory are theirs alone.

use crate::Failure;
use crate::answer;
use crate::bare::Constant;
use crate::generator::Target;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A server, ended when dropped.
pub(crate) struct Server {
    process: Child,
    address: SocketAddr,
    // Open as long as the server may print.
    _output: BufReader<ChildStdout>,
}

impl Server {
    /// Clientbook on the store at `url`, as a user starts it who lets one caller call without end.
    pub(crate) fn clientbook(binary: &Path, url: &str, log: &Path) -> Result<Self, Failure> {
        Self::clientbook_with(binary, url, log, &[])
    }

    /// The same, with `more` arguments.
    pub(crate) fn clientbook_with(
        binary: &Path,
        url: &str,
        log: &Path,
        more: &[&str],
    ) -> Result<Self, Failure> {
        let mut command = clientbook(binary, url);
        command.args(["serve", "--listen", "127.0.0.1:0", "--rate-limit", "0"]).args(more);
        command.stdin(Stdio::null()).stderr(File::create(log)?);
        let told = |error| -> Failure {
            let log = std::fs::read_to_string(log).unwrap_or_default();
            format!("the server did not start: {error}\n{log}").into()
        };
        Self::start(&mut command, |_| Ok(())).map_err(told)
    }

    /// hyper with a constant answer.
    pub(crate) fn bare(constant: &Constant) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bare").stdin(Stdio::piped());
        Self::start(&mut command, |process| {
            let mut input = process.stdin.take().ok_or("a server without an input")?;
            Ok(input.write_all(&serde_json::to_vec(constant)?)?)
        })
    }

    fn start(
        command: &mut Command,
        feed: impl FnOnce(&mut Child) -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        let mut process = command.stdout(Stdio::piped()).spawn()?;
        feed(&mut process)?;
        let mut output = BufReader::new(process.stdout.take().ok_or("a server without output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let address = line.trim().rsplit("http://").next().and_then(|text| text.parse().ok());
        match address {
            Some(address) => Ok(Self { process, address, _output: output }),
            None => Err(format!("it did not say where it listens: {line:?}").into()),
        }
    }

    pub(crate) fn target(&self) -> Target {
        Target { address: self.address, process: self.process.id() }
    }

    /// One answer of it, whole.
    pub(crate) fn fetch(&self, request: &[u8]) -> Result<Constant, Failure> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(request)?;
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                return Err("the server closed a connection".into());
            }
            bytes.extend_from_slice(&buffer[..read]);
            if let Some(answer) = answer::parse(&bytes, true)? {
                let own = |(name, value): &(&str, &str)| ((*name).into(), (*value).into());
                let headers = answer.headers.iter().map(own).collect();
                return Ok(Constant { headers, body: String::from_utf8(answer.body.to_vec())? });
            }
        }
    }

    /// Ends it as an operator does, and waits.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        kill_process(Pid::from_child(&self.process), Signal::TERM)?;
        let status = self.process.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the server ended: {status}").into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails for one that has ended, which is what is wanted.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// The binary on a store, with nothing set that its user has not set. The URL may hold a password,
/// and arguments are there for everyone to see.
pub(crate) fn clientbook(binary: &Path, url: &str) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CLIENTBOOK_") {
            command.env_remove(name);
        }
    }
    command.env("CLIENTBOOK_DATABASE", url);
    command
}

/// How many entries the store's audit trail has; fails unless all of it is intact.
pub(crate) fn audited(binary: &Path, url: &str) -> Result<u64, Failure> {
    let output = clientbook(binary, url).args(["audit", "verify", "--json"]).output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the audit trail is not intact:\n{told}\n{log}").into());
    }
    let report: serde_json::Value = serde_json::from_str(&told)?;
    Ok(report["entries"].as_u64().ok_or("the verification counted no entries")?)
}
