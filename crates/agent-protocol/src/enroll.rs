//! Joining a client.

use crate::check_in::Config;
use crate::inventory::Device;
use serde::{Deserialize, Serialize};

/// A device that asks to join.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Enroll {
    /// `enroll_` and 32 of `a-z0-9`.
    pub enrollment_token: String,
    /// The device. The same `unique_key` at the same client is the same device, unless that was
    /// deleted.
    pub device: Device,
}

/// 201: it has joined.
#[derive(Clone, Serialize, Deserialize)]
pub struct Enrolled {
    /// The device's UUID.
    pub device_id: String,
    /// What opens `/v2/agent` from now on, and nothing else; `cbd_` and a random part. Told once:
    /// enrolling again replaces it.
    pub device_token: String,
    /// What the first check-in would have answered.
    pub check_in: Config,
}

impl core::fmt::Debug for Enrolled {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("Enrolled")
            .field("device_id", &self.device_id)
            .finish_non_exhaustive()
    }
}
