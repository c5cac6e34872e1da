//! Every client that the caller may see, as rows of a file.
//!
//! In pages of short transactions, by number, which never changes: no client is left out or told
//! twice, and a long export keeps nothing from being written. What changes meanwhile is told as it is
//! when its page is read.

use crate::App;
use crate::caller::Caller;
use crate::error::AppError;
use crate::list_clients::filter;
use crate::load::{self, Home};
use crate::references;
use clientbook_model::client_filter::ClientWishes;
use clientbook_model::moving::{Format, Writer, cells};
use clientbook_model::principal::Permission;
use clientbook_store::Tx;
use clientbook_store::client_lists::{self, Order, Position, Sort};
use clientbook_store::{client_listings, clients};

/// Rows of one transaction, at most; those of a page take no more than 1 MiB.
const PAGE: i64 = 500;

const UNLISTED: &str = "the lists of this store are not made yet: a server makes them when it starts; \
    export once it serves";

/// What to export.
#[derive(Debug, Clone)]
pub struct ExportTerms {
    /// Whose clients.
    pub home: Home,
    /// Which of them.
    pub wishes: ClientWishes,
    /// In which form.
    pub format: Format,
}

/// An export that is being read.
pub struct Export {
    app: App,
    caller: Caller,
    terms: ExportTerms,
    after: Option<Position>,
    ended: bool,
    /// What was read with the beginning.
    first: Option<Vec<u8>>,
    total: i64,
    rows: u64,
}

impl App {
    /// Begins an export, with its first page. Needs `clients.view`.
    pub async fn export_clients(
        &self,
        caller: &Caller,
        terms: ExportTerms,
    ) -> Result<Export, AppError> {
        let mut export = Export {
            app: self.clone(),
            caller: caller.clone(),
            terms,
            after: None,
            ended: false,
            first: None,
            total: 0,
            rows: 0,
        };
        let mut bytes = Vec::new();
        Writer::new(export.terms.format).begin(&mut bytes);
        export.read(&mut bytes).await?;
        export.first = Some(bytes);
        Ok(export)
    }
}

impl Export {
    /// The next bytes of the file; `None` at its end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, AppError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        if self.ended {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.read(&mut bytes).await?;
        Ok(Some(bytes))
    }

    /// How many rows there are, as far as it is known.
    pub fn total(&self) -> u64 {
        u64::try_from(self.total).unwrap_or_default()
    }

    /// How many have been read.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Reads a page, which may be empty where few clients match.
    async fn read(&mut self, bytes: &mut Vec<u8>) -> Result<(), AppError> {
        let (caller, terms, after) = (self.caller.clone(), self.terms.clone(), self.after.clone());
        let now = self.app.0.env.now();
        let read = self.app.0.db.scan(async move |tx: &mut Tx| {
            load::still_works(tx, &caller, now).await?;
            if after.is_none() && !client_listings::are_made(tx).await? {
                return Err(AppError::Unavailable(UNLISTED.into()));
            }
            let filter = filter(tx, &caller, &terms.home, &terms.wishes).await?;
            let sort = Sort { order: Order::Number, descending: false };
            let page = client_lists::page(tx, &filter, sort, after.as_ref(), PAGE).await?;
            let rows = clients::get_all(tx, filter.tenant_id, &page.ids).await?;
            let rows = references::all_shown_to(&caller.principal, rows);
            Ok::<_, AppError>((rows, page.next, page.total))
        });
        let (rows, next, total) = read.await?;
        let writer = Writer::new(self.terms.format);
        let manages = self.caller.principal.permissions.has(Permission::TokensManage);
        let readers_at = (!manages).then_some(now);
        for row in &rows {
            let (client_type, token) = (row.client_type.as_ref(), row.enrollment_token.as_ref());
            let fields = row.fields.as_deref();
            writer.row(bytes, &cells(&row.client, fields, client_type, token, readers_at));
        }
        self.rows += rows.len() as u64;
        self.total = total.count;
        self.ended = next.is_none();
        self.after = next;
        Ok(())
    }
}
