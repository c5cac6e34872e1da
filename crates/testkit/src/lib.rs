//! A whole Clientbook for tests: a real server on a real port, a real HTTP client, the demo data,
//! a clock that stands still and ids that are the same every time.

#![expect(
    clippy::missing_panics_doc,
    clippy::return_self_not_must_use,
    reason = "a test ends where something is not as it should be"
)]

mod actor;
mod answer;
mod database;
mod device;
mod issuer;
mod proxy;
mod signer;
mod test_app;

pub use actor::Actor;
pub use answer::Answer;
pub use database::{Engine, TestDatabase, query};
pub use device::Device;
pub use issuer::{KeyServer, issuer};
pub use proxy::{Fault, Place, Proxy};
pub use signer::{ED25519, P256, RSA, SECOND_P256, SECOND_RSA, Signer};
pub use test_app::{Start, TestApp};

/// The tenant of the demo's published examples.
pub const TENANT: &str = "b2c3d4e5-f6a7-8901-bcde-f12345678901";
/// The demo's first client, with an enrolment token: number 456.
pub const ACME: &str = "aa7cf840-9ca9-46a3-9778-9015d6580d50";
/// Its object id.
pub const ACME_OBJECT: &str = "507f1f77bcf86cd799439011";
/// The demo's client without a token: number 457.
pub const GLOBEX: &str = "aa7cf840-9ca9-46a3-9778-9015d6580d51";
/// The other tenant's client: number 456 there.
pub const INITECH: &str = "bb7cf840-9ca9-46a3-9778-9015d6580d50";
/// Its object id.
pub const INITECH_OBJECT: &str = "607f1f77bcf86cd799439011";
