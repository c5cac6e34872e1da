//! `cargo xtask openapi`: the documents of the surfaces as files, so that every change of a promise
//! is a diff that somebody reads.

use crate::step::{self, Failure};
use crate::workspace::Workspace;

/// A test knows the documents, and CI builds and runs it with the others; this crate stays quick to
/// build.
const TEST: &str = "test --quiet --locked -p clientbook-api --test it -- --exact \
     openapi::the_files_are_what_the_code_says";

pub(crate) fn run(workspace: &Workspace, check: bool) -> Result<(), Failure> {
    let mut test = workspace.cargo(TEST.split_whitespace());
    if check {
        return step::run("openapi: check", &mut test);
    }
    step::run("openapi", test.env("CLIENTBOOK_WRITE_OPENAPI", "1"))
}
