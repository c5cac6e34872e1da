//! The server under test.

use crate::actor::Actor;
use crate::database::TestDatabase;
use crate::issuer::KeyServer;
use axum::extract::ConnectInfo;
use clientbook_api::{Options, PeerAddress};
use clientbook_app::{App, Clock, Entropy, Env, IssuerSettings};
use clientbook_model::client::Client;
use clientbook_model::secret::Secret;
use clientbook_store::{Access, Db};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// 2026-03-10T14:30:00.000Z, when every test begins.
const START: i64 = 1_773_153_000_000;

const OPERATOR: &str = "operator-token-of-the-tests";

/// A running server on a store of its own, with the demo data in it.
pub struct TestApp {
    base: String,
    app: App,
    clock: Arc<AtomicI64>,
    http: reqwest::Client,
    server: tokio::task::JoinHandle<()>,
    // Removed last, after everything that has the store open.
    database: TestDatabase,
}

impl TestApp {
    /// Starts a server with the demo data.
    pub async fn start() -> Self {
        Self::start_with(patient()).await
    }

    /// Starts a server that behaves as `options` say.
    pub async fn start_with(options: Options) -> Self {
        Self::launch(options, Vec::new(), &KeyServer::default()).await
    }

    /// Starts a server that believes these issuers, with the keys that `keys` has of them.
    pub async fn start_with_issuers(issuers: Vec<IssuerSettings>, keys: &KeyServer) -> Self {
        Self::launch(patient(), issuers, keys).await
    }

    async fn launch(options: Options, issuers: Vec<IssuerSettings>, keys: &KeyServer) -> Self {
        let database = TestDatabase::new();
        let clock = Arc::new(AtomicI64::new(START));
        let env = Env { clock: Clock::Manual(Arc::clone(&clock)), entropy: Entropy::seeded(7) };
        let db = Db::open(database.url(), Access::Write).expect("a new store");
        let secret = Some(Secret::new(OPERATOR));
        let (app, _) = App::start(db, env, secret).await.expect("a first start");
        assert!(app.load_demo().await.expect("the demo data"), "the store was new");
        let app = app.with_issuers(issuers, &keys.fetcher());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let router =
            clientbook_api::router(app.clone(), options).layer(axum::middleware::from_fn(peer));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move {
            axum::serve(listener, service).await.expect("a running server");
        });
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        Self { base, app, clock, http, server, database }
    }

    /// The server's address, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The store, to look at and to tamper with behind the server's back.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// Makes the tenant `slug` with so many clients, each as full as one in use.
    pub async fn sample(&self, slug: &str, clients: u32) -> Vec<Client> {
        self.app.load_sample(slug, clients).await.expect("made-up clients")
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
    Options { throttle_failed_logins: false, public_url: "http://clientbook.test".into() }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn peer(
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    mut request: axum::extract::Request,
    next: axum::middleware::Next,
) -> axum::response::Response {
    request.extensions_mut().insert(PeerAddress(address.ip()));
    next.run(request).await
}
