//! What the device is: its firmware's tables, the system's own description, the kernel's.

use super::{extensions, text};
use crate::env;
use crate::files;
use crate::places::Places;
use crate::state::ExtensionIds;
use clientbook_agent_protocol::{Device, Hardware};
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;

/// What manufacturers leave in their tables when they have nothing to say.
const FILLERS: &[&str] = &[
    "to be filled by o.e.m.",
    "to be filled by o.e.m",
    "default string",
    "system product name",
    "system manufacturer",
    "system serial number",
    "system version",
    "not specified",
    "not applicable",
    "none",
    "n/a",
    "na",
    "empty",
    "o.e.m.",
    "oem",
    "invalid",
    "unknown",
    "0",
    "123456789",
    "0123456789",
];

/// The same in many devices: they tell none from another.
const SHARED_IDS: &[&str] = &["03000200-0400-0500-0006-000700080009"];

/// What the device is now.
pub(crate) fn device(
    places: &Places,
    unique_key: &str,
    ids: &ExtensionIds,
    homes: &[PathBuf],
) -> Device {
    let release = [places.read("etc/os-release"), places.read("usr/lib/os-release")];
    let release = release.iter().find_map(|path| files::read_text(path, 64 << 10));
    let (os_name, os_version) = os(&release.unwrap_or_default());
    let kernel = || line(places, "proc/sys/kernel/osrelease");
    // The kernel's: it is the one in use.
    let name = line(places, "proc/sys/kernel/hostname");
    let serial_number = dmi(places, "product_serial").or_else(|| dmi(places, "board_serial"));
    Device {
        name: name.or_else(|| line(places, "etc/hostname")).unwrap_or_else(|| "localhost".into()),
        serial_number: serial_number.or_else(|| line(places, "proc/device-tree/serial-number")),
        unique_key: unique_key.to_owned(),
        os_name: os_name.unwrap_or_else(|| "Linux".into()),
        os_version: os_version.or_else(kernel).unwrap_or_else(|| "unknown".into()),
        agent_version: env!("CARGO_PKG_VERSION").into(),
        hardware: Some(hardware(places)),
        extensions: extensions::extensions(ids, homes),
    }
}

/// What tells this device from others for as long as its system is installed: the firmware's id, or
/// the system's. Hashed: the ids themselves are not for others to know.
pub(crate) fn unique_key(places: &Places) -> Option<String> {
    let firmware = dmi(places, "product_uuid").map(|id| id.to_ascii_lowercase());
    let firmware = firmware.filter(|id| tells_apart(id)).map(|id| format!("dmi {id}"));
    let system = || line(places, "etc/machine-id").filter(|id| id != "uninitialized");
    let source = firmware.or_else(|| system().map(|id| format!("machine-id {id}")))?;
    let digest = Sha256::digest(format!("clientbook-agent unique key\n{source}"));
    Some(env::hex(&digest[..16]))
}

fn tells_apart(id: &str) -> bool {
    let digits: Vec<char> = id.chars().filter(|c| *c != '-').collect();
    let varies = digits.iter().any(|c| *c != digits[0]);
    digits.len() == 32 && varies && !SHARED_IDS.contains(&id)
}

fn hardware(places: &Places) -> Hardware {
    let cpus = files::read_text(&places.read("proc/cpuinfo"), 4 << 20).unwrap_or_default();
    let memory = files::read_text(&places.read("proc/meminfo"), 64 << 10).unwrap_or_default();
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    Hardware {
        manufacturer: dmi(places, "sys_vendor").or_else(|| dmi(places, "board_vendor")),
        model: dmi(places, "product_name")
            .or_else(|| dmi(places, "board_name"))
            .or_else(|| line(places, "proc/device-tree/model")),
        cpu_model: cpu_model(&cpus),
        cpu_cores: u32::try_from(cores).ok().filter(|cores| (1..=65_536).contains(cores)),
        ram: ram(&memory),
    }
}

fn cpu_model(cpuinfo: &str) -> Option<String> {
    let value = |name: &str| {
        let mut fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| key.trim() == name).and_then(|(_, value)| text(value, 255))
    };
    value("model name").or_else(|| value("Model")).or_else(|| value("Hardware"))
}

/// `MemTotal:       16303428 kB`
fn ram(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1_024).filter(|bytes| *bytes < 1 << 53)
}

