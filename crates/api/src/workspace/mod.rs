//! Workspace (v1): what front desks and CRMs know of a client.

mod clients;
mod docs;
pub(crate) mod errors;
mod views;

use crate::openapi::Doc;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::operation::{Access, BodyRule, Operation};
use axum::http::Method;
use clientbook_model::audit::Surface;
use clientbook_model::principal::Permission as P;

pub(crate) fn operations() -> Vec<Operation> {
    const CLIENT: &str = "/v1/workspace/{workspace_id}/clients/{client_id}";
    vec![
        operation(Method::GET, CLIENT, P::ClientsView, clients::read, docs::read_client),
        operation(Method::PATCH, CLIENT, P::ClientsUpdate, clients::update, docs::update_client)
            .body(BodyRule::Json),
    ]
}

fn operation<F, R>(
    method: Method,
    path: &'static str,
    permission: P,
    handler: F,
    doc: fn() -> Doc,
) -> Operation
where
    F: Fn(Call) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Answer, ApiError>> + Send + 'static,
{
    Operation::new(Surface::Workspace, method, path, Access::Permission(permission), handler, doc)
}
