//! Why a request gets no answer, and the one table that turns every reason into a status, a code
//! and words. Each surface then puts them into its own shape.

use super::body::LIMIT;
use super::rate_limit::whole_seconds;
use axum::http::StatusCode;
use clientbook_app::{AppError, Forbidden, Missing, NotCollected, Unauthenticated};
use clientbook_model::control::ControlError;
use clientbook_model::policy::Overreach;
use clientbook_model::principal::Permission;
use clientbook_model::violation::Violation;
use std::time::Duration;
use uuid::Uuid;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// A use case refused or failed.
    App(AppError),
    /// The request cannot be read: not JSON, not an object, nothing in it.
    Unreadable(String),
    /// A query parameter is unknown or has a value that is not allowed.
    Query(Vec<Violation>),
    /// No such route.
    NoRoute,
    /// The route has other methods.
    MethodNotAllowed,
    /// The body is over this limit.
    TooLarge(usize),
    /// The body is compressed, or encoded otherwise.
    Encoded,
    /// The body is of another media type.
    UnsupportedMediaType(&'static str),
    /// Too many failed logins from this address.
    TooManyFailedLogins(Duration),
    /// The caller has used up its requests.
    TooManyRequests(Duration),
    /// The body did not arrive in time.
    SlowBody,
    /// The use case did not end in time, and changes nothing.
    TimedOut,
}

impl ApiError {
    pub(crate) fn internal(error: &dyn std::fmt::Display) -> Self {
        Self::App(AppError::Internal(error.to_string()))
    }
}

impl From<AppError> for ApiError {
    fn from(error: AppError) -> Self {
        Self::App(error)
    }
}

/// An error as every surface understands it.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// The code of the organizations API; other surfaces may not show it.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) details: Details,
    /// Seconds after which trying again may help, and does no harm.
    pub(crate) retry_after: Option<u64>,
}

/// What a program may want to know beyond the code.
#[derive(Debug)]
pub(crate) enum Details {
    None,
    /// Fields of the body.
    Fields(Vec<Violation>),
    /// Parameters of the query.
    Parameters(Vec<Violation>),
    Missing(Missing),
    Permission(Permission),
    Transition(ControlError),
    Credentials(Unauthenticated),
    NotCollected(Box<NotCollected>),
    /// The change may have been made.
    InDoubt,
    /// The id of what the first call with this key made.
    Made(Uuid),
}

