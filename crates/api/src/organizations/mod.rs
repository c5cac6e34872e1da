//! Organizations (v2): the main API.

mod agents;
mod api_tokens;
mod audit_log;
mod audit_views;
mod bulk;
mod client_list;
mod clients;
mod collection_control;
mod control;
mod departments;
mod device_users;
mod device_views;
mod devices;
mod docs;
mod enrollment_tokens;
pub(crate) mod errors;
mod merge;
mod moving;
mod revert;
mod telemetry;
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
        agents::operations(),
        of_moving(),
        of_the_trail(),
        of_enrollment_tokens(),
        of_api_tokens(),
        of_tenants(),
        of_devices(),
        telemetry::operations(),
        of_device_users(),
        of_departments(),
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

fn of_devices() -> Vec<Operation> {
    use docs::devices as docs;
    const DEVICES: &str = "/v2/clients/{client_id}/devices";
    const SUMMARY: &str = "/v2/clients/{client_id}/devices/summary";
    const DEVICE: &str = "/v2/clients/{client_id}/devices/{device_id}";
    const ENABLE: &str = "/v2/clients/{client_id}/devices/enable";
    const DISABLE: &str = "/v2/clients/{client_id}/devices/disable";
    const DELETE: &str = "/v2/clients/{client_id}/devices/delete";
    let (view, change) = (P::ClientsView, P::DevicesUpdate);
    vec![
        Operation::new(S, Method::GET, DEVICES, view, devices::list, docs::list)
            .query(devices::PARAMETERS),
        Operation::new(S, Method::GET, SUMMARY, view, devices::summary, docs::summary),
        Operation::new(S, Method::GET, DEVICE, view, devices::read, docs::read),
        Operation::new(S, Method::PATCH, DEVICE, change, devices::update, docs::update)
            .body(BodyRule::Json),
        Operation::new(S, Method::POST, ENABLE, change, control::enable_devices, docs::enable)
            .body(BodyRule::Json)
            .bulk(),
        Operation::new(S, Method::POST, DISABLE, change, control::disable_devices, docs::disable)
            .body(BodyRule::Json)
            .bulk(),
        Operation::new(S, Method::POST, DELETE, change, control::delete_devices, docs::delete)
            .body(BodyRule::Json)
            .bulk(),
    ]
}

fn of_device_users() -> Vec<Operation> {
    use device_users as users;
    use docs::device_users as docs;
    const ON_DEVICE: &str = "/v2/clients/{client_id}/devices/{device_id}/users";
    const USERS: &str = "/v2/clients/{client_id}/users";
    const SUMMARY: &str = "/v2/clients/{client_id}/users/summary";
    const USER: &str = "/v2/clients/{client_id}/users/{user_id}";
    const TELEMETRY: &str = "/v2/clients/{client_id}/users/{user_id}/telemetry";
    const ACTIVATE: &str = "/v2/clients/{client_id}/users/activate";
    const ARCHIVE: &str = "/v2/clients/{client_id}/users/archive";
    const DELETE: &str = "/v2/clients/{client_id}/users/delete";
    let (view, change) = (P::TelemetryView, P::DevicesUpdate);
    let (get, post) = (Method::GET, Method::POST);
    vec![
        Operation::new(S, get.clone(), ON_DEVICE, view, users::list_of_device, docs::of_device)
            .query(users::DEVICE_PARAMETERS),
        Operation::new(S, get.clone(), USERS, view, users::list, docs::list)
            .query(users::PARAMETERS),
        Operation::new(S, get.clone(), SUMMARY, view, users::summary, docs::summary)
            .query(users::SUMMARY_PARAMETERS),
        Operation::new(S, get, USER, view, users::read, docs::read),
        Operation::new(S, Method::PATCH, USER, change, users::update, docs::update)
            .body(BodyRule::Json),
        Operation::new(
            S,
            Method::DELETE,
            TELEMETRY,
            change,
            users::erase_telemetry,
            docs::erase_telemetry,
        ),
        Operation::new(S, post.clone(), ACTIVATE, change, control::activate_users, docs::activate)
            .body(BodyRule::Json)
            .bulk(),
        Operation::new(S, post.clone(), ARCHIVE, change, control::archive_users, docs::archive)
            .body(BodyRule::Json)
            .bulk(),
        Operation::new(S, post, DELETE, change, control::delete_users, docs::delete)
            .body(BodyRule::Json)
            .bulk(),
    ]
}

fn of_departments() -> Vec<Operation> {
    use docs::departments as docs;
    const ALL: &str = "/v2/clients/{client_id}/departments";
    const ONE: &str = "/v2/clients/{client_id}/departments/{department_id}";
    const MEMBERS: &str = "/v2/clients/{client_id}/departments/{department_id}/members";
    const LEAVE: &str = "/v2/clients/{client_id}/departments/{department_id}/members/remove";
    let (view, change) = (P::TelemetryView, P::DevicesUpdate);
    vec![
        Operation::new(S, Method::GET, ALL, view, departments::list, docs::list)
            .query(departments::PARAMETERS),
        Operation::new(S, Method::POST, ALL, change, departments::create, docs::create)
            .body(BodyRule::Json),
        Operation::new(S, Method::GET, ONE, view, departments::read, docs::read),
        Operation::new(S, Method::PATCH, ONE, change, departments::update, docs::update)
            .body(BodyRule::Json),
        Operation::new(S, Method::DELETE, ONE, change, departments::remove, docs::remove),
        Operation::new(S, Method::POST, MEMBERS, change, control::add_members, docs::add_members)
            .body(BodyRule::Json)
            .bulk(),
        Operation::new(
            S,
            Method::POST,
            LEAVE,
            change,
            control::remove_members,
            docs::remove_members,
        )
        .body(BodyRule::Json)
        .bulk(),
    ]
}
