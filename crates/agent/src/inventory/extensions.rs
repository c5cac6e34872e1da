//! The browser extension, where its browsers can be read: the ids were given when the device
//! enrolled.

use super::text;
use crate::browsing::profiles::{self, Family, Profile};
use crate::files;
use crate::state::ExtensionIds;
use clientbook_agent_protocol::{Extension, Extensions};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Of a manifest, or of Firefox's list, which has some KiB for each extension. Of what is read, only
/// what is needed is kept: the files are their users'.
const MOST_BYTES: u64 = 1 << 20;
/// Of one extension in a profile.
const MOST_VERSIONS: usize = 100;

/// `None` unless an id was given.
pub(super) fn extensions(ids: &ExtensionIds, homes: &[PathBuf]) -> Option<Extensions> {
    if *ids == ExtensionIds::default() {
        return None;
    }
    let homes = homes.iter().map(PathBuf::as_path);
    let profiles: Vec<Profile> = homes.flat_map(profiles::of_home).collect();
    let of = |id: &Option<String>, families: &[Family]| {
        let id = id.as_deref()?;
        let profiles = profiles.iter().filter(|profile| families.contains(&profile.family));
        best(profiles.map(|profile| extension(profile, id)))
    };
    Some(Extensions {
        chrome: of(&ids.chrome, &[Family::Chromium]),
        edge: of(&ids.edge, &[Family::Edge]),
        firefox: of(&ids.firefox, &[Family::Firefox]),
    })
}

/// One profile that has it is enough for the device; `None` if the browser is not there.
fn best(found: impl Iterator<Item = Extension>) -> Option<Extension> {
    found.max_by_key(|extension| extension.installed)
}

fn extension(profile: &Profile, id: &str) -> Extension {
    let found = match profile.family {
        Family::Firefox => in_firefox(&profile.directory, id),
        Family::Chromium | Family::Edge => in_chromium(&profile.directory, id),
    };
    found.unwrap_or_default()
}

/// What we need of an extension's manifest.
#[derive(Deserialize)]
struct Manifest {
    version: String,
    update_url: Option<IgnoredAny>,
}

/// `Extensions/ID/VERSION_0/manifest.json`; an update leaves the old version there for a while.
fn in_chromium(profile: &Path, id: &str) -> Option<Extension> {
    let versions = files::entries(&profile.join("Extensions").join(id), MOST_VERSIONS).ok()?;
    let versions = versions.into_iter().filter_map(|path| {
        let manifest = files::read_text(&path.join("manifest.json"), MOST_BYTES)?;
        let manifest: Manifest = serde_json::from_str(&manifest).ok()?;
        Some((text(&manifest.version, 50)?, manifest.update_url.is_some()))
    });
    let by_number = |version: &str| -> Vec<u64> {
        version.split('.').map(|part| part.parse().unwrap_or_default()).collect()
    };
    let (version, auto_update) = versions.max_by_key(|(version, _)| by_number(version))?;
    Some(Extension {
        version: Some(version),
        installed: true,
        auto_update: Some(auto_update),
        last_activity_at: None,
    })
}

/// What we need of Firefox's list of extensions.
#[derive(Deserialize)]
struct AddOns<'a> {
    #[serde(borrow)]
    addons: Vec<AddOn<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AddOn<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    version: Option<Cow<'a, str>>,
    active: Option<bool>,
    apply_background_updates: Option<i64>,
}

fn in_firefox(profile: &Path, id: &str) -> Option<Extension> {
    let list = files::read_text(&profile.join("extensions.json"), MOST_BYTES)?;
    let list: AddOns<'_> = serde_json::from_str(&list).ok()?;
    let addon = list.addons.into_iter().find(|addon| addon.id == id)?;
    Some(Extension {
        version: addon.version.and_then(|version| text(&version, 50)),
        installed: addon.active.unwrap_or(false),
        // 0: never. 1: as for all. 2: always.
        auto_update: addon.apply_background_updates.map(|setting| setting != 0),
        last_activity_at: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn it_is_found_in_each_browser() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home/anna");
        let write = |path: &str, text: &str| {
            let path = home.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let chrome = ".config/google-chrome/Default";
        write(&format!("{chrome}/History"), "");
        for version in ["1.9", "1.10"] {
            let manifest = format!(r#"{{"version": "{version}", "update_url": "https://a"}}"#);
            write(&format!("{chrome}/Extensions/abc/{version}_0/manifest.json"), &manifest);
        }
        write(".config/microsoft-edge/Default/History", "");
        let firefox = ".mozilla/firefox/x.default";
        write(&format!("{firefox}/places.sqlite"), "");
        let addons = r#"{"addons": [{"id": "a@b", "version": "2.0", "active": true,
                         "applyBackgroundUpdates": 0}]}"#;
        write(&format!("{firefox}/extensions.json"), addons);
        let ids = ExtensionIds {
            chrome: Some("abc".into()),
            edge: Some("abc".into()),
            firefox: Some("a@b".into()),
        };
        let found = extensions(&ids, &[home]).unwrap();
        assert_eq!(found.chrome.unwrap().version.as_deref(), Some("1.10"));
        assert_eq!(found.edge, Some(Extension::default()));
        let firefox = found.firefox.unwrap();
        assert_eq!((firefox.installed, firefox.auto_update), (true, Some(false)));
        assert_eq!(extensions(&ExtensionIds::default(), &[]), None);
    }
}
