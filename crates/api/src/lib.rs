//! The four surfaces: wire shapes, and nothing that decides.
//!
//! A handler parses, calls a use case, and shows the answer. Each surface has its own views and
//! its own error shape on purpose: repeating a shape is not repeating a rule.

mod customer_success;
mod docs;
mod health;
mod openapi;
mod organizations;
mod protected_resource;
mod shared;
mod tenants;
mod workspace;

pub use shared::operation::{Access, Operation};

use axum::Router;
use axum::extract::Request;
use clientbook_app::App;
use shared::endpoint::{self, State};
use shared::throttle::Throttle;
use std::net::IpAddr;
use std::sync::Arc;

/// How the surfaces behave.
#[derive(Debug, Clone)]
pub struct Options {
    /// Answer 429 to an address that fails to log in too often. Off in the demo.
    pub throttle_failed_logins: bool,
    /// The address that callers use, without a slash at the end.
    pub public_url: String,
}

/// The address a request came from; the server puts it into the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub IpAddr);

/// Every operation there is, with what it takes to call it: the access table.
pub fn operations() -> Vec<Operation> {
    let surfaces = [
        organizations::operations(),
        tenants::operations(),
        workspace::operations(),
        customer_success::operations(),
        health::operations(),
        docs::operations(),
        protected_resource::operations(),
    ];
    surfaces.into_iter().flatten().collect()
}

/// The OpenAPI 3.1 document of each surface, as it is served, by the name of its file without
/// `.json`.
pub fn documents() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    docs::texts()
}

/// The routes of `operations`, and answers in the surface's own shape for everything else.
pub fn router(app: App, options: Options) -> Router {
    let throttle = options.throttle_failed_logins.then(Throttle::new);
    let state = Arc::new(State { app, throttle, public_url: options.public_url.into() });
    let mut router = Router::new();
    for operation in operations() {
        router = router.route(operation.path, endpoint::route(operation, Arc::clone(&state)));
    }
    let (missing, not_allowed) = (Arc::clone(&state), state);
    router
        .fallback(async move |request: Request| endpoint::no_route(&missing, request).await)
        .method_not_allowed_fallback(async move |request: Request| {
            endpoint::wrong_method(&not_allowed, request).await
        })
}
