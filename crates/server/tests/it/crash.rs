//! What is done to the server and to its disk, and that no answered write is lost by it, no
//! unanswered one is half there, and no hand is needed afterwards.
//!
//! The model of what was answered is kept out here, in the process that is not killed.

#![expect(clippy::print_stdout, reason = "each kind of proof says what it came to")]

mod damage;
mod failover;
mod faults;
mod full;
mod kill;
mod load;
mod model;
mod shim;

/// How often each thing is done: `few`, unless `cargo xtask crash` says otherwise.
fn cycles(few: u32) -> u32 {
    std::env::var("CLIENTBOOK_CRASH_CYCLES")
        .map_or(few, |cycles| cycles.parse().expect("CLIENTBOOK_CRASH_CYCLES is a number"))
}
