//! A write that takes effect exactly once, whatever happens to connections and servers meanwhile.

use super::pool::Pool;
use super::transaction::{End, Kind, Transaction};
use crate::audit;
use crate::db::Repeat;
use crate::error::DbError;
use crate::tx::{Engine, Tx};
use std::time::Duration;
use tokio::time::Instant;
use tokio::time::error::Elapsed;
use uuid::Uuid;

/// How long something is tried again before its caller is told to come back.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The longest pause between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// The tries that are left.
pub(super) struct Patience {
    ends: Instant,
    pause: Duration,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { ends: Instant::now() + PATIENCE, pause: Duration::from_millis(5) }
    }

    /// Waits for `work` as long as there is patience left.
    pub(super) async fn bound<T>(&self, work: impl Future<Output = T>) -> Result<T, Elapsed> {
        self.within(PATIENCE, work).await
    }

    /// The same, but no longer than `limit`.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, Elapsed> {
        tokio::time::timeout_at(self.ends.min(Instant::now() + limit), work).await
    }

    /// A transaction, if a connection can be had in time.
    pub(super) async fn begin(&self, pool: &Pool, kind: Kind) -> Result<Transaction, DbError> {
        self.bound(pool.begin(kind)).await.unwrap_or_else(|_| Err(silent()))
    }

    /// Pauses before the next try, or gives up with `error`.
    pub(super) async fn again(&mut self, error: DbError) -> Result<(), DbError> {
        if Instant::now() + self.pause >= self.ends {
            return Err(error);
        }
        // Not all at the same moment.
        let jitter = rand::random_range(0.5..1.0);
        tokio::time::sleep(self.pause.mul_f64(jitter)).await;
        self.pause = (self.pause * 2).min(PAUSE);
        Ok(())
    }
}

/// Runs `change` and commits it. Runs it again after a deadlock, a lost connection or a server that
/// went away; after a `COMMIT` without an answer only if its operation is not there.
pub(super) async fn write<T, E, F>(pool: &Pool, repeat: Repeat, change: &F) -> Result<T, E>
where
    F: AsyncFn(&mut Tx) -> Result<T, E>,
    E: From<DbError>,
{
    let mut patience = Patience::new();
    // What a run had to say, once a COMMIT got no answer. From then on every run looks first: a server
    // that has just lost its place to another may not show yet, or ever, what that one has.
    let mut in_doubt: Option<T> = None;
    loop {
        let transaction = match patience.begin(pool, Kind::Write).await {
            Ok(transaction) => transaction,
            Err(error) => {
                patience.again(told(error, in_doubt.is_some())).await?;
                continue;
            }
        };
        let mut tx = Tx { engine: Engine::Postgres(transaction) };
        let doubted = in_doubt.is_some();
        let ran = patience.bound(run(&mut tx, repeat, &mut in_doubt, change)).await;
        let Ok(outcome) = ran else {
            return Err(told(silent(), doubted).into());
        };
        let Engine::Postgres(transaction) = tx.engine else {
            return Err(DbError::internal("a transaction of the other engine").into());
        };
        let Ran { done, found } = match outcome {
            Ok(ran) => ran,
            Err(refusal) => {
                refuse(&mut patience, transaction, refusal, doubted).await?;
                continue;
            }
        };
        let Ok(end) = patience.bound(transaction.commit()).await else {
            return Err(told(silent(), true).into());
        };
        match end {
            End::Committed => return Ok(done),
            End::RolledBack(fault) if fault.passes() => {
                in_doubt = (doubted || found).then_some(done);
                patience.again(told(fault.error, in_doubt.is_some())).await?;
            }
            End::RolledBack(fault) => return Err(told(fault.error, doubted || found).into()),
            End::Unknown(fault) => {
                in_doubt = Some(done);
                patience.again(told(fault.error, true)).await?;
            }
        }
    }
}

/// What came of a run.
struct Ran<T> {
    done: T,
    /// Whether an earlier run had made the change, and this one only waits for it to be durable.
    found: bool,
}

/// One run of `change`, unless the one in doubt turns out to be there.
async fn run<T, E, F>(
    tx: &mut Tx,
    repeat: Repeat,
    in_doubt: &mut Option<T>,
    change: &F,
) -> Result<Ran<T>, E>
where
    F: AsyncFn(&mut Tx) -> Result<T, E>,
    E: From<DbError>,
{
    let doubted = in_doubt.is_some();
    let found = begin(tx, repeat, doubted).await.map_err(|error| told(error, doubted))?;
    if found && let Some(done) = in_doubt.take() {
        return Ok(Ran { done, found });
    }
    Ok(Ran { done: change(tx).await?, found: false })
}

/// Takes back a run that stopped with `refusal`; `Ok` if it may run again.
async fn refuse<E: From<DbError>>(
    patience: &mut Patience,
    transaction: Transaction,
    refusal: E,
    doubted: bool,
) -> Result<(), E> {
    match patience.bound(transaction.roll_back()).await {
        Ok(Some(failed)) if failed.fault.passes() => {
            Ok(patience.again(told(failed.fault.error, doubted)).await?)
        }
        // It comes before whatever the run stopped for without knowing of it.
        Ok(Some(failed)) if !failed.told => Err(told(failed.fault.error, doubted).into()),
        _ => Err(refusal),
    }
}

/// A server that has not answered.
pub(super) fn silent() -> DbError {
    DbError::Unavailable("the database does not answer".into())
}

/// Keeps a second run of the same operation waiting until the first has ended on the server; after
/// a `COMMIT` without an answer, says whether it is there.
async fn begin(tx: &mut Tx, repeat: Repeat, in_doubt: bool) -> Result<bool, DbError> {
    let Repeat::Checked(operation) = repeat else {
        return Ok(false);
    };
    tx.lock("SELECT pg_advisory_xact_lock($1)", &[key(operation).into()]).await?;
    if in_doubt { audit::has_operation_across_tenants(tx, operation).await } else { Ok(false) }
}

// The random half of the id: two operations that share a key wait for each other, no more.
fn key(operation: Uuid) -> i64 {
    operation.as_u64_pair().1.cast_signed()
}

fn told(error: DbError, in_doubt: bool) -> DbError {
    match error {
        DbError::InDoubt(_) => error,
        _ if in_doubt => DbError::InDoubt(error.to_string()),
        _ => error,
    }
}
