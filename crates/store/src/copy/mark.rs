//! How far a copy has come: a setting of its target, changed with each batch of rows.

use crate::error::DbError;
use crate::settings;
use crate::tx::Tx;
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The setting's name.
pub(super) const NAME: &str = "copy";

/// What stands in the setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Which store it is a copy of.
    pub(super) source: String,
    /// How many rows each of its tables had when the copy began.
    pub(super) counts: BTreeMap<String, i64>,
    /// How many rows have been copied.
    pub(super) moved: i64,
    /// The last of them.
    pub(super) at: Option<Place>,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) table: String,
    /// Whether all rows are there, and what refers to the table itself is being written.
    pub(super) late: bool,
    pub(super) key: Vec<String>,
}

pub(super) async fn get(tx: &mut Tx) -> Result<Option<Mark>, DbError> {
    let Some(bytes) = settings::get(tx, NAME).await? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|_| {
        let message = "the target holds an unfinished copy that this version cannot continue: \
            make it anew, or go on with the version that began";
        DbError::Refused(message.into())
    })
}

/// Keeps every other copy waiting until the transaction ends.
pub(super) async fn lock(tx: &mut Tx) -> Result<(), DbError> {
    tx.lock("SELECT 1 FROM settings WHERE name = 'copy' FOR UPDATE", &[]).await
}

pub(super) async fn insert(tx: &mut Tx, mark: &Mark) -> Result<(), DbError> {
    let sql = "INSERT INTO settings (name, value) VALUES ('copy', $1)";
    tx.send(&[], sql, &[Value::Bytes(&bytes(mark)?)]).await
}

pub(super) async fn update(tx: &mut Tx, mark: &Mark) -> Result<(), DbError> {
    let sql = "UPDATE settings SET value = $1 WHERE name = 'copy'";
    tx.send(&[], sql, &[Value::Bytes(&bytes(mark)?)]).await
}

pub(super) async fn remove(tx: &mut Tx) -> Result<(), DbError> {
    tx.send(&[], "DELETE FROM settings WHERE name = 'copy'", &[]).await
}

fn bytes(mark: &Mark) -> Result<Vec<u8>, DbError> {
    serde_json::to_vec(mark).map_err(|error| DbError::internal(error.to_string()))
}
