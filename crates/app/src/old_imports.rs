//! Imports that nobody has gone on with.

use crate::App;
use crate::error::AppError;
use clientbook_model::time::Timestamp;
use clientbook_store::{Repeat, Tx, imports};

/// How long an import can be gone on with, in milliseconds: 30 days.
const KEPT: i64 = 30 * 24 * 60 * 60 * 1000;

impl App {
    /// Forgets an import that nobody can go on with any more: some of its rows, in a transaction of
    /// their own. Whether there may be more.
    pub async fn forget_imports(&self) -> Result<bool, AppError> {
        let before = Timestamp::clamped(self.0.env.now().millis().saturating_sub(KEPT));
        let forget = async move |tx: &mut Tx| {
            let Some((tenant, id)) = imports::one_since_across_tenants(tx, before).await? else {
                return Ok::<_, AppError>(false);
            };
            imports::forget_some(tx, tenant, id).await?;
            Ok(true)
        };
        self.0.db.write(Repeat::Harmless, forget).await
    }
}
