//! Customer success: some 35 attributes of a client.

mod clients;
mod docs;
pub(crate) mod errors;
mod patch;
mod views;

use crate::openapi::Doc;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::operation::{Access, BodyRule, Operation};
use axum::http::Method;
use clientbook_model::audit::Surface;
use clientbook_model::principal::Permission as P;

/// The same routes answer below `/v2` too: existing callers use that base.
pub(crate) fn operations() -> Vec<Operation> {
    ["/client/{uuid}", "/v2/client/{uuid}"]
        .into_iter()
        .flat_map(|client| {
            [
                operation(Method::GET, client, P::ClientsView, clients::read, docs::read_client),
                operation(
                    Method::PATCH,
                    client,
                    P::ClientsUpdate,
                    clients::update,
                    docs::update_client,
                )
                .query(clients::PARAMETERS)
                .body(BodyRule::Json),
            ]
        })
        .collect()
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
    let access = Access::Permission(permission);
    Operation::new(Surface::CustomerSuccess, method, path, access, handler, doc)
}
