//! What the three tiers of collection control refuse: client, device, and user on a device.

use crate::collection::TransitionError;
use crate::device::StateTransitionError;
use crate::device_user::UserTransitionError;

/// A change that a state machine refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// Of a client's mode.
    #[error(transparent)]
    Mode(#[from] TransitionError),
    /// Of a device's state.
    #[error(transparent)]
    State(#[from] StateTransitionError),
    /// Of a user's status.
    #[error(transparent)]
    User(#[from] UserTransitionError),
    /// Of anything below a client whose mode is `deleted`.
    #[error("The client's collection mode is deleted: its devices and users stay as they are")]
    ClientDeleted,
}
