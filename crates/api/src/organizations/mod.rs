//! Organizations (v2): the main API.

mod api_tokens;
mod client_list;
mod clients;
mod collection_control;
mod docs;
pub(crate) mod errors;
mod views;

use crate::shared::operation::{BodyRule, Operation};
use axum::http::Method;
use clientbook_model::audit::Surface;
use clientbook_model::principal::Permission as P;

const S: Surface = Surface::Organizations;

pub(crate) fn operations() -> Vec<Operation> {
    const CLIENTS: &str = "/v2/clients";
    const CLIENT: &str = "/v2/clients/{client_id}";
    const LOG: &str = "/v2/clients/{client_id}/collection-control/audit-log";
    [
        Operation::new(
            S,
            Method::GET,
            CLIENTS,
            P::ClientsView,
            client_list::list,
            docs::list_clients,
        )
        .query(client_list::PARAMETERS),
        Operation::new(S, Method::GET, CLIENT, P::ClientsView, clients::read, docs::read_client),
        Operation::new(
            S,
            Method::PATCH,
            CLIENT,
            P::CollectionUpdate,
            clients::update,
            docs::update_client,
        )
        .body(BodyRule::Json),
        Operation::new(
            S,
            Method::GET,
            LOG,
            P::AuditView,
            collection_control::audit_log,
            docs::audit_log,
        )
        .query(collection_control::PARAMETERS),
    ]
    .into_iter()
    .chain(of_tokens())
    .collect()
}

fn of_tokens() -> [Operation; 3] {
    const TOKENS: &str = "/v2/api-tokens";
    const TOKEN: &str = "/v2/api-tokens/{token_id}";
    [
        Operation::new(
            S,
            Method::GET,
            TOKENS,
            P::TokensManage,
            api_tokens::list,
            docs::list_tokens,
        )
        .query(api_tokens::PARAMETERS),
        Operation::new(
            S,
            Method::POST,
            TOKENS,
            P::TokensManage,
            api_tokens::create,
            docs::create_token,
        )
        .body(BodyRule::Json),
        Operation::new(
            S,
            Method::DELETE,
            TOKEN,
            P::TokensManage,
            api_tokens::revoke,
            docs::revoke_token,
        ),
    ]
}
