//! Idempotency keys: a call that is repeated with its key has one effect and one answer.
//!
//! The answer is kept in the transaction of the change, so there are both or neither. That is why
//! use cases get a way to make it (`Once`): its bytes are there before the commit.

mod allowance;

pub(crate) use allowance::Allowance;

use crate::App;
use crate::caller::Caller;
use crate::error::{AppError, Forbidden};
use crate::load::{self, Purpose};
use bytes::Bytes;
use clientbook_model::audit::Hash;
use clientbook_model::id::{ClientId, TenantId};
use clientbook_model::policy::{self, ClientFacts, Decision};
use clientbook_model::principal::{Permission, Permissions, Principal};
use clientbook_model::text::ScopeId;
use clientbook_model::time::Timestamp;
use clientbook_store::clients::{self, ClientKey, ClientRecord};
use clientbook_store::kept_answers::{self, Found, KeptAnswer, Scope};
use clientbook_store::{Repeat, Tx};
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// How long an answer is kept: 24 hours.
const KEPT_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// The largest body that is kept. None of ours is larger: a client's values take less than 1 MB, a
/// bulk call's answer names 10,000 clients.
const MAX_BODY: usize = 4 << 20;

/// Answers that are forgotten in one transaction.
const FORGOTTEN: i64 = 500;

/// An answer, as its surface words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its status.
    pub status: u16,
    /// The version of the record it shows.
    pub version: Option<i64>,
    /// Where what was made can be read.
    pub location: Option<String>,
    /// Its bytes.
    pub body: Bytes,
    /// It carries a secret, which is told once.
    pub secret: bool,
}

/// What came of a use case.
#[derive(Debug)]
pub enum Done<T> {
    /// This, just now.
    Now(T),
    /// What the call with this key is answered, now or once more.
    Told(Told),
}

impl<T> Done<T> {
    /// What came of a use case that was called without a key.
    pub fn now(self) -> Result<T, AppError> {
        match self {
            Self::Now(value) => Ok(value),
            Self::Told(_) => Err(AppError::Internal("an answer to a call without a key".into())),
        }
    }
}

/// A call by its parts.
#[derive(Debug)]
pub struct KeyedCall<'a> {
    /// Its key.
    pub key: &'a str,
    /// What it does.
    pub method: &'a str,
    /// To what, as written.
    pub path: &'a str,
    /// Its parameters, as written.
    pub query: &'a str,
    /// What it sent along, byte for byte.
    pub body: &'a [u8],
}

/// The key of a call, for as long as the call lasts.
#[derive(Debug)]
pub struct Key {
    call: Called,
    allowance: Allowance,
    /// Absent while another call with the key is under way here.
    _place: Option<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Called {
    scope: Scope,
    fingerprint: Hash,
    /// No other call with the key was under way here when this one began.
    first: bool,
}

/// The scopes of the calls that are under way in this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running(Arc<Mutex<HashSet<Scope>>>);

#[derive(Debug)]
struct Place {
    running: Running,
    scope: Scope,
}

impl Running {
    fn place(&self, scope: Scope) -> Option<Place> {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(scope);
        free.then(|| Place { running: self.clone(), scope })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.running.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.scope);
    }
}

/// How a use case shows what came of it.
pub type Show<T> = Arc<dyn Fn(&T) -> Result<Told, AppError> + Send + Sync>;

/// Has a change made once for each key.
pub struct Once<T>(Option<Keyed<T>>);

struct Keyed<T> {
    call: Called,
    show: Show<T>,
    allowance: Allowance,
}

impl<T> Once<T> {
    /// Without a key: each time.
    pub fn free() -> Self {
        Self(None)
    }

    /// Once for `key`; `show` makes the answer.
    pub fn keyed(key: &Key, show: Show<T>) -> Self {
        Self(Some(Keyed { call: key.call, show, allowance: key.allowance.clone() }))
    }

