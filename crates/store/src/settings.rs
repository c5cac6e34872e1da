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
    Ok(tx.execute(&[], sql, &[name.into(), Value::Bytes(value)]).await? > 0)
}

/// Takes room in the store and gives it back. For `Db::ping`: a row that fits into a page that is
/// there already would say nothing of a full disk.
pub(crate) async fn probe(tx: &mut Tx) -> Result<(), DbError> {
    // Two rows: where one fails, SQLite undoes this statement. A statement of one row it answers by
    // rolling back the whole group, and others' writes with it.
    let sql = "INSERT INTO settings (name, value) VALUES ('probe 1', $1), ('probe 2', $1)";
    tx.send(&[], sql, &[Value::Bytes(&[0; 8192])]).await?;
    tx.send(&[], "DELETE FROM settings WHERE name IN ('probe 1', 'probe 2')", &[]).await
}
