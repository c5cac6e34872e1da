//! What the users of a device use.

use serde::{Deserialize, Serialize};

/// Records of usage.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Usage {
    /// At most [`limits::USAGE_RECORDS`](crate::limits::USAGE_RECORDS).
    pub records: Vec<UsageRecord>,
}

/// A stretch of time in which a user used an application, or visits to a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRecord {
    /// Unique for the device, 1 to 64 characters: sent again, it is not counted again.
    pub id: String,
    /// What was used.
    pub kind: UsageKind,
    /// By whom: a [`SeenUser::user_key`](crate::SeenUser::user_key).
    pub user_key: String,
    /// The application's name, or the registrable domain: 1 to 255 characters. Never a path, a query or
    /// a title.
    pub name: String,
    /// When it began.
    pub started_at: String,
    /// How long: up to [`limits::RECORD_SECONDS`](crate::limits::RECORD_SECONDS).
    pub seconds: u32,
    /// How many visits, of a domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visits: Option<u32>,
}

/// What was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageKind {
    /// An application.
    App,
    /// A domain.
    Web,
}

/// 202: what became of the records; those for which their day has no room are neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageAccepted {
    /// Counted.
    pub accepted: u64,
    /// Known already.
    pub duplicates: u64,
}
