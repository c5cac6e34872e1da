//! Tenants (v1): where admins switch clients on and off.

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
    const CLIENT: &str = "/clients/v1/tenants/{tenant_id}/clients/{id}";
    const ACTIVATE: &str = "/clients/v1/tenants/{tenant_id}/clients/{id}/activate";
    const DEACTIVATE: &str = "/clients/v1/tenants/{tenant_id}/clients/{id}/deactivate";
    vec![
        operation(Method::GET, CLIENT, P::ClientsView, clients::read, docs::read_client),
        operation(Method::PATCH, ACTIVATE, P::ClientsStatus, clients::activate, docs::activate)
            .body(BodyRule::Optional),
        operation(
            Method::PATCH,
            DEACTIVATE,
            P::ClientsStatus,
            clients::deactivate,
            docs::deactivate,
        )
        .body(BodyRule::Optional),
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
    Operation::new(Surface::Tenants, method, path, Access::Permission(permission), handler, doc)
}
