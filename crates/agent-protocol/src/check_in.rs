//! The heartbeat, and what the server answers: what may be collected.

use serde::{Deserialize, Serialize};

/// A heartbeat.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CheckIn {
    /// The agent's version: 1 to 50 characters.
    pub agent_version: String,
    /// The newest [`Config::config_version`] that the agent obeys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_version: Option<String>,
    /// The users with sessions. Only while [`Collect::AppUsage`] or [`Collect::WebUsage`] is
    /// collected: who sits at a device is no device fact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<SeenUser>>,
    /// What keeps the agent from its work; replaces what was told before. Only while something is
    /// collected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_errors: Option<Vec<DeploymentError>>,
    /// How long the server may hold its answer until the configuration is another than
    /// `config_version`: 0 to 60.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u8>,
}

/// A user with a session on the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenUser {
    /// What the device knows the user by, the same at every start: 1 to 255 characters.
    pub user_key: String,
    /// The login name: 1 to 255 characters.
    pub username: String,
}

/// What keeps an agent from its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentError {
    /// Which kind, such as `software_source_unreadable`: 1 to 64 of `a-z0-9_`.
    pub code: String,
    /// For people: at most 500 characters, without what was collected.
    pub message: String,
}

/// What an agent is to do from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Another text when anything else of this answer but `next_check_in_seconds` is another.
    pub config_version: String,
    /// `discovery`, `saas_usage`, `disabled` or `deleted`.
    pub effective_mode: String,
    /// What to do.
    pub directive: Directive,
    /// What to collect; empty unless the directive is `collect`.
    pub collect: Vec<Collect>,
    /// Whose usage to collect. Who is not named here is not collected.
    pub users: Vec<UserConfig>,
    /// Whether the agent's own log is wanted.
    pub log_shipping_enabled: bool,
    /// When to check in again, without regard to `wait_seconds`.
    pub next_check_in_seconds: u32,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Directive {
    /// Collect what is listed.
    Collect,
    /// Collect nothing, throw away what was gathered, and check in.
    Idle,
    /// Remove everything and say [`uninstalled`](crate::path::UNINSTALLED). Final.
    Uninstall,
    /// A word of a newer server. Collect nothing, and check in.
    #[serde(other)]
    Unknown,
}

/// A kind of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collect {
    /// What the device is.
    Device,
    /// What is installed on it.
    Software,
    /// Which applications its users use.
    AppUsage,
    /// Which domains its users visit.
    WebUsage,
    /// A word of a newer server. It is not collected.
    #[serde(other)]
    Unknown,
}

/// Whether a user's usage is collected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserConfig {
    /// Which user.
    pub user_key: String,
    /// Whether.
    pub collect: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_understands_a_newer_server() {
        let config = r#"{"config_version": "1", "effective_mode": "dreaming", "directive": "dream",
            "collect": ["device", "dreams"], "users": [], "log_shipping_enabled": false,
            "next_check_in_seconds": 60, "a_new_field": {}}"#;
        let config: Config = serde_json::from_str(config).unwrap();
        assert_eq!(config.directive, Directive::Unknown);
        assert_eq!(config.collect, [Collect::Device, Collect::Unknown]);
        // As it is kept from one start to the next.
        let kept = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&kept).unwrap(), config);
    }
}
