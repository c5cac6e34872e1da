//! `clientbook copy`, as its users run it, stop it and kill it.

use crate::process::{
    ACME, ACME_OBJECT, Caller, Ended, GLOBEX, INITECH, PATIENCE, Server, clientbook, finish,
    make_store, names, run, serve, store_url,
};
use crate::written::Written;
use clientbook_testkit::{Engine, TestDatabase};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The published reads of each surface, and lists.
const READS: [&str; 9] = [
    "/v2/clients/aa7cf840-9ca9-46a3-9778-9015d6580d50",
    "/v2/clients/aa7cf840-9ca9-46a3-9778-9015d6580d50/collection-control/audit-log",
    "/clients/v1/tenants/tenant123/clients/456",
    ACME_OBJECT,
    "/client/aa7cf840-9ca9-46a3-9778-9015d6580d50",
    "/v2/api-tokens?tenant=tenant123",
    "/v2/clients?tenant=tenant123&q=corporation",
    "/v1/workspace/tenant123/clients",
    "/client/search?tenant=tenant123&status=ACTIVE",
];

fn copy(from: &Path, to: &str) -> Command {
    let mut command = clientbook();
    command.args(["copy", "--from", &store_url(from)]).env("CLIENTBOOK_TO", to);
    command
}

fn serve_on(url: &str) -> Command {
    let mut command = serve();
    command.env("CLIENTBOOK_DATABASE", url);
    command
}

