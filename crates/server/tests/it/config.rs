//! `clientbook serve --config`: what the file may say, what wins over it, and the issuers in it.

use crate::process::clientbook;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use clientbook_testkit::{ACME, ED25519, P256, RSA, Signer};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// A running server, killed when dropped.
struct Running {
    child: Child,
    base: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("a pipe");
        // Made before it listens, so that it is killed if it never does.
        let mut running = Self { child, base: String::new() };
        let mut lines = BufReader::new(stdout).lines().map(|line| line.expect("text"));
        let listens =
            lines.find_map(|line| line.strip_prefix("Clientbook listens on ").map(str::to_owned));
        running.base = listens.expect("the server says where it listens");
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        running
    }

    async fn status(&self, token: &str) -> u16 {
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        let request = http.get(format!("{}/v2/clients/{ACME}", self.base)).bearer_auth(token);
        request.send().await.expect("an answer").status().as_u16()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A directory with a configuration file in it.
struct Place(TempDir);

impl Place {
    fn new(config: &str) -> Self {
        let place = Self(TempDir::new().expect("a temporary directory"));
        place.write("clientbook.toml", config);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a written file");
    }

    /// `serve --config` with the file.
    fn serve(&self) -> Command {
        let mut command = clientbook();
        command.current_dir(self.0.path()).args(["serve", "--config", "clientbook.toml"]);
        command
    }

    /// Why the server does not start.
    fn refusal(&self) -> String {
        let mut child = self
            .serve()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut told = String::new();
        let mut stderr = child.stderr.take().expect("a pipe");
        stderr.read_to_string(&mut told).expect("text");
        let status = child.wait().expect("an end");
        assert_eq!(status.code(), Some(2), "{told}");
        assert_eq!(told.lines().count(), 1, "one sentence: {told}");
        assert!(!self.path("clientbook-data").exists(), "nothing was made: {told}");
        told
    }
}

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

#[test]
fn a_flag_wins_over_the_environment_and_both_over_the_file() {
    let place =
        Place::new("listen = \"127.0.0.1:0\"\nlog = \"warn\"\ndatabase = \"sqlite:./file.db\"\n");
    let made = |name| place.path(name).exists();
    drop(Running::start(&mut place.serve()));
    assert!(made("file.db"));
    let environment = [("DATABASE", "sqlite:./env.db"), ("LISTEN", "127.0.0.1:0"), ("LOG", "info")];
    let environment = environment.map(|(name, value)| (format!("CLIENTBOOK_{name}"), value));
    // Whatever loses is not even looked at.
    place.write("clientbook.toml", "listen = \"x\"\nlog = \"x\"\ndatabase = \"x\"\n");
    drop(Running::start(place.serve().envs(environment)));
    assert!(made("env.db"));
    let wrong = ["DATABASE", "LISTEN", "LOG"].map(|name| (format!("CLIENTBOOK_{name}"), "x"));
    let flags =
        ["--listen", "127.0.0.1:0", "--log", "info", "--database", &url(&place.path("flag.db"))];
    drop(Running::start(place.serve().envs(wrong).args(flags)));
    assert!(made("flag.db"));
    // The file itself may be named by the environment.
    place.write("other.toml", "listen = \"127.0.0.1:0\"\ndatabase = \"sqlite:./other.db\"\n");
    let mut command = clientbook();
    command.current_dir(place.0.path()).arg("serve").env("CLIENTBOOK_CONFIG", "other.toml");
    drop(Running::start(&mut command));
    assert!(made("other.db"));
}

#[test]
fn a_wrong_file_stops_the_start_and_says_why() {
    let issuer = "[[issuer]]\nissuer = \"https://a.example/\"\naudience = [\"b\"]\n";
    let with = |more: &str| format!("{issuer}tenants = [\"tenant123\"]\n{more}\n");
    let keys = "jwks_url = \"https://a.example/keys\"";
    for (text, parts) in [
        ("listen = \"here\"".to_owned(), ["\"here\"", "file of --config", "127.0.0.1:8080"]),
        ("log = \"loud\"".into(), ["\"loud\"", "file of --config", "info"]),
        ("database = \"mysql:sesame\"".into(), ["\"mysql\"", "file of --config", "sqlite:"]),
        ("public_url = \"https://me:sesame@a\"".into(), ["public_url", "--config", "https://"]),
        ("\n\nlistne = \"x\"".into(), ["line 3", "listne", "`listen`"]),
        ("listen = 8080".into(), ["line 1", "8080", "string"]),
        ("listen = \"a\nb\"".into(), ["line 2", "clientbook.toml", "expected"]),
        (issuer.into(), ["line 1", "missing field", "tenants"]),
        (with("hs256_secret = 314159265358979"), ["line 5", "hs256_secret", "text in quotes"]),
        (with("hs256_secret = \"sesame\""), ["https://a.example/", "hs256_secret", "32 bytes"]),
        (with("hs256_secret = sesame"), ["line 5", "clientbook.toml", "quoted"]),
        (with("jwks_url = \"http://a.example/sesame\""), ["a.example/\"", "jwks_url", "https URL"]),
        (
            with("jwks_url = \"https://a:sesame@b/\""),
            ["a.example/\"", "jwks_url", "leave them out"],
        ),
        (with("jwks_file = \"absent.json\""), ["a.example/\"", "absent.json", "JWKS document"]),
        (with("jwks_file = \"clientbook.toml\""), ["a.example/\"", "jwks_file", "JWKS document"]),
        (with(""), ["https://a.example/", "one of jwks_url", "hs256_secret"]),
        (with(&format!("{keys}\nmax_role = \"king\"")), ["a.example/\"", "king", "operator"]),
        (with(&format!("{keys}\norg_claim = \"\"")), ["a.example/\"", "org_claim", "name"]),
        (with(keys) + &with(keys), ["https://a.example/", "twice", "keep one"]),
    ] {
        let told = Place::new(&text).refusal();
        for part in parts {
            assert!(told.contains(part), "{part:?} is not in {told:?} for {text}");
        }
        assert!(!told.contains("sesame") && !told.contains("31415926"), "{told}");
    }
    let place = Place::new("");
    std::fs::remove_file(place.path("clientbook.toml")).expect("a removed file");
    assert!(place.refusal().contains("cannot be read"));
}

/// An identity provider on a port of this machine, until `stop`.
struct Provider {
    url: String,
    document: Arc<Mutex<String>>,
    server: JoinHandle<()>,
}

impl Provider {
    async fn start(keys: &[Value]) -> Self {
        let document = Arc::new(Mutex::new(json!({ "keys": keys }).to_string()));
        let shown = Arc::clone(&document);
        let text = async move || shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let elsewhere = async || (StatusCode::FOUND, [("location", "/keys")]);
        let router = Router::new().route("/keys", get(text)).route("/moved", get(elsewhere));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("a running provider");
        });
        Self { url, document, server }
    }

    fn publish(&self, document: String) {
        *self.document.lock().unwrap_or_else(PoisonError::into_inner) = document;
    }

    async fn stop(self) {
        self.server.abort();
        assert!(self.server.await.is_err_and(|error| error.is_cancelled()));
    }
}

