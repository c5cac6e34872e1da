//! Why a command stops, in a sentence for the person who started it, and the exit code.

use crate::output;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// The reason, without a full stop.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A setting is wrong or missing, or there is nothing to run: exit code 2. The unit does not
    /// start the agent again after it.
    Setting(String),
    /// The settings are right, but it does not work: exit code 1.
    Failed(String),
}

impl Failure {
    /// Something with a file did not work.
    pub(crate) fn file(what: &str, path: &Path, error: &io::Error) -> Self {
        Self::Failed(format!("{} cannot be {what}: {error}", path.display()))
    }

    /// Says it on standard error.
    pub(crate) fn tell(&self) -> ExitCode {
        let (reason, code) = match self {
            Self::Setting(reason) => (reason, 2),
            Self::Failed(reason) => (reason, 1),
        };
        output::note(&format!("error: {reason}"));
        ExitCode::from(code)
    }
}
