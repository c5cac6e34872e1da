//! What fails a whole group, and how the writer goes on.

use super::{PATIENT, Store, Written, insert};
use crate::db::{Access, Db, Repeat};
use crate::error::DbError;
use crate::settings;
use crate::tx::Tx;
use crate::value::Value;
use std::time::Duration;

const TENANTLESS: &str = "INSERT INTO client_types (tenant_id, id, title) VALUES ($1, 1, 'x')";

/// From now on the file may not grow, as on a full disk.
fn fill(tx: &mut Tx) {
    tx.sqlite().expect("SQLite").raw.pragma_update(None, "max_page_count", 1).expect("a limit");
}

fn free(tx: &mut Tx) {
    tx.sqlite()
        .expect("SQLite")
        .raw
        .pragma_update(None, "max_page_count", 1_000_000)
        .expect("a limit");
}

/// One row that does not fit. SQLite keeps no journal for a single row: it rolls back everything.
async fn big_row(tx: &mut Tx) -> Written {
    let sql = "INSERT INTO settings (name, value) VALUES ('big', zeroblob(1000000))";
    tx.execute(&[], sql, &[]).await.map(|_| ())
}

/// Rows that do not fit. SQLite undoes the statement and keeps the transaction.
async fn big_rows(tx: &mut Tx) -> Written {
    let sql = "INSERT INTO settings (name, value)
        VALUES ('small', zeroblob(1)), ('big', zeroblob(1000000))";
    tx.execute(&[], sql, &[]).await.map(|_| ())
}

#[tokio::test]
async fn a_failed_commit_fails_the_whole_group() {
    let store = Store::open(PATIENT);
    let (release, first) = store.occupy();
    let mate = store.queue_row("mate");
    let refused = store.queue(async |_: &mut Tx| Err(DbError::Refused("no".into())));
    let culprit = store.queue(async |tx: &mut Tx| {
        tx.execute(&[], "PRAGMA defer_foreign_keys = ON", &[]).await?;
        tx.execute(&[], TENANTLESS, &[Value::Bytes(&[7; 16])]).await.map(|_| ())
    });
    drop(release);
    assert!(matches!(first.await, Err(DbError::ForeignKey)));
    assert!(matches!(mate.await, Err(DbError::ForeignKey)));
    assert!(matches!(refused.await, Err(DbError::Refused(_))), "a refusal stays what it was");
    assert!(matches!(culprit.await, Err(DbError::ForeignKey)));
    assert_eq!(store.rows(), [""; 0]);
    store.write_row("next").await.expect("the next group");
    assert_eq!(store.rows(), ["next"]);
}

#[tokio::test]
async fn a_full_disk_that_takes_the_transaction_along_fails_the_group() {
    let store = Store::open(PATIENT);
    let (release, first) = store.occupy();
    let mate = store.queue_row("mate");
    let culprit = store.queue(async |tx: &mut Tx| {
        fill(tx);
        let full = big_row(tx).await;
        assert!(tx.sqlite().expect("SQLite").raw.is_autocommit(), "SQLite rolled everything back");
        full
    });
    let behind = store.queue_row("behind");
    drop(release);
    for failed in [first, mate, culprit] {
        let failed = failed.await;
        assert!(matches!(failed, Err(DbError::Full)), "{failed:?}");
    }
    behind.await.expect("one of the next group");
    assert_eq!(store.rows(), ["behind"]);
}

#[tokio::test]
async fn a_full_disk_that_leaves_the_transaction_fails_its_own_alone() {
    let store = Store::open(PATIENT);
    let (release, first) = store.occupy();
    let mate = store.queue_row("mate");
    let culprit = store.queue(async |tx: &mut Tx| {
        insert(tx, "undone").await?;
        fill(tx);
        let full = big_rows(tx).await;
        assert!(
            !tx.sqlite().expect("SQLite").raw.is_autocommit(),
            "SQLite undid the statement only"
        );
        full
    });
    let behind = store.queue_row("behind");
    drop(release);
    first.await.expect("the first");
    mate.await.expect("a mate before");
    assert!(matches!(culprit.await, Err(DbError::Full)));
    behind.await.expect("a mate behind");
    assert_eq!(store.rows(), ["mate", "behind"]);
}

