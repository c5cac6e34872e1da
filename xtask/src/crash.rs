//! `cargo xtask crash`: kills the server and fails its disk under load, and looks for what was lost.

use std::process::Stdio;

use crate::step::{self, Failure};
use crate::workspace::Workspace;

/// The proofs are ordinary integration tests; this chooses them, their build and their length.
const TESTS: &str = "test --release --locked -p clientbook --test it crash:: --";

pub(crate) fn run(workspace: &Workspace, cycles: u32) -> Result<(), Failure> {
    let command = |last: &str| workspace.cargo(TESTS.split(' ').chain([last]));
    step::timed("crash: build", || {
        let listed = command("--list").stderr(Stdio::inherit()).output().map_err(Failure::new)?;
        if !listed.status.success() {
            return Err(Failure::new("the crash tests do not build"));
        }
        // `cargo test` is content with a filter that matches nothing.
        if !has_test(&String::from_utf8_lossy(&listed.stdout)) {
            return Err(Failure::new("no test of `clientbook` has `crash::` in its path"));
        }
        Ok(())
    })?;
    let mut test = command("--nocapture");
    step::run("crash", test.env("CLIENTBOOK_CRASH_CYCLES", cycles.to_string()))
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
