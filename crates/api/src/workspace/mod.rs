//! Workspace (v1): what front desks and CRMs know of a client.

mod client_list;
mod clients;
mod docs;
pub(crate) mod errors;
mod fields;
mod views;

use crate::shared::operation::{BodyRule, Operation};
use axum::http::Method;
use clientbook_model::audit::Surface;
use clientbook_model::principal::Permission as P;

pub(crate) fn operations() -> Vec<Operation> {
    const S: Surface = Surface::Workspace;
    const CLIENT: &str = "/v1/workspace/{workspace_id}/clients/{client_id}";
    const CLIENTS: &str = "/v1/workspace/{workspace_id}/clients";
    let mut operations = vec![
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
    ];
    operations.extend(of_fields());
    operations
}

fn of_fields() -> Vec<Operation> {
    const S: Surface = Surface::Workspace;
    const FIELDS: &str = "/v1/workspace/{workspace_id}/clients/fields";
    const FIELD: &str = "/v1/workspace/{workspace_id}/clients/fields/{field_id}";
    const ARCHIVE: &str = "/v1/workspace/{workspace_id}/clients/fields/{field_id}/archive";
    const RESTORE: &str = "/v1/workspace/{workspace_id}/clients/fields/{field_id}/restore";
    const REORDER: &str = "/v1/workspace/{workspace_id}/clients/fields/reorder";
    let define = (P::FieldsManage, P::ClientsUpdate);
    vec![
        Operation::new(S, Method::GET, FIELDS, P::ClientsView, fields::list, docs::fields::list)
            .query(fields::PARAMETERS),
        Operation::new(S, Method::POST, FIELDS, define, fields::create, docs::fields::create)
            .body(BodyRule::Json),
        Operation::new(S, Method::PATCH, FIELD, define, fields::update, docs::fields::update)
            .body(BodyRule::Json),
        Operation::new(S, Method::DELETE, FIELD, define, fields::delete, docs::fields::delete),
        Operation::new(S, Method::POST, ARCHIVE, define, fields::archive, docs::fields::archive)
            .body(BodyRule::Optional),
        Operation::new(S, Method::POST, RESTORE, define, fields::restore, docs::fields::restore)
            .body(BodyRule::Optional),
        Operation::new(S, Method::POST, REORDER, define, fields::reorder, docs::fields::reorder)
            .body(BodyRule::Json),
    ]
}
