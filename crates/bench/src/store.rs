//! The store that everything is measured on: made once, copied for each round.

use crate::Failure;
use crate::surface::TENANT;
use clientbook_api::{Options, Surfaces};
use clientbook_app::{
    App, AppError, Caller, ClientKey, ClientRef, EnrollmentTerms, Env, NewApiToken, Once,
};
use clientbook_model::api_token::{ApiTokenName, Capability};
use clientbook_model::client::Client;
use clientbook_model::principal::Role;
use clientbook_store::{Access, Db};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A store with clients in it, closed.
pub(crate) struct Template {
    path: PathBuf,
    /// In no order of the store's.
    pub(crate) clients: Vec<Client>,
    /// An admin's.
    pub(crate) token: String,
}

impl Template {
    pub(crate) fn make(at: &Path, clients: u32) -> Result<Self, Failure> {
        let path = at.join("template.db");
        let (clients, token) = fill(&url(&path), clients)?;
        Ok(Self { path, clients, token })
    }

    /// A copy to work on.
    pub(crate) fn copy(&self, name: &str) -> Result<PathBuf, Failure> {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        if Path::new(&log).exists() {
            return Err("the store is still open".into());
        }
        let copy = self.path.with_file_name(name).with_extension("db");
        std::fs::copy(&self.path, &copy)?;
        // Nothing of it is left to be written while something is measured.
        std::fs::File::open(&copy)?.sync_all()?;
        Ok(copy)
    }
}

/// Makes the store that `url` names, with so many clients of one tenant; an admin's token.
pub(crate) fn fill_only(url: &str, clients: u32) -> Result<String, Failure> {
    Runtime::new()?.block_on(async {
        let app = open(url).await?.1;
        app.load_sample_into(TENANT, clients, |_| ()).await.map_err(told)?;
        admin(&app).await
    })
}

/// Fills an empty store: the clients, in no order of the store's, and an admin's token.
pub(crate) fn fill(url: &str, clients: u32) -> Result<(Vec<Client>, String), Failure> {
    let (mut clients, token) = Runtime::new()?.block_on(async {
        let app = open(url).await?.1;
        let clients = app.load_sample(TENANT, clients).await.map_err(told)?;
        Ok::<_, Failure>((clients, admin(&app).await?))
    })?;
    // The end of such an id is random: neighbours in the store are not asked for in turn.
    clients.sort_by_key(|client| client.id.0.as_bytes()[8..].to_vec());
    Ok((clients, token))
}

/// The URL of a store in a file.
pub(crate) fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

/// Removes a copy and what lies beside it.
pub(crate) fn remove(copy: &Path) -> Result<(), Failure> {
    for end in ["", "-wal", "-shm", ".lock"] {
        let mut path = copy.as_os_str().to_owned();
        path.push(end);
        if Path::new(&path).exists() {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

pub(crate) async fn open(url: &str) -> Result<(Db, App), Failure> {
    let db = Db::open(url, Access::Write)?;
    let (app, _) = App::start(db.clone(), Env::system(), None).await.map_err(told)?;
    Ok((db, app))
}

async fn admin(app: &App) -> Result<String, Failure> {
    let name = ApiTokenName::new("Bench").map_err(|broken| broken.message)?;
    let wish = NewApiToken {
        name,
        tenant: Some(TENANT.into()),
        capability: Capability::Role(Role::Admin),
        client_ids: None,
        org_id: None,
        project_id: None,
        expires_at: None,
    };
    let caller = Caller::system("bench".into());
    let (_, secret) = app
        .issue_api_token(&caller, wish, Once::free())
        .await
        .map_err(told)?
        .now()
        .map_err(told)?;
    Ok(secret.expose().to_owned())
}

/// A new enrolment token of a client: its value.
pub(crate) async fn enrollment_token(app: &App, client: &Client) -> Result<String, Failure> {
    let target = ClientRef {
        tenant: None,
        asked: client.id.to_string(),
        key: Some(ClientKey::Id(client.id)),
    };
    let (caller, terms) = (Caller::system("bench".into()), EnrollmentTerms::default());
    let made = app.create_enrollment_token(&caller, target, terms, Once::free()).await;
    Ok(made.map_err(told)?.now().map_err(told)?.value)
}

// The error's own words are for callers of the API.
#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by value")]
fn told(error: AppError) -> Failure {
    format!("{error:?}").into()
}

/// Clientbook's surfaces in this process, so that what it runs can be recorded.
pub(crate) struct InProcess {
    pub(crate) db: Db,
    pub(crate) address: SocketAddr,
}

impl InProcess {
    /// Serves the store at `url` as long as the runtime lives.
    pub(crate) fn serve(runtime: &Runtime, url: &str) -> Result<Self, Failure> {
        runtime.block_on(async {
            let (db, app) = open(url).await?;
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?;
            let public_url = format!("http://{address}");
            let options = Options { throttle_failed_logins: true, rate_limit: None, public_url };
            let surfaces = Surfaces::new(app, options);
            let service = service_fn(move |request: Request<Incoming>| {
                let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
                let answered = surfaces.clone().answer(peer, request);
                async move { Ok::<_, Infallible>(answered.await) }
            });
            tokio::spawn(async move {
                let Err(error) = crate::http::serve(listener, service).await;
                eprintln!("clientbook-bench: no connection can be taken: {error}");
            });
            Ok(Self { db, address })
        })
    }
}
