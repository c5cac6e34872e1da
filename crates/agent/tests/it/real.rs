//! The agent against the server itself, with a proxy between that records every byte, on a device whose
//! packages, processes and browser are real: `cargo xtask agents`.

#![expect(clippy::print_stdout, reason = "a proof says what it came to")]

mod api;
mod browser;
mod kills;
mod laptop;
mod proxy;
mod rules;
mod story;

use crate::double::PATIENCE;
use std::thread;
use std::time::{Duration, Instant};

/// Waits until something is the case; gives what it then is.
fn until<T>(what: &str, is: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = is() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "not within a minute: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Prints what is wrong, and fails if anything is.
fn conclude(findings: &[String]) {
    for finding in findings {
        println!("FOUND {finding}");
    }
    assert!(findings.is_empty(), "{} findings", findings.len());
    println!("nothing was found that must not be");
}
