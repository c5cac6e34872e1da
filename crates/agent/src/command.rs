//! Other programs, for a bounded time and with a bounded answer.

use std::io::{self, ErrorKind, Read as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Runs a program of the system and gives its standard output.
///
/// # Errors
/// It cannot be started, takes longer than `limit`, says more than `bytes`, or fails.
pub(crate) fn run(
    program: &str,
    arguments: &[&str],
    limit: Duration,
    bytes: u64,
) -> io::Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // What the agent was started with is none of the program's business.
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
    let mut child = command.spawn()?;
    let Some(stdout) = child.stdout.take() else {
        return Err(io::Error::other("no standard output"));
    };
    let (sender, receiver) = mpsc::channel();
    // On a thread: a grandchild that keeps the pipe open holds up that thread only.
    thread::spawn(move || {
        let mut output = Vec::new();
        let read = stdout.take(bytes + 1).read_to_end(&mut output);
        // Nobody waits for it any more once the time is over.
        let _late = sender.send(read.map(|_| output));
    });
    let started = Instant::now();
    let output = receiver.recv_timeout(limit);
    let left = limit.saturating_sub(started.elapsed());
    let status = if output.is_ok() { wait(&mut child, left)? } else { None };
    let Some(status) = status else {
        // It may have ended by itself meanwhile.
        let _ended = child.kill();
        child.wait()?;
        return Err(io::Error::new(ErrorKind::TimedOut, format!("{program} took too long")));
    };
    let output = output.map_err(io::Error::other)??;
    if output.len() as u64 > bytes {
        return Err(io::Error::other(format!("{program} said too much")));
    }
    if !status.success() {
        return Err(io::Error::other(format!("{program}: {status}")));
    }
    Ok(String::from_utf8_lossy(&output).into_owned())
}

/// Waits for the end of a program that has closed its output already: soon, but not surely.
fn wait(
    child: &mut std::process::Child,
    limit: Duration,
) -> io::Result<Option<std::process::ExitStatus>> {
    let started = Instant::now();
    loop {
        match child.try_wait()? {
            None if started.elapsed() < limit => thread::sleep(Duration::from_millis(2)),
            ended => return Ok(ended),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn its_output_is_given() {
        assert_eq!(run("sh", &["-c", "echo one"], LIMIT, 100).unwrap(), "one\n");
    }

    #[test]
    fn it_may_fail_or_say_too_much_or_be_missing() {
        assert!(run("sh", &["-c", "exit 3"], LIMIT, 100).is_err());
        assert!(run("sh", &["-c", "echo one"], LIMIT, 3).is_err());
        assert!(run("clientbook-no-such-program", &[], LIMIT, 3).is_err());
    }

    #[test]
    fn one_that_takes_too_long_is_ended() {
        let short = Duration::from_millis(50);
        for script in ["sleep 60", "exec >&-; sleep 60"] {
            let error = run("sh", &["-c", script], short, 100).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        }
    }
}
