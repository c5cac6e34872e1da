//! What dpkg has installed: the file it keeps, and the directory that images without dpkg have.

use crate::env;
use crate::files;
use crate::places::Places;
use clientbook_agent_protocol::{Software, limits};
use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

/// A status file of 20,000 packages has some 30 MiB.
const MOST: u64 = 64 << 20;

/// Of `status.d`, with a file for each package and one beside it.
const MOST_FILES: usize = 2 * limits::SOFTWARE;

pub(super) fn installed(places: &Places) -> io::Result<Vec<Software>> {
    let mut installed = Vec::new();
    let info = places.read("var/lib/dpkg/info");
    for path in status_files(places)? {
        let mut bytes = Vec::new();
        match files::open_regular(&path) {
            Ok(file) => drop(file.take(MOST + 1).read_to_end(&mut bytes)?),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        }
        if bytes.len() as u64 > MOST {
            // A part of the list would replace the whole.
            return Err(ErrorKind::FileTooLarge.into());
        }
        // A maintainer's name may be in another encoding.
        let text = String::from_utf8_lossy(&bytes);
        let packages = text.split("\n\n").filter_map(package);
        installed.extend(packages.map(|package| software(&package, &info)));
    }
    Ok(installed)
}

fn status_files(places: &Places) -> io::Result<Vec<PathBuf>> {
    let mut paths = vec![places.read("var/lib/dpkg/status")];
    match files::entries(&places.read("var/lib/dpkg/status.d"), MOST_FILES) {
        Ok(entries) => {
            // Beside each there may be a list of its files' digests.
            let entries = entries.into_iter();
            paths.extend(entries.filter(|path| path.extension().is_none_or(|it| it != "md5sums")));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(paths)
}

#[derive(Debug, PartialEq, Eq)]
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    architecture: &'a str,
    maintainer: Option<&'a str>,
}

/// A paragraph of a status file; `None` if the package is not installed, but removed in part. The
/// files of `status.d` have no status.
fn package(paragraph: &str) -> Option<Package<'_>> {
    let field = |name: &str| {
        let mut lines = paragraph.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    let is_installed = field("Status").is_none_or(|status| status.ends_with(" installed"));
    is_installed.then_some(())?;
    Some(Package {
        name: field("Package")?,
        version: field("Version")?,
        architecture: field("Architecture").unwrap_or_default(),
        maintainer: field("Maintainer"),
    })
}

fn software(package: &Package<'_>, info: &Path) -> Software {
    let Package { name, version, architecture, maintainer } = *package;
    // dpkg writes a package's list of files when it installs it.
    let lists = [format!("{name}.list"), format!("{name}:{architecture}.list")];
    let written = lists.iter().find_map(|list| fs::metadata(info.join(list)).ok()?.modified().ok());
    Software {
        name: name.to_owned(),
        version: version.to_owned(),
        publisher: maintainer.map(|maintainer| without_address(maintainer).to_owned()),
        source: Some("dpkg".into()),
        installed_at: written.map(|time| env::timestamp(env::millis(time))),
    }
}

/// `Debian Glibc Maintainers <debian-glibc@lists.debian.org>`: the name.
fn without_address(maintainer: &str) -> &str {
    match maintainer.split_once('<') {
        Some((name, _)) if !name.trim().is_empty() => name.trim(),
        _ => maintainer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "\
Package: adduser
Status: install ok installed
Priority: important
Maintainer: Debian Adduser Developers <adduser@packages.debian.org>
Architecture: all
Version: 3.152
Description: add and remove users and groups
 This package includes the 'adduser' and 'deluser' commands.
 Version: 9

Package: gone
Status: deinstall ok config-files
Version: 1.0

Package: half
Status: install reinstreq half-installed
Version: 1.0

Package: libc6
Status: hold ok installed
Architecture: amd64
Version: 2.41-12

";

    fn system() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let dpkg = dir.path().join("var/lib/dpkg");
        fs::create_dir_all(dpkg.join("info")).unwrap();
        fs::create_dir_all(dpkg.join("status.d")).unwrap();
        fs::write(dpkg.join("status"), STATUS).unwrap();
        fs::write(dpkg.join("info/libc6:amd64.list"), "").unwrap();
        fs::write(dpkg.join("status.d/base"), "Package: base-files\nVersion: 13\n").unwrap();
        fs::write(dpkg.join("status.d/base.md5sums"), "d41d8 etc/a\n").unwrap();
        dir
    }

    #[test]
    fn what_is_installed_is_found_and_nothing_else() {
        let dir = system();
        let installed = installed(&Places::new(dir.path(), dir.path()).unwrap()).unwrap();
        let shown: Vec<_> =
            installed.iter().map(|one| (one.name.as_str(), one.version.as_str())).collect();
        assert_eq!(shown, [("adduser", "3.152"), ("libc6", "2.41-12"), ("base-files", "13")]);
        assert_eq!(installed[0].publisher.as_deref(), Some("Debian Adduser Developers"));
        assert!(installed[0].installed_at.is_none() && installed[1].installed_at.is_some());
    }

    #[test]
    fn a_list_that_is_too_large_is_not_told_in_part() {
        let dir = system();
        let status = fs::File::create(dir.path().join("var/lib/dpkg/status")).unwrap();
        status.set_len(MOST + 1).unwrap();
        let refused = installed(&Places::new(dir.path(), dir.path()).unwrap()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_maintainer_without_a_name_keeps_the_address() {
        assert_eq!(without_address("<a@example.org>"), "<a@example.org>");
        assert_eq!(without_address("Anna"), "Anna");
    }
}
