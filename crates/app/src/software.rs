//! What is installed on the devices of a client.

use crate::App;
use crate::caller::Caller;
use crate::cursor::Page;
use crate::devices;
use crate::error::{AppError, Missing};
use crate::load::{self, ClientRef, Purpose};
use clientbook_model::id::{DeviceId, parse_uuid};
use clientbook_model::principal::Permission;
use clientbook_model::search::Words;
use clientbook_store::Tx;
use clientbook_store::software::{self, Bearer, DevicePlace, Installed, Title};

/// Which rows of a list.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Rows on a page.
    pub page_size: i64,
    /// Where to go on.
    pub cursor: Option<String>,
}

impl App {
    /// What is installed on devices of the client that `target` names, by name. Needs
    /// `telemetry.view`.
    pub async fn list_software(
        &self,
        caller: &Caller,
        target: ClientRef,
        q: Option<Words>,
        query: ListQuery,
    ) -> Result<Page<Title>, AppError> {
        let (caller, cursors) = (caller.clone(), self.0.cursors.clone());
        let list = async move |tx: &mut Tx| {
            let client =
                load::client(tx, &caller, &target, PERMISSION, Purpose::Read).await?.client;
            let place = (client.tenant_id, client.id);
            let q = q.as_ref().map_or("", Words::as_str);
            let scope = format!("software|{place:?}|{q}");
            let after = cursors.resume(&scope, query.cursor.as_deref(), |text| {
                let [id, name] = split(text)?;
                Some((name.to_owned(), parse_uuid(id)?))
            })?;
            let size = query.page_size;
            let rows = software::titles(tx, place, q, after.as_ref(), size + 1).await?;
            let total = software::count_titles(tx, place, q).await?;
            let written = |last: &Title| format!("{}\0{}", last.id, last.folded_name);
            Ok(cursors.page(&scope, rows, size, total, written))
        };
        self.0.db.scan(list).await
    }

    /// The devices of a client that a piece of software is on. Needs `telemetry.view`.
    pub async fn list_software_devices(
        &self,
        caller: &Caller,
        target: ClientRef,
        asked: String,
        query: ListQuery,
    ) -> Result<Page<Bearer>, AppError> {
        let (caller, cursors) = (caller.clone(), self.0.cursors.clone());
        let list = async move |tx: &mut Tx| {
            let client =
                load::client(tx, &caller, &target, PERMISSION, Purpose::Read).await?.client;
            let place = (client.tenant_id, client.id);
            let missing = || AppError::NotFound(Missing { kind: "software", id: asked.clone() });
            let id = parse_uuid(&asked).ok_or_else(missing)?;
            if !software::has_title(tx, place, id).await? {
                return Err(missing());
            }
            let scope = format!("software-devices|{place:?}|{id}");
            let after = cursors.resume(&scope, query.cursor.as_deref(), |text| {
                let [device, source] = split(text)?;
                Some((DeviceId(parse_uuid(device)?), source.to_owned()))
            })?;
            let size = query.page_size;
            let rows = software::bearers(tx, place, id, after.as_ref(), size + 1).await?;
            let total = software::count_bearers(tx, place, id).await?;
            let written = |last: &Bearer| format!("{}\0{}", last.device_id, last.source);
            Ok(cursors.page(&scope, rows, size, total, written))
        };
        self.0.db.scan(list).await
    }

    /// What is installed on a device of a client, by name. Needs `telemetry.view`.
    pub async fn list_device_software(
        &self,
        caller: &Caller,
        target: ClientRef,
        device: String,
        query: ListQuery,
    ) -> Result<Page<Installed>, AppError> {
        let (caller, cursors) = (caller.clone(), self.0.cursors.clone());
        let list = async move |tx: &mut Tx| {
            let place = device_place(tx, &caller, &target, &device).await?;
            let scope = format!("device-software|{place:?}");
            let after = cursors.resume(&scope, query.cursor.as_deref(), |text| {
                let [id, rest] = split(text)?;
                let [source, name] = split(rest)?;
                Some((name.to_owned(), parse_uuid(id)?, source.to_owned()))
            })?;
            let size = query.page_size;
            let rows = software::of_device(tx, &place, after.as_ref(), size + 1).await?;
            let total = software::count_of_device(tx, &place).await?;
            let written = |last: &Installed| {
                format!("{}\0{}\0{}", last.title.id, last.source, last.title.folded_name)
            };
            Ok(cursors.page(&scope, rows, size, total, written))
        };
        self.0.db.scan(list).await
    }
}

const PERMISSION: Permission = Permission::TelemetryView;

/// The device of a client that `asked` names, if the caller may read what is collected there.
pub(crate) async fn device_place(
    tx: &mut Tx,
    caller: &Caller,
    target: &ClientRef,
    asked: &str,
) -> Result<DevicePlace, AppError> {
    let client = load::client(tx, caller, target, PERMISSION, Purpose::Read).await?.client;
    let device = devices::named(tx, &client, asked, Purpose::Read).await?;
    let (tenant_id, client_id) = (client.tenant_id, client.id);
    Ok(DevicePlace { tenant_id, client_id, device_id: device.id })
}

/// The parts of a position before and after U+0000, which no text of ours holds.
pub(crate) fn split(position: &str) -> Option<[&str; 2]> {
    position.split_once('\0').map(|(first, rest)| [first, rest])
}
