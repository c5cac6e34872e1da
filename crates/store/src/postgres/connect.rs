//! Where the database is and how to get there.

use super::error::chain;
#[cfg(feature = "record")]
use super::tape::Recorder;
use crate::error::DbError;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::num::NonZero;
use std::str::FromStr as _;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Connections in all, where the URL does not say.
const CONNECTIONS: usize = 32;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);

/// How long a peer may leave what it was sent unacknowledged.
const SILENCE: Duration = Duration::from_secs(5);

/// A database, as its URL names it.
#[derive(Clone)]
pub(super) struct Target {
    config: Config,
    tls: MakeRustlsConnect,
    pub(super) threads: usize,
    connections: usize,
    #[cfg(feature = "record")]
    pub(super) recorder: Recorder,
}

impl Target {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/NAME?...`. The password is in no error.
    pub(super) fn parse(url: &str) -> Result<Self, DbError> {
        let (base, parameters) = url.split_once('?').unwrap_or((url, ""));
        let (mut ours, mut theirs) = (Ours::default(), Vec::new());
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslrootcert", file)) => ours.root = Some(file.to_owned()),
                Some(("connections", count)) => {
                    let count = count.parse().ok().filter(|count| (2..=1_000).contains(count));
                    let message = "connections must be a number from 2 to 1000";
                    ours.connections = Some(count.ok_or_else(|| refused(message))?);
                }
                _ => theirs.push(parameter),
            }
        }
        let mut config = Config::from_str(&format!("{base}?{}", theirs.join("&")))
            .map_err(|error| refused(&format!("the database's URL: {}", chain(&error))))?;
        if config.get_application_name().is_none() {
            config.application_name("clientbook");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        if config.get_options().is_none() {
            // No statement_timeout: in the wait for a synchronous standby it would turn into a
            // COMMIT that says yes and is on one machine only.
            config.options("-c lock_timeout=5s -c idle_in_transaction_session_timeout=30s");
        }
        config.keepalives_idle(SILENCE);
        config.keepalives_interval(Duration::from_secs(1));
        config.keepalives_retries(3);
        // With several hosts, the one that takes writes.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        let cores = available_parallelism().map_or(1, NonZero::get);
        let connections = ours.connections.unwrap_or(CONNECTIONS);
        // Each thread keeps one connection for lookups and needs one for transactions.
        let threads = cores.min(connections / 2);
        Ok(Self {
            config,
            tls: tls(ours.root.as_deref())?,
            threads,
            connections,
            #[cfg(feature = "record")]
            recorder: Recorder::default(),
        })
    }

    /// The same with connections that wait for a lock as long as it takes.
    pub(super) fn unhurried(&self) -> Self {
        let mut this = self.clone();
        let given = self.config.get_options().unwrap_or_default();
        let options = format!("{given} -c lock_timeout=0 -c idle_in_transaction_session_timeout=0");
        this.config.options(options.trim_start());
        this
    }

    /// A connection of its own, apart from the pools.
    pub(super) async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        tokio::spawn(async move {
            // Whoever uses the client hears of it too.
            if let Err(error) = connection.await {
                tracing::debug!(error = %chain(&error), "a connection to PostgreSQL ended");
            }
        });
        Ok(client)
    }
}

#[derive(Default)]
struct Ours {
    root: Option<String>,
    connections: Option<usize>,
}

/// The pool of one thread.
pub(super) fn pool(target: &Target) -> Result<Pool, DbError> {
    let recycling_method = RecyclingMethod::Fast;
    let (config, tls) = (target.config.clone(), target.tls.clone());
    let manager = Manager::from_config(config, tls, ManagerConfig { recycling_method });
    Pool::builder(manager)
        .max_size(target.connections.div_ceil(target.threads))
        .timeouts(Timeouts {
            wait: Some(CONNECT),
            create: Some(2 * CONNECT),
            recycle: Some(CONNECT),
        })
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| DbError::internal(error.to_string()))
}

/// TLS, if the server has it or `sslmode` demands it. A certificate is always checked: against the
/// file `root`, or else against the system's roots.
fn tls(root: Option<&str>) -> Result<MakeRustlsConnect, DbError> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = root {
        let unreadable =
            |error: &dyn std::fmt::Display| refused(&format!("sslrootcert {file}: {error}"));
        let all = CertificateDer::pem_file_iter(file).map_err(|error| unreadable(&error))?;
        for certificate in all {
            let certificate = certificate.map_err(|error| unreadable(&error))?;
            roots.add(certificate).map_err(|error| unreadable(&error))?;
        }
    } else {
        let found = rustls_native_certs::load_native_certs();
        for error in found.errors {
            tracing::warn!(%error, "a root certificate of the system cannot be read");
        }
        roots.add_parsable_certificates(found.certs);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| DbError::internal(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn refused(message: &str) -> DbError {
    DbError::Refused(message.to_owned())
}
