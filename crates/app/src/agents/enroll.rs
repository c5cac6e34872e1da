//! A device joins a client: its enrolment token against a token of its own.

use super::{Agent, INVALID};
use crate::App;
use crate::caller::Caller;
use crate::env::Env;
use crate::error::AppError;
use crate::recorder::Recorder;
use clientbook_model::agent::{Payload, TOKEN_PREFIX, Tiers};
use clientbook_model::api_token;
use clientbook_model::audit::{Action, EntityType, Event, Origin};
use clientbook_model::client::Client;
use clientbook_model::collection::CollectionMode;
use clientbook_model::device::{CollectionState, Device, DeviceFacts, UniqueKey};
use clientbook_model::enrollment::{EnrollmentToken, EnrollmentTokenStatus};
use clientbook_model::id::DeviceId;
use clientbook_model::secret::Secret;
use clientbook_model::time::Timestamp;
use clientbook_store::clients::{self, ClientKey};
use clientbook_store::software::DevicePlace;
use clientbook_store::{Repeat, Tx, agent_configs, agents, devices, enrollment_tokens};
use std::sync::Arc;
use uuid::Uuid;

/// A device that asks to join.
#[derive(Debug, Clone)]
pub struct Enrollment {
    /// The value of an enrolment token.
    pub token: Secret,
    /// What tells the device from the others of its client.
    pub unique_key: UniqueKey,
    /// What it is.
    pub facts: DeviceFacts,
}

/// A device that has joined.
#[derive(Debug)]
pub struct Enrolled {
    /// The device, with what it is told.
    pub agent: Arc<Agent>,
    /// Its token, told once.
    pub secret: Secret,
}

impl App {
    /// Lets a device join the client of its enrolment token, and counts the use. The same unique key
    /// is the same device, unless that is deleted, and its token before is none any more; where this
    /// very token let it in, nothing is counted. The same answer for every token that does not work.
    pub async fn enroll(
        &self,
        origin: Arc<Origin>,
        wish: Enrollment,
    ) -> Result<Enrolled, AppError> {
        let env = self.0.env.clone();
        let random = env.text(api_token::ALPHABET, api_token::LENGTH);
        let secret = Secret::new(format!("{TOKEN_PREFIX}{random}"));
        let digest = secret.digest();
        let operation_id = env.uuid(env.now());
        // Whoever guesses takes no turn of those who write.
        let value = wish.token.clone();
        let known = self.0.db.lookup::<_, AppError, _>(async move |tx: &mut Tx| {
            Ok(enrollment_tokens::find_across_tenants(tx, value.expose()).await?)
        });
        known.await?.ok_or(INVALID)?;
        let write = async move |tx: &mut Tx| {
            let (client, token) = load(tx, &wish, env.now()).await?;
            let joining = Joining { env: &env, origin: &origin, operation_id, wish: &wish };
            let place = joining.join(tx, client, &token).await?;
            devices::add_credential(tx, place.tenant_id, place.device_id, digest).await?;
            Ok::<_, AppError>(agents::find_across_tenants(tx, digest).await?)
        };
        let found = self.0.db.write(Repeat::Checked(operation_id), write).await?;
        let lost = || AppError::Internal("a device vanished while it joined".into());
        Ok(Enrolled { agent: Arc::new(Agent::new(found.ok_or_else(lost)?, digest)), secret })
    }
}

/// The client and the token, if devices may join with it; the client's row is kept from others.
async fn load(
    tx: &mut Tx,
    wish: &Enrollment,
    now: Timestamp,
) -> Result<(Client, EnrollmentToken), AppError> {
    let value = wish.token.expose();
    let found = enrollment_tokens::find_across_tenants(tx, value).await?;
    let (tenant, client, id) = found.ok_or(INVALID)?;
    let record = clients::get_for_update(tx, tenant, ClientKey::Id(client)).await?;
    let client = record.ok_or(INVALID)?.client;
    let closed = client.merged_into.is_some()
        || client.collection_mode == CollectionMode::Deleted
        || !client.status.is_active();
    // Again: who has the row sees what was done to the token before.
    let token = enrollment_tokens::get(tx, tenant, client.id, id).await?.ok_or(INVALID)?;
    let status = token.status(now);
    let works = matches!(status, EnrollmentTokenStatus::Active | EnrollmentTokenStatus::Exhausted);
    if closed || !works { Err(INVALID) } else { Ok((client, token)) }
}

