//! Which of our crates may know which. The table is the picture in `ARCHITECTURE.md`, checked
//! against `cargo metadata`.

use super::Finding;
use crate::workspace::{Dependency, Package};

/// Every one of our crates, and those of ours it may depend on.
const GRAPH: &[(&str, &[&str])] = &[
    ("clientbook-model", &[]),
    ("clientbook-store", &["clientbook-model"]),
    ("clientbook-app", &["clientbook-model", "clientbook-store"]),
    ("clientbook-api", &["clientbook-agent-protocol", "clientbook-app", "clientbook-model"]),
    ("clientbook-console", &["clientbook-app", "clientbook-model"]),
    ("clientbook-agent-protocol", &[]),
    ("clientbook-agent-link", &["clientbook-agent-protocol"]),
    ("clientbook-agent", &["clientbook-agent-link", "clientbook-agent-protocol"]),
    ("clientbook", ANYTHING),
    ("clientbook-bench", ANYTHING),
    (
        TESTKIT,
        &["clientbook", "clientbook-api", "clientbook-app", "clientbook-model", "clientbook-store"],
    ),
    ("xtask", &[]),
];

/// The server wires everything together; the bench measures all of it.
const ANYTHING: &[&str] = &["*"];

/// Test code: never part of what ships, so no crate may have it as a normal dependency.
const TESTKIT: &str = "clientbook-testkit";

/// Crates whose tests may use the testkit. The model's rules are tested without a server.
const TESTED_WITH_TESTKIT: &[&str] =
    &["clientbook", "clientbook-api", "clientbook-app", "clientbook-store"];

pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let ours = |dependency: &&Dependency| packages.iter().any(|p| p.name == dependency.name);
    let mut findings = Vec::new();
    for package in packages {
        let Some((_, allowed)) = GRAPH.iter().find(|(name, _)| *name == package.name) else {
            let message = format!("{} is not in the crate graph: add a row", package.name);
            findings.push(Finding::new(&package.manifest, 1, message + " to GRAPH in xtask"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(ours) {
            if !permits(&package.name, allowed, dependency) {
                let kind = if dependency.dev { "its tests may not use" } else { "may not use" };
                let message = format!("{} {kind} {}", package.name, dependency.name);
                let line = package.line_of(dependency);
                findings.push(Finding::new(&package.manifest, line, message));
            }
        }
    }
    findings
}

fn permits(package: &str, allowed: &[&str], dependency: &Dependency) -> bool {
    if dependency.name == TESTKIT {
        return dependency.dev && TESTED_WITH_TESTKIT.contains(&package);
    }
    allowed == ANYTHING || allowed.contains(&dependency.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Findings for one crate, in a workspace that has all the usual ones.
    fn found(package: Package) -> Vec<String> {
        let names = ["model", "store", "app", "api", "testkit"];
        let mut packages = vec![package];
        for name in names.map(|name| format!("clientbook-{name}")) {
            if packages[0].name != name {
                packages.push(Package::made_up(&name, &[], &[]));
            }
        }
        check(&packages).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_permitted_graph_has_no_findings() {
        let app = ["clientbook-model", "clientbook-store", "serde_json"];
        assert!(found(Package::made_up("clientbook-app", &app, &[TESTKIT])).is_empty());
        assert!(found(Package::made_up("clientbook", &["clientbook-api"], &[TESTKIT])).is_empty());
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_found() {
        let api = Package::made_up("clientbook-api", &["axum", "clientbook-store"], &[]);
        let finding = "crates/clientbook-api/Cargo.toml:3: clientbook-api may not use \
                       clientbook-store";
        assert_eq!(found(api), [finding]);
        assert_eq!(found(Package::made_up("xtask", &["clientbook-model"], &[])).len(), 1);
        assert_eq!(found(Package::made_up("clientbook-model", &["clientbook-app"], &[])).len(), 1);
    }

    #[test]
    fn tests_may_use_the_testkit_and_nothing_else_more() {
        let api = Package::made_up("clientbook-api", &[], &["clientbook-store"]);
        assert!(found(api)[0].contains("its tests may not use clientbook-store"));
        assert_eq!(found(Package::made_up("clientbook-model", &[], &[TESTKIT])).len(), 1);
    }

    #[test]
    fn nobody_ships_the_testkit() {
        assert_eq!(found(Package::made_up("clientbook", &[TESTKIT], &[])).len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert!(found(Package::made_up("clientbook-new", &[], &[]))[0].contains("add a row"));
    }
}
