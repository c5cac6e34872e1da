//! One transaction on one connection, with as few round trips as it allows: `BEGIN` goes out with
//! the first statement, what nobody waits for with the next one, and `COMMIT` with the last.

use super::error::Fault;
use super::pool::Connection;
#[cfg(feature = "record")]
use super::tape::Tape;
use super::value::Encoded;
use crate::error::DbError;
use crate::fields::Kept;
use crate::row::Row;
use crate::value::Value;
use futures_util::TryStreamExt as _;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio_postgres::Statement;

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No transaction at all: each statement by itself.
    Lookup,
    /// One snapshot.
    Read,
    /// Rows it locks, it sees as the newest commit left them.
    Write,
}

type Answer = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

/// How a transaction ended.
pub(super) enum End {
    /// It is there.
    Committed,
    /// It is not there.
    RolledBack(Fault),
    /// Nobody has said.
    Unknown(Fault),
}

/// Why a transaction was taken back.
pub(super) struct Failed {
    pub(super) fault: Fault,
    /// Whether a statement has told the caller.
    pub(super) told: bool,
}

/// The rows of a query, once they are there.
#[derive(Default)]
pub(crate) struct Asked(Arc<Mutex<Vec<tokio_postgres::Row>>>);

fn encode(args: &[Value<'_>], statement: &Statement) -> Result<Vec<Encoded>, DbError> {
    std::iter::zip(args, statement.params())
        .map(|(arg, ty)| Encoded::new(arg, ty))
        .collect::<Result<_, _>>()
        .map_err(|error| DbError::internal(error.to_string()))
}

/// The most answers that are waited for at a time: what is sent meanwhile takes memory, and others
/// on the thread want their turn.
const SENT: usize = 256;

/// A transaction, or none for a lookup.
pub(crate) struct Transaction {
    connection: Arc<Connection>,
    kind: Kind,
    /// What was sent and not yet answered, oldest first.
    sent: VecDeque<Answer>,
    fault: Option<Fault>,
    ended: bool,
    #[cfg(feature = "record")]
    tape: Tape,
}

impl Transaction {
    pub(super) fn begin(connection: Arc<Connection>, kind: Kind) -> Self {
        let mut this = Self {
            #[cfg(feature = "record")]
            tape: connection.recorder.tape(),
            connection,
            kind,
            sent: VecDeque::new(),
            fault: None,
            ended: false,
        };
        match kind {
            Kind::Lookup => {}
            Kind::Read => this.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
            Kind::Write => this.batch("BEGIN ISOLATION LEVEL READ COMMITTED"),
        }
        this
    }

    /// Definitions of custom fields in memory.
    pub(crate) fn kept_fields(&self) -> &Kept {
        &self.connection.fields
    }

    fn batch(&mut self, sql: &'static str) {
        #[cfg(feature = "record")]
        self.tape.note(sql, &[], false);
        let connection = Arc::clone(&self.connection);
        self.push(Box::pin(async move { connection.batch_execute(sql).await }));
    }

    // A request goes out when it is first polled; its answer is asked for later.
    fn push(&mut self, mut answer: Answer) {
        match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => self.sent.push_back(answer),
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => self.note(error.into()),
        }
    }

    // The first failure is the cause of the others.
    fn note(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    fn check(&self) -> Result<(), DbError> {
        match &self.fault {
            Some(fault) => Err(fault.error.clone()),
            None => Ok(()),
        }
    }

    /// Waits for `newest`, and takes in what was sent before it: an answer in several pieces that
    /// nobody takes holds up all answers behind it.
    async fn await_last<T>(&mut self, newest: impl Future<Output = T>) -> T {
        let mut newest = pin!(newest);
        poll_fn(|context| {
            self.take_in(context);
            newest.as_mut().poll(context)
        })
        .await
    }

    fn take_in(&mut self, context: &mut Context<'_>) {
        // Answers come in the order of the requests: until the oldest is there, no other is. To ask
        // all of them each time took minutes for some thousand statements.
        while let Some(oldest) = self.sent.front_mut()
            && let Poll::Ready(answered) = oldest.as_mut().poll(context)
        {
            self.sent.pop_front();
            if let Err(error) = answered {
                self.note(error.into());
            }
        }
    }

    /// Waits for everything that was sent.
    async fn settle(&mut self) {
        for answer in std::mem::take(&mut self.sent) {
            if let Err(error) = answer.await {
                self.note(error.into());
            }
        }
    }

    // Answers come in the order of the requests: whoever has the newest one need not wait for the
    // others.
    async fn outcome<T>(&mut self, newest: Result<T, Fault>) -> Result<T, DbError> {
        self.settle().await;
        match newest {
            Ok(value) => self.check().map(|()| value),
            Err(fault) => {
                let error = fault.error.clone();
                self.note(fault);
                self.check()?;
                Err(error)
            }
        }
    }

    async fn prepare(&mut self, sql: &'static str) -> Result<Statement, DbError> {
        self.check()?;
        let connection = Arc::clone(&self.connection);
        match self.await_last(connection.prepare_cached(sql)).await {
            Ok(statement) => Ok(statement),
            Err(error) => self.outcome(Err(error.into())).await,
        }
    }

    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
    ) -> Result<u64, DbError> {
        let statement = self.prepare(sql).await?;
        #[cfg(feature = "record")]
        self.tape.note(sql, args, true);
        let connection = Arc::clone(&self.connection);
        let done = self.await_last(connection.execute_raw(&statement, args)).await;
        self.outcome(done.map_err(Fault::from)).await
    }

    /// Sends a statement; its failure shows with the next answer, or at the end.
    pub(crate) async fn send(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
    ) -> Result<(), DbError> {
        let statement = self.prepare(sql).await?;
        #[cfg(feature = "record")]
        self.tape.note(sql, args, false);
        let encoded = encode(args, &statement)?;
        if self.sent.len() >= SENT {
            self.settle().await;
        }
        let connection = Arc::clone(&self.connection);
        self.push(Box::pin(async move {
            connection.execute_raw(&statement, encoded).await.map(|_| ())
        }));
        self.check()
    }

    /// Sends a query whose rows are asked for later.
    pub(crate) async fn ask(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
    ) -> Result<Asked, DbError> {
        let statement = self.prepare(sql).await?;
        #[cfg(feature = "record")]
        self.tape.note(sql, args, false);
        let encoded = encode(args, &statement)?;
        let connection = Arc::clone(&self.connection);
        let asked = Asked::default();
        let rows = Arc::clone(&asked.0);
        self.push(Box::pin(async move {
            let all: Vec<_> =
                connection.query_raw(&statement, encoded).await?.try_collect().await?;
            *rows.lock().unwrap_or_else(PoisonError::into_inner) = all;
            Ok(())
        }));
        self.check().map(|()| asked)
    }

    /// The first row of what was asked, if there is one.
    pub(crate) async fn answer<T>(
        &mut self,
        asked: Asked,
        decode: impl FnOnce(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Option<T>, DbError> {
        self.settle().await;
        self.check()?;
        let rows = asked.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.first().map(|row| decode(&Row::Postgres(row))).transpose()
    }

    async fn rows(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
    ) -> Result<Vec<tokio_postgres::Row>, DbError> {
        let statement = self.prepare(sql).await?;
        #[cfg(feature = "record")]
        self.tape.note(sql, args, true);
        let connection = Arc::clone(&self.connection);
        let answer = async {
            let rows = connection.query_raw(&statement, args).await?;
            rows.try_collect().await
        };
        let rows: Result<Vec<_>, tokio_postgres::Error> = self.await_last(answer).await;
        self.outcome(rows.map_err(Fault::from)).await
    }

    pub(crate) async fn opt<T>(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
        decode: impl FnOnce(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Option<T>, DbError> {
        let rows = self.rows(sql, args).await?;
        rows.first().map(|row| decode(&Row::Postgres(row))).transpose()
    }

    pub(crate) async fn all<T>(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
        mut decode: impl FnMut(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Vec<T>, DbError> {
        let rows = self.rows(sql, args).await?;
        rows.iter().map(|row| decode(&Row::Postgres(row))).collect()
    }

    /// Ends a read; nobody waits for that. The failure that ended it before, if any.
    pub(super) fn end_read(mut self) -> Option<Fault> {
        if self.kind != Kind::Lookup {
            self.batch("COMMIT");
        }
        self.ended = true;
        #[cfg(feature = "record")]
        self.tape.keep(self.kind);
        self.fault.clone()
    }

    /// Takes everything back. The failure that made it do so, if it was the engine's.
    pub(super) async fn roll_back(mut self) -> Option<Failed> {
        let told = self.fault.is_some();
        // What was sent may have failed, and be what the caller stumbled over.
        self.settle().await;
        self.batch("ROLLBACK");
        self.ended = true;
        self.fault.clone().map(|fault| Failed { fault, told })
    }

    pub(super) async fn commit(mut self) -> End {
        self.batch("COMMIT");
        self.settle().await;
        self.ended = true;
        match self.fault.clone() {
            None => {
                #[cfg(feature = "record")]
                self.tape.keep(self.kind);
                End::Committed
            }
            // The server has answered a statement before COMMIT, which then took everything back.
            Some(fault) if !fault.lost => End::RolledBack(fault),
            Some(fault) => End::Unknown(fault),
        }
    }
}

/// Who gives up in the middle leaves a connection that nobody else may use.
impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.ended || self.fault.as_ref().is_some_and(|fault| fault.lost) {
            self.connection.spoil();
        }
    }
}
