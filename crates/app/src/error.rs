//! Why a use case refuses or fails. Each surface turns these into its own shape, in one table.

use crate::agents::NotCollected;
use clientbook_model::control::ControlError;
use clientbook_model::moving::Unreadable;
use clientbook_model::policy::{Decision, Overreach};
use clientbook_model::principal::Permission;
use clientbook_model::violation::Violation;
use clientbook_store::DbError;
use std::time::Duration;
use uuid::Uuid;

/// Why there is no answer.
#[derive(Debug, Clone)]
pub enum AppError {
    /// The credentials are missing or do not work.
    Unauthenticated(Unauthenticated),
    /// The caller may not do this.
    Forbidden(Forbidden),
    /// What an agent sent may not be collected.
    NotCollected(Box<NotCollected>),
    /// There is no such thing, or the caller may not know of it.
    NotFound(Missing),
    /// It was there, and was erased.
    Gone(Missing),
    /// Fields break rules; every one is listed.
    Invalid(Vec<Violation>),
    /// The state machine of collection control forbids it.
    Transition(ControlError),
    /// Something else already has what must be unique.
    Conflict(Violation),
    /// The call has the idempotency key of one that sent something else.
    KeyMismatch,
    /// A call with the same idempotency key is not yet done.
    StillRunning,
    /// The call was made before, and its answer is not told again; what it made has this id.
    NotKept(Option<Uuid>),
    /// The call changed nothing, and its answer would be one too many to keep for a repeat; there is
    /// room again after this.
    NoRoomToKeep(Duration),
    /// The record is of another version than the caller demands.
    PreconditionFailed,
    /// The disk is full.
    StorageFull,
    /// The store is away; trying again later may work.
    Unavailable(String),
    /// Nobody knows whether the change was made; never half of it.
    InDoubt(String),
    /// A defect of ours. For the log, never for the caller.
    Internal(String),
}

/// What is wrong with the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unauthenticated {
    /// There are none.
    Missing,
    /// Unknown, revoked, or not in a form we know.
    Invalid,
    /// Past their end.
    Expired,
    /// Every client they are bound to is inactive.
    ClientInactive,
    /// They are a device's, whose client is inactive: they may work again.
    Suspended,
}

/// Why the caller may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forbidden {
    /// It lacks this permission.
    Lacks(Permission),
    /// It is restricted to other clients, organizations or projects.
    OutsideRestriction,
    /// The client is inactive, and the caller is bound to it.
    ClientInactive,
    /// It would grant what it does not hold.
    Overreach(Overreach),
}

/// What was not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The kind of thing: `client`, `tenant`, `api_token`.
    pub kind: &'static str,
    /// The id as the caller wrote it.
    pub id: String,
}

impl From<DbError> for AppError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Full => Self::StorageFull,
            // Two calls with one key came this far: the other one was first.
            DbError::Unique(index) if index == "kept_answers_scope" => Self::StillRunning,
            DbError::Unique(index) => taken(&index),
            DbError::Unavailable(_) | DbError::Locked(_) => Self::Unavailable(error.to_string()),
            DbError::InDoubt(why) => Self::InDoubt(why),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<Unreadable> for AppError {
    fn from(why: Unreadable) -> Self {
        match why {
            Unreadable::Header(violations) => Self::Invalid(violations),
            Unreadable::Unclosed(violation) => Self::Invalid(vec![violation]),
            Unreadable::Other(violation) => Self::Conflict(violation),
        }
    }
}

/// Which values callers choose that must be unique, by the index that says so.
const UNIQUE: [(&str, &str, &str); 11] = [
    (
        "clients_external_id",
        "/external_id",
        "another client of the tenant already has this external id",
    ),
    ("client_types_title", "/title", "another client type of the tenant already has this title"),
    ("fields_field_key", "/key", "another field of the workspace already has this key"),
    (
        "client_values_field_key_digest",
        "/custom",
        "another client of the tenant already has a value that must be unique",
    ),
    ("client_ids_id", "/id", "another client already has this id"),
    (
        "enrollment_values_digest",
        "/enrollment_token",
        "another client has or had this enrolment token",
    ),
    ("enrollment_tokens_value", "/enrollment_token", "another client has this enrolment token"),
    (
        "departments_client_id_name",
        "/name",
        "another department of the client already has this name",
    ),
    ("tenants_id", "/id", "another tenant already has this id"),
    ("tenants_object_id", "/object_id", "another tenant already has this object id"),
    ("tenants_slug", "/slug", "another tenant already has this slug"),
];

fn taken(index: &str) -> AppError {
    match UNIQUE.iter().find(|(name, ..)| *name == index) {
        Some((_, path, message)) => {
            AppError::Conflict(Violation::new("unique", *message).below(path))
        }
        None => AppError::Internal(DbError::Unique(index.to_owned()).to_string()),
    }
}

/// Turns a refusal of the policy into an error; `Ok` is `Allow`.
pub(crate) fn enforce(
    decision: Decision,
    missing: impl FnOnce() -> Missing,
) -> Result<(), AppError> {
    let forbidden = match decision {
        Decision::Allow => return Ok(()),
        Decision::Hide => return Err(AppError::NotFound(missing())),
        Decision::Lacks(permission) => Forbidden::Lacks(permission),
        Decision::OutsideRestriction => Forbidden::OutsideRestriction,
        Decision::ClientInactive => Forbidden::ClientInactive,
    };
    Err(AppError::Forbidden(forbidden))
}

/// One violation at `path`.
pub(crate) fn invalid(path: &str, rule: &'static str, message: impl Into<String>) -> AppError {
    AppError::Invalid(vec![Violation::new(rule, message).below(path)])
}
