//! What snap has installed, by the directories it mounts.

use crate::files;
use crate::places::Places;
use clientbook_agent_protocol::Software;
use std::io::{self, ErrorKind};

/// More are not read.
const MOST: usize = 5_000;
const DIRECTORIES: &[&str] = &["snap", "var/lib/snapd/snap"];

pub(super) fn installed(places: &Places) -> io::Result<Vec<Software>> {
    for directory in DIRECTORIES {
        let paths = match files::entries(&places.read(directory), MOST) {
            Ok(paths) => paths,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let files = paths.into_iter().map(|path| path.join("current/meta/snap.yaml"));
        // `snap/bin` and its like have no such file.
        let texts = files.filter_map(|path| files::read_text(&path, 1 << 20));
        return Ok(texts.filter_map(|text| snap(&text)).collect());
    }
    Ok(Vec::new())
}

/// A snap's description of itself.
fn snap(yaml: &str) -> Option<Software> {
    let field = |name: &str| {
        let value = yaml.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let value = value.split(" #").next()?.trim().trim_matches(['"', '\'']);
        (!value.is_empty()).then(|| value.to_owned())
    };
    Some(Software {
        name: field("name")?,
        version: field("version")?,
        publisher: None,
        source: Some("snap".into()),
        installed_at: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn snaps_are_found() {
        let dir = tempfile::tempdir().unwrap();
        for (name, yaml) in [
            ("code", "name: code\nversion: '1.90' # newest\napps:\n  code:\n    version: 3\n"),
            ("bare", "name: bare\nsummary: no version\n"),
        ] {
            let meta = dir.path().join("snap").join(name).join("current/meta");
            fs::create_dir_all(&meta).unwrap();
            fs::write(meta.join("snap.yaml"), yaml).unwrap();
        }
        fs::create_dir_all(dir.path().join("snap/bin")).unwrap();
        let found = installed(&Places::new(dir.path(), dir.path()).unwrap()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].version.as_str()), ("code", "1.90"));
    }
}
