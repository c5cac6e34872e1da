//! The way of every request: authenticate, read, call the handler, answer. What no operation
//! answers ends here too, in the shape of the surface it was meant for.

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Details, Problem};
use super::incoming::Incoming;
use super::operation::{Access, BodyRule, Operation};
use super::query::Query;
use super::rate_limit::{Allowance, RateLimit};
use super::routes::{Found, Routes, Segments};
use super::shape::{self, Told};
use super::throttle::{self, Throttle};
use super::{body, conditional, credentials, idempotency};
use crate::protected_resource;
use axum::body::Body;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use bytes::Bytes;
use clientbook_app::{Agent, App, AppError, Caller, Unauthenticated};
use clientbook_model::audit::{Origin, Surface};
use clientbook_model::principal::Permission;
use clientbook_model::secret::Secret;
use futures_util::FutureExt as _;
use futures_util::future::Either;
use std::future::poll_fn;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::task::Poll;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every request needs.
pub(crate) struct State {
    pub(crate) app: App,
    pub(crate) throttle: Option<Throttle>,
    pub(crate) rate_limit: Option<RateLimit>,
    /// How often each enrolment token may be used.
    pub(crate) enrollments: Option<Arc<RateLimit>>,
    pub(crate) public_url: Arc<str>,
}

/// The answer to a request that came from `peer`.
///
/// hyper moves the future of every request, so it is kept small here and in what it waits for: what is
/// rare stands apart, and blocks capture what `async fn` would hold twice, as argument and as variable.
pub(crate) fn answer<'a>(
    state: &'a State,
    routes: &'a Routes,
    peer: IpAddr,
    request: Request<Body>,
) -> impl Future<Output = Response<Body>> + 'a {
    let (parts, body) = request.into_parts();
    let allowed = match routes.find(&parts.method, parts.uri.path()) {
        Found::Operation(operation, path) => {
            let asked = Asked { operation, path, parts, peer, allowance: None };
            return Either::Left(serve(asked, state, body));
        }
        Found::OtherMethods(allowed) => Some(allowed),
        Found::Nothing => None,
    };
    Either::Right(Box::pin(outside(state, parts, body, allowed)))
}

/// A request, all but its body.
struct Asked<'r> {
    operation: &'r Operation,
    /// `None` where a segment is not text, and so names nothing.
    path: Option<Segments>,
    parts: Parts,
    peer: IpAddr,
    /// What its caller has left, once it is known who that is.
    allowance: Option<Allowance>,
}

/// No operation answers: the path is none, or has only the methods that are allowed.
async fn outside(
    state: &State,
    parts: Parts,
    body: Body,
    allowed: Option<String>,
) -> Response<Body> {
    body::drain(&parts.headers, body).await;
    let path = parts.uri.path();
    let request_id = request_id(&state.app, parts.headers.get(&REQUEST_ID));
    let error = if allowed.is_some() { ApiError::MethodNotAllowed } else { ApiError::NoRoute };
    let mut response = refuse(state, shape::surface_of(path), error, &request_id, path);
    if let Some(allowed) = allowed.and_then(|allowed| HeaderValue::try_from(allowed).ok()) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

fn serve<'a>(
    mut asked: Asked<'a>,
    state: &'a State,
    body: Body,
) -> impl Future<Output = Response<Body>> + 'a {
    let request_id = request_id(&state.app, asked.parts.headers.get(&REQUEST_ID));
    async move {
        let handled = handle(&mut asked, state, body, &request_id).await;
        told(&asked, state, handled, &request_id)
    }
}

