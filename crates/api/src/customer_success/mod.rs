//! Customer success: some 35 attributes of a client.

mod client_list;
mod clients;
mod docs;
pub(crate) mod errors;
mod patch;
mod views;

use crate::shared::operation::{BodyRule, Operation};
use axum::http::Method;
use clientbook_model::audit::Surface;
use clientbook_model::principal::Permission as P;

/// The same routes answer below `/v2` too: existing callers use that base.
pub(crate) fn operations() -> Vec<Operation> {
    const S: Surface = Surface::CustomerSuccess;
    [("/client/search", "/client/{uuid}"), ("/v2/client/search", "/v2/client/{uuid}")]
        .into_iter()
        .flat_map(|(search, client)| {
            [
                Operation::new(
                    S,
                    Method::GET,
                    search,
                    P::ClientsView,
                    client_list::search,
                    docs::search_clients,
                )
                .query(client_list::PARAMETERS),
                Operation::new(
                    S,
                    Method::GET,
                    client,
                    P::ClientsView,
                    clients::read,
                    docs::read_client,
                ),
                Operation::new(
                    S,
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
