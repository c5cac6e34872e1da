//! What the engine waits for, and how long.

use std::time::Duration;

/// The engine's patience. Tests take less of it, or more.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// The longest a group of writes gathers: its first member waits for it.
    pub(super) gather: Duration,
    /// Log pages (4 KiB each) from which a checkpoint is worth its while.
    pub(super) worth_while: i32,
    /// Log pages at which the writer waits until the log can start over.
    pub(super) cap: i32,
    /// The longest such a wait is for readers. A long read may pin the log; writes then go on, and
    /// the log grows until the read ends.
    pub(super) patience: Duration,
}

impl Limits {
    /// 5 ms, 8 MiB, 128 MiB, 2 s.
    pub(super) const SERVING: Self = Self {
        gather: Duration::from_millis(5),
        worth_while: 2_000,
        cap: 32_000,
        patience: Duration::from_secs(2),
    };
}
