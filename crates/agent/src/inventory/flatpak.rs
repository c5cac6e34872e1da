//! What flatpak has installed, for everybody and for single users, by the directories it keeps.

use crate::files;
use crate::places::Places;
use clientbook_agent_protocol::Software;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// In one directory; more are not read.
const MOST: usize = 1_000;

pub(super) fn installed(places: &Places, homes: &[PathBuf]) -> io::Result<Vec<Software>> {
    let mut installed = applications(&places.read("var/lib/flatpak/app"))?;
    for home in homes {
        // What somebody has put there instead is their own affair.
        installed.extend(applications(&home.join(".local/share/flatpak/app")).unwrap_or_default());
    }
    Ok(installed)
}

fn applications(directory: &Path) -> io::Result<Vec<Software>> {
    let paths = match files::entries(directory, MOST) {
        Ok(paths) => paths,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let named = paths.iter().filter_map(|path| Some((path.file_name()?.to_string_lossy(), path)));
    Ok(named.filter_map(|(id, path)| application(&id, path)).collect())
}

/// `ID/current` leads to `ID/ARCHITECTURE/BRANCH`, `active` in it to what is installed.
fn application(id: &str, path: &Path) -> Option<Software> {
    let current = path.join("current");
    let files = current.join("active/files/share");
    fs::metadata(&files).ok()?;
    let described = [
        files.join(format!("metainfo/{id}.metainfo.xml")),
        files.join(format!("metainfo/{id}.appdata.xml")),
        files.join(format!("appdata/{id}.appdata.xml")),
    ];
    let described = described.iter().find_map(|path| files::read_text(path, 1 << 20));
    let branch = || {
        let branch = fs::canonicalize(&current).ok()?;
        branch.file_name().map(|name| name.to_string_lossy().into_owned())
    };
    let described = described.as_deref();
    Some(Software {
        name: id.to_owned(),
        version: described.and_then(release).map(str::to_owned).or_else(branch)?,
        publisher: described.and_then(developer).map(str::to_owned),
        source: Some("flatpak".into()),
        installed_at: None,
    })
}

/// The newest release of an `AppStream` description: its first.
fn release(description: &str) -> Option<&str> {
    let (_, rest) = description.split_once("<release ")?;
    attribute(rest.split_once('>')?.0, "version")
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!("{name}="))?;
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest[1..].split(quote).next()
}

fn developer(description: &str) -> Option<&str> {
    let (_, rest) = description.split_once("<developer_name>")?;
    rest.split('<').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn versions_come_from_descriptions_and_else_from_branches() {
        let dir = tempfile::tempdir().unwrap();
        for (id, description) in [
            (
                "org.a.A",
                Some(
                    "<component><developer_name>A Team</developer_name><releases>\
                <release date='2026-01-01' version='2.1'/><release version=\"2.0\"/></releases>",
                ),
            ),
            ("org.b.B", None),
        ] {
            let path = dir.path().join("var/lib/flatpak/app").join(id);
            let metainfo = path.join("x86_64/stable/abc/files/share/metainfo");
            fs::create_dir_all(&metainfo).unwrap();
            symlink("abc", path.join("x86_64/stable/active")).unwrap();
            symlink("x86_64/stable", path.join("current")).unwrap();
            if let Some(text) = description {
                fs::write(metainfo.join(format!("{id}.metainfo.xml")), text).unwrap();
            }
        }
        let mut found = installed(&Places::new(dir.path(), dir.path()).unwrap(), &[]).unwrap();
        found.sort();
        assert_eq!((found[0].name.as_str(), found[0].version.as_str()), ("org.a.A", "2.1"));
        assert_eq!(found[0].publisher.as_deref(), Some("A Team"));
        assert_eq!((found[1].name.as_str(), found[1].version.as_str()), ("org.b.B", "stable"));
    }

    #[test]
    fn a_users_own_are_found_in_the_home() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home/anna");
        let path = home.join(".local/share/flatpak/app/org.c.C");
        fs::create_dir_all(path.join("x86_64/beta/abc/files/share")).unwrap();
        symlink("abc", path.join("x86_64/beta/active")).unwrap();
        symlink("x86_64/beta", path.join("current")).unwrap();
        let found = installed(&Places::new(dir.path(), dir.path()).unwrap(), &[home]).unwrap();
        assert_eq!((found[0].name.as_str(), found[0].version.as_str()), ("org.c.C", "beta"));
    }

    proptest! {
        #[test]
        fn no_description_upsets_it(text in "(<release )?[a-z<>='\"é ]{0,40}(version=)?[\"'é>]{0,4}") {
            let _anything = (release(&text), developer(&text));
        }
    }
}
