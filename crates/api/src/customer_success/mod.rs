//! Customer success: some 35 attributes of a client.

mod client_list;
mod client_types;
mod clients;
mod custom_fields;
mod docs;
pub(crate) mod errors;
mod patch;
mod views;

use crate::shared::operation::{BodyRule, Operation};
use axum::http::Method;
use clientbook_model::audit::Surface;
use clientbook_model::principal::Permission as P;

/// The same routes of clients and their fields answer below `/v2` too: existing callers use that base.
pub(crate) fn operations() -> Vec<Operation> {
    let mut operations = of_clients("/client", "/client/search", "/client/{uuid}");
    operations.extend(of_clients("/v2/client", "/v2/client/search", "/v2/client/{uuid}"));
    operations.extend(of_client_types());
    operations.extend(["/customfield/all/CLIENT", "/v2/customfield/all/CLIENT"].map(of_fields));
    operations
}

const S: Surface = Surface::CustomerSuccess;

fn of_clients(all: &'static str, search: &'static str, one: &'static str) -> Vec<Operation> {
    vec![
        Operation::new(
            S,
            Method::POST,
            all,
            P::ClientsCreate,
            clients::create,
            docs::create_client,
        )
        .body(BodyRule::Json),
        Operation::new(
            S,
            Method::GET,
            search,
            P::ClientsView,
            client_list::search,
            docs::search_clients,
        )
        .query(client_list::PARAMETERS),
        Operation::new(S, Method::GET, one, P::ClientsView, clients::read, docs::read_client),
        Operation::new(
            S,
            Method::PATCH,
            one,
            P::ClientsUpdate,
            clients::update,
            docs::update_client,
        )
        .query(clients::PARAMETERS)
        .body(BodyRule::Json),
    ]
}

fn of_fields(path: &'static str) -> Operation {
    let (handler, doc) = (custom_fields::list, docs::list_custom_fields);
    let operation = Operation::new(S, Method::GET, path, P::ClientsView, handler, doc);
    operation.query(client_types::PARAMETERS)
}

fn of_client_types() -> Vec<Operation> {
    const TYPES: &str = "/client-types";
    vec![
        Operation::new(S, Method::GET, TYPES, P::ClientsView, client_types::list, docs::list_types)
            .query(client_types::PARAMETERS),
        Operation::new(
            S,
            Method::POST,
            TYPES,
            P::ClientsUpdate,
            client_types::create,
            docs::create_type,
        )
        .body(BodyRule::Json),
    ]
}
