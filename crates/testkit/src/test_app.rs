//! The server under test.

use crate::actor::Actor;
use crate::answer::Answer;
use crate::database::TestDatabase;
use crate::issuer::KeyServer;
use axum::body::Body;
use clientbook_api::{Options, Surfaces};
use clientbook_app::{App, AuditScope, Clock, DemoData, Entropy, Env, IssuerSettings};
use clientbook_model::client::Client;
use clientbook_model::secret::Secret;
use clientbook_store::{Access, Db};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::net::TcpListener;

/// 2026-03-10T14:30:00.000Z, when every test begins.
const START: i64 = 1_773_153_000_000;

const OPERATOR: &str = "operator-token-of-the-tests";

/// A running server, with the demo data in its store.
pub struct TestApp {
    base: String,
    clock: Arc<AtomicI64>,
    http: reqwest::Client,
    server: tokio::task::JoinHandle<()>,
    app: App,
    surfaces: Surfaces,
    // Removed last, after everything that has the store open.
    database: Arc<TestDatabase>,
}

/// How a server is to start.
pub struct Start {
    database: Arc<TestDatabase>,
    url: String,
    seed: u64,
    options: Options,
    issuers: Vec<IssuerSettings>,
    keys: KeyServer,
}

impl Start {
    /// On this store, which other servers may have too.
    pub fn on(database: Arc<TestDatabase>) -> Self {
        let (url, options, keys) = (database.url().to_owned(), patient(), KeyServer::default());
        Self { database, url, seed: 7, options, issuers: Vec::new(), keys }
    }

    /// Reaches its store by another URL, such as a proxy's.
    pub fn through(self, url: String) -> Self {
        Self { url, ..self }
    }

    /// Draws its ids and secrets from here. Servers on one store must not draw the same.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Behaves as `options` say.
    pub fn options(self, options: Options) -> Self {
        Self { options, ..self }
    }

    /// Believes these issuers, with the keys that `keys` has of them.
    pub fn issuers(self, issuers: Vec<IssuerSettings>, keys: &KeyServer) -> Self {
        Self { issuers, keys: keys.clone(), ..self }
    }

    /// Starts it.
    pub async fn start(self) -> TestApp {
        let clock = Arc::new(AtomicI64::new(START));
        let entropy = Entropy::seeded(self.seed);
        let env = Env { clock: Clock::Manual(Arc::clone(&clock)), entropy };
        let db = Db::open(&self.url, Access::Write).expect("a store");
        let (app, _) = App::start(db, env, Some(Secret::new(OPERATOR))).await.expect("a start");
        app.load_demo(DemoData::Records).await.expect("the demo data");
        let app = app.with_issuers(self.issuers, &self.keys.fetcher());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let surfaces = Surfaces::new(app.clone(), self.options);
        let server = tokio::spawn(serve(listener, surfaces.clone()));
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        TestApp { base, clock, http, server, app, surfaces, database: self.database }
    }
}

impl TestApp {
    /// Starts a server with the demo data on a store of its own.
    pub async fn start() -> Self {
        Self::prepare().start().await
    }

    /// Starts a server that behaves as `options` say.
    pub async fn start_with(options: Options) -> Self {
        Self::prepare().options(options).start().await
    }

    /// Starts a server that believes these issuers, with the keys that `keys` has of them.
    pub async fn start_with_issuers(issuers: Vec<IssuerSettings>, keys: &KeyServer) -> Self {
        Self::prepare().issuers(issuers, keys).start().await
    }

    fn prepare() -> Start {
        Start::on(Arc::new(TestDatabase::with_tables()))
    }

    /// The use cases behind the server.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Calls the server without a socket between: whatever the request holds reaches it as it is.
    pub async fn call(&self, request: Request<Vec<u8>>) -> Answer {
        self.call_piece_by_piece(request.map(Body::from)).await
    }

    /// The same, with a body that comes as it likes.
    pub async fn call_piece_by_piece(&self, request: Request<Body>) -> Answer {
        let (surfaces, peer) = (self.surfaces.clone(), Ipv4Addr::LOCALHOST.into());
        let response = surfaces.answer(peer, request).await;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("a whole body");
        let text = String::from_utf8(body.into()).expect("a body in UTF-8");
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    /// The server's address, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The store, to look at and to tamper with behind the server's back.
    pub fn database(&self) -> &Arc<TestDatabase> {
        &self.database
    }

    /// Makes the tenant `slug` with so many clients, each as full as one in use.
    pub async fn sample(&self, slug: &str, clients: u32) -> Vec<Client> {
        self.app.load_sample(slug, clients).await.expect("made-up clients")
    }

    /// Panics unless every audit chain is intact, and every row is what the entries say.
    pub async fn assert_audit_intact(&self) {
        let db = Db::open(self.database.url(), Access::Read).expect("the store");
        let report = App::inspect(db, Env::system()).verify_audit(AuditScope::default()).await;
        let report = report.expect("a report");
        assert_eq!(report.faults, []);
        assert!(report.chains > 0);
    }

    /// Moves the clock on.
    pub fn advance(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    /// Seconds since 1970 on the server's clock, as JWTs count.
    pub fn seconds(&self) -> i64 {
        self.clock.load(Ordering::SeqCst) / 1000
    }

    /// A caller without a token.
    pub fn anon(&self) -> Actor {
        Actor { http: self.http.clone(), base: self.base.clone(), token: None }
    }

    /// A caller with this token.
    pub fn bearer(&self, token: &str) -> Actor {
        Actor { token: Some(token.to_owned()), ..self.anon() }
    }

    /// The operator.
    pub fn operator(&self) -> Actor {
        self.bearer(OPERATOR)
    }

    /// A caller with a role in a tenant.
    pub async fn role(&self, tenant: &str, role: &str) -> Actor {
        self.grant(&json!({ "tenant": tenant, "role": role })).await
    }

    /// An admin of the demo's first tenant.
    pub async fn admin(&self) -> Actor {
        self.role("tenant123", "admin").await
    }

    /// A caller with a token of this grant: the body of `POST /v2/api-tokens`, without the name.
    pub async fn grant(&self, grant: &Value) -> Actor {
        let mut body = grant.clone();
        body["name"] = json!("A token of the tests");
        let made = self.operator().post("/v2/api-tokens", &body).await.expect(201);
        self.bearer(made.json()["token"].as_str().expect("a token"))
    }
}

/// A test that fails to log in again and again means it.
fn patient() -> Options {
    let public_url = "http://clientbook.test".into();
    Options { throttle_failed_logins: false, rate_limit: None, public_url }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, surfaces: Surfaces) {
    loop {
        let (stream, peer) = listener.accept().await.expect("a connection");
        let surfaces = surfaces.clone();
        let answer = service_fn(move |request: Request<Incoming>| {
            let answered = surfaces.clone().answer(peer.ip(), request);
            async move { Ok::<_, Infallible>(answered.await) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
        // A caller that breaks off is its own test's matter.
        tokio::spawn(connection);
    }
}
