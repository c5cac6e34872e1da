//! Tenants (v1): where admins switch clients on and off.

mod body;
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
    const S: Surface = Surface::Tenants;
    const CLIENTS: &str = "/clients/v1/tenants/{tenant_id}/clients";
    const CLIENT: &str = "/clients/v1/tenants/{tenant_id}/clients/{id}";
    const ACTIVATE: &str = "/clients/v1/tenants/{tenant_id}/clients/{id}/activate";
    const DEACTIVATE: &str = "/clients/v1/tenants/{tenant_id}/clients/{id}/deactivate";
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
            Method::PATCH,
            ACTIVATE,
            P::ClientsStatus,
            clients::activate,
            docs::activate,
        )
        .body(BodyRule::Optional),
        Operation::new(
            S,
            Method::PATCH,
            DEACTIVATE,
            P::ClientsStatus,
            clients::deactivate,
            docs::deactivate,
        )
        .body(BodyRule::Optional),
    ]
}
