//! The collection-control audit log of a client.

use crate::App;
use crate::caller::Caller;
use crate::cursor::Page;
use crate::error::{AppError, invalid};
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
                let after = match &query.cursor {
                    None => None,
                    Some(cursor) => {
                        let position = cursors.read(&scope, cursor);
                        let sequence = position.and_then(|text| text.parse::<i64>().ok());
                        Some(sequence.ok_or_else(foreign_cursor)?)
                    }
                };
                // One row more than asked for tells whether there is a next page.
                let (size, ascending) = (query.page_size, query.ascending);
                let mut rows =
                    audit::collection_control(tx, &filter, ascending, after, size + 1).await?;
                let total = audit::count_collection_control(tx, &filter).await?;
                let next_cursor = cut(&mut rows, size)
                    .map(|last| cursors.write(&scope, &last.sequence.to_string()));
                for entry in &mut rows {
                    policy::conceal(&caller.principal, entry);
                }
                Ok(Page { rows, total, total_is_lower_bound: false, next_cursor })
            })
            .await
    }
}

/// Cuts the row that was read only to see whether there is a next page; the last row that stays,
/// if there is one.
pub(crate) fn cut<T>(rows: &mut Vec<T>, page_size: i64) -> Option<&T> {
    let size = usize::try_from(page_size).unwrap_or(usize::MAX);
    if rows.len() <= size {
        return None;
    }
    rows.truncate(size);
    rows.last()
}

pub(crate) fn foreign_cursor() -> AppError {
    let message = "must be a next_cursor of this very list, with the same filters and order";
    invalid("/cursor", "cursor", message)
}
