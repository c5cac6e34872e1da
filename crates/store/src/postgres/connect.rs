//! Where the database is and how to get there.

use super::error::chain;
#[cfg(feature = "record")]
use super::tape::Recorder;
use crate::error::DbError;
use crate::fields::Kept;
use deadpool_postgres::{
    Connect, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts,
};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::future::poll_fn;
use std::num::NonZero;
use std::pin::Pin;
use std::str::FromStr as _;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Connections in all, where the URL does not say.
const CONNECTIONS: usize = 32;

/// How long a connection may take to be made, unless the URL says `connect_timeout`.
const CONNECT: Duration = Duration::from_secs(3);

/// PostgreSQL's, where the URL names none.
const PORT: u16 = 5432;

/// How many addresses of one name are asked.
const ADDRESSES: usize = 16;

/// How long a peer may leave what it was sent unacknowledged.
const SILENCE: Duration = Duration::from_secs(5);

/// A database, as its URL names it.
#[derive(Clone)]
pub(super) struct Target {
    /// One for each host.
    hosts: Vec<Config>,
    /// How long a connection may take to be made.
    patience: Duration,
    tls: MakeRustlsConnect,
    pub(super) threads: usize,
    connections: usize,
    /// What all connections share.
    pub(super) fields: Kept,
    /// Who hears of notifications.
    heard: Option<mpsc::UnboundedSender<()>>,
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
        let theirs = theirs.join("&");
        let hosts = hosts(base).into_iter().map(|base| config(&format!("{base}?{theirs}")));
        let hosts = hosts.collect::<Result<Vec<_>, DbError>>()?;
        if hosts.iter().any(|host| host.get_hosts().len() > 1 || host.get_hostaddrs().len() > 1) {
            return Err(refused("several hosts stand in the address: HOST:PORT,HOST:PORT"));
        }
        if hosts.len() > 1 && hosts.iter().any(|host| !host.get_hostaddrs().is_empty()) {
            return Err(refused("hostaddr goes with one host only: put the addresses there"));
        }
        let patience = hosts.first().and_then(|host| host.get_connect_timeout().copied());
        let cores = available_parallelism().map_or(1, NonZero::get);
        let connections = ours.connections.unwrap_or(CONNECTIONS);
        // Each thread keeps one connection for lookups and needs one for transactions.
        let threads = cores.min(connections / 2);
        let (tls, patience) = (tls(ours.root.as_deref())?, patience.unwrap_or(CONNECT));
        Ok(Self {
            hosts,
            patience,
            tls,
            threads,
            connections,
            fields: Kept::default(),
            heard: None,
            #[cfg(feature = "record")]
            recorder: Recorder::default(),
        })
    }

    /// The same with connections that wait for a lock as long as it takes.
    pub(super) fn unhurried(&self) -> Self {
        let mut this = self.clone();
        for host in &mut this.hosts {
            let given = host.get_options().unwrap_or_default();
            let options =
                format!("{given} -c lock_timeout=0 -c idle_in_transaction_session_timeout=0");
            host.options(options.trim_start());
        }
        this
    }

    /// A connection of its own, apart from the pools. A host that is silent keeps it waiting.
    pub(super) async fn connect(&self) -> Result<Client, Error> {
        self.race().await.map(|(client, _)| client)
    }

    /// The same, with a sender for the notifications that it asks for.
    pub(super) async fn connect_hearing(
        &self,
        heard: mpsc::UnboundedSender<()>,
    ) -> Result<Client, Error> {
        Self { heard: Some(heard), ..self.clone() }.connect().await
    }

    /// Asks all addresses of all hosts at once, and takes the first that answers and takes writes: one
    /// that is silent keeps nobody from the others.
    async fn race(&self) -> Result<(Client, JoinHandle<()>), Error> {
        let mut looked_up: FuturesUnordered<_> = self.hosts.iter().map(addresses).collect();
        let mut asked = FuturesUnordered::new();
        let mut refusal = None;
        loop {
            let outcome = tokio::select! {
                Some(found) = looked_up.next() => {
                    for address in found {
                        asked.push(async move { address.connect(self.tls.clone()).await });
                    }
                    continue;
                }
                Some(outcome) = asked.next() => outcome,
                else => break,
            };
            match outcome {
                Ok((client, connection)) => {
                    let driven = tokio::spawn(drive(connection, self.heard.clone()));
                    return Ok((client, driven));
                }
                // What a server says tells more than that another one is away.
                Err(error) if refusal.is_none() || error.as_db_error().is_some() => {
                    refusal = Some(error);
                }
                Err(_) => {}
            }
        }
        match refusal {
            Some(error) => Err(error),
            None => std::future::pending().await,
        }
    }
}

/// Drives a connection to its end. Whoever uses the client hears of errors too.
async fn drive<S, T>(mut connection: Connection<S, T>, heard: Option<mpsc::UnboundedSender<()>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notification(_)) => {
                // Nobody may listen any more.
                let _listening = heard.as_ref().map(|heard| heard.send(()));
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(error = %chain(&error), "a connection to PostgreSQL ended");
                return;
            }
        }
    }
}

