//! What a device's agent and the server say to each other under `/v2/agent`, as JSON.
//!
//! Times are text, UTC with three decimals: `2026-03-10T14:30:00.000Z`. An agent ignores fields of an
//! answer that it does not know, so that a server may be newer; the server refuses unknown fields of
//! a request, as everywhere.

mod check_in;
mod enroll;
mod inventory;
mod logs;
pub mod pace;
mod usage;

pub use check_in::{CheckIn, Collect, Config, DeploymentError, Directive, SeenUser, UserConfig};
pub use enroll::{Enroll, Enrolled};
pub use inventory::{Device, Extension, Extensions, Hardware, Inventory, Software};
pub use logs::{LogLevel, LogRecord, Logs};
pub use usage::{Usage, UsageAccepted, UsageKind, UsageRecord};

/// How many of what one call may hold. More is refused with `invalid_request`; a body of more than
/// 1 MiB with `payload_too_large`, of the inventory and of usage more than 16 MiB.
pub mod limits {
    /// Users in a check-in.
    pub const USERS: usize = 1_000;
    /// Deployment errors in a check-in.
    pub const DEPLOYMENT_ERRORS: usize = 20;
    /// Installed software of a device.
    pub const SOFTWARE: usize = 20_000;
    /// Records of usage in a call.
    pub const USAGE_RECORDS: usize = 5_000;
    /// Records of a log in a call.
    pub const LOG_RECORDS: usize = 1_000;
    /// Seconds that a check-in may wait.
    pub const WAIT_SECONDS: u8 = 60;
    /// Seconds that one record of usage may cover: a day.
    pub const RECORD_SECONDS: u32 = 86_400;
}

/// The paths.
pub mod path {
    /// `POST`, without a token: [`Enroll`](crate::Enroll) gives [`Enrolled`](crate::Enrolled).
    pub const ENROLL: &str = "/v2/agent/enroll";
    /// `POST` [`CheckIn`](crate::CheckIn) gives [`Config`](crate::Config).
    pub const CHECK_IN: &str = "/v2/agent/check-in";
    /// `PUT` [`Inventory`](crate::Inventory) gives 204.
    pub const INVENTORY: &str = "/v2/agent/inventory";
    /// `POST` [`Usage`](crate::Usage) gives 202 [`UsageAccepted`](crate::UsageAccepted).
    pub const USAGE: &str = "/v2/agent/usage";
    /// `POST` [`Logs`](crate::Logs) gives 204.
    pub const LOGS: &str = "/v2/agent/logs";
    /// `POST` `{}` gives 204; the agent's last word.
    pub const UNINSTALLED: &str = "/v2/agent/uninstalled";
}

/// Codes of errors that an agent acts on: `{"error": {"code": …, "message": …, "details": {…}}}`.
pub mod code {
    /// 401: the client is suspended. The agent keeps its token, gathers nothing and asks again every
    /// 5 minutes.
    pub const CLIENT_INACTIVE: &str = "client_inactive";
    /// 401: the token is none, or none any more.
    pub const UNAUTHENTICATED: &str = "unauthenticated";
    /// 403: what was sent may not be collected; nothing of it was stored. `details` has
    /// `effective_mode`, `directive`, `collect`, and `user_keys` where only these users' data were in
    /// the way.
    pub const COLLECTION_NOT_PERMITTED: &str = "collection_not_permitted";
}
