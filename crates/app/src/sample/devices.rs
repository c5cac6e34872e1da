//! Made-up devices of a client, each with a user of its own.

use super::known;
use crate::App;
use crate::caller::Caller;
use crate::create::add_device;
use crate::env::Env;
use crate::error::AppError;
use crate::recorder::Recorder;
use clientbook_model::client::Client;
use clientbook_model::device::{
    CollectionState, Device, DeviceFacts, Extensions, Hardware, Version,
};
use clientbook_model::device_user::{DeviceUser, UserStatus};
use clientbook_model::id::{ClientId, DeviceId, DeviceUserId, TenantId};
use clientbook_model::number::Int;
use clientbook_model::text::Label;
use clientbook_store::clients::{self, ClientKey};
use clientbook_store::{Repeat, Tx, device_users};

/// Devices of one transaction.
const BATCH: u32 = 200;

/// A made-up device and its user.
type SampleDevice = (DeviceId, DeviceUserId);

impl App {
    /// Adds so many devices to a client that is there.
    pub async fn load_sample_devices(
        &self,
        (tenant, client): (TenantId, ClientId),
        count: u32,
    ) -> Result<Vec<SampleDevice>, AppError> {
        let mut made = Vec::new();
        for start in (1..=count).step_by(BATCH as usize) {
            let env = self.0.env.clone();
            let operation_id = env.uuid(env.now());
            let numbers = start..=count.min(start + BATCH - 1);
            let batch = self.0.db.write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                let caller = Caller::system("sample".into());
                let found = clients::get_for_update(tx, tenant, ClientKey::Id(client)).await?;
                let gone = || AppError::Internal("the client is gone".into());
                let mut client = found.ok_or_else(gone)?.client;
                let (tenant_id, now) = (client.tenant_id, env.now());
                let recorder =
                    Recorder { env: &env, caller: &caller, tenant_id, operation_id, now };
                let mut batch = Vec::new();
                for number in numbers.clone() {
                    batch.push(add(tx, &recorder, &mut client, number).await?);
                }
                clients::set_chain_head(tx, &client).await?;
                Ok::<_, AppError>(batch)
            });
            made.extend(batch.await?);
        }
        Ok(made)
    }
}

async fn add(
    tx: &mut Tx,
    recorder: &Recorder<'_>,
    client: &mut Client,
    number: u32,
) -> Result<SampleDevice, AppError> {
    let device = device(recorder.env, client, number)?;
    add_device(tx, recorder, client, &device).await?;
    let now = recorder.now;
    let user = DeviceUser {
        id: DeviceUserId(recorder.env.uuid(now)),
        tenant_id: client.tenant_id,
        client_id: client.id,
        user_key: known(Label::new(&format!("user{number}@{}", device.id)))?,
        username: known(Label::new(&format!("user{number}")))?,
        status: UserStatus::Active,
        desktop_at: Some(now),
        web_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    device_users::insert(tx, &user).await?;
    device_users::see(tx, user.tenant_id, device.id, user.id, now).await?;
    Ok((device.id, user.id))
}

fn device(env: &Env, client: &Client, number: u32) -> Result<Device, AppError> {
    let now = env.now();
    let id = env.uuid(now);
    let hardware = Hardware {
        manufacturer: Some(known(Label::new("Lenovo"))?),
        model: Some(known(Label::new("ThinkPad T14 Gen 4"))?),
        cpu_model: Some(known(Label::new("AMD Ryzen 7 PRO 7840U"))?),
        cpu_cores: Some(known(Int::new(16))?),
        ram: Some(known(Int::new(32 << 30))?),
    };
    Ok(Device {
        id: DeviceId(id),
        tenant_id: client.tenant_id,
        client_id: client.id,
        unique_key: known(Label::new(&id.simple().to_string()))?,
        facts: DeviceFacts {
            name: known(Label::new(&format!("LAPTOP-{number:05}")))?,
            serial_number: Some(known(Label::new(&format!("SN{number:08}")))?),
            os_name: known(Label::new("Debian GNU/Linux"))?,
            os_version: known(Label::new("12"))?,
            agent_version: known(Version::new("1.0.0"))?,
            hardware,
            extensions: Extensions::default(),
        },
        deployment_errors: Vec::new(),
        collection_state: CollectionState::Enabled,
        log_shipping_enabled: false,
        enrolled_with: None,
        installed_at: now,
        last_seen_at: Some(now),
        uninstalled_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    })
}
