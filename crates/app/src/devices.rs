//! The devices of a client: read, list and control them.

use crate::App;
use crate::caller::Caller;
use crate::change_client::Precondition;
use crate::control::{Controlling, cut_page};
use crate::cursor::Page;
use crate::echo::{self, Echo};
use crate::error::{AppError, Missing, enforce};
use crate::kept_answers::{Done, Once};
use crate::load::{self, ClientRef, Purpose};
use clientbook_model::client::Client;
use clientbook_model::collection::CollectionMode;
use clientbook_model::device::{Device, DevicePatch, DeviceStatus, DeviceText, effective_mode};
use clientbook_model::id::{DeviceId, DeviceUserId, parse_uuid};
use clientbook_model::policy::{self, ClientFacts};
use clientbook_model::principal::Permission;
use clientbook_model::search::Words;
use clientbook_model::time::Timestamp;
use clientbook_model::violation::Violation;
use clientbook_store::device_lists::{
    self, DeviceFilter, DeviceKey, DeviceOrder, DevicePosition, DeviceSort, DeviceSummary,
};
use clientbook_store::{Repeat, Tx, devices};

/// A device, and what its client says of it.
#[derive(Debug, Clone)]
pub struct DeviceRecord {
    /// The device.
    pub device: Device,
    /// Its client's mode.
    pub mode: CollectionMode,
}

impl DeviceRecord {
    /// What is collected on it.
    pub fn effective_mode(&self) -> CollectionMode {
        effective_mode(self.mode, self.device.collection_state)
    }
}

/// Which devices to list.
#[derive(Debug, Clone)]
pub struct DeviceQuery {
    /// Their name holds this.
    pub q: Option<Words>,
    /// This user was seen on them.
    pub user_id: Option<DeviceUserId>,
    /// They have this status.
    pub status: Option<DeviceStatus>,
    /// They have this operating system.
    pub os_name: Option<DeviceText>,
    /// In which order.
    pub sort: DeviceSort,
    /// Rows on a page, at most.
    pub page_size: i64,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// What a request asks of a device.
#[derive(Debug, Clone)]
pub struct DeviceChange {
    /// The wishes.
    pub patch: DevicePatch,
    /// What must be as the device has it.
    pub echoes: Vec<Echo<DeviceRecord>>,
    /// What reading the request found wrong.
    pub violations: Vec<Violation>,
    /// Only if this holds.
    pub precondition: Precondition,
}

impl App {
    /// The devices of the client that `target` names, deleted ones too. A page may have fewer rows
    /// than asked for: it ends at 1 MiB. Needs `clients.view`; which devices a user was seen on takes
    /// `telemetry.view` too.
    pub async fn list_devices(
        &self,
        caller: &Caller,
        target: ClientRef,
        query: DeviceQuery,
    ) -> Result<Page<DeviceRecord>, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let cursors = self.0.cursors.clone();
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                let (permission, purpose) = (Permission::ClientsView, Purpose::Read);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                let client = record.client;
                if query.user_id.is_some() {
                    let facts = ClientFacts::from(&client);
                    let decision =
                        policy::permits(&caller.principal, Permission::TelemetryView, &facts);
                    enforce(decision, || target.missing())?;
                }
                let mut filter = filter(&client, &query, env.now());
                let scope = scope(&filter, query.sort);
                let cursor = query.cursor.as_deref();
                let after = cursors.resume(&scope, cursor, |text| read(text, query.sort))?;
                // Who is active is as it was when the walk began.
                let after = after.map(|(now, position)| {
                    filter.now = now;
                    position
                });
                let (sort, size) = (query.sort, query.page_size);
                let (mut rows, total) =
                    device_lists::page(tx, &filter, sort, after.as_ref(), size + 1).await?;
                let last = cut_page(&mut rows, size, bytes);
                let next = last.map(|last| written(filter.now, &sort.position(last, filter.now)));
                let next_cursor = next.map(|position| cursors.write(&scope, &position));
                let mode = client.collection_mode;
                let rows = rows.into_iter().map(|device| DeviceRecord { device, mode }).collect();
                Ok(Page { rows, total, total_is_lower_bound: false, next_cursor })
            })
            .await
    }

    /// The device of a client that `asked` names. Needs `clients.view`.
    pub async fn read_device(
        &self,
        caller: &Caller,
        target: ClientRef,
        asked: String,
    ) -> Result<DeviceRecord, AppError> {
        let caller = caller.clone();
        self.0
            .db
            .read(async move |tx: &mut Tx| {
                let (permission, purpose) = (Permission::ClientsView, Purpose::Read);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                let device = named(tx, &record.client, &asked, Purpose::Read).await?;
                Ok(DeviceRecord { device, mode: record.client.collection_mode })
            })
            .await
    }

    /// Changes a device and answers what it is now: an audit entry for each field that changes.
    /// Refused while the client's mode is `deleted`. Needs `devices.update`.
    pub async fn change_device(
        &self,
        caller: &Caller,
        target: ClientRef,
        asked: String,
        change: DeviceChange,
        once: Once<DeviceRecord>,
    ) -> Result<Done<DeviceRecord>, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                load::still_works(tx, &caller, env.now()).await?;
                let (permission, purpose) = (Permission::DevicesUpdate, Purpose::Change);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                let device = named(tx, &record.client, &asked, Purpose::Change).await?;
                if let Some(kept) = once.seek(tx, &caller, env.now()).await? {
                    return Ok(Done::Told(kept.told));
                }
                let mode = record.client.collection_mode;
                let before = DeviceRecord { device, mode };
                check(&before, &change)?;
                let client = record.client;
                let mut controlling = Controlling::new(&env, &caller, operation_id, client);
                if change.patch != DevicePatch::default() {
                    controlling.admit()?;
                }
                let device = controlling.device(tx, before.device, change.patch).await?;
                let about = controlling.end(tx).await?;
                once.keep(tx, env.now(), about, DeviceRecord { device, mode }).await
            })
            .await
    }

    /// What the devices of a client come to. Needs `clients.view`.
    pub async fn summarize_devices(
        &self,
        caller: &Caller,
        target: ClientRef,
    ) -> Result<DeviceSummary, AppError> {
        let caller = caller.clone();
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                let (permission, purpose) = (Permission::ClientsView, Purpose::Read);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                let (tenant, client) = (record.client.tenant_id, record.client.id);
                Ok(device_lists::summary(tx, tenant, client).await?)
            })
            .await
    }
}

