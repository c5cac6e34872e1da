//! `/v2/agent`: what devices' agents say. `clientbook_agent_protocol` has the messages as agents know
//! them; tests read the answers with it.

mod check_in;
mod device;
mod enroll;
mod inventory;
mod logs;
mod uninstalled;
mod usage;
pub(super) mod views;

pub(super) use check_in::WaitSeconds;

use super::docs::agents as docs;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::Fields;
use crate::shared::operation::{Access, BodyRule, Operation};
use axum::http::Method;
use clientbook_agent_protocol::{limits, path};
use clientbook_app::{Agent, AppError};
use clientbook_model::agent::Payload;
use clientbook_model::audit::Surface;
use clientbook_model::violation::Violation;
use serde_json::Value;
use std::time::Duration;

/// How long a check-in may take: as long as it may wait, and as long as any other call.
const PATIENCE: Duration = Duration::from_secs(limits::WAIT_SECONDS as u64 + 30);

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Surface::Organizations,
            Method::POST,
            path::ENROLL,
            Access::Enrollment,
            enroll::enroll,
            docs::enroll,
        )
        .body(BodyRule::Json),
        of_device(Method::POST, path::CHECK_IN, check_in::check_in, docs::check_in)
            .body(BodyRule::Json)
            .patience(PATIENCE),
        of_device(Method::PUT, path::INVENTORY, inventory::replace, docs::inventory)
            .body(BodyRule::Json)
            .bulk(),
        of_device(Method::POST, path::USAGE, usage::take, docs::usage).body(BodyRule::Json).bulk(),
        of_device(Method::POST, path::LOGS, logs::take, docs::logs).body(BodyRule::Json),
        of_device(Method::POST, path::UNINSTALLED, uninstalled::uninstalled, docs::uninstalled)
            .body(BodyRule::Optional),
    ]
}

fn of_device<F, R>(
    method: Method,
    path: &'static str,
    handler: F,
    doc: fn() -> crate::openapi::Doc,
) -> Operation
where
    F: Fn(Call) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Answer, ApiError>> + Send + 'static,
{
    Operation::new(Surface::Organizations, method, path, Access::Device, handler, doc)
}

/// What was read of a request, or why it could not be; the latter is told only where something like it
/// may be collected.
fn admitted<T>(
    call: &Call,
    agent: &Agent,
    payloads: &[Payload],
    read: Result<T, ApiError>,
) -> Result<T, ApiError> {
    if read.is_err() {
        call.app.refuse_handed(agent, payloads.iter().copied())?;
    }
    read
}

/// What was read of an object, unless something is wrong with it.
fn whole<T>(fields: Fields<'_>, read: Option<T>) -> Result<T, Vec<Violation>> {
    match read {
        Some(read) if fields.violations.is_empty() => Ok(read),
        _ => Err(fields.violations),
    }
}

/// An object in a field; absent and null are the same.
fn nested<T>(
    fields: &mut Fields<'_>,
    (at, name): (&str, &str),
    read: impl FnOnce(&Value, &str) -> Result<T, Vec<Violation>>,
) -> Option<T> {
    let value = fields.raw(name).filter(|value| !value.is_null())?;
    match read(value, &format!("{at}/{name}")) {
        Ok(read) => Some(read),
        Err(broken) => {
            fields.note(broken);
            None
        }
    }
}

fn invalid(violations: Vec<Violation>) -> ApiError {
    AppError::Invalid(violations).into()
}

#[cfg(test)]
pub(super) mod known {
    //! The names of fields that are read, for the descriptions' tests.
    pub(in crate::organizations) use super::check_in::{CHECK_IN, DEPLOYMENT_ERROR, SEEN_USER};
    pub(in crate::organizations) use super::device::{DEVICE, EXTENSION, EXTENSIONS, HARDWARE};
    pub(in crate::organizations) use super::enroll::ENROLL;
    pub(in crate::organizations) use super::inventory::{INVENTORY, SOFTWARE};
    pub(in crate::organizations) use super::logs::{LINE, LOGS};
    pub(in crate::organizations) use super::usage::{RECORD, USAGE};
}
