//! How many connections the system lets this process hold.

/// Kept free for the store's connections, the log and the rest.
const RESERVE: u64 = 256;

/// As many connections as wanted, or fewer if the limit of open files is lower: a process that
/// spends its last file descriptor on a connection cannot open its store any more.
pub(crate) fn connections(wanted: u32) -> u32 {
    // Only Linux tells without a system call of one's own.
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    soft_limit(&limits).map_or(wanted, |files| wanted.min(connections_of(files)))
}

fn connections_of(files: u64) -> u32 {
    let connections = files.saturating_sub(RESERVE).max(files / 2).max(1);
    u32::try_from(connections).unwrap_or(u32::MAX)
}

fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max processes             31743                31743                processes\n\
                      Max open files            1024                 524288               files\n";
        assert_eq!(soft_limit(limits), Some(1024));
        assert_eq!(soft_limit("Max open files            unlimited   unlimited   files"), None);
        assert_eq!(soft_limit(""), None);
    }

    #[test]
    fn some_files_stay_free() {
        assert_eq!(connections_of(1024), 768);
        assert_eq!(connections_of(256), 128);
        assert_eq!(connections_of(1), 1);
        assert_eq!(connections_of(u64::MAX), u32::MAX);
    }
}
