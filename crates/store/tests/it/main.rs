//! The store from outside, as the other crates use it.

mod copy;
mod damage;
mod isolation;
mod make;
mod opening;
mod rules;
