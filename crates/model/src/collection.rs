//! Collection control: what agents on a client's devices may collect.

use crate::patch::Parse;
use crate::violation::Violation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The client tier of collection control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectionMode {
    /// Device facts and installed software only.
    Discovery,
    /// Everything; the default.
    SaasUsage,
    /// Nothing; agents only ask whether that has changed.
    Disabled,
    /// Agents uninstall themselves. Final.
    Deleted,
}

/// A change of mode that the state machine refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Cannot transition from deleted to another collection mode")]
pub struct TransitionError {
    /// The mode the client has.
    pub current: CollectionMode,
    /// The mode that was asked for.
    pub requested: CollectionMode,
}

impl CollectionMode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Discovery, Self::SaasUsage, Self::Disabled, Self::Deleted];

    /// The name on every surface and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::SaasUsage => "saas_usage",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }

    /// The mode after asking for `to`: the first three move freely, nothing leaves `deleted`.
    pub fn transition(self, to: Self) -> Result<Self, TransitionError> {
        match (self, to) {
            (Self::Deleted, Self::Deleted) => Ok(Self::Deleted),
            (Self::Deleted, _) => Err(TransitionError { current: self, requested: to }),
            _ => Ok(to),
        }
    }
}

impl Parse for CollectionMode {
    fn parse(value: &Value) -> Result<Self, Violation> {
        value
            .as_str()
            .and_then(Self::from_name)
            .ok_or_else(|| Violation::not_one_of(&Self::ALL.map(Self::as_str)))
    }
}

#[cfg(test)]
mod tests {
    use super::CollectionMode;
    use proptest::prelude::*;

    fn mode() -> impl Strategy<Value = CollectionMode> {
        proptest::sample::select(CollectionMode::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn nothing_leaves_deleted(wishes in proptest::collection::vec(mode(), 0..20)) {
            let mut current = CollectionMode::SaasUsage;
            let mut was_deleted = false;
            for wish in wishes {
                match current.transition(wish) {
                    Ok(next) => { prop_assert_eq!(next, wish); current = next; }
                    Err(refused) => {
                        prop_assert!(was_deleted && wish != CollectionMode::Deleted);
                        prop_assert_eq!(refused.requested, wish);
                    }
                }
                was_deleted |= current == CollectionMode::Deleted;
                prop_assert!(!was_deleted || current == CollectionMode::Deleted);
            }
        }
    }
}