    /// Has the restriction of whoever calls count as a part of what is asked, where an answer tells of
    /// more than one client.
    pub(crate) fn within(self, principal: &Principal) -> Self {
        let Some(Keyed { call, show, allowance }) = self.0 else {
            return self;
        };
        let clients = principal.clients.as_deref().map(|clients| {
            let clients: Vec<_> = clients.iter().map(ToString::to_string).collect();
            clients.join(" ")
        });
        let [org, project] = [&principal.org_id, &principal.project_id]
            .map(|scope| scope.as_ref().map(ScopeId::as_str));
        let bound = [clients.as_deref(), org, project];
        let fingerprint = bound.into_iter().fold(call.fingerprint, |hash, bound| {
            let kind = if bound.is_some() { [1] } else { [0] };
            let hasher = Sha256::new().chain_update(hash).chain_update(kind);
            hasher.chain_update(bound.unwrap_or_default()).finalize().into()
        });
        Self(Some(Keyed { call: Called { fingerprint, ..call }, show, allowance }))
    }

    /// Whether there is a key at all.
    pub(crate) fn is_keyed(&self) -> bool {
        self.0.is_some()
    }

    /// The answer that is kept, if the call is a repeat. Whoever asks has made sure that the caller
    /// may still do what the call does; what its changes took beside that is asked for here.
    pub(crate) async fn seek(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Option<Kept>, AppError> {
        let Some(Keyed { call: key, .. }) = &self.0 else {
            return Ok(None);
        };
        match kept_answers::find(tx, &key.scope).await? {
            Found::Answer(answer) if !has_ended(&answer, now) => {
                let parent = answer.parent_id;
                let kept = key.told(*answer, caller)?;
                admit_parent(tx, caller, key.scope.tenant_id, parent).await?;
                Ok(Some(kept))
            }
            _ if !key.first => Err(AppError::StillRunning),
            Found::Answer(_) => {
                kept_answers::remove(tx, &key.scope).await?;
                Ok(None)
            }
            Found::Nothing => Ok(None),
            Found::Taken => Err(AppError::StillRunning),
        }
    }

    /// Makes the answer and keeps it, if there is a key for it.
    pub(crate) async fn keep(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        about: About,
        value: T,
    ) -> Result<Done<T>, AppError> {
        let Some(Keyed { call: key, show, allowance }) = &self.0 else {
            return Ok(Done::Now(value));
        };
        let told = show(&value)?;
        let mut again = !told.secret && told.body.len() <= MAX_BODY;
        if about.idle || (again && told.body.len() > allowance::SMALL) {
            let bytes = if again { told.body.len() } else { 0 };
            match allowance.take(key.scope.tenant_id, bytes, now) {
                Ok(()) => {}
                Err(wait) if about.idle => return Err(AppError::NoRoomToKeep(wait)),
                Err(_) => again = false,
            }
        }
        let About { made: made_id, client: client_id, parent: parent_id, permissions, .. } = about;
        let answer = KeptAnswer {
            fingerprint: key.fingerprint,
            created_at: now,
            status: told.status.into(),
            version: told.version,
            location: told.location.clone().filter(|_| again),
            body: again.then(|| told.body.to_vec()),
            made_id,
            client_id,
            parent_id,
            permissions,
        };
        kept_answers::insert(tx, &key.scope, &answer).await?;
        Ok(Done::Told(told))
    }
}

/// What shows the name of a parent is told once more only to who may read that by now.
async fn admit_parent(
    tx: &mut Tx,
    caller: &Caller,
    tenant: TenantId,
    parent: Option<ClientId>,
) -> Result<(), AppError> {
    let principal = &*caller.principal;
    let sees_all = !principal.is_restricted() && principal.permissions.has(Permission::ClientsView);
    let Some(parent) = parent.filter(|_| !sees_all) else {
        return Ok(());
    };
    let found = clients::get(tx, tenant, ClientKey::Id(parent)).await?;
    let found = load::follow(tx, found, Purpose::Read).await?;
    let readable = found.is_some_and(|record| {
        let facts = ClientFacts::from(&record.client);
        policy::permits(principal, Permission::ClientsView, &facts) == Decision::Allow
    });
    if readable { Ok(()) } else { Err(AppError::Forbidden(Forbidden::OutsideRestriction)) }
}

fn has_ended(answer: &KeptAnswer, now: Timestamp) -> bool {
    answer.created_at.millis().saturating_add(KEPT_MILLIS) <= now.millis()
}

/// An answer that is told once more.
pub(crate) struct Kept {
    pub(crate) told: Told,
    pub(crate) client_id: Option<ClientId>,
}

impl Called {
    fn told(&self, answer: KeptAnswer, caller: &Caller) -> Result<Kept, AppError> {
        if answer.fingerprint != self.fingerprint {
            return Err(AppError::KeyMismatch);
        }
        let held = caller.principal.permissions;
        if let Some(lost) = answer.permissions.iter().find(|one| !held.has(*one)) {
            return Err(AppError::Forbidden(Forbidden::Lacks(lost)));
        }
        let Some(body) = answer.body else {
            return Err(AppError::NotKept(answer.made_id));
        };
        let status = u16::try_from(answer.status);
        let status = status.map_err(|_| AppError::Internal("a kept status is none".into()))?;
        let (version, location) = (answer.version, answer.location);
        let told = Told { status, version, location, body: body.into(), secret: false };
        Ok(Kept { told, client_id: answer.client_id })
    }
}

/// What an answer is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About {
    pub(crate) made: Option<Uuid>,
    pub(crate) client: Option<ClientId>,
    /// Whose name it shows beside.
    pub(crate) parent: Option<ClientId>,
    /// What its changes took.
    pub(crate) permissions: Permissions,
    /// The call changed nothing: the answer is all that it would leave.
    pub(crate) idle: bool,
}

