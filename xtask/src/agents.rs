//! `cargo xtask agents`: the agent against the server, on a device with a real browser, and what passes
//! between them.

use std::process::Command;

use crate::crash;
use crate::postgres;
use crate::step::{self, Failure};
use crate::workspace::Workspace;

const SERVER: &str = "build --release --locked -p clientbook";

const TESTS: &str = "test --release --locked -p clientbook-agent --test it real:: -- --ignored";

/// The tests that these words choose.
const PROOFS: [&str; 2] = [
    "real::kills::killed_amid_its_uninstallation_it_says_one_last_word",
    "real::story::after_each_answer_nothing_passes_that_it_forbids",
];

const INSTALL: &str = "
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
apt-get install --yes --no-install-recommends chromium";

#[derive(clap::Args)]
pub(crate) struct Agents {
    /// How many uninstallations to kill amid
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    kills: u32,
    /// With debug builds, which are there sooner
    #[arg(long)]
    debug: bool,
}

pub(crate) fn run(workspace: &Workspace, agents: &Agents) -> Result<(), Failure> {
    let words = |text: &'static str| {
        text.split(' ').filter(|word| !agents.debug || *word != "--release").collect::<Vec<_>>()
    };
    step::run("agents: build the server", &mut workspace.cargo(words(SERVER)))?;
    let tests = words(TESTS);
    let chosen = crash::build(workspace, "agents", &tests.join(" "))?;
    if chosen != PROOFS {
        return Err(Failure::new(format!("agents would run {chosen:?} and not {PROOFS:?}")));
    }
    ensure()?;
    let profile = if agents.debug { "debug" } else { "release" };
    let mut test = workspace.cargo(tests);
    test.args(["--nocapture", "--test-threads=1"])
        .env("CLIENTBOOK_AGENTS_SERVER", workspace.target.join(profile).join("clientbook"))
        .env("CLIENTBOOK_AGENTS_KILLS", agents.kills.to_string());
    // Whatever cargo ends with: something was found.
    step::run("agents", &mut test).map_err(|failure| Failure::new(failure.message))
}

/// Chromium and dpkg; the former is installed where it is missing.
fn ensure() -> Result<(), Failure> {
    let has = |name: &str| step::works(Command::new(name).arg("--version"));
    let failed = |why: &str| Failure::new(format!("agents needs Debian's Chromium, and {why}"));
    if !has("dpkg-query") {
        return Err(failed("this is no Debian"));
    }
    if has("chromium") {
        return Ok(());
    }
    if !postgres::can_install() {
        return Err(failed("it cannot be installed from here: install `chromium`"));
    }
    println!("`chromium` is missing; installing Debian's package `chromium`");
    postgres::install("chromium", INSTALL)?;
    if has("chromium") { Ok(()) } else { Err(failed("Debian's package has none")) }
}
