//! `cargo xtask test`: what CI runs.

use cargo_metadata::Message;
use std::io::BufReader;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::postgres::Postgres;
use crate::step::{self, Failure};
use crate::workspace::Workspace;
use crate::{snapshots, tidy};

const TESTS: [&str; 3] = ["test", "--workspace", "--locked"];

/// The crates, by folder, whose tests store something through the seam: once more on PostgreSQL.
const STORING: [&str; 3] = ["store", "app", "api"];

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    components(workspace)?;
    step::run("format", &mut workspace.cargo(["fmt", "--all", "--check"]))?;
    step::timed("tidy", || tidy::run(workspace))?;
    let clippy = "clippy --workspace --all-targets --locked -- -D warnings";
    step::run("clippy", &mut workspace.cargo(clippy.split(' ')))?;
    let postgres = Postgres::for_tests()?;
    snapshots::watch(workspace, |watched| {
        let mut tests = workspace.cargo(TESTS);
        step::run("tests", watched.apply(postgres.apply(&mut tests)))?;
        if !postgres.is_on() {
            return Ok(());
        }
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        for (package, program) in storing(workspace)? {
            let mut tests = Command::new(program);
            tests.current_dir(workspace.root.join("crates").join(&package));
            tests.env("CLIENTBOOK_TEST_ENGINE", "postgres");
            // They wait for its processes half of the time.
            tests.env("RUST_TEST_THREADS", (2 * cores).to_string());
            let title = format!("{package} on PostgreSQL");
            step::run(&title, watched.apply(postgres.apply(&mut tests)))?;
        }
        Ok(())
    })
}

/// The integration tests of what stores, as the step before has built them.
fn storing(workspace: &Workspace) -> Result<Vec<(String, PathBuf)>, Failure> {
    let mut build = workspace.cargo(TESTS);
    build.args(["--no-run", "--quiet", "--message-format=json"]);
    let output = build.stderr(Stdio::inherit()).output().map_err(Failure::new)?;
    let mut found = Vec::new();
    for message in Message::parse_stream(BufReader::new(&*output.stdout)) {
        let Message::CompilerArtifact(artifact) = message.map_err(Failure::new)? else { continue };
        let package = artifact.manifest_path.parent().and_then(|folder| folder.file_name());
        match (package, artifact.executable) {
            (Some(package), Some(program))
                if STORING.contains(&package) && artifact.target.name == "it" =>
            {
                found.push((package.to_owned(), program.into()));
            }
            _ => {}
        }
    }
    if output.status.success() && found.len() == STORING.len() {
        return Ok(found);
    }
    Err(Failure::new(format!("not all of {STORING:?} have integration tests: {found:?}")))
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
