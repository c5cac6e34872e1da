//! How v2 is described. The examples are the demo's.

#![expect(dead_code, reason = "shapes of requests and errors to describe; nobody builds them")]

pub(super) mod agents;
pub(super) mod audit;
pub(super) mod bulk;
pub(super) mod control;
pub(super) mod departments;
pub(super) mod device_users;
pub(super) mod devices;
pub(super) mod enrollment_tokens;
pub(super) mod merge;
pub(super) mod moving;
pub(super) mod telemetry;
pub(super) mod tenants;

use super::views::{ApiTokenView, ClientView, EntryView, ListView, NewApiTokenView};
use crate::openapi::{Doc, Refusal};
use crate::shared::schema::{
    BrokenRule, ClientName, Id, Mode, Moment, PermissionName, RoleName, Scope, TenantKey,
    TokenName, names,
};
use clientbook_model::enrollment::EnrollmentTokenStatus as TokenStatus;
use clientbook_model::principal::Permission;
use clientbook_model::{api_token, enrollment, status};
use serde_json::{Value, json};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

macro_rules! lists_of_names {
    ($($name:ident = $names:expr;)*) => {
        $(
            pub(in crate::organizations) enum $name {}

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    names($names).into()
                }
            }

            impl ToSchema for $name {}
        )*
    };
}

use lists_of_names;

lists_of_names! {
    Status = status::Status::ALL.map(status::Status::as_str);
    EnrollmentTokenState = TokenStatus::ALL.map(TokenStatus::as_str);
    EntityKind = super::collection_control::TYPES.iter().copied();
    Code = [
        "invalid_request", "invalid_transition", "unauthenticated", "forbidden", "not_found",
        "method_not_allowed", "conflict", "gone", "idempotency_mismatch", "precondition_failed",
        "payload_too_large", "unsupported_media_type", "rate_limited", "internal_error", "unavailable",
        "insufficient_storage", "client_inactive", "collection_not_permitted",
    ];
}

/// The secret, told once.
pub(super) enum Secret {}

impl PartialSchema for Secret {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let pattern = format!("^{}[A-Za-z0-9]{{{}}}$", api_token::PREFIX, api_token::LENGTH);
        text.pattern(Some(pattern)).description(Some("Told this once")).into()
    }
}

/// What a device shows to join a client.
pub(super) enum EnrollmentTokenValue {}

impl PartialSchema for EnrollmentTokenValue {
    fn schema() -> RefOr<Schema> {
        let pattern = format!("^{}[a-z0-9]{{{}}}$", enrollment::PREFIX, enrollment::LENGTH);
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
    }
}

impl ToSchema for EnrollmentTokenValue {}

/// What a program may want to know beyond the code.
#[derive(ToSchema)]
pub(super) struct Details {
    /// The rules that are broken.
    #[schema(nullable = false)]
    fields: Option<Vec<BrokenRule>>,
    /// The permission that is missing.
    #[schema(value_type = Option<PermissionName>, nullable = false)]
    permission: Option<String>,
    /// The client that is not there.
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// The tenant that is not there.
    #[schema(nullable = false)]
    tenant_id: Option<String>,
    /// The software that is not there.
    #[schema(nullable = false)]
    software_id: Option<String>,
    /// The enrolment token that is not there.
    #[schema(nullable = false)]
    enrollment_token_id: Option<String>,
    /// The API token that is not there.
    #[schema(nullable = false)]
    api_token_id: Option<String>,
    /// The device that is not there, or that stays as it is.
    #[schema(nullable = false)]
    device_id: Option<String>,
    /// The user that is not there, or that stays as it is.
    #[schema(nullable = false)]
    user_id: Option<String>,
    /// The department that is not there.
    #[schema(nullable = false)]
    department_id: Option<String>,
    /// The audit entry that is not there.
    #[schema(nullable = false)]
    entry_id: Option<String>,
    /// What the first call with this idempotency key made.
    #[schema(value_type = Option<Id>, nullable = false)]
    id: Option<String>,
    /// The mode that the client has.
    #[schema(value_type = Option<Mode>, nullable = false)]
    current_mode: Option<String>,
    /// The mode that was asked for.
    #[schema(value_type = Option<Mode>, nullable = false)]
    requested_mode: Option<String>,
    /// The state that the device has.
    #[schema(value_type = Option<devices::State>, nullable = false)]
    current_state: Option<String>,
    /// The state that was asked for.
    #[schema(value_type = Option<devices::State>, nullable = false)]
    requested_state: Option<String>,
    /// The status that the user has.
    #[schema(value_type = Option<device_users::UserState>, nullable = false)]
    current_status: Option<String>,
    /// The status that was asked for.
    #[schema(value_type = Option<device_users::UserState>, nullable = false)]
    requested_status: Option<String>,
    /// What is collected on the device.
    #[schema(value_type = Option<Mode>, nullable = false)]
    effective_mode: Option<String>,
    /// What its agent is to do.
    #[schema(value_type = Option<agents::DirectiveName>, nullable = false)]
    directive: Option<String>,
    /// What its agent may collect.
    #[schema(value_type = Option<Vec<agents::CollectedName>>, nullable = false)]
    collect: Option<Vec<String>>,
    /// The users whose data was in the way, where nothing else was.
    #[schema(nullable = false)]
    user_keys: Option<Vec<String>>,
    /// Where the cause of a failure inside stands in the log.
    #[schema(nullable = false)]
    request_id: Option<String>,
    /// `true` where the change may have been made.
    #[schema(nullable = false)]
    in_doubt: Option<bool>,
}