/// One for each address behind the host's name; the host itself where that says why there is none.
async fn addresses(host: &Config) -> Vec<Config> {
    let ([Host::Tcp(name)], []) = (host.get_hosts(), host.get_hostaddrs()) else {
        return vec![host.clone()];
    };
    let port = host.get_ports().first().copied().unwrap_or(PORT);
    let Ok(found) = tokio::net::lookup_host((name.as_str(), port)).await else {
        return vec![host.clone()];
    };
    let found = found.take(ADDRESSES).map(|address| {
        let mut one = host.clone();
        one.hostaddr(address.ip());
        one
    });
    found.collect()
}

impl Connect for Target {
    fn connect(&self, _: &Config) -> Connecting<'_> {
        Box::pin(self.race())
    }
}

type Connecting<'a> =
    Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

/// The URL of each host of `scheme://USER:PASSWORD@HOST:PORT,HOST:PORT/NAME`.
fn hosts(base: &str) -> Vec<String> {
    let scheme = base.find("://").map_or(0, |at| at + 3);
    let begin = base[scheme..].find('@').map_or(scheme, |at| scheme + at + 1);
    let end = base[begin..].find('/').map_or(base.len(), |at| begin + at);
    let (before, after) = (&base[..begin], &base[end..]);
    base[begin..end].split(',').map(|host| format!("{before}{host}{after}")).collect()
}

/// How a host is spoken to.
fn config(url: &str) -> Result<Config, DbError> {
    let mut config = Config::from_str(url)
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
        // A statement that waits for a lock ends with the connection that asked it.
        config.options(
            "-c lock_timeout=5s -c idle_in_transaction_session_timeout=30s \
             -c client_connection_check_interval=2s",
        );
    }
    config.keepalives_idle(SILENCE);
    config.keepalives_interval(Duration::from_secs(1));
    config.keepalives_retries(3);
    // With several hosts, the one that takes writes.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    Ok(config)
}

#[derive(Default)]
struct Ours {
    root: Option<String>,
    connections: Option<usize>,
}

/// The pool of one thread.
pub(super) fn pool(target: &Target) -> Result<Pool, DbError> {
    let recycling_method = RecyclingMethod::Fast;
    // The target knows its own hosts, and looks at no other configuration.
    let config = ManagerConfig { recycling_method };
    let manager = Manager::from_connect(Config::new(), target.clone(), config);
    Pool::builder(manager)
        .max_size(target.connections.div_ceil(target.threads))
        .timeouts(Timeouts {
            wait: Some(CONNECT),
            create: Some(target.patience),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_has_a_url_of_its_own() {
        assert_eq!(
            hosts("postgres://u:p%2Cw@one:5433,[::1],three/name"),
            [
                "postgres://u:p%2Cw@one:5433/name",
                "postgres://u:p%2Cw@[::1]/name",
                "postgres://u:p%2Cw@three/name"
            ]
        );
        assert_eq!(hosts("postgres://one,two"), ["postgres://one", "postgres://two"]);
        let target =
            Target::parse("postgres://u@one:5433,two/name?connect_timeout=2").expect("a URL");
        assert_eq!(
            target.hosts.iter().map(Config::get_ports).collect::<Vec<_>>(),
            [[5433], [5432]]
        );
        assert!(target.hosts.iter().all(|host| host.get_dbname() == Some("name")));
        assert_eq!(target.patience, Duration::from_secs(2));
    }

    #[tokio::test]
    async fn every_address_behind_a_name_is_asked() {
        let target = Target::parse("postgres://u@localhost:5433/name").expect("a URL");
        let found = addresses(&target.hosts[0]).await;
        assert!(!found.is_empty());
        for one in found {
            // The certificate is still compared with the name.
            assert_eq!(one.get_hosts(), target.hosts[0].get_hosts());
            assert!(one.get_hostaddrs()[0].is_loopback());
        }
    }

    #[test]
    fn hosts_stand_in_the_address() {
        for url in ["postgres://u@one/name?host=two", "postgres:///name?host=one&host=two"] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_silent_host_keeps_nobody_from_the_others() {
        // It takes connections, and never says a word.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = |listener: &std::net::TcpListener| listener.local_addr().expect("one").port();
        let (silent_port, closed_port) = (port(&silent), port(&closed));
        drop(closed);
        let url = format!("postgres://u@127.0.0.1:{silent_port},127.0.0.1:{closed_port}/name");
        let target = Target::parse(&url).expect("a URL");
        let refused = target.hosts[1].connect(target.tls.clone()).await;
        assert!(refused.is_err());
        let waited = tokio::time::timeout(Duration::from_millis(300), target.connect()).await;
        assert!(waited.is_err(), "the silent one may still answer");
        let begun = std::time::Instant::now();
        let pool = pool(&target).expect("a pool");
        assert!(pool.get().await.is_err());
        assert!(begun.elapsed() < 2 * CONNECT, "{:?}", begun.elapsed());
    }
}