impl Details {
    /// `true` where the change may have been made; absent, not `false`, everywhere else.
    pub(crate) fn in_doubt(&self) -> Option<bool> {
        matches!(self, Self::InDoubt).then_some(true)
    }
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, code, message, details: Details::None, retry_after: None }
    }

    fn with(mut self, details: Details) -> Self {
        self.details = details;
        self
    }

    fn retry(mut self, after: u64) -> Self {
        self.retry_after = Some(after);
        self
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        use StatusCode as S;
        match error {
            ApiError::App(error) => error.into(),
            ApiError::Unreadable(message) => Self::new(S::BAD_REQUEST, "invalid_request", message),
            ApiError::Query(fields) => {
                let message = sentence(&fields);
                let details = Details::Parameters(fields);
                Self::new(S::BAD_REQUEST, "invalid_request", message).with(details)
            }
            ApiError::NoRoute => Self::new(S::NOT_FOUND, "not_found", "There is no such route"),
            ApiError::MethodNotAllowed => {
                let message = "The route has no such method; the Allow header lists those it has";
                Self::new(S::METHOD_NOT_ALLOWED, "method_not_allowed", message)
            }
            ApiError::TooLarge(LIMIT) => {
                let message = "The body is larger than 1 MiB (1,048,576 bytes)";
                Self::new(S::PAYLOAD_TOO_LARGE, "payload_too_large", message)
            }
            ApiError::TooLarge(limit) => {
                let message = format!("The body is larger than {limit} bytes");
                Self::new(S::PAYLOAD_TOO_LARGE, "payload_too_large", message)
            }
            ApiError::Encoded => {
                let message = "The body must come as it is, without a Content-Encoding";
                Self::new(S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
            }
            ApiError::UnsupportedMediaType(allowed) => {
                let message = format!("The Content-Type must be {allowed}");
                Self::new(S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
            }
            ApiError::TooManyFailedLogins(wait) => {
                let message = "Too many failed logins from this address";
                let seconds = wait.as_secs() + 1;
                Self::new(S::TOO_MANY_REQUESTS, "rate_limited", message).retry(seconds)
            }
            ApiError::TooManyRequests(wait) => {
                let message =
                    "You have made more requests than you may: see the header RateLimit-Policy";
                Self::new(S::TOO_MANY_REQUESTS, "rate_limited", message).retry(whole_seconds(wait))
            }
            ApiError::SlowBody => {
                let message = "The body did not arrive within 30 seconds";
                Self::new(S::REQUEST_TIMEOUT, "invalid_request", message)
            }
            ApiError::TimedOut => {
                let message = "The request took too long; nothing was changed";
                Self::new(S::SERVICE_UNAVAILABLE, "unavailable", message).retry(5)
            }
        }
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        use StatusCode as S;
        match error {
            AppError::Unauthenticated(why) => unauthenticated(why),
            AppError::Forbidden(why) => forbidden(&why),
            AppError::NotFound(missing) => not_found(missing),
            AppError::NotCollected(why) => not_collected(why),
            AppError::Gone(missing) => {
                let message = "It was erased: what it was like is not known any more";
                Self::new(S::GONE, "gone", message).with(Details::Missing(missing))
            }
            AppError::Invalid(fields) => {
                let message = sentence(&fields);
                let details = Details::Fields(fields);
                Self::new(S::BAD_REQUEST, "invalid_request", message).with(details)
            }
            AppError::Transition(refused) => {
                let details = Details::Transition(refused);
                Self::new(S::BAD_REQUEST, "invalid_transition", refused.to_string()).with(details)
            }
            AppError::Conflict(field) => {
                let message = sentence(std::slice::from_ref(&field));
                let details = Details::Fields(vec![field]);
                Self::new(S::CONFLICT, "conflict", message).with(details)
            }
            AppError::KeyMismatch => {
                let message = "The Idempotency-Key was used for another request: take a new one";
                Self::new(S::UNPROCESSABLE_ENTITY, "idempotency_mismatch", message)
            }
            AppError::StillRunning => {
                let message =
                    "A request with this Idempotency-Key is not yet done: repeat it later";
                Self::new(S::CONFLICT, "conflict", message).retry(1)
            }
            AppError::NotKept(made) => not_kept(made),
            AppError::NoRoomToKeep(wait) => no_room(wait),
            AppError::PreconditionFailed => {
                let message = "The record is of another version than If-Match demands";
                Self::new(S::PRECONDITION_FAILED, "precondition_failed", message)
            }
            AppError::StorageFull => {
                let message = "The server's disk is full; nothing was changed";
                Self::new(S::INSUFFICIENT_STORAGE, "insufficient_storage", message)
            }
            AppError::Unavailable(_) => {
                let message = "The store is not available; nothing was changed";
                Self::new(S::SERVICE_UNAVAILABLE, "unavailable", message).retry(5)
            }
            // Not to be tried again unread, so it does not say when.
            AppError::InDoubt(_) => {
                let message = "The change may have been made: read before repeating it";
                Self::new(S::SERVICE_UNAVAILABLE, "unavailable", message).with(Details::InDoubt)
            }
            AppError::Internal(_) => {
                let message = "Something failed inside; the log has the cause under the request id";
                Self::new(S::INTERNAL_SERVER_ERROR, "internal_error", message)
            }
        }
    }
}

fn not_collected(why: Box<NotCollected>) -> Problem {
    let message = "What was sent may not be collected; nothing of it was stored";
    let problem = Problem::new(StatusCode::FORBIDDEN, "collection_not_permitted", message);
    problem.with(Details::NotCollected(why))
}

fn not_found(missing: Missing) -> Problem {
    let message = match missing.kind {
        "client" => "Client not found",
        "tenant" => "Tenant not found",
        "field" => "Field not found",
        "device" => "Device not found",
        "user" => "User not found",
        "department" => "Department not found",
        _ => "Not found",
    };
    Problem::new(StatusCode::NOT_FOUND, "not_found", message).with(Details::Missing(missing))
}

fn not_kept(made: Option<Uuid>) -> Problem {
    let problem = |message: String| Problem::new(StatusCode::CONFLICT, "conflict", message);
    let done = "The request with this Idempotency-Key was done, and its answer is not told again";
    match made {
        Some(id) => problem(format!("{done}; it made {id}")).with(Details::Made(id)),
        None => problem(done.into()),
    }
}

fn no_room(wait: Duration) -> Problem {
    let message = "Too many calls with an Idempotency-Key changed nothing: repeat this one later, or \
                   without the key";
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message);
    problem.retry(whole_seconds(wait))
}

fn unauthenticated(why: Unauthenticated) -> Problem {
    let message = match why {
        Unauthenticated::Missing => "Send an access token: Authorization: Bearer <token>",
        Unauthenticated::Invalid => "The access token is not valid",
        Unauthenticated::Expired => "The access token has expired",
        Unauthenticated::ClientInactive => {
            "The client that the access token is bound to is inactive"
        }
        Unauthenticated::Suspended => "The device's client is inactive: ask again in 5 minutes",
    };
    let details = Details::Credentials(why);
    let code =
        if why == Unauthenticated::Suspended { "client_inactive" } else { "unauthenticated" };
    Problem::new(StatusCode::UNAUTHORIZED, code, message).with(details)
}

fn forbidden(why: &Forbidden) -> Problem {
    let refuse = |message: String| Problem::new(StatusCode::FORBIDDEN, "forbidden", message);
    match why {
        Forbidden::Lacks(permission) => {
            let message = format!("The permission {} is missing", permission.as_str());
            refuse(message).with(Details::Permission(*permission))
        }
        Forbidden::OutsideRestriction => {
            refuse("The access token is restricted to other clients".into())
        }
        Forbidden::ClientInactive => refuse("The client is inactive".into()),
        Forbidden::Overreach(Overreach::Permissions(missing)) => {
            let names: Vec<_> = missing.iter().map(Permission::as_str).collect();
            refuse(format!("Nobody grants more than they hold; missing: {}", names.join(", ")))
        }
        Forbidden::Overreach(Overreach::Tenant) => {
            refuse("The only tenant that you can name is your own".into())
        }
        Forbidden::Overreach(Overreach::Restriction) => refuse(
            "Nobody grants more than they hold; the token must have your restrictions".into(),
        ),
        Forbidden::Overreach(Overreach::Expiry(end)) => refuse(format!(
            "Nobody grants more than they hold; your own token ends at {end}: give expires_at, no \
             later than that"
        )),
    }
}

/// The violations as one sentence, for surfaces and people that read nothing else.
pub(crate) fn sentence(fields: &[Violation]) -> String {
    let parts = fields.iter().map(|field| match field.path.trim_start_matches('/') {
        "" => field.message.clone(),
        name => format!("{name}: {}", field.message),
    });
    parts.collect::<Vec<_>>().join("; ")
}
