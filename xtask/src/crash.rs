//! `cargo xtask crash`: kills the server and fails its disk under load, and looks for what was lost.

use std::process::Stdio;

use crate::step::{self, Failure};
use crate::workspace::Workspace;

/// The proofs are ordinary integration tests; this chooses them, their build and their length.
const TESTS: &str = "test --release --locked -p clientbook --test it crash:: --";

pub(crate) fn run(workspace: &Workspace, cycles: u32) -> Result<(), Failure> {
    build(workspace, "crash", TESTS)?;
    let mut test = workspace.cargo(TESTS.split(' ').chain(["--nocapture"]));
    step::run("crash", test.env(CYCLES, cycles.to_string()))
}

/// Tells the tests how often to do each thing.
pub(crate) const CYCLES: &str = "CLIENTBOOK_CRASH_CYCLES";

/// Builds what `tests`, the words of a `cargo test`, chooses; the tests' paths, in order.
pub(crate) fn build(
    workspace: &Workspace,
    title: &str,
    tests: &str,
) -> Result<Vec<String>, Failure> {
    step::timed(&format!("{title}: build"), || {
        let mut list = workspace.cargo(tests.split(' ').chain(["--list"]));
        let listed = list.stderr(Stdio::inherit()).output().map_err(Failure::new)?;
        if !listed.status.success() {
            return Err(Failure::new(format!("the tests of {title} do not build")));
        }
        let chosen = listed_tests(&String::from_utf8_lossy(&listed.stdout));
        // `cargo test` is content with a filter that matches nothing.
        if chosen.is_empty() {
            return Err(Failure::new(format!("no test is chosen by `cargo {tests}`")));
        }
        Ok(chosen)
    })
}

/// The paths of the tests in a listing.
pub(crate) fn listed_tests(listing: &str) -> Vec<String> {
    let paths = listing.lines().filter_map(|line| line.strip_suffix(": test"));
    paths.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_has_tests_or_none() {
        let listing = "crash::no_acknowledged_write_is_lost: test\n\n1 test, 0 benchmarks\n";
        assert_eq!(listed_tests(listing), ["crash::no_acknowledged_write_is_lost"]);
        assert!(listed_tests("\n0 tests, 0 benchmarks\n").is_empty());
    }
}
