//! Runs a recording against a store with nothing of Clientbook's around it: what SQLite itself
//! takes for the same work.

use super::checkpoint::{Checkpointer, Checkpoints, Doubt};
use super::limits::Limits;
use super::{connection, open, writable};
use crate::error::DbError;
use crate::recording::{Call, Mark, Recording, Rows};
use rusqlite::{Connection, Statement};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Instant;

/// A store opened as the writer opens it, checkpoints beside it included.
pub struct Replay {
    connection: Connection,
    checkpointer: Checkpointer,
    pages: Arc<AtomicI32>,
    // Dropped last, in this order: the store stays locked until its file is closed.
    _file: Arc<File>,
    _lock: File,
}

/// A group that was committed.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// How many changes it held.
    pub changes: u64,
    /// When it began.
    pub begun: Instant,
    /// When it was on disk.
    pub done: Instant,
}

impl Replay {
    /// Opens the store at `path`.
    pub fn open(path: &Path) -> Result<Self, DbError> {
        let open::Opened { place, lock, file, mut connection, found: _ } = open::writable(path)?;
        let limits = Limits::SERVING;
        let pages = Arc::default();
        writable::watch(&mut connection, limits, Arc::clone(&pages))
            .map_err(|error| refuse(&error))?;
        let checkpointer =
            Checkpointer::start(&place, limits, Doubt::default(), Checkpoints::default())
                .map_err(|error| DbError::Unavailable(error.to_string()))?;
        Ok(Self { connection, checkpointer, pages, _file: file, _lock: lock })
    }

    /// What the connection is set to.
    pub fn pragmas(&self) -> Result<Vec<(&'static str, String)>, DbError> {
        let names = [
            "journal_mode",
            "synchronous",
            "wal_autocheckpoint",
            "journal_size_limit",
            "foreign_keys",
            "cache_size",
            "page_size",
            "mmap_size",
        ];
        let value = |name| {
            let value = self
                .connection
                .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
            let text = match value {
                Ok(rusqlite::types::Value::Integer(number)) => number.to_string(),
                Ok(rusqlite::types::Value::Text(text)) => text,
                // A build without the feature has no row.
                Ok(_) | Err(rusqlite::Error::QueryReturnedNoRows) => "none".to_owned(),
                Err(error) => return Err(refuse(&error)),
            };
            Ok((name, text))
        };
        names.into_iter().map(value).collect()
    }

    /// Runs the recording; what became of each group.
    pub fn run(&mut self, recording: &Recording) -> Result<Vec<Group>, DbError> {
        let connection = &self.connection;
        let prepare = |text: &String| connection.prepare(text);
        let statements = recording.texts.iter().map(prepare).collect::<rusqlite::Result<Vec<_>>>();
        let mut statements = statements.map_err(|error| refuse(&error))?;
        let mut groups = Vec::with_capacity(recording.groups());
        let (mut changes, mut begun) = (0, Instant::now());
        for call in &recording.calls {
            let mark = recording.mark(call);
            match mark {
                Some(Mark::Begin) => (changes, begun) = (1, Instant::now()),
                Some(Mark::Another) => changes += 1,
                Some(Mark::Commit) | None => {}
            }
            step(&mut statements[call.text], call).map_err(|error| refuse(&error))?;
            if mark == Some(Mark::Commit) {
                groups.push(Group { changes, begun, done: Instant::now() });
                self.checkpointer.log_is(self.pages.load(Ordering::Relaxed));
            }
        }
        Ok(groups)
    }
}

fn step(statement: &mut Statement<'_>, call: &Call) -> rusqlite::Result<()> {
    for (at, arg) in call.args.iter().enumerate() {
        statement.raw_bind_parameter(at + 1, arg)?;
    }
    match call.rows {
        Rows::None => statement.raw_execute().map(|_| ()),
        Rows::First => statement.raw_query().next().map(|_| ()),
        Rows::All => {
            let mut rows = statement.raw_query();
            while rows.next()?.is_some() {}
            Ok(())
        }
    }
}

fn refuse(error: &rusqlite::Error) -> DbError {
    connection::from_sqlite(error)
}
