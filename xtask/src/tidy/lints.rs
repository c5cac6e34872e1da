//! Every crate inherits the workspace's lints: without this line a crate silently has none.

use super::Finding;
use crate::workspace::Package;

pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let missing = |package: &&Package| !inherits(&package.text);
    let finding = |package: &Package| {
        let message = "add `[lints]` with `workspace = true`: this crate is not linted";
        Finding::new(&package.manifest, 1, message)
    };
    packages.iter().filter(missing).map(finding).collect()
}

fn inherits(manifest: &str) -> bool {
    let mut in_lints = false;
    manifest.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            in_lints = line == "[lints]";
        }
        in_lints && line == "workspace = true"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_that_inherits_is_fine() {
        assert!(inherits("[package]\nname = \"a\"\n\n[lints]\n# All.\nworkspace = true\n"));
    }

    #[test]
    fn a_crate_that_does_not_is_found() {
        assert!(!inherits("[package]\nname = \"a\"\n"));
        assert!(!inherits("[lints]\n[dependencies.serde]\nworkspace = true\n"));
        assert!(!inherits("[lints]\n# workspace = true\n"));
        assert_eq!(check(&[Package::made_up("a", &[], &[])]).len(), 1);
    }
}
