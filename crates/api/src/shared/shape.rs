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
    let success = ["/client", "/v2/client", "/customfield", "/client-types"];
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
    use super::camel;

    #[test]
    fn the_first_step_is_in_camel_case() {
        assert_eq!(camel("/nps_score"), "/npsScore");
        assert_eq!(camel("/contact_methods/0/is_x"), "/contactMethods/0/is_x");
        assert_eq!(camel("/siteUrl"), "/siteUrl");
        assert_eq!(camel(""), "");
    }
}
