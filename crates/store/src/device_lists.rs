//! Lists of a client's devices, and what all of them come to.
//!
//! A page reads the devices of one client: no index has when they were last seen, since that changes
//! with every heartbeat.

use crate::devices::{device, select_device};
use crate::error::DbError;
use crate::row::Row;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::device::{Device, DeviceStatus};
use clientbook_model::id::{ClientId, DeviceId, DeviceUserId, TenantId};
use clientbook_model::search::{Words, fold};
use clientbook_model::time::Timestamp;
use std::time::Duration;
use uuid::Uuid;

/// How long the statements of one page may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What devices are sorted by; ids decide between equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceOrder {
    /// The folded name.
    Name,
    /// The derived status, by its name.
    Status,
    /// The operating system.
    OsName,
    /// When they were last seen; those that never were come first.
    LastSeenAt,
    /// When their agents were installed.
    InstalledAt,
    /// When they joined.
    CreatedAt,
}

/// An order and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceSort {
    /// By what.
    pub order: DeviceOrder,
    /// From the end.
    pub descending: bool,
}

/// A place in an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicePosition {
    /// The device's value.
    pub key: DeviceKey,
    /// Its id.
    pub id: DeviceId,
}

/// A device's value in an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceKey {
    /// A text, by its bytes.
    Text(String),
    /// A time.
    Time(Timestamp),
}

/// Which devices a list holds. Everything given must hold.
#[derive(Debug, Clone)]
pub struct DeviceFilter {
    /// Of this tenant.
    pub tenant_id: TenantId,
    /// Of this client.
    pub client_id: ClientId,
    /// Their name holds this.
    pub q: Option<Words>,
    /// This user was seen on them.
    pub user_id: Option<DeviceUserId>,
    /// They have this status.
    pub status: Option<DeviceStatus>,
    /// They have this operating system, to the letter.
    pub os_name: Option<String>,
    /// When a walk began: statuses are those of then.
    pub now: Timestamp,
}

// `$5` is since when a device that was seen is active.
macro_rules! status {
    () => {
        "CASE WHEN d.last_seen_at >= $5 THEN 'active'
            WHEN d.last_seen_at IS NULL THEN 'pending' ELSE 'inactive' END"
    };
}

