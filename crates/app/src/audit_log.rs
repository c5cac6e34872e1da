//! The collection-control audit log of a client.

use crate::App;
use crate::caller::Caller;
use crate::cursor::Page;
use crate::error::AppError;
use crate::load::{self, ClientRef};
use clientbook_model::audit::{EntityType, Entry};
use clientbook_model::policy;
use clientbook_model::principal::Permission;
use clientbook_store::Tx;
use clientbook_store::audit::{self, CollectionControlFilter};
use uuid::Uuid;

/// What to list of the log.
#[derive(Debug, Clone, Default)]
pub struct CollectionControlQuery {
    /// Only entries about this kind of thing.
    pub entity_type: Option<EntityType>,
    /// Only entries about this very thing.
    pub entity_id: Option<Uuid>,
    /// Oldest first instead of newest first.
    pub ascending: bool,
    /// Rows on a page.
    pub page_size: i64,
    /// Where to go on.
    pub cursor: Option<String>,
}

impl App {
    /// A page of the log of the client that `target` names. Needs `audit.view`.
    pub async fn collection_control_log(
        &self,
        caller: &Caller,
        target: ClientRef,
        query: CollectionControlQuery,
    ) -> Result<Page<Entry>, AppError> {
        let (caller, cursors) = (caller.clone(), self.0.cursors.clone());
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                let trail = load::trail(tx, &caller, &target, &[Permission::AuditView]).await?;
                let filter = CollectionControlFilter {
                    tenant_id: trail.tenant_id,
                    client_id: trail.client_id,
                    entity_type: query.entity_type,
                    entity_id: query.entity_id,
                };
                let scope = format!("collection-control|{filter:?}|{}", query.ascending);
                let cursor = query.cursor.as_deref();
                let after = cursors.resume(&scope, cursor, |text| text.parse().ok())?;
                // One row more than asked for tells whether there is a next page.
                let (size, ascending) = (query.page_size, query.ascending);
                let rows =
                    audit::collection_control(tx, &filter, ascending, after, size + 1).await?;
                let total = audit::count_collection_control(tx, &filter).await?;
                let place = |last: &Entry| last.sequence.to_string();
                let mut page = cursors.page(&scope, rows, size, total, place);
                for entry in &mut page.rows {
                    policy::conceal(&caller.principal, entry);
                }
                Ok(page)
            })
            .await
    }
}
