//! The agent's own log.

use serde::{Deserialize, Serialize};

/// Records of the agent's log.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Logs {
    /// At most [`limits::LOG_RECORDS`](crate::limits::LOG_RECORDS).
    pub records: Vec<LogRecord>,
}

/// A line of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// When.
    pub at: String,
    /// How grave.
    pub level: LogLevel,
    /// What: 1 to 2,000 characters, without what was collected.
    pub message: String,
}

/// How grave a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something is odd.
    Warn,
    /// Something happened.
    Info,
    /// For whoever looks for a fault.
    Debug,
}