/// A change of a client. What was read may be sent back: ids and names must then match, times are
/// ignored.
#[derive(ToSchema)]
struct ClientPatch {
    #[schema(value_type = Option<Mode>, nullable = false)]
    collection_mode: Option<String>,
    #[schema(value_type = Option<Id>, nullable = false)]
    id: Option<String>,
    #[schema(nullable = false)]
    name: Option<String>,
    #[schema(value_type = Option<Status>, nullable = false)]
    status: Option<String>,
    #[schema(nullable = false)]
    partner: Option<PartnerEcho>,
    #[schema(schema_with = crate::shared::schema::any_object_or_null, required = false)]
    enrollment_token: Value,
    #[schema(required = false)]
    created_at: Value,
    #[schema(required = false)]
    updated_at: Value,
}

#[derive(ToSchema)]
#[schema(as = PartnerInput)]
struct PartnerEcho {
    #[schema(value_type = Option<Id>, nullable = false)]
    id: Option<String>,
    #[schema(nullable = false)]
    name: Option<String>,
}

/// A client to make.
#[derive(ToSchema)]
#[schema(as = ClientInput)]
struct NewClient {
    #[schema(value_type = ClientName)]
    name: String,
    /// Another than active takes the permission `clients.status`.
    #[schema(value_type = Option<Status>, nullable = false)]
    status: Option<String>,
    /// Operators must name it.
    #[schema(value_type = Option<TenantKey>)]
    tenant: Option<String>,
}

/// A token to make: either a role or permissions.
#[derive(ToSchema)]
#[schema(as = ApiTokenInput)]
struct NewApiToken {
    #[schema(value_type = TokenName)]
    name: String,
    /// Operators must name it.
    #[schema(value_type = Option<TenantKey>)]
    tenant: Option<String>,
    #[schema(value_type = Option<RoleName>)]
    role: Option<String>,
    #[schema(schema_with = permissions, required = false)]
    permissions: Option<Vec<String>>,
    #[schema(schema_with = client_ids, required = false)]
    client_ids: Option<Vec<String>>,
    #[schema(value_type = Option<Scope>)]
    org_id: Option<String>,
    #[schema(value_type = Option<Scope>)]
    project_id: Option<String>,
    /// Not later than the end of the token that makes it.
    #[schema(value_type = Option<Moment>)]
    expires_at: Option<String>,
}

fn permissions() -> ArrayBuilder {
    list_or_null::<PermissionName>(Permission::ALL.len())
        .examples([json!([Permission::ClientsView.as_str()])])
}

fn client_ids() -> ArrayBuilder {
    let about = "The only clients of the tenant that it is for";
    list_or_null::<Id>(api_token::MAX_CLIENTS)
        .unique_items(true)
        .description(Some(about))
        .examples([json!(["aa7cf840-9ca9-46a3-9778-9015d6580d50"])])
}

fn list_or_null<T: ToSchema>(max: usize) -> ArrayBuilder {
    let list = ArrayBuilder::new().schema_type(SchemaType::from_iter([Type::Array, Type::Null]));
    list.items(Ref::from_schema_name(T::name())).min_items(Some(1)).max_items(Some(max))
}

fn client() -> Value {
    json!({
        "id": "aa7cf840-9ca9-46a3-9778-9015d6580d50",
        "name": "Acme Corporation",
        "status": "active",
        "collection_mode": "saas_usage",
        "partner": {
            "id": "b2c3d4e5-f6a7-8901-bcde-f12345678901",
            "name": "TechPartner Inc.",
        },
        "enrollment_token": {
            "id": "e1f2a3b4-c5d6-7890-abcd-ef1234567890",
            "value": "enroll_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
            "description": "Default enrollment token",
            "site_id": null,
            "status": "active",
            "max_uses": null,
            "remaining_uses": null,
            "expires_at": null,
            "created_at": "2026-01-15T10:00:00.000Z",
        },
        "created_at": "2025-06-01T00:00:00.000Z",
        "updated_at": "2026-02-20T12:00:00.000Z",
    })
}

