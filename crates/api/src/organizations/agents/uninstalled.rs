//! `POST /v2/agent/uninstalled`

use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use std::sync::Arc;

/// Takes an agent's last word.
pub(super) async fn uninstalled(call: Call) -> Result<Answer, ApiError> {
    let agent = call.agent()?;
    call.without_fields()?;
    call.app.agent_uninstalled(Arc::clone(&call.caller.origin), &agent).await?;
    Ok(Answer::no_content())
}
