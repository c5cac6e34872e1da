//! `clientbook agents simulate` against a server.

use crate::process::{Caller, Ended, GLOBEX, PATIENCE, Server, behind, clientbook, finish};
use crate::written::Written;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto::aws_lc_rs::default_provider};

/// The variable with the enrolment token.
const TOKEN: &str = "CLIENTBOOK_ENROLLMENT_TOKEN";

fn directory() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

/// A new enrolment token of the client that has no devices.
async fn enrollment_token(server: &Server) -> String {
    let path = format!("/v2/clients/{GLOBEX}/enrollment-tokens");
    let made = Caller::new(server).call(Method::POST, &path, Some(&json!({}))).await;
    let made: Value = made.json().await.expect("JSON");
    made["value"].as_str().expect("a value").to_owned()
}

async fn set_mode(server: &Server, mode: &str) {
    let path = format!("/v2/clients/{GLOBEX}");
    let changed = Caller::new(server).changes(&path, &json!({ "collection_mode": mode })).await;
    assert_eq!(changed, 200, "{mode}");
}

/// A proxy that speaks TLS before a server: its URL, and its certificate as PEM.
async fn tls(server: &Server) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]);
    let rcgen::CertifiedKey { cert, signing_key } = made.expect("a certificate");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], signing_key.into())
        .expect("a certificate with its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    let behind = server.address();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut client = acceptor.accept(stream).await?;
                let mut server = TcpStream::connect(behind).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    (url, cert.pem())
}

/// So many devices, all of which start within a moment.
fn simulate(server: &str, count: u32) -> Command {
    let mut command = clientbook();
    command.args(["agents", "simulate", "--server", server, "--count", &count.to_string()]);
    command.args(["--per-second", "1000", "--json"]);
    command
}

