//! Who asks, and from where.

use clientbook_model::audit::{Origin, Surface};
use clientbook_model::id::TenantId;
use clientbook_model::principal::{Actor, ActorKind, Permissions, Principal, Reach};
use std::sync::Arc;

/// An authenticated principal and the circumstances of its request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who, with everything it holds.
    pub principal: Arc<Principal>,
    /// From where.
    pub origin: Arc<Origin>,
}

impl Caller {
    /// Someone at the command line of the machine that holds the store: holds everything.
    pub fn cli(request_id: String) -> Self {
        Self::trusted(ActorKind::Cli, "command line", Surface::Cli, request_id)
    }

    /// Clientbook itself.
    pub fn system(request_id: String) -> Self {
        Self::trusted(ActorKind::System, "Clientbook", Surface::System, request_id)
    }

    /// Nobody in particular, who may do nothing: the caller of what is public.
    pub fn nobody(request_id: String) -> Self {
        let caller = Self::trusted(ActorKind::System, "nobody", Surface::System, request_id);
        let mut principal = (*caller.principal).clone();
        principal.permissions = Permissions::default();
        principal.reach = Reach::Tenant(TenantId::SYSTEM);
        Self { principal: Arc::new(principal), ..caller }
    }

    fn trusted(kind: ActorKind, name: &str, surface: Surface, request_id: String) -> Self {
        let actor = Actor { kind, id: kind.as_str().to_owned(), name: name.to_owned() };
        let principal = Principal {
            actor,
            reach: Reach::Everywhere,
            permissions: Permissions::ALL,
            clients: None,
            org_id: None,
            project_id: None,
            expires_at: None,
        };
        let origin = Origin { surface, request_id, source_address: None };
        Self { principal: Arc::new(principal), origin: Arc::new(origin) }
    }

    /// The tenant it is of; the system's own for those who reach all.
    pub(crate) fn home(&self) -> TenantId {
        match self.principal.reach {
            Reach::Tenant(tenant) => tenant,
            Reach::Everywhere => TenantId::SYSTEM,
        }
    }
}
