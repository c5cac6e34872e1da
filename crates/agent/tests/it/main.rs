//! The agent as its users have it: the program, on a device that a directory stands for, against a
//! server that records every byte.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

mod away;
mod cost;
mod device;
mod double;
mod enrolling;
mod inventory;
mod modes;
mod real;
mod tls;
mod uninstalling;
