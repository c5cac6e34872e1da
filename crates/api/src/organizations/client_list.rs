//! `/v2/clients`

use super::views;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::query::{CURSOR, PageSize, Parameter, Query, about_parameters};
use crate::shared::schema;
use clientbook_app::{ClientListQuery, Home, Order, Sort};
use clientbook_model::client_filter::ClientWishes;
use clientbook_model::collection::CollectionMode;
use clientbook_model::status::Status;

const PAGE: PageSize = PageSize { default: 50, max: 500 };
const ORDERS: &[&str] = &["name", "created_at", "updated_at"];
const WAYS: &[&str] = &["asc", "desc"];

pub(in crate::organizations) const TENANT: Parameter = Parameter {
    name: "tenant",
    about: "The tenant: its slug, UUID or 24 hex digits. Absent: the caller's own; operators \
            must name one",
    schema: schema::tenant,
};

pub(in crate::organizations) const Q: Parameter = Parameter {
    name: "q",
    about: "Only clients with this in their name, an e-mail address, an outside id or a tag; \
            case and accents do not count",
    schema: schema::words,
};

pub(in crate::organizations) const STATUS: Parameter = Parameter {
    name: "status",
    about: "Only clients of this status",
    schema: || schema::choice(&statuses(), None),
};

pub(in crate::organizations) const MODE: Parameter = Parameter {
    name: "collection_mode",
    about: "Only clients of this mode",
    schema: || schema::choice(&modes(), None),
};

pub(super) const PARAMETERS: &[Parameter] = &[
    TENANT,
    Q,
    STATUS,
    MODE,
    Parameter {
        name: "sort_by",
        about: "What comes first; names without case and accents",
        schema: || schema::choice(ORDERS, Some("name")),
    },
    Parameter {
        name: "sort_order",
        about: "Which way",
        schema: || schema::choice(WAYS, Some("asc")),
    },
    Parameter { name: "page_size", about: "Rows on a page", schema: || schema::page_size(PAGE) },
    CURSOR,
];

pub(super) fn statuses() -> [&'static str; 5] {
    Status::ALL.map(Status::as_str)
}

pub(super) fn modes() -> [&'static str; 4] {
    CollectionMode::ALL.map(CollectionMode::as_str)
}

/// A page of clients.
pub(super) async fn list(mut call: Call) -> Result<Answer, ApiError> {
    let mut parameters = std::mem::take(&mut call.query);
    let query = ClientListQuery {
        home: Home::Field { asked: parameters.text("tenant").map(str::to_owned), at: "/tenant" },
        wishes: wishes(&mut parameters),
        sort: sort(&mut parameters),
        page_size: parameters.size("page_size", PAGE),
        cursor: parameters.text("cursor").map(str::to_owned),
    };
    parameters.finish()?;
    let page = call.app.list_clients(&call.caller, query).await.map_err(about_parameters)?;
    let now = call.app.now();
    Answer::list(&views::list(&page, |record| views::client(record, now)))
}

pub(super) fn wishes(parameters: &mut Query) -> ClientWishes {
    ClientWishes {
        q: parameters.parse("q"),
        statuses: parameters
            .one_of("status", &statuses(), Status::from_name)
            .map(|status| vec![status]),
        collection_mode: parameters.one_of("collection_mode", &modes(), CollectionMode::from_name),
        ..ClientWishes::default()
    }
}

fn sort(parameters: &mut Query) -> Sort {
    let order = parameters.one_of("sort_by", ORDERS, |name| match name {
        "created_at" => Some(Order::CreatedAt),
        "updated_at" => Some(Order::UpdatedAt),
        _ => Some(Order::Name),
    });
    let descending = parameters.one_of("sort_order", WAYS, |way| Some(way == "desc"));
    Sort { order: order.unwrap_or(Order::Name), descending: descending.unwrap_or(false) }
}
