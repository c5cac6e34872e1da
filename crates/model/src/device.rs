//! Devices of a client: what they are, and the second tier of collection control.

use crate::client::FieldChange;
use crate::collection::CollectionMode;
use crate::id::{ClientId, DeviceId, EnrollmentTokenId, TenantId};
use crate::number::Int;
use crate::patch::Parse;
use crate::text::{Label, Text};
use crate::time::Timestamp;
use crate::violation::Violation;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What tells a device from all others of its client: 1 to 255 characters.
pub type UniqueKey = Label<255>;

/// A text of a device: 1 to 255 characters.
pub type DeviceText = Label<255>;

/// A version of an agent or of a browser extension: 1 to 50 characters.
pub type Version = Label<50>;

/// Logical cores: 1 to 65,536.
pub type Cores = Int<1, 65_536>;

/// Bytes of memory: what JSON can hold, up to 2^53 - 1.
pub type Memory = Int<0, { (1 << 53) - 1 }>;

/// How long a device counts as active after it was last seen: 15 minutes. An idle agent checks in
/// at least every 5, and what is gathered in memory is written within seconds.
pub const ACTIVE_FOR_MILLIS: i64 = 15 * 60 * 1_000;

/// The device tier of collection control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectionState {
    /// As the client's mode says; the default.
    Enabled,
    /// Nothing is collected.
    Disabled,
    /// The agent uninstalls itself. Final.
    Deleted,
}

/// A change of state that the state machine refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Cannot transition from deleted to another collection state")]
pub struct StateTransitionError {
    /// Whose.
    pub device_id: DeviceId,
    /// The state the device has.
    pub current: CollectionState,
    /// The state that was asked for.
    pub requested: CollectionState,
}

impl CollectionState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Enabled, Self::Disabled, Self::Deleted];

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether it may become `to`: the first two move freely, nothing leaves `deleted`.
    pub fn may_become(self, to: Self) -> bool {
        self != Self::Deleted || to == Self::Deleted
    }
}

impl Parse for CollectionState {
    fn parse(value: &Value) -> Result<Self, Violation> {
        value
            .as_str()
            .and_then(Self::from_name)
            .ok_or_else(|| Violation::not_one_of(&Self::ALL.map(Self::as_str)))
    }
}

/// What is collected on a device in this state of a client in this mode: whichever says less.
pub fn effective_mode(mode: CollectionMode, state: CollectionState) -> CollectionMode {
    match (mode, state) {
        (CollectionMode::Disabled | CollectionMode::Deleted, _) | (_, CollectionState::Enabled) => {
            mode
        }
        (_, CollectionState::Disabled) => CollectionMode::Disabled,
        (_, CollectionState::Deleted) => CollectionMode::Deleted,
    }
}

/// Whether the agent is to remove itself: one tier says `deleted`, whatever the other says.
pub fn must_uninstall(mode: CollectionMode, state: CollectionState) -> bool {
    mode == CollectionMode::Deleted || state == CollectionState::Deleted
}

/// Whether a device's agent is heard of. Derived, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceStatus {
    /// Its heartbeats arrive.
    Active,
    /// None has lately.
    Inactive,
    /// It has joined, and not been heard of since.
    Pending,
}

impl DeviceStatus {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Active, Self::Inactive, Self::Pending];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Pending => "pending",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Of a device that was last seen then.
    pub fn of(last_seen_at: Option<Timestamp>, now: Timestamp) -> Self {
        match last_seen_at {
            None => Self::Pending,
            Some(seen) if seen >= Self::active_since(now) => Self::Active,
            Some(_) => Self::Inactive,
        }
    }

    /// Who was seen since then is active at `now`.
    pub fn active_since(now: Timestamp) -> Timestamp {
        Timestamp::clamped(now.millis().saturating_sub(ACTIVE_FOR_MILLIS))
    }
}

