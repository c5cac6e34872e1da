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
    let query = &call.query;
    let types = ["client", "device", "user"];
    let query = CollectionControlQuery {
        entity_type: query.one_of("entity_type", &types, EntityType::from_name)?,
        entity_id: query.parse::<EntryId>("entity_id")?.map(|id| id.0),
        ascending: query
            .one_of("sort_order", &["asc", "desc"], |order| Some(order == "asc"))?
            .unwrap_or(false),
        page_size: query.size("page_size", 50, 200)?,
        cursor: query.text("cursor").map(str::to_owned),
    };
    let target = clients::target(&call);
    let page = call.app.collection_control_log(&call.caller, target, query).await?;
    Answer::list(&views::list(&page, views::entry))
}
