//! `/v2/clients/{client_id}/collection-control/audit-log`

use super::{clients, views};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use clientbook_app::CollectionControlQuery;
use clientbook_model::audit::EntityType;
use clientbook_model::id::EntryId;

pub(super) const PARAMETERS: &[&str] =
    &["entity_type", "entity_id", "sort_order", "page_size", "cursor"];

/// A page of the log, newest first unless asked otherwise.
pub(super) async fn audit_log(call: Call) -> Result<Answer, ApiError> {
    let types = ["client", "device", "user"];
    let target = clients::target(&call);
    let mut parameters = call.query;
    let order = parameters.one_of("sort_order", &["asc", "desc"], |order| Some(order == "asc"));
    let query = CollectionControlQuery {
        entity_type: parameters.one_of("entity_type", &types, EntityType::from_name),
        entity_id: parameters.parse::<EntryId>("entity_id").map(|id| id.0),
        ascending: order.unwrap_or(false),
        page_size: parameters.size("page_size", 50, 200),
        cursor: parameters.text("cursor").map(str::to_owned),
    };
    parameters.finish()?;
    let page = call.app.collection_control_log(&call.caller, target, query).await?;
    Answer::list(&views::list(&page, views::entry))
}
