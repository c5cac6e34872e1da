//! What cargo and git say about this workspace.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::step::Failure;

/// The workspace: where it is and which crates are in it.
pub(crate) struct Workspace {
    pub(crate) root: Utf8PathBuf,
    pub(crate) target: Utf8PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One of our own crates.
pub(crate) struct Package {
    pub(crate) name: String,
    /// Path of its `Cargo.toml` from the root of the workspace.
    pub(crate) manifest: String,
    /// Text of its `Cargo.toml`.
    pub(crate) text: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A direct dependency, on one of our crates or on any other.
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) dev: bool,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self, Failure> {
        let metadata = MetadataCommand::new().no_deps().exec().map_err(Failure::new)?;
        let root = &metadata.workspace_root;
        let package = |package: &&cargo_metadata::Package| {
            let path = &package.manifest_path;
            let text = fs::read_to_string(path)
                .map_err(|error| Failure::new(format!("{path}: {error}")))?;
            let dependency = |dependency: &cargo_metadata::Dependency| Dependency {
                name: dependency.name.clone(),
                dev: dependency.kind == DependencyKind::Development,
            };
            Ok(Package {
                name: package.name.to_string(),
                manifest: path.strip_prefix(root).unwrap_or(path).to_string(),
                text,
                dependencies: package.dependencies.iter().map(dependency).collect(),
            })
        };
        Ok(Self {
            packages: metadata
                .workspace_packages()
                .iter()
                .map(package)
                .collect::<Result<_, Failure>>()?,
            root: root.clone(),
            target: metadata.target_directory.clone(),
        })
    }

    /// Cargo, to be run at the root.
    pub(crate) fn cargo<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        // The very cargo that runs us, so that every step uses one toolchain.
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        // `cargo run` describes this package to us; cargo-machete, for one, takes that for itself.
        let ours =
            |name: &String| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()) {
            if ours(&name) {
                command.env_remove(name);
            }
        }
        command.current_dir(&self.root).args(args);
        command
    }

    /// Paths from the root, sorted, of the files that match a git pathspec: tracked ones, and new
    /// ones before their first commit.
    pub(crate) fn files(&self, pathspec: &str) -> Result<BTreeSet<String>, Failure> {
        let output = Command::new("git")
            .current_dir(&self.root)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", pathspec])
            .output()
            .map_err(|error| Failure::new(format!("git: {error}")))?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Failure::new(format!("git ls-files failed: {reason}")));
        }
        let listing = String::from_utf8(output.stdout).map_err(Failure::new)?;
        // A file deleted but not yet committed is still in git's list.
        let exists = |path: &&str| !path.is_empty() && self.root.join(path).is_file();
        Ok(listing.split('\0').filter(exists).map(str::to_owned).collect())
    }
}

impl Package {
    /// The line of `Cargo.toml` that names this dependency, for a finding to point at.
    pub(crate) fn line_of(&self, dependency: &Dependency) -> usize {
        let section = if dependency.dev { "[dev-dependencies]" } else { "[dependencies]" };
        let names = |line: &str| {
            line.strip_prefix(dependency.name.as_str())
                .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        };
        let lines = self.text.lines().enumerate();
        lines
            .skip_while(|(_, line)| line.trim() != section)
            .find(|(_, line)| names(line))
            .map_or(1, |(index, _)| index + 1)
    }
}

/// Made-up crates for the tests of the rules.
#[cfg(test)]
impl Package {
    pub(crate) fn made_up(name: &str, normal: &[&str], dev: &[&str]) -> Self {
        let list = |names: &[&str]| {
            names.iter().flat_map(|name| [*name, ".workspace = true\n"]).collect::<String>()
        };
        let dependency = |dev| move |name: &&str| Dependency { name: (*name).to_owned(), dev };
        Self {
            name: name.to_owned(),
            manifest: format!("crates/{name}/Cargo.toml"),
            text: format!("[dependencies]\n{}[dev-dependencies]\n{}", list(normal), list(dev)),
            dependencies: normal
                .iter()
                .map(dependency(false))
                .chain(dev.iter().map(dependency(true)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_is_found_in_its_own_section() {
        let package = Package::made_up("api", &["axum", "tokio"], &["tokio"]);
        let line = |name: &str, dev| package.line_of(&Dependency { name: name.to_owned(), dev });
        assert_eq!(line("tokio", false), 3);
        assert_eq!(line("tokio", true), 5);
        assert_eq!(line("tok", false), 1);
    }

    #[test]
    fn this_workspace_loads() {
        let workspace = Workspace::load().unwrap();
        assert!(workspace.packages.iter().any(|package| package.name == "xtask"));
        assert!(workspace.files("xtask/*.rs").unwrap().contains("xtask/src/workspace.rs"));
    }
}
