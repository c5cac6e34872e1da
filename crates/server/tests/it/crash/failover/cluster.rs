//! Two nodes of PostgreSQL under Patroni, made by `cargo xtask failover`.

use crate::process::PATIENCE;
use serde_json::Value;
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often the cluster is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How long a node may take to be promoted, or to come back: it may have to be rewound.
const CHANGE: Duration = Duration::from_mins(3);

/// What befalls the primary.
#[derive(Clone, Copy, Debug)]
pub(super) enum Strike {
    /// Its machine dies: Patroni and every process of PostgreSQL at once.
    Machine,
    /// PostgreSQL alone.
    Database,
    /// Its machine falls silent, and wakes up when another one has taken over.
    Silence,
}

impl Strike {
    pub(super) const ALL: [Self; 3] = [Self::Machine, Self::Database, Self::Silence];

    /// What the cluster is told.
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Machine => "die",
            Self::Database => "crash",
            Self::Silence => "freeze",
        }
    }

    /// What brings the node back, where Patroni does not.
    pub(super) fn end(self) -> Option<&'static str> {
        match self {
            Self::Machine => Some("start"),
            Self::Database => None,
            Self::Silence => Some("thaw"),
        }
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Machine => "machine killed",
            Self::Database => "database killed",
            Self::Silence => "machine silent",
        })
    }
}

/// The cluster, and how to reach it.
pub(super) struct Cluster {
    /// Where `cluster.sh` takes its orders.
    control: PathBuf,
    url: String,
    /// The addresses of Patroni's REST API.
    watchers: Vec<String>,
    lease: Duration,
    http: reqwest::Client,
}

/// Which node is what, as Patroni says.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    primary: Option<String>,
    standby: Option<String>,
}

impl Nodes {
    pub(super) fn is_primary(&self, name: &str) -> bool {
        self.primary.as_deref() == Some(name)
    }

    /// The synchronous standby.
    pub(super) fn standby(&self) -> Option<&String> {
        self.standby.as_ref().filter(|_| self.primary.is_some())
    }

    fn of(told: &Value) -> Self {
        let mut nodes = Self::default();
        for member in told["members"].as_array().into_iter().flatten() {
            let name = member["name"].as_str().map(str::to_owned);
            match (member["role"].as_str(), member["state"].as_str()) {
                (Some("leader"), Some("running")) => nodes.primary = name,
                (Some("sync_standby"), Some("running" | "streaming")) => nodes.standby = name,
                _ => {}
            }
        }
        nodes
    }
}

impl Cluster {
    pub(super) fn of_the_environment() -> Self {
        let get = |name: &str| {
            let name = format!("CLIENTBOOK_FAILOVER_{name}");
            std::env::var(&name).unwrap_or_else(|_| panic!("{name} is set by cargo xtask failover"))
        };
        let seconds = get("LEASE").parse().expect("seconds");
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build();
        Self {
            control: get("CONTROL").into(),
            url: get("DATABASE"),
            watchers: get("WATCHERS").split(',').map(str::to_owned).collect(),
            lease: Duration::from_secs(seconds),
            http: http.expect("an HTTP client"),
        }
    }

    /// The database, on both hosts.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// How long a primary that is not heard of stays the primary.
    pub(super) fn lease(&self) -> Duration {
        self.lease
    }

    /// Has something done to a node.
    pub(super) fn tell(&self, what: &str, node: &str) {
        let control = OpenOptions::new().write(true).open(&self.control);
        writeln!(control.expect("the cluster's control"), "{what} {node}").expect("an order");
    }

    /// The primary and its standby.
    pub(super) async fn pair(&self) -> (String, String) {
        let nodes = self.until("two nodes", |nodes| nodes.standby().is_some()).await;
        (nodes.primary.expect("a primary"), nodes.standby.expect("a standby"))
    }

    /// Waits until the nodes are as `wanted`.
    pub(super) async fn until(&self, what: &str, wanted: impl Fn(&Nodes) -> bool) -> Nodes {
        let begun = Instant::now();
        loop {
            let nodes = self.nodes().await;
            if wanted(&nodes) {
                return nodes;
            }
            assert!(begun.elapsed() < CHANGE, "{what}: not within {CHANGE:?}: {nodes:?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What the first node that answers says.
    async fn nodes(&self) -> Nodes {
        for watcher in &self.watchers {
            let Ok(answer) = self.http.get(format!("{watcher}/cluster")).send().await else {
                continue;
            };
            if let Ok(told) = answer.json().await {
                return Nodes::of(&told);
            }
        }
        Nodes::default()
    }

    /// The rows of a query on the primary, as text.
    pub(super) fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let url = format!("{}?target_session_attrs=read-write", self.url);
        let begun = Instant::now();
        loop {
            match clientbook_testkit::query(&url, sql) {
                Ok(rows) => return rows,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{sql}: {error}"),
            }
        }
    }

    /// How many operations the audit trail holds.
    pub(super) fn operations(&self) -> u64 {
        let rows = self.rows("SELECT count(DISTINCT operation_id) FROM audit_entries");
        rows[0][0].parse().expect("a count")
    }

    /// How many entries one operation wrote twice. The demo makes several client types at once, and
    /// their entries are about their tenant.
    pub(super) fn doubled(&self) -> u64 {
        let rows = self.rows(
            "SELECT count(*) FROM (SELECT 1 FROM audit_entries WHERE entity_type <> 'client_type'
                GROUP BY operation_id, entity_type, entity_id, action, collection_control
                HAVING count(*) > 1) twice",
        );
        rows[0][0].parse().expect("a count")
    }
}
