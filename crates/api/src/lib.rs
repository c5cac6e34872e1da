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

use axum::BoxError;
use axum::body::Body;
use axum::http::{Request, Response};
use bytes::Bytes;
use clientbook_app::App;
use shared::endpoint::{self, State};
use shared::rate_limit::RateLimit;
use shared::routes::Routes;
use shared::throttle::Throttle;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

/// How the surfaces behave.
#[derive(Debug, Clone)]
pub struct Options {
    /// Answer 429 to an address that fails to log in too often. Off in the demo.
    pub throttle_failed_logins: bool,
    /// How many requests a caller has a minute; `None` for any number. Off in the demo.
    pub rate_limit: Option<NonZeroU32>,
    /// The address that callers use, without a slash at the end.
    pub public_url: String,
}

/// How many devices may join with one enrolment token in a minute: so that hundreds may be installed
/// at once from behind one address, and a token that leaked makes no flood.
const ENROLLMENTS: NonZeroU32 = NonZeroU32::new(6_000).expect("not zero");

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

/// All surfaces, ready to answer. Cheap to clone.
#[derive(Clone)]
pub struct Surfaces(Arc<Inner>);

struct Inner {
    state: State,
    routes: Routes,
}

impl Surfaces {
    /// The surfaces of `app`.
    pub fn new(app: App, options: Options) -> Self {
        let throttle = options.throttle_failed_logins.then(Throttle::new);
        let rate_limit = options.rate_limit.map(RateLimit::new);
        let enrollments = options.rate_limit.map(|_| Arc::new(RateLimit::new(ENROLLMENTS)));
        let public_url = options.public_url.into();
        let state = State { app, throttle, rate_limit, enrollments, public_url };
        Self(Arc::new(Inner { state, routes: Routes::new(operations()) }))
    }

    /// Answers a request that came from `peer`; what no operation answers gets the error shape of
    /// the surface that the path belongs to.
    pub async fn answer<B>(self, peer: IpAddr, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        endpoint::answer(&self.0.state, &self.0.routes, peer, request.map(Body::new)).await
    }
}
