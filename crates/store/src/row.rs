//! One row of an answer.

use crate::cell::Cell;
use crate::column::{Column, Json, Name, Named, damaged};
use crate::error::DbError;
use crate::{postgres, sqlite};
use serde::de::DeserializeOwned;

/// A row, borrowed from the engine: nothing is copied that is not read.
pub(crate) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl Row<'_> {
    /// The column at `index`.
    pub(crate) fn get<T: Column>(&self, index: usize) -> Result<T, DbError> {
        self.cell(index).and_then(T::read).ok_or_else(|| damaged(index))
    }

    /// A text, borrowed.
    pub(crate) fn text(&self, index: usize) -> Result<Option<&str>, DbError> {
        match self.cell(index) {
            Some(Cell::Null) => Ok(None),
            Some(Cell::Text(text)) => Ok(Some(text)),
            _ => Err(damaged(index)),
        }
    }

    fn cell(&self, index: usize) -> Option<Cell<'_>> {
        match self {
            Self::Sqlite(row) => sqlite::cell(row, index),
            Self::Postgres(row) => postgres::cell(row, index),
        }
    }

    /// A JSON column, or the type's default where it is NULL.
    pub(crate) fn json<T: DeserializeOwned + Default>(&self, index: usize) -> Result<T, DbError> {
        let value: Option<Json<T>> = self.get(index)?;
        Ok(value.map(|json| json.0).unwrap_or_default())
    }

    /// A column that holds a name from a fixed list.
    pub(crate) fn name<T: Named>(&self, index: usize) -> Result<T, DbError> {
        self.get::<Name<T>>(index).map(|name| name.0)
    }
}