fn figures(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// A simulation under way, killed when dropped.
struct Running {
    child: Child,
    out: Written,
    told: Written,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let out = Written::read(child.stdout.take().expect("a pipe"));
        let told = Written::read(child.stderr.take().expect("a pipe"));
        Self { child, out, told }
    }

    fn ended(mut self) -> Ended {
        let (out, log) = (self.out.all(PATIENCE), self.told.all(PATIENCE));
        let status = self.child.wait().expect("a process that has ended");
        Ended { code: status.code(), out, log }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// How many device tokens open something.
fn tokens(directory: &Path) -> i64 {
    let sql = "SELECT count(*) FROM credentials WHERE kind = 'device'";
    behind(directory).query_row(sql, [], |row| row.get(0)).expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_join_wait_obey_and_go() {
    let directory = directory();
    let server = Server::start(directory.path());
    let before = tokens(directory.path());
    let token = enrollment_token(&server).await;
    let running = Running::start(simulate(&server.base, 50).env(TOKEN, token));
    running.told.until("50 enrolled, 0 taken up, 50 waiting, 0 gone");
    running.told.until("modes: saas_usage 50;");
    let devices = format!("/v2/clients/{GLOBEX}/devices");
    assert_eq!(Caller::new(&server).get(&devices).await["total_count"], 50);
    let software = format!("/v2/clients/{GLOBEX}/software?page_size=1");
    assert!(Caller::new(&server).get(&software).await["total_count"].as_i64() >= Some(300));
    assert_eq!(tokens(directory.path()), before + 50);
    set_mode(&server, "disabled").await;
    running.told.until("modes: disabled 50;");
    set_mode(&server, "deleted").await;
    // Nobody is left, so it ends by itself.
    let all = figures(&running.ended());
    assert_eq!((&all["enrolled"], &all["gone"]), (&json!(50), &json!(50)), "{all}");
    assert_eq!((&all["modes"], &all["waiting"]), (&json!({}), &json!(0)), "{all}");
    assert_eq!(all["inventories"], 50, "{all}");
    assert_eq!((&all["unanswered"], &all["newest_failure"]), (&json!(0), &Value::Null), "{all}");
    // Joined, asked at once, told who is there, waited twice, and gone.
    assert!(all["answers"]["201"] == 50 && all["answers"]["204"] == 100, "{all}");
    assert!(all["check_ins"].as_i64() >= Some(200), "{all}");
    assert!(all["answer_ms"]["count"].as_i64() >= Some(200), "{all}");
    assert!(all["bytes_sent"].as_i64() > Some(50 * 10_000), "{all}");
    assert_eq!(tokens(directory.path()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_devices_are_taken_up_and_leave() {
    let directory = directory();
    let server = Server::start(directory.path());
    let token = enrollment_token(&server).await;
    let state = directory.path().join("devices.ndjson");
    let with_state = |duration: &str| {
        let mut command = simulate(&server.base, 5);
        command.args(["--pace", "60", "--duration", duration]).arg("--state").arg(&state);
        command
    };
    // A stretch of usage lasts 5 s at this pace.
    let all = figures(&finish(with_state("12s").env(TOKEN, &token)));
    assert_eq!((&all["enrolled"], &all["taken_up"]), (&json!(5), &json!(0)), "{all}");
    assert!(all["usage_records"].as_i64() >= Some(5), "{all}");
    assert_eq!(all["gone"], 0, "{all}");
    let devices = format!("/v2/clients/{GLOBEX}/devices");
    // No token: nobody joins.
    let all = figures(&finish(with_state("10s").arg("--leave")));
    assert_eq!((&all["enrolled"], &all["taken_up"]), (&json!(0), &json!(5)), "{all}");
    assert_eq!((&all["gone"], &all["modes"]["saas_usage"]), (&json!(5), &json!(5)), "{all}");
    assert_eq!(Caller::new(&server).get(&devices).await["total_count"], 5);
    let ended = finish(&mut with_state("10s"));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.log.contains(TOKEN), "{ended:?}");
    // Who comes back is the same device.
    let all = figures(&finish(with_state("10s").env(TOKEN, &token)));
    assert_eq!(all["enrolled"], 5, "{all}");
    assert_eq!(Caller::new(&server).get(&devices).await["total_count"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_server_with_a_trusted_certificate_is_spoken_to() {
    let directory = directory();
    let server = Server::start(directory.path());
    let before = tokens(directory.path());
    let token = enrollment_token(&server).await;
    let (url, certificate) = tls(&server).await;
    let file = directory.path().join("ca.pem");
    let simulate = |ca: Option<&Path>| {
        let mut command = simulate(&url, 3);
        command.args(["--duration", "10s"]).env(TOKEN, &token);
        if let Some(ca) = ca {
            command.arg("--ca").arg(ca);
        }
        finish(&mut command)
    };
    let ended = simulate(None);
    assert!(ended.code != Some(0) && ended.log.contains("certificate"), "{ended:?}");
    let ended = simulate(Some(&file));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("ca.pem cannot be read"), "{ended:?}");
    std::fs::write(&file, "none").expect("a file");
    let ended = simulate(Some(&file));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.log.contains("--ca: there is no certificate in it"), "{ended:?}");
    assert_eq!(tokens(directory.path()), before);
    std::fs::write(&file, certificate).expect("a file");
    let all = figures(&simulate(Some(&file)));
    assert_eq!((&all["enrolled"], &all["newest_failure"]), (&json!(3), &Value::Null), "{all}");
    assert_eq!(tokens(directory.path()), before + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_way_is_told() {
    let directory = directory();
    let server = Server::start(directory.path());
    let unknown = format!("enroll_{}", "0".repeat(32));
    let ended = finish(simulate(&server.base, 50).env(TOKEN, &unknown));
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.log.contains("check the enrolment token"), "{ended:?}");
    assert!(!ended.log.contains(&unknown), "{ended:?}");
    // Another kind of token.
    let ended = finish(simulate(&server.base, 1).env(TOKEN, "cb_secret"));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.log.contains("enroll_") && !ended.log.contains("cb_secret"), "{ended:?}");
    // No API.
    let ended = finish(simulate(&format!("{}/docs", server.base), 1).env(TOKEN, &unknown));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("404") && ended.log.contains("--server"), "{ended:?}");
    let base = server.base.clone();
    server.kill();
    let ended = finish(simulate(&base, 1).env(TOKEN, &unknown));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("cannot be reached"), "{ended:?}");
}

#[test]
fn a_limit_of_files_is_told_before_anything_else() {
    let run = |limit: &str, count: &str| {
        let program = env!("CARGO_BIN_EXE_clientbook");
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("ulimit {limit} && exec \"$0\" \"$@\"")).arg(program);
        command.args(["agents", "simulate", "--server", "http://127.0.0.1:1", "--count", count]);
        finish(command.env_clear().env(TOKEN, "enroll_none"))
    };
    let ended = run("-n 300", "200");
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.log.contains("392 files") && ended.log.contains("have 300"), "{ended:?}");
    // A soft limit is raised: then it is the server that is missing.
    let ended = run("-Sn 100", "200");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.log.contains("cannot be reached"), "{ended:?}");
}
