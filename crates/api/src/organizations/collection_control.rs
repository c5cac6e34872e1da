//! `/v2/clients/{client_id}/collection-control/audit-log`

use super::{clients, views};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::query::{CURSOR, PageSize, Parameter};
use crate::shared::schema;
use clientbook_app::CollectionControlQuery;
use clientbook_model::audit::EntityType;
use clientbook_model::id::EntryId;

/// The kinds of things that are collected of.
pub(super) const TYPES: &[&str] = &["client", "device", "user"];
const ORDERS: &[&str] = &["asc", "desc"];
const PAGE: PageSize = PageSize { default: 50, max: 200 };

pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "entity_type",
        about: "Only changes of this kind of thing",
        schema: || schema::choice(TYPES, None),
    },
    Parameter {
        name: "entity_id",
        about: "Only changes of the thing with this id",
        schema: schema::uuid,
    },
    Parameter {
        name: "sort_order",
        about: "By time",
        schema: || schema::choice(ORDERS, Some("desc")),
    },
    Parameter { name: "page_size", about: "Rows on a page", schema: || schema::page_size(PAGE) },
    CURSOR,
];

/// A page of the log, newest first unless asked otherwise.
pub(super) async fn audit_log(call: Call) -> Result<Answer, ApiError> {
    let target = clients::target(&call);
    let mut parameters = call.query;
    let order = parameters.one_of("sort_order", ORDERS, |order| Some(order == "asc"));
    let query = CollectionControlQuery {
        entity_type: parameters.one_of("entity_type", TYPES, EntityType::from_name),
        entity_id: parameters.parse::<EntryId>("entity_id").map(|id| id.0),
        ascending: order.unwrap_or(false),
        page_size: parameters.size("page_size", PAGE),
        cursor: parameters.text("cursor").map(str::to_owned),
    };
    parameters.finish()?;
    let page = call.app.collection_control_log(&call.caller, target, query).await?;
    Answer::list(&views::list(&page, views::entry))
}
