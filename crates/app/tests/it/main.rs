//! The use cases from outside, as the surfaces and the command line use them.

mod book;
mod copy;
mod fields;
mod moving;
mod rows;
mod starts;
mod tampering;
mod verify_audit;
