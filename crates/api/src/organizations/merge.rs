//! `/v2/clients/{client_id}/merge`

use super::clients::target;
use super::views::{self, ClientView};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::Fields;
use crate::shared::schema;
use axum::http::StatusCode;
use clientbook_app::{AppError, Merge, Merged};
use clientbook_model::id::ClientId;
use clientbook_model::time::Timestamp;
use clientbook_model::violation::Violation;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The most fields that can be taken from the loser.
const MAX_TAKEN: usize = 1_000;

/// What two records became.
#[derive(Serialize, ToSchema)]
#[schema(as = MergeAnswer)]
pub(super) struct View<'a> {
    client: ClientView<'a>,
    #[schema(value_type = schema::Id)]
    loser_id: ClientId,
    /// Where the two differed.
    fields: Vec<DifferenceView<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = MergedField)]
struct DifferenceView<'a> {
    /// Its name in the audit trail.
    field: &'a str,
    /// Null where it had none.
    #[schema(required)]
    winner: &'a Value,
    /// Null where it had none.
    #[schema(required)]
    loser: &'a Value,
    /// Whose value stands: `winner`, `loser`, or something of `both`.
    #[schema(pattern = "^(winner|loser|both)$")]
    from: &'static str,
}

fn view(merged: &Merged, now: Timestamp) -> View<'_> {
    let fields = merged.differences.iter().map(|one| DifferenceView {
        field: &one.field,
        winner: &one.winner,
        loser: &one.loser,
        from: one.from.as_str(),
    });
    View {
        client: views::client(&merged.record, now),
        loser_id: merged.loser_id,
        fields: fields.collect(),
    }
}

/// Joins another record of the same client into this one.
pub(super) async fn merge(call: Call) -> Result<Answer, ApiError> {
    let merge = call.admitted(target(&call), wish(&call)).await?;
    let (now, dry_run) = (call.app.now(), merge.dry_run);
    let show = move |merged: &Merged| {
        let mut answer = Answer::json(StatusCode::OK, &view(merged, now))?;
        // A tag of a version that is not there yet would one day fit another change.
        answer.version = (!dry_run).then_some(merged.record.client.version);
        Ok(answer)
    };
    call.once(|once| call.app.merge_clients(&call.caller, target(&call), merge, once), show).await
}

pub(super) const KNOWN: &[&str] = &["loser_id", "take", "dry_run"];

fn wish(call: &Call) -> Result<Merge, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", KNOWN);
    let loser_id = fields.required("loser_id");
    let take = fields.list("take", MAX_TAKEN, |item, at| {
        let name = item.as_str().map(str::to_owned);
        name.ok_or_else(|| vec![Violation::not_a("a string").below(at)])
    });
    let dry_run = fields.set("dry_run").unwrap_or(false);
    match loser_id {
        Some(loser_id) if fields.violations.is_empty() => {
            let take = take.unwrap_or_default();
            Ok(Merge { loser_id, take, precondition: call.precondition.clone(), dry_run })
        }
        _ => Err(AppError::Invalid(fields.violations).into()),
    }
}
