//! Devices of clients.

use crate::agent_configs;
use crate::column::Json;
use crate::error::DbError;
use crate::raw_id::RawId;
use crate::row::Row;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::device::{
    DeploymentError, Device, DeviceFacts, DeviceText, Extensions, Hardware, UniqueKey, Version,
};
use clientbook_model::id::{ClientId, DeviceId, TenantId};
use clientbook_model::search::fold;
use clientbook_model::secret::SecretDigest;
use clientbook_model::text::Label;
use clientbook_model::time::Timestamp;
use serde::Serialize;

/// What `credentials.kind` says of a device's token.
pub(crate) const KIND: &str = "device";

macro_rules! select_device {
    ($rest:expr) => {
        concat!(
            "SELECT d.tenant_id, d.id, d.client_id, d.unique_key, d.name, d.serial_number,
                d.os_name, d.os_version, d.agent_version, d.hardware, d.extensions,
                d.deployment_errors, d.collection_state, d.log_shipping_enabled, d.enrolled_with,
                d.installed_at, d.last_seen_at, d.uninstalled_at, d.version, d.created_at,
                d.updated_at FROM ",
            $rest
        )
    };
}

pub(crate) use select_device;

/// Adds a device. Its key being that of another one that is not deleted is told by the index
/// `devices_client_id_unique_key`.
pub async fn insert(tx: &mut Tx, device: &Device) -> Result<(), DbError> {
    let sql = "INSERT INTO devices (tenant_id, id, client_id, unique_key, name, folded_name,
            serial_number, os_name, os_version, agent_version, hardware, extensions,
            deployment_errors, deployment_error_count, collection_state, log_shipping_enabled,
            enrolled_with, installed_at, last_seen_at, uninstalled_at, version, created_at,
            updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, $22, $23)";
    let json = FactColumns::of(&device.facts)?;
    let errors = errors_column(&device.deployment_errors)?;
    let args = [
        device.tenant_id.into(),
        device.id.into(),
        device.client_id.into(),
        device.unique_key.as_str().into(),
        device.facts.name.as_str().into(),
        (&json.folded_name).into(),
        device.facts.serial_number.as_ref().map(Label::as_str).into(),
        device.facts.os_name.as_str().into(),
        device.facts.os_version.as_str().into(),
        device.facts.agent_version.as_str().into(),
        json_value(json.hardware.as_deref()),
        json_value(json.extensions.as_deref()),
        json_value(errors.as_deref()),
        count_of(&device.deployment_errors).into(),
        device.collection_state.as_str().into(),
        device.log_shipping_enabled.into(),
        device.enrolled_with.into(),
        device.installed_at.into(),
        device.last_seen_at.into(),
        device.uninstalled_at.into(),
        device.version.into(),
        device.created_at.into(),
        device.updated_at.into(),
    ];
    tx.send(&[device.id.0, device.client_id.0], sql, &args).await?;
    agent_configs::begin(tx, device.tenant_id, device.client_id).await
}

/// Writes what changes of the record: what agents tell has functions of its own.
pub async fn update(tx: &mut Tx, device: &Device) -> Result<(), DbError> {
    let sql = "UPDATE devices SET collection_state = $1, log_shipping_enabled = $2,
            enrolled_with = $3, installed_at = $4, uninstalled_at = $5, version = $6,
            updated_at = $7
        WHERE tenant_id = $8 AND id = $9";
    let args = [
        device.collection_state.as_str().into(),
        device.log_shipping_enabled.into(),
        device.enrolled_with.into(),
        device.installed_at.into(),
        device.uninstalled_at.into(),
        device.version.into(),
        device.updated_at.into(),
        device.tenant_id.into(),
        device.id.into(),
    ];
    tx.send(&[device.id.0], sql, &args).await
}

/// Writes what an agent has told of its device; touches no index.
pub async fn set_facts(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeviceId,
    facts: &DeviceFacts,
) -> Result<(), DbError> {
    let sql = "UPDATE devices SET name = $1, folded_name = $2, serial_number = $3, os_name = $4,
            os_version = $5, agent_version = $6, hardware = $7, extensions = $8
        WHERE tenant_id = $9 AND id = $10";
    let json = FactColumns::of(facts)?;
    let args = [
        facts.name.as_str().into(),
        (&json.folded_name).into(),
        facts.serial_number.as_ref().map(Label::as_str).into(),
        facts.os_name.as_str().into(),
        facts.os_version.as_str().into(),
        facts.agent_version.as_str().into(),
        json_value(json.hardware.as_deref()),
        json_value(json.extensions.as_deref()),
        tenant.into(),
        id.into(),
    ];
    tx.send(&[id.0], sql, &args).await
}

/// Writes the version of a device's agent.
pub async fn set_agent_version(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeviceId,
    version: &Version,
) -> Result<(), DbError> {
    let sql = "UPDATE devices SET agent_version = $1 WHERE tenant_id = $2 AND id = $3";
    tx.send(&[id.0], sql, &[version.as_str().into(), tenant.into(), id.into()]).await
}