fn issuer(name: &str, keys: &str) -> String {
    format!(
        "[[issuer]]\nissuer = \"{name}\"\naudience = [\"clientbook\"]\n\
         tenants = [\"tenant123\"]\n{keys}\n"
    )
}

fn claims(issuer: &str) -> Value {
    #[expect(clippy::disallowed_methods, reason = "the binary has the machine's clock")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs();
    json!({
        "iss": issuer, "aud": ["clientbook"], "sub": "jane", "exp": now + 300,
        "tenant_id": "tenant123", "roles": ["viewer"],
    })
}

fn demo(place: &Place) -> Running {
    Running::start(place.serve().args(["--demo", "--listen", "127.0.0.1:0"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_from_where_the_file_says() {
    let provider = Provider::start(&[RSA.jwk("a"), ED25519.jwk("b")]).await;
    let secret = "a secret of thirty-two bytes, ok";
    let base = &provider.url;
    let place = Place::new(
        &[
            issuer("url", &format!("jwks_url = \"{base}/keys\"")),
            issuer("moved", &format!("jwks_url = \"{base}/moved\"")),
            issuer("file", "jwks_file = \"keys/of-file.json\""),
            issuer("secret", &format!("hs256_secret = \"{secret}\"")),
        ]
        .concat(),
    );
    std::fs::create_dir(place.path("keys")).expect("a directory");
    place.write("keys/of-file.json", &json!({ "keys": [P256.jwk("a")] }).to_string());
    let server = demo(&place);
    let shared = Signer::secret(secret.as_bytes());
    for (signer, id, issuer, status) in [
        (&*RSA, "a", "url", 200),
        (&*ED25519, "b", "url", 200),
        (&*P256, "a", "url", 401),
        (&*P256, "a", "file", 200),
        (&*RSA, "a", "file", 401),
        (&shared, "a", "secret", 200),
        (&shared, "a", "url", 401),
        // A redirect is not followed.
        (&*RSA, "a", "moved", 401),
        (&*RSA, "a", "nobody", 401),
    ] {
        let token = signer.sign(id, &claims(issuer));
        assert_eq!(server.status(&token).await, status, "{} of {issuer}", signer.algorithm());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_goes_away_takes_nobody_along() {
    let provider = Provider::start(&[RSA.jwk("a")]).await;
    let place = Place::new(&issuer("url", &format!("jwks_url = \"{}/keys\"", provider.url)));
    let server = demo(&place);
    let token = RSA.sign("a", &claims("url"));
    assert_eq!(server.status(&token).await, 200);
    provider.stop().await;
    let unknown = P256.sign("b", &claims("url"));
    for _ in 0..3 {
        assert_eq!((server.status(&token).await, server.status(&unknown).await), (200, 401));
    }
    // A start without it works too; only its tokens do not.
    let server = demo(&place);
    assert_eq!(server.status(&token).await, 401);
}

/// Nothing forbids dots in the operator's first token, and two make no JWT of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_opaque_token_may_have_two_dots() {
    let place = Place::new(&issuer("secret", &format!("hs256_secret = \"{:x<32}\"", "")));
    let operator = "first.operator.token-of-the-tests";
    let mut command = place.serve();
    command.args(["--demo", "--listen", "127.0.0.1:0"]);
    let server = Running::start(command.env("CLIENTBOOK_BOOTSTRAP_TOKEN", operator));
    assert_eq!(server.status(operator).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_sends_has_a_limit() {
    let provider = Provider::start(&[]).await;
    let padding = "x".repeat(1 << 20);
    provider.publish(json!({ "keys": [RSA.jwk("a")], "padding": padding }).to_string());
    let place = Place::new(&issuer("url", &format!("jwks_url = \"{}/keys\"", provider.url)));
    let server = demo(&place);
    assert_eq!(server.status(&RSA.sign("a", &claims("url"))).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_name_the_public_url() {
    let issuer = issuer("https://id.example.com/", "jwks_url = \"https://id.example.com/keys\"");
    for (config, resource) in [
        (
            format!("public_url = \"https://clients.example.com/\"\n{issuer}"),
            Some("https://clients.example.com"),
        ),
        (issuer.clone(), None),
    ] {
        let server = demo(&Place::new(&config));
        let resource = resource.unwrap_or(&server.base);
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        let path = "/.well-known/oauth-protected-resource";
        let answer = http.get(format!("{}{path}", server.base)).send().await.expect("an answer");
        let text = answer.text().await.expect("text");
        let metadata: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(metadata["resource"], resource);
        assert_eq!(metadata["authorization_servers"], json!(["https://id.example.com/"]));
        let refused = http.get(format!("{}/v2/clients/{ACME}", server.base)).send().await;
        let refused = refused.expect("an answer");
        let challenge = refused.headers()["www-authenticate"].to_str().expect("text");
        assert!(challenge.contains(&format!("resource_metadata=\"{resource}{path}\"")));
    }
}
