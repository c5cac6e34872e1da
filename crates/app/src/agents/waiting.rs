//! Agents that wait for another configuration: whoever waits is woken by a change of its own client.
//!
//! What is kept of a waiting agent is its place in its client's list of wakers. On SQLite the store
//! tells of each change; on PostgreSQL, where another server may have written, one query asks again
//! and again for the revisions of all clients whose agents wait here.

use clientbook_model::id::{ClientId, TenantId};
use clientbook_store::{Db, DbError, Tx, agent_configs};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// How often revisions are asked for where the store does not tell, unless a hint comes first.
const LOOK: Duration = Duration::from_millis(900);

// An agent hears of a change through another server within a second.
const _: () = assert!(LOOK.as_millis() < 1_000);

/// How long it may take to be told hints.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who waits, by client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiting(Arc<Hub>);

#[derive(Debug, Default)]
struct Hub {
    clients: Mutex<HashMap<ClientId, Client>>,
    /// Somebody listens or looks for changes. Moved under the lock of `clients`.
    attentive: AtomicBool,
    stopping: AtomicBool,
    stop: Notify,
}

#[derive(Debug)]
struct Client {
    tenant_id: TenantId,
    waiters: usize,
    notify: Arc<Notify>,
    /// The revision that everybody who waits has seen, or was woken for.
    revision: Option<i64>,
}

/// A waiting agent's place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    hub: Arc<Hub>,
    client: ClientId,
    /// Told of each change. To be listened to before the configuration is read.
    pub(crate) notify: Arc<Notify>,
}

impl Waiting {
    /// A place among those who wait for changes of a client.
    pub(crate) fn place(&self, db: &Db, tenant_id: TenantId, client: ClientId) -> Place {
        let mut clients = self.0.clients();
        let entry = clients.entry(client).or_insert_with(|| Client {
            tenant_id,
            waiters: 0,
            notify: Arc::default(),
            revision: None,
        });
        entry.waiters += 1;
        let notify = Arc::clone(&entry.notify);
        if !self.0.attentive.swap(true, Ordering::Relaxed) {
            let hub = Arc::downgrade(&self.0);
            match db.agent_changes() {
                Some(changes) => tokio::spawn(listen(hub, changes)),
                None => tokio::spawn(look(hub, db.clone())),
            };
        }
        drop(clients);
        Place { hub: Arc::clone(&self.0), client, notify }
    }

    /// Lets go of all who wait, now and from now on.
    pub(crate) fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        self.0.stop.notify_waiters();
    }

    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        self.0.clients().values().map(|client| client.waiters).sum()
    }
}

impl Place {
    /// Done once nobody is to wait any more.
    pub(crate) async fn stopped(&self) {
        let stop = self.hub.stop.notified();
        tokio::pin!(stop);
        stop.as_mut().enable();
        if !self.hub.stopping.load(Ordering::SeqCst) {
            stop.await;
        }
    }

    /// Says which revision this agent has seen.
    pub(crate) fn has_seen(&self, revision: i64) {
        if let Some(client) = self.hub.clients().get_mut(&self.client) {
            client.revision.get_or_insert(revision);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut clients = self.hub.clients();
        if let Some(client) = clients.get_mut(&self.client) {
            client.waiters -= 1;
            if client.waiters == 0 {
                clients.remove(&self.client);
            }
        }
    }
}

impl Hub {
    fn clients(&self) -> MutexGuard<'_, HashMap<ClientId, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, client: ClientId) {
        let notify = self.clients().get(&client).map(|client| Arc::clone(&client.notify));
        if let Some(notify) = notify {
            notify.notify_waiters();
        }
    }

    fn wake_all(&self) {
        let all: Vec<_> = self.clients().values().map(|one| Arc::clone(&one.notify)).collect();
        for notify in all {
            notify.notify_waiters();
        }
    }

    /// Wakes whoever has not seen the newest revision.
    fn compare(&self, newest: &HashMap<ClientId, i64>, asked: &[ClientId]) {
        for id in asked {
            let revision = newest.get(id).copied().unwrap_or(0);
            let mut clients = self.clients();
            let known = clients.get_mut(id).filter(|client| client.revision != Some(revision));
            let notify = known.map(|client| {
                client.revision = Some(revision);
                Arc::clone(&client.notify)
            });
            drop(clients);
            if let Some(notify) = notify {
                notify.notify_waiters();
            }
        }
    }
}

/// Wakes as the store tells, for as long as it does.
async fn listen(hub: Weak<Hub>, mut changes: broadcast::Receiver<ClientId>) {
    loop {
        let told = changes.recv().await;
        let Some(hub) = hub.upgrade() else {
            return;
        };
        match told {
            Ok(client) => hub.wake(client),
            // Who was among those nobody knows.
            Err(RecvError::Lagged(_)) => hub.wake_all(),
            Err(RecvError::Closed) => return,
        }
    }
}

/// Asks for revisions for as long as somebody waits: again and again, and sooner where a hint comes.
async fn look(hub: Weak<Hub>, db: Db) {
    let mut hints = None;
    loop {
        let Some((tenants, ids)) = hub.upgrade().and_then(|hub| waited_for(&hub)) else {
            return;
        };
        if hints.is_none() {
            // Before the look, so that none gets lost between. Without them the next look is in time.
            let asked = timeout(PATIENCE, db.agent_hints()).await;
            hints = asked.ok().and_then(Result::ok).flatten();
        }
        let clients: Vec<_> = ids.iter().map(|id: &ClientId| id.0).collect();
        let newest = db.lookup::<_, DbError, _>(async move |tx: &mut Tx| {
            agent_configs::revisions_across_tenants(tx, &tenants, &clients).await
        });
        match newest.await {
            Ok(newest) => {
                if let Some(hub) = hub.upgrade() {
                    hub.compare(&newest, &ids);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "whether agents are told something else is not known");
                hints = None;
            }
        }
        let Some(next) = &mut hints else {
            sleep(LOOK).await;
            continue;
        };
        // An end comes as soon as a hint would.
        if timeout(LOOK, next.next()).await == Ok(false) {
            hints = None;
            sleep(LOOK).await;
        }
    }
}

/// The tenants and ids of all clients whose agents wait; `None` where there are none, after which the
/// next one to come begins to look.
fn waited_for(hub: &Hub) -> Option<(Vec<Uuid>, Vec<ClientId>)> {
    let clients = hub.clients();
    if clients.is_empty() {
        hub.attentive.store(false, Ordering::Relaxed);
        return None;
    }
    let ids = clients.keys().copied().collect();
    let mut tenants: Vec<_> = clients.values().map(|client| client.tenant_id.0).collect();
    tenants.sort_unstable();
    tenants.dedup();
    Some((tenants, ids))
}