macro_rules! filtered {
    () => {
        concat!(
            "devices d WHERE d.tenant_id = $1 AND d.client_id = $2
                AND (replace(d.folded_name, $3, '') <> d.folded_name OR $3 IS NULL)
                AND (d.os_name = $4 OR $4 IS NULL)
                AND (",
            status!(),
            " = $6 OR $6 IS NULL)
                AND (d.id IN (SELECT s.device_id FROM device_user_sightings s
                    WHERE s.tenant_id = $1 AND s.user_id = $7) OR $7 IS NULL)"
        )
    };
}

macro_rules! ordered {
    ($key:expr, $than:literal, $way:literal, $after:literal, $limit:literal) => {
        select_device!(concat!(
            filtered!(),
            " AND (",
            $key,
            ", d.id) ",
            $than,
            $after,
            " ORDER BY ",
            $key,
            " ",
            $way,
            ", d.id ",
            $way,
            " LIMIT ",
            $limit
        ))
    };
}

macro_rules! page {
    ($key:expr, $descending:expr) => {
        if $descending {
            ordered!($key, "<", "DESC", " ($8, $9)", "$10")
        } else {
            ordered!($key, ">", "ASC", " ($8, $9)", "$10")
        }
    };
}

// One that was never seen stands where `$8` would, which is before all times.
macro_rules! by_last_seen {
    ($than:literal, $way:literal) => {
        ordered!("coalesce(d.last_seen_at, $8)", $than, $way, " ($9, $10)", "$11")
    };
}

/// Up to `limit` devices that come after a place, and how many there are in all.
pub async fn page(
    tx: &mut Tx,
    filter: &DeviceFilter,
    sort: DeviceSort,
    after: Option<&DevicePosition>,
    limit: i64,
) -> Result<(Vec<Device>, i64), DbError> {
    tx.bound(PATIENCE).await?;
    let since = DeviceStatus::active_since(filter.now);
    let args = [
        filter.tenant_id.into(),
        filter.client_id.into(),
        filter.q.as_ref().map(Words::as_str).into(),
        filter.os_name.as_ref().into(),
        since.into(),
        filter.status.map(DeviceStatus::as_str).into(),
        filter.user_id.into(),
    ];
    let sql = concat!("SELECT count(*) FROM ", filtered!());
    let total = tx.one(sql, &args, |row| row.get(0)).await?;
    let start = sort.start();
    let after = after.unwrap_or(&start);
    let key = match &after.key {
        DeviceKey::Text(text) => Value::Text(text),
        DeviceKey::Time(time) => Value::Time(*time),
    };
    let place = [key, after.id.into(), limit.into()];
    let first = [Value::Time(Timestamp::clamped(i64::MIN))];
    let args = match sort.order {
        DeviceOrder::LastSeenAt => [&args[..], &first, &place].concat(),
        _ => [&args[..], &place].concat(),
    };
    Ok((tx.all(sort.sql(), &args, device).await?, total))
}

impl DeviceSort {
    fn sql(self) -> &'static str {
        match self.order {
            DeviceOrder::Name => page!("d.folded_name", self.descending),
            DeviceOrder::Status => page!(status!(), self.descending),
            DeviceOrder::OsName => page!("d.os_name", self.descending),
            DeviceOrder::InstalledAt => page!("d.installed_at", self.descending),
            DeviceOrder::CreatedAt => page!("d.created_at", self.descending),
            DeviceOrder::LastSeenAt if self.descending => by_last_seen!("<", "DESC"),
            DeviceOrder::LastSeenAt => by_last_seen!(">", "ASC"),
        }
    }

    /// A place before every device.
    fn start(self) -> DevicePosition {
        let key = match (self.order, self.descending) {
            (DeviceOrder::Name | DeviceOrder::Status | DeviceOrder::OsName, false) => {
                DeviceKey::Text(String::new())
            }
            // No text of a device is as long, folded or not.
            (DeviceOrder::Name | DeviceOrder::Status | DeviceOrder::OsName, true) => {
                DeviceKey::Text(char::MAX.to_string().repeat(LONGEST))
            }
            (_, false) => DeviceKey::Time(Timestamp::clamped(i64::MIN)),
            (_, true) => DeviceKey::Time(Timestamp::clamped(i64::MAX)),
        };
        let id = if self.descending { Uuid::max() } else { Uuid::nil() };
        DevicePosition { key, id: DeviceId(id) }
    }

    /// Where a device stands in a list whose walk began at `now`.
    pub fn position(self, device: &Device, now: Timestamp) -> DevicePosition {
        let key = match self.order {
            DeviceOrder::Name => DeviceKey::Text(fold(device.facts.name.as_str())),
            DeviceOrder::Status => {
                let status = DeviceStatus::of(device.last_seen_at, now);
                DeviceKey::Text(status.as_str().to_owned())
            }
            DeviceOrder::OsName => DeviceKey::Text(device.facts.os_name.as_str().to_owned()),
            DeviceOrder::LastSeenAt => {
                let never = Timestamp::clamped(i64::MIN);
                DeviceKey::Time(device.last_seen_at.unwrap_or(never))
            }
            DeviceOrder::InstalledAt => DeviceKey::Time(device.installed_at),
            DeviceOrder::CreatedAt => DeviceKey::Time(device.created_at),
        };
        DevicePosition { key, id: device.id }
    }
}

/// Characters that no text has which devices are sorted by: a name has 255, and none of them folds
/// into more than 18.
const LONGEST: usize = 255 * 18 + 1;

/// What the devices of a client come to: those that are not deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceSummary {
    /// How many there are.
    pub devices: i64,
    /// How many errors their agents tell of.
    pub errors: i64,
    /// How many of them tell of any.
    pub with_errors: i64,
    /// The versions of their agents, and how many devices have each; the most frequent first.
    pub versions: Vec<(String, i64)>,
}

/// What the devices of a client come to.
pub async fn summary(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
) -> Result<DeviceSummary, DbError> {
    tx.bound(PATIENCE).await?;
    let sql = "SELECT count(*), CAST(coalesce(sum(deployment_error_count), 0) AS bigint),
            count(CASE WHEN deployment_error_count > 0 THEN 1 END)
        FROM devices
        WHERE tenant_id = $1 AND client_id = $2 AND collection_state <> 'deleted'";
    let args = [tenant.into(), client.into()];
    let sums = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let (devices, errors, with_errors) = tx.one(sql, &args, sums).await?;
    let sql = "SELECT agent_version, count(*) FROM devices
        WHERE tenant_id = $1 AND client_id = $2 AND collection_state <> 'deleted'
        GROUP BY agent_version ORDER BY count(*) DESC, agent_version";
    let versions = tx.all(sql, &args, |row| Ok((row.get(0)?, row.get(1)?))).await?;
    Ok(DeviceSummary { devices, errors, with_errors, versions })
}
