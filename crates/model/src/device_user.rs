//! Users seen on devices: the third tier of collection control.

use crate::id::{ClientId, DepartmentId, DeviceUserId, TenantId};
use crate::patch::Parse;
use crate::text::Label;
use crate::time::Timestamp;
use crate::violation::Violation;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// What a device knows a user by: 1 to 255 characters.
pub type UserKey = Label<255>;

/// A login name: 1 to 255 characters.
pub type Username = Label<255>;

/// The most users that a device may have who are not deleted. Who comes beyond that is not collected
/// until there is room.
pub const MAX_USERS_OF_DEVICE: u16 = 1_000;

/// The most departments that one user may be in.
pub const MAX_DEPARTMENTS: usize = 100;

/// The user tier of collection control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// Collected as the client and the device say; the default.
    Active,
    /// Nothing of this user's sessions is collected.
    Archived,
    /// The same, for good: if the person is seen again, a new user starts.
    Deleted,
}

/// A change of status that the state machine refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Cannot transition from deleted to another user status")]
pub struct UserTransitionError {
    /// Whose.
    pub user_id: DeviceUserId,
    /// The status the user has.
    pub current: UserStatus,
    /// The status that was asked for.
    pub requested: UserStatus,
}

impl UserStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Active, Self::Archived, Self::Deleted];

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Whether it may become `to`: the first two move freely, nothing leaves `deleted`.
    pub fn may_become(self, to: Self) -> bool {
        self != Self::Deleted || to == Self::Deleted
    }
}

impl Parse for UserStatus {
    fn parse(value: &Value) -> Result<Self, Violation> {
        value
            .as_str()
            .and_then(Self::from_name)
            .ok_or_else(|| Violation::not_one_of(&Self::ALL.map(Self::as_str)))
    }
}

/// A user seen on devices of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceUser {
    /// Its id.
    pub id: DeviceUserId,
    /// Its client's tenant.
    pub tenant_id: TenantId,
    /// Its client.
    pub client_id: ClientId,
    /// What devices know the user by: one of the client's users that are not deleted has it.
    pub user_key: UserKey,
    /// The login name, as it was last seen.
    pub username: Username,
    /// The third tier of collection control.
    pub status: UserStatus,
    /// When the user was last active in an application.
    pub desktop_at: Option<Timestamp>,
    /// When the user last visited a site.
    pub web_at: Option<Timestamp>,
    /// Counts accepted changes of the record, from 1.
    pub version: i64,
    /// When the user was first seen.
    pub created_at: Timestamp,
    /// When the record last changed; what agents tell is no change of it.
    pub updated_at: Timestamp,
}

/// What a request wants of a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceUserPatch {
    /// This status.
    pub status: Option<UserStatus>,
    /// These departments, and no others.
    pub departments: Option<BTreeSet<DepartmentId>>,
}

impl DeviceUser {
    /// When the user was last active at all.
    pub fn active_at(&self) -> Option<Timestamp> {
        self.desktop_at.max(self.web_at)
    }

    /// Whether the status may become `to`.
    pub fn may_become(&self, to: UserStatus) -> Result<(), UserTransitionError> {
        if self.status.may_become(to) {
            return Ok(());
        }
        Err(UserTransitionError { user_id: self.id, current: self.status, requested: to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_deleted() {
        for from in UserStatus::ALL {
            for to in UserStatus::ALL {
                let refused = from == UserStatus::Deleted && to != UserStatus::Deleted;
                assert_eq!(from.may_become(to), !refused, "{from:?} {to:?}");
            }
        }
    }
}
