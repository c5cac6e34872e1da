//! Read one client.

use crate::App;
use crate::caller::Caller;
use crate::error::AppError;
use crate::load::{self, ClientRef, Purpose};
use clientbook_model::policy::{self, ClientFacts, Decision};
use clientbook_model::principal::{Permission, Principal, Reach};
use clientbook_store::Tx;
use clientbook_store::clients::ClientRecord;
use std::sync::Arc;

impl App {
    /// The client that `target` names. Needs `clients.view`.
    pub async fn read_client(
        &self,
        caller: &Caller,
        target: ClientRef,
    ) -> Result<Arc<ClientRecord>, AppError> {
        if let Some(record) = self.kept_client(&caller.principal, &target) {
            return Ok(record);
        }
        let (tenant, key) = (target.tenant.as_ref().and_then(|(_, key)| key.clone()), target.key);
        let caller = caller.clone();
        let as_of = self.db.moment();
        let record = self.db.lookup(async move |tx: &mut Tx| {
            load::client(tx, &caller, &target, Permission::ClientsView, Purpose::Read).await
        });
        let record = Arc::new(record.await?);
        if let Some(tenant) = tenant {
            self.kept.tenants.put(tenant, &Arc::new(record.tenant.clone()), as_of);
        }
        if let Some(key) = key {
            self.kept.clients.put((record.tenant.id, key), &record, as_of);
        }
        Ok(record)
    }

    /// The copy in memory, if there is a true one and `principal` may see it. For everyone else
    /// `load::client` finds the right refusal.
    fn kept_client(&self, principal: &Principal, target: &ClientRef) -> Option<Arc<ClientRecord>> {
        let tenant = match (&target.tenant, principal.reach) {
            (Some((_, key)), _) => self.kept.tenants.get(&self.db, key.as_ref()?)?.id,
            (None, Reach::Tenant(own)) => own,
            (None, Reach::Everywhere) => return None,
        };
        let record = self.kept.clients.get(&self.db, &(tenant, target.key?))?;
        let facts = ClientFacts::from(&record.client);
        let decision = policy::permits(principal, Permission::ClientsView, &facts);
        (decision == Decision::Allow).then_some(record)
    }

    /// Whether the caller may do to the client that `target` names what `permission` says.
    pub async fn admit(
        &self,
        caller: &Caller,
        target: ClientRef,
        permission: Permission,
    ) -> Result<(), AppError> {
        let caller = caller.clone();
        self.db
            .lookup(async move |tx: &mut Tx| {
                load::client(tx, &caller, &target, permission, Purpose::Read).await.map(|_| ())
            })
            .await
    }
}