#[tokio::test]
async fn nothing_stands_of_a_transaction_that_goes_on_after_the_end() {
    let store = Store::open(PATIENT);
    let outcome = store.sqlite.write(async |tx: &mut Tx| {
        fill(tx);
        let _ignored = big_row(tx).await;
        insert(tx, "outside of any transaction").await.expect_err("its transaction is gone");
        let read = tx.opt("SELECT 1", &[], |row| row.get::<i64>(0)).await;
        read.expect_err("its snapshot is gone");
        let read = tx.all("SELECT 1", &[], |row| row.get::<i64>(0)).await;
        read.expect_err("its snapshot is gone");
        Ok(())
    });
    let outcome: Written = outcome.await;
    assert!(matches!(outcome, Err(DbError::Full)), "{outcome:?}");
    assert_eq!(store.rows(), [""; 0]);
}

#[tokio::test]
async fn room_on_the_disk_is_noticed_without_a_restart() {
    let store = Store::open(PATIENT);
    let fill_it = async |tx: &mut Tx| -> Written {
        fill(tx);
        Ok(())
    };
    store.sqlite.write(fill_it).await.expect("a limit");
    for _ in 0..3 {
        let full = store.sqlite.write(async |tx: &mut Tx| big_row(tx).await).await;
        assert!(matches!(full, Err(DbError::Full)), "{full:?}");
        let seen = store.sqlite.read(&async |tx: &mut Tx| {
            tx.one("SELECT count(*) FROM settings", &[], |row| row.get::<i64>(0)).await
        });
        assert_eq!(seen.expect("reads go on"), 0);
    }
    let free_it = async |tx: &mut Tx| -> Written {
        free(tx);
        big_row(tx).await
    };
    store.sqlite.write(free_it).await.expect("room");
    assert_eq!(store.rows(), ["big"]);
}

/// A trial of whether the store takes writes costs nobody a write.
#[tokio::test]
async fn a_trial_that_finds_the_disk_full_fails_alone() {
    let store = Store::open(PATIENT);
    let (release, first) = store.occupy();
    let mate = store.queue_row("mate");
    let trial = store.queue(async |tx: &mut Tx| {
        fill(tx);
        settings::probe(tx).await
    });
    let behind = store.queue_row("behind");
    drop(release);
    first.await.expect("the first");
    mate.await.expect("a mate before");
    assert!(matches!(trial.await, Err(DbError::Full)));
    behind.await.expect("a mate behind");
    assert_eq!(store.rows(), ["mate", "behind"]);
}

async fn set(db: &Db, limit: fn(&mut Tx)) {
    let written = db.write(Repeat::Harmless, async move |tx: &mut Tx| -> Written {
        limit(tx);
        Ok(())
    });
    written.await.expect("a limit");
}

#[tokio::test(start_paused = true)]
async fn readiness_tells_of_a_full_disk() {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let url = format!("sqlite:{}", directory.path().join("clientbook.db").display());
    let db = Db::open(&url, Access::Write).expect("a new store");
    set(&db, fill).await;
    let full = db.ping().await;
    assert!(matches!(full, Err(DbError::Full)), "{full:?}");
    set(&db, free).await;
    tokio::time::advance(Duration::from_millis(999)).await;
    let told_again = db.ping().await;
    assert!(matches!(told_again, Err(DbError::Full)), "{told_again:?}");
    tokio::time::advance(Duration::from_millis(1)).await;
    db.ping().await.expect("room");
    // Nobody can make the writer work by asking.
    let log = directory.path().join("clientbook.db-wal");
    let before = std::fs::read(&log).expect("a log");
    for _ in 0..100 {
        db.ping().await.expect("the same answer");
    }
    assert!(std::fs::read(&log).expect("a log") == before, "it was tried again within the second");
    tokio::time::advance(Duration::from_secs(1)).await;
    db.ping().await.expect("room");
    assert!(std::fs::read(&log).expect("a log") != before, "it was not tried again");
}

/// A caller that has hung up does not keep the next from knowing.
#[tokio::test]
async fn a_trial_that_nobody_waits_for_is_finished() {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let url = format!("sqlite:{}", directory.path().join("clientbook.db").display());
    let db = Db::open(&url, Access::Write).expect("a new store");
    set(&db, fill).await;
    let mut gone = Box::pin(db.ping());
    let polled = gone.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(polled.is_pending(), "the trial takes its time");
    drop(gone);
    let full = db.ping().await;
    assert!(matches!(full, Err(DbError::Full)), "{full:?}");
}
