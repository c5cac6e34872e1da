//! What the installation keeps about itself, such as the key that signs cursors.

use crate::error::DbError;
use crate::tx::Tx;
use crate::value::Value;

/// The value of a setting.
pub async fn get(tx: &mut Tx, name: &str) -> Result<Option<Vec<u8>>, DbError> {
    let sql = "SELECT value FROM settings WHERE name = $1";
    tx.opt(sql, &[name.into()], |row| row.get(0)).await
}

/// Sets a setting that has no value yet; whether this call did.
pub async fn insert_if_absent(tx: &mut Tx, name: &str, value: &[u8]) -> Result<bool, DbError> {
    let sql = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    Ok(tx.execute(sql, &[name.into(), Value::Bytes(value)]).await? > 0)
}
