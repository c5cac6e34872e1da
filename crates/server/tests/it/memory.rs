//! What a server keeps in memory has a limit, whatever is asked of it.

use crate::process::{ACME, OPERATOR, Server, Wire};
use tempfile::TempDir;

const MEBIBYTE: u64 = 1 << 20;

/// The largest file that is served.
const FILE: &str = "/docs/swagger-ui-bundle.js";

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: clientbook\r\nAuthorization: Bearer {OPERATOR}\r\n\r\n")
}

#[test]
fn a_connection_keeps_no_large_answer() {
    let directory = TempDir::new().expect("a temporary directory");
    let server = Server::start(directory.path());
    let mut wires: Vec<_> =
        (0..64).map(|_| Wire::open(server.address()).expect("a connection")).collect();
    let ask = |wires: &mut Vec<Wire>, path: &str| {
        for wire in wires {
            wire.send(&get(path)).expect("a request");
            assert_eq!(wire.answer().expect("an answer").status, 200, "{path}");
        }
    };
    let client = format!("/v2/clients/{ACME}");
    ask(&mut wires, &client);
    let before = server.memory();
    ask(&mut wires, FILE);
    ask(&mut wires, &client);
    let more = server.memory().saturating_sub(before);
    // The file has 1.4 MiB: 90 MiB, if each connection kept it.
    assert!(more < 24 * MEBIBYTE, "{} MiB more", more / MEBIBYTE);
}