impl About {
    /// A call that changed nothing, and shows no client.
    pub(crate) fn nothing() -> Self {
        Self { idle: true, ..Self::default() }
    }

    /// A new thing that shows no client.
    pub(crate) fn made(id: Uuid) -> Self {
        Self { made: Some(id), ..Self::default() }
    }

    pub(crate) fn with(self, permissions: Permissions) -> Self {
        Self { permissions, ..self }
    }

    /// About a change that took these permissions: each takes one, and none is none.
    pub(crate) fn changed(self, took: Permissions) -> Self {
        Self { permissions: took, idle: took.iter().next().is_none(), ..self }
    }
}

impl From<&ClientRecord> for About {
    fn from(record: &ClientRecord) -> Self {
        let parent = record.parent.as_ref().map(|parent| parent.id);
        Self { client: Some(record.client.id), parent, ..Self::default() }
    }
}

impl App {
    /// The key of a call by `caller`. While it lives, other calls with it are told to wait.
    pub fn key(&self, caller: &Caller, call: &KeyedCall<'_>) -> Key {
        let KeyedCall { key, method, path, query, body } = call;
        let actor = &caller.principal.actor;
        let digest = digest([actor.kind.as_str(), &actor.id, method, path, key]);
        let scope = Scope { tenant_id: caller.home(), digest };
        let body: Hash = Sha256::digest(body).into();
        let fingerprint =
            Sha256::new().chain_update(body).chain_update(query.as_bytes()).finalize().into();
        let place = self.0.running.place(scope);
        let call = Called { scope, fingerprint, first: place.is_some() };
        Key { call, allowance: self.0.allowance.clone(), _place: place }
    }

    /// Forgets answers that no repeat can get any more: some of them, in a transaction of their own.
    /// Whether there may be more.
    pub async fn forget_answers(&self) -> Result<bool, AppError> {
        let millis = self.0.env.now().millis().saturating_sub(KEPT_MILLIS);
        let end = Timestamp::clamped(millis);
        let forget = async move |tx: &mut Tx| {
            Ok::<_, AppError>(kept_answers::forget_across_tenants(tx, end, FORGOTTEN).await?)
        };
        let forgotten = self.0.db.write(Repeat::Harmless, forget).await?;
        Ok(i64::try_from(forgotten).is_ok_and(|count| count >= FORGOTTEN))
    }
}

/// Each part with its length, so that no two lists are one text.
fn digest<const N: usize>(parts: [&str; N]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}
