//! The binary, as its users start it, call it, stop it and kill it.

mod agents;
mod checkpoint;
mod config;
mod copy;
mod crash;
mod demo;
mod erasure;
mod lock;
#[cfg(target_os = "linux")]
mod memory;
mod moving;
mod pgbouncer;
mod process;
mod serve;
mod shutdown;
mod simulate;
mod token;
mod verify;
mod written;
mod wrong;
