//! What the device is and what is installed on it.

mod device;
mod dpkg;
mod extensions;
mod flatpak;
mod rpm;
mod snap;

pub(crate) use device::{device, unique_key};

use crate::places::Places;
use clientbook_agent_protocol::{DeploymentError, Software, limits};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What is installed, by whichever package managers are there, and which of them could not be asked.
/// `None` if one could not: a list that lacks its packages would replace one that has them.
pub(crate) fn software(
    places: &Places,
    homes: &[PathBuf],
) -> (Option<Vec<Software>>, Vec<DeploymentError>) {
    let mut software = Vec::new();
    let mut errors = Vec::new();
    for (name, found) in [
        ("dpkg", dpkg::installed(places)),
        ("rpm", rpm::installed(places)),
        ("flatpak", flatpak::installed(places, homes)),
        ("snap", snap::installed(places)),
    ] {
        match found {
            Ok(found) => software.extend(found),
            Err(error) => errors.push(DeploymentError {
                code: "software_source_unreadable".into(),
                message: format!("what {name} has installed cannot be read: {}", error.kind()),
            }),
        }
    }
    if !errors.is_empty() {
        return (None, errors);
    }
    let all: BTreeSet<Software> = software.into_iter().filter_map(fitting).collect();
    if all.len() > limits::SOFTWARE {
        errors.push(DeploymentError {
            code: "software_too_much".into(),
            message: format!("{} packages are installed, more than are told", all.len()),
        });
    }
    (Some(all.into_iter().take(limits::SOFTWARE).collect()), errors)
}

/// Within the protocol's bounds; `None` if a name or a version is missing.
fn fitting(software: Software) -> Option<Software> {
    Some(Software {
        name: text(&software.name, 255)?,
        version: text(&software.version, 255)?,
        publisher: software.publisher.and_then(|publisher| text(&publisher, 255)),
        ..software
    })
}

/// Trimmed, without control characters, and cut to so many characters; `None` if nothing is left.
pub(crate) fn text(text: &str, most: usize) -> Option<String> {
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(most).collect();
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn software_of(name: &str, version: &str) -> Software {
        Software {
            name: name.into(),
            version: version.into(),
            publisher: Some(" ".into()),
            source: None,
            installed_at: None,
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_or_left_out() {
        let long = "ä".repeat(300);
        let fitted = fitting(software_of(&format!(" {long}\0"), "1\n")).unwrap();
        assert_eq!(fitted.name.chars().count(), 255);
        assert_eq!((fitted.version.as_str(), fitted.publisher), ("1", None));
        assert_eq!(fitting(software_of("a", "\t")), None);
    }

    #[test]
    fn a_system_without_package_managers_has_nothing_installed() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            software(&Places::new(dir.path(), dir.path()).unwrap(), &[]),
            (Some(vec![]), vec![])
        );
    }

    #[test]
    fn a_package_manager_that_cannot_be_read_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("var/lib/dpkg/status")).unwrap();
        let (software, errors) = software(&Places::new(dir.path(), dir.path()).unwrap(), &[]);
        assert_eq!(software, None);
        assert_eq!(errors[0].code, "software_source_unreadable");
    }
}
