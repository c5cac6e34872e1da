//! What devices' agents ask for: to join, to be told what to do, and to hand over what they collected.

mod check_in;
mod enroll;
mod gathered;
mod hand_over;
mod retention;
mod room_of_day;
mod uninstalled;
mod users;
mod waiting;

pub use check_in::CheckIn;
pub use enroll::{Enrolled, Enrollment};
pub use hand_over::{Inventory, UsageAccepted};
pub use retention::DEFAULT_RETENTION_DAYS;
pub use users::SeenUser;

pub(crate) use gathered::Gathered;
pub(crate) use waiting::Waiting;

use crate::App;
use crate::error::{AppError, Unauthenticated};
use crate::kept::{About, Subject};
use bytes::Bytes;
use clientbook_model::agent::{AgentConfig, Collected, Directive, Payload, TOKEN_PREFIX};
use clientbook_model::collection::CollectionMode;
use clientbook_model::principal::{Actor, ActorKind, Permissions, Principal, Reach};
use clientbook_model::secret::{Secret, SecretDigest};
use clientbook_store::agents::{self, FoundAgent};
use clientbook_store::software::DevicePlace;
use clientbook_store::{Moment, Tx};
use smallvec::smallvec;
use std::sync::{Arc, OnceLock};

/// A device whose agent asks, with what it is told.
#[derive(Debug)]
pub struct Agent {
    found: FoundAgent,
    digest: SecretDigest,
    config: AgentConfig,
    version: String,
    principal: Arc<Principal>,
    shown: OnceLock<Bytes>,
}

/// What was sent may not be collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotCollected {
    /// What is collected on the device.
    pub effective_mode: CollectionMode,
    /// What its agent is to do.
    pub directive: Directive,
    /// What may be collected.
    pub collect: &'static [Collected],
    /// The users whose data was in the way, where nothing else was.
    pub user_keys: Vec<String>,
    /// What was refused, to be counted.
    pub refused: Vec<Payload>,
}

impl Agent {
    fn new(found: FoundAgent, digest: SecretDigest) -> Self {
        let users = found.users.iter().map(|user| (user.user_key.as_str(), user.status));
        let config = found.tiers.config(users);
        let principal = principal(&found.place, &found.name);
        let (version, principal) = (config.version(), Arc::new(principal));
        Self { found, digest, config, version, principal, shown: OnceLock::new() }
    }

    /// What it is told.
    pub fn config(&self) -> &AgentConfig {
        &self.config
    }

    /// Another one for another configuration.
    pub fn config_version(&self) -> &str {
        &self.version
    }

    /// The device.
    pub fn place(&self) -> DevicePlace {
        self.found.place
    }

    /// What tells the device from the others of its client.
    pub fn unique_key(&self) -> &str {
        &self.found.unique_key
    }

    /// Who acts, for the audit trail and for limits. It holds no permission.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// Whether `payload` may be sent.
    pub fn permits(&self, payload: Payload) -> bool {
        self.found.tiers.permit(payload)
    }

    /// What was made of the configuration before, or else is made of it now.
    pub fn shown<E>(&self, make: impl FnOnce() -> Result<Bytes, E>) -> Result<Bytes, E> {
        if let Some(shown) = self.shown.get() {
            return Ok(shown.clone());
        }
        let shown = make()?;
        // Another request may have been first, with the same.
        let _first = self.shown.set(shown.clone());
        Ok(shown)
    }

    /// Refuses to take `payloads` in, unless all are permitted. The agent of an inactive client that is to
    /// remove itself may hear that and say when it has, and no more.
    fn check_handed(&self, payloads: impl IntoIterator<Item = Payload>) -> Result<(), AppError> {
        if self.found.tiers.status.is_active() { self.check(payloads) } else { Err(SUSPENDED) }
    }

    /// Refuses those of `payloads` that are not permitted.
    fn check(&self, payloads: impl IntoIterator<Item = Payload>) -> Result<(), AppError> {
        let refused: Vec<_> = payloads.into_iter().filter(|one| !self.permits(*one)).collect();
        if refused.is_empty() { Ok(()) } else { Err(self.refusal(refused, Vec::new())) }
    }

    fn refusal(&self, refused: Vec<Payload>, user_keys: Vec<String>) -> AppError {
        AppError::NotCollected(Box::new(NotCollected {
            effective_mode: self.config.effective_mode,
            directive: self.config.directive,
            collect: self.config.collect,
            user_keys,
            refused,
        }))
    }
}

