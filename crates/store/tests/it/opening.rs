//! Which files are opened as stores, and that all others are left as they are.

use crate::make::{Store, path, tenant, url};
use clientbook_store::{Access, Db, DbError, Repeat, Tx, settings, tenants};
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn directory() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("a file").permissions().mode() & 0o777
}

#[track_caller]
fn refusal(url: &str, access: Access) -> String {
    match Db::open(url, access) {
        Err(DbError::Refused(why)) => why,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("{url} was opened"),
    }
}

/// Refused for writing and for reading, in these words, and not one byte is another.
#[track_caller]
fn assert_left_alone(directory: &TempDir, writing: &str, reading: &str) {
    let file = path(directory);
    let before = std::fs::read(&file).expect("a file");
    let locked = directory.path().join("clientbook.db.lock").exists();
    for (access, words) in [(Access::Write, writing), (Access::Read, reading)] {
        let why = refusal(&url(directory), access);
        assert!(why.starts_with(&format!("{}", file.display())), "{why}");
        assert!(why.contains(words), "{why}");
        assert!(std::fs::read(&file).expect("a file") == before, "{access:?} changed the file");
        let lock = directory.path().join("clientbook.db.lock");
        assert_eq!(lock.exists(), locked, "{access:?} made a lock, or took one away");
    }
}

#[test]
fn a_new_store_is_its_owners_alone() {
    let directory = directory();
    let parent = directory.path().join("made").join("here");
    let file = parent.join("clientbook.db");
    let db = Db::open(&format!("sqlite:{}", file.display()), Access::Write).expect("a new store");
    assert_eq!(mode(&parent), 0o700);
    assert_eq!(mode(&directory.path().join("made")), 0o700);
    for name in ["clientbook.db", "clientbook.db.lock", "clientbook.db-wal", "clientbook.db-shm"] {
        assert_eq!(mode(&parent.join(name)), 0o600, "{name}");
    }
    drop(db);
}

#[test]
fn a_directory_that_is_there_keeps_its_mode() {
    let directory = directory();
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("a mode");
    Db::open(&url(&directory), Access::Write).expect("a new store");
    assert_eq!(mode(directory.path()), 0o755);
}

#[test]
fn an_empty_file_becomes_a_store() {
    let directory = directory();
    std::fs::write(path(&directory), "").expect("an empty file");
    let why = refusal(&url(&directory), Access::Read);
    assert!(why.contains("is empty or belongs to another program"), "{why}");
    Db::open(&url(&directory), Access::Write).expect("a new store");
    Db::open(&url(&directory), Access::Read).expect("the same store");
}

#[test]
fn a_foreign_database_is_left_alone() {
    for journal in ["delete", "wal"] {
        let directory = directory();
        let foreign = rusqlite::Connection::open(path(&directory)).expect("a database");
        foreign.pragma_update(None, "journal_mode", journal).expect("a journal mode");
        foreign.execute_batch("CREATE TABLE theirs (id INTEGER)").expect("a table");
        foreign.close().expect("a closed database");
        let reading = "is empty or belongs to another program";
        assert_left_alone(&directory, "is a SQLite database of another program", reading);
    }
}

/// Its owner is running, or has crashed: what it wrote last stands in its log only.
#[test]
fn a_foreign_database_keeps_its_log() {
    let directory = directory();
    let foreign = rusqlite::Connection::open(path(&directory)).expect("a database");
    foreign.pragma_update(None, "journal_mode", "wal").expect("a journal mode");
    foreign.execute_batch("CREATE TABLE theirs (id INTEGER)").expect("a table");
    let crashed = self::directory();
    for suffix in ["", "-wal"] {
        let [from, to] = [&directory, &crashed].map(|of| format!("{}{suffix}", path(of).display()));
        std::fs::copy(from, to).expect("a copy");
    }
    let log = format!("{}-wal", path(&crashed).display());
    let before = std::fs::read(&log).expect("a log");
    refusal(&url(&crashed), Access::Write);
    assert!(std::fs::read(&log).expect("the log is still there") == before);
    assert_left_alone(
        &crashed,
        "is a SQLite database of another program",
        "belongs to another program",
    );
}

