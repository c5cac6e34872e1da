//! How many connections the system lets this process hold.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept free for the store's connections, the log and the rest.
const RESERVE: u64 = 256;

/// As many connections as wanted, or fewer if the limit of open files cannot be raised as far: a
/// process that spends its last file descriptor on a connection cannot open its store any more. Each
/// agent that waits has a connection, and the usual soft limit leaves room for 768.
pub(crate) fn connections(wanted: u32) -> u32 {
    // What it comes to is looked at next.
    let _too_few = raise(u64::from(wanted) + RESERVE);
    let soft_limit = getrlimit(Resource::Nofile).current;
    soft_limit.map_or(wanted, |files| wanted.min(connections_of(files)))
}

/// Lets this process hold so many files open, if need be as many as it may at all; an error with how
/// many those are, if they are too few.
pub(crate) fn raise(wanted: u64) -> Result<(), u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|files| files >= wanted) {
        return Ok(());
    }
    // Where it is refused, what may be held stays as it is, and that counts.
    let _raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let raised = getrlimit(Resource::Nofile).current;
    raised.filter(|files| *files < wanted).map_or(Ok(()), Err)
}

fn connections_of(files: u64) -> u32 {
    let connections = files.saturating_sub(RESERVE).max(files / 2).max(1);
    u32::try_from(connections).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_stay_free() {
        assert_eq!(connections_of(1024), 768);
        assert_eq!(connections_of(256), 128);
        assert_eq!(connections_of(1), 1);
        assert_eq!(connections_of(u64::MAX), u32::MAX);
    }
}