/// The device of `client` that `asked` names.
pub(crate) async fn named(
    tx: &mut Tx,
    client: &Client,
    asked: &str,
    purpose: Purpose,
) -> Result<Device, AppError> {
    let missing = || AppError::NotFound(Missing { kind: "device", id: asked.to_owned() });
    let id = parse_uuid(asked).map(DeviceId).ok_or_else(missing)?;
    let found = match purpose {
        Purpose::Read => devices::get(tx, client.tenant_id, id).await?,
        Purpose::Change | Purpose::ChangeValues => {
            devices::get_for_update(tx, client.tenant_id, id).await?
        }
    };
    found.filter(|device| device.client_id == client.id).ok_or_else(missing)
}

fn check(record: &DeviceRecord, change: &DeviceChange) -> Result<(), AppError> {
    let mut violations = change.violations.clone();
    violations.extend(echo::broken(record, &change.echoes));
    if !violations.is_empty() {
        return Err(AppError::Invalid(violations));
    }
    change.precondition.check(record.device.version)
}

fn filter(client: &Client, query: &DeviceQuery, now: Timestamp) -> DeviceFilter {
    DeviceFilter {
        tenant_id: client.tenant_id,
        client_id: client.id,
        q: query.q.clone(),
        user_id: query.user_id,
        status: query.status,
        os_name: query.os_name.as_ref().map(|name| name.as_str().to_owned()),
        now,
    }
}

/// What a cursor is bound to: all but the time.
fn scope(filter: &DeviceFilter, sort: DeviceSort) -> String {
    let DeviceFilter { tenant_id, client_id, q, user_id, status, os_name, now: _ } = filter;
    format!("devices|{tenant_id}|{client_id}|{q:?}|{user_id:?}|{status:?}|{os_name:?}|{sort:?}")
}

fn written(now: Timestamp, position: &DevicePosition) -> String {
    let (now, id) = (now.millis(), position.id);
    match &position.key {
        DeviceKey::Text(text) => format!("{now} {id}{text}"),
        DeviceKey::Time(time) => format!("{now} {id}{}", time.millis()),
    }
}

fn read(text: &str, sort: DeviceSort) -> Option<(Timestamp, DevicePosition)> {
    let (now, rest) = text.split_once(' ')?;
    let now = Timestamp::from_millis(now.parse().ok()?)?;
    // An id has 36 characters.
    let (id, key) = rest.split_at_checked(36)?;
    let key = match sort.order {
        DeviceOrder::Name | DeviceOrder::Status | DeviceOrder::OsName => {
            DeviceKey::Text(key.to_owned())
        }
        DeviceOrder::LastSeenAt | DeviceOrder::InstalledAt | DeviceOrder::CreatedAt => {
            DeviceKey::Time(Timestamp::from_millis(key.parse().ok()?)?)
        }
    };
    Some((now, DevicePosition { key, id: DeviceId(parse_uuid(id)?) }))
}

/// About how many bytes a device takes in an answer.
fn bytes(device: &Device) -> usize {
    let facts = &device.facts;
    let hardware = &facts.hardware;
    let texts = [Some(&facts.name), Some(&facts.os_name), Some(&facts.os_version)];
    let more = [&facts.serial_number, &hardware.manufacturer, &hardware.model, &hardware.cpu_model];
    let own = texts.into_iter().chain(more.map(Option::as_ref)).flatten();
    own.map(|text| text.as_str().len()).sum::<usize>() + device.unique_key.as_str().len() + 1_000
}
