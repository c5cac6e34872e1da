//! What agents tell of their device.

use super::{nested, whole};
use crate::shared::fields::item;
use clientbook_model::device::{DeviceFacts, Extension, Extensions, Hardware, UniqueKey};
use clientbook_model::violation::Violation;
use serde_json::Value;

pub(in crate::organizations) const DEVICE: &[&str] = &[
    "name",
    "serial_number",
    "unique_key",
    "os_name",
    "os_version",
    "agent_version",
    "hardware",
    "extensions",
];
pub(in crate::organizations) const HARDWARE: &[&str] =
    &["manufacturer", "model", "cpu_model", "cpu_cores", "ram"];
pub(in crate::organizations) const EXTENSIONS: &[&str] = &["chrome", "edge", "firefox"];
pub(in crate::organizations) const EXTENSION: &[&str] =
    &["version", "installed", "auto_update", "last_activity_at"];

/// The device at `at`: its key, and what it is.
pub(super) fn device(value: &Value, at: &str) -> Result<(UniqueKey, DeviceFacts), Vec<Violation>> {
    let mut fields = item(value, at, DEVICE)?;
    let (unique_key, name) = (fields.required("unique_key"), fields.required("name"));
    let serial_number = fields.optional("serial_number");
    let (os_name, os_version) = (fields.required("os_name"), fields.required("os_version"));
    let agent_version = fields.required("agent_version");
    let hardware = nested(&mut fields, (at, "hardware"), hardware).unwrap_or_default();
    let extensions = nested(&mut fields, (at, "extensions"), extensions).unwrap_or_default();
    let read = (|| {
        let facts = DeviceFacts {
            name: name?,
            serial_number,
            os_name: os_name?,
            os_version: os_version?,
            agent_version: agent_version?,
            hardware,
            extensions,
        };
        Some((unique_key?, facts))
    })();
    whole(fields, read)
}

fn hardware(value: &Value, at: &str) -> Result<Hardware, Vec<Violation>> {
    let mut fields = item(value, at, HARDWARE)?;
    let read = Hardware {
        manufacturer: fields.optional("manufacturer"),
        model: fields.optional("model"),
        cpu_model: fields.optional("cpu_model"),
        cpu_cores: fields.optional("cpu_cores"),
        ram: fields.optional("ram"),
    };
    whole(fields, Some(read))
}

fn extensions(value: &Value, at: &str) -> Result<Extensions, Vec<Violation>> {
    let mut fields = item(value, at, EXTENSIONS)?;
    let read = Extensions {
        chrome: nested(&mut fields, (at, "chrome"), extension),
        edge: nested(&mut fields, (at, "edge"), extension),
        firefox: nested(&mut fields, (at, "firefox"), extension),
    };
    whole(fields, Some(read))
}

fn extension(value: &Value, at: &str) -> Result<Extension, Vec<Violation>> {
    let mut fields = item(value, at, EXTENSION)?;
    let (version, installed) = (fields.optional("version"), fields.required("installed"));
    let auto_update = fields.optional("auto_update");
    let last_activity_at = fields.optional("last_activity_at");
    let read =
        installed.map(|installed| Extension { version, installed, auto_update, last_activity_at });
    whole(fields, read)
}
