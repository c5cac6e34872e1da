//! Groups of writes that share one commit.

use super::{Limits, PATIENT, Store, assert_internal, insert, rows};
use crate::error::DbError;
use crate::sqlite::writer::QUEUE;
use crate::tx::Tx;
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn a_failing_member_rolls_back_alone() {
    let store = Store::open(PATIENT);
    let (release, first) = store.occupy();
    let before = store.queue_row("before");
    let refused = store.queue(async |tx: &mut Tx| {
        insert(tx, "refused").await?;
        Err(DbError::Refused("no".into()))
    });
    let panicked = store.queue(async |tx: &mut Tx| {
        insert(tx, "panicked").await?;
        panic!("as a defect would");
    });
    let pending = store.queue(async |tx: &mut Tx| {
        insert(tx, "pending").await?;
        std::future::pending().await
    });
    let twice = store.queue(async |tx: &mut Tx| {
        insert(tx, "twice").await?;
        insert(tx, "before").await
    });
    let path = store.path();
    let after = store.queue(async move |tx: &mut Tx| {
        let outside = rusqlite::Connection::open(&path).expect("a second connection");
        assert_eq!(rows(&outside), [""; 0], "nothing of the group is committed yet");
        insert(tx, "after").await
    });
    drop(release);

    first.await.expect("the first");
    before.await.expect("a mate before the failures");
    assert!(matches!(refused.await, Err(DbError::Refused(why)) if why == "no"));
    assert_internal(panicked.await, "a transaction panicked");
    let pended = "a transaction awaited something other than its own statements";
    assert_internal(pending.await, pended);
    assert!(twice.await.expect_err("a row that is there").is_unique("settings_name"));
    after.await.expect("a mate after the failures");
    assert_eq!(store.rows(), ["before", "after"]);
}

#[tokio::test]
async fn writes_run_in_the_order_they_came() {
    let store = Store::open(Limits::SERVING);
    let (release, first) = store.occupy();
    let ran = Arc::new(Mutex::new(Vec::new()));
    // More than one group, whatever ends it.
    let writes: Vec<_> = (0..600)
        .map(|number| {
            let ran = Arc::clone(&ran);
            store.queue(async move |tx: &mut Tx| {
                ran.lock().expect("a lock").push(number);
                insert(tx, &number.to_string()).await
            })
        })
        .collect();
    drop(release);
    first.await.expect("the first");
    for write in writes {
        write.await.expect("a write");
    }
    assert_eq!(*ran.lock().expect("a lock"), (0..600).collect::<Vec<_>>());
    assert_eq!(store.rows(), (0..600).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answered_write_is_committed() {
    let store = Store::open(Limits::SERVING);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..16 {
        let (sqlite, outside) = (Arc::clone(&store.sqlite), store.connection());
        writers.spawn(async move {
            for turn in 0..25 {
                let name = format!("{writer} {turn}");
                let row = name.clone();
                let written = sqlite.write(async move |tx: &mut Tx| insert(tx, &row).await);
                written.await.expect("a write");
                let sql = "SELECT 1 FROM settings WHERE name = ?1";
                let seen = outside.query_row(sql, [&name], |row| row.get::<_, i64>(0));
                assert_eq!(seen, Ok(1), "{name} was answered");
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.expect("a writer that found all its rows");
    }
    assert_eq!(store.rows().len(), 400);
}

#[tokio::test]
async fn a_commit_is_durable() {
    let store = Store::open(Limits::SERVING);
    let pragmas = store.sqlite.write(async |tx: &mut Tx| {
        let mode: String = tx.one("PRAGMA journal_mode", &[], |row| row.get(0)).await?;
        let synchronous: i64 = tx.one("PRAGMA synchronous", &[], |row| row.get(0)).await?;
        let foreign_keys: i64 = tx.one("PRAGMA foreign_keys", &[], |row| row.get(0)).await?;
        Ok::<_, DbError>((mode, synchronous, foreign_keys))
    });
    let full = 2;
    assert_eq!(pragmas.await.expect("pragmas"), ("wal".to_owned(), full, 1));
    store.write_row("kept").await.expect("a write");
    // As a crash would leave it: the database without what the log holds would be empty.
    let crashed = tempfile::TempDir::new().expect("a temporary directory");
    for file in ["clientbook.db", "clientbook.db-wal"] {
        std::fs::copy(store.directory.path().join(file), crashed.path().join(file))
            .expect("a copy");
    }
    let recovered = rusqlite::Connection::open(crashed.path().join("clientbook.db"));
    assert_eq!(rows(&recovered.expect("the copy")), ["kept"]);
}

#[tokio::test]
async fn a_write_whose_caller_is_gone_is_whole_or_absent() {
    let store = Store::open(PATIENT);
    let (release, first) = store.occupy();
    let both = async |tx: &mut Tx| {
        insert(tx, "one").await?;
        insert(tx, "two").await
    };
    drop(store.queue(both));
    // Never polled: it never came to the queue.
    drop(store.write_row("never"));
    let last = store.queue_row("last");
    drop(release);
    first.await.expect("the first");
    last.await.expect("the last");
    assert_eq!(store.rows(), ["one", "two", "last"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_tells_to_come_back() {
    let store = Store::open(Limits::SERVING);
    let (release, first) = store.occupy();
    let queued: Vec<_> = (0..QUEUE).map(|_| store.queue(async |_: &mut Tx| Ok(()))).collect();
    // The clock stands at the moment when it would wait longer than it has patience.
    let refused = store.write_row("too many").await;
    assert!(
        matches!(&refused, Err(DbError::Unavailable(why)) if why == "too many writes are waiting"),
        "{refused:?}"
    );
    drop(release);
    first.await.expect("the first");
    for write in queued {
        write.await.expect("a queued write");
    }
    store.write_row("room again").await.expect("a write");
    assert_eq!(store.rows(), ["room again"]);
}

#[tokio::test]
async fn the_first_of_a_group_is_refused_alone() {
    let store = Store::open(Limits::SERVING);
    let (release, first) = store.occupy_with(async |tx: &mut Tx| {
        insert(tx, "refused").await?;
        Err(DbError::Unique("settings_name".into()))
    });
    let second = store.queue_row("second");
    let third = store.queue_row("third");
    drop(release);
    assert!(matches!(first.await, Err(DbError::Unique(_))));
    second.await.expect("the second");
    third.await.expect("the third");
    assert_eq!(store.rows(), ["second", "third"]);
}

#[tokio::test]
async fn a_large_transaction_begins_a_group_of_its_own() {
    let store = Store::open(Limits::SERVING);
    let (release, first) = store.occupy();
    let small = store.queue_row("small");
    let outside = store.connection();
    let large = store.queue_many(async move |tx: &mut Tx| {
        assert_eq!(rows(&outside), ["small"], "what came before is committed");
        insert(tx, "large").await
    });
    let last = store.queue_row("last");
    drop(release);
    first.await.expect("the first");
    small.await.expect("the small one");
    large.await.expect("the large one");
    last.await.expect("the last");
    assert_eq!(store.rows(), ["small", "large", "last"]);
}
