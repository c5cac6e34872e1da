//! What a device's agent is told to do, and what it may send: the three tiers of collection control
//! as the agent sees them.

use crate::collection::CollectionMode;
use crate::device::{CollectionState, effective_mode, must_uninstall};
use crate::device_user::UserStatus;
use crate::id::hex;
use crate::status::Status;
use sha2::{Digest as _, Sha256};

/// What every device token starts with; 43 characters from the system's random source follow.
pub const TOKEN_PREFIX: &str = "cbd_";

/// How long an agent that does not wait lets go by between two check-ins, in seconds.
const CHECK_IN_SECONDS: u32 = 60;

/// The same, while nothing is collected.
const IDLE_SECONDS: u32 = 300;

/// What an agent is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Directive {
    /// Collect what is listed.
    Collect,
    /// Collect nothing, throw away what was gathered, and check in.
    Idle,
    /// Remove everything. Final.
    Uninstall,
}

impl Directive {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Collect, Self::Idle, Self::Uninstall];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Collect => "collect",
            Self::Idle => "idle",
            Self::Uninstall => "uninstall",
        }
    }
}

/// A kind of data that an agent collects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Collected {
    /// What the device is.
    Device,
    /// What is installed on it.
    Software,
    /// Which applications its users use.
    AppUsage,
    /// Which domains its users visit.
    WebUsage,
}

impl Collected {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Device, Self::Software, Self::AppUsage, Self::WebUsage];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Software => "software",
            Self::AppUsage => "app_usage",
            Self::WebUsage => "web_usage",
        }
    }
}

/// What an agent sent and may not have: what refusals are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Payload {
    /// Who sits at the device.
    Users,
    /// What keeps the agent from its work.
    DeploymentErrors,
    /// What the device is.
    Device,
    /// What is installed on it.
    Software,
    /// Which applications its users use.
    AppUsage,
    /// Which domains its users visit.
    WebUsage,
    /// The agent's own log.
    Logs,
}

impl Payload {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Users,
        Self::DeploymentErrors,
        Self::Device,
        Self::Software,
        Self::AppUsage,
        Self::WebUsage,
        Self::Logs,
    ];

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::DeploymentErrors => "deployment_errors",
            Self::Device => "device",
            Self::Software => "software",
            Self::AppUsage => "app_usage",
            Self::WebUsage => "web_usage",
            Self::Logs => "logs",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|payload| payload.as_str() == name)
    }
}

/// The tiers above the users, as they stand for one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiers {
    /// The client's status.
    pub status: Status,
    /// The client's mode.
    pub mode: CollectionMode,
    /// The device's state.
    pub state: CollectionState,
    /// Whether somebody wants the agent's own log.
    pub log_shipping_enabled: bool,
}

impl Tiers {
    /// Of a device whose client was erased: it was in the mode `deleted`.
    pub const ERASED: Self = Self {
        status: Status::Terminated,
        mode: CollectionMode::Deleted,
        state: CollectionState::Deleted,
        log_shipping_enabled: false,
    };

    /// What is collected on the device.
    pub fn effective_mode(&self) -> CollectionMode {
        effective_mode(self.mode, self.state)
    }

    /// What the agent is to do.
    pub fn directive(&self) -> Directive {
        if must_uninstall(self.mode, self.state) {
            return Directive::Uninstall;
        }
        match self.effective_mode() {
            CollectionMode::Discovery | CollectionMode::SaasUsage => Directive::Collect,
            CollectionMode::Disabled | CollectionMode::Deleted => Directive::Idle,
        }
    }

    /// Whether the device's token opens nothing: its client is inactive, and the agent is not to
    /// remove itself.
    pub fn is_suspended(&self) -> bool {
        !self.status.is_active() && self.directive() != Directive::Uninstall
    }

    /// What may be collected.
    pub fn collect(&self) -> &'static [Collected] {
        match (self.directive(), self.effective_mode()) {
            (Directive::Collect, CollectionMode::SaasUsage) => &Collected::ALL,
            (Directive::Collect, _) => &[Collected::Device, Collected::Software],
            (Directive::Idle | Directive::Uninstall, _) => &[],
        }
    }

    /// Whether `payload` may be sent.
    pub fn permit(&self, payload: Payload) -> bool {
        let collects = |kind| self.collect().contains(&kind);
        match payload {
            Payload::Users => collects(Collected::AppUsage) || collects(Collected::WebUsage),
            Payload::DeploymentErrors => self.directive() == Directive::Collect,
            Payload::Device => collects(Collected::Device),
            Payload::Software => collects(Collected::Software),
            Payload::AppUsage => collects(Collected::AppUsage),
            Payload::WebUsage => collects(Collected::WebUsage),
            Payload::Logs => self.log_shipping_enabled && self.directive() == Directive::Collect,
        }
    }

    /// What the agent of a device with these users is told; users are in the order of their keys.
    pub fn config<'u>(&self, users: impl Iterator<Item = (&'u str, UserStatus)>) -> AgentConfig {
        let directive = self.directive();
        let is_named = self.permit(Payload::Users);
        let users = users.filter(|(_, status)| is_named && *status != UserStatus::Deleted);
        let user = |(key, status): (&str, _)| UserConfig {
            user_key: key.to_owned(),
            collect: status == UserStatus::Active,
        };
        AgentConfig {
            effective_mode: self.effective_mode(),
            directive,
            collect: self.collect(),
            users: users.map(user).collect(),
            log_shipping_enabled: self.permit(Payload::Logs),
            next_check_in_seconds: match directive {
                Directive::Collect | Directive::Uninstall => CHECK_IN_SECONDS,
                Directive::Idle => IDLE_SECONDS,
            },
        }
    }
}