/// A device as whoever acts. It holds no permission.
fn principal(place: &DevicePlace, name: &str) -> Principal {
    let actor =
        Actor { kind: ActorKind::Device, id: place.device_id.to_string(), name: name.to_owned() };
    Principal {
        actor,
        reach: Reach::Tenant(place.tenant_id),
        permissions: Permissions::default(),
        clients: Some(vec![place.client_id]),
        org_id: None,
        project_id: None,
        expires_at: None,
    }
}

/// The device in a transaction that takes in what its agent sends: nothing that decides on it changes
/// until the end. Refused like a request is, as it may have changed since that came.
async fn hold(tx: &mut Tx, digest: SecretDigest, place: &DevicePlace) -> Result<Agent, AppError> {
    let found = agents::hold_across_tenants(tx, digest, place).await?;
    let agent = Agent::new(found.ok_or(INVALID)?, digest);
    if agent.found.tiers.is_suspended() {
        return Err(SUSPENDED);
    }
    Ok(agent)
}

impl App {
    /// The device whose token `secret` is. A suspension, a revocation or a change of what it is told
    /// holds from the next request on.
    pub async fn authenticate_agent(&self, secret: &Secret) -> Result<Arc<Agent>, AppError> {
        // What opens other doors opens none here.
        if !secret.expose().starts_with(TOKEN_PREFIX) {
            return Err(INVALID);
        }
        self.agent(secret.digest()).await
    }

    async fn agent(&self, digest: SecretDigest) -> Result<Arc<Agent>, AppError> {
        if let Some(agent) = self.0.kept.agents.get(&self.0.db, &digest.0) {
            return Ok(agent);
        }
        let as_of = self.0.db.moment();
        let found = self.0.db.lookup::<_, AppError, _>(async move |tx: &mut Tx| {
            Ok(agents::find_across_tenants(tx, digest).await?)
        });
        // Apart: who waits does not hold the room that asking takes.
        self.admitted_agent(Box::pin(found).await?, digest, as_of)
    }

    /// The device that was found, unless its token opens nothing.
    fn admitted_agent(
        &self,
        found: Option<FoundAgent>,
        digest: SecretDigest,
        as_of: Option<Moment>,
    ) -> Result<Arc<Agent>, AppError> {
        let agent = Arc::new(Agent::new(found.ok_or(INVALID)?, digest));
        if agent.found.tiers.is_suspended() {
            return Err(SUSPENDED);
        }
        self.0.kept.agents.put(digest.0, &agent, as_of);
        Ok(agent)
    }

    /// Refuses those of `payloads` that the agent may not hand over, and counts them.
    pub fn refuse_handed(
        &self,
        agent: &Agent,
        payloads: impl IntoIterator<Item = Payload>,
    ) -> Result<(), AppError> {
        self.count_refusal(agent, agent.check_handed(payloads))
    }

    /// Counts what was refused, if anything was.
    fn count_refusal<T>(&self, agent: &Agent, outcome: Result<T, AppError>) -> Result<T, AppError> {
        if let Err(AppError::NotCollected(why)) = &outcome {
            self.0.gathered.refuse(agent.place(), &why.refused, self.0.env.now());
        }
        outcome
    }

    /// How many agents wait for another configuration.
    pub fn waiting_agents(&self) -> usize {
        self.0.waiting.count()
    }

    /// Answers all agents that wait, now and from now on: the server is about to stop.
    pub fn release_agents(&self) {
        self.0.waiting.stop();
    }
}

const INVALID: AppError = AppError::Unauthenticated(Unauthenticated::Invalid);
const SUSPENDED: AppError = AppError::Unauthenticated(Unauthenticated::Suspended);

impl Subject for Agent {
    fn about(&self) -> About {
        let place = self.found.place;
        smallvec![place.device_id.0, place.client_id.0]
    }

    fn size(&self) -> usize {
        let users = self.found.users.iter();
        // Each stands in the configuration and in the answer, too.
        let users: usize =
            users.map(|user| 256 + 3 * (user.user_key.len() + user.username.len())).sum();
        let errors = 256 * self.found.deployment_errors.len();
        size_of::<Self>() + size_of::<Principal>() + 1_024 + users + errors
    }
}