/// The response, whatever came of the request.
fn told(
    asked: &Asked<'_>,
    state: &State,
    handled: Result<Answer, ApiError>,
    request_id: &str,
) -> Response<Body> {
    let Asked { operation, parts, allowance, .. } = asked;
    let answer = handled.and_then(|answer| respond(parts, answer, request_id));
    let mut response = answer.unwrap_or_else(|error| {
        refuse(state, operation.surface, error, request_id, parts.uri.path())
    });
    if let (Some(limit), Some(allowance)) = (&state.rate_limit, *allowance) {
        limit.tell(response.headers_mut(), allowance);
    }
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
    asked: &mut Asked<'_>,
    state: &State,
    body: Body,
    request_id: &str,
) -> Result<Answer, ApiError> {
    let admitted = admit(asked, state, request_id).await;
    let (operation, headers) = (asked.operation, &asked.parts.headers);
    let Admitted { caller, agent, permission, query } = match admitted {
        Ok(admitted) => admitted,
        Err(error) => {
            body::drain(headers, body).await;
            return Err(error);
        }
    };
    let (body, stream) = if operation.body == BodyRule::Stream {
        (Bytes::new(), Some(Incoming::new(headers.clone(), body)))
    } else {
        (body::read(operation, &asked.parts.method, headers, body).await?, None)
    };
    let (app, public_url) = (state.app.clone(), Arc::clone(&state.public_url));
    let precondition = conditional::precondition(headers);
    let key = idempotency::key(&app, &caller, operation, &asked.parts, &body)?;
    let (route, path) = (operation.path, asked.path.take().ok_or(ApiError::NoRoute)?);
    let call = Call {
        app,
        caller,
        agent,
        enrollments: state.enrollments.clone(),
        permission,
        route,
        path,
        query,
        precondition,
        body,
        stream: Mutex::new(stream),
        key,
        public_url,
    };
    // A defect that panics costs its own request, not the connection's others.
    let mut handled = AssertUnwindSafe((operation.handler)(call)).catch_unwind();
    // What is ready at once takes no timer.
    let first = poll_fn(|context| Poll::Ready(handled.poll_unpin(context))).await;
    let outcome = match first {
        Poll::Ready(outcome) => Ok(outcome),
        Poll::Pending => {
            forget_head(&mut asked.parts);
            Box::pin(tokio::time::timeout(operation.patience, handled)).await
        }
    };
    match outcome {
        // An enrolment token is a login like any other.
        Ok(Ok(Err(ApiError::App(error)))) if operation.access == Access::Enrollment => {
            Err(throttled(state, asked.peer, error))
        }
        Ok(Ok(answer)) => answer,
        Ok(Err(_panic)) => Err(ApiError::internal(&"a handler panicked")),
        Err(_elapsed) => Err(late(operation)),
    }
}

/// Lets go of what the answer to a change does not look at: thousands of agents wait for theirs, and the
/// head of each holds the buffer that it was read into.
fn forget_head(parts: &mut Parts) {
    if parts.method.is_safe() {
        return;
    }
    parts.headers = HeaderMap::new();
    if let Ok(path) = Uri::try_from(parts.uri.path()) {
        parts.uri = path;
    }
}

/// What is told where the use case did not end in time.
fn late(operation: &Operation) -> ApiError {
    if operation.method.is_safe() {
        return ApiError::TimedOut;
    }
    let why = format!("the request took longer than {:?}", operation.patience);
    AppError::InDoubt(why).into()
}

/// Who may go on, and with what.
struct Admitted {
    caller: Caller,
    agent: Option<Arc<Agent>>,
    permission: Permission,
    query: Query,
}

/// What is checked before the body is read.
async fn admit(
    asked: &mut Asked<'_>,
    state: &State,
    request_id: &str,
) -> Result<Admitted, ApiError> {
    let operation = asked.operation;
    let (mut agent, mut permission) = (None, Permission::ClientsView);
    let caller = match operation.access {
        // Public operations tell nothing of any tenant; nobody asks who calls.
        Access::Public => Caller::nobody(request_id.to_owned()),
        Access::Enrollment => {
            let nobody = Caller::nobody(request_id.to_owned());
            Caller { origin: origin(asked, request_id), ..nobody }
        }
        Access::Device => {
            let secret = bearer(asked);
            let found = match secret {
                Ok(secret) => state.app.authenticate_agent(&secret).await,
                Err(why) => Err(AppError::Unauthenticated(why)),
            };
            let found = found.map_err(|error| throttled(state, asked.peer, error))?;
            let principal = Arc::clone(found.principal());
            agent = Some(found);
            let caller = Caller { principal, origin: origin(asked, request_id) };
            limited(asked, state, &caller)?;
            caller
        }
        access => {
            let caller = authenticate(asked, state, request_id).await?;
            limited(asked, state, &caller)?;
            let counting = access.counting(caller.principal.permissions);
            permission = counting.unwrap_or(permission);
            caller
        }
    };
    idempotency::read(operation, &asked.parts.headers)?;
    let query = Query::read(asked.parts.uri.query().unwrap_or_default(), operation.query)?;
    Ok(Admitted { caller, agent, permission, query })
}

async fn authenticate(
    asked: &Asked<'_>,
    state: &State,
    request_id: &str,
) -> Result<Caller, ApiError> {
    let principal = match bearer(asked) {
        Ok(secret) => state.app.authenticate(&secret).await,
        Err(why) => Err(AppError::Unauthenticated(why)),
    };
    let principal = principal.map_err(|error| throttled(state, asked.peer, error))?;
    Ok(Caller { principal, origin: origin(asked, request_id) })
}

