//! Organizations (v2): the main API.

mod api_tokens;
mod clients;
mod collection_control;
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
    const CLIENT: &str = "/v2/clients/{client_id}";
    const LOG: &str = "/v2/clients/{client_id}/collection-control/audit-log";
    const TOKENS: &str = "/v2/api-tokens";
    const TOKEN: &str = "/v2/api-tokens/{token_id}";
    vec![
        operation(Method::GET, CLIENT, P::ClientsView, clients::read, docs::read_client),
        operation(Method::PATCH, CLIENT, P::CollectionUpdate, clients::update, docs::update_client)
            .body(BodyRule::Json),
        operation(Method::GET, LOG, P::AuditView, collection_control::audit_log, docs::audit_log)
            .query(collection_control::PARAMETERS),
        operation(Method::GET, TOKENS, P::TokensManage, api_tokens::list, docs::list_tokens)
            .query(api_tokens::PARAMETERS),
        operation(Method::POST, TOKENS, P::TokensManage, api_tokens::create, docs::create_token)
            .body(BodyRule::Json),
        operation(Method::DELETE, TOKEN, P::TokensManage, api_tokens::revoke, docs::revoke_token),
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
    let access = Access::Permission(permission);
    Operation::new(Surface::Organizations, method, path, access, handler, doc)
}
