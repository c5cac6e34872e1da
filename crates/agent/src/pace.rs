//! How often to do what.

use crate::server::Refusal;
use clientbook_agent_protocol::pace::{Failed, Pauses};
use std::time::Duration;

pub(crate) use clientbook_agent_protocol::pace::Contacts;

/// How often to do what, in the agent's ordinary life.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    /// How long a check-in may be held.
    pub(crate) wait: Duration,
    /// The first pause when the server is away; it doubles with each try.
    pub(crate) retry: Duration,
    /// When the client is suspended.
    pub(crate) inactive: Duration,
    /// When the server does not know the token.
    pub(crate) unknown: Duration,
    /// Between looks at the processes.
    pub(crate) sample: Duration,
    /// That one record of usage covers.
    pub(crate) window: Duration,
    /// Between looks at the histories.
    pub(crate) scan: Duration,
    /// Between looks at what is installed.
    pub(crate) inventory: Duration,
    /// How long something may be sent before the agent listens for a new directive meanwhile.
    pub(crate) alone: Duration,
}

impl Pace {
    /// How long to pause when a check-in has failed.
    pub(crate) fn pauses(&self) -> Pauses {
        Pauses { retry: self.retry, inactive: self.inactive, unknown: self.unknown }
    }
}

impl Refusal {
    /// What it means for the next check-in.
    pub(crate) fn failed(&self) -> Failed {
        match self {
            Self::Away { retry_after, .. } => Failed::Away { retry_after: *retry_after },
            Self::ClientInactive => Failed::ClientInactive,
            Self::Unauthenticated => Failed::Unauthenticated,
            Self::NotPermitted { .. } => Failed::NotPermitted,
            Self::Invalid(_) => Failed::Invalid,
        }
    }
}