/// Writes what keeps a device's agent from its work.
pub async fn set_deployment_errors(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeviceId,
    errors: &[DeploymentError],
) -> Result<(), DbError> {
    let sql = "UPDATE devices SET deployment_errors = $1, deployment_error_count = $2
        WHERE tenant_id = $3 AND id = $4";
    let column = errors_column(errors)?;
    let (column, count) = (json_value(column.as_deref()), count_of(errors).into());
    tx.send(&[id.0], sql, &[column, count, tenant.into(), id.into()]).await
}

/// Writes when a device was last heard of, unless something later is there; touches no index, and
/// ends no copy in memory.
pub async fn set_last_seen(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeviceId,
    at: Timestamp,
) -> Result<(), DbError> {
    let sql = "UPDATE devices SET last_seen_at = $1
        WHERE tenant_id = $2 AND id = $3 AND (last_seen_at < $1 OR last_seen_at IS NULL)";
    tx.send(&[], sql, &[at.into(), tenant.into(), id.into()]).await
}

/// The device with this id, of whichever client of the tenant.
pub async fn get(tx: &mut Tx, tenant: TenantId, id: DeviceId) -> Result<Option<Device>, DbError> {
    let sql = select_device!("devices d WHERE d.tenant_id = $1 AND d.id = $2");
    tx.opt(sql, &[tenant.into(), id.into()], device).await
}

/// Like `get`, and keeps the row from other writers until the transaction ends. Whoever changes the
/// record also takes its client's row, and takes that first.
pub async fn get_for_update(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeviceId,
) -> Result<Option<Device>, DbError> {
    let sql = "SELECT 1 FROM devices WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE";
    tx.lock(sql, &[tenant.into(), id.into()]).await?;
    get(tx, tenant, id).await
}

/// The device of a client that has this key and is not deleted.
pub async fn by_unique_key(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
    key: &UniqueKey,
) -> Result<Option<Device>, DbError> {
    let sql = select_device!(
        "devices d WHERE d.tenant_id = $1 AND d.client_id = $2 AND d.unique_key = $3
            AND d.collection_state <> 'deleted'"
    );
    tx.opt(sql, &[tenant.into(), client.into(), key.as_str().into()], device).await
}

/// Those of a client with these ids, in no order.
pub async fn get_all(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
    ids: &[DeviceId],
) -> Result<Vec<Device>, DbError> {
    let uuids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let sql = tx.worded([
        select_device!(
            "devices d WHERE d.tenant_id = $1 AND d.client_id = $2
                AND d.id IN (SELECT unhex(value) FROM json_each($3))"
        ),
        select_device!("devices d WHERE d.tenant_id = $1 AND d.client_id = $2 AND d.id = ANY($3)"),
    ]);
    tx.all(sql, &[tenant.into(), client.into(), Value::Uuids(&uuids)], device).await
}

/// Whether a client has a device, a user or a department that is not deleted.
pub async fn any_below(tx: &mut Tx, tenant: TenantId, client: ClientId) -> Result<bool, DbError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM devices
            WHERE tenant_id = $1 AND client_id = $2 AND collection_state <> 'deleted')
        OR EXISTS (SELECT 1 FROM device_users
            WHERE tenant_id = $1 AND client_id = $2 AND status <> 'deleted')
        OR EXISTS (SELECT 1 FROM departments WHERE tenant_id = $1 AND client_id = $2)";
    tx.one(sql, &[tenant.into(), client.into()], |row| row.get(0)).await
}

/// Adds the credential that leads to a device.
pub async fn add_credential(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeviceId,
    digest: SecretDigest,
) -> Result<(), DbError> {
    let sql = "INSERT INTO credentials (digest, tenant_id, kind, id) VALUES ($1, $2, $3, $4)";
    let args = [Value::Bytes(&digest.0), tenant.into(), KIND.into(), id.into()];
    tx.send(&[id.0], sql, &args).await
}

/// Takes every credential of a device away.
pub async fn remove_credentials(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeviceId,
) -> Result<(), DbError> {
    let sql = "DELETE FROM credentials WHERE id = $1 AND tenant_id = $2 AND kind = $3";
    tx.send(&[id.0], sql, &[id.into(), tenant.into(), KIND.into()]).await
}

/// Takes a tombstone away, and the credentials that lead to it: the agent's last word was heard.
pub async fn bury(tx: &mut Tx, tenant: TenantId, id: DeviceId) -> Result<(), DbError> {
    let sql = "DELETE FROM device_tombstones WHERE tenant_id = $1 AND device_id = $2";
    tx.send(&[id.0], sql, &[tenant.into(), id.into()]).await?;
    remove_credentials(tx, tenant, id).await
}

