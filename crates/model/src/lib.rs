//! The rules of Clientbook, and nothing else: what a client is, which changes are allowed, who may
//! make them, and what the audit trail says of them.
//!
//! Pure on purpose: no I/O, no clock, no randomness, no HTTP, no SQL. A value is parsed once into a
//! type that cannot be wrong and is not checked again; a change is data (`ClientPatch`) that gives
//! the new record and its field changes.

pub mod agent;
pub mod api_token;
pub mod audit;
pub mod audit_filter;
pub mod client;
pub mod client_filter;
pub mod client_trail;
pub mod collection;
pub mod contact;
pub mod control;
pub mod custom_field;
pub mod department;
pub mod device;
pub mod device_user;
pub mod enrollment;
pub mod field;
pub mod id;
pub mod merge;
pub mod moving;
pub mod nearest;
pub mod number;
pub mod patch;
pub mod policy;
pub mod principal;
pub mod sealed;
pub mod search;
pub mod secret;
pub mod status;
pub mod success;
pub mod telemetry;
pub mod tenant;
pub mod text;
pub mod time;
pub mod unique;
pub mod violation;
pub mod web;
