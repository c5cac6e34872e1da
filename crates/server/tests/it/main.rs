//! The binary, as its users start it, call it, stop it and kill it.

mod crash;
mod process;
