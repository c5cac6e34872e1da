//! The way of every request: authenticate, read, call the handler, answer. What no operation
//! answers ends here too, in the shape of the surface it was meant for.

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Details, Problem};
use super::operation::{Access, Operation};
use super::query::Query;
use super::shape::{self, Told};
use super::throttle::Throttle;
use super::{body, conditional, credentials};
use crate::{PeerAddress, protected_resource};
use axum::RequestPartsExt as _;
use axum::body::Body;
use axum::extract::{RawPathParams, Request};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use axum::routing::{MethodFilter, MethodRouter, on};
use bytes::Bytes;
use clientbook_app::{App, AppError, Caller, Unauthenticated};
use clientbook_model::audit::{Origin, Surface};
use clientbook_model::principal::Permission;
use futures_util::FutureExt as _;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// How long a use case may take.
const PATIENCE: Duration = Duration::from_secs(30);

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every request needs.
pub(crate) struct State {
    pub(crate) app: App,
    pub(crate) throttle: Option<Throttle>,
    pub(crate) public_url: Arc<str>,
}

/// The route of an operation.
pub(crate) fn route(operation: Operation, state: Arc<State>) -> MethodRouter {
    let filter = MethodFilter::try_from(operation.method.clone()).unwrap_or(MethodFilter::GET);
    let operation = Arc::new(operation);
    on(filter, move |request: Request| {
        let (operation, state) = (Arc::clone(&operation), Arc::clone(&state));
        async move { serve(&operation, &state, request).await }
    })
}

/// A path that no operation has.
pub(crate) async fn no_route(state: &State, request: Request) -> Response<Body> {
    outside(state, request, ApiError::NoRoute).await
}

/// A method that the path does not have; the router adds `Allow`.
pub(crate) async fn wrong_method(state: &State, request: Request) -> Response<Body> {
    outside(state, request, ApiError::MethodNotAllowed).await
}

async fn outside(state: &State, request: Request, error: ApiError) -> Response<Body> {
    let (parts, body) = request.into_parts();
    body::drain(&parts.headers, body).await;
    let path = parts.uri.path();
    let request_id = request_id(&state.app, parts.headers.get(&REQUEST_ID));
    refuse(state, shape::surface_of(path), error, &request_id, path)
}

async fn serve(operation: &Operation, state: &State, request: Request) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let request_id = request_id(&state.app, parts.headers.get(&REQUEST_ID));
    let handled = handle(operation, state, &mut parts, body, &request_id).await;
    let answer = handled.and_then(|answer| respond(&parts, answer, &request_id));
    let response = answer.unwrap_or_else(|error| {
        refuse(state, operation.surface, error, &request_id, parts.uri.path())
    });
    tracing::debug!(
        method = %parts.method,
        route = operation.path,
        status = response.status().as_u16(),
        %request_id,
        "answered"
    );
    response
}

async fn handle(
    operation: &Operation,
    state: &State,
    parts: &mut Parts,
    body: Body,
    request_id: &str,
) -> Result<Answer, ApiError> {
    let admitted = admit(operation, state, parts, request_id).await;
    let (caller, permission, query) = match admitted {
        Ok(admitted) => admitted,
        Err(error) => {
            body::drain(&parts.headers, body).await;
            return Err(error);
        }
    };
    let body = body::read(operation.body, &parts.method, &parts.headers, body).await?;
    let unreadable = |_| ApiError::NoRoute;
    let path: RawPathParams = parts.extract().await.map_err(unreadable)?;
    let path = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let (app, public_url) = (state.app.clone(), Arc::clone(&state.public_url));
    let precondition = conditional::precondition(&parts.headers);
    let call = Call { app, caller, permission, path, query, precondition, body, public_url };
    // A defect that panics costs its own request, not the connection's others.
    let handled = AssertUnwindSafe((operation.handler)(call)).catch_unwind();
    match tokio::time::timeout(PATIENCE, handled).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_panic)) => Err(ApiError::internal(&"a handler panicked")),
        Err(_elapsed) => Err(ApiError::TimedOut),
    }
}

/// What is checked before the body is read.
async fn admit(
    operation: &Operation,
    state: &State,
    parts: &Parts,
    request_id: &str,
) -> Result<(Caller, Permission, Query), ApiError> {
    let (caller, permission) = match operation.access {
        // Public operations tell nothing of any tenant; nobody asks who calls.
        Access::Public => (Caller::nobody(request_id.to_owned()), Permission::ClientsView),
        Access::Permission(permission) => {
            (authenticate(operation.surface, state, parts, request_id).await?, permission)
        }
    };
    let query = Query::read(parts.uri.query().unwrap_or_default(), operation.query)?;
    Ok((caller, permission, query))
}

