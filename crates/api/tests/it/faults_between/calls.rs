//! What is asked for, and what every answer must be like.

use axum::http::Method;
use clientbook_testkit::{ACME, ACME_OBJECT, Answer, GLOBEX};
use serde_json::{Value, json};

/// Where a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Surface {
    Organizations,
    Tenants,
    Workspace,
    CustomerSuccess,
}

impl Surface {
    pub(super) const ALL: [Self; 4] =
        [Self::Organizations, Self::Tenants, Self::Workspace, Self::CustomerSuccess];
}

/// A call and what it should do.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) surface: Surface,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
    pub(super) effect: Effect,
}

/// What a call does if it is answered with success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It changes something.
    Change,
    /// It may find that everything is as it should be.
    MayChange,
    /// It makes a token.
    Token,
    /// It takes a token back, unless somebody has.
    Revoke,
    /// Nothing.
    Read,
}

fn call(surface: Surface, method: Method, path: String, effect: Effect) -> Call {
    Call { surface, method, path, body: None, effect }
}

fn patch(surface: Surface, path: String, body: Value, effect: Effect) -> Call {
    Call { body: Some(body), ..call(surface, Method::PATCH, path, effect) }
}

/// The `step`th change of Acme on a surface. Where `mark` can be written, it changes something; else
/// if it follows the step before.
pub(super) fn change(surface: Surface, mark: &str, step: usize) -> Call {
    let (path, body) = match surface {
        Surface::Organizations => {
            let mode = ["discovery", "disabled", "saas_usage"][step % 3];
            (format!("/v2/clients/{ACME}"), json!({ "collection_mode": mode }))
        }
        Surface::Tenants => {
            let verb = ["deactivate", "activate"][step % 2];
            (format!("/clients/v1/tenants/tenant123/clients/456/{verb}"), json!({}))
        }
        Surface::Workspace => {
            (format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}"), json!({ "name": mark }))
        }
        Surface::CustomerSuccess => (format!("/client/{ACME}"), json!({ "note": mark })),
    };
    let sure = matches!(surface, Surface::Workspace | Surface::CustomerSuccess);
    patch(surface, path, body, if sure { Effect::Change } else { Effect::MayChange })
}

/// Where the fields of the workspace are.
const FIELDS: &str = "/v1/workspace/tenant123/clients/fields";

/// Defines a field, whose key is made of `mark`.
pub(super) fn define(mark: &str) -> Call {
    let body = json!({ "label": mark, "type": "text", "isUnique": true });
    let define = call(Surface::Workspace, Method::POST, FIELDS.to_owned(), Effect::Change);
    Call { body: Some(body), ..define }
}

/// Changes a definition.
pub(super) fn describe(id: &str, mark: &str) -> Call {
    let body = json!({ "description": mark });
    patch(Surface::Workspace, format!("{FIELDS}/{id}"), body, Effect::Change)
}

/// Gives Acme a value of a field.
pub(super) fn fill(key: &str, mark: &str) -> Call {
    let path = format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}");
    let body = json!({ "customFields": [{ "fieldKey": key, "value": mark }] });
    patch(Surface::Workspace, path, body, Effect::Change)
}

/// A change of Globex.
pub(super) fn change_other(mark: &str) -> Call {
    let (path, body) = (format!("/client/{GLOBEX}"), json!({ "custom": { "mark": mark } }));
    patch(Surface::CustomerSuccess, path, body, Effect::Change)
}

pub(super) fn read(surface: Surface) -> Call {
    let path = match surface {
        Surface::Organizations => format!("/v2/clients/{ACME}"),
        Surface::Tenants => "/clients/v1/tenants/tenant123/clients/456".to_owned(),
        Surface::Workspace => format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}"),
        Surface::CustomerSuccess => format!("/client/{ACME}"),
    };
    call(surface, Method::GET, path, Effect::Read)
}

pub(super) fn read_log() -> Call {
    let path = format!("/v2/clients/{ACME}/collection-control/audit-log?page_size=5");
    call(Surface::Organizations, Method::GET, path, Effect::Read)
}

pub(super) fn make_token() -> Call {
    let body = json!({ "name": "Of the faults", "tenant": "tenant999", "role": "viewer" });
    let path = "/v2/api-tokens".to_owned();
    Call { body: Some(body), ..call(Surface::Organizations, Method::POST, path, Effect::Token) }
}

pub(super) fn revoke_token(id: &str) -> Call {
    let path = format!("/v2/api-tokens/{id}");
    call(Surface::Organizations, Method::DELETE, path, Effect::Revoke)
}

/// What no caller may read: words of drivers, of PostgreSQL and of the proxy.
const INSIDE: &[&str] = &[
    "40001",
    "40p01",
    "made up",
    "connection",
    "postgres",
    "sqlstate",
    "tokio",
    "socket",
    "os error",
    "deadlock",
    "serializ",
    "pool",
    "timeout",
    "transaction",
];

/// Whether an answer of 503 says that the change may have been made.
pub(super) fn may_be_there(answer: &Answer) -> bool {
    answer.text.contains(r#""in_doubt":true"#)
}

/// An answer is a success, or 503 in the surface's own shape that says when to come back, or why not to.
pub(super) fn check_shape(call: &Call, answer: &Answer) {
    let Answer { status, text, .. } = answer;
    if matches!(status, 200 | 201 | 204) {
        return;
    }
    let body = answer.json();
    assert_eq!(*status, 503, "{call:?}: {text}");
    let after = answer.header("retry-after");
    let seconds = after.parse::<u32>().ok().filter(|seconds| (1..=60).contains(seconds));
    // Who is in doubt had better look first.
    let doubt = may_be_there(answer);
    assert!(if doubt { after.is_empty() } else { seconds.is_some() }, "{answer:?}");
    let words = if doubt { "may have been made: read before" } else { "nothing was changed" };
    assert!(text.contains(words), "{text}");
    let lower = text.to_lowercase();
    assert!(INSIDE.iter().all(|word| !lower.contains(word)), "{text}");
    let says = |pointer: &str, what: &str| {
        assert_eq!(body.pointer(pointer), Some(&json!(what)), "{call:?}: {text}");
    };
    let member = match call.surface {
        Surface::Organizations => "/error/details/in_doubt",
        Surface::Workspace => "/error/in_doubt",
        Surface::Tenants | Surface::CustomerSuccess => "/in_doubt",
    };
    assert_eq!(body.pointer(member), doubt.then_some(&json!(true)), "{call:?}: {text}");
    match call.surface {
        Surface::Organizations | Surface::Workspace => says("/error/code", "unavailable"),
        Surface::Tenants => says("/error", "Service Unavailable"),
        Surface::CustomerSuccess => {
            assert_eq!(answer.header("content-type"), "application/problem+json");
            says("/title", "Service Unavailable");
        }
    }
}
