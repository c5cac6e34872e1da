//! Organizations (v2): the main API.

mod api_tokens;
mod audit_log;
mod audit_views;
mod bulk;
mod client_list;
mod clients;
mod collection_control;
mod docs;
mod enrollment_tokens;
pub(crate) mod errors;
mod merge;
mod moving;
mod revert;
mod tenants;
mod views;

use crate::shared::operation::{BodyRule, Operation};
use axum::http::Method;
use clientbook_model::audit::Surface;
use clientbook_model::principal::Permission as P;

const S: Surface = Surface::Organizations;

pub(crate) fn operations() -> Vec<Operation> {
    let parts = [
        of_clients(),
        of_moving(),
        of_the_trail(),
        of_enrollment_tokens(),
        of_api_tokens(),
        of_tenants(),
    ];
    parts.into_iter().flatten().collect()
}

fn of_clients() -> Vec<Operation> {
    const CLIENTS: &str = "/v2/clients";
    const BULK: &str = "/v2/clients/bulk";
    const CLIENT: &str = "/v2/clients/{client_id}";
    const MERGE: &str = "/v2/clients/{client_id}/merge";
    const LOG: &str = "/v2/clients/{client_id}/collection-control/audit-log";
    vec![
        Operation::new(
            S,
            Method::POST,
            CLIENTS,
            P::ClientsCreate,
            clients::create,
            docs::create_client,
        )
        .body(BodyRule::Json),
        Operation::new(
            S,
            Method::GET,
            CLIENTS,
            P::ClientsView,
            client_list::list,
            docs::list_clients,
        )
        .query(client_list::PARAMETERS),
        Operation::new(S, Method::POST, BULK, P::ClientsUpdate, bulk::change, docs::bulk::change)
            .body(BodyRule::Json)
            .bulk(),
        Operation::new(S, Method::GET, CLIENT, P::ClientsView, clients::read, docs::read_client)
            .query(clients::PARAMETERS),
        Operation::new(
            S,
            Method::PATCH,
            CLIENT,
            P::CollectionUpdate,
            clients::update,
            docs::update_client,
        )
        .body(BodyRule::Json),
        Operation::new(S, Method::POST, MERGE, P::ClientsDelete, merge::merge, docs::merge::merge)
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
}

fn of_moving() -> Vec<Operation> {
    use docs::moving as docs;
    const EXPORT: &str = "/v2/clients/export";
    const IMPORT: &str = "/v2/clients/import";
    vec![
        Operation::new(S, Method::GET, EXPORT, P::ClientsView, moving::export, docs::export)
            .query(moving::EXPORT_PARAMETERS),
        Operation::new(S, Method::POST, IMPORT, P::ClientsCreate, moving::import, docs::import)
            .query(moving::IMPORT_PARAMETERS)
            .body(BodyRule::Stream),
    ]
}

fn of_the_trail() -> Vec<Operation> {
    use docs::audit as docs;
    const LOG: &str = "/v2/audit-log";
    const CLIENTS_LOG: &str = "/v2/clients/{client_id}/audit-log";
    const REVERT: &str = "/v2/clients/{client_id}/revert";
    const CLIENT: &str = "/v2/clients/{client_id}";
    vec![
        Operation::new(S, Method::GET, LOG, P::AuditView, audit_log::of_tenant, docs::of_tenant)
            .query(audit_log::OF_TENANT),
        Operation::new(
            S,
            Method::GET,
            CLIENTS_LOG,
            P::AuditView,
            audit_log::of_client,
            docs::of_client,
        )
        .query(audit_log::OF_CLIENT),
        Operation::new(S, Method::POST, REVERT, P::ClientsUpdate, revert::revert, docs::revert)
            .body(BodyRule::Json),
        Operation::new(S, Method::DELETE, CLIENT, P::ClientsDelete, clients::erase, docs::erase),
    ]
}

fn of_enrollment_tokens() -> Vec<Operation> {
    use docs::enrollment_tokens as docs;
    const TOKENS: &str = "/v2/clients/{client_id}/enrollment-tokens";
    const TOKEN: &str = "/v2/clients/{client_id}/enrollment-tokens/{token_id}";
    vec![
        Operation::new(
            S,
            Method::GET,
            TOKENS,
            P::TokensManage,
            enrollment_tokens::list,
            docs::list,
        )
        .query(enrollment_tokens::PARAMETERS),
        Operation::new(
            S,
            Method::POST,
            TOKENS,
            P::TokensManage,
            enrollment_tokens::create,
            docs::create,
        )
        .body(BodyRule::Optional),
        Operation::new(
            S,
            Method::DELETE,
            TOKEN,
            P::TokensManage,
            enrollment_tokens::revoke,
            docs::revoke,
        ),
    ]
}

fn of_tenants() -> Vec<Operation> {
    use docs::tenants as docs;
    const TENANTS: &str = "/v2/tenants";
    const TENANT: &str = "/v2/tenants/{tenant_id}";
    vec![
        Operation::new(S, Method::GET, TENANTS, P::TenantsManage, tenants::list, docs::list)
            .query(tenants::PARAMETERS),
        Operation::new(S, Method::POST, TENANTS, P::TenantsManage, tenants::create, docs::create)
            .body(BodyRule::Json),
        Operation::new(S, Method::GET, TENANT, P::TenantsManage, tenants::read, docs::read),
        Operation::new(S, Method::PATCH, TENANT, P::TenantsManage, tenants::update, docs::update)
            .body(BodyRule::Json),
    ]
}

fn of_api_tokens() -> Vec<Operation> {
    const TOKENS: &str = "/v2/api-tokens";
    const TOKEN: &str = "/v2/api-tokens/{token_id}";
    vec![
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
