//! Notifications: hints to look sooner, on a connection of their own. They may get lost, and behind a
//! pooler that shares connections none ever comes.

use super::Postgres;
use super::error::Fault;
use crate::agent_configs::CHANNEL;
use crate::error::DbError;
use tokio::sync::mpsc;
use tokio_postgres::Client;

/// Hears that something may have changed, as long as it lives.
pub struct Hints {
    heard: mpsc::UnboundedReceiver<()>,
    // Its connection ends with it.
    _client: Client,
}

impl Hints {
    /// Done with the next hint; `false` once no more can come.
    pub async fn next(&mut self) -> bool {
        let heard = self.heard.recv().await.is_some();
        // One look is enough for all that came meanwhile.
        while self.heard.try_recv().is_ok() {}
        heard
    }
}

impl Postgres {
    /// See `Db::agent_hints`.
    pub(crate) async fn agent_hints(&self) -> Result<Hints, DbError> {
        let (heard, hints) = mpsc::unbounded_channel();
        let client = self.target.connect_hearing(heard).await;
        let client = client.map_err(|error| Fault::from(error).error)?;
        let listen = format!("LISTEN {CHANNEL}");
        client.batch_execute(&listen).await.map_err(|error| Fault::from(error).error)?;
        Ok(Hints { heard: hints, _client: client })
    }
}
