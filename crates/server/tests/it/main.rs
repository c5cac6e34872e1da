//! The binary, as its users start it, call it, stop it and kill it.

mod config;
mod copy;
mod crash;
mod lock;
mod moving;
mod pgbouncer;
mod process;
mod serve;
mod shutdown;
mod token;
mod verify;
mod written;
mod wrong;
