//! What a device is and what is installed on it.

use serde::{Deserialize, Serialize};

/// A device's inventory. A part that is given replaces that part whole.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Inventory {
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
    /// What is installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software: Option<Vec<Software>>,
}

/// What a device is. Texts have 1 to 255 characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its host name.
    pub name: String,
    /// The manufacturer's serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// What tells it from all other devices of the client, the same for as long as its system is
    /// installed; an inventory may not change it.
    pub unique_key: String,
    /// Such as `Debian GNU/Linux`.
    pub os_name: String,
    /// Such as `12`.
    pub os_version: String,
    /// The agent's version: 1 to 50 characters.
    pub agent_version: String,
    /// Its parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hardware: Option<Hardware>,
    /// The browser extension, by browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Extensions>,
}

/// The parts of a device; what could not be found out is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardware {
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    /// Which model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Which processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_model: Option<String>,
    /// Logical cores: 1 to 65,536.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_cores: Option<u32>,
    /// Bytes of memory, up to 2^53 - 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ram: Option<u64>,
}

/// The browser extension, by browser; a browser that is not there is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extensions {
    /// In Chrome or Chromium.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chrome: Option<Extension>,
    /// In Edge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edge: Option<Extension>,
    /// In Firefox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firefox: Option<Extension>,
}

/// The browser extension in one browser.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Its version: 1 to 50 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether it is there.
    pub installed: bool,
    /// Whether the browser updates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_update: Option<bool>,
    /// When it was last active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity_at: Option<String>,
}

/// A piece of installed software.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Software {
    /// Its name: 1 to 255 characters.
    pub name: String,
    /// Its version: 1 to 255 characters.
    pub version: String,
    /// Who made it: 1 to 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// Where it came from, such as `dpkg`, `rpm`, `flatpak` or `snap`: 1 to 50 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// When it was installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installed_at: Option<String>,
}