/// Name and version of the system.
fn os(release: &str) -> (Option<String>, Option<String>) {
    let value = |name: &str| {
        let mut lines = release.lines();
        let value = lines.find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='))?;
        text(value.trim_matches(['"', '\'']), 255)
    };
    (value("NAME"), value("VERSION_ID").or_else(|| value("BUILD_ID")))
}

/// A field of the firmware's tables, if it says something.
fn dmi(places: &Places, name: &str) -> Option<String> {
    let value = line(places, &format!("sys/class/dmi/id/{name}"))?;
    let is_filler = FILLERS.contains(&value.to_lowercase().as_str());
    (!is_filler).then_some(value)
}

fn line(places: &Places, path: &str) -> Option<String> {
    text(files::read_text(&places.read(path), 4_096)?.lines().next()?, 255)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn system(files: &[(&str, &str)]) -> (tempfile::TempDir, Places) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let places = Places::new(dir.path(), dir.path()).unwrap();
        (dir, places)
    }

    const LAPTOP: &[(&str, &str)] = &[
        ("sys/class/dmi/id/sys_vendor", "LENOVO\n"),
        ("sys/class/dmi/id/product_name", "20XW004AGE\n"),
        ("sys/class/dmi/id/product_serial", "PF2ABCDE\n"),
        ("sys/class/dmi/id/product_uuid", "4C4C4544-0042-3510-8052-B4C04F4D3732\n"),
        ("etc/machine-id", "0b5e1c3d5a7c4d3e8f00112233445566\n"),
        (
            "etc/os-release",
            "PRETTY_NAME=\"Debian 13\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"13\"\n",
        ),
        ("etc/hostname", "anna-laptop\n"),
        ("proc/cpuinfo", "processor\t: 0\nmodel name\t: Some CPU @ 2.80GHz\n\nprocessor\t: 1\n"),
        ("proc/meminfo", "MemTotal:       16303428 kB\nMemFree: 1 kB\n"),
    ];

    #[test]
    fn a_laptop_is_described() {
        let (_dir, places) = system(LAPTOP);
        let device = device(&places, "key", &ExtensionIds::default(), &[]);
        assert_eq!(device.name, "anna-laptop");
        assert_eq!(
            (device.os_name.as_str(), device.os_version.as_str()),
            ("Debian GNU/Linux", "13")
        );
        assert_eq!(device.serial_number.as_deref(), Some("PF2ABCDE"));
        let hardware = device.hardware.unwrap();
        assert_eq!(hardware.manufacturer.as_deref(), Some("LENOVO"));
        assert_eq!(hardware.cpu_model.as_deref(), Some("Some CPU @ 2.80GHz"));
        assert_eq!((hardware.cpu_cores, hardware.ram), (Some(2), Some(16_694_710_272)));
    }

    #[test]
    fn a_system_that_says_nothing_still_has_names() {
        let (_dir, places) = system(&[("sys/class/dmi/id/product_serial", "Default string\n")]);
        let device = device(&places, "key", &ExtensionIds::default(), &[]);
        assert_eq!((device.os_name.as_str(), device.os_version.as_str()), ("Linux", "unknown"));
        assert_eq!((device.name.as_str(), device.serial_number), ("localhost", None));
    }

    #[test]
    fn the_key_stays_and_hides_the_id() {
        let (_dir, places) = system(LAPTOP);
        let key = unique_key(&places).unwrap();
        assert_eq!(unique_key(&places).as_deref(), Some(key.as_str()));
        assert_eq!(key.len(), 32);
        assert!(!key.contains("4c4c4544"));
    }

    #[test]
    fn an_id_that_many_devices_have_is_passed_over() {
        for shared in [
            "03000200-0400-0500-0006-000700080009",
            "00000000-0000-0000-0000-000000000000",
            "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            "Not Specified",
            "-",
        ] {
            let files = |id: &str| {
                let machine = ("etc/machine-id", id.to_owned());
                let files = [("sys/class/dmi/id/product_uuid", shared.to_owned()), machine];
                let files: Vec<_> =
                    files.iter().map(|(path, text)| (*path, text.as_str())).collect();
                unique_key(&system(&files).1)
            };
            assert_ne!(files("aaaa"), files("bbbb"), "{shared}");
            assert_eq!(files("uninitialized"), None);
        }
    }
}
