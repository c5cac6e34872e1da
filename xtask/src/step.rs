//! One step of a command: announced, run, timed. The first failure ends the command.

use std::fmt::Display;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

/// Why a command stopped, and the exit code to end with.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) code: u8,
}

impl Failure {
    pub(crate) fn new(message: impl Display) -> Self {
        Self { message: message.to_string(), code: 1 }
    }
}

/// Runs `work` under a heading and prints how long it took.
pub(crate) fn timed<T>(
    title: &str,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    println!("==> {title}");
    let start = Instant::now();
    let result = work();
    let verdict = if result.is_ok() { "ok" } else { "FAILED" };
    println!("==> {title}: {verdict} in {:.1} s", start.elapsed().as_secs_f64());
    result
}

/// Runs a child process as a step; its exit code becomes ours.
pub(crate) fn run(title: &str, command: &mut Command) -> Result<(), Failure> {
    timed(title, || {
        let status = command
            .status()
            .map_err(|error| Failure::new(format!("{title}: cannot start: {error}")))?;
        if status.success() {
            return Ok(());
        }
        Err(Failure { message: format!("{title} failed ({status})"), code: exit_code(status) })
    })
}

/// Whether a command exists here and runs. Says nothing either way.
pub(crate) fn works(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A child ended by a signal has no code; it must still not look like success.
fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(1)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_exit_code_of_a_step_is_ours() {
        assert!(run("passes", &mut shell("exit 0")).is_ok());
        assert_eq!(run("fails", &mut shell("exit 101")).unwrap_err().code, 101);
    }

    #[test]
    fn a_step_that_was_killed_or_never_started_is_a_failure() {
        assert_eq!(run("killed", &mut shell("kill -9 $$")).unwrap_err().code, 1);
        assert_eq!(run("absent", &mut Command::new("/no/such/program")).unwrap_err().code, 1);
    }

    #[test]
    fn a_missing_tool_is_seen() {
        assert!(works(&mut shell("exit 0")));
        assert!(!works(&mut shell("exit 1")));
        assert!(!works(&mut Command::new("/no/such/program")));
    }
}
