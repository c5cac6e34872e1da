//! Writes the entries of one operation into one chain.

use crate::caller::Caller;
use crate::env::Env;
use clientbook_model::audit::{ChainHead, Circumstances, Entry, Event};
use clientbook_model::id::{EntryId, TenantId};
use clientbook_model::time::Timestamp;
use clientbook_store::{DbError, Tx, audit, tenants};
use uuid::Uuid;

/// What the entries of one operation share.
#[derive(Clone, Copy)]
pub(crate) struct Recorder<'a> {
    pub(crate) env: &'a Env,
    pub(crate) caller: &'a Caller,
    pub(crate) tenant_id: TenantId,
    pub(crate) operation_id: Uuid,
    pub(crate) now: Timestamp,
}

impl Recorder<'_> {
    /// Appends `event` to the chain whose newest entry is `head`. The caller writes the moved head
    /// back with the row that carries it.
    pub(crate) async fn append(
        &self,
        tx: &mut Tx,
        chain_id: Uuid,
        head: &mut ChainHead,
        event: &Event<'_>,
    ) -> Result<(), DbError> {
        let from = Circumstances {
            tenant_id: self.tenant_id,
            chain_id,
            actor: &self.caller.principal.actor,
            origin: &self.caller.origin,
            operation_id: self.operation_id,
            now: self.now,
        };
        let id = EntryId(self.env.uuid(self.now));
        let entry = Entry::append(head, id, event, &from, || self.env.salt());
        audit::insert(tx, &entry).await
    }

    /// Appends `event` to the tenant's own chain and writes its head.
    pub(crate) async fn append_to_tenant(
        &self,
        tx: &mut Tx,
        event: &Event<'_>,
    ) -> Result<(), DbError> {
        self.append_all_to_tenant(tx, std::slice::from_ref(event)).await
    }

    /// Likewise with several.
    pub(crate) async fn append_all_to_tenant(
        &self,
        tx: &mut Tx,
        events: &[Event<'_>],
    ) -> Result<(), DbError> {
        let head = tenants::chain_head_for_update(tx, self.tenant_id).await?;
        let mut head = head.ok_or_else(|| DbError::Refused("the tenant is gone".into()))?;
        for event in events {
            self.append(tx, self.tenant_id.0, &mut head, event).await?;
        }
        tenants::set_chain_head(tx, self.tenant_id, &head).await
    }
}
