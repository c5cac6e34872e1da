//! The error answers of an operation. Their examples are made by the code that makes the answers,
//! so status, media type and body are what callers get.

use super::doc::{Doc, Refusal};
use super::parameters;
use crate::shared::error::{ApiError, Problem};
use crate::shared::idempotency;
use crate::shared::operation::{Access, BodyRule, Operation};
use crate::shared::shape::{self, Told};
use axum::http::Method;
use clientbook_app::{AppError, Forbidden, Missing, NotCollected, Unauthenticated};
use clientbook_model::agent::{Collected, Directive};
use clientbook_model::collection::{CollectionMode, TransitionError};
use clientbook_model::control::ControlError;
use clientbook_model::device::{CollectionState, StateTransitionError};
use clientbook_model::device_user::{UserStatus, UserTransitionError};
use clientbook_model::id::{DeviceId, DeviceUserId};
use clientbook_model::moving::other_content;
use clientbook_model::violation::Violation;
use serde_json::{Map, Value, json};
use std::time::Duration;
use uuid::Uuid;

/// A way to fail, by name.
type Sample = (&'static str, ApiError);

/// Every error answer of an operation, by status.
pub(super) fn answers(operation: &Operation, doc: &Doc) -> Map<String, Value> {
    let mut answers = Map::new();
    for (name, error) in samples(operation, doc) {
        let problem = Problem::from(error);
        let path = parameters::example_path(operation);
        let told = Told { problem: &problem, request_id: parameters::REQUEST_ID, path: &path };
        let shaped = shape::shape(operation.surface, &told);
        let example: Value = serde_json::from_slice(&shaped.body).unwrap_or_default();
        let status = shaped.status.as_u16();
        let answer = answers.entry(status.to_string()).or_insert_with(|| {
            json!({
                "description": about(status, operation),
                "headers": headers(status, operation),
                "content": { shaped.content_type: {
                    "schema": { "$ref": format!("#/components/schemas/{ERROR}") },
                    "examples": {},
                } },
            })
        });
        answer["content"][shaped.content_type]["examples"][name] = json!({ "value": example });
    }
    answers
}

/// What the first call made, in examples.
const MADE: Uuid = Uuid::from_u128(0x0195_803b_5c40_7d0f_9c1b_7a6e_5d4c_3b2a);

/// The demo's first device, in examples.
const DEVICE: Uuid = uuid::uuid!("f1e2d3c4-b5a6-7890-abcd-ef1234567890");

/// The demo's first user, in examples.
const USER: Uuid = uuid::uuid!("a1b2c3d4-e5f6-7890-abcd-ef1234567890");

/// The name of every surface's error schema.
pub(super) const ERROR: &str = "Error";

fn samples(operation: &Operation, doc: &Doc) -> Vec<Sample> {
    let (mut samples, app) = (vec![query(operation)], ApiError::App);
    if let Some(permission) = operation.access.permissions().next() {
        let missing = app(AppError::Unauthenticated(Unauthenticated::Missing));
        let invalid = app(AppError::Unauthenticated(Unauthenticated::Invalid));
        samples.push(("missing_token", missing));
        samples.push(("invalid_token", invalid));
        samples.push(("forbidden", app(AppError::Forbidden(Forbidden::Lacks(permission)))));
        let wait = Duration::from_millis(500);
        samples.push(("failed_logins", ApiError::TooManyFailedLogins(wait)));
        samples.push(("rate_limited", ApiError::TooManyRequests(wait)));
    }
    if matches!(operation.access, Access::Device | Access::Enrollment) {
        samples.extend(of_agents(operation));
    }
    if let Some(missing) = missing(operation) {
        samples.push(("not_found", missing));
    }
    samples.push(("method_not_allowed", ApiError::MethodNotAllowed));
    if operation.body == BodyRule::Stream {
        samples.extend(of_a_stream());
    } else if operation.body != BodyRule::None {
        samples.extend(of_a_body(operation));
    }
    samples.extend(doc.refusals.iter().copied().map(refusal));
    if idempotency::counts(operation) {
        samples.push(("idempotency_mismatch", app(AppError::KeyMismatch)));
        samples.push(("still_running", app(AppError::StillRunning)));
        samples.push(("not_kept", app(AppError::NotKept(Some(MADE)))));
    }
    if doc.success.tagged || doc.success.preconditioned {
        samples.push(("precondition_failed", AppError::PreconditionFailed.into()));
    }
    samples.push(("internal_error", app(AppError::Internal(String::new()))));
    samples.push(("unavailable", app(AppError::Unavailable(String::new()))));
    if operation.method != Method::GET {
        samples.push(("in_doubt", app(AppError::InDoubt(String::new()))));
    }
    if operation.method != Method::GET || operation.path == "/readyz" {
        samples.push(("insufficient_storage", app(AppError::StorageFull)));
    }
    samples
}

/// What agents are refused for.
fn of_agents(operation: &Operation) -> Vec<Sample> {
    let refused = |why| ApiError::App(AppError::Unauthenticated(why));
    let wait = Duration::from_millis(500);
    let mut samples = vec![
        ("invalid_token", refused(Unauthenticated::Invalid)),
        ("failed_logins", ApiError::TooManyFailedLogins(wait)),
        ("rate_limited", ApiError::TooManyRequests(wait)),
    ];
    if operation.access == Access::Device {
        samples.push(("missing_token", refused(Unauthenticated::Missing)));
        samples.push(("client_inactive", refused(Unauthenticated::Suspended)));
    }
    samples
}

fn query(operation: &Operation) -> Sample {
    let has: Vec<_> = operation.parameters().collect();
    let has = if has.is_empty() { "none".into() } else { has.join(", ") };
    let message = format!("is no query parameter of this call (it has: {has})");
    let violation = Violation::new(crate::shared::query::UNKNOWN_PARAMETER, message);
    ("unknown_parameter", ApiError::Query(vec![violation.below("/verbose")]))
}

fn missing(operation: &Operation) -> Option<ApiError> {
    let last = parameters::names(operation.path).last()?;
    let id = parameters::example(operation.surface, last);
    let kind = match last {
        "token_id" if operation.path.contains("enrollment-tokens") => "enrollment_token",
        "token_id" => "api_token",
        "tenant_id" | "workspace_id" => "tenant",
        "field_id" => "field",
        "device_id" => "device",
        "software_id" => "software",
        "user_id" => "user",
        "department_id" => "department",
        _ => "client",
    };
    Some(match operation.access {
        Access::Public | Access::Device | Access::Enrollment => ApiError::NoRoute,
        Access::Permission(_) | Access::Either(..) => {
            AppError::NotFound(Missing { kind, id }).into()
        }
    })
}

fn of_a_body(operation: &Operation) -> Vec<Sample> {
    let unreadable = "The body is not JSON: expected value at line 1 column 1";
    let patch = operation.method == Method::PATCH;
    let media_type =
        if patch { "application/json or application/merge-patch+json" } else { "application/json" };
    let mut samples = vec![
        ("unreadable", ApiError::Unreadable(unreadable.into())),
        ("slow_body", ApiError::SlowBody),
        ("payload_too_large", ApiError::TooLarge(operation.limit)),
        ("unsupported_media_type", ApiError::UnsupportedMediaType(media_type)),
    ];
    if operation.body == BodyRule::Json {
        let broken = Violation::new("unknown_field", "is no field of this request");
        let broken = AppError::Invalid(vec![broken.below("/colour")]);
        samples.push(("invalid_field", broken.into()));
    }
    samples
}

fn of_a_stream() -> Vec<Sample> {
    let broken = Violation::new("unknown_field", "is no column of a client").below("/colour");
    let other = ApiError::UnsupportedMediaType("application/x-ndjson or text/csv");
    vec![("header", AppError::Invalid(vec![broken]).into()), ("unsupported_media_type", other)]
}

fn refusal(refusal: Refusal) -> Sample {
    match refusal {
        Refusal::Conflict => {
            let message = "another client of the tenant already has this external id";
            ("conflict", taken("/external_id", message))
        }
        Refusal::TenantTaken => {
            ("conflict", taken("/slug", "another tenant already has this slug"))
        }
        Refusal::TitleTaken => {
            let message = "another client type of the tenant already has this title";
            ("conflict", taken("/title", message))
        }
        Refusal::KeyTaken => {
            let message = "another field of the workspace already has this key";
            ("conflict", taken("/key", message))
        }
        Refusal::ValueTaken => {
            let message = "another client of the tenant already has this value";
            ("value_taken", taken("/custom", message))
        }
        Refusal::ClientDeleted => {
            let message = "the client's collection mode is deleted: no device may join it";
            let violation = Violation::new("client_deleted", message);
            ("conflict", AppError::Conflict(violation).into())
        }
        Refusal::OtherImport => {
            let message =
                "another import has this id: choose another, or repeat that one as it was";
            let violation = Violation::new("other_import", message).below("/import_id");
            ("conflict", AppError::Conflict(violation).into())
        }
        Refusal::OtherContent => ("other_content", AppError::Conflict(other_content()).into()),
        Refusal::NotRevertible => {
            let message = "must be an entry that changed fields of the client";
            let violation = Violation::new("changes_fields", message).below("/entry_id");
            ("not_revertible", AppError::Conflict(violation).into())
        }
        Refusal::NotDeleted => {
            let message = "must be deleted before the client can be erased";
            let violation = Violation::new("deleted_first", message).below("/collection_mode");
            ("not_deleted", AppError::Conflict(violation).into())
        }
        Refusal::NotCollected => ("collection_not_permitted", not_collected()),
        Refusal::Erased => {
            let id = "aa7cf840-9ca9-46a3-9778-9015d6580d50".to_owned();
            ("erased", AppError::Gone(Missing { kind: "client", id }).into())
        }
        Refusal::Transition
        | Refusal::StateTransition
        | Refusal::UserTransition
        | Refusal::ClientControl => of_control(refusal),
        Refusal::DepartmentTaken => {
            let message = "another department of the client already has this name";
            ("conflict", taken("/name", message))
        }
    }
}

/// What the state machines of collection control refuse.
fn of_control(refusal: Refusal) -> Sample {
    let (name, refused) = match refusal {
        Refusal::StateTransition => {
            let device_id = DeviceId(DEVICE);
            let (current, requested) = (CollectionState::Deleted, CollectionState::Enabled);
            let refused = StateTransitionError { device_id, current, requested };
            ("invalid_transition", ControlError::State(refused))
        }
        Refusal::UserTransition => {
            let user_id = DeviceUserId(USER);
            let (current, requested) = (UserStatus::Deleted, UserStatus::Active);
            let refused = UserTransitionError { user_id, current, requested };
            ("invalid_transition", ControlError::User(refused))
        }
        Refusal::ClientControl => ("client_deleted", ControlError::ClientDeleted),
        _ => {
            let (current, requested) = (CollectionMode::Deleted, CollectionMode::SaasUsage);
            let refused = TransitionError { current, requested };
            ("invalid_transition", ControlError::Mode(refused))
        }
    };
    (name, AppError::Transition(refused).into())
}

fn not_collected() -> ApiError {
    let why = NotCollected {
        effective_mode: CollectionMode::Discovery,
        directive: Directive::Collect,
        collect: &[Collected::Device, Collected::Software],
        user_keys: Vec::new(),
        refused: Vec::new(),
    };
    AppError::NotCollected(Box::new(why)).into()
}

fn taken(path: &str, message: &str) -> ApiError {
    AppError::Conflict(Violation::new("unique", message).below(path)).into()
}

fn about(status: u16, operation: &Operation) -> String {
    let about = match status {
        400 => "The request cannot be read, or breaks a rule",
        401 => "The token is missing or does not work",
        403 if operation.access == Access::Device => "What was sent may not be collected",
        403 => "The token does not allow this",
        404 => "There is no such thing, or the caller may not know of it",
        405 => "The path has no such method",
        408 => "The body did not arrive within 30 seconds",
        409 => {
            "Another record already has what must be unique, the record's state forbids it, or a \
             call with this Idempotency-Key is not yet done"
        }
        410 => "It was erased",
        412 => "The record is of another version than If-Match demands",
        413 => return format!("The body is larger than {} bytes", operation.limit),
        415 => "The body is of another media type",
        422 => "Values break rules, each of them listed; or the Idempotency-Key is another call's",
        429 => "Too many requests of this caller, or too many failed logins from this address",
        503 => "The store is away, the call took too long, or the change is in doubt",
        507 => "The disk is full; nothing was changed",
        _ => "Something failed inside; the log has the cause under the request id",
    };
    about.to_owned()
}

/// The headers of an error answer. No answer to a call that changes nothing is in doubt.
fn headers(status: u16, operation: &Operation) -> Value {
    let safe = operation.method == Method::GET;
    let mut headers = super::common_headers(operation);
    let always = (safe || status != 503) && status != 409;
    let when = if always {
        "Seconds after which to try again"
    } else {
        "Seconds after which to try again; absent where the change may have been made"
    };
    let more = match status {
        401 => Some(("WWW-Authenticate", "The scheme to use (RFC 6750)", "string")),
        405 => Some(("Allow", "The methods that the path has", "string")),
        409 if safe => None,
        409 => Some((
            "Retry-After",
            "Seconds after which to repeat a call that is not yet done",
            "integer",
        )),
        429 | 503 => Some(("Retry-After", when, "integer")),
        _ => None,
    };
    if let Some((name, about, kind)) = more {
        headers[name] =
            json!({ "description": about, "required": always, "schema": { "type": kind } });
    }
    headers
}