#[test]
fn another_programs_application_id_is_respected() {
    let directory = directory();
    let foreign = rusqlite::Connection::open(path(&directory)).expect("a database");
    foreign.pragma_update(None, "application_id", 0x1234).expect("an id");
    foreign.close().expect("a closed database");
    assert_left_alone(&directory, "database of another program", "belongs to another program");
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let files = [
        ("x".to_owned(), "belongs to another program"),
        ("Dear diary,\n".repeat(1_000), "it cannot be read (file is not a database)"),
    ];
    for (content, reading) in files {
        let directory = directory();
        std::fs::write(path(&directory), &content).expect("a file");
        assert_left_alone(&directory, "is not a SQLite database", reading);
    }
}

#[test]
fn a_newer_store_is_left_alone() {
    let directory = directory();
    drop(Db::open(&url(&directory), Access::Write).expect("a new store"));
    let outside = rusqlite::Connection::open(path(&directory)).expect("the store");
    let newer = "INSERT INTO refinery_schema_history
        SELECT 999, 'from_the_future', applied_on, checksum FROM refinery_schema_history LIMIT 1";
    outside.execute(newer, []).expect("a migration");
    outside.close().expect("a closed database");
    assert_left_alone(&directory, "was it written by a newer one?", "has tables of version 999");
}

#[test]
fn a_store_that_is_not_migrated_is_not_read() {
    let directory = directory();
    drop(Db::open(&url(&directory), Access::Write).expect("a new store"));
    let outside = rusqlite::Connection::open(path(&directory)).expect("the store");
    outside.execute("DROP TABLE refinery_schema_history", []).expect("no history");
    outside.close().expect("a closed database");
    let why = refusal(&url(&directory), Access::Read);
    assert!(why.contains("it holds no tables of Clientbook's"), "{why}");
}

#[test]
fn what_is_no_file_is_refused() {
    let directory = directory();
    std::fs::create_dir(path(&directory)).expect("a directory");
    let why = refusal(&url(&directory), Access::Write);
    assert!(why.contains("it cannot be opened for writing"), "{why}");
    let why = refusal(&url(&directory), Access::Read);
    assert!(why.contains("it cannot be opened"), "{why}");
    assert_eq!(std::fs::read_dir(path(&directory)).expect("a directory").count(), 0);
    assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), 1);
}

#[test]
fn a_store_that_is_not_there_is_not_made_by_reading() {
    let directory = directory();
    let why = refusal(&url(&directory), Access::Read);
    assert!(why.ends_with("does not exist"), "{why}");
    assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), 0);
}

#[test]
fn other_urls_are_refused() {
    for wrong in ["", "clientbook.db", "sqlite:", "sqlite::memory:", "mysql://localhost/x"] {
        let why = refusal(wrong, Access::Write);
        assert!(why.contains("neither of the form sqlite:PATH nor postgres:"), "{why}");
    }
}

/// Nobody, not even root, makes files in these places.
#[test]
fn a_place_without_room_for_a_store_is_refused() {
    let directory = directory();
    let file = directory.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let below = format!("sqlite:{}/clientbook.db", file.display());
    let why = refusal(&below, Access::Write);
    assert!(why.contains("its directory cannot be made"), "{why}");
    let full = "sqlite:/dev/fd/clientbook.db";
    let why = refusal(full, Access::Write);
    assert!(why.contains("it cannot be opened"), "{why}");
}

#[tokio::test]
async fn reading_leaves_the_file_as_it_is() {
    let directory = directory();
    let db = Db::open(&url(&directory), Access::Write).expect("a new store");
    let tenant = tenant(1);
    db.write(Repeat::Harmless, async move |tx: &mut Tx| tenants::insert(tx, &tenant).await)
        .await
        .expect("a tenant");
    drop(db);
    let before = std::fs::read(path(&directory)).expect("the store");
    let db = Db::open(&url(&directory), Access::Read).expect("the store");
    let count = db.read(async |tx: &mut Tx| tenants::count_across_tenants(tx).await);
    assert_eq!(count.await.expect("a count"), 1);
    let set = async |tx: &mut Tx| settings::insert_if_absent(tx, "a", b"b").await;
    let refused = db.write(Repeat::Harmless, set).await.expect_err("it was opened for reading");
    assert!(refused.to_string().contains("the store was opened for reading"), "{refused}");
    db.read(set).await.expect_err("a read cannot write");
    db.scan(set).await.expect_err("nor can a scan");
    drop(db);
    assert!(std::fs::read(path(&directory)).expect("the store") == before);
}

