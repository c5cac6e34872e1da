//! The end of a store while writes wait.

use super::{PATIENT, Store, insert};
use crate::db::Access;
use crate::sqlite::{Limits, Sqlite};
use crate::tx::Tx;
use std::fs::File;
use std::sync::Arc;

#[tokio::test]
async fn what_is_queued_is_written_before_the_store_closes() {
    let store = Store::open(Limits::SERVING);
    let (release, first) = store.occupy();
    for number in 0..300 {
        drop(store.queue(async move |tx: &mut Tx| insert(tx, &number.to_string()).await));
    }
    drop(first);
    let path = store.path();
    let Store { sqlite, directory } = store;
    let sqlite = Arc::into_inner(sqlite).expect("the last handle");
    std::thread::scope(|scope| {
        let closing = scope.spawn(move || drop(sqlite));
        drop(release);
        closing.join().expect("an orderly end");
    });
    let again = Sqlite::open_with(&path, Access::Write, PATIENT).expect("its lock is free");
    drop(again);
    let rows = super::rows(&rusqlite::Connection::open(&path).expect("the database"));
    assert_eq!(rows, (0..300).map(|number| number.to_string()).collect::<Vec<_>>());
    drop(directory);
}

/// The caller went away, and its transaction was the last to know the store.
#[tokio::test]
async fn a_transaction_may_own_the_last_handle() {
    let store = Store::open(PATIENT);
    let (release, first) = store.occupy();
    let owned = Arc::clone(&store.sqlite);
    drop(store.queue(async move |tx: &mut Tx| {
        assert!(Arc::strong_count(&owned) > 0);
        insert(tx, "kept").await
    }));
    // More than fit into its group.
    for number in 0..300 {
        drop(store.queue(async move |tx: &mut Tx| insert(tx, &number.to_string()).await));
    }
    drop(first);
    let (path, lock) = (store.path(), store.directory.path().join("clientbook.db.lock"));
    let Store { sqlite, directory } = store;
    drop(sqlite);
    drop(release);
    // Waits for the writer's end.
    let lock = File::open(lock).expect("the lock's file");
    lock.lock().expect("the lock");
    let rows = super::rows(&rusqlite::Connection::open(&path).expect("the database"));
    assert_eq!(rows.len(), 301);
    lock.unlock().expect("an unlocked file");
    drop(Sqlite::open_with(&path, Access::Write, PATIENT).expect("its lock is free"));
    drop(directory);
}
