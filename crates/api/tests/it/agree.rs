//! The two engines agree: random operations, one after the other, on SQLite and on PostgreSQL with
//! the same clock, ids and randomness. Each answer is compared byte for byte; at intervals and at
//! the end, so is every row of every table, and every audit chain is verified on both.
//!
//! Operations enter where HTTP does, without sockets: that is where all of them exist, where values
//! are refused, and where what a caller sees of a difference shows. What only the command line asks
//! for (`verify_audit`) enters through the use case.
//!
//! To add an operation, write a function into `operations.rs` and name it in the table there.
//!
//! `CLIENTBOOK_AGREE_OPERATIONS` says how many to try, `CLIENTBOOK_AGREE_SEED` which. A failure says
//! what to set to see it again.

mod changes;
mod control;
mod dice;
mod fields;
mod json;
mod listing;
mod making;
mod operations;
mod rows;
mod step;
mod trail;
mod world;

use clientbook_app::AuditScope;
use clientbook_model::principal::Role;
use clientbook_model::secret::Secret;
use clientbook_model::tenant::TenantKey;
use clientbook_testkit::{Answer, Engine, KeyServer, Start, TestApp, TestDatabase, issuer};
use dice::Dice;
use std::collections::BTreeMap;
use std::sync::Arc;
use step::Step;
use world::{Below, Client, World};

/// How many operations `cargo test` tries.
const SHORT: u32 = 3_000;

/// Clients beside the demo's, in a tenant of their own.
const CLIENTS: u32 = 30;

/// How many of them have devices, and how many each.
const EQUIPPED: usize = 3;
const DEVICES: u32 = 4;

/// How many times on the way all rows are compared.
const LOOKS: u32 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn the_two_engines_agree() {
    // Once is enough: in the run that is about PostgreSQL.
    let Engine::Postgres(url) = Engine::under_test() else { return };
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect(name));
    let count = number("CLIENTBOOK_AGREE_OPERATIONS").unwrap_or(u64::from(SHORT));
    let count = u32::try_from(count).expect("a number of operations");
    let run = Run { url, seed: number("CLIENTBOOK_AGREE_SEED").unwrap_or(1), count };
    println!("{run}");
    // Rows that differ were written since the last look at them: look at each operation since.
    match run.drive(0).await {
        Ok(report) => println!("{report}"),
        Err((from, what)) => {
            let again = run.drive(from).await;
            panic!("rows differed, and do not when looked at from {from} on: {what}\n{again:?}");
        }
    }
}

struct Run {
    url: String,
    seed: u64,
    count: u32,
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, count, .. } = self;
        write!(f, "CLIENTBOOK_AGREE_SEED={seed} CLIENTBOOK_AGREE_OPERATIONS={count}")
    }
}

impl Run {
    /// Tries all operations, and says what they were. `closely` is where to begin to look at the
    /// rows after each one; if it is 0, they are looked at now and then, and the error is where to
    /// look closely, and what was seen.
    async fn drive(&self, closely: u32) -> Result<String, (u32, String)> {
        let pair = Pair::start(&self.url).await;
        let (mut dice, mut world) = (Dice::new(self.seed), pair.world().await);
        let (mut tried, mut seen) = (BTreeMap::<_, BTreeMap<u16, u32>>::new(), 0);
        let every = (self.count / LOOKS).max(1);
        for at in 1..=self.count {
            let (name, step) = operations::draw(&mut dice, &world);
            let status = self.compare(&pair, &mut world, at, name, &step).await;
            *tried.entry(name).or_default().entry(status).or_default() += 1;
            let closely = closely > 0 && at >= closely;
            if closely || at % every == 0 || at == self.count {
                match (rows::difference(&pair.sqlite, &pair.postgres), closely) {
                    (None, _) => seen = at,
                    (Some(what), true) => self.fail(at, name, &step, &what),
                    (Some(what), false) => return Err((seen + 1, what)),
                }
            }
        }
        let report = pair.verify(&AuditScope::default()).await;
        assert!(report.contains("faults: []"), "{report}");
        let tried = tried.iter().map(|(name, statuses)| format!("\n{name:>20} {statuses:?}"));
        Ok(format!("{} operations agree; {report}{}", self.count, tried.collect::<String>()))
    }

