//! `cargo xtask full`: `test`, then the proofs that are too slow, or need too much, for each push.

use crate::engines::{self, Engines};
use crate::step::{self, Failure};
use crate::test;
use crate::workspace::Workspace;

/// Cargo subcommands from crates.io that a fresh machine lacks, at versions known to build with the
/// toolchain this workspace pins.
const DENY: &str = "cargo-deny@0.20.2";
const MACHETE: &str = "cargo-machete@0.9.2";

pub(crate) fn run(workspace: &Workspace, advisories: bool) -> Result<(), Failure> {
    test::run(workspace)?;
    engines::run(workspace, &Engines::default())?;
    ensure(workspace, "deny", DENY)?;
    let deny = |checks: &str| {
        let mut command = workspace.cargo(["deny", "--locked", "check", "--hide-inclusion-graph"]);
        command.args(checks.split(' '));
        command
    };
    step::run("dependencies", &mut deny("bans licenses sources"))?;
    if advisories {
        step::run("advisories", &mut deny("advisories"))?;
    }
    ensure(workspace, "machete", MACHETE)?;
    step::run("unused dependencies", &mut workspace.cargo(["machete", "--skip-target-dir"]))
}

fn ensure(workspace: &Workspace, subcommand: &str, package: &str) -> Result<(), Failure> {
    if step::works(&mut workspace.cargo([subcommand, "--version"])) {
        return Ok(());
    }
    println!("{package} is missing; installing it with `cargo install --locked {package}`");
    step::run(package, &mut workspace.cargo(["install", "--locked", package]))
}
