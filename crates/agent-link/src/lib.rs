//! How a device's agent speaks to its server: HTTP on a connection, and what answers mean. The agent
//! does so for one device, the server's `agents simulate` for thousands.

mod answer;
mod base;
mod connection;
mod trust;

pub use answer::{Answer, Details, Refused, Told};
pub use base::Base;
pub use connection::{Call, Connection};
pub use hyper::Method;
pub use trust::{certificates, trusting};
