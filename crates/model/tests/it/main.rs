//! The model's rules from outside, as the other crates use them.

mod audit;
mod client;
mod client_trail;
mod contact;
mod field;
mod grant;
mod id;
mod make;
mod policy;
mod success;
mod tamper;
mod text;
mod time;
mod token;
