//! `/v1/workspace/{workspace_id}/clients`

use super::views;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::query::{PageSize, Parameter, about_parameters};
use crate::shared::schema;
use clientbook_app::{ClientListQuery, Home, Order, Sort};
use clientbook_model::client_filter::ClientWishes;
use clientbook_model::tenant::TenantKey;

const PAGE: PageSize = PageSize { default: 100, max: 500 };

pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter { name: "limit", about: "Clients on a page", schema: || schema::page_size(PAGE) },
    Parameter {
        name: "cursor",
        about: "Where to go on: part of the address in the header `Link` of the page before",
        schema: schema::any_text,
    },
];

/// A page of clients, the oldest first.
pub(super) async fn list(mut call: Call) -> Result<Answer, ApiError> {
    let mut parameters = std::mem::take(&mut call.query);
    let workspace = call.segment("workspace_id").to_owned();
    let query = ClientListQuery {
        home: Home::Path(workspace.clone(), TenantKey::parse(&workspace)),
        wishes: ClientWishes::default(),
        sort: Sort { order: Order::CreatedAt, descending: false },
        page_size: parameters.size("limit", PAGE),
        cursor: parameters.text("cursor").map(str::to_owned),
    };
    parameters.finish()?;
    let limit = query.page_size;
    let page = call.app.list_clients(&call.caller, query).await.map_err(about_parameters)?;
    let mut answer = Answer::list(&views::list(&page.rows))?;
    // What names a tenant that was found needs no escaping, nor does a cursor.
    answer.next = page
        .next_cursor
        .map(|cursor| format!("/v1/workspace/{workspace}/clients?limit={limit}&cursor={cursor}"));
    Ok(answer)
}
