//! The agent as its users have it: the program, on a device that a directory stands for, against a
//! server that records every byte.

mod away;
mod device;
mod double;
mod enrolling;
mod inventory;
mod modes;
mod tls;
mod uninstalling;
