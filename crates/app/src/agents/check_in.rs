//! The heartbeat: the hot path. What is known already writes nothing, and an agent that has the newest
//! configuration may wait for another.

use super::users::{Room, SeenUser, is_new, write_user};
use super::{Agent, hold};
use crate::App;
use crate::env::Env;
use crate::error::AppError;
use clientbook_model::agent::Payload;
use clientbook_model::device::{DeploymentError, Version};
use clientbook_model::device_user::UserStatus;
use clientbook_model::id::{ClientId, TenantId};
use clientbook_model::secret::SecretDigest;
use clientbook_model::time::Timestamp;
use clientbook_store::{Repeat, Tx, agents, devices};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What an agent tells with its heartbeat.
#[derive(Debug, Clone)]
pub struct CheckIn {
    /// Its version.
    pub agent_version: Version,
    /// The configuration that it obeys.
    pub config_version: Option<String>,
    /// The users with sessions.
    pub users: Vec<SeenUser>,
    /// What keeps it from its work; absent, what it told before.
    pub deployment_errors: Option<Vec<DeploymentError>>,
    /// How long it would wait for another configuration.
    pub wait: Duration,
}

impl App {
    /// Takes a heartbeat in; the agent with what it is told, at once or when that changes.
    pub async fn check_in(
        &self,
        mut agent: Arc<Agent>,
        mut told: CheckIn,
    ) -> Result<Arc<Agent>, AppError> {
        // Whatever else it says, it was heard of.
        self.0.gathered.see(agent.place(), self.0.env.now(), std::iter::empty());
        self.count_refusal(&agent, agent.check(payloads(&told)))?;
        let (known, wait) = (told.config_version.clone(), told.wait);
        self.leave_out(&agent, &mut told.users).await?;
        if is_news(&agent, &told) {
            // Apart: a waiting agent does not take the room that writing takes.
            agent = Box::pin(self.write_told(&agent, &told)).await?;
        }
        let users = told.users.iter().filter_map(|seen| agent.found.user(seen.user_key.as_str()));
        let here = users.filter(|user| user.status == UserStatus::Active);
        self.0.gathered.see(agent.place(), self.0.env.now(), here.map(|user| user.id));
        drop(told);
        match known {
            Some(known) if known == agent.version && !wait.is_zero() => {
                let client = (agent.place().tenant_id, agent.place().client_id);
                let digest = agent.digest;
                drop(agent);
                self.wait_for_another(client, digest, &known, Instant::now() + wait).await
            }
            _ => Ok(agent),
        }
    }

    /// The agent once it is told something else than `known`, or at the end of its patience.
    async fn wait_for_another(
        &self,
        (tenant, client): (TenantId, ClientId),
        digest: SecretDigest,
        known: &str,
        until: Instant,
    ) -> Result<Arc<Agent>, AppError> {
        let waiting = self.0.waiting.place(&self.0.db, tenant, client);
        loop {
            let woken = waiting.notify.notified();
            tokio::pin!(woken);
            // Before it is read, so that no change comes in between unheard.
            woken.as_mut().enable();
            let agent = self.agent(digest).await?;
            if agent.version != known {
                return Ok(agent);
            }
            waiting.has_seen(agent.found.revision);
            tokio::select! {
                () = woken => drop(agent),
                () = waiting.stopped() => return Ok(agent),
                () = sleep_until(until) => return Ok(agent),
            }
        }
    }

    /// Writes what is new, unless it may not be collected any more.
    async fn write_told(&self, agent: &Agent, told: &CheckIn) -> Result<Arc<Agent>, AppError> {
        let (env, digest, place) = (self.0.env.clone(), agent.digest, agent.place());
        let (told, as_of, stale) = (told.clone(), self.0.db.moment(), self.stale());
        let write = async move |tx: &mut Tx| {
            let held = hold(tx, digest, &place).await?;
            held.check(payloads(&told))?;
            write_news(tx, &env, &held, (&told, stale)).await?;
            Ok::<_, AppError>(agents::find_across_tenants(tx, digest).await?)
        };
        let written = self.0.db.write(Repeat::Harmless, write).await;
        let found = self.count_refusal(agent, written)?;
        self.admitted_agent(found, digest, as_of)
    }
}

/// What a heartbeat holds beside itself.
fn payloads(told: &CheckIn) -> impl Iterator<Item = Payload> + use<> {
    let users = (!told.users.is_empty()).then_some(Payload::Users);
    let errors = told.deployment_errors.as_ref().is_some_and(|errors| !errors.is_empty());
    users.into_iter().chain(errors.then_some(Payload::DeploymentErrors))
}

/// Whether a heartbeat says anything that is not written yet.
fn is_news(agent: &Agent, told: &CheckIn) -> bool {
    let found = &agent.found;
    found.agent_version != told.agent_version.as_str()
        || new_errors(agent, told).is_some()
        || told.users.iter().any(|seen| is_new(found.user(seen.user_key.as_str()), seen))
}

/// What keeps the agent from its work, if that is another thing than before.
fn new_errors<'t>(agent: &Agent, told: &'t CheckIn) -> Option<&'t [DeploymentError]> {
    // Where nothing is collected nothing is told, not even that there is nothing.
    let errors = told.deployment_errors.as_deref()?;
    let differs = *errors != *agent.found.deployment_errors;
    (differs && agent.permits(Payload::DeploymentErrors)).then_some(errors)
}

async fn write_news(
    tx: &mut Tx,
    env: &Env,
    agent: &Agent,
    (told, stale): (&CheckIn, Timestamp),
) -> Result<(), AppError> {
    let (place, mut room) = (agent.place(), Room::of(agent, stale));
    let (tenant, device) = (place.tenant_id, place.device_id);
    // By key: agents that write the same users take them in one order.
    let seen: BTreeMap<_, _> =
        told.users.iter().map(|seen| (seen.user_key.as_str(), seen)).collect();
    for seen in
        seen.into_values().filter(|seen| is_new(agent.found.user(seen.user_key.as_str()), seen))
    {
        write_user(tx, env, (agent, &mut room), seen).await?;
    }
    if agent.found.agent_version != told.agent_version.as_str() {
        devices::set_agent_version(tx, tenant, device, &told.agent_version).await?;
    }
    if let Some(errors) = new_errors(agent, told) {
        devices::set_deployment_errors(tx, tenant, device, errors).await?;
    }
    Ok(())
}
