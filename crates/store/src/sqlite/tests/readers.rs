//! Reads, their snapshots and their connections.

use super::{Limits, Store, Written, assert_internal, insert, rows};
use crate::error::DbError;
use crate::tx::Tx;
use std::sync::Arc;
use std::sync::mpsc::channel;

async fn count(tx: &mut Tx) -> Result<i64, DbError> {
    tx.one("SELECT count(*) FROM settings", &[], |row| row.get(0)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_keeps_its_snapshot_while_writes_go_on() {
    let store = Store::open(Limits::SERVING);
    store.write_row("before").await.expect("a write");
    let (first, has_read) = tokio::sync::mpsc::unbounded_channel();
    let (go, goes) = channel::<()>();
    let mut has_read = has_read;
    let sqlite = Arc::clone(&store.sqlite);
    let scan = tokio::spawn(async move {
        let read = async move |tx: &mut Tx| {
            let before = count(tx).await?;
            first.send(()).expect("somebody waits");
            let _dropped = goes.recv();
            Ok::<_, DbError>((before, count(tx).await?))
        };
        crate::sqlite::Sqlite::scan(&sqlite, read).await
    });
    has_read.recv().await.expect("the first read");
    store.write_row("meanwhile").await.expect("a write beside the read");
    drop(go);
    let seen = scan.await.expect("a scan").expect("two counts");
    assert_eq!(seen, (1, 1));
    assert_eq!(store.sqlite.read(&count).expect("a count"), 2);
}

#[tokio::test]
async fn no_read_sees_what_is_not_committed() {
    let store = Store::open(Limits::SERVING);
    let sqlite = Arc::clone(&store.sqlite);
    let seen = store.sqlite.write(async move |tx: &mut Tx| {
        insert(tx, "uncommitted").await?;
        Ok::<_, DbError>((sqlite.read(&count)?, count(tx).await?))
    });
    assert_eq!(seen.await.expect("two counts"), (0, 1));
    assert_eq!(store.sqlite.read(&count).expect("a count"), 1);
}

#[tokio::test]
async fn a_read_that_fails_leaves_no_snapshot_behind() {
    let store = Store::open(Limits::SERVING);
    let refused = store.sqlite.read(&async |tx: &mut Tx| -> Written {
        count(tx).await?;
        Err(DbError::Refused("no".into()))
    });
    assert!(matches!(refused, Err(DbError::Refused(_))));
    let panicked = store.sqlite.read(&async |tx: &mut Tx| -> Written {
        count(tx).await?;
        panic!("as a defect would");
    });
    assert_internal(panicked, "a transaction panicked");
    let pending = store.sqlite.read(&async |tx: &mut Tx| -> Written {
        count(tx).await?;
        std::future::pending().await
    });
    assert_internal(pending, "a transaction awaited something other than its own statements");
    let broken = store.sqlite.read(&async |tx: &mut Tx| -> Written {
        tx.execute(&[], "SELECT no_such_column FROM settings", &[]).await.map(|_| ())
    });
    assert!(matches!(broken, Err(DbError::Internal(_))), "{broken:?}");
    // All four used the same connection, one after the other.
    assert_eq!(store.sqlite.readers.idle(), 1);
    store.write_row("after").await.expect("a write");
    assert_eq!(store.sqlite.read(&count).expect("a count"), 1, "a new snapshot");
}

#[tokio::test]
async fn a_connection_without_its_transaction_is_not_used_again() {
    let store = Store::open(Limits::SERVING);
    let ended = store.sqlite.read(&async |tx: &mut Tx| tx.execute(&[], "COMMIT", &[]).await);
    ended.expect("an answer");
    assert_eq!(store.sqlite.readers.idle(), 0);
    assert_eq!(store.sqlite.read(&count).expect("a count"), 0);
    assert_eq!(store.sqlite.readers.idle(), 1);
}

#[tokio::test]
async fn a_read_cannot_write() {
    let store = Store::open(Limits::SERVING);
    let written = store.sqlite.read(&async |tx: &mut Tx| insert(tx, "sly").await);
    assert!(matches!(written, Err(DbError::Unavailable(_))), "{written:?}");
    assert_eq!(rows(&store.connection()), [""; 0]);
}
