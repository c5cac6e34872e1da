//! Where browsers keep their profiles in a home.

use crate::files;
use std::path::{Path, PathBuf};

/// Which kind of profile it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Chrome, Chromium and their relatives but Edge.
    Chromium,
    /// Edge: Chromium's kind, and told of by itself.
    Edge,
    /// Firefox and its relatives.
    Firefox,
}

impl Family {
    /// For people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Chromium => "Chromium",
            Self::Edge => "Edge",
            Self::Firefox => "Firefox",
        }
    }
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) family: Family,
    pub(crate) directory: PathBuf,
}

impl Profile {
    /// The file with its history.
    pub(super) fn history(&self) -> PathBuf {
        self.directory.join(match self.family {
            Family::Firefox => FIREFOX,
            Family::Chromium | Family::Edge => CHROMIUM,
        })
    }
}

const CHROMIUM: &str = "History";
const FIREFOX: &str = "places.sqlite";

/// Directories with a directory for each profile.
const DIRECTORIES: &[(Family, &str)] = &[
    (Family::Chromium, ".config/google-chrome"),
    (Family::Chromium, ".config/google-chrome-beta"),
    (Family::Chromium, ".config/chromium"),
    (Family::Chromium, ".config/BraveSoftware/Brave-Browser"),
    (Family::Chromium, ".config/vivaldi"),
    (Family::Chromium, ".config/opera"),
    (Family::Chromium, "snap/chromium/common/chromium"),
    (Family::Chromium, ".var/app/com.google.Chrome/config/google-chrome"),
    (Family::Chromium, ".var/app/org.chromium.Chromium/config/chromium"),
    (Family::Chromium, ".var/app/com.brave.Browser/config/BraveSoftware/Brave-Browser"),
    (Family::Edge, ".config/microsoft-edge"),
    (Family::Edge, ".var/app/com.microsoft.Edge/config/microsoft-edge"),
    (Family::Firefox, ".mozilla/firefox"),
    (Family::Firefox, ".config/mozilla/firefox"),
    (Family::Firefox, "snap/firefox/common/.mozilla/firefox"),
    (Family::Firefox, ".var/app/org.mozilla.firefox/.mozilla/firefox"),
    (Family::Firefox, ".librewolf"),
];
/// Of one browser; more are not read.
const MOST: usize = 50;
/// Of one home.
const MOST_OF_HOME: usize = 100;
/// What may lie beside the profiles of a browser.
const MOST_ENTRIES: usize = 1_000;

/// The profiles in a home that have a history.
pub(crate) fn of_home(home: &Path) -> Vec<Profile> {
    let mut profiles = Vec::new();
    for (family, path) in DIRECTORIES {
        let directory = home.join(path);
        let mut candidates = files::entries(&directory, MOST_ENTRIES).unwrap_or_default();
        // Opera's only profile is the directory itself. It comes first in the order of names.
        candidates.insert(0, directory);
        let found = candidates.into_iter().map(|directory| Profile { family: *family, directory });
        profiles.extend(found.filter(|profile| profile.history().is_file()).take(MOST));
    }
    profiles.truncate(MOST_OF_HOME);
    profiles
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn profiles_with_a_history_are_found() {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            ".config/chromium/Default/History",
            ".config/chromium/Profile 1/History",
            ".config/chromium/System Profile/Preferences",
            ".config/opera/History",
            ".mozilla/firefox/x.default-release/places.sqlite",
            ".mozilla/firefox/Crash Reports/a",
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = of_home(dir.path());
        let relative = |it: &Profile| it.directory.strip_prefix(dir.path()).unwrap().to_owned();
        let shown: Vec<PathBuf> = found.iter().map(relative).collect();
        let wanted = [
            ".config/chromium/Default",
            ".config/chromium/Profile 1",
            ".config/opera",
            ".mozilla/firefox/x.default-release",
        ];
        assert_eq!(shown, wanted.map(PathBuf::from));
        assert!(of_home(&dir.path().join("none")).is_empty());
    }

    #[test]
    fn no_home_has_profiles_without_number() {
        let dir = tempfile::tempdir().unwrap();
        for browser in ["chromium", "vivaldi", "google-chrome"] {
            for number in 0..60 {
                let profile = dir.path().join(format!(".config/{browser}/{number}"));
                fs::create_dir_all(&profile).unwrap();
                fs::write(profile.join(CHROMIUM), "").unwrap();
            }
        }
        assert_eq!(of_home(dir.path()).len(), MOST_OF_HOME);
        fs::remove_dir_all(dir.path().join(".config/vivaldi")).unwrap();
        fs::remove_dir_all(dir.path().join(".config/chromium")).unwrap();
        assert_eq!(of_home(dir.path()).len(), MOST);
    }
}
