//! API tokens: long random secrets that carry a grant.

use crate::id::{ApiTokenId, ClientId, TenantId};
use crate::principal::{Permissions, Reach, Role};
use crate::text::{Name, ScopeId};
use crate::time::Timestamp;

/// What every API token starts with, so that people and scanners know one when they see it.
pub const PREFIX: &str = "cb_";

/// The characters of the random part.
pub const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// How many random characters follow the prefix: 238 bits.
pub const LENGTH: usize = 40;

/// The most clients one token can be restricted to.
pub const MAX_CLIENTS: usize = 100;

/// A token's name: 1 to 100 characters.
pub type ApiTokenName = Name<100>;

/// A role, or permissions one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// What the role holds at the time of use.
    Role(Role),
    /// Exactly these.
    Permissions(Permissions),
}

/// What a token lets its bearer do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Where.
    pub reach: Reach,
    /// What.
    pub capability: Capability,
    /// On these clients only, if restricted.
    pub client_ids: Option<Vec<ClientId>>,
    /// In this organization only.
    pub org_id: Option<ScopeId>,
    /// In this project only.
    pub project_id: Option<ScopeId>,
    /// Until then.
    pub expires_at: Option<Timestamp>,
}

impl Grant {
    /// The permissions granted.
    pub fn permissions(&self) -> Permissions {
        match self.capability {
            Capability::Role(role) => role.permissions(),
            Capability::Permissions(permissions) => permissions,
        }
    }
}

/// An API token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id.
    pub id: ApiTokenId,
    /// The tenant it is kept under; `TenantId::SYSTEM` for an operator's.
    pub tenant_id: TenantId,
    /// What people call it.
    pub name: ApiTokenName,
    /// What it lets its bearer do.
    pub grant: Grant,
    /// The id of the actor who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}
