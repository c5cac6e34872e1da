//! Workspace (v1): what front desks and CRMs know of a client.

mod client_list;
mod clients;
mod docs;
pub(crate) mod errors;
mod views;

use crate::shared::operation::{BodyRule, Operation};
use axum::http::Method;
use clientbook_model::audit::Surface;
use clientbook_model::principal::Permission as P;

pub(crate) fn operations() -> Vec<Operation> {
    const S: Surface = Surface::Workspace;
    const CLIENT: &str = "/v1/workspace/{workspace_id}/clients/{client_id}";
    const CLIENTS: &str = "/v1/workspace/{workspace_id}/clients";
    vec![
        Operation::new(
            S,
            Method::GET,
            CLIENTS,
            P::ClientsView,
            client_list::list,
            docs::list_clients,
        )
        .query(client_list::PARAMETERS),
        Operation::new(
            S,
            Method::POST,
            CLIENTS,
            P::ClientsCreate,
            clients::create,
            docs::create_client,
        )
        .body(BodyRule::Json),
        Operation::new(S, Method::GET, CLIENT, P::ClientsView, clients::read, docs::read_client),
        Operation::new(
            S,
            Method::PATCH,
            CLIENT,
            P::ClientsUpdate,
            clients::update,
            docs::update_client,
        )
        .body(BodyRule::Json),
        Operation::new(
            S,
            Method::DELETE,
            CLIENT,
            P::ClientsDelete,
            clients::delete,
            docs::delete_client,
        ),
    ]
}
