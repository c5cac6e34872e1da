//! What agents are answered.

use crate::organizations::docs;
use crate::shared::schema;
use clientbook_app::{Agent, Enrolled, UsageAccepted};
use clientbook_model::id::DeviceId;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(in crate::organizations) struct ConfigView<'a> {
    /// Another text when anything else of this answer but `next_check_in_seconds` is another.
    config_version: &'a str,
    /// What is collected on the device.
    #[schema(value_type = schema::Mode)]
    effective_mode: &'static str,
    /// What to do. `uninstall` is final, whatever `effective_mode` says.
    #[schema(value_type = docs::agents::DirectiveName)]
    directive: &'static str,
    /// What to collect; empty unless the directive is `collect`.
    #[schema(value_type = Vec<docs::agents::CollectedName>)]
    collect: Vec<&'static str>,
    /// Whose usage to collect. Who is not named here is not collected.
    users: Vec<UserConfigView<'a>>,
    /// Whether the agent's own log is wanted.
    log_shipping_enabled: bool,
    /// When to check in again, without regard to `wait_seconds`.
    next_check_in_seconds: u32,
}

#[derive(Serialize, ToSchema)]
pub(in crate::organizations) struct UserConfigView<'a> {
    user_key: &'a str,
    collect: bool,
}

/// What an agent is told.
pub(super) fn config(agent: &Agent) -> ConfigView<'_> {
    let config = agent.config();
    let users = config.users.iter();
    ConfigView {
        config_version: agent.config_version(),
        effective_mode: config.effective_mode.as_str(),
        directive: config.directive.as_str(),
        collect: config.collect.iter().map(|kind| kind.as_str()).collect(),
        users: users
            .map(|user| UserConfigView { user_key: &user.user_key, collect: user.collect })
            .collect(),
        log_shipping_enabled: config.log_shipping_enabled,
        next_check_in_seconds: config.next_check_in_seconds,
    }
}

#[derive(Serialize, ToSchema)]
pub(in crate::organizations) struct EnrolledView<'a> {
    #[schema(value_type = schema::Id)]
    device_id: DeviceId,
    #[schema(value_type = docs::agents::DeviceToken)]
    device_token: &'a str,
    /// What the first check-in would have answered.
    check_in: ConfigView<'a>,
}

/// A device that has joined, with its secret.
pub(super) fn enrolled(enrolled: &Enrolled) -> EnrolledView<'_> {
    EnrolledView {
        device_id: enrolled.agent.place().device_id,
        device_token: enrolled.secret.expose(),
        check_in: config(&enrolled.agent),
    }
}

#[derive(Serialize, ToSchema)]
pub(in crate::organizations) struct UsageAcceptedView {
    /// Counted.
    accepted: u64,
    /// Known already.
    duplicates: u64,
}

/// What became of records.
pub(super) fn accepted(accepted: UsageAccepted) -> UsageAcceptedView {
    UsageAcceptedView { accepted: accepted.accepted, duplicates: accepted.duplicates }
}
