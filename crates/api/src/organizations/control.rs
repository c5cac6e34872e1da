//! Collection control of many devices or users in one call.

use super::{clients, departments};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::{ApiError, Problem};
use crate::shared::fields::Fields;
use axum::http::StatusCode;
use clientbook_app::{AppError, Control, ControlOutcome, Controls, MAX_CONTROLLED};
use clientbook_model::device::{CollectionState, DevicePatch};
use clientbook_model::device_user::UserStatus;
use clientbook_model::id::parse_uuid;
use clientbook_model::violation::Violation;
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// The longest id, in bytes: none that is longer is one.
pub(super) const MAX_ID: usize = 100;

/// What became of many devices or users.
#[derive(Serialize, ToSchema)]
#[schema(as = ControlAnswer)]
pub(super) struct View<'a> {
    /// Those that are now as asked for.
    succeeded: &'a [String],
    /// The others.
    failed: Vec<Failed<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = NotControlled)]
struct Failed<'a> {
    id: &'a str,
    /// Why.
    error: String,
}

/// Has agents collect again, as the client's mode says.
pub(super) async fn enable_devices(call: Call) -> Result<Answer, ApiError> {
    control_devices(call, CollectionState::Enabled).await
}

/// Has agents collect nothing.
pub(super) async fn disable_devices(call: Call) -> Result<Answer, ApiError> {
    control_devices(call, CollectionState::Disabled).await
}

/// Has agents remove themselves.
pub(super) async fn delete_devices(call: Call) -> Result<Answer, ApiError> {
    let read = ids_alone(&call, "device_ids", DEVICES);
    let collection_state = Some(CollectionState::Deleted);
    let patch = DevicePatch { collection_state, ..DevicePatch::default() };
    control(call, read.map(|ids| Controls { ids, control: Control::Devices(patch) })).await
}

/// Has users be collected again.
pub(super) async fn activate_users(call: Call) -> Result<Answer, ApiError> {
    control_users(call, UserStatus::Active).await
}

/// Has nothing of users be collected.
pub(super) async fn archive_users(call: Call) -> Result<Answer, ApiError> {
    control_users(call, UserStatus::Archived).await
}

/// Has nothing of users be collected, for good.
pub(super) async fn delete_users(call: Call) -> Result<Answer, ApiError> {
    control_users(call, UserStatus::Deleted).await
}

/// Puts users in a department.
pub(super) async fn add_members(call: Call) -> Result<Answer, ApiError> {
    control_members(call, true).await
}

/// Takes users out of a department.
pub(super) async fn remove_members(call: Call) -> Result<Answer, ApiError> {
    control_members(call, false).await
}

pub(super) const DEVICES: &[&str] = &["device_ids"];
pub(super) const SWITCHED: &[&str] = &["device_ids", "log_shipping_enabled"];
pub(super) const USERS: &[&str] = &["user_ids"];

async fn control_devices(call: Call, state: CollectionState) -> Result<Answer, ApiError> {
    let read = (|| {
        let object = call.object()?;
        let mut fields = Fields::new(&object, "", SWITCHED);
        let log_shipping_enabled = fields.set("log_shipping_enabled");
        let ids = ids(fields, "device_ids")?;
        let patch = DevicePatch { collection_state: Some(state), log_shipping_enabled };
        Ok(Controls { ids, control: Control::Devices(patch) })
    })();
    control(call, read).await
}

async fn control_users(call: Call, status: UserStatus) -> Result<Answer, ApiError> {
    let read = ids_alone(&call, "user_ids", USERS);
    control(call, read.map(|ids| Controls { ids, control: Control::Users(status) })).await
}

async fn control_members(call: Call, joins: bool) -> Result<Answer, ApiError> {
    let read = ids_alone(&call, "user_ids", USERS);
    let department = departments::asked(&call);
    let control_ = Control::Members { department, joins };
    control(call, read.map(|ids| Controls { ids, control: control_ })).await
}

async fn control(call: Call, read: Result<Controls, ApiError>) -> Result<Answer, ApiError> {
    let controls = call.admitted(clients::target(&call), read).await?;
    let target = clients::target(&call);
    let show = |outcome: &ControlOutcome| Answer::json(StatusCode::OK, &view(outcome));
    call.once(|once| call.app.control(&call.caller, target, controls, once), show).await
}

fn view(outcome: &ControlOutcome) -> View<'_> {
    let failed = outcome.failed.iter().map(|(id, error)| {
        let error = Problem::from(error.clone()).message;
        Failed { id, error }
    });
    View { succeeded: &outcome.succeeded, failed: failed.collect() }
}

fn ids_alone(call: &Call, name: &str, known: &[&str]) -> Result<Vec<String>, ApiError> {
    let object = call.object()?;
    ids(Fields::new(&object, "", known), name)
}

/// The ids in the field `name`, in lower case where they are UUIDs. What is none is a thing that is
/// not there: it fails by itself.
fn ids(mut fields: Fields<'_>, name: &str) -> Result<Vec<String>, ApiError> {
    let mut seen = BTreeSet::new();
    let ids = fields.list(name, MAX_CONTROLLED, |value, at| {
        let refuse = |violation: Violation| vec![violation.below(at)];
        let asked = value.as_str().ok_or_else(|| refuse(Violation::not_a("a string")))?;
        if asked.chars().count() > MAX_ID {
            return Err(refuse(Violation::new("uuid", "must be a UUID")));
        }
        let id = parse_uuid(asked).map_or_else(|| asked.to_owned(), |id| id.to_string());
        if seen.insert(id.clone()) {
            return Ok(id);
        }
        Err(refuse(Violation::new("duplicate", "names the same for the second time")))
    });
    match &ids {
        None if fields.raw(name).is_none() => {
            fields.refuse(name, Violation::new("required", "must be given"));
        }
        Some(ids) if ids.is_empty() => {
            fields.refuse(name, Violation::new("min_items", "must hold at least 1 id"));
        }
        _ => {}
    }
    match ids {
        Some(ids) if fields.violations.is_empty() => Ok(ids),
        _ => Err(AppError::Invalid(fields.violations).into()),
    }
}
