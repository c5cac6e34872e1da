//! Why a command stops, in a sentence for the person who started it, and the exit code.

use crate::output;
use clientbook_app::{AppError, Forbidden, Unauthenticated};
use clientbook_model::violation::Violation;
use std::process::ExitCode;

/// The reason, without a full stop.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A setting is wrong or missing: exit code 2, as for a wrong command line.
    Setting(String),
    /// The settings are right, but it does not work: exit code 1.
    Failed(String),
}

impl Failure {
    /// Says it on standard error.
    pub(crate) fn tell(&self) -> ExitCode {
        let (reason, code) = match self {
            Self::Setting(reason) => (reason, 2),
            Self::Failed(reason) => (reason, 1),
        };
        output::note(&format!("error: {reason}"));
        ExitCode::from(code)
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        // What the store does not know, such as a tenant, was named by a setting.
        let is_setting = matches!(error, AppError::Invalid(_) | AppError::NotFound(_));
        let told = sentence(error);
        if is_setting { Self::Setting(told) } else { Self::Failed(told) }
    }
}

/// What is told of it, without a full stop.
pub(crate) fn sentence(error: AppError) -> String {
    match error {
        AppError::Unauthenticated(why) => match why {
            Unauthenticated::Missing => "there are no credentials".into(),
            Unauthenticated::Invalid => "the token is not known".into(),
            Unauthenticated::Expired => "the token has expired".into(),
            Unauthenticated::ClientInactive | Unauthenticated::Suspended => {
                "the token's clients are inactive".into()
            }
        },
        AppError::Forbidden(Forbidden::Lacks(permission)) => {
            format!("the permission {} is missing", permission.as_str())
        }
        AppError::Forbidden(_) | AppError::NotCollected(_) => "this is not allowed".into(),
        AppError::NotFound(missing) => {
            format!("there is no {} {:?}", missing.kind.replace('_', " "), missing.id)
        }
        AppError::Gone(missing) => {
            format!("the {} {:?} was erased", missing.kind.replace('_', " "), missing.id)
        }
        AppError::Invalid(violations) => {
            violations.iter().map(violation).collect::<Vec<_>>().join("; ")
        }
        AppError::Conflict(conflict) => violation(&conflict),
        AppError::StorageFull => "the disk is full; nothing was changed".into(),
        AppError::Unavailable(why) | AppError::Internal(why) => why,
        AppError::InDoubt(why) => {
            format!("the change may have been made, look before repeating it: {why}")
        }
        AppError::KeyMismatch | AppError::StillRunning | AppError::NotKept(_) => {
            "this was asked for before".into()
        }
        AppError::NoRoomToKeep(_) => "too many calls with a key changed nothing".into(),
        AppError::Transition(_) | AppError::PreconditionFailed => {
            "the record does not allow this change now".into()
        }
    }
}

fn violation(violation: &Violation) -> String {
    match violation.path.as_str() {
        "" => violation.message.clone(),
        path => format!("{} {}", flag(path), violation.message),
    }
}

/// The flag that gave the field at `path` (a JSON pointer) of a new token.
pub(crate) fn flag(path: &str) -> String {
    let name = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    match name {
        "client_ids" => "--client".into(),
        name => format!("--{}", name.replace('_', "-")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_flags() {
        let violations = vec![
            Violation::new("exists", "must be the id of a client").below("/client_ids/0"),
            Violation::new("future", "must be in the future").below("/expires_at"),
        ];
        assert_eq!(
            sentence(AppError::Invalid(violations)),
            "--client must be the id of a client; --expires-at must be in the future"
        );
    }
}
