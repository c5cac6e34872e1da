//! `cargo xtask openapi`: the documents of the surfaces as files, so that every change of a promise
//! is a diff that somebody reads.

use crate::step::{self, Failure};
use crate::workspace::Workspace;

/// An example of the API's crate knows the documents; this crate stays quick to build.
const WRITE: &str = "run --quiet --locked -p clientbook-api --example openapi -- docs/openapi";

pub(crate) fn run(workspace: &Workspace, check: bool) -> Result<(), Failure> {
    let (title, mode) = if check { ("openapi: check", Some("--check")) } else { ("openapi", None) };
    step::run(title, &mut workspace.cargo(WRITE.split(' ').chain(mode)))
}
