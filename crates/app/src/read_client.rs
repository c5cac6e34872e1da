//! Read one client.

use crate::App;
use crate::caller::Caller;
use crate::error::AppError;
use crate::load::{self, ClientRef, Home, Purpose};
use crate::references;
use bytes::Bytes;
use clientbook_model::audit::Surface;
use clientbook_model::policy::{self, ClientFacts, Decision};
use clientbook_model::principal::{Permission, Reach};
use clientbook_store::Tx;
use clientbook_store::clients::ClientRecord;
use std::sync::{Arc, OnceLock};

/// A client as it was read, and what the surfaces have made of it since.
#[derive(Debug)]
pub struct ReadClient {
    /// The client.
    pub record: ClientRecord,
    shown: [OnceLock<Shown>; 4],
}

/// A record in the words of one surface.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The body of the answer.
    pub body: Bytes,
    /// Its entity tag.
    pub tag: String,
}

impl ReadClient {
    /// What `surface` has made of the client before, or else makes of it now.
    pub fn shown<E>(
        &self,
        surface: Surface,
        make: impl FnOnce() -> Result<Shown, E>,
    ) -> Result<Shown, E> {
        let slot = match surface {
            Surface::Organizations => &self.shown[0],
            Surface::Tenants => &self.shown[1],
            Surface::Workspace => &self.shown[2],
            Surface::CustomerSuccess => &self.shown[3],
            _ => return make(),
        };
        if let Some(shown) = slot.get() {
            return Ok(shown.clone());
        }
        let shown = make()?;
        // Another request may have been first, with the same.
        let _first = slot.set(shown.clone());
        Ok(shown)
    }
}

impl App {
    /// The client that `target` names. Needs `clients.view`.
    pub async fn read_client(
        &self,
        caller: &Caller,
        target: ClientRef,
    ) -> Result<Arc<ReadClient>, AppError> {
        let read = match self.kept_client(caller, &target) {
            Some(read) => read,
            // Apart: what is in memory does not carry the room that asking takes.
            None => Box::pin(self.ask_for_client(caller, target)).await?,
        };
        if references::hides_parent(&caller.principal, &read.record) {
            // What is kept is what others see.
            let record = references::shown_to(&caller.principal, read.record.clone());
            return Ok(Arc::new(ReadClient { record, shown: Default::default() }));
        }
        Ok(read)
    }

    async fn ask_for_client(
        &self,
        caller: &Caller,
        target: ClientRef,
    ) -> Result<Arc<ReadClient>, AppError> {
        let (tenant, key) = (target.tenant.as_ref().and_then(|(_, key)| key.clone()), target.key);
        let caller = caller.clone();
        let as_of = self.0.db.moment();
        let record = self.0.db.lookup(async move |tx: &mut Tx| {
            load::client(tx, &caller, &target, Permission::ClientsView, Purpose::Read).await
        });
        let read = Arc::new(ReadClient { record: record.await?, shown: Default::default() });
        if let Some(tenant) = tenant {
            self.0.kept.tenants.put(tenant, &Arc::new(read.record.tenant.clone()), as_of);
        }
        if let Some(key) = key {
            self.0.kept.put_client(key, &read, as_of);
        }
        Ok(read)
    }

    /// The copy in memory, if there is a true one and `caller` may see it. For everyone else
    /// `load::client` finds the right refusal.
    fn kept_client(&self, caller: &Caller, target: &ClientRef) -> Option<Arc<ReadClient>> {
        let principal = &*caller.principal;
        let tenant = match (&target.tenant, principal.reach) {
            (Some((_, key)), _) => self.0.kept.tenants.get(&self.0.db, key.as_ref()?)?.id,
            (None, Reach::Tenant(own)) => own,
            (None, Reach::Everywhere) => return None,
        };
        let read = self.0.kept.client(&self.0.db, tenant, target.key?)?;
        let facts = ClientFacts::from(&read.record.client);
        let decision = policy::permits(principal, Permission::ClientsView, &facts);
        let shown = read.record.client.shows_on(caller.origin.surface);
        (shown && decision == Decision::Allow).then_some(read)
    }

    /// Whether the caller may do to the client that `target` names what `permission` says.
    pub async fn admit(
        &self,
        caller: &Caller,
        target: ClientRef,
        permission: Permission,
    ) -> Result<(), AppError> {
        let caller = caller.clone();
        self.0
            .db
            .lookup(async move |tx: &mut Tx| {
                load::client(tx, &caller, &target, permission, Purpose::Read).await.map(|_| ())
            })
            .await
    }

    /// Whether the caller may do in the tenant that `home` names what `permission` says; which one
    /// it is, or that none is named, is not asked.
    pub async fn admit_home(
        &self,
        caller: &Caller,
        home: Home,
        permission: Permission,
    ) -> Result<(), AppError> {
        let caller = caller.clone();
        let found = self.0.db.lookup(async move |tx: &mut Tx| {
            load::home(tx, &caller, &home, permission).await.map(|_| ())
        });
        match found.await {
            Err(AppError::Invalid(_)) => Ok(()),
            other => other,
        }
    }
}
