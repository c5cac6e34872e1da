//! The status of a client, and the flag `active` that follows from it.

use crate::patch::Parse;
use crate::violation::Violation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a client stands in its life. `active` is derived, never stored beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not yet started.
    Pending,
    /// Trying the product; counts as active.
    Trial,
    /// In good standing.
    Active,
    /// Suspended: its tokens and devices cannot authenticate.
    Inactive,
    /// Gone.
    Terminated,
}

impl Status {
    /// Every status, in the order of a client's life.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Trial, Self::Active, Self::Inactive, Self::Terminated];

    /// Lower case, as v2 shows it and as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Trial => "trial",
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Terminated => "terminated",
        }
    }

    /// Reads the stored form.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// The derived flag: true for `active` and `trial`. A client whose flag is false cannot
    /// authenticate or reach anything.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Active | Self::Trial)
    }
}

/// The customer-success form: upper case.
impl Parse for Status {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let name = value.as_str().unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|status| status.as_str().to_ascii_uppercase() == name)
            .ok_or_else(|| {
                Violation::not_one_of(&["ACTIVE", "INACTIVE", "TRIAL", "TERMINATED", "PENDING"])
            })
    }
}

/// What a request says about the status and the flag.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatusPatch {
    /// The status asked for.
    pub status: Option<Status>,
    /// The flag asked for.
    pub active: Option<bool>,
}

impl StatusPatch {
    /// The status that follows. The flag alone moves the status only if the flag would change;
    /// both together must agree.
    pub fn resolve(self, current: Status) -> Result<Status, Vec<Violation>> {
        match (self.status, self.active) {
            (None, None) => Ok(current),
            (Some(status), None) => Ok(status),
            (None, Some(active)) if active == current.is_active() => Ok(current),
            (None, Some(true)) => Ok(Status::Active),
            (None, Some(false)) => Ok(Status::Inactive),
            (Some(status), Some(active)) if status.is_active() == active => Ok(status),
            (Some(status), Some(active)) => {
                let message = format!(
                    "status {} and active {active} contradict each other: active is true for \
                     active and trial, false for the others",
                    status.as_str()
                );
                let violation = Violation::new("contradiction", message);
                Err(vec![violation.clone().below("/status"), violation.below("/active")])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_alone_moves_only_across_the_line() {
        for current in Status::ALL {
            for active in [true, false] {
                let next = StatusPatch { status: None, active: Some(active) }.resolve(current);
                let next = next.expect("the flag alone never contradicts");
                assert_eq!(next.is_active(), active);
                if active == current.is_active() {
                    assert_eq!(next, current);
                }
            }
        }
    }

    #[test]
    fn both_must_agree() {
        for status in Status::ALL {
            for active in [true, false] {
                let patch = StatusPatch { status: Some(status), active: Some(active) };
                let resolved = patch.resolve(Status::Pending);
                assert_eq!(resolved.is_ok(), status.is_active() == active);
                if let Err(violations) = resolved {
                    let paths: Vec<_> = violations.iter().map(|v| v.path.as_str()).collect();
                    assert_eq!(paths, ["/status", "/active"]);
                }
            }
        }
    }
}