/// The last line of standard output.
fn report(ended: &Ended) -> Value {
    let line = ended.out.lines().last().unwrap_or_else(|| panic!("no line: {ended:?}"));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

async fn bodies(caller: &Caller) -> Vec<Value> {
    let mut bodies = Vec::new();
    for path in READS {
        bodies.push(caller.get(path).await);
    }
    bodies
}

fn exported(url: &str) -> String {
    let ended = run(&["export", "--tenant", "tenant123", "--database", url]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.out.lines().count(), 2, "{ended:?}");
    ended.out
}

fn assert_refused(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    assert_eq!(ended.out, "", "{ended:?}");
    for part in parts {
        assert!(ended.log.contains(part), "{part:?} is not in {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_moves_to_postgresql() {
    let Some(engine) = Engine::postgres() else { return };
    let (directory, target) = (TempDir::new().expect("a directory"), TestDatabase::on(engine));
    let server = Server::start(directory.path());
    let caller = Caller::new(&server);
    for (step, client) in [ACME, GLOBEX, INITECH, ACME].into_iter().enumerate() {
        let change = json!({ "note": format!("Note {step}"), "npsScore": step });
        assert_eq!(caller.changes(&format!("/client/{client}"), &change).await, 200);
    }
    let before = bodies(&caller).await;
    let refused = finish(&mut copy(directory.path(), target.url()));
    assert_refused(&refused, 1, &["in use by another clientbook process: stop it first"]);
    assert_eq!(server.stop().code, Some(0));
    let rows = exported(&store_url(directory.path()));

    let copied = finish(&mut copy(directory.path(), target.url()));
    assert_eq!(copied.code, Some(0), "{copied:?}");
    let report = report(&copied);
    assert_eq!(report["copied"], true, "{report}");
    assert_eq!([&report["faults"], &report["chains"]], [0, 6], "{report}");
    assert!(copied.log.contains("copying: ") && copied.log.contains("comparing: "), "{copied:?}");
    assert!(!copied.log.contains('\u{1b}'), "no bars where nobody looks: {copied:?}");
    // Before any server has started on it.
    assert_eq!(exported(target.url()), rows);

    let server = Server::launch(&mut serve_on(target.url()));
    let caller = Caller::new(&server);
    assert_eq!(bodies(&caller).await, before);
    assert_eq!(caller.changes(ACME_OBJECT, &json!({ "name": "Moved" })).await, 200);
    assert_eq!(server.stop().code, Some(0));
    let verified = run(&["audit", "verify", "--database", target.url()]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let again = finish(&mut copy(directory.path(), target.url()));
    assert_refused(&again, 1, &["the target holds this store already", "nothing was done"]);
    let back = TempDir::new().expect("a directory");
    let mut command = clientbook();
    command.args(["copy", "--from", target.url(), "--to", &store_url(back.path())]);
    assert_eq!(finish(&mut command).code, Some(0));
    assert_ne!(exported(&store_url(back.path())), rows);
    let server = Server::launch(serve().args(["--database", &store_url(back.path())]));
    let after = bodies(&Caller::new(&server)).await;
    assert_eq!(after[0]["name"], "Moved");
    assert_eq!(after[1], before[1]);
}

#[test]
fn what_cannot_be_copied_is_told_in_a_sentence() {
    let directory = TempDir::new().expect("a directory");
    make_store(directory.path());
    let (from, nowhere) = (store_url(directory.path()), "postgres://a:sesame@127.0.0.1:1/a");
    let missing = store_url(&directory.path().join("missing"));
    let new = TempDir::new().expect("a directory");
    let other = store_url(new.path());
    for (from, to, code, told) in [
        ("clients.db", nowhere, 2, "--from (CLIENTBOOK_FROM) names no engine"),
        (&from, "mysql://a:sesame@b/c", 2, "--to (CLIENTBOOK_TO) begins with \"mysql\""),
        (&missing, nowhere, 2, "there is no store at "),
        (&from, &other, 2, "both stores are of SQLite"),
        (nowhere, nowhere, 2, "both stores are of PostgreSQL"),
    ] {
        let ended = run(&["copy", "--from", from, "--to", to]);
        assert_refused(&ended, code, &["error: ", told]);
        assert!(!ended.log.contains("sesame") && ended.log.lines().count() == 1, "{ended:?}");
    }
    assert_eq!(names(new.path()), [""; 0], "nothing was made");
    let newer =
        rusqlite::Connection::open(directory.path().join("clientbook.db")).expect("a store");
    let version = "INSERT INTO refinery_schema_history
        SELECT 999, 'from_the_future', applied_on, checksum FROM refinery_schema_history LIMIT 1";
    newer.execute(version, []).expect("a version");
    newer.close().expect("a closed store");
    let ended = run(&["copy", "--from", &from, "--to", nowhere]);
    assert_refused(&ended, 1, &["has tables of version 999", "use the program that wrote it"]);
}

/// A copy that waits in its middle for a table that somebody else has locked.
struct Waiting {
    child: Child,
    log: Written,
    holder: std::thread::JoinHandle<()>,
}

const HOLDERS: &str = "FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1000)%'
    AND datname = current_database() AND pid <> pg_backend_pid()";

fn until_one(database: &TestDatabase, sql: &str) {
    let begun = Instant::now();
    while database.rows(sql) != [["1"]] {
        assert!(begun.elapsed() < PATIENCE, "{sql}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Waiting {
    fn start(from: &Path, to: &std::sync::Arc<TestDatabase>, table: &str) -> Self {
        let database = std::sync::Arc::clone(to);
        // Ends with an error when its connection is ended.
        let lock = format!("BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE; SELECT pg_sleep(1000)");
        let holder = std::thread::spawn(move || {
            let locking = std::panic::AssertUnwindSafe(|| database.execute(&lock));
            assert!(std::panic::catch_unwind(locking).is_err(), "a held table");
        });
        let locks = format!(
            "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND granted
            AND relation = '{table}'::regclass"
        );
        until_one(to, &locks);
        let mut child = copy(from, to.url())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = Written::read(child.stderr.take().expect("a pipe"));
        let waits = format!(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{table}'::regclass"
        );
        until_one(to, &waits);
        Self { child, log, holder }
    }

    fn release(self, to: &TestDatabase) {
        let ended = to.rows(&format!("SELECT count(pg_terminate_backend(pid)) {HOLDERS}"));
        assert_eq!(ended, [["1"]]);
        self.holder.join().expect("the holder's end");
    }
}

#[test]
fn a_copy_that_is_killed_or_stopped_goes_on() {
    let Some(engine) = Engine::postgres() else { return };
    let directory = TempDir::new().expect("a directory");
    make_store(directory.path());
    let target = std::sync::Arc::new(TestDatabase::on(engine));
    let migrated = finish(&mut copy(directory.path(), target.url()));
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    // Empty again, with its tables.
    target.execute(
        "DO $$ BEGIN EXECUTE (
            SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') FROM pg_tables
            WHERE schemaname = 'public' AND tablename <> 'refinery_schema_history'
        ); END $$",
    );
    // While rows are copied, and while lists are made at the end.
    for (table, signal) in [
        ("credentials", "KILL"),
        ("credentials", "INT"),
        ("client_listings", "KILL"),
        ("client_listings", "INT"),
    ] {
        let mut waiting = Waiting::start(directory.path(), &target, table);
        let kill = format!("kill -s {signal} {}", waiting.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(sent.success(), "{kill}");
        let ended = waiting.child.wait().expect("an end");
        if signal == "INT" {
            assert_eq!(ended.code(), Some(1));
            let told = waiting.log.all(PATIENCE);
            assert!(told.contains("are there already: going on"), "{told}");
            assert!(told.contains("stopped by SIGINT: what has been copied stays"), "{told}");
        }
        waiting.release(&target);
        let refused = finish(serve_on(target.url()).arg("--demo"));
        let unfinished = ["a copy into this store has begun and is not finished"];
        assert_refused(&refused, 1, &unfinished);
        for command in [&["export", "--tenant", "tenant123"][..], &["audit", "verify"]] {
            let on = [command, &["--database", target.url()]].concat();
            assert_refused(&run(&on), 1, &unfinished);
        }
    }
    let copied = finish(&mut copy(directory.path(), target.url()));
    assert_eq!(copied.code, Some(0), "{copied:?}");
    let report = report(&copied);
    assert_eq!([&report["copied"], &report["resumed"]], [true, true], "{report}");
    assert_eq!(Server::launch(&mut serve_on(target.url())).stop().code, Some(0));
}

#[test]
fn faults_of_the_source_are_told_and_carried() {
    let Some(engine) = Engine::postgres() else { return };
    let (directory, target) = (TempDir::new().expect("a directory"), TestDatabase::on(engine));
    make_store(directory.path());
    let store =
        rusqlite::Connection::open(directory.path().join("clientbook.db")).expect("a store");
    let edit = "UPDATE audit_entries SET actor_id = 'x' WHERE rowid = 5";
    assert_eq!(store.execute(edit, []).expect("an edit"), 1);
    store.close().expect("a closed store");
    let copied = finish(&mut copy(directory.path(), target.url()));
    assert_eq!(copied.code, Some(1), "{copied:?}");
    let report = report(&copied);
    assert_eq!([&report["copied"], &report["faults"]], [&json!(true), &json!(1)], "{report}");
    assert!(copied.log.contains("and so are the faults of its audit trail"), "{copied:?}");
    assert_eq!(Server::launch(&mut serve_on(target.url())).stop().code, Some(0));
}
