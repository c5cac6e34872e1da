//! `/client/search`

use super::views;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::query::{PageSize, Parameter, Query, about_parameters};
use crate::shared::schema;
use clientbook_app::{Home, NumberedQuery, PageShows};
use clientbook_model::client_filter::ClientWishes;
use clientbook_model::status::Status;

const SIZE: PageSize = PageSize { default: 50, max: 500 };

pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter { name: "page", about: "The page, from 0", schema: schema::page },
    Parameter { name: "size", about: "Clients on a page", schema: || schema::page_size(SIZE) },
    Parameter {
        name: "externalId",
        about: "Only the client with this external id",
        schema: schema::any_text,
    },
    Parameter {
        name: "salesforceAccountId",
        about: "Only clients of this Salesforce account",
        schema: schema::any_text,
    },
    Parameter {
        name: "name",
        about: "Only clients with this in their name; case and accents do not count",
        schema: schema::words,
    },
    Parameter {
        name: "status",
        about: "Only clients of this status",
        schema: || schema::choice(&statuses(), None),
    },
    Parameter {
        name: "tenant",
        about: "The tenant: its slug, UUID or 24 hex digits. Absent: the caller's own; operators \
                must name one",
        schema: schema::tenant,
    },
];

fn statuses() -> [&'static str; 5] {
    Status::ALL.map(views::status)
}

/// A page of clients, by number.
pub(super) async fn search(mut call: Call) -> Result<Answer, ApiError> {
    let mut parameters = std::mem::take(&mut call.query);
    let (page, size) = (parameters.page("page"), parameters.size("size", SIZE));
    let query = NumberedQuery {
        home: Home::Field { asked: parameters.text("tenant").map(str::to_owned), at: "/tenant" },
        wishes: wishes(&mut parameters),
        page,
        size,
        shown: PageShows::All { size_name: "size" },
    };
    parameters.finish()?;
    let found = call.app.page_of_clients(&call.caller, query).await.map_err(about_parameters)?;
    Answer::list(&views::list(&found, page, size))
}

fn wishes(parameters: &mut Query) -> ClientWishes {
    let read = |text: &str| Status::ALL.into_iter().find(|status| views::status(*status) == text);
    let status = parameters.one_of("status", &statuses(), read);
    ClientWishes {
        name: parameters.parse("name"),
        statuses: status.map(|status| vec![status]),
        external_id: parameters.parse("externalId"),
        salesforce_account_id: parameters.parse("salesforceAccountId"),
        ..ClientWishes::default()
    }
}