#[tokio::test]
async fn a_store_that_is_being_written_can_be_read() {
    let store = Store::sqlite();
    let beside = Db::open(store.database.url(), Access::Read).expect("the same store");
    let count = async |tx: &mut Tx| tenants::count_across_tenants(tx).await;
    assert_eq!(beside.read(count).await.expect("a count"), 0);
    let tenant = tenant(1);
    store.write(async move |tx: &mut Tx| tenants::insert(tx, &tenant).await).await.expect("one");
    assert_eq!(beside.read(count).await.expect("a count"), 1);
}

#[tokio::test]
async fn a_store_has_one_writer() {
    let store = Store::sqlite();
    for _ in 0..2 {
        let second = Db::open(store.database.url(), Access::Write).map(|_| ());
        let Err(DbError::Locked(which)) = &second else { panic!("{second:?}") };
        assert_eq!(*which, store.database.path().display().to_string());
    }
    let set = store.write(async |tx: &mut Tx| settings::insert_if_absent(tx, "a", b"b").await);
    assert!(set.await.expect("the first goes on"));
    let (clone, database) = (store.db.clone(), store.database);
    drop(store.db);
    let second = Db::open(database.url(), Access::Write).map(|_| ());
    assert!(matches!(second, Err(DbError::Locked(_))), "a clone holds it open: {second:?}");
    drop(clone);
    let again = Db::open(database.url(), Access::Write).expect("the lock is free");
    let kept = again.read(async |tx: &mut Tx| settings::get(tx, "a").await);
    assert_eq!(kept.await.expect("a setting"), Some(b"b".to_vec()));
}

/// SQLite follows links to the file: so must the lock.
#[test]
fn a_store_has_one_writer_whichever_way_leads_to_it() {
    let directory = directory();
    let below = directory.path().join("below");
    std::fs::create_dir(&below).expect("a directory");
    let name = |path: &str| format!("sqlite:{}/{path}", directory.path().display());
    for (target, link) in [
        ("clientbook.db", "link.db"),
        ("link.db", "link-to-link.db"),
        ("below", "link-to-below"),
        // Where there is no store yet.
        ("below/second.db", "dangling.db"),
    ] {
        std::os::unix::fs::symlink(target, directory.path().join(link)).expect("a link");
    }
    let one: &[&str] = &["clientbook.db", "link.db", "link-to-link.db", "below/../clientbook.db"];
    let other: &[&str] = &["dangling.db", "below/second.db", "link-to-below/second.db"];
    for ways in [one, other] {
        for first in ways {
            let _held = Db::open(&name(first), Access::Write).expect("a store");
            for second in ways {
                let second = Db::open(&name(second), Access::Write).map(|_| ());
                assert!(matches!(second, Err(DbError::Locked(_))), "{first}: {second:?}");
            }
            Db::open(&name(ways[0]), Access::Read).expect("reading takes no lock");
        }
    }
    let locks = [directory.path(), &below].map(|place| {
        let files = std::fs::read_dir(place).expect("a directory");
        let names = files.map(|file| file.expect("a file").file_name());
        names.filter(|name| name.to_string_lossy().ends_with(".lock")).count()
    });
    assert_eq!(locks, [1, 1], "one lock beside each store");
}

const HOLD: &str = "CLIENTBOOK_TEST_HOLDS";

/// Runs twice: the second process is this very test, with the store to hold in its environment.
#[test]
fn a_store_has_one_writer_among_processes() {
    if let Ok(held) = std::env::var(HOLD) {
        let _db = Db::open(&held, Access::Write).expect("the store of the first process");
        println!("\nheld");
        let _end = std::io::stdin().read_line(&mut String::new());
        return;
    }
    let directory = directory();
    let name = "opening::a_store_has_one_writer_among_processes";
    let mut other = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", name, "--nocapture"])
        .env(HOLD, url(&directory))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a second process");
    let mut said = BufReader::new(other.stdout.take().expect("its output")).lines();
    assert!(said.any(|line| line.expect("a line") == "held"), "it has opened the store");
    let second = Db::open(&url(&directory), Access::Write).map(|_| ());
    assert!(matches!(second, Err(DbError::Locked(_))), "{second:?}");
    other.stdin.take().expect("its input").write_all(b"\n").expect("its end");
    assert!(other.wait().expect("an end").success());
    drop(said);
    Db::open(&url(&directory), Access::Write).expect("the lock is free");
}
