//! The store from outside, as the other crates use it.

mod copy;
mod damage;
mod device_lists;
mod devices;
mod fields;
mod isolation;
mod kept_answers;
mod lists;
mod make;
mod opening;
mod rules;
mod trigrams;
mod values;
