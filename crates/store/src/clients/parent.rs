//! What a client shows of its parent.

use crate::error::DbError;
use crate::row::Row;
use clientbook_model::id::{ClientId, ClientNumber, TenantId};
use clientbook_model::policy::ClientFacts;
use clientbook_model::status::Status;
use clientbook_model::text::{ClientName, ScopeId};

/// What a client shows of its parent, to whoever may read that.
#[derive(Debug, Clone)]
pub struct Parent {
    /// The parent's UUID.
    pub id: ClientId,
    /// Its number.
    pub number: ClientNumber,
    /// Its name.
    pub name: ClientName,
    org_id: Option<ScopeId>,
    project_id: Option<ScopeId>,
    status: Status,
}

impl Parent {
    /// What the policy needs to know of it; parent and child have the same tenant.
    pub fn facts(&self, tenant_id: TenantId) -> ClientFacts<'_> {
        ClientFacts {
            tenant_id,
            id: self.id,
            org_id: self.org_id.as_ref(),
            project_id: self.project_id.as_ref(),
            active: self.status.is_active(),
        }
    }

    pub(super) fn read(row: &Row<'_>) -> Result<Option<Self>, DbError> {
        let Some(id) = row.get::<Option<ClientId>>(36)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            id,
            number: row.get(37)?,
            name: row.get(38)?,
            org_id: row.get(46)?,
            project_id: row.get(47)?,
            status: row.name(48)?,
        }))
    }
}
