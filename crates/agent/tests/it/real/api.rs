//! `clientbook serve` with the demo's clients, and who administers them.

use super::until;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The demo's client without devices.
pub(super) const CLIENT: &str = "/v2/clients/aa7cf840-9ca9-46a3-9778-9015d6580d51";

const OPERATOR: &str = "operator-token-of-the-proof";

/// The server, which ends with this value.
pub(super) struct Api {
    child: Child,
    pub(super) address: SocketAddr,
    directory: TempDir,
}

impl Api {
    /// Starts the binary that `cargo xtask agents` names, on a store of its own.
    pub(super) fn start() -> Self {
        let binary = std::env::var_os("CLIENTBOOK_AGENTS_SERVER");
        let binary = PathBuf::from(binary.expect("cargo xtask agents names the server's binary"));
        let directory = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}", directory.path().join("clientbook.db").display());
        let log = File::create(directory.path().join("log")).unwrap();
        let mut child = Command::new(binary)
            .args(["serve", "--demo", "--listen", "127.0.0.1:0", "--database", &store])
            .env("CLIENTBOOK_BOOTSTRAP_TOKEN", OPERATOR)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = said.find_map(|line| {
            line.strip_prefix("Clientbook listens on http://")?.parse::<SocketAddr>().ok()
        });
        // It goes on to print, and stops if nobody reads.
        std::thread::spawn(move || said.for_each(drop));
        let api = Self { child, address: address.expect("an address"), directory };
        until("the demo's data", || (api.get(CLIENT).0 == 200).then_some(()));
        api
    }

    /// What it has logged.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// A call with a token, on a connection of its own.
    pub(super) fn call(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let body = if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() };
        (status.expect("a status"), body)
    }

    fn get(&self, path: &str) -> (u16, Value) {
        self.call(OPERATOR, "GET", path, None)
    }

    /// Changes something.
    pub(super) fn patch(&self, path: &str, body: &Value) {
        let (status, answer) = self.call(OPERATOR, "PATCH", path, Some(body));
        assert_eq!(status, 200, "{path}: {answer}");
    }

    /// A new enrolment token of the client.
    pub(super) fn enrollment_token(&self) -> String {
        let path = format!("{CLIENT}/enrollment-tokens");
        let (status, made) = self.call(OPERATOR, "POST", &path, Some(&json!({})));
        assert_eq!(status, 201, "{made}");
        made["value"].as_str().unwrap().to_owned()
    }

    /// All rows of a list of the client.
    pub(super) fn list(&self, path: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let sign = if path.contains('?') { '&' } else { '?' };
        let mut page = format!("{CLIENT}/{path}");
        loop {
            let (status, mut list) = self.get(&page);
            assert_eq!(status, 200, "{page}: {list}");
            rows.append(list["data"].as_array_mut().unwrap());
            let Some(cursor) = list["next_cursor"].as_str() else { return rows };
            page = format!("{CLIENT}/{path}{sign}cursor={cursor}");
        }
    }

    /// Seconds and visits of what was used, by kind and name.
    pub(super) fn usage(&self) -> BTreeMap<(String, String), (u64, u64)> {
        let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        let number = |row: &Value, name: &str| row[name].as_u64().unwrap();
        let sums = self.list("usage").into_iter().map(|row| {
            let of = (text(&row, "kind"), text(&row, "name"));
            (of, (number(&row, "seconds"), number(&row, "visits")))
        });
        sums.collect()
    }

    /// How many last words of a device the audit trail has.
    pub(super) fn last_words(&self, device: &str) -> usize {
        self.list(&format!("audit-log?action=device_uninstalled&entity_id={device}")).len()
    }

    /// The status that an agent's token gets.
    pub(super) fn admits(&self, token: &str) -> u16 {
        let body = json!({ "agent_version": "1.0.0" });
        self.call(token, "POST", "/v2/agent/check-in", Some(&body)).0
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            println!("the server's log:\n{}", self.log());
        }
    }
}