/// Takes the devices of a client away, and all that hangs on them but users. Of those whose agent
/// has not said its last word a tombstone stays, to which their credentials lead.
pub(crate) async fn erase_all(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
) -> Result<(), DbError> {
    let args = [tenant.into(), client.into()];
    for sql in [
        "INSERT INTO device_tombstones (tenant_id, device_id, client_id)
            SELECT tenant_id, id, client_id FROM devices
            WHERE tenant_id = $1 AND client_id = $2 AND uninstalled_at IS NULL",
        "DELETE FROM credentials WHERE kind = 'device' AND id IN (SELECT id FROM devices
            WHERE tenant_id = $1 AND client_id = $2 AND uninstalled_at IS NOT NULL)",
        "DELETE FROM device_user_sightings WHERE tenant_id = $1 AND device_id IN (
            SELECT id FROM devices WHERE tenant_id = $1 AND client_id = $2)",
        "DELETE FROM devices WHERE tenant_id = $1 AND client_id = $2",
    ] {
        tx.send(&[client.0], sql, &args).await?;
    }
    Ok(())
}

/// A device as it stands in the store, for verification.
#[derive(Debug, Clone)]
pub struct StoredDevice {
    /// Its id.
    pub id: RawId,
    /// Its key.
    pub unique_key: String,
    /// Its state.
    pub collection_state: String,
    /// Whether its log is wanted.
    pub log_shipping_enabled: bool,
    /// The token it joined with.
    pub enrolled_with: Option<RawId>,
    /// When its agent was installed.
    pub installed_at: Timestamp,
    /// When its agent said its last word.
    pub uninstalled_at: Option<Timestamp>,
    /// Counts its changes.
    pub version: i64,
    /// When it joined.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// All devices of a client as they stand, in the order of their ids, starting with `from`.
pub async fn stored(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
    from: &RawId,
    limit: i64,
) -> Result<Vec<StoredDevice>, DbError> {
    let sql = "SELECT id, unique_key, collection_state, log_shipping_enabled, enrolled_with,
            installed_at, uninstalled_at, version, created_at, updated_at
        FROM devices WHERE tenant_id = $1 AND client_id = $2 AND id >= $3 ORDER BY id LIMIT $4";
    tx.all(sql, &[tenant.into(), client.into(), from.into(), limit.into()], |row| {
        Ok(StoredDevice {
            id: row.get(0)?,
            unique_key: row.get(1)?,
            collection_state: row.get(2)?,
            log_shipping_enabled: row.get(3)?,
            enrolled_with: row.get(4)?,
            installed_at: row.get(5)?,
            uninstalled_at: row.get(6)?,
            version: row.get(7)?,
            created_at: row.get(8)?,
            updated_at: row.get(9)?,
        })
    })
    .await
}

struct FactColumns {
    folded_name: String,
    hardware: Option<String>,
    extensions: Option<String>,
}

impl FactColumns {
    fn of(facts: &DeviceFacts) -> Result<Self, DbError> {
        let hardware = (facts.hardware != Hardware::default()).then_some(&facts.hardware);
        let extensions = (facts.extensions != Extensions::default()).then_some(&facts.extensions);
        Ok(Self {
            folded_name: fold(facts.name.as_str()),
            hardware: hardware.map(json).transpose()?,
            extensions: extensions.map(json).transpose()?,
        })
    }
}

fn errors_column(errors: &[DeploymentError]) -> Result<Option<String>, DbError> {
    if errors.is_empty() { Ok(None) } else { json(errors).map(Some) }
}

fn count_of(errors: &[DeploymentError]) -> i64 {
    errors.len().try_into().unwrap_or(i64::MAX)
}

fn json(value: &(impl Serialize + ?Sized)) -> Result<String, DbError> {
    serde_json::to_string(value).map_err(|error| DbError::internal(error.to_string()))
}

fn json_value(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Null, Value::Json)
}

pub(crate) fn device(row: &Row<'_>) -> Result<Device, DbError> {
    let serial_number: Option<DeviceText> = row.get(5)?;
    let errors: Option<Json<Vec<DeploymentError>>> = row.get(11)?;
    Ok(Device {
        tenant_id: row.get(0)?,
        id: row.get(1)?,
        client_id: row.get(2)?,
        unique_key: row.get(3)?,
        facts: DeviceFacts {
            name: row.get(4)?,
            serial_number,
            os_name: row.get(6)?,
            os_version: row.get(7)?,
            agent_version: row.get(8)?,
            hardware: row.json(9)?,
            extensions: row.json(10)?,
        },
        deployment_errors: errors.map(|json| json.0).unwrap_or_default(),
        collection_state: row.name(12)?,
        log_shipping_enabled: row.get(13)?,
        enrolled_with: row.get(14)?,
        installed_at: row.get(15)?,
        last_seen_at: row.get(16)?,
        uninstalled_at: row.get(17)?,
        version: row.get(18)?,
        created_at: row.get(19)?,
        updated_at: row.get(20)?,
    })
}
