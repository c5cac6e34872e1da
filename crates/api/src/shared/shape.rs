//! The error shape of each surface.

use super::error::Problem;
use super::fields::UNKNOWN_FIELD;
use super::query::UNKNOWN_PARAMETER;
use crate::{customer_success, organizations, tenants, workspace};
use axum::http::StatusCode;
use clientbook_model::audit::Surface;
use clientbook_model::violation::Violation;

/// An error in a surface's shape.
pub(crate) struct Shaped {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

/// What a surface needs to know to tell an error.
pub(crate) struct Told<'a> {
    pub(crate) problem: &'a Problem,
    pub(crate) request_id: &'a str,
    pub(crate) path: &'a str,
}

/// Puts an error into the shape of `surface`.
pub(crate) fn shape(surface: Surface, told: &Told<'_>) -> Shaped {
    match surface {
        Surface::Tenants => tenants::errors::shape(told),
        Surface::Workspace => workspace::errors::shape(told),
        Surface::CustomerSuccess => customer_success::errors::shape(told),
        Surface::Organizations | Surface::Cli | Surface::System => {
            organizations::errors::shape(told)
        }
    }
}

/// The surface that a path belongs to, for what no operation answers.
pub(crate) fn surface_of(path: &str) -> Surface {
    let below = |base: &str| {
        path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let success = ["/client", "/v2/client", "/customfield", "/v2/customfield", "/client-types"];
    if below("/clients/v1") {
        Surface::Tenants
    } else if below("/v1/workspace") {
        Surface::Workspace
    } else if success.into_iter().any(below) {
        Surface::CustomerSuccess
    } else {
        Surface::Organizations
    }
}

/// JSON from a view; our views have string keys and finite numbers, so this cannot fail.
pub(crate) fn json(view: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(view).unwrap_or_default()
}

/// The pointer of a violation on the camel-case surfaces. What they do not know keeps the name it
/// was sent by: `/site_url` told as `/siteUrl` would name a field that they do know.
pub(crate) fn path_in_camel(violation: &Violation) -> String {
    match violation.rule {
        UNKNOWN_FIELD | UNKNOWN_PARAMETER => violation.path.clone(),
        _ => camel(&violation.path),
    }
}

/// A pointer whose first step is in camel case: `/avatar_url` becomes `/avatarUrl`. The record's
/// fields have the same names on the camel-case surfaces, written that way.
fn camel(pointer: &str) -> String {
    let steps = pointer.strip_prefix('/').unwrap_or_default();
    let (first, rest) = steps.split_at(steps.find('/').unwrap_or(steps.len()));
    let mut camel = String::from(if pointer.is_empty() { "" } else { "/" });
    for (at, word) in first.split('_').enumerate() {
        let mut letters = word.chars();
        match letters.next() {
            Some(letter) if at > 0 => camel.extend(letter.to_uppercase()),
            letter => camel.extend(letter),
        }
        camel.push_str(letters.as_str());
    }
    camel + rest
}

#[cfg(test)]
mod tests {
    use super::{Told, camel, shape};
    use crate::shared::error::{ApiError, Problem};
    use clientbook_app::AppError;
    use clientbook_model::audit::Surface;
    use serde_json::{Value, json};

    /// What a surface says of an error, and after how many seconds to come back.
    fn told(surface: Surface, error: AppError) -> (u16, Option<u64>, Value) {
        let problem = Problem::from(ApiError::from(error));
        let shaped =
            shape(surface, &Told { problem: &problem, request_id: "request", path: "/path" });
        let body = serde_json::from_slice(&shaped.body).expect("JSON");
        (shaped.status.as_u16(), problem.retry_after, body)
    }

    #[test]
    fn who_is_in_doubt_is_told_to_look_and_not_when_to_repeat() {
        let message = "The change may have been made: read before repeating it";
        let organizations = json!({ "error": {
            "code": "unavailable", "message": message, "details": { "in_doubt": true },
        } });
        let tenants =
            json!({ "error": "Service Unavailable", "message": message, "in_doubt": true });
        let workspace = json!({ "error": {
            "code": "unavailable", "message": message, "in_doubt": true,
        } });
        let success = json!({
            "type": "about:blank", "title": "Service Unavailable", "status": 503,
            "detail": message, "instance": "/path", "in_doubt": true,
        });
        let expected = [
            (Surface::Organizations, organizations),
            (Surface::Tenants, tenants),
            (Surface::Workspace, workspace),
            (Surface::CustomerSuccess, success),
        ];
        for (surface, body) in expected {
            let in_doubt = AppError::InDoubt("the driver's words".into());
            assert_eq!(told(surface, in_doubt), (503, None, body), "{surface:?}");
        }
    }

    #[test]
    fn who_was_not_served_is_told_that_nothing_was_changed_and_when_to_repeat() {
        let surfaces = [
            Surface::Organizations,
            Surface::Tenants,
            Surface::Workspace,
            Surface::CustomerSuccess,
        ];
        for surface in surfaces {
            let away = AppError::Unavailable("the driver's words".into());
            let (status, retry_after, body) = told(surface, away);
            assert_eq!((status, retry_after), (503, Some(5)), "{surface:?}");
            let body = body.to_string();
            assert!(body.contains("nothing was changed"), "{body}");
            assert!(!body.contains("in_doubt") && !body.contains("driver"), "{body}");
        }
    }

    #[test]
    fn the_first_step_is_in_camel_case() {
        assert_eq!(camel("/nps_score"), "/npsScore");
        assert_eq!(camel("/contact_methods/0/is_x"), "/contactMethods/0/is_x");
        assert_eq!(camel("/siteUrl"), "/siteUrl");
        assert_eq!(camel(""), "");
    }
}
