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

/// Builds what `tests`, the words of a `cargo test`, chooses.
pub(crate) fn build(workspace: &Workspace, title: &str, tests: &str) -> Result<(), Failure> {
    step::timed(&format!("{title}: build"), || {
        let mut list = workspace.cargo(tests.split(' ').chain(["--list"]));
        let listed = list.stderr(Stdio::inherit()).output().map_err(Failure::new)?;
        if !listed.status.success() {
            return Err(Failure::new(format!("the tests of {title} do not build")));
        }
        // `cargo test` is content with a filter that matches nothing.
        if !has_test(&String::from_utf8_lossy(&listed.stdout)) {
            return Err(Failure::new(format!("no test is chosen by `cargo {tests}`")));
        }
        Ok(())
    })
}

/// Whether a listing of tests has one.
pub(crate) fn has_test(listing: &str) -> bool {
    listing.lines().any(|line| line.ends_with(": test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_listing_has_no_test() {
        assert!(has_test("crash::no_acknowledged_write_is_lost: test\n\n1 test, 0 benchmarks\n"));
        assert!(!has_test("\n0 tests, 0 benchmarks\n"));
    }
}
