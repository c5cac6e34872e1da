//! Servers that start together on one database do not get into each other's way.

use clientbook_app::{App, AuditScope, Bootstrap, Clock, DemoData, Entropy, Env};
use clientbook_model::secret::Secret;
use clientbook_store::{Access, Db};
use clientbook_testkit::{Engine, TestDatabase};
use std::sync::{Arc, Barrier};

const SERVERS: u64 = 8;

/// Opens the empty database from as many threads at once, and does `work` on each.
fn all_at_once<T: Send + 'static>(
    database: &TestDatabase,
    work: &(impl AsyncFnOnce(u64, Db) -> T + Clone + Send + 'static),
) -> Vec<T> {
    let barrier = Arc::new(Barrier::new(usize::try_from(SERVERS).expect("a few")));
    let start = |server| {
        let (barrier, url, work) = (Arc::clone(&barrier), database.url().to_owned(), work.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            barrier.wait();
            let db = Db::open(&url, Access::Write).expect("a database that all migrate");
            runtime.expect("a runtime").block_on(work(server, db))
        })
    };
    let servers: Vec<_> = (0..SERVERS).map(start).collect();
    servers.into_iter().map(|server| server.join().expect("a server that starts")).collect()
}

#[test]
fn servers_that_start_together_make_one_installation() {
    let engine = Engine::under_test();
    // SQLite lets one in.
    if engine == Engine::Sqlite {
        return;
    }
    for _ in 0..5 {
        let database = TestDatabase::on(engine.clone());
        let started = all_at_once(&database, &async |server, db| {
            let env = Env { clock: Clock::System, entropy: Entropy::seeded(server) };
            let given = Secret::new("operator-token-of-them-all");
            let (app, bootstrap) = App::start(db, env, Some(given)).await.expect("a start");
            let loaded = app.load_demo(DemoData::Records).await.expect("the demo data");
            assert!(app.has_demo_tenant().await.expect("an answer"), "{server}");
            let report = app.verify_audit(AuditScope::default()).await.expect("a report");
            (bootstrap, loaded, report.faults)
        });
        let count = |of: fn(&Bootstrap) -> bool| started.iter().filter(|one| of(&one.0)).count();
        assert_eq!(count(|one| matches!(one, Bootstrap::Given)), 1);
        assert_eq!(count(|one| matches!(one, Bootstrap::Kept)), started.len() - 1);
        assert_eq!(started.iter().filter(|(_, loaded, _)| *loaded).count(), 1);
        assert!(started.iter().all(|(.., faults)| faults.is_empty()), "{started:?}");
        let rows =
            |table: &str| database.rows(&format!("SELECT count(*) FROM {table}"))[0][0].clone();
        let tables = ["tenants", "clients", "api_tokens", "credentials"];
        assert_eq!(tables.map(rows), ["3", "3", "1", "1"]);
        let twice = "SELECT version FROM refinery_schema_history GROUP BY version
            HAVING count(*) > 1";
        assert_eq!(database.rows(twice), Vec::<Vec<String>>::new(), "a migration ran twice");
    }
}
