//! Keeps others from writing to a database.

use super::Postgres;
use super::commit::{PATIENCE, silent};
use super::connect::Target;
use super::error::Fault;
use super::pool::Pool;
use crate::error::DbError;
use tokio_postgres::Client;

/// Tables that nobody changes as long as this lives and its connection lasts.
pub(crate) struct Held(Client);

impl Held {
    /// Whether they have been held until now.
    pub(crate) fn lasts(&self) -> bool {
        !self.0.is_closed()
    }
}

impl Postgres {
    /// Locks tables against changes, once those that are being made have ended; waits 5 s for that.
    pub(crate) async fn hold(&self, tables: &[&str]) -> Result<Held, DbError> {
        let tables = tables.iter().map(|table| format!("\"{table}\"")).collect::<Vec<_>>();
        let sql = format!(
            "SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = 0;
             BEGIN; LOCK TABLE {} IN SHARE MODE",
            tables.join(", ")
        );
        let target = self.target.clone();
        let held = self.threads.run(async move |_: &Pool| {
            let held = tokio::time::timeout(PATIENCE, lock(&target, &sql)).await;
            held.map_err(|_| silent())?.map_err(|error| Fault::from(error).error)
        });
        held.await.map(Held)
    }
}

async fn lock(target: &Target, sql: &str) -> Result<Client, tokio_postgres::Error> {
    let client = target.connect().await?;
    client.batch_execute(sql).await?;
    Ok(client)
}