async fn authenticate(
    surface: Surface,
    state: &State,
    parts: &Parts,
    request_id: &str,
) -> Result<Caller, ApiError> {
    let source_address = parts.extensions.get::<PeerAddress>().map(|peer| peer.0);
    let principal = match credentials::token(surface, &parts.headers) {
        Ok(None) => Err(AppError::Unauthenticated(Unauthenticated::Missing)),
        Err(()) => Err(AppError::Unauthenticated(Unauthenticated::Invalid)),
        Ok(Some(secret)) => state.app.authenticate(&secret).await,
    };
    let principal = principal.map_err(|error| throttled(state, source_address, error))?;
    let origin = Origin { surface, request_id: request_id.to_owned(), source_address };
    Ok(Caller { principal, origin: Arc::new(origin) })
}

fn throttled(state: &State, address: Option<IpAddr>, error: AppError) -> ApiError {
    let wrong = matches!(
        error,
        AppError::Unauthenticated(Unauthenticated::Invalid | Unauthenticated::Expired)
    );
    match (&state.throttle, address) {
        (Some(throttle), Some(address)) if wrong => match throttle.failed(address) {
            Ok(()) => ApiError::App(error),
            Err(wait) => ApiError::TooManyFailedLogins(wait),
        },
        _ => ApiError::App(error),
    }
}

/// The caller's id, if it is sane: 1 to 128 of letters, digits and `._:/+=@-`. Else one of ours.
fn request_id(app: &App, sent: Option<&HeaderValue>) -> String {
    let sane = |id: &&str| {
        (1..=128).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/+=@-".contains(&byte))
    };
    let sent = sent.and_then(|value| value.to_str().ok()).filter(sane);
    sent.map_or_else(|| app.new_request_id(), str::to_owned)
}

fn respond(parts: &Parts, answer: Answer, request_id: &str) -> Result<Response<Body>, ApiError> {
    let cache = if answer.secret { "no-store" } else { "private, no-cache" };
    let mut response = common(answer.status, request_id).header(header::CACHE_CONTROL, cache);
    if let Some(policy) = answer.security_policy {
        response = response.header(header::CONTENT_SECURITY_POLICY, policy);
    }
    if let Some(next) = answer.next {
        response = response.header(header::LINK, format!("<{next}>; rel=\"next\""));
    }
    let mut body = answer.body;
    if let Some(version) = answer.version {
        let tag = answer.tag.unwrap_or_else(|| conditional::tag(version, &body));
        let safe = matches!(parts.method, Method::GET | Method::HEAD);
        // Writes have looked at it already, inside their transaction.
        if safe && !conditional::precondition(&parts.headers).holds(version) {
            return Err(AppError::PreconditionFailed.into());
        }
        if safe && conditional::has(&parts.headers, &tag) {
            response = response.status(StatusCode::NOT_MODIFIED);
            body = Bytes::new();
        }
        response = response.header(header::ETAG, tag);
    }
    if !body.is_empty() {
        response = response.header(header::CONTENT_TYPE, answer.content_type);
    }
    response.body(Body::from(body)).map_err(|error| ApiError::internal(&error))
}

/// An error in the surface's shape. The cause of a failure inside goes to the log, under the id
/// that the caller gets.
fn refuse(
    state: &State,
    surface: Surface,
    error: ApiError,
    request_id: &str,
    path: &str,
) -> Response<Body> {
    match &error {
        ApiError::App(AppError::Internal(cause)) => {
            tracing::error!(%request_id, %path, %cause, "a request failed inside");
        }
        ApiError::App(AppError::Unavailable(cause)) => {
            tracing::warn!(%request_id, %path, %cause, "the store is not available");
        }
        ApiError::App(AppError::StorageFull) => {
            tracing::error!(%request_id, %path, "the disk is full");
        }
        _ => {}
    }
    let problem = Problem::from(error);
    let shaped = shape::shape(surface, &Told { problem: &problem, request_id, path });
    let mut response = common(shaped.status, request_id)
        .header(header::CACHE_CONTROL, "private, no-cache")
        .header(header::CONTENT_TYPE, shaped.content_type);
    if let Details::Credentials(why) = problem.details {
        response = response.header(header::WWW_AUTHENTICATE, challenge(state, why));
    }
    if let Some(seconds) = problem.retry_after {
        response = response.header(header::RETRY_AFTER, seconds);
    }
    response.body(Body::from(shaped.body)).unwrap_or_else(|error| {
        tracing::error!(%request_id, %error, "an error answer could not be built");
        Response::new(Body::empty())
    })
}

// RFC 6750, section 3: no error code where no token was sent. RFC 9728, section 5.1: where to learn
// whose tokens are believed.
fn challenge(state: &State, why: Unauthenticated) -> String {
    let mut challenge = String::from("Bearer realm=\"clientbook\"");
    if why != Unauthenticated::Missing {
        challenge.push_str(", error=\"invalid_token\"");
    }
    if state.app.issuers().next().is_some() {
        let (url, path) = (&state.public_url, protected_resource::PATH);
        let metadata = format!(", resource_metadata=\"{url}{path}\"");
        challenge.push_str(&metadata);
    }
    challenge
}

fn common(status: StatusCode, request_id: &str) -> axum::http::response::Builder {
    Response::builder()
        .status(status)
        .header(&REQUEST_ID, request_id)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
}