/// What an agent is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentConfig {
    /// What is collected on the device.
    pub effective_mode: CollectionMode,
    /// What to do.
    pub directive: Directive,
    /// What to collect.
    pub collect: &'static [Collected],
    /// Whose usage; who is not named is not collected.
    pub users: Vec<UserConfig>,
    /// Whether the agent's own log is wanted.
    pub log_shipping_enabled: bool,
    /// When to check in again.
    pub next_check_in_seconds: u32,
}

/// Whether a user's usage is collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserConfig {
    /// What the device knows the user by.
    pub user_key: String,
    /// Whether.
    pub collect: bool,
}

impl AgentConfig {
    /// The same for the same configuration, and another for another: 16 hex digits.
    pub fn version(&self) -> String {
        // Each part is of a fixed list, or comes with its length: no two configurations read alike.
        let mut hasher = Sha256::new();
        let flag = |set: bool| [u8::from(set)];
        hasher.update(self.effective_mode.as_str());
        hasher.update(b" ");
        hasher.update(self.directive.as_str());
        for kind in self.collect {
            hasher.update(b" ");
            hasher.update(kind.as_str());
        }
        hasher.update(flag(self.log_shipping_enabled));
        for user in &self.users {
            hasher.update((user.user_key.len() as u64).to_be_bytes());
            hasher.update(&user.user_key);
            hasher.update(flag(user.collect));
        }
        hex(&hasher.finalize()[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = Tiers> {
        let of = |status| CollectionMode::ALL.into_iter().map(move |mode| (status, mode));
        Status::ALL.into_iter().flat_map(of).flat_map(|(status, mode)| {
            CollectionState::ALL.into_iter().flat_map(move |state| {
                [false, true].map(|log_shipping_enabled| Tiers {
                    status,
                    mode,
                    state,
                    log_shipping_enabled,
                })
            })
        })
    }

    #[test]
    fn nothing_is_taken_where_nothing_is_collected() {
        for tiers in all() {
            let collects = tiers.directive() == Directive::Collect;
            assert_eq!(tiers.collect().is_empty(), !collects, "{tiers:?}");
            if !collects {
                assert!(Payload::ALL.iter().all(|one| !tiers.permit(*one)), "{tiers:?}");
            }
        }
    }

    #[test]
    fn discovery_has_no_usage_and_nobody_who_uses() {
        for tiers in all().filter(|tiers| tiers.effective_mode() == CollectionMode::Discovery) {
            for payload in [Payload::Users, Payload::AppUsage, Payload::WebUsage] {
                assert!(!tiers.permit(payload), "{tiers:?}");
            }
            assert!(tiers.permit(Payload::Software) && tiers.permit(Payload::Device));
            let users = [("bob", UserStatus::Active)];
            assert!(tiers.config(users.into_iter()).users.is_empty());
        }
    }

    #[test]
    fn who_must_go_hears_it_though_its_client_is_inactive() {
        for tiers in all() {
            let goes =
                tiers.mode == CollectionMode::Deleted || tiers.state == CollectionState::Deleted;
            assert_eq!(tiers.directive() == Directive::Uninstall, goes, "{tiers:?}");
            assert_eq!(tiers.is_suspended(), !goes && !tiers.status.is_active(), "{tiers:?}");
        }
        assert_eq!(Tiers::ERASED.directive(), Directive::Uninstall);
    }

    #[test]
    fn another_configuration_has_another_version() {
        let tiers = Tiers {
            status: Status::Active,
            mode: CollectionMode::SaasUsage,
            state: CollectionState::Enabled,
            log_shipping_enabled: false,
        };
        let users = |users: &[(&str, UserStatus)]| tiers.config(users.iter().copied()).version();
        let (active, archived) = (UserStatus::Active, UserStatus::Archived);
        let versions = [
            users(&[]),
            users(&[("ab", active)]),
            users(&[("ab", archived)]),
            users(&[("a", active), ("b", active)]),
            users(&[("a", active)]),
            Tiers { log_shipping_enabled: true, ..tiers }.config([].into_iter()).version(),
            Tiers { mode: CollectionMode::Discovery, ..tiers }.config([].into_iter()).version(),
            Tiers { mode: CollectionMode::Disabled, ..tiers }.config([].into_iter()).version(),
            Tiers { state: CollectionState::Deleted, ..tiers }.config([].into_iter()).version(),
        ];
        let different: std::collections::BTreeSet<_> = versions.iter().collect();
        assert_eq!(different.len(), versions.len());
        assert!(versions.iter().all(|version| version.len() == 16));
        assert_eq!(users(&[("ab", active)]), users(&[("ab", active), ("c", UserStatus::Deleted)]));
    }
}
