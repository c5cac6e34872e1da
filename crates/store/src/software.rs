//! What is installed on devices.

use crate::error::DbError;
use crate::row::Row;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::id::{ClientId, DeviceId, TenantId};
use clientbook_model::search::fold;
use clientbook_model::telemetry::Software;
use clientbook_model::text::Label;
use clientbook_model::time::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use uuid::Uuid;

/// How long a list may take the engine.
const PATIENCE: Duration = Duration::from_secs(10);

/// A device by all that its rows are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DevicePlace {
    /// Its client's tenant.
    pub tenant_id: TenantId,
    /// Its client.
    pub client_id: ClientId,
    /// Itself.
    pub device_id: DeviceId,
}

/// A piece of software, and on how many devices of the client it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title {
    /// Its id at the client.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its name as lists sort it.
    pub folded_name: String,
    /// Its version.
    pub version: String,
    /// Who made it.
    pub publisher: Option<String>,
    /// On how many devices.
    pub devices: i64,
}

/// A piece of software on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Which.
    pub title: Title,
    /// Where it came from; empty where nobody says.
    pub source: String,
    /// When it was installed.
    pub installed_at: Option<Timestamp>,
}

/// A device that a piece of software is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// The device.
    pub device_id: DeviceId,
    /// Its name.
    pub name: String,
    /// Where the software came from; empty where nobody says.
    pub source: String,
    /// When it was installed.
    pub installed_at: Option<Timestamp>,
}

macro_rules! orphans {
    ($which:literal) => {
        concat!(
            "DELETE FROM software WHERE tenant_id = $1 AND client_id = $2 AND id ",
            $which,
            " AND NOT EXISTS (SELECT 1 FROM installed_software i
                WHERE i.tenant_id = $1 AND i.client_id = $2 AND i.software_id = software.id)"
        )
    };
}

/// Makes `all` what is installed on a device. What is on no device any more goes with it: an agent that
/// makes titles up leaves no more than it may have installed. Whoever calls has the client's row, so
/// nobody installs meanwhile.
pub async fn replace(tx: &mut Tx, place: &DevicePlace, all: &[Software]) -> Result<(), DbError> {
    let [tenant, client] = [place.tenant_id.into(), place.client_id.into()];
    let device = place.device_id.into();
    let sql = "SELECT software_id, source, installed_at FROM installed_software
        WHERE tenant_id = $1 AND device_id = $2";
    let installed = |row: &Row<'_>| {
        Ok(((row.get::<Uuid>(0)?, row.get::<String>(1)?), row.get::<Option<Timestamp>>(2)?))
    };
    let before = tx.all(sql, &[tenant, device], installed).await?;
    let before: HashMap<_, _> = before.into_iter().collect();
    // In one order, so that two devices with the same software do not wait for each other.
    let mut after = BTreeMap::new();
    for software in all {
        let source = software.source.as_ref().map_or("", Label::as_str);
        after.insert((software.id(), source.to_owned()), software);
    }
    let mut gone = Vec::new();
    for (id, source) in before.keys().filter(|key| !after.contains_key(key)) {
        gone.push(*id);
        let sql = "DELETE FROM installed_software
            WHERE tenant_id = $1 AND device_id = $2 AND software_id = $3 AND source = $4";
        tx.send(&[], sql, &[tenant, device, (*id).into(), source.into()]).await?;
    }
    for ((id, source), software) in &after {
        let installed_at = software.installed_at.into();
        match before.get(&(*id, source.clone())) {
            Some(known) if *known == software.installed_at => {}
            Some(_) => {
                let sql = "UPDATE installed_software SET installed_at = $1
                    WHERE tenant_id = $2 AND device_id = $3 AND software_id = $4 AND source = $5";
                let args = [installed_at, tenant, device, (*id).into(), source.into()];
                tx.send(&[], sql, &args).await?;
            }
            None => {
                let (name, version) = (software.name.as_str(), software.version.as_str());
                let publisher = software.publisher.as_ref().map(Label::as_str);
                let folded = fold(name);
                let sql = "INSERT INTO software (tenant_id, client_id, id, name, folded_name,
                        version, publisher)
                    VALUES ($1, $2, $3, $4, $5, $6, $7)
                    ON CONFLICT (tenant_id, client_id, id) DO NOTHING";
                let text = [name.into(), (&folded).into(), version.into(), publisher.into()];
                let args = [&[tenant, client, (*id).into()][..], &text].concat();
                tx.send(&[], sql, &args).await?;
                let sql = "INSERT INTO installed_software (tenant_id, device_id, software_id,
                        source, client_id, installed_at)
                    VALUES ($1, $2, $3, $4, $5, $6)";
                let args = [tenant, device, (*id).into(), source.into(), client, installed_at];
                tx.send(&[], sql, &args).await?;
            }
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    let sql =
        tx.worded([orphans!("IN (SELECT unhex(value) FROM json_each($3))"), orphans!("= ANY($3)")]);
    tx.send(&[], sql, &[tenant, client, Value::Uuids(&gone)]).await
}

/// Where a page of titles begins: behind this one.
pub type TitlePlace = (String, Uuid);

/// The words for "is on some device".
macro_rules! titles {
    ($columns:literal, $found:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM software s
              WHERE s.tenant_id = $1 AND s.client_id = $2 AND ",
            $found,
            "(s.folded_name, $3) > 0 AND EXISTS (SELECT 1 FROM installed_software i
                WHERE i.tenant_id = s.tenant_id AND i.client_id = s.client_id
                    AND i.software_id = s.id)",
            $rest
        )
    };
}

