//! `/customfield/all/CLIENT`

use super::views;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use clientbook_app::Home;

/// Every custom field of the tenant, in their order.
pub(super) async fn list(call: Call) -> Result<Answer, ApiError> {
    let asked = call.query.text("tenant").map(str::to_owned);
    call.query.finish()?;
    let home = Home::Field { asked, at: "/tenant" };
    let fields = call.app.list_fields(&call.caller, home, true).await?;
    Answer::list(&fields.iter().map(views::custom_field).collect::<Vec<_>>())
}
