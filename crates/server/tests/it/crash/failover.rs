//! The loss of PostgreSQL's primary, again and again, under writes and reads through two servers.
//!
//! `cargo xtask failover` makes the cluster and names it in the environment: see `cluster.rs`.

mod cluster;
mod load;
mod tally;
mod tokens;

use super::model::{self, Found, Lane, Open, Steps};
use crate::process::{Caller, OPERATOR, Server, run, serve};
use cluster::{Cluster, Strike};
use load::Load;
use std::time::Duration;
use tally::{Tally, Told};
use tokens::Tokens;

/// What the lease time is followed by, at most, before writes are answered again.
const GRACE: Duration = Duration::from_secs(10);

/// The servers, and what they have answered.
struct Proof {
    cluster: Cluster,
    servers: [Server; 2],
    steps: Steps,
    tokens: Tokens,
    /// How many operations there were before the first step.
    before: u64,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: cargo xtask failover"]
async fn an_answered_write_survives_its_primary() {
    let cluster = Cluster::of_the_environment();
    let cycles = super::cycles(20);
    cluster.until("two nodes", |nodes| nodes.standby().is_some()).await;
    let mut proof = Proof::start(cluster);
    let mut total = Tally::default();
    let mut found = Found::default();
    for cycle in 0..cycles {
        let strike = Strike::ALL[cycle as usize % Strike::ALL.len()];
        let (tally, differs) = proof.cycle(strike).await;
        println!("{:3} {strike:18} {}", cycle + 1, tally.line(&differs));
        total.add(&tally);
        found.add(&differs);
        assert_eq!(differs, Found::default(), "cycle {}", cycle + 1);
        assert!(tally.wrong.is_empty(), "cycle {}: {:#?}", cycle + 1, tally.wrong);
    }
    println!("    {:18} {}", format!("{cycles} failovers"), total.line(&found));
    println!("answers: {}", total.answers());
    let verified = run(&["audit", "verify", "--database", proof.cluster.url()]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    println!("audit verify: {}", verified.out.trim());
    let limit = proof.cluster.lease() + GRACE;
    assert!(total.outage <= limit, "writes were out for {:?}, not {limit:?}", total.outage);
    assert!(total.told(Told::Write) > u64::from(cycles) * 100, "the work was not worth a proof");
}

impl Proof {
    fn start(cluster: Cluster) -> Self {
        let start = |demo: &[&str]| {
            let mut command = serve();
            command.args(["--database", cluster.url(), "--rate-limit", "0"]).args(demo);
            Server::launch(command.env("CLIENTBOOK_BOOTSTRAP_TOKEN", OPERATOR))
        };
        let servers = [start(&["--demo"]), start(&[])];
        // It listens before it has made the demo's data.
        servers[0].log.until("listening on ");
        let before = cluster.operations();
        Self { cluster, servers, steps: [0; Lane::ALL.len()], tokens: Tokens::default(), before }
    }

    /// Takes the primary away, and waits until it is back as a synchronous standby.
    async fn cycle(&mut self, strike: Strike) -> (Tally, Found) {
        let callers = self.servers.each_ref().map(Caller::new);
        let load = Load::start(&callers, self.steps, std::mem::take(&mut self.tokens));
        load.goes_on().await;
        let (old, new) = self.cluster.pair().await;
        self.cluster.tell(strike.verb(), &old);
        self.cluster.until("a new primary", |nodes| nodes.is_primary(&new)).await;
        // On one node, and before the old one is back.
        load.goes_on().await;
        if let Some(verb) = strike.end() {
            self.cluster.tell(verb, &old);
        }
        self.cluster
            .until("the old node's return", |nodes| {
                nodes.is_primary(&new) && nodes.standby() == Some(&old)
            })
            .await;
        load.goes_on().await;
        let (tally, steps, tokens) = load.stop().await;
        (self.steps, self.tokens) = (steps, tokens);
        let found = self.compare(&callers[0]).await;
        (tally, found)
    }

    /// Compares what is there with what was answered.
    async fn compare(&mut self, caller: &Caller) -> Found {
        let mut found = model::look(caller, &mut self.steps, Open::MayStand).await;
        let tokens = self.tokens.compare(&self.cluster, &mut found);
        // Every step has one operation, and nothing else has any.
        let asked = self.before + self.steps.iter().sum::<u64>() + tokens;
        found.count("operations", asked, self.cluster.operations(), Open::MustNot);
        found.count("entries written twice", 0, self.cluster.doubled(), Open::MustNot);
        found
    }
}

impl Found {
    fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.half += other.half;
    }
}