    /// Takes one step on both engines; the status of the answer, or 0.
    async fn compare(
        &self,
        pair: &Pair,
        world: &mut World,
        at: u32,
        name: &str,
        step: &Step,
    ) -> u16 {
        match step {
            Step::Call(call) => {
                let (sqlite, postgres) = tokio::join!(
                    pair.sqlite.call(call.request()),
                    pair.postgres.call(call.request())
                );
                let answers = [shown(&sqlite), shown(&postgres)];
                if answers[0] != answers[1] || sqlite.status >= 500 {
                    let [sqlite, postgres] = answers;
                    let what = format!("SQLite:\n{sqlite}\nPostgreSQL:\n{postgres}");
                    self.fail(at, name, step, &what);
                }
                world.learn(call, &sqlite);
                sqlite.status
            }
            Step::Advance(millis) => {
                pair.sqlite.advance(*millis);
                pair.postgres.advance(*millis);
                world.now += millis;
                0
            }
            Step::Verify(scope) => {
                pair.verify(scope).await;
                0
            }
        }
    }

    fn fail(&self, at: u32, name: &str, step: &Step, what: &str) -> ! {
        let again = Self { url: String::new(), seed: self.seed, count: at };
        panic!("operation {at}, {name}: again with {again}\n{step}\n{what}");
    }
}

/// An answer as it is compared: all of it.
fn shown(answer: &Answer) -> String {
    let mut headers: Vec<_> = answer.headers.iter().map(|header| format!("{header:?}")).collect();
    headers.sort();
    format!("{} {headers:?}\n{}", answer.status, answer.text)
}

/// The same server on both engines.
struct Pair {
    sqlite: TestApp,
    postgres: TestApp,
}

impl Pair {
    async fn start(url: &str) -> Self {
        let sqlite = Self::one(Engine::Sqlite).await;
        Self { sqlite, postgres: Self::one(Engine::Postgres(url.to_owned())).await }
    }

    async fn one(engine: Engine) -> TestApp {
        let mut settings = issuer(world::ISSUER);
        settings.keys = clientbook_app::KeySource::Secret(Secret::new(world::SECRET));
        settings.max_role = Role::Operator;
        settings.tenants.extend(TenantKey::parse(world::SAMPLE));
        let start = Start::on(Arc::new(TestDatabase::on(engine)));
        start.issuers(vec![settings], &KeyServer::default()).start().await
    }

    async fn world(&self) -> World {
        let (one, other) = tokio::join!(
            self.sqlite.app().load_sample(world::SAMPLE, CLIENTS),
            self.postgres.app().load_sample(world::SAMPLE, CLIENTS)
        );
        let (one, other) = (one.expect("a sample"), other.expect("a sample"));
        assert_eq!(one, other, "the samples differ");
        let mut world = World::new(self.sqlite.seconds() * 1_000, one.iter().map(Client::of));
        for client in &one[..EQUIPPED] {
            let place = (client.tenant_id, client.id);
            let (one, other) = tokio::join!(
                self.sqlite.app().load_sample_devices(place, DEVICES),
                self.postgres.app().load_sample_devices(place, DEVICES)
            );
            let (one, other) = (one.expect("devices"), other.expect("devices"));
            assert_eq!(one, other, "the devices differ");
            world.below.push(Below::new(client.id.to_string(), &one));
        }
        world
    }

    /// Verifies audit chains on both; what both say.
    async fn verify(&self, scope: &AuditScope) -> String {
        let (sqlite, postgres) = tokio::join!(
            self.sqlite.app().verify_audit(scope.clone()),
            self.postgres.app().verify_audit(scope.clone())
        );
        let [sqlite, postgres] = [sqlite, postgres].map(|report| format!("{report:?}"));
        assert_eq!(sqlite, postgres, "verifying {scope:?}");
        sqlite
    }
}
