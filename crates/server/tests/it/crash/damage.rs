//! A store that is damaged: it is not opened, or not believed, and nothing of it is overwritten.

use super::load::Load;
use super::model::Lane;
use crate::process::{
    ACME, Caller, Ended, OPERATOR, Server, behind, names, run, serve_store, store_url,
};
use reqwest::{Method, StatusCode};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use tempfile::TempDir;

const PAGE: u64 = 4096;

/// What is left of a store whose server was killed: a file, and a log with the newest changes.
async fn crashed() -> TempDir {
    let directory = TempDir::new().expect("a temporary directory");
    // Most of it in the file, and the newest in the log.
    assert_eq!(Server::start(directory.path()).stop().code, Some(0));
    let server = Server::start(directory.path());
    let load = Load::start(&server, [0; Lane::ALL.len()], &[]);
    load.goes_on().await;
    server.kill();
    load.stop().await;
    directory
}

fn copy(from: &Path) -> TempDir {
    let directory = TempDir::new().expect("a temporary directory");
    for name in names(from) {
        std::fs::copy(from.join(&name), directory.path().join(&name)).expect("a copy");
    }
    directory
}

fn file(directory: &Path) -> std::path::PathBuf {
    directory.join("clientbook.db")
}

fn log(directory: &Path) -> std::path::PathBuf {
    directory.join("clientbook.db-wal")
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let file = std::fs::File::options().write(true).open(path).expect("a file");
    file.write_all_at(bytes, at).expect("damage");
}

/// A page that holds rows of `table`.
fn leaf(directory: &Path, table: &str) -> u64 {
    let sql = "SELECT pageno FROM dbstat WHERE name = $1 AND pagetype = 'leaf'";
    let page: i64 =
        behind(directory).query_row(sql, [table], |row| row.get(0)).expect("a page of rows");
    u64::try_from(page - 1).expect("a page") * PAGE
}

type Damage = fn(&Path);

/// Each with words of its refusal.
const REFUSED: &[(&str, Damage, &str)] = &[
    ("a header of garbage", |at| overwrite(&file(at), 0, &[0xAA; 100]), "is not a SQLite database"),
    ("another application's id", |at| overwrite(&file(at), 68, b"Foto"), "of another program"),
    ("no list of tables", no_list_of_tables, "is damaged"),
    ("rows of garbage", rows_of_garbage, "is damaged"),
    ("half of the file is gone", half, "is damaged"),
    ("all of the file is gone", emptied, "is empty, but its log"),
    ("the log of another database", foreign_log, "that of another database"),
    ("the log of another store", other_log, "that of another database"),
    ("tables of a newer version", newer, "was it written by a newer one?"),
];

fn no_list_of_tables(at: &Path) {
    checkpointed(at);
    overwrite(&file(at), 100, &[0xAA; 3_000]);
}

fn rows_of_garbage(at: &Path) {
    let page = leaf(at, "audit_entries");
    checkpointed(at);
    overwrite(&file(at), page, &[0xAA; 4096]);
}

fn half(at: &Path) {
    checkpointed(at);
    let length = file(at).metadata().expect("a file").len();
    let cut = std::fs::File::options().write(true).open(file(at)).expect("a file");
    cut.set_len(length / 2 / PAGE * PAGE).expect("a shorter file");
}

fn emptied(at: &Path) {
    std::fs::write(file(at), "").expect("an empty file");
}

fn foreign_log(at: &Path) {
    let other = TempDir::new().expect("a temporary directory");
    let foreign = behind(other.path());
    foreign.pragma_update(None, "journal_mode", "wal").expect("a journal mode");
    let sql = "CREATE TABLE theirs (a); INSERT INTO theirs VALUES (randomblob(100000))";
    foreign.execute_batch(sql).expect("a table");
    std::fs::copy(log(other.path()), log(at)).expect("a log");
}

fn other_log(at: &Path) {
    let other = TempDir::new().expect("a temporary directory");
    let server = Server::start(other.path());
    server.out.until("Calls to try:");
    server.kill();
    std::fs::copy(log(other.path()), log(at)).expect("a log");
}

fn newer(at: &Path) {
    let sql = "INSERT INTO refinery_schema_history
        SELECT 999, 'from_the_future', applied_on, checksum FROM refinery_schema_history LIMIT 1";
    let store = behind(at);
    store.execute(sql, []).expect("a migration");
    // It stays in the log, as after a crash.
    let keep = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    store.set_db_config(keep, true).expect("a setting");
}

/// Moves the log into the file: what stands in the log hides damage of the file, and heals it.
fn checkpointed(at: &Path) {
    behind(at).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("a checkpoint");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_is_refused_and_left_as_it_is() {
    let healthy = crashed().await;
    for (what, damage, words) in REFUSED {
        let store = copy(healthy.path());
        damage(store.path());
        // A log that is not there holds as much as an empty one, which SQLite makes to look.
        let read = |path: std::path::PathBuf| std::fs::read(path).unwrap_or_default();
        let before = [file(store.path()), log(store.path())].map(read);
        let ended = refused(store.path(), what);
        let path = file(store.path()).display().to_string();
        for part in ["error: ", &path, words] {
            assert!(ended.log.contains(part), "{what}: {part:?} is not in {:?}", ended.log);
        }
        // It reads what SQLite can still read, and may find it in order.
        run(&["audit", "verify", "--database", &store_url(store.path())]);
        let after = [file(store.path()), log(store.path())].map(read);
        assert!(before == after, "{what}: the bytes are not what they were");
    }
    println!("damage: {} kinds refused, every byte kept", REFUSED.len());
}

fn refused(directory: &Path, what: &str) -> Ended {
    match Server::try_launch(&mut serve_store(directory)) {
        Ok(_) => panic!("{what}: it is served"),
        Err(ended) => {
            assert_eq!(ended.code, Some(1), "{what}: {ended:?}");
            ended
        }
    }
}

/// The whole store is too much for a start to look at: what it has not seen, the caller meets.
#[tokio::test(flavor = "multi_thread")]
async fn damage_that_is_met_later_is_told_to_the_caller_and_the_log() {
    let store = crashed().await;
    checkpointed(store.path());
    let page = leaf(store.path(), "clients");
    let server = Server::start(store.path());
    assert_eq!(Caller::new(&server).reads("/readyz").await, 200);
    server.kill();
    checkpointed(store.path());
    let mut command = serve_store(store.path());
    let server = Server::launch(command.env("CLIENTBOOK_BOOTSTRAP_TOKEN", OPERATOR));
    overwrite(&file(store.path()), page, &[0xAA; 4096]);
    let caller = Caller::new(&server);
    let answer = caller.call(Method::GET, &format!("/v2/clients/{ACME}"), None).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let id = answer.headers()["x-request-id"].to_str().expect("an id").to_owned();
    let said = server.log.until(&id);
    assert!(said.contains("malformed"), "the cause is not in {said}");
    assert_eq!(caller.reads("/healthz").await, 200);
    drop(server);
    // The next start sees it.
    let ended = refused(store.path(), "rows of garbage");
    assert!(ended.log.contains("is damaged"), "{ended:?}");
}
