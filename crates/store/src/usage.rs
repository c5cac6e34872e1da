//! What users use, summed up by day, and which records are in the sums.

use crate::error::DbError;
use crate::row::Row;
use crate::software::DevicePlace;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::id::{ClientId, DeviceId, DeviceUserId, TenantId};
use clientbook_model::telemetry::{DayNumber, UsageKind};
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

/// How long sums may take the engine.
const PATIENCE: Duration = Duration::from_secs(10);

/// A part of a day's sum.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsageKey {
    /// The day.
    pub day: DayNumber,
    /// Whose.
    pub user_id: DeviceUserId,
    /// Of what kind.
    pub kind: UsageKind,
    /// Of what.
    pub name: String,
}

/// What is summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    /// How long.
    pub seconds: i64,
    /// How many visits.
    pub visits: i64,
}

/// Which of these records of a device, by digest, are counted already.
pub async fn counted(
    tx: &mut Tx,
    place: &DevicePlace,
    digests: &[Uuid],
) -> Result<HashSet<Uuid>, DbError> {
    let sql = tx.worded([
        "SELECT digest FROM usage_records WHERE tenant_id = $1 AND device_id = $2
            AND digest IN (SELECT unhex(value) FROM json_each($3))",
        "SELECT digest FROM usage_records WHERE tenant_id = $1 AND device_id = $2
            AND digest = ANY($3)",
    ]);
    let args = [place.tenant_id.into(), place.device_id.into(), Value::Uuids(digests)];
    Ok(tx.all(sql, &args, |row| row.get(0)).await?.into_iter().collect())
}

/// Notes that a record is counted. Whoever calls has the device's row, and has looked.
pub async fn note(
    tx: &mut Tx,
    place: &DevicePlace,
    digest: Uuid,
    day: DayNumber,
) -> Result<(), DbError> {
    let sql = "INSERT INTO usage_records (tenant_id, device_id, digest, day)
        VALUES ($1, $2, $3, $4)";
    let args = [place.tenant_id.into(), place.device_id.into(), digest.into(), day.0.into()];
    tx.send(&[], sql, &args).await
}

/// Adds to a day's sum, of so many records that began on it.
pub async fn add(
    tx: &mut Tx,
    place: &DevicePlace,
    key: &UsageKey,
    (used, records): (Used, i64),
) -> Result<(), DbError> {
    let sql = "INSERT INTO usage_days (tenant_id, client_id, day, device_id, user_id, kind, name,
            seconds, visits, records)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (tenant_id, client_id, day, device_id, user_id, kind, name) DO UPDATE
            SET seconds = usage_days.seconds + excluded.seconds,
                visits = usage_days.visits + excluded.visits,
                records = usage_days.records + excluded.records";
    let what = [key.user_id.into(), key.kind.as_str().into(), (&key.name).into()];
    let much = [used.seconds.into(), used.visits.into(), records.into()];
    tx.send(&[], sql, &[&of_day(place, key.day)[..], &what, &much].concat()).await
}

/// How many sums a device has of a day, and of how many records that began on it.
pub async fn held(tx: &mut Tx, place: &DevicePlace, day: DayNumber) -> Result<(i64, i64), DbError> {
    let sql = "SELECT count(*), CAST(coalesce(sum(records), 0) AS bigint) FROM usage_days
        WHERE tenant_id = $1 AND client_id = $2 AND day = $3 AND device_id = $4";
    tx.one(sql, &of_day(place, day), |row| Ok((row.get(0)?, row.get(1)?))).await
}

/// The sums that a device has of a day, of what is called so.
pub async fn named(
    tx: &mut Tx,
    place: &DevicePlace,
    day: DayNumber,
    names: impl Iterator<Item = &str>,
) -> Result<Vec<UsageKey>, DbError> {
    let sql = tx.worded([
        "SELECT user_id, kind, name FROM usage_days
            WHERE tenant_id = $1 AND client_id = $2 AND day = $3 AND device_id = $4
            AND name IN (SELECT value FROM json_each($5))",
        "SELECT user_id, kind, name FROM usage_days
            WHERE tenant_id = $1 AND client_id = $2 AND day = $3 AND device_id = $4
            AND name = ANY(ARRAY(SELECT jsonb_array_elements_text($5)))",
    ]);
    let names = names.collect::<serde_json::Value>().to_string();
    let args = [&of_day(place, day)[..], &[Value::Json(&names)]].concat();
    let key = |row: &Row<'_>| {
        let user_id = DeviceUserId(row.get(0)?);
        Ok(UsageKey { day, user_id, kind: row.name(1)?, name: row.get(2)? })
    };
    tx.all(sql, &args, key).await
}

fn of_day<'a>(place: &DevicePlace, day: DayNumber) -> [Value<'a>; 4] {
    [place.tenant_id.into(), place.client_id.into(), day.0.into(), place.device_id.into()]
}

/// Whose usage to sum up, and of which days, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The client's tenant.
    pub tenant_id: TenantId,
    /// The client.
    pub client_id: ClientId,
    /// The first day.
    pub from: DayNumber,
    /// The last.
    pub to: DayNumber,
}