fn token() -> Value {
    json!({
        "id": "0195803b-5c40-7d0f-9c1b-7a6e5d4c3b2a",
        "name": "Front desk",
        "tenant_id": "b2c3d4e5-f6a7-8901-bcde-f12345678901",
        "role": "viewer",
        "permissions": ["clients.view"],
        "client_ids": null,
        "org_id": null,
        "project_id": null,
        "expires_at": null,
        "created_by": "0195803b-5c40-7a3d-8e21-4f5a6b7c8d9e",
        "created_at": "2026-03-10T14:30:00.000Z",
    })
}

pub(super) fn read_client() -> Doc {
    Doc::new("readClient", "Reads a client, as it is or as it stood at a time")
        .answers::<ClientView<'_>>(200, "The client", client())
        .tagged()
        .refuses(&[Refusal::Erased])
}

pub(super) fn list_clients() -> Doc {
    let example = json!({ "data": [client()], "total_count": 1, "next_cursor": null });
    Doc::new(
        "listClients",
        "Lists clients, some perhaps on each page: go on while there is a cursor",
    )
    .answers::<ListView<ClientView<'_>>>(200, "A page of clients", example)
    .listing::<ClientView<'_>>()
    .tagged()
}

pub(super) fn create_client() -> Doc {
    let mut made = client();
    made["id"] = json!("0195803b-5c40-7d0f-9c1b-7a6e5d4c3b2a");
    made["name"] = json!("Umbrella Corporation");
    made["enrollment_token"]["id"] = json!("0195803b-5c40-7d0f-9c1b-7a6e5d4c3b2b");
    for time in ["/created_at", "/updated_at", "/enrollment_token/created_at"] {
        if let Some(time) = made.pointer_mut(time) {
            *time = json!("2026-03-10T14:30:00.000Z");
        }
    }
    let body = json!({ "name": "Umbrella Corporation", "tenant": "tenant123" });
    Doc::new("createClient", "Makes a client, with an enrolment token")
        .creates::<ClientView<'_>>("The new client", made)
        .takes::<NewClient>(vec![("client", body)])
}

pub(super) fn update_client() -> Doc {
    let mut changed = client();
    changed["collection_mode"] = json!("disabled");
    changed["updated_at"] = json!("2026-03-10T14:30:00.000Z");
    Doc::new("updateClient", "Changes what is collected of a client")
        .answers::<ClientView<'_>>(200, "The client as it is now", changed)
        .tagged()
        .takes::<ClientPatch>(vec![
            ("disable", json!({ "collection_mode": "disabled" })),
            ("everything", json!({ "collection_mode": "saas_usage" })),
        ])
        .refuses(&[Refusal::Transition])
}

pub(super) fn audit_log() -> Doc {
    let example = json!({ "data": [], "total_count": 0, "next_cursor": null });
    Doc::new("listCollectionControlLog", "Lists the changes of what is collected of a client")
        .answers::<ListView<EntryView<'_>>>(200, "A page of entries", example)
        .listing::<EntryView<'_>>()
        .tagged()
}

pub(super) fn list_tokens() -> Doc {
    let example = json!({ "data": [token()], "total_count": 1, "next_cursor": null });
    Doc::new("listApiTokens", "Lists API tokens that are not revoked, newest first")
        .answers::<ListView<ApiTokenView<'_>>>(200, "A page of tokens", example)
        .listing::<ApiTokenView<'_>>()
        .tagged()
}

pub(super) fn create_token() -> Doc {
    let mut made = token();
    made["token"] = json!(format!("cb_{}", "0".repeat(40)));
    let front_desk = json!({ "name": "Front desk", "tenant": "tenant123", "role": "viewer" });
    let billing = json!({
        "name": "Billing",
        "tenant": "tenant123",
        "permissions": ["clients.view", "clients.update"],
        "client_ids": ["aa7cf840-9ca9-46a3-9778-9015d6580d50"],
    });
    Doc::new("createApiToken", "Makes an API token; its secret is told in this answer only")
        .answers::<NewApiTokenView<'_>>(201, "The token, with its secret", made)
        .takes::<NewApiToken>(vec![("front_desk", front_desk), ("billing", billing)])
}

pub(super) fn revoke_token() -> Doc {
    Doc::new("revokeApiToken", "Takes an API token back; again, if you like")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::properties;

    #[test]
    fn bodies_have_the_fields_that_are_read() {
        assert_eq!(properties::<ClientPatch>(), properties_of(super::super::clients::KNOWN));
        assert_eq!(properties::<NewClient>(), properties_of(super::super::clients::NEW));
        assert_eq!(properties::<NewApiToken>(), properties_of(super::super::api_tokens::KNOWN));
    }

    fn properties_of(known: &[&str]) -> std::collections::BTreeSet<String> {
        known.iter().map(ToString::to_string).collect()
    }
}
