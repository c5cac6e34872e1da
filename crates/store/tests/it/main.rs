//! The store from outside, as the other crates use it.

mod damage;
mod isolation;
mod lists;
mod make;
mod opening;
mod rules;
