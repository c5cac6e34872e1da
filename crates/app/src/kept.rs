//! Copies in memory of what every request asks again: who bears a token, a tenant, a client.
//!
//! A copy knows what it is about and how far the store had come when it was read. It is used only
//! while nothing it is about has changed since, so it never shows less than the newest commit.
//! Where other processes write too, the store says that nothing may be kept.

use crate::App;
use crate::agents::Agent;
use crate::read_client::ReadClient;
use clientbook_model::contact::EmailAddress;
use clientbook_model::id::{ClientId, TenantId};
use clientbook_model::principal::Principal;
use clientbook_model::tenant::{Tenant, TenantKey};
use clientbook_model::text::{ScopeId, Text};
use clientbook_model::web::WebUrl;
use clientbook_store::clients::ClientKey;
use clientbook_store::{Db, Moment};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use smallvec::{SmallVec, smallvec};
use std::hash::Hash;
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// The most MiB, about, that copies of clients take unless a setting says otherwise: some 20,000 of
/// usual size.
pub const DEFAULT_CLIENT_CACHE: u32 = 128;

/// The most bytes, about, that copies of principals take, and those of tenants.
const OTHERS: u64 = 8 << 20;

/// The most bytes, about, that copies of devices take: some 30,000 of them.
const AGENTS: u64 = 64 << 20;

/// The most names of clients that are remembered.
const NAMES: usize = 128 << 10;

impl App {
    /// Lets copies of clients take so many MiB, about.
    #[must_use]
    pub fn with_client_cache(mut self, mib: u32) -> Self {
        Arc::make_mut(&mut self.0).kept.clients = Shelf::new(u64::from(mib) << 20);
        self
    }
}

/// What is kept.
#[derive(Clone)]
pub(crate) struct Kept {
    /// Bearers of API tokens, by the digest of the secret.
    pub(crate) principals: Shelf<[u8; 32], Principal>,
    /// Devices, by the digest of their token, with what their agents are told.
    pub(crate) agents: Shelf<[u8; 32], Agent>,
    /// Tenants, by each name that callers use.
    pub(crate) tenants: Shelf<TenantKey, Tenant>,
    /// Clients, by UUID.
    clients: Shelf<(TenantId, ClientId), ReadClient>,
    /// Which client a number or an object id names. That never changes.
    names: Arc<Cache<(TenantId, ClientKey), ClientId>>,
}

impl Kept {
    pub(crate) fn new() -> Self {
        Self {
            principals: Shelf::new(OTHERS),
            agents: Shelf::new(AGENTS),
            tenants: Shelf::new(OTHERS),
            clients: Shelf::new(u64::from(DEFAULT_CLIENT_CACHE) << 20),
            names: Arc::new(Cache::new(NAMES)),
        }
    }

    /// The copy of the client that `key` names, if it still is all there is.
    pub(crate) fn client(
        &self,
        db: &Db,
        tenant: TenantId,
        key: ClientKey,
    ) -> Option<Arc<ReadClient>> {
        let id = match key {
            ClientKey::Id(id) => id,
            name => self.names.get(&(tenant, name))?,
        };
        self.clients.get(db, &(tenant, id))
    }

    /// Keeps a client that was read by `key` after `as_of`, if anything may be kept.
    pub(crate) fn put_client(&self, key: ClientKey, read: &Arc<ReadClient>, as_of: Option<Moment>) {
        let (tenant, id) = (read.record.tenant.id, read.record.client.id);
        if key != ClientKey::Id(id) && as_of.is_some() {
            self.names.insert((tenant, key), id);
        }
        self.clients.put((tenant, id), read, as_of);
    }
}

/// Copies of one kind.
pub(crate) struct Shelf<K, T>(Arc<Cache<K, Copy<T>, Weight>>);

impl<K, T> Clone for Shelf<K, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Mostly so few that cloning them takes no count that all threads share.
pub(crate) type About = SmallVec<[Uuid; 4]>;

struct Copy<T> {
    value: Arc<T>,
    as_of: Moment,
    about: About,
}

impl<T> Clone for Copy<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), as_of: self.as_of, about: self.about.clone() }
    }
}

