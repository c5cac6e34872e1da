//! Lists of clients: by a cursor, or by the number of a page.

use crate::App;
use crate::caller::Caller;
use crate::cursor::Page;
use crate::error::{AppError, invalid};
use crate::load::{self, Home, Purpose};
use crate::references;
use clientbook_model::audit::Surface;
use clientbook_model::client_filter::{ClientFilter, ClientWishes};
use clientbook_model::contact::ContactMethods;
use clientbook_model::custom_field::CustomValues;
use clientbook_model::id::{ClientId, TenantId, parse_uuid};
use clientbook_model::principal::Permission;
use clientbook_model::success::Success;
use clientbook_store::client_lists::{self, Key, Order, Position, Sort, Total};
use clientbook_store::clients::{self, ClientKey, ClientRecord};
use clientbook_store::{Tx, merged_clients};

/// The most bytes of records on a page that is asked for by its number and shows them whole: there, a
/// page cannot end earlier than it is asked to.
const NUMBERED_BYTES: i64 = 8 << 20;

/// How many records are in memory at a time where little of each is shown.
const AT_A_TIME: usize = 8;

/// What to list by a cursor.
#[derive(Debug, Clone)]
pub struct ClientListQuery {
    /// Whose clients.
    pub home: Home,
    /// Which of them.
    pub wishes: ClientWishes,
    /// In which order.
    pub sort: Sort,
    /// Rows on a page, at most.
    pub page_size: i64,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// Which page to list.
#[derive(Debug, Clone)]
pub struct NumberedQuery {
    /// Whose clients.
    pub home: Home,
    /// Which of them.
    pub wishes: ClientWishes,
    /// The page, from 0.
    pub page: i64,
    /// Rows on a page.
    pub size: i64,
    /// What the page shows of its clients.
    pub shown: PageShows,
}

/// What a page shows of its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageShows {
    /// All that can be said of them. A page that would be too large is refused.
    All {
        /// What the surface calls the size, for errors.
        size_name: &'static str,
    },
    /// Who they are: custom values, contact methods and what customer success knows are left out, which
    /// is all that can be large. No page is refused.
    Account,
}

/// A page by its number.
#[derive(Debug, Clone)]
pub struct ClientPage {
    /// Its clients.
    pub rows: Vec<ClientRecord>,
    /// How many clients match, on all pages.
    pub total: i64,
    /// Whether there may be more of them.
    pub total_is_lower_bound: bool,
}

impl ClientPage {
    /// How many pages of this size there are.
    pub fn pages(&self, size: i64) -> i64 {
        self.total / size + i64::from(self.total % size != 0)
    }
}

impl App {
    /// Clients that the caller may see, from a cursor on. A page may have fewer rows than asked
    /// for: it ends at 1 MiB of records, and where few of many clients match. Needs
    /// `clients.view`.
    pub async fn list_clients(
        &self,
        caller: &Caller,
        query: ClientListQuery,
    ) -> Result<Page<ClientRecord>, AppError> {
        let (caller, cursors) = (caller.clone(), self.0.cursors.clone());
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                let filter = filter(tx, &caller, &query.home, &query.wishes).await?;
                let scope = scope(caller.origin.surface, &filter, query.sort);
                let (sort, size) = (query.sort, query.page_size);
                let cursor = query.cursor.as_deref();
                let after = cursors.resume(&scope, cursor, |text| read(text, sort.order))?;
                let page = client_lists::page(tx, &filter, sort, after.as_ref(), size).await?;
                let rows = clients::get_all(tx, filter.tenant_id, &page.ids).await?;
                let rows = references::all_shown_to(&caller.principal, rows);
                let next_cursor = page.next.map(|next| cursors.write(&scope, &written(&next)));
                let Total { count: total, is_lower_bound: total_is_lower_bound } = page.total;
                Ok(Page { rows, total, total_is_lower_bound, next_cursor })
            })
            .await
    }

    /// A page of the clients that the caller may see, by number. Needs `clients.view`.
    pub async fn page_of_clients(
        &self,
        caller: &Caller,
        query: NumberedQuery,
    ) -> Result<ClientPage, AppError> {
        let caller = caller.clone();
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                let filter = filter(tx, &caller, &query.home, &query.wishes).await?;
                let (page, size) = (query.page, query.size);
                let page = client_lists::numbered(tx, &filter, page, size).await?;
                let rows = match query.shown {
                    PageShows::All { size_name } => {
                        if page.bytes > NUMBERED_BYTES && page.ids.len() > 1 {
                            return Err(too_large(size_name));
                        }
                        clients::get_all(tx, filter.tenant_id, &page.ids).await?
                    }
                    PageShows::Account => accounts(tx, filter.tenant_id, &page.ids).await?,
                };
                let rows = references::all_shown_to(&caller.principal, rows);
                let Total { count: total, is_lower_bound: total_is_lower_bound } = page.total;
                Ok(ClientPage { rows, total, total_is_lower_bound })
            })
            .await
    }
}

