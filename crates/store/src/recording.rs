//! What the writer ran, statement by statement, so that the bench can run the very same without
//! Clientbook.

use crate::db::{Db, Repeat};
use crate::error::DbError;
use crate::tx::Tx;
use crate::value::Value;
use rusqlite::types::{ToSql as _, ToSqlOutput, Value as Owned};

/// Whole transactions of the writer, in the order in which it ran them.
#[derive(Debug, Default)]
pub struct Recording {
    pub(crate) texts: Vec<String>,
    pub(crate) calls: Vec<Call>,
}

/// A statement that ran.
#[derive(Debug)]
pub(crate) struct Call {
    /// Its place among the texts.
    pub(crate) text: usize,
    pub(crate) args: Vec<Owned>,
    pub(crate) rows: Rows,
}

/// Which rows of its result were read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rows {
    None,
    First,
    All,
}

impl Recording {
    /// How many changes it holds: the first one of each group has no savepoint.
    pub fn changes(&self) -> usize {
        self.count(Mark::Begin) + self.count(Mark::Another)
    }

    /// How many groups they were committed in.
    pub fn groups(&self) -> usize {
        self.count(Mark::Commit)
    }

    pub(crate) fn push(&mut self, sql: &str, args: &[Value<'_>], rows: Rows) {
        let known = self.texts.iter().position(|text| text == sql);
        let text = known.unwrap_or_else(|| {
            self.texts.push(sql.to_owned());
            self.texts.len() - 1
        });
        self.calls.push(Call { text, args: args.iter().map(owned).collect(), rows });
    }

    pub(crate) fn mark(&self, call: &Call) -> Option<Mark> {
        match self.texts[call.text].as_str() {
            "BEGIN IMMEDIATE" => Some(Mark::Begin),
            "SAVEPOINT change" => Some(Mark::Another),
            "COMMIT" => Some(Mark::Commit),
            _ => None,
        }
    }

    fn count(&self, mark: Mark) -> usize {
        self.calls.iter().filter(|call| self.mark(call) == Some(mark)).count()
    }

    /// Without the transactions at both ends in which recording itself began and ended.
    fn whole(mut self) -> Self {
        let is = |mark| move |this: &Self, call: &Call| this.mark(call) == Some(mark);
        let (begins, ends) = (is(Mark::Begin), is(Mark::Commit));
        let end = self.calls.iter().rposition(|call| ends(&self, call)).map_or(0, |at| at + 1);
        self.calls.truncate(end);
        let begin = self.calls.iter().position(|call| begins(&self, call)).unwrap_or(end);
        self.calls.drain(..begin);
        self
    }
}

/// A statement that says where a group begins or ends, or another change of it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Begin,
    Another,
    Commit,
}

impl Db {
    /// Keeps what the writer runs from the next group on.
    pub async fn start_recording(&self) -> Result<(), DbError> {
        self.write(Repeat::Harmless, async |tx: &mut Tx| {
            tx.sqlite()?.recording = Some(Recording::default());
            Ok(())
        })
        .await
    }

    /// What the writer has run since, up to the group before this call.
    pub async fn stop_recording(&self) -> Result<Recording, DbError> {
        let taken = self.write(Repeat::Harmless, async |tx: &mut Tx| {
            Ok::<_, DbError>(tx.sqlite()?.recording.take())
        });
        let recording = taken.await?;
        recording.map(Recording::whole).ok_or_else(|| DbError::internal("nothing was recorded"))
    }
}

fn owned(value: &Value<'_>) -> Owned {
    match value.to_sql() {
        // What is not UTF-8 is no text of Rust's.
        Ok(ToSqlOutput::Borrowed(borrowed)) => borrowed.try_into().unwrap_or(Owned::Null),
        Ok(ToSqlOutput::Owned(owned)) => owned,
        // No other form is made, and nothing fails.
        _ => Owned::Null,
    }
}