/// By what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// Applications and domains.
    App,
    /// Devices.
    Device,
    /// Users.
    User,
    /// Days.
    Day,
}

/// A sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageSum {
    /// Of what.
    pub of: UsageOf,
    /// How much.
    pub used: Used,
}

/// What a sum is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageOf {
    /// An application or a domain.
    App(UsageKind, String),
    /// A device, and its name.
    Device(DeviceId, String),
    /// A user, and its name.
    User(DeviceUserId, String),
    /// A day.
    Day(DayNumber),
}

/// What the page before ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsagePlace {
    /// An application or a domain.
    App(UsageKind, String),
    /// A device or a user.
    Id(Uuid),
    /// A day.
    Day(DayNumber),
}

macro_rules! sums {
    ($columns:literal, $joins:literal, $after:literal, $group:literal, $limit:literal) => {
        concat!(
            "SELECT CAST(sum(u.seconds) AS bigint), CAST(sum(u.visits) AS bigint), ",
            $columns,
            " FROM usage_days u ",
            $joins,
            " WHERE u.tenant_id = $1 AND u.client_id = $2 AND u.day >= $3 AND u.day <= $4 AND ",
            $after,
            " GROUP BY ",
            $group,
            " ORDER BY ",
            $group,
            " LIMIT ",
            $limit
        )
    };
}

/// Sums, in the order of what they are of, behind `after`.
pub async fn sums(
    tx: &mut Tx,
    span: &Span,
    by: GroupBy,
    after: Option<&UsagePlace>,
    limit: i64,
) -> Result<Vec<UsageSum>, DbError> {
    tx.bound(PATIENCE).await?;
    let id = match after {
        Some(UsagePlace::Id(id)) => *id,
        _ => Uuid::nil(),
    };
    match by {
        GroupBy::App => {
            let sql =
                sums!("u.kind, u.name", "", "(u.kind, u.name) > ($5, $6)", "u.kind, u.name", "$7");
            let (kind, name) = match after {
                Some(UsagePlace::App(kind, name)) => (kind.as_str(), name.as_str()),
                _ => ("", ""),
            };
            let args = span.with(&[kind.into(), name.into(), limit.into()]);
            let of = |row: &Row<'_>| Ok(UsageOf::App(row.name(2)?, row.get(3)?));
            tx.all(sql, &args, |row| sum(row, of)).await
        }
        GroupBy::Device => {
            let sql = sums!(
                "u.device_id, d.name",
                "JOIN devices d ON d.tenant_id = u.tenant_id AND d.id = u.device_id",
                "u.device_id > $5",
                "u.device_id, d.name",
                "$6"
            );
            let of = |row: &Row<'_>| Ok(UsageOf::Device(row.get(2)?, row.get(3)?));
            tx.all(sql, &span.with(&[id.into(), limit.into()]), |row| sum(row, of)).await
        }
        GroupBy::User => {
            let sql = sums!(
                "u.user_id, d.username",
                "JOIN device_users d ON d.tenant_id = u.tenant_id AND d.id = u.user_id",
                "u.user_id > $5",
                "u.user_id, d.username",
                "$6"
            );
            let of = |row: &Row<'_>| Ok(UsageOf::User(row.get(2)?, row.get(3)?));
            tx.all(sql, &span.with(&[id.into(), limit.into()]), |row| sum(row, of)).await
        }
        GroupBy::Day => {
            let sql = sums!("u.day", "", "u.day > $5", "u.day", "$6");
            let day = match after {
                Some(UsagePlace::Day(day)) => day.0,
                _ => i64::MIN,
            };
            let of = |row: &Row<'_>| Ok(UsageOf::Day(DayNumber(row.get(2)?)));
            tx.all(sql, &span.with(&[day.into(), limit.into()]), |row| sum(row, of)).await
        }
    }
}

macro_rules! count {
    ($group:literal) => {
        concat!(
            "SELECT count(*) FROM (SELECT DISTINCT ",
            $group,
            " FROM usage_days WHERE tenant_id = $1 AND client_id = $2 AND day >= $3 AND day <= $4) g"
        )
    };
}

/// How many sums there are.
pub async fn count(tx: &mut Tx, span: &Span, by: GroupBy) -> Result<i64, DbError> {
    let sql = match by {
        GroupBy::App => count!("kind, name"),
        GroupBy::Device => count!("device_id"),
        GroupBy::User => count!("user_id"),
        GroupBy::Day => count!("day"),
    };
    tx.one(sql, &span.with(&[]), |row| row.get(0)).await
}

impl Span {
    fn with<'a>(&self, more: &[Value<'a>]) -> Vec<Value<'a>> {
        let own =
            [self.tenant_id.into(), self.client_id.into(), self.from.0.into(), self.to.0.into()];
        [&own[..], more].concat()
    }
}

fn sum(
    row: &Row<'_>,
    of: impl FnOnce(&Row<'_>) -> Result<UsageOf, DbError>,
) -> Result<UsageSum, DbError> {
    let used = Used { seconds: row.get(0)?, visits: row.get(1)? };
    Ok(UsageSum { of: of(row)?, used })
}