/// What the steps of one enrolment share.
struct Joining<'a> {
    env: &'a Env,
    origin: &'a Arc<Origin>,
    operation_id: Uuid,
    wish: &'a Enrollment,
}

impl Joining<'_> {
    async fn join(
        &self,
        tx: &mut Tx,
        mut client: Client,
        token: &EnrollmentToken,
    ) -> Result<DevicePlace, AppError> {
        let (tenant_id, client_id) = (client.tenant_id, client.id);
        let key = &self.wish.unique_key;
        let known = devices::by_unique_key(tx, tenant_id, client_id, key).await?;
        let is_retry = known.as_ref().is_some_and(|device| device.enrolled_with == Some(token.id));
        if !is_retry {
            if token.remaining_uses() == Some(0) {
                return Err(INVALID);
            }
            enrollment_tokens::count_use(tx, token).await?;
        }
        let earliest = known.as_ref().map(|known| known.updated_at);
        let now = earliest.map_or(self.env.now(), |earliest| earliest.max(self.env.now()));
        let (device, changes) = if let Some(known) = &known {
            let next = self.again(&client, known, token, now);
            let changes = known.differences(&next);
            (next, changes)
        } else {
            let device = self.first(&client, token, now);
            let changes = device.first_changes();
            (device, changes)
        };
        let place = DevicePlace { tenant_id, client_id, device_id: device.id };
        let event = Event {
            entity_type: EntityType::Device,
            entity_id: device.id.0,
            action: Action::DeviceEnrolled,
            changes: &changes,
        };
        let caller = self.caller(&device);
        let operation_id = self.operation_id;
        let recorder = Recorder { env: self.env, caller: &caller, tenant_id, operation_id, now };
        recorder.append(tx, client_id.0, &mut client.audit, &event).await?;
        if known.is_some() {
            devices::update(tx, &device).await?;
            devices::set_facts(tx, tenant_id, device.id, &device.facts).await?;
            devices::remove_credentials(tx, tenant_id, device.id).await?;
            // Who waits with the token before hears that it is none any more.
            agent_configs::bump(tx, tenant_id, client_id).await?;
        } else {
            devices::insert(tx, &device).await?;
        }
        clients::set_chain_head(tx, &client).await?;
        Ok(place)
    }

    /// A new device.
    fn first(&self, client: &Client, token: &EnrollmentToken, now: Timestamp) -> Device {
        let state = CollectionState::Enabled;
        let mut facts = self.wish.facts.clone();
        if !permits_facts(client, state) {
            // No more than what a device is listed by.
            facts.serial_number = None;
            (facts.hardware, facts.extensions) = Default::default();
        }
        Device {
            id: DeviceId(self.env.uuid(now)),
            tenant_id: client.tenant_id,
            client_id: client.id,
            unique_key: self.wish.unique_key.clone(),
            facts,
            deployment_errors: Vec::new(),
            collection_state: state,
            log_shipping_enabled: false,
            enrolled_with: Some(token.id),
            installed_at: now,
            last_seen_at: None,
            uninstalled_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// A device that joins again.
    fn again(
        &self,
        client: &Client,
        known: &Device,
        token: &EnrollmentToken,
        now: Timestamp,
    ) -> Device {
        let mut next = known.clone();
        if permits_facts(client, known.collection_state) {
            next.facts = self.wish.facts.clone();
        } else {
            next.facts.agent_version = self.wish.facts.agent_version.clone();
        }
        if known.enrolled_with != Some(token.id) || known.uninstalled_at.is_some() {
            next.installed_at = now;
        }
        next.enrolled_with = Some(token.id);
        next.uninstalled_at = None;
        next.version += 1;
        next.updated_at = now;
        next
    }

    fn caller(&self, device: &Device) -> Caller {
        let principal = super::principal(
            &DevicePlace {
                tenant_id: device.tenant_id,
                client_id: device.client_id,
                device_id: device.id,
            },
            device.facts.name.as_str(),
        );
        Caller { principal: Arc::new(principal), origin: Arc::clone(self.origin) }
    }
}

fn permits_facts(client: &Client, state: CollectionState) -> bool {
    let (status, mode) = (client.status, client.collection_mode);
    Tiers { status, mode, state, log_shipping_enabled: false }.permit(Payload::Device)
}
