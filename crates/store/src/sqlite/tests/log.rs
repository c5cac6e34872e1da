//! The write-ahead log does not grow for ever.

use super::{Limits, Store};
use crate::error::DbError;
use crate::sqlite::checkpoint::{Checkpointer, Checkpoints, Doubt};
use crate::tx::Tx;
use crate::value::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Pages: more than it takes to make the tables.
const CAP: i32 = 256;

const SMALL: Limits =
    Limits { worth_while: 16, cap: CAP, patience: Duration::from_secs(10), ..Limits::SERVING };

/// Bytes of a log with so many pages beyond the cap: 24 of each frame's header, 32 of the log's.
fn pages_over_cap(pages: i32) -> u64 {
    let pages = u64::try_from(CAP + pages).expect("a number of pages");
    pages * (4096 + 24) + 32
}

/// One commit of a few pages.
async fn write_some(store: &Store, number: usize) {
    let written = store.sqlite.write(async move |tx: &mut Tx| {
        let sql = "INSERT INTO settings (name, value) VALUES ($1, $2)";
        tx.execute(&[], sql, &[(&number.to_string()).into(), Value::Bytes(&[1; 3_000])]).await?;
        Ok::<_, DbError>(())
    });
    written.await.expect("a write");
}

fn begin(reader: &rusqlite::Connection) {
    reader.execute_batch("BEGIN; SELECT count(*) FROM settings").expect("a snapshot");
}

/// Some milliseconds.
fn take_a_while(reader: &rusqlite::Connection) {
    let count = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 30000)
        SELECT count(*) FROM n";
    assert_eq!(reader.query_row(count, [], |row| row.get::<_, i64>(0)), Ok(30_000));
}

#[tokio::test]
async fn steady_writes_keep_the_log_within_its_cap() {
    let store = Store::open(SMALL);
    for number in 0..500 {
        write_some(&store, number).await;
        assert!(store.log_size() <= pages_over_cap(16), "{} at {number}", store.log_size());
    }
    assert_eq!(store.rows().len(), 500);
}

/// Every read is short, but there is no moment without one.
#[tokio::test]
async fn steady_reads_do_not_keep_the_log_from_starting_over() {
    let store = Store::open(SMALL);
    let enough = Arc::new(AtomicBool::new(false));
    let [one, other] = [store.connection(), store.connection()];
    let until = Arc::clone(&enough);
    let reads = std::thread::spawn(move || {
        begin(&one);
        while !until.load(Ordering::Relaxed) {
            for (next, last) in [(&other, &one), (&one, &other)] {
                begin(next);
                take_a_while(next);
                last.execute_batch("COMMIT").expect("the end of a snapshot");
            }
        }
    });
    let mut longest = 0;
    for number in 0..500 {
        write_some(&store, number).await;
        longest = longest.max(store.log_size());
    }
    enough.store(true, Ordering::Relaxed);
    reads.join().expect("steady reads");
    assert!(longest <= pages_over_cap(16), "the log grew to {longest} bytes");
}

#[tokio::test]
async fn a_long_read_lets_writes_go_on_and_the_log_shrinks_after_it() {
    let store = Store::open(Limits { patience: Duration::ZERO, ..SMALL });
    write_some(&store, 0).await;
    let long = store.connection();
    begin(&long);
    for number in 1..200 {
        write_some(&store, number).await;
    }
    assert!(store.log_size() > pages_over_cap(CAP), "the read pins the log");
    let seen: i64 =
        long.query_row("SELECT count(*) FROM settings", [], |row| row.get(0)).expect("a count");
    assert_eq!(seen, 1, "and keeps its snapshot");
    long.execute_batch("COMMIT").expect("the end of the snapshot");
    for number in 200..400 {
        write_some(&store, number).await;
    }
    assert!(store.log_size() <= pages_over_cap(16), "{} bytes", store.log_size());
}

/// Else each commit would wait for the same read.
#[tokio::test]
async fn a_wait_in_vain_is_not_repeated_at_once() {
    let store = Store::open(Limits::SERVING);
    let long = store.connection();
    begin(&long);
    write_some(&store, 0).await;
    let limits = Limits { patience: Duration::ZERO, ..SMALL };
    let (doubt, checkpoints) = (Doubt::default(), Checkpoints::default());
    let started = Checkpointer::start(&store.path(), limits, doubt, checkpoints);
    let mut checkpointer = started.expect("a checkpointer");
    checkpointer.log_is(CAP);
    assert_eq!(checkpointer.cap, CAP + CAP / 4);
    checkpointer.log_is(CAP + 1);
    assert_eq!(checkpointer.cap, CAP + CAP / 4);
    checkpointer.log_is(CAP + CAP / 4);
    assert_eq!(checkpointer.cap, CAP + CAP / 2);
    long.execute_batch("COMMIT").expect("the end of the snapshot");
    checkpointer.log_is(CAP + CAP / 2);
    assert_eq!(checkpointer.cap, CAP + CAP / 2, "nothing is in the way");
    checkpointer.log_is(1);
    assert_eq!(checkpointer.cap, CAP);
}

#[tokio::test]
async fn the_log_is_gone_when_the_store_is_closed() {
    let store = Store::open(SMALL);
    write_some(&store, 0).await;
    let path = store.path();
    let Store { sqlite, directory } = store;
    drop(sqlite);
    let files = std::fs::read_dir(directory.path()).expect("a directory");
    let mut names: Vec<_> = files.map(|file| file.expect("a file").file_name()).collect();
    names.sort();
    assert_eq!(names, ["clientbook.db", "clientbook.db.lock"]);
    let alone = rusqlite::Connection::open(path).expect("the database");
    assert_eq!(super::rows(&alone), ["0"]);
}
