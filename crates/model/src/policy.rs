//! The whole policy: who may do what to which client, and who may grant what.

use crate::api_token::Grant;
use crate::audit::{EntityType, Entry};
use crate::client::Client;
use crate::client_trail;
use crate::id::{ClientId, TenantId};
use crate::principal::{ActorKind, Permission, Permissions, Principal, Reach};
use crate::text::ScopeId;
use crate::time::Timestamp;

/// What the policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Go ahead.
    Allow,
    /// Answer as if it did not exist: the caller may not know of it.
    Hide,
    /// Refuse, and say which permission is missing.
    Lacks(Permission),
    /// Refuse: the caller is restricted to other clients, organizations or projects.
    OutsideRestriction,
    /// Refuse: the client is inactive, and the caller is bound to it.
    ClientInactive,
}

/// What the policy needs to know of a client.
#[derive(Debug, Clone, Copy)]
pub struct ClientFacts<'a> {
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its id.
    pub id: ClientId,
    /// Its organization.
    pub org_id: Option<&'a ScopeId>,
    /// Its project.
    pub project_id: Option<&'a ScopeId>,
    /// The flag derived from its status.
    pub active: bool,
}

impl<'a> From<&'a Client> for ClientFacts<'a> {
    fn from(client: &'a Client) -> Self {
        Self {
            tenant_id: client.tenant_id,
            id: client.id,
            org_id: client.org_id.as_ref(),
            project_id: client.project_id.as_ref(),
            active: client.status.is_active(),
        }
    }
}

/// What can be decided before anything is loaded. A caller who may not even read clients gets the
/// same refusal for every id, so that existence cannot be probed.
pub fn may_ask(principal: &Principal, permission: Permission) -> Decision {
    let permissions = principal.permissions;
    if permissions.has(permission) || permissions.has(Permission::ClientsView) {
        Decision::Allow
    } else {
        Decision::Lacks(permission)
    }
}

/// Whether `principal` may do what `permission` names to a client that exists.
pub fn permits(principal: &Principal, permission: Permission, client: &ClientFacts) -> Decision {
    if !principal.reach.includes(client.tenant_id) {
        return Decision::Hide;
    }
    let clients = principal.clients.as_ref();
    if clients.is_some_and(|clients| !clients.contains(&client.id)) {
        return Decision::OutsideRestriction;
    }
    if !is_in_scope(principal, client) {
        return Decision::OutsideRestriction;
    }
    if !principal.permissions.has(permission) {
        return Decision::Lacks(permission);
    }
    if clients.is_some() && !client.active {
        return Decision::ClientInactive;
    }
    Decision::Allow
}

/// Whether a client with these facts is within the organization and the project that `principal`
/// is bound to, if it is.
pub fn is_in_scope(principal: &Principal, client: &ClientFacts) -> bool {
    let inside = |bound: Option<&ScopeId>, fact| bound.is_none() || bound == fact;
    inside(principal.org_id.as_ref(), client.org_id)
        && inside(principal.project_id.as_ref(), client.project_id)
}

/// Whether `principal` may make a client with these facts: nobody makes what they could not see
/// afterwards, so who is bound to clients makes none.
pub fn may_create(principal: &Principal, client: &ClientFacts) -> Decision {
    if !principal.reach.includes(client.tenant_id) {
        Decision::Hide
    } else if principal.clients.is_some() || !is_in_scope(principal, client) {
        Decision::OutsideRestriction
    } else if !principal.permissions.has(Permission::ClientsCreate) {
        Decision::Lacks(Permission::ClientsCreate)
    } else {
        Decision::Allow
    }
}

/// The permission that it takes to give a new client another value of `field` than new clients
/// have.
pub fn permission_to_create_with(field: &str) -> Permission {
    match permission_to_change(field) {
        Permission::ClientsUpdate => Permission::ClientsCreate,
        other => other,
    }
}

/// The permission that changing `field` of a client takes.
pub fn permission_to_change(field: &str) -> Permission {
    match field {
        // Being removed from the workspace ends with the status that it came with.
        "status" | "workspace_deleted_at" => Permission::ClientsStatus,
        "collection_mode" => Permission::CollectionUpdate,
        _ => Permission::ClientsUpdate,
    }
}

/// Which of the two permissions that let somebody define fields counts: the one that is held, and
/// the first where neither is.
pub fn permission_to_define_fields(permissions: Permissions) -> Permission {
    let one = [Permission::FieldsManage, Permission::ClientsUpdate];
    one.into_iter().find(|one| permissions.has(*one)).unwrap_or(Permission::FieldsManage)
}