impl<K: Hash + Eq, T: Subject> Shelf<K, T> {
    fn new(bytes: u64) -> Self {
        // How many fit if each is of the usual size.
        let count = usize::try_from(bytes / 2_048).unwrap_or(usize::MAX);
        Self(Arc::new(Cache::with_weighter(count, bytes, Weight)))
    }

    /// The copy under `key`, if it still is all there is.
    pub(crate) fn get(&self, db: &Db, key: &K) -> Option<Arc<T>> {
        let copy = self.0.get(key)?;
        db.unchanged(&copy.about, copy.as_of).then_some(copy.value)
    }

    /// Keeps what was read after `as_of`, if anything may be kept.
    pub(crate) fn put(&self, key: K, value: &Arc<T>, as_of: Option<Moment>) {
        if let Some(as_of) = as_of {
            let about = value.about();
            self.0.insert(key, Copy { value: Arc::clone(value), as_of, about });
        }
    }
}

#[derive(Clone)]
struct Weight;

impl<K, T: Subject> Weighter<K, Copy<T>> for Weight {
    fn weight(&self, _key: &K, copy: &Copy<T>) -> u64 {
        copy.value.size() as u64
    }
}

/// What a copy can be kept of.
pub(crate) trait Subject {
    /// The ids of everything whose change changes what the copy shows.
    fn about(&self) -> About;
    /// About how many bytes it takes.
    fn size(&self) -> usize;
}

impl Subject for ReadClient {
    fn about(&self) -> About {
        let record = &self.record;
        let mut about = smallvec![record.client.id.0, record.tenant.id.0];
        about.extend(record.enrollment_token.as_ref().map(|token| token.id.0));
        about.extend(record.parent.as_ref().map(|parent| parent.id.0));
        about
    }

    fn size(&self) -> usize {
        let client = &self.record.client;
        let mut json = Counted(0);
        // What is read, and shown on four surfaces, takes some times the room of its text. A
        // counter does not fail.
        let _counted = serde_json::to_writer(&mut json, &client.custom_values)
            .and_then(|()| serde_json::to_writer(&mut json, &client.contact_methods))
            .and_then(|()| serde_json::to_writer(&mut json, &client.success))
            .and_then(|()| serde_json::to_writer(&mut json, &client.tags));
        let plain = [
            client.email.as_ref().map(EmailAddress::as_str),
            client.org_id.as_ref().map(ScopeId::as_str),
            client.project_id.as_ref().map(ScopeId::as_str),
            client.owner_id.as_ref().map(ScopeId::as_str),
            client.avatar_url.as_ref().map(WebUrl::as_str),
            client.external_id.as_ref().map(Text::<100>::as_str),
            self.record.parent.as_ref().map(|parent| parent.name.as_str()),
            self.record.client_type.as_ref().map(|one| one.title.as_str()),
            self.record.enrollment_token.as_ref().and_then(|token| token.description.as_deref()),
            Some(client.name.as_str()),
            Some(self.record.tenant.name.as_str()),
        ];
        let plain: usize = plain.into_iter().flatten().map(str::len).sum();
        let entries = client.custom_values.len()
            + client.contact_methods.as_slice().len()
            + client.tags.len();
        // The record and four bodies, each with its names of fields; a name stands in all of them,
        // a value in two or three; an entry of a map or a list has its own overhead in each.
        size_of::<Self>() + 4_096 + 5 * plain + 3 * json.0 + 192 * entries
    }
}

impl Subject for Tenant {
    fn about(&self) -> About {
        smallvec![self.id.0]
    }

    fn size(&self) -> usize {
        2 * size_of::<Self>()
    }
}

impl Subject for Principal {
    fn about(&self) -> About {
        // Whoever is bound to clients works as long as one of them is active.
        let clients = self.clients.iter().flatten().map(|client| client.0);
        clients.chain(clientbook_model::id::parse_uuid(&self.actor.id)).collect()
    }

    fn size(&self) -> usize {
        4 * size_of::<Self>() + 16 * self.clients.iter().flatten().count()
    }
}

struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
