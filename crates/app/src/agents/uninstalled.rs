//! An agent's last word.

use super::{Agent, INVALID};
use crate::App;
use crate::caller::Caller;
use crate::error::AppError;
use crate::recorder::Recorder;
use clientbook_model::audit::{Action, EntityType, Event, Origin};
use clientbook_store::clients::{self, ClientKey};
use clientbook_store::{Repeat, Tx, agents, devices};
use std::sync::Arc;

impl App {
    /// Takes note that an agent has removed itself. Its token dies with this: who says it twice is
    /// nobody any more.
    pub async fn agent_uninstalled(
        &self,
        origin: Arc<Origin>,
        agent: &Agent,
    ) -> Result<(), AppError> {
        let (env, digest, place) = (self.0.env.clone(), agent.digest, agent.place());
        let caller = Caller { principal: Arc::clone(agent.principal()), origin };
        let operation_id = env.uuid(env.now());
        let write = async move |tx: &mut Tx| {
            let key = ClientKey::Id(place.client_id);
            let client = clients::get_for_update(tx, place.tenant_id, key).await?;
            let held = agents::hold_across_tenants(tx, digest, &place).await?;
            let held = held.ok_or(INVALID)?;
            if held.tiers.is_suspended() {
                return Err(super::SUSPENDED);
            }
            let (tenant_id, id) = (place.tenant_id, place.device_id);
            devices::remove_credentials(tx, tenant_id, id).await?;
            let device = devices::get(tx, tenant_id, id).await?;
            // Of an erased client nothing more is told, and nothing is left of the device.
            let (Some(record), Some(device)) = (client, device) else {
                return Ok(devices::bury(tx, tenant_id, id).await?);
            };
            let (mut client, now) = (record.client, env.now().max(device.updated_at));
            let mut next = device.clone();
            next.uninstalled_at = Some(now);
            next.version += 1;
            next.updated_at = now;
            let event = Event {
                entity_type: EntityType::Device,
                entity_id: id.0,
                action: Action::DeviceUninstalled,
                changes: &device.differences(&next),
            };
            let recorder = Recorder { env: &env, caller: &caller, tenant_id, operation_id, now };
            recorder.append(tx, client.id.0, &mut client.audit, &event).await?;
            devices::update(tx, &next).await?;
            Ok(clients::set_chain_head(tx, &client).await?)
        };
        self.0.db.write(Repeat::Checked(operation_id), write).await
    }
}