impl Parse for DeviceStatus {
    fn parse(value: &Value) -> Result<Self, Violation> {
        value
            .as_str()
            .and_then(Self::from_name)
            .ok_or_else(|| Violation::not_one_of(&Self::ALL.map(Self::as_str)))
    }
}

/// The parts of a device, as far as its agent could find them out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardware {
    /// Who made it.
    pub manufacturer: Option<DeviceText>,
    /// Which model.
    pub model: Option<DeviceText>,
    /// Which processor.
    pub cpu_model: Option<DeviceText>,
    /// Logical cores.
    pub cpu_cores: Option<Cores>,
    /// Bytes of memory.
    pub ram: Option<Memory>,
}

/// The browser extension, by browser; none for a browser that is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extensions {
    /// In Chrome or Chromium.
    pub chrome: Option<Extension>,
    /// In Edge.
    pub edge: Option<Extension>,
    /// In Firefox.
    pub firefox: Option<Extension>,
}

/// The browser extension in one browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Its version.
    pub version: Option<Version>,
    /// Whether it is there.
    pub installed: bool,
    /// Whether the browser updates it.
    pub auto_update: Option<bool>,
    /// When it was last active.
    pub last_activity_at: Option<Timestamp>,
}

/// What keeps an agent from its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentError {
    /// Which kind.
    pub code: ErrorCode,
    /// For people: at most 500 characters.
    pub message: Text<500>,
}

/// A kind of deployment error: 1 to 64 of `a-z0-9_`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorCode(String);

impl ErrorCode {
    /// Checks the characters.
    pub fn new(text: &str) -> Result<Self, Violation> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if text.is_empty() || text.len() > 64 || !text.chars().all(plain) {
            return Err(Violation::new("pattern", "must be 1 to 64 of a-z, 0-9 and _"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Parse for ErrorCode {
    fn parse(value: &Value) -> Result<Self, Violation> {
        Self::new(value.as_str().ok_or_else(|| Violation::not_a("a string"))?)
    }
}

/// What an agent tells of its device. No change of it is one of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceFacts {
    /// Its host name.
    pub name: DeviceText,
    /// The manufacturer's serial number.
    pub serial_number: Option<DeviceText>,
    /// Such as `Debian GNU/Linux`.
    pub os_name: DeviceText,
    /// Such as `12`.
    pub os_version: DeviceText,
    /// The agent's version.
    pub agent_version: Version,
    /// Its parts.
    pub hardware: Hardware,
    /// The browser extension.
    pub extensions: Extensions,
}

/// A device of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Its client's tenant.
    pub tenant_id: TenantId,
    /// Its client.
    pub client_id: ClientId,
    /// What tells it from all others of the client that are not deleted.
    pub unique_key: UniqueKey,
    /// What its agent has told of it.
    pub facts: DeviceFacts,
    /// What keeps its agent from its work.
    pub deployment_errors: Vec<DeploymentError>,
    /// The second tier of collection control.
    pub collection_state: CollectionState,
    /// Whether its agent sends its own log.
    pub log_shipping_enabled: bool,
    /// The token that it last joined with.
    pub enrolled_with: Option<EnrollmentTokenId>,
    /// When its agent was installed.
    pub installed_at: Timestamp,
    /// When its agent was last heard of.
    pub last_seen_at: Option<Timestamp>,
    /// When its agent said its last word.
    pub uninstalled_at: Option<Timestamp>,
    /// Counts accepted changes of the record, from 1.
    pub version: i64,
    /// When it joined.
    pub created_at: Timestamp,
    /// When the record last changed; what agents tell is no change of it.
    pub updated_at: Timestamp,
}

/// What a request wants of a device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DevicePatch {
    /// This state.
    pub collection_state: Option<CollectionState>,
    /// Its agent's log, or not.
    pub log_shipping_enabled: Option<bool>,
}

impl Device {
    /// The device after `patch` and what changed; an empty list means that nothing did. Version and
    /// time are the caller's to set.
    pub fn apply(
        &self,
        patch: DevicePatch,
    ) -> Result<(Self, Vec<FieldChange>), StateTransitionError> {
        let mut next = self.clone();
        next.collection_state = patch.collection_state.unwrap_or(self.collection_state);
        next.log_shipping_enabled = patch.log_shipping_enabled.unwrap_or(self.log_shipping_enabled);
        if !self.collection_state.may_become(next.collection_state) {
            return Err(StateTransitionError {
                device_id: self.id,
                current: self.collection_state,
                requested: next.collection_state,
            });
        }
        let changes = self.differences(&next);
        Ok((next, changes))
    }