/// The token that a request bears.
fn bearer(asked: &Asked<'_>) -> Result<Secret, Unauthenticated> {
    match credentials::token(asked.operation.surface, &asked.parts.headers) {
        Ok(None) => Err(Unauthenticated::Missing),
        Err(()) => Err(Unauthenticated::Invalid),
        Ok(Some(secret)) => Ok(secret),
    }
}

fn origin(asked: &Asked<'_>, request_id: &str) -> Arc<Origin> {
    Arc::new(Origin {
        surface: asked.operation.surface,
        request_id: request_id.to_owned(),
        source_address: Some(asked.peer),
    })
}

/// Counts the request, or refuses it.
fn limited(asked: &mut Asked<'_>, state: &State, caller: &Caller) -> Result<(), ApiError> {
    let Some(limit) = &state.rate_limit else {
        return Ok(());
    };
    asked.allowance = limit.take(&caller.principal, state.app.elapsed());
    match asked.allowance.and_then(|allowance| allowance.wait) {
        Some(wait) => Err(ApiError::TooManyRequests(wait)),
        None => Ok(()),
    }
}

fn throttled(state: &State, address: IpAddr, error: AppError) -> ApiError {
    let wrong = matches!(
        error,
        AppError::Unauthenticated(Unauthenticated::Invalid | Unauthenticated::Expired)
    );
    match &state.throttle {
        Some(throttle) if wrong => match throttle.failed(address) {
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
    let mut headers = common(request_id)?;
    let cache = if answer.secret { "no-store" } else { "private, no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Some(policy) = answer.security_policy {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    }
    if let Some(next) = answer.next {
        let link = HeaderValue::try_from(format!("<{next}>; rel=\"next\""));
        headers.insert(header::LINK, link.map_err(|error| ApiError::internal(&error))?);
    }
    if let Some(location) = answer.location {
        let location = HeaderValue::try_from(location);
        headers.insert(header::LOCATION, location.map_err(|error| ApiError::internal(&error))?);
    }
    let (mut status, mut body) = (answer.status, answer.body);
    if let Some(version) = answer.version {
        let tag = answer.tag.unwrap_or_else(|| conditional::tag(version, &body));
        let safe = matches!(parts.method, Method::GET | Method::HEAD);
        // Writes have looked at it already, inside their transaction.
        if safe && !conditional::precondition(&parts.headers).holds(version) {
            return Err(AppError::PreconditionFailed.into());
        }
        if safe && conditional::has(&parts.headers, &tag) {
            status = StatusCode::NOT_MODIFIED;
            body = Bytes::new();
        }
        headers.insert(header::ETAG, value(tag)?);
    }
    let body = match answer.stream {
        Some((name, stream)) => {
            let file = format!("attachment; filename=\"{name}\"");
            headers.insert(header::CONTENT_DISPOSITION, value(file)?);
            stream
        }
        None if body.is_empty() => return Ok(response(status, headers, Body::empty())),
        None => Body::from(body),
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    Ok(response(status, headers, body))
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
        ApiError::App(AppError::InDoubt(cause)) => {
            tracing::warn!(%request_id, %path, %cause, "a change may have been made");
        }
        ApiError::App(AppError::StorageFull) => {
            tracing::error!(%request_id, %path, "the disk is full");
        }
        _ => {}
    }
    let has_failed_logins = matches!(error, ApiError::TooManyFailedLogins(_));
    let problem = Problem::from(error);
    let shaped = shape::shape(surface, &Told { problem: &problem, request_id, path });
    let Ok(mut headers) = common(request_id) else {
        tracing::error!(%request_id, "a request id is no header value");
        return response(shaped.status, HeaderMap::new(), Body::from(shaped.body));
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(shaped.content_type));
    if let Details::Credentials(why) = problem.details
        && let Ok(challenge) = value(challenge(state, why))
    {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = problem.retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if has_failed_logins {
        throttle::tell(&mut headers);
    }
    response(shaped.status, headers, Body::from(shaped.body))
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

/// What every answer has.
fn common(request_id: &str) -> Result<HeaderMap, ApiError> {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(&REQUEST_ID, value(request_id)?);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(headers)
}

fn value(text: impl TryInto<HeaderValue>) -> Result<HeaderValue, ApiError> {
    text.try_into().map_err(|_| ApiError::internal(&"a header's value is not one"))
}

fn response(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
