//! `/v2/clients/{client_id}/revert`

use super::{clients, views};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::Fields;
use clientbook_app::{AppError, ClientRecord};
use clientbook_model::id::EntryId;

pub(super) const KNOWN: &[&str] = &["entry_id"];

/// Puts the fields of an entry back to what they were before it.
pub(super) async fn revert(call: Call) -> Result<Answer, ApiError> {
    let entry = call.admitted(clients::target(&call), entry(&call)).await?;
    let (target, precondition) = (clients::target(&call), call.precondition.clone());
    let now = call.app.now();
    let show = move |record: &ClientRecord| {
        Answer::record(record.client.version, &views::client(record, now))
    };
    let run = |once| call.app.revert_client(&call.caller, target, entry, precondition, once);
    call.once(run, show).await
}

fn entry(call: &Call) -> Result<EntryId, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", KNOWN);
    let entry = fields.required("entry_id");
    match entry {
        Some(entry) if fields.violations.is_empty() => Ok(entry),
        _ => Err(AppError::Invalid(fields.violations).into()),
    }
}