    /// What of it the audit trail follows, by the names there: what is null has no value.
    pub fn facts(&self) -> [(&'static str, Value); 6] {
        [
            ("unique_key", json!(self.unique_key)),
            ("collection_state", json!(self.collection_state)),
            ("log_shipping_enabled", json!(self.log_shipping_enabled)),
            ("enrolled_with", json!(self.enrolled_with)),
            ("installed_at", json!(self.installed_at)),
            ("uninstalled_at", json!(self.uninstalled_at)),
        ]
    }

    /// What the entry of its making says.
    pub fn first_changes(&self) -> Vec<FieldChange> {
        let set = self.facts().into_iter().filter(|(_, after)| !after.is_null());
        set.map(|(field, after)| FieldChange { field: field.into(), before: Value::Null, after })
            .collect()
    }

    /// What differs in `next`, of what the audit trail follows.
    pub fn differences(&self, next: &Self) -> Vec<FieldChange> {
        let pairs = self.facts().into_iter().zip(next.facts());
        let changed = pairs.filter(|((_, before), (_, after))| before != after);
        changed
            .map(|((field, before), (_, after))| FieldChange { field: field.into(), before, after })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_deleted() {
        for from in CollectionState::ALL {
            for to in CollectionState::ALL {
                let refused = from == CollectionState::Deleted && to != CollectionState::Deleted;
                assert_eq!(from.may_become(to), !refused, "{from:?} {to:?}");
            }
        }
    }

    #[test]
    fn the_tier_that_says_less_counts() {
        use CollectionMode as Mode;
        use CollectionState as State;
        for mode in Mode::ALL {
            assert_eq!(effective_mode(mode, State::Enabled), mode);
        }
        for mode in [Mode::Discovery, Mode::SaasUsage] {
            assert_eq!(effective_mode(mode, State::Disabled), Mode::Disabled);
            assert_eq!(effective_mode(mode, State::Deleted), Mode::Deleted);
        }
        for state in State::ALL {
            assert_eq!(effective_mode(Mode::Disabled, state), Mode::Disabled);
            assert_eq!(effective_mode(Mode::Deleted, state), Mode::Deleted);
            assert!(must_uninstall(Mode::Deleted, state));
        }
        assert!(must_uninstall(Mode::Disabled, State::Deleted));
        assert!(!must_uninstall(Mode::Disabled, State::Disabled));
    }

    #[test]
    fn who_was_seen_lately_is_active() {
        let now = Timestamp::clamped(ACTIVE_FOR_MILLIS);
        let seen = |millis| Some(Timestamp::clamped(millis));
        assert_eq!(DeviceStatus::of(None, now), DeviceStatus::Pending);
        assert_eq!(DeviceStatus::of(seen(0), now), DeviceStatus::Active);
        assert_eq!(DeviceStatus::of(seen(-1), now), DeviceStatus::Inactive);
    }

    #[test]
    fn a_code_has_plain_characters() {
        assert!(ErrorCode::new("software_source_unreadable").is_ok());
        for wrong in ["", "A", "a b", "ä", &"a".repeat(65)] {
            assert!(ErrorCode::new(wrong).is_err(), "{wrong}");
        }
    }
}
