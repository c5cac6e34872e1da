//! Who is calling, and what they hold.

use crate::id::{ClientId, TenantId};
use crate::text::ScopeId;
use crate::time::Timestamp;

/// A right to do one kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Permission {
    /// Read clients.
    ClientsView,
    /// Make clients.
    ClientsCreate,
    /// Change clients.
    ClientsUpdate,
    /// Remove clients.
    ClientsDelete,
    /// Change a client's status: activate, suspend.
    ClientsStatus,
    /// Change what agents may collect.
    CollectionUpdate,
    /// Change devices and the people seen on them.
    DevicesUpdate,
    /// Read what people do on their devices.
    TelemetryView,
    /// Make, list and revoke API tokens and enrolment tokens.
    TokensManage,
    /// Define custom fields.
    FieldsManage,
    /// Read the audit trail.
    AuditView,
    /// Make and change tenants.
    TenantsManage,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 12] = [
        Self::ClientsView,
        Self::ClientsCreate,
        Self::ClientsUpdate,
        Self::ClientsDelete,
        Self::ClientsStatus,
        Self::CollectionUpdate,
        Self::DevicesUpdate,
        Self::TelemetryView,
        Self::TokensManage,
        Self::FieldsManage,
        Self::AuditView,
        Self::TenantsManage,
    ];

    /// The name in tokens, messages and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientsView => "clients.view",
            Self::ClientsCreate => "clients.create",
            Self::ClientsUpdate => "clients.update",
            Self::ClientsDelete => "clients.delete",
            Self::ClientsStatus => "clients.status",
            Self::CollectionUpdate => "collection.update",
            Self::DevicesUpdate => "devices.update",
            Self::TelemetryView => "telemetry.view",
            Self::TokensManage => "tokens.manage",
            Self::FieldsManage => "fields.manage",
            Self::AuditView => "audit.view",
            Self::TenantsManage => "tenants.manage",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == name)
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(u16);

impl Permissions {
    /// All of them.
    pub const ALL: Self = Self((1 << Permission::ALL.len()) - 1);

    /// Whether `permission` is in the set.
    pub fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    /// Whether every permission of `other` is in this set.
    pub fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The permissions, in their fixed order.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |permission| self.has(*permission))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::default(), |set, one| Self(set.0 | (1 << one as u8)))
    }
}

/// A named bundle of permissions; each role holds all of the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads clients.
    Viewer,
    /// Works with clients.
    Member,
    /// Runs a tenant.
    Admin,
    /// Runs the installation: every tenant, and tenants themselves.
    Operator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Member, Self::Admin, Self::Operator];

    /// The name in tokens and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Operator => "operator",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// What the role holds.
    pub fn permissions(self) -> Permissions {
        use Permission as P;
        let own: &[P] = match self {
            Self::Viewer => &[P::ClientsView],
            Self::Member => &[P::ClientsCreate, P::ClientsUpdate, P::ClientsDelete],
            Self::Admin => &[
                P::ClientsStatus,
                P::CollectionUpdate,
                P::DevicesUpdate,
                P::TelemetryView,
                P::TokensManage,
                P::FieldsManage,
                P::AuditView,
            ],
            Self::Operator => &[P::TenantsManage],
        };
        let below = Self::ALL.into_iter().filter(|role| *role < self);
        below.flat_map(|role| role.permissions().iter()).chain(own.iter().copied()).collect()
    }
}

/// The tenants a principal may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// One tenant.
    Tenant(TenantId),
    /// All of them: operators only.
    Everywhere,
}

impl Reach {
    /// Whether `tenant` is within reach.
    pub fn includes(self, tenant: TenantId) -> bool {
        match self {
            Self::Tenant(own) => own == tenant,
            Self::Everywhere => true,
        }
    }
}

/// What kind of caller stands behind a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// An API token.
    ApiToken,
    /// A person or program known to an identity provider.
    Subject,
    /// A device's agent.
    Device,
    /// Someone at the command line of the machine that holds the store.
    Cli,
    /// Clientbook itself.
    System,
}

impl ActorKind {
    /// The name in the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiToken => "api_token",
            Self::Subject => "subject",
            Self::Device => "device",
            Self::Cli => "cli",
            Self::System => "system",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::ApiToken, Self::Subject, Self::Device, Self::Cli, Self::System]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// Who the audit trail names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The kind of caller.
    pub kind: ActorKind,
    /// Its stable id.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// An authenticated caller and everything it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who it is.
    pub actor: Actor,
    /// The tenants it may reach.
    pub reach: Reach,
    /// What it may do there.
    pub permissions: Permissions,
    /// The only clients it may touch, if restricted to some.
    pub clients: Option<Vec<ClientId>>,
    /// The only organization whose clients it may touch.
    pub org_id: Option<ScopeId>,
    /// The only project whose clients it may touch.
    pub project_id: Option<ScopeId>,
    /// When its API token ends; what it grants ends no later.
    pub expires_at: Option<Timestamp>,
}

impl Principal {
    /// Whether some clients of its tenant are out of its reach.
    pub fn is_restricted(&self) -> bool {
        self.clients.is_some() || self.org_id.is_some() || self.project_id.is_some()
    }
}
