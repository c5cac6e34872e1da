//! A running `clientbook serve`, and what can be done to it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// The operator's token of every store that these tests make.
pub(crate) const OPERATOR: &str = "operator-token-of-the-tests";

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
pub(crate) fn run(args: &[&str]) -> Output {
    clientbook().args(args).output().expect("the binary starts")
}

/// A server on a store in `directory`, killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// `http://127.0.0.1:<port>`
    pub(crate) base: String,
}

/// The URL of the store in `directory`.
pub(crate) fn store_url(directory: &Path) -> String {
    format!("sqlite:{}", directory.join("clientbook.db").display())
}

impl Server {
    /// Starts it and waits until it listens.
    pub(crate) fn start(directory: &Path) -> Self {
        let mut child = clientbook()
            .args(["serve", "--demo", "--listen", "127.0.0.1:0", "--database"])
            .arg(store_url(directory))
            .env("CLIENTBOOK_BOOTSTRAP_TOKEN", OPERATOR)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let base = lines
            .by_ref()
            .map(|line| line.expect("readable output"))
            .find_map(|line| line.strip_prefix("Clientbook listens on ").map(str::to_owned))
            .expect("the server says where it listens");
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, base }
    }

    /// `kill -9`
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a process to kill");
        self.child.wait().expect("a killed process");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
