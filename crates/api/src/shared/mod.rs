//! What the surfaces share: the way of a request from bytes to a use case and back.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod conditional;
pub(crate) mod credentials;
pub(crate) mod described;
pub(crate) mod endpoint;
pub(crate) mod error;
pub(crate) mod fields;
pub(crate) mod idempotency;
pub(crate) mod incoming;
pub(crate) mod operation;
pub(crate) mod query;
pub(crate) mod rate_limit;
pub(crate) mod routes;
pub(crate) mod schema;
pub(crate) mod shape;
pub(crate) mod throttle;