macro_rules! title_columns {
    ($found:literal) => {
        titles!(
            "s.id, s.name, s.folded_name, s.version, s.publisher,
                (SELECT count(DISTINCT i.device_id) FROM installed_software i
                    WHERE i.tenant_id = s.tenant_id AND i.client_id = s.client_id
                        AND i.software_id = s.id)",
            $found,
            " AND (s.folded_name, s.id) > ($4, $5) ORDER BY s.folded_name, s.id LIMIT $6"
        )
    };
}

/// What is installed on devices of a client and has `q`, folded, in its name: by name, behind `after`.
pub async fn titles(
    tx: &mut Tx,
    (tenant, client): (TenantId, ClientId),
    q: &str,
    after: Option<&TitlePlace>,
    limit: i64,
) -> Result<Vec<Title>, DbError> {
    tx.bound(PATIENCE).await?;
    let sql = tx.worded([title_columns!("instr"), title_columns!("strpos")]);
    let (name, id) = after.map_or(("", Uuid::nil()), |(name, id)| (name.as_str(), *id));
    let args = [tenant.into(), client.into(), q.into(), name.into(), id.into(), limit.into()];
    tx.all(sql, &args, title).await
}

/// How many of them there are.
pub async fn count_titles(
    tx: &mut Tx,
    (tenant, client): (TenantId, ClientId),
    q: &str,
) -> Result<i64, DbError> {
    let sql = tx.worded([titles!("count(*)", "instr", ""), titles!("count(*)", "strpos", "")]);
    tx.one(sql, &[tenant.into(), client.into(), q.into()], |row| row.get(0)).await
}

/// One of them.
pub async fn has_title(
    tx: &mut Tx,
    (tenant, client): (TenantId, ClientId),
    id: Uuid,
) -> Result<bool, DbError> {
    let sql = "SELECT id FROM software WHERE tenant_id = $1 AND client_id = $2 AND id = $3";
    let args = [tenant.into(), client.into(), id.into()];
    Ok(tx.opt(sql, &args, |row| row.get::<Uuid>(0)).await?.is_some())
}

/// What is installed on a device, by name, behind `after`.
pub async fn of_device(
    tx: &mut Tx,
    place: &DevicePlace,
    after: Option<&(String, Uuid, String)>,
    limit: i64,
) -> Result<Vec<Installed>, DbError> {
    let sql = "SELECT s.id, s.name, s.folded_name, s.version, s.publisher, CAST(1 AS bigint),
            i.source,
            i.installed_at
        FROM installed_software i JOIN software s ON s.tenant_id = i.tenant_id
            AND s.client_id = i.client_id AND s.id = i.software_id
        WHERE i.tenant_id = $1 AND i.device_id = $2
            AND (s.folded_name, s.id, i.source) > ($3, $4, $5)
        ORDER BY s.folded_name, s.id, i.source LIMIT $6";
    // No source begins before the empty one, and no id is nil: nothing is left out.
    let (name, id, source) = after
        .map_or(("", Uuid::nil(), ""), |(name, id, source)| (name.as_str(), *id, source.as_str()));
    let device = [place.tenant_id.into(), place.device_id.into()];
    let args = [&device[..], &[name.into(), id.into(), source.into(), limit.into()]].concat();
    tx.all(sql, &args, |row| {
        Ok(Installed { title: title(row)?, source: row.get(6)?, installed_at: row.get(7)? })
    })
    .await
}

/// How many there are.
pub async fn count_of_device(tx: &mut Tx, place: &DevicePlace) -> Result<i64, DbError> {
    let sql = "SELECT count(*) FROM installed_software WHERE tenant_id = $1 AND device_id = $2";
    tx.one(sql, &[place.tenant_id.into(), place.device_id.into()], |row| row.get(0)).await
}

/// The devices that a piece of software is on, in the order of their ids, behind `after`.
pub async fn bearers(
    tx: &mut Tx,
    (tenant, client): (TenantId, ClientId),
    software: Uuid,
    after: Option<&(DeviceId, String)>,
    limit: i64,
) -> Result<Vec<Bearer>, DbError> {
    let sql = "SELECT i.device_id, d.name, i.source, i.installed_at
        FROM installed_software i
        JOIN devices d ON d.tenant_id = i.tenant_id AND d.id = i.device_id
        WHERE i.tenant_id = $1 AND i.client_id = $2 AND i.software_id = $3
            AND (i.device_id, i.source) > ($4, $5)
        ORDER BY i.device_id, i.source LIMIT $6";
    let (device, source) = after.map_or((DeviceId(Uuid::nil()), ""), |(id, source)| (*id, source));
    let place = [tenant.into(), client.into(), software.into()];
    let args = [&place[..], &[device.into(), source.into(), limit.into()]].concat();
    tx.all(sql, &args, |row| {
        Ok(Bearer {
            device_id: row.get(0)?,
            name: row.get(1)?,
            source: row.get(2)?,
            installed_at: row.get(3)?,
        })
    })
    .await
}

/// How many there are.
pub async fn count_bearers(
    tx: &mut Tx,
    (tenant, client): (TenantId, ClientId),
    software: Uuid,
) -> Result<i64, DbError> {
    let sql = "SELECT count(*) FROM installed_software
        WHERE tenant_id = $1 AND client_id = $2 AND software_id = $3";
    tx.one(sql, &[tenant.into(), client.into(), software.into()], |row| row.get(0)).await
}

fn title(row: &Row<'_>) -> Result<Title, DbError> {
    Ok(Title {
        id: row.get(0)?,
        name: row.get(1)?,
        folded_name: row.get(2)?,
        version: row.get(3)?,
        publisher: row.get(4)?,
        devices: row.get(5)?,
    })
}
