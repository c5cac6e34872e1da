//! `/clients/v1/tenants/{tenant_id}/clients`

use super::views;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::query::{Parameter, Query, about_parameters};
use crate::shared::schema;
use clientbook_app::{Home, NumberedQuery, PageShows};
use clientbook_model::client_filter::ClientWishes;
use clientbook_model::status::Status;
use clientbook_model::tenant::TenantKey;
use clientbook_model::text::Tag;
use clientbook_model::violation::Violation;

const LIMIT: i64 = 10;
const MAX_LIMIT: i64 = 100;

/// The most tags of one request.
const MAX_TAGS: usize = 20;

pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "status",
        about: "Only clients of this status",
        schema: || schema::choice(&statuses(), None),
    },
    Parameter {
        name: "active",
        about: "Only clients that are active, or only those that are not",
        schema: schema::boolean,
    },
    Parameter {
        name: "active_only",
        about: "An older name of `active`, which beats it",
        schema: schema::boolean,
    },
    Parameter {
        name: "name",
        about: "Only clients with this in their name; case and accents do not count",
        schema: schema::words,
    },
    Parameter {
        name: "tags",
        about: "Only clients with one of these tags, at most 20, with commas between them",
        schema: schema::any_text,
    },
    Parameter {
        name: "page",
        about: "The page, from 1; anything else is the first",
        schema: schema::any_text,
    },
    Parameter {
        name: "limit",
        about: "Clients on a page, 1 to 100; anything else is 10",
        schema: schema::any_text,
    },
];

fn statuses() -> [&'static str; 5] {
    Status::ALL.map(views::status)
}

/// A page of clients, by number.
pub(super) async fn list(mut call: Call) -> Result<Answer, ApiError> {
    let mut parameters = std::mem::take(&mut call.query);
    let tenant = call.segment("tenant_id");
    let page = or_default(&parameters, "page", i64::MAX, 1);
    let limit = or_default(&parameters, "limit", MAX_LIMIT, LIMIT);
    let query = NumberedQuery {
        home: Home::Path(tenant.to_owned(), TenantKey::parse(tenant)),
        wishes: wishes(&mut parameters),
        page: page - 1,
        size: limit,
        shown: PageShows::Account,
    };
    parameters.finish()?;
    let found = call.app.page_of_clients(&call.caller, query).await.map_err(about_parameters)?;
    Answer::list(&views::list(&found, page, limit))
}

/// The published habit of this list: what is out of range counts as absent.
fn or_default(parameters: &Query, name: &str, max: i64, default: i64) -> i64 {
    let number = parameters.text(name).and_then(|text| text.parse().ok());
    number.filter(|number| (1..=max).contains(number)).unwrap_or(default)
}

fn wishes(parameters: &mut Query) -> ClientWishes {
    let read = |text: &str| Status::ALL.into_iter().find(|status| views::status(*status) == text);
    let status = parameters.one_of("status", &statuses(), read);
    let mut wishes = ClientWishes {
        name: parameters.parse("name"),
        statuses: status.map(|status| vec![status]),
        tags: tags(parameters),
        ..ClientWishes::default()
    };
    let older = parameters.boolean("active_only");
    if let Some(active) = parameters.boolean("active").or(older) {
        wishes.only_active(active);
    }
    wishes
}

fn tags(parameters: &mut Query) -> Vec<Tag> {
    let Some(text) = parameters.text("tags") else {
        return Vec::new();
    };
    let tags: Result<Vec<_>, _> = text.split(',').map(Tag::new).collect();
    match tags {
        Ok(tags) if tags.len() <= MAX_TAGS => return tags,
        Ok(_) => {
            let message = format!("must have at most {MAX_TAGS} tags");
            parameters.refuse("tags", Violation::new("max_items", message));
        }
        Err(broken) => parameters.refuse("tags", broken),
    }
    Vec::new()
}
