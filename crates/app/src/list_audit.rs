//! Lists of the audit trail: of a tenant, or of one client.

use crate::App;
use crate::caller::Caller;
use crate::cursor::Page;
use crate::error::AppError;
use crate::load::{self, ClientRef, Home};
use clientbook_model::audit::Entry;
use clientbook_model::audit_filter::{AuditFilter, AuditWishes};
use clientbook_model::id::parse_uuid;
use clientbook_model::policy;
use clientbook_model::principal::Permission;
use clientbook_model::time::Timestamp;
use clientbook_store::Tx;
use clientbook_store::audit_lists::{self, AuditPage, AuditTotal, Place};

/// Whose trail to list.
#[derive(Debug, Clone)]
pub enum Whose {
    /// Everything of a tenant.
    Tenant(Home),
    /// One client's, erased or not.
    Client(ClientRef),
}

/// What to list by a cursor.
#[derive(Debug, Clone)]
pub struct AuditQuery {
    /// Whose entries.
    pub whose: Whose,
    /// Which of them.
    pub wishes: AuditWishes,
    /// Rows on a page, at most.
    pub page_size: i64,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// What goes into a file, and how far it has come.
#[derive(Debug, Clone)]
pub struct AuditExport {
    /// Whose entries.
    pub whose: Whose,
    /// Which of them.
    pub wishes: AuditWishes,
    at: Option<Place>,
}

impl AuditExport {
    /// From the newest entry on.
    pub fn new(whose: Whose, wishes: AuditWishes) -> Self {
        Self { whose, wishes, at: None }
    }
}

/// Rows that are read at a time for a file.
const EXPORTED: i64 = 500;

impl App {
    /// Entries that the caller may see, newest first, from a cursor on. A page may have fewer rows
    /// than asked for: it ends at 1 MiB of values, and where few of many entries match. Needs
    /// `audit.view`; values that the caller may not see in what they are of are hidden.
    pub async fn list_audit(
        &self,
        caller: &Caller,
        query: AuditQuery,
    ) -> Result<Page<Entry>, AppError> {
        let (caller, cursors) = (caller.clone(), self.0.cursors.clone());
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                let (filter, known) = filter(tx, &caller, &query.whose, &query.wishes).await?;
                let scope = format!("audit|{filter:?}");
                let after = cursors.resume(&scope, query.cursor.as_deref(), read)?;
                let page = audit_lists::page(tx, &filter, after.as_ref(), query.page_size).await?;
                let total = match known.filter(|_| filter.is_whole_chain()) {
                    Some(count) => AuditTotal { count, is_lower_bound: false },
                    None => audit_lists::total(tx, &filter).await?,
                };
                let AuditTotal { count: total, is_lower_bound: total_is_lower_bound } = total;
                let next_cursor = page.next.map(|next| cursors.write(&scope, &written(&next)));
                Ok(Page { rows: seen_by(&caller, page), total, total_is_lower_bound, next_cursor })
            })
            .await
    }

    /// The next entries of a file, in a transaction of their own, and what comes after them; `None`
    /// after the last. Asks each time whether the caller still may.
    pub async fn export_audit(
        &self,
        caller: &Caller,
        export: AuditExport,
    ) -> Result<(Vec<Entry>, Option<AuditExport>), AppError> {
        let (caller, now) = (caller.clone(), self.0.env.now());
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                load::still_works(tx, &caller, now).await?;
                let (filter, _) = filter(tx, &caller, &export.whose, &export.wishes).await?;
                let page = audit_lists::page(tx, &filter, export.at.as_ref(), EXPORTED).await?;
                let rest = page.next.map(|next| AuditExport { at: Some(next), ..export.clone() });
                Ok((seen_by(&caller, page), rest))
            })
            .await
    }
}

fn seen_by(caller: &Caller, mut page: AuditPage) -> Vec<Entry> {
    for entry in &mut page.rows {
        policy::conceal(&caller.principal, entry);
    }
    page.rows
}

/// What is asked for, as far as the caller may see it; and of a client, how many entries its whole
/// chain has.
async fn filter(
    tx: &mut Tx,
    caller: &Caller,
    whose: &Whose,
    wishes: &AuditWishes,
) -> Result<(AuditFilter, Option<i64>), AppError> {
    let (tenant, chain, count) = match whose {
        Whose::Tenant(home) => {
            let tenant = load::home(tx, caller, home, Permission::AuditView).await?.id;
            // All entries about a thing stand in one chain.
            let chain = match wishes.entity_id {
                Some(entity) => audit_lists::chain_about(tx, tenant, entity).await?,
                None => None,
            };
            (tenant, chain.map(|client| client.0), None)
        }
        Whose::Client(target) => {
            let trail = load::trail(tx, caller, target, &[Permission::AuditView]).await?;
            (trail.tenant_id, Some(trail.client_id.0), Some(trail.head.count))
        }
    };
    let mut filter = AuditFilter::new(tenant, chain, wishes.clone(), &caller.principal);
    if count.is_some() {
        // The client has been compared with what the caller is bound to.
        (filter.clients, filter.org_id, filter.project_id) = (None, None, None);
    }
    Ok((filter, count))
}

fn written(place: &Place) -> String {
    format!("{} {} {}", place.created_at.millis(), place.chain_id, place.sequence)
}

fn read(text: &str) -> Option<Place> {
    let mut parts = text.split(' ');
    let created_at = Timestamp::from_millis(parts.next()?.parse().ok()?)?;
    let chain_id = parse_uuid(parts.next()?)?;
    Some(Place { created_at, chain_id, sequence: parts.next()?.parse().ok()? })
}
