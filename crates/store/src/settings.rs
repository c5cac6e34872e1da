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

/// Takes the turn that `name` keeps, unless another server took it less than `period` milliseconds
/// before `now`; whether it did.
pub async fn take_turn(tx: &mut Tx, name: &str, now: i64, period: i64) -> Result<bool, DbError> {
    insert_if_absent(tx, name, &i64::MIN.to_be_bytes()).await?;
    let lock = "SELECT 1 FROM settings WHERE name = $1 FOR NO KEY UPDATE";
    tx.lock(lock, &[name.into()]).await?;
    let taken = get(tx, name).await?.and_then(|bytes| bytes.try_into().ok());
    let taken = taken.map_or(i64::MIN, i64::from_be_bytes);
    // A clock that was set back keeps nobody waiting for ever.
    if taken <= now && now.saturating_sub(taken) < period {
        return Ok(false);
    }
    let sql = "UPDATE settings SET value = $1 WHERE name = $2";
    tx.send(&[], sql, &[Value::Bytes(&now.to_be_bytes()), name.into()]).await?;
    Ok(true)
}
