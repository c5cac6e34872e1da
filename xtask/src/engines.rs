//! `cargo xtask engines`: whether SQLite and PostgreSQL do the same, and what becomes of operations
//! when requests to PostgreSQL fail, or come twice; at length.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::process::Stdio;

use crate::crash::listed_tests;
use crate::postgres::Postgres;
use crate::step::{self, Failure};
use crate::workspace::Workspace;

/// The proofs are ordinary integration tests. This builds no more than `test` has built.
const TESTS: &str = "test --workspace --locked --test it --";

/// Requests of which each call is sent four times.
const DUPLICATES: &str = "10000";

/// How long to go on.
#[derive(clap::Args)]
pub(crate) struct Engines {
    /// How many operations both engines are to agree on
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    operations: u32,
    /// For how many seconds requests to PostgreSQL fail at random
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Repeat a run that had this seed
    #[arg(long)]
    seed: Option<u32>,
}

impl Default for Engines {
    fn default() -> Self {
        Self { operations: 100_000, seconds: 120, seed: None }
    }
}

pub(crate) fn run(workspace: &Workspace, wish: &Engines) -> Result<(), Failure> {
    let postgres = Postgres::for_tests()?;
    if !postgres.is_on() {
        return Ok(());
    }
    // Another one each time: the tests of each push have one of their own.
    let drawn = || (RandomState::new().build_hasher().finish() >> 32) as u32;
    let seed = wish.seed.unwrap_or_else(drawn).to_string();
    for (title, filter) in [
        ("the engines agree", "agree::"),
        ("faults between", "faults_between::"),
        ("duplicates", "duplicates::"),
    ] {
        let command = |last: &str| workspace.cargo(TESTS.split(' ').chain([filter, last]));
        let listed = command("--list").stderr(Stdio::inherit()).output().map_err(Failure::new)?;
        // `cargo test` is content with a filter that matches nothing.
        if listed_tests(&String::from_utf8_lossy(&listed.stdout)).is_empty() {
            return Err(Failure::new(format!("no test has `{filter}` in its path")));
        }
        let mut tests = command("--nocapture");
        tests.env("CLIENTBOOK_TEST_ENGINE", "postgres");
        tests.env("CLIENTBOOK_AGREE_SEED", &seed).env("CLIENTBOOK_FAULTS_SEED", &seed);
        tests.env("CLIENTBOOK_AGREE_OPERATIONS", wish.operations.to_string());
        tests.env("CLIENTBOOK_FAULTS_SECONDS", wish.seconds.to_string());
        tests.env("CLIENTBOOK_DUPLICATES", DUPLICATES);
        step::run(title, postgres.apply(&mut tests))?;
    }
    Ok(())
}
