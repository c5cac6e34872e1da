//! `clientbook serve`: what it prints, keeps, logs, and leaves behind.

use crate::process::{
    ACME, ACME_OBJECT, Caller, Ended, INITECH, OPERATOR, PATIENCE, Server, Wire, behind,
    clientbook, finish, make_store, names, serve, serve_store, store_url,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

fn directory() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

#[test]
fn a_demo_leaves_nothing_behind() {
    for signal in ["TERM", "INT"] {
        let (temporary, current) = (directory(), directory());
        let mut command = serve();
        command.arg("--demo").env("TMPDIR", temporary.path()).current_dir(current.path());
        let server = Server::launch(&mut command);
        server.out.until("Calls to try:");
        let left = names(temporary.path());
        assert!(matches!(&left[..], [name] if name.starts_with("clientbook-demo-")), "{left:?}");
        let store = temporary.path().join(&left[0]);
        let mode = fs::metadata(&store).expect("the store's directory").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(store.join("clientbook.db").exists());
        server.signal(signal);
        let ended = server.ended(PATIENCE);
        assert_eq!(ended.code, Some(0), "{signal}: {}", ended.log);
        assert_eq!(names(temporary.path()), [""; 0], "{signal}");
        assert_eq!(names(current.path()), [""; 0], "{signal}");
    }
}

/// The printed lines to paste.
fn printed_calls(out: &str) -> Vec<&str> {
    out.lines().filter(|line| line.starts_with("curl ")).collect()
}

/// Runs a line as it was pasted; the status and the body of the answer.
fn pasted(line: &str) -> (u16, Value) {
    let quiet = format!("{line} --silent --show-error --write-out ' %{{http_code}}'");
    let mut shell = Command::new("sh");
    let run = shell.args(["-c", &quiet]).env("NO_PROXY", "*").output().expect("a shell");
    assert!(run.status.success(), "{line}: {}", String::from_utf8_lossy(&run.stderr));
    let answer = String::from_utf8(run.stdout).expect("text");
    let (body, status) = answer.rsplit_once(' ').expect("a status");
    (status.parse().expect("a status"), serde_json::from_str(body).expect("JSON"))
}

/// The call that a line stands for; the status and the body of the answer.
async fn by_hand(caller: &Caller, line: &str) -> (u16, Value) {
    let mut words = Vec::new();
    // Every second piece stood between quotes.
    for (at, piece) in line.split('\'').enumerate() {
        match at % 2 {
            0 => words.extend(piece.split_whitespace().map(str::to_owned)),
            _ => words.push(piece.to_owned()),
        }
    }
    let url = words.last().expect("a URL");
    let path = url.strip_prefix("http://").and_then(|rest| rest.find('/').map(|at| &rest[at..]));
    let value = |flag: &str| words.iter().position(|word| word == flag).map(|at| &words[at + 1]);
    let method = value("-X").map_or(Method::GET, |name| name.parse().expect("a method"));
    let mut request = caller.request(method, path.expect("a path"));
    for pair in words.windows(2).filter(|pair| pair[0] == "-H") {
        let (name, value) = pair[1].split_once(": ").expect("a header field");
        request = request.header(name, value);
    }
    if let Some(body) = value("-d") {
        request = request.body(body.clone());
    }
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_calls_work() {
    // A shell and curl read the lines as a person's would. Where there is no curl the requests are
    // still worth sending; they are sent by hand everywhere, so that this way is tested too.
    let curl = Command::new("curl").arg("--version").output().is_ok();
    for by_curl in [false, true].into_iter().filter(|by_curl| curl || !by_curl) {
        let server =
            Server::launch(serve().arg("--demo").env("CLIENTBOOK_BOOTSTRAP_TOKEN", OPERATOR));
        let caller = Caller::new(&server);
        let out = server.out.until("one record, four doors");
        let lines = printed_calls(&out);
        let mut answers = Vec::new();
        for line in lines.iter().chain(&lines[..1]) {
            let (status, body) = if by_curl { pasted(line) } else { by_hand(&caller, line).await };
            assert_eq!(status, 200, "{line}: {body}");
            answers.push(body);
        }
        let [first, second, off, on, fourth, fifth, again] = &answers[..] else {
            panic!("five calls, one of them in two: {lines:?}");
        };
        assert_eq!(first["name"], "Acme Corporation");
        assert_eq!(second["collection_mode"], "disabled");
        assert_eq!([off, on], [&json!({}), &json!({})]);
        assert_eq!(fourth["client"]["contactMethods"][0]["value"], "jane@example.com");
        assert_eq!(fifth["npsScore"], 42);
        assert_eq!(again["name"], "Jane Doe");
        assert_eq!(caller.get(&format!("/client/{ACME}")).await["active"], true);
        let ended = server.stop();
        assert!(ended.out.contains("Operator token: the value of CLIENTBOOK_BOOTSTRAP_TOKEN"));
        assert!(!ended.out.contains(OPERATOR), "{}", ended.out);
    }
}

fn count(directory: &Path, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    behind(directory).query_row(&sql, [], |row| row.get(0)).expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_store_is_kept() {
    let directory = directory();
    let server = Server::start(directory.path());
    let url = store_url(directory.path());
    server.out.until(&format!("The data is made up; {url} keeps it."));
    let caller = Caller::new(&server);
    assert_eq!(caller.changes(ACME_OBJECT, &json!({ "name": "Renamed" })).await, 200);
    assert_eq!(server.stop().code, Some(0));
    let tables = ["tenants", "clients", "enrollment_tokens", "client_types"];
    let before = tables.map(|table| count(directory.path(), table));
    let trail = "audit_entries WHERE entity_type <> 'api_token'";
    let entries = count(directory.path(), trail);

    let server = Server::start(directory.path());
    server.out.until(&format!("The data is what {url} kept."));
    let acme = format!("/v2/clients/{ACME}");
    assert_eq!(Caller::new(&server).get(&acme).await["name"], "Renamed");
    assert_eq!(server.stop().code, Some(0));
    assert_eq!(tables.map(|table| count(directory.path(), table)), before);
    assert_eq!(count(directory.path(), trail), entries);

    let server = Server::launch(&mut serve_store(directory.path()));
    assert_eq!(Caller::new(&server).get(&acme).await["name"], "Renamed");
    let ended = server.stop();
    assert!(!ended.out.contains("cb_") && !ended.out.contains("curl"), "{}", ended.out);
}

#[test]
fn a_demo_adds_nothing_to_other_data() {
    let directory = directory();
    Server::launch(&mut serve_store(directory.path())).stop();
    let tenant = "INSERT INTO tenants (id, slug, object_id, name, created_at) \
                  VALUES (randomblob(16), 'acme', '65a000000000000000000777', 'Acme', 0)";
    behind(directory.path()).execute(tenant, []).expect("a tenant");
    let before = ["tenants", "clients", "api_tokens"].map(|table| count(directory.path(), table));
    let ended = Server::launch(serve_store(directory.path()).arg("--demo")).stop();
    assert!(ended.out.contains("has data that is not the demo's"), "{}", ended.out);
    assert!(!ended.out.contains("cb_"), "{}", ended.out);
    let after = ["tenants", "clients", "api_tokens"].map(|table| count(directory.path(), table));
    assert_eq!(after, before);
}

/// Only an operator reads the clients of every tenant.
async fn is_operator(server: &Server, token: &str) -> bool {
    let caller = Caller::with(server, token);
    let (acme, initech) = (format!("/v2/clients/{ACME}"), format!("/v2/clients/{INITECH}"));
    let statuses = [caller.reads(&acme).await, caller.reads(&initech).await];
    assert!([[200, 200], [401, 401]].contains(&statuses), "{statuses:?}");
    statuses == [200, 200]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_token_is_told_once() {
    let directory = directory();
    let server = Server::launch(serve_store(directory.path()).arg("--demo"));
    let out = server.out.until("one record, four doors");
    let told = "Operator token, told this once: ";
    let told: Vec<_> = out.lines().filter_map(|line| line.strip_prefix(told)).collect();
    let &[token] = &told[..] else {
        panic!("told once: {out}");
    };
    assert!(is_operator(&server, token).await);
    let ended = server.stop();
    assert_eq!(ended.out.matches(token).count(), 1, "{}", ended.out);
    assert!(!ended.log.contains(token), "{}", ended.log);

    let server = Server::launch(&mut serve_store(directory.path()));
    assert!(is_operator(&server, token).await);
    let ended = server.stop();
    assert!(!ended.out.contains("Operator token"), "{}", ended.out);
    assert!(!ended.out.contains(token) && !ended.log.contains(token));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_operators_token_stays() {
    let directory = directory();
    make_store(directory.path());
    let other = "another-token-of-the-operator";
    for (given, ignored) in [(OPERATOR, false), (other, true)] {
        let mut command = serve_store(directory.path());
        let server = Server::launch(command.env("CLIENTBOOK_BOOTSTRAP_TOKEN", given));
        assert!(is_operator(&server, OPERATOR).await);
        assert!(!is_operator(&server, other).await);
        let ended = server.stop();
        let mut warnings = ended.log.lines().filter(|line| line.contains("\"WARN\""));
        let warned = warnings
            .any(|line| line.contains("CLIENTBOOK_BOOTSTRAP_TOKEN") && line.contains("ignored"));
        assert_eq!(warned, ignored, "{}", ended.log);
        for token in [OPERATOR, other] {
            assert!(!ended.out.contains(token) && !ended.log.contains(token), "{}", ended.log);
        }
    }
}

#[test]
fn a_bad_operators_token_stops_the_start() {
    let bad: [(&[u8], &str); 5] = [
        (b"", "0 characters"),
        (b"too-short", "9 characters"),
        (b"with a space in it, but long enough", "space"),
        (b"with-a-line-break-at-the-end-of-it\n", "control character"),
        (b"not-text-but-long-enough-\xFF", "not text"),
    ];
    for (value, why) in bad {
        let directory = directory();
        let value = OsStr::from_bytes(value);
        let mut command = serve_store(&directory.path().join("new"));
        let Ended { code, log: told, .. } =
            finish(command.env("CLIENTBOOK_BOOTSTRAP_TOKEN", value));
        assert_eq!(code, Some(2), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.starts_with("error: CLIENTBOOK_BOOTSTRAP_TOKEN "), "{told}");
        assert!(told.contains(why) && told.contains("at least 24"), "{told}");
        let repeated = value.to_str().filter(|value| !value.is_empty());
        assert!(repeated.is_none_or(|value| !told.contains(value.trim())), "{told}");
        assert_eq!(names(directory.path()), [""; 0]);
    }
}

/// Sends what carries secrets, some of it wrong; the secret of a token that was made.
async fn drive(server: &Server, wrong: &str) -> String {
    let (right, stranger) = (Caller::new(server), Caller::with(server, wrong));
    let (v2, success) = (format!("/v2/clients/{ACME}"), format!("/client/{ACME}"));
    let wish = json!({ "name": "Made here", "role": "viewer", "tenant": "tenant123" });
    let made = right.call(Method::POST, "/v2/api-tokens", Some(&wish)).await;
    assert_eq!(made.status(), 201);
    let made: Value = made.json().await.expect("JSON");
    let token = made["token"].as_str().expect("a token").to_owned();
    assert_eq!(Caller::with(server, &token).changes(&v2, &json!({})).await, 403);
    assert_eq!(right.reads(&v2).await, 200);
    assert_eq!(right.reads("/v2/nowhere").await, 404);
    assert_eq!(right.changes(&v2, &json!({ "colour": "red" })).await, 400);
    let mut refused = Vec::new();
    for path in [&success, &v2].into_iter().cycle().take(40) {
        refused.push(stranger.reads(path).await);
    }
    assert!(refused.contains(&401) && refused.contains(&429), "{refused:?}");
    for (name, value, status) in [
        ("Authorization", OPERATOR.to_owned(), 200),
        ("X-API-Key", OPERATOR.to_owned(), 200),
        ("Authorization", format!("Basic {OPERATOR}"), 401),
        ("Authorization", format!("Bearer {OPERATOR} and more"), 401),
    ] {
        let request = right.request(Method::GET, &success).header(name, &value);
        let answered = request.send().await.expect("an answer").status();
        assert!([status, 429].contains(&answered.as_u16()), "{name}: {answered}");
    }
    for head in ["PATCH", "GARBAGE \u{1}"] {
        let mut wire = Wire::open(server.address()).expect("a connection");
        let authorization = format!("Authorization: Bearer {OPERATOR}\r\nHost: {OPERATOR}:x");
        let body = "Content-Length: 9\r\nContent-Type: application/json\r\n\r\n{not json";
        let request = format!("{head} {v2} HTTP/1.1\r\n{authorization}\r\n{body}");
        wire.send(&request).expect("a connection");
        assert_eq!(wire.answer().expect("an answer").status, 400, "{head}");
    }
    token
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_stay_out_of_the_log() {
    let directory = directory();
    make_store(directory.path());
    let mut command = serve_store(directory.path());
    let command = command.args(["--log", "trace"]).env("CLIENTBOOK_BOOTSTRAP_TOKEN", OPERATOR);
    let server = Server::launch(command);
    let wrong = "cb_WrongButAsLongAsARightOneWouldBe0123456789";
    let made = drive(&server, wrong).await;
    let log = server.stop().log;
    assert!(log.matches("\"answered\"").count() > 40, "not all is logged: {log}");
    assert!(log.contains("a connection broke off"), "not all is logged: {log}");
    for secret in [OPERATOR, wrong, &made] {
        // Neither half of it, as a log that cuts long values would show.
        for half in [&secret[..secret.len() / 2], &secret[secret.len() / 2..]] {
            let line = log.lines().find(|line| line.contains(half));
            assert_eq!(line, None, "{half:?} is in the log");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_json_lines() {
    let directory = directory();
    let server = Server::start(directory.path());
    assert_eq!(Caller::with(&server, "wrong").reads(&format!("/v2/clients/{ACME}")).await, 401);
    let log = server.stop().log;
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        for field in ["timestamp", "level", "message", "target"] {
            assert!(line[field].is_string(), "{field} is not in {line}");
        }
    }
    let said = |message: &str| lines.iter().any(|line| line["message"] == message);
    assert!(said("stopped") && lines.len() >= 3, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flag_of_serve_has_a_twin() {
    let directory = directory();
    let mut command = clientbook();
    command
        .arg("serve")
        .current_dir(directory.path())
        .env("CLIENTBOOK_LISTEN", "127.0.0.1:0")
        .env("CLIENTBOOK_DATABASE", "sqlite:twin.db")
        .env("CLIENTBOOK_DEMO", "true")
        .env("CLIENTBOOK_BOOTSTRAP_TOKEN", OPERATOR)
        .env("CLIENTBOOK_LOG", "debug");
    let server = Server::launch(&mut command);
    assert_ne!(server.address().port(), 8080);
    server.out.until("Calls to try:");
    assert!(directory.path().join("twin.db").exists());
    assert!(is_operator(&server, OPERATOR).await);
    assert!(server.stop().log.contains("\"answered\""), "debug is logged");

    // The flag wins.
    command.args(["--log", "off", "--database", "sqlite:flag.db"]).env("CLIENTBOOK_DEMO", "false");
    let ended = Server::launch(&mut command).stop();
    assert_eq!(ended.log, "");
    assert!(!ended.out.contains("Calls to try:"), "{}", ended.out);
    assert!(directory.path().join("flag.db").exists());
}