fn too_large(size_name: &str) -> AppError {
    let message =
        format!("the clients of this page take more than {NUMBERED_BYTES} bytes: ask for fewer");
    invalid(&format!("/{size_name}"), "max_bytes", message)
}

/// The records without what can be large.
async fn accounts(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[ClientId],
) -> Result<Vec<ClientRecord>, AppError> {
    let mut accounts = Vec::with_capacity(ids.len());
    for ids in ids.chunks(AT_A_TIME) {
        let records = clients::get_all(tx, tenant, ids).await?;
        accounts.extend(records.into_iter().map(|mut record| {
            record.client.custom_values = CustomValues::default();
            record.client.contact_methods = ContactMethods::default();
            record.client.success = Success::default();
            record
        }));
    }
    Ok(accounts)
}

/// What is asked for, as far as the caller may see it.
pub(crate) async fn filter(
    tx: &mut Tx,
    caller: &Caller,
    home: &Home,
    wishes: &ClientWishes,
) -> Result<ClientFilter, AppError> {
    let tenant = load::home(tx, caller, home, Permission::ClientsView).await?;
    let surface = caller.origin.surface;
    let mut filter = ClientFilter::new(tenant.id, wishes.clone(), &caller.principal, surface);
    // The id of a record that was joined to another means that one.
    if let Some(id) = &wishes.external_id
        && let Some(next) = led(tx, tenant.id, id).await?
    {
        let key = ClientKey::Id(next);
        let found = clients::get(tx, tenant.id, key).await?;
        let found = load::follow(tx, found, Purpose::Read).await?;
        let found = found
            .map(|record| record.client.id)
            .filter(|id| filter.clients.as_ref().is_none_or(|bound| bound.contains(id)));
        filter.wishes.external_id = None;
        filter.clients = Some(found.into_iter().collect());
    }
    Ok(filter)
}

/// A record on the way from the external id of one that was joined to another.
async fn led(
    tx: &mut Tx,
    tenant: TenantId,
    external_id: &str,
) -> Result<Option<ClientId>, AppError> {
    match merged_clients::by_external_id(tx, tenant, external_id).await? {
        None => Ok(merged_clients::giver(tx, tenant, external_id).await?),
        next => Ok(next),
    }
}

/// What a cursor is bound to.
fn scope(surface: Surface, filter: &ClientFilter, sort: Sort) -> String {
    format!("clients|{}|{filter:?}|{sort:?}", surface.as_str())
}

fn written(position: &Position) -> String {
    match &position.key {
        Key::Text(text) => format!("{}{text}", position.id),
        Key::Number(number) => format!("{}{number}", position.id),
    }
}

fn read(text: &str, order: Order) -> Option<Position> {
    // An id has 36 characters.
    let (id, key) = text.split_at_checked(36)?;
    let key = match order {
        Order::Name => Key::Text(key.to_owned()),
        Order::CreatedAt | Order::UpdatedAt | Order::Number => Key::Number(key.parse().ok()?),
    };
    Some(Position { key, id: ClientId(parse_uuid(id)?) })
}
