//! `cargo xtask test`: what CI runs, on a machine that has Rust, git and a C compiler.

use crate::step::{self, Failure};
use crate::workspace::Workspace;
use crate::{snapshots, tidy};

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    components(workspace)?;
    step::run("format", &mut workspace.cargo(["fmt", "--all", "--check"]))?;
    step::timed("tidy", || tidy::run(workspace))?;
    let clippy = "clippy --workspace --all-targets --locked -- -D warnings";
    step::run("clippy", &mut workspace.cargo(clippy.split(' ')))?;
    snapshots::watch(workspace, |watched| {
        let mut tests = workspace.cargo(["test", "--workspace", "--locked"]);
        step::run("tests", watched.apply(&mut tests))
    })
}

/// A toolchain installed by other means than rustup may lack these; cargo's own message does not
/// say how to get them.
fn components(workspace: &Workspace) -> Result<(), Failure> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !step::works(&mut workspace.cargo([subcommand, "--version"])) {
            let advice = format!("get it with `rustup component add {component}`");
            return Err(Failure::new(format!("{component} is missing: {advice}")));
        }
    }
    Ok(())
}
