//! `POST /v2/agent/enroll`

use super::device::device;
use super::views;
use super::{invalid, nested, whole};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::Fields;
use axum::http::StatusCode;
use clientbook_app::Enrollment;
use clientbook_model::secret::Secret;
use clientbook_model::violation::Violation;
use std::sync::Arc;

pub(in crate::organizations) const ENROLL: &[&str] = &["enrollment_token", "device"];

/// Lets a device join; the answer is the only one that ever holds its token.
pub(super) async fn enroll(call: Call) -> Result<Answer, ApiError> {
    let wish = read(&call)?;
    if let Some(budget) = &call.enrollments
        && let Some(allowance) =
            budget.take_for("enrollment_token", wish.token.expose(), call.app.elapsed())
        && let Some(wait) = allowance.wait
    {
        return Err(ApiError::TooManyRequests(wait));
    }
    let enrolled = call.app.enroll(Arc::clone(&call.caller.origin), wish).await?;
    let mut answer = Answer::json(StatusCode::CREATED, &views::enrolled(&enrolled))?;
    answer.secret = true;
    Ok(answer)
}

fn read(call: &Call) -> Result<Enrollment, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", ENROLL);
    let token: Option<String> = fields.required("enrollment_token");
    let joining = nested(&mut fields, ("", "device"), device);
    if !object.contains_key("device") {
        fields.refuse("device", Violation::new("required", "must be given"));
    } else if object["device"].is_null() {
        fields.refuse("device", Violation::new("not_null", "must not be null"));
    }
    let read = token.zip(joining).map(|(token, (unique_key, facts))| Enrollment {
        token: Secret::new(token),
        unique_key,
        facts,
    });
    whole(fields, read).map_err(invalid)
}
