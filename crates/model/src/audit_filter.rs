//! Which entries a list of the audit trail holds.

use crate::audit::{Action, EntityType, Surface};
use crate::id::{ClientId, TenantId};
use crate::patch::Parse;
use crate::principal::Principal;
use crate::text::ScopeId;
use crate::time::Timestamp;
use crate::violation::Violation;
use serde_json::Value;
use uuid::Uuid;

/// The most characters of a field's name or an actor's id to look for: a JWT's is its issuer and its
/// subject, which may have 1,000 bytes.
pub const MAX_NAME: usize = 2_000;

/// What a request asks of the entries. Everything given must hold.
#[derive(Debug, Clone, Default)]
pub struct AuditWishes {
    /// They are about this kind of thing.
    pub entity_type: Option<EntityType>,
    /// They are about this very thing.
    pub entity_id: Option<Uuid>,
    /// It was done by this actor.
    pub actor_id: Option<Name>,
    /// This was done.
    pub action: Option<Action>,
    /// It came through this door.
    pub surface: Option<Surface>,
    /// This field changed.
    pub field: Option<Name>,
    /// Not before this.
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
}

/// Something to look for, letter by letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Parse for Name {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let text = String::parse(value)?;
        if (1..=MAX_NAME).contains(&text.chars().count()) {
            return Ok(Self(text));
        }
        let message = format!("must have 1 to {MAX_NAME} characters");
        Err(Violation::new("length", message))
    }
}

/// Which entries a list holds.
#[derive(Debug, Clone)]
pub struct AuditFilter {
    /// Those of this tenant.
    pub tenant_id: TenantId,
    /// Of this chain only: a client's.
    pub chain_id: Option<Uuid>,
    /// As somebody asked for.
    pub wishes: AuditWishes,
    /// Of these clients only, while they are active, where the caller is bound to some.
    pub clients: Option<Vec<ClientId>>,
    /// Of clients of this organization only, where the caller is bound to one.
    pub org_id: Option<ScopeId>,
    /// Of clients of this project only, where the caller is bound to one.
    pub project_id: Option<ScopeId>,
}

impl AuditFilter {
    /// What is asked for, as far as `principal`, who may read the tenant's trail, may see it:
    /// whoever is bound to some clients sees those clients' entries.
    pub fn new(
        tenant_id: TenantId,
        chain_id: Option<Uuid>,
        wishes: AuditWishes,
        principal: &Principal,
    ) -> Self {
        Self {
            tenant_id,
            chain_id,
            wishes,
            clients: principal.clients.clone(),
            org_id: principal.org_id.clone(),
            project_id: principal.project_id.clone(),
        }
    }

    /// Whether only some clients' entries are left, whatever is asked for.
    pub fn is_restricted(&self) -> bool {
        self.clients.is_some() || self.org_id.is_some() || self.project_id.is_some()
    }

    /// Whether nothing is asked for but a chain.
    pub fn is_whole_chain(&self) -> bool {
        let AuditWishes { entity_type, entity_id, actor_id, action, surface, field, from, to } =
            &self.wishes;
        let things = entity_type.is_none() && entity_id.is_none() && actor_id.is_none();
        let ways = action.is_none() && surface.is_none() && field.is_none();
        self.chain_id.is_some() && things && ways && from.is_none() && to.is_none()
    }
}