/// The permission that seeing a field takes, in whatever shows it: the record, the audit log, a file
/// of it. `None` is a field that nobody is shown; one that is new is named here.
pub fn permission_to_see(kind: EntityType, field: &str) -> Option<Permission> {
    let one_of = |names: &[&str], permission| names.contains(&field).then_some(permission);
    match kind {
        // What is collected is told to whoever reads the collection-control log.
        EntityType::Client if field == "collection_mode" => Some(Permission::AuditView),
        EntityType::Client => client_trail::is_field(field).then_some(Permission::ClientsView),
        EntityType::EnrollmentToken => one_of(
            &["description", "site_id", "max_uses", "expires_at", "revoked_at"],
            Permission::ClientsView,
        ),
        EntityType::Device => {
            one_of(&["collection_state", "log_shipping_enabled"], Permission::AuditView).or_else(
                || {
                    one_of(
                        &["unique_key", "enrolled_with", "installed_at", "uninstalled_at"],
                        Permission::ClientsView,
                    )
                },
            )
        }
        EntityType::User => one_of(&["status"], Permission::AuditView)
            .or_else(|| one_of(&["departments"], Permission::TelemetryView)),
        EntityType::Department => one_of(&["name", "description"], Permission::TelemetryView),
        EntityType::Tenant => {
            one_of(&["slug", "object_id", "name", "strict_fields"], Permission::ClientsView)
        }
        EntityType::Field => one_of(
            &[
                "number",
                "object_id",
                "key",
                "label",
                "description",
                "type",
                "is_required",
                "is_unique",
                "is_filterable",
                "order",
                "status",
                "metadata",
            ],
            Permission::ClientsView,
        ),
        EntityType::ClientType => one_of(&["id", "title"], Permission::ClientsView),
        EntityType::ApiToken => one_of(
            &[
                "name",
                "role",
                "permissions",
                "client_ids",
                "org_id",
                "project_id",
                "expires_at",
                "revoked_at",
            ],
            Permission::TokensManage,
        ),
    }
}

/// Hides of an entry what `principal`, who may read it, may not see in what it is about. Whoever is
/// restricted is not told which other clients it names: they may not be theirs.
pub fn conceal(principal: &Principal, entry: &mut Entry) {
    let kind = entry.entity_type;
    entry.hide(|field| {
        let names_another =
            kind == EntityType::Client && matches!(field, "parent_client_id" | "merged_into");
        let permission = permission_to_see(kind, field);
        permission.is_some_and(|permission| principal.permissions.has(permission))
            && !(names_another && principal.is_restricted())
    });
    // The name of a token is shown to those who list tokens.
    let named = permission_to_see(EntityType::ApiToken, "name");
    let sees_tokens = named.is_some_and(|permission| principal.permissions.has(permission));
    if entry.actor_kind == ActorKind::ApiToken && !sees_tokens {
        entry.hide_actor_name();
    }
}

/// Why a grant is refused: it would give what the caller does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overreach {
    /// These permissions.
    Permissions(Permissions),
    /// Another tenant, or all of them.
    Tenant,
    /// More clients, organizations or projects than the caller may touch.
    Restriction,
    /// A longer life than the caller's own token has; it ends then.
    Expiry(Timestamp),
}

/// Nobody grants more than they hold.
pub fn may_grant(principal: &Principal, grant: &Grant) -> Result<(), Overreach> {
    let within = match (principal.reach, grant.reach) {
        (Reach::Everywhere, _) => true,
        (Reach::Tenant(own), Reach::Tenant(other)) => own == other,
        (Reach::Tenant(_), Reach::Everywhere) => false,
    };
    if !within {
        return Err(Overreach::Tenant);
    }
    let wanted = grant.permissions();
    if !principal.permissions.covers(wanted) {
        let missing = wanted.iter().filter(|one| !principal.permissions.has(*one));
        return Err(Overreach::Permissions(missing.collect()));
    }
    let bound = |own: Option<&ScopeId>, other| own.is_none() || own == other;
    let clients = principal.clients.as_ref().is_none_or(|own| {
        grant.client_ids.as_ref().is_some_and(|ids| ids.iter().all(|id| own.contains(id)))
    });
    let scopes = bound(principal.org_id.as_ref(), grant.org_id.as_ref())
        && bound(principal.project_id.as_ref(), grant.project_id.as_ref());
    if !clients || !scopes {
        return Err(Overreach::Restriction);
    }
    let outlives = |own: &Timestamp| grant.expires_at.is_none_or(|end| end > *own);
    match principal.expires_at.filter(outlives) {
        Some(own) => Err(Overreach::Expiry(own)),
        None => Ok(()),
    }
}
