//! Servers behind pgBouncer, where it is installed and there is a PostgreSQL to test on: nothing is
//! lost, nothing is stale, and no start waits for one before it.

use crate::process::{ACME, Caller, GLOBEX, OPERATOR, PATIENCE, Server, clientbook, finish, serve};
use clientbook_testkit::{Engine, TestDatabase};
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Prepared statements of a client's own, in transaction pooling: since 1.21.
const PREPARES: (u32, u32) = (1, 21);

/// A running pgBouncer, which ends with this value.
struct Bouncer {
    process: Child,
    url: String,
    _directory: TempDir,
}

impl Bouncer {
    /// In front of the database at `url`, as docs/postgresql.md says; as `mode` pools.
    fn start(url: &str, mode: &str) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (credentials, place) = url
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('@'))
            .expect("a URL with a password");
        let (user, password) = credentials.split_once(':').expect("a URL with a password");
        let (host, name) = place.split_once('/').expect("a URL that names a database");
        let (host, port) = host.split_once(':').unwrap_or((host, "5432"));
        let users = directory.path().join("users");
        std::fs::write(&users, format!("\"{user}\" \"{password}\"\n")).expect("a file");
        // Sessions need one connection for each of the servers'; transactions share a few.
        let pool = if mode == "session" { 100 } else { 8 };
        let mut settings = format!(
            "[databases]\n{name} = host={host} port={port}\n[pgbouncer]\npool_mode = {mode}\n\
             listen_addr = 127.0.0.1\nlisten_port = {}\nunix_socket_dir =\nauth_type = plain\n\
             auth_file = {}\ndefault_pool_size = {pool}\nignore_startup_parameters = options\n",
            address.port(),
            users.display(),
        );
        if version() >= Some(PREPARES) {
            settings += "max_prepared_statements = 200\n";
        }
        let file = directory.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).expect("a file");
        drop(listener);
        let mut process = as_anyone_but_root(directory.path());
        process.arg("pgbouncer").arg(&file).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = process.spawn().expect("pgbouncer starts");
        let log = BufReader::new(process.stderr.take().expect("a pipe"));
        // It says what it does as long as it runs, and nobody else listens.
        std::thread::spawn(move || log.lines().map_while(Result::ok).for_each(drop));
        let this = Self {
            process,
            url: format!("postgres://{credentials}@{address}/{name}"),
            _directory: directory,
        };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "pgbouncer does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        this
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// It refuses to run as root, and then has to be let into its directory.
fn as_anyone_but_root(directory: &Path) -> Command {
    let id = Command::new("id").arg("-u").output().expect("id");
    if id.stdout.trim_ascii() != b"0" {
        return Command::new("env");
    }
    let given = Command::new("chown").args(["-R", "nobody"]).arg(directory).status();
    assert!(given.is_ok_and(|status| status.success()), "a directory to give away");
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    command
}

/// The version that is installed, if any.
fn version() -> Option<(u32, u32)> {
    let output = Command::new("pgbouncer").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.lines().next()?.strip_prefix("PgBouncer ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Two servers behind it, changes through both at once, and a suspension through one of them that
/// the other must know of.
async fn works(mode: &str, engine: Engine) {
    let database = TestDatabase::on(engine);
    let bouncer = Bouncer::start(database.url(), mode);
    let launch = |demo: bool| {
        let mut command = serve();
        command.env("CLIENTBOOK_DATABASE", &bouncer.url).args(demo.then_some("--demo"));
        Server::launch(command.env("CLIENTBOOK_BOOTSTRAP_TOKEN", OPERATOR))
    };
    let servers = [launch(true), launch(false)];
    let callers = servers.each_ref().map(Caller::new);
    let acme = format!("/v2/clients/{ACME}");
    let versions: Vec<_> = (0..64)
        .map(|number| {
            let (caller, path) = (callers[number % 2].clone(), format!("/client/{ACME}"));
            let body = json!({ "siteUrl": format!("https://acme-{number}.example") });
            tokio::spawn(async move { caller.changes(&path, &body).await })
        })
        .collect();
    for answer in versions {
        assert_eq!(answer.await.expect("no panic"), 200, "{mode}");
    }
    for number in 0..20 {
        let mode_now = if number % 2 == 0 { "disabled" } else { "discovery" };
        let path = format!("/v2/clients/{GLOBEX}");
        let body = json!({ "collection_mode": mode_now });
        assert_eq!(callers[number % 2].changes(&path, &body).await, 200, "{mode}");
        let seen = callers[(number + 1) % 2].get(&path).await;
        assert_eq!(seen["collection_mode"], mode_now, "{mode}: the other server knows");
    }
    assert_eq!(callers[0].reads(&acme).await, 200);
    let mut verify = clientbook();
    verify.args(["audit", "verify", "--json"]).env("CLIENTBOOK_DATABASE", &bouncer.url);
    let verified = finish(&mut verify);
    assert_eq!(verified.code, Some(0), "{mode}: {verified:?}");
    // Nobody holds what a start waits for.
    launch(false).stop();
    let [first, second] = servers;
    assert_eq!([first.stop().code, second.stop().code], [Some(0); 2], "{mode}");
}

#[tokio::test]
async fn sessions_are_pooled() {
    let (Some(engine), Some(_)) = (Engine::postgres(), version()) else {
        return;
    };
    works("session", engine).await;
}

#[tokio::test]
async fn transactions_are_pooled() {
    let (Some(engine), Some(version)) = (Engine::postgres(), version()) else {
        return;
    };
    if version >= PREPARES {
        works("transaction", engine).await;
    }
}
