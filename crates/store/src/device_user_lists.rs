//! Lists of the users seen on a client's devices, and what all of them come to.

use crate::device_users::{select_user, user};
use crate::error::DbError;
use crate::row::Row;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::device_user::DeviceUser;
use clientbook_model::id::{ClientId, DepartmentId, DeviceId, DeviceUserId, TenantId};
use clientbook_model::search::{Words, fold};
use clientbook_model::time::Timestamp;
use std::time::Duration;
use uuid::Uuid;

/// How long the statements of one page may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What users are sorted by; ids decide between equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserOrder {
    /// The folded login name.
    Username,
    /// When they were last active; those that never were come first.
    LastActivity,
    /// When they were first seen.
    CreatedAt,
}

/// What the users of a device are sorted by; ids decide between equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SightingOrder {
    /// The folded login name.
    Username,
    /// When they were first seen on it.
    EnrolledAt,
    /// When they were last seen on it.
    LastSeenAt,
}

/// An order and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserSort<O> {
    /// By what.
    pub order: O,
    /// From the end.
    pub descending: bool,
}

/// A place in an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPosition {
    /// The user's value.
    pub key: UserPlace,
    /// Its id.
    pub id: DeviceUserId,
}

/// A user's value in an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserPlace {
    /// A text, by its bytes.
    Text(String),
    /// A time.
    Time(Timestamp),
}

/// Which users a list holds. Everything given must hold.
#[derive(Debug, Clone)]
pub struct UserFilter {
    /// Of this tenant.
    pub tenant_id: TenantId,
    /// Of this client.
    pub client_id: ClientId,
    /// Their login name holds this.
    pub q: Option<Words>,
    /// They are in this department.
    pub department_id: Option<DepartmentId>,
}

/// A user as seen on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The user.
    pub user: DeviceUser,
    /// When it was first seen there.
    pub enrolled_at: Timestamp,
    /// When it was last seen there.
    pub last_seen_at: Timestamp,
}

macro_rules! of_client {
    () => {
        "device_users u WHERE u.tenant_id = $1 AND u.client_id = $2
            AND (replace(u.folded_username, $3, '') <> u.folded_username OR $3 IS NULL)
            AND (u.id IN (SELECT m.user_id FROM department_members m
                WHERE m.tenant_id = $1 AND m.department_id = $4) OR $4 IS NULL)"
    };
}

macro_rules! ordered {
    ($rows:expr, $key:literal, $than:literal, $way:literal, $after:literal, $limit:literal) => {
        concat!(
            $rows,
            " AND (",
            $key,
            ", u.id) ",
            $than,
            $after,
            " ORDER BY ",
            $key,
            " ",
            $way,
            ", u.id ",
            $way,
            " LIMIT ",
            $limit
        )
    };
}

macro_rules! page {
    ($key:literal, $descending:expr) => {
        if $descending {
            select_user!(ordered!(of_client!(), $key, "<", "DESC", " ($5, $6)", "$7"))
        } else {
            select_user!(ordered!(of_client!(), $key, ">", "ASC", " ($5, $6)", "$7"))
        }
    };
}

// The later of two times of which none may be there; `$5` comes before all times.
macro_rules! by_activity {
    ($than:literal, $way:literal) => {
        select_user!(ordered!(
            of_client!(),
            "CASE WHEN coalesce(u.desktop_at, $5) > coalesce(u.web_at, $5)
                THEN coalesce(u.desktop_at, $5) ELSE coalesce(u.web_at, $5) END",
            $than,
            $way,
            " ($6, $7)",
            "$8"
        ))
    };
}

/// Up to `limit` users that come after a place, and how many there are in all.
pub async fn page(
    tx: &mut Tx,
    filter: &UserFilter,
    sort: UserSort<UserOrder>,
    after: Option<&UserPosition>,
    limit: i64,
) -> Result<(Vec<DeviceUser>, i64), DbError> {
    tx.bound(PATIENCE).await?;
    let args = [
        filter.tenant_id.into(),
        filter.client_id.into(),
        filter.q.as_ref().map(Words::as_str).into(),
        filter.department_id.into(),
    ];
    let sql = concat!("SELECT count(*) FROM ", of_client!());
    let total = tx.one(sql, &args, |row| row.get(0)).await?;
    let start = start(sort.order == UserOrder::Username, sort.descending);
    let after = after.unwrap_or(&start);
    let place = [value(&after.key), after.id.into(), limit.into()];
    let first = [Value::Time(never())];
    let (sql, args) = match sort.order {
        UserOrder::Username => {
            (page!("u.folded_username", sort.descending), [&args[..], &place].concat())
        }
        UserOrder::CreatedAt => {
            (page!("u.created_at", sort.descending), [&args[..], &place].concat())
        }
        UserOrder::LastActivity => {
            let sql =
                if sort.descending { by_activity!("<", "DESC") } else { by_activity!(">", "ASC") };
            (sql, [&args[..], &first, &place].concat())
        }
    };
    Ok((tx.all(sql, &args, user).await?, total))
}

macro_rules! on_device {
    () => {
        "device_user_sightings s JOIN device_users u
            ON u.tenant_id = s.tenant_id AND u.id = s.user_id
         WHERE s.tenant_id = $1 AND s.device_id = $2
            AND (replace(u.folded_username, $3, '') <> u.folded_username OR $3 IS NULL)"
    };
}

macro_rules! page_on_device {
    ($key:literal, $descending:expr) => {
        if $descending {
            ordered!(select_sighting!(), $key, "<", "DESC", " ($4, $5)", "$6")
        } else {
            ordered!(select_sighting!(), $key, ">", "ASC", " ($4, $5)", "$6")
        }
    };
}

macro_rules! select_sighting {
    () => {
        concat!(
            "SELECT u.tenant_id, u.id, u.client_id, u.user_key, u.username, u.status,
                u.desktop_at, u.web_at, u.version, u.created_at, u.updated_at, s.enrolled_at,
                s.last_seen_at FROM ",
            on_device!()
        )
    };
}

/// Up to `limit` users seen on a device whose login name holds `q`, and how many there are in all.
pub async fn page_on_device(
    tx: &mut Tx,
    tenant: TenantId,
    device: DeviceId,
    q: Option<&Words>,
    sort: UserSort<SightingOrder>,
    after: Option<&UserPosition>,
    limit: i64,
) -> Result<(Vec<Sighting>, i64), DbError> {
    tx.bound(PATIENCE).await?;
    let args = [tenant.into(), device.into(), q.map(Words::as_str).into()];
    let sql = concat!("SELECT count(*) FROM ", on_device!());
    let total = tx.one(sql, &args, |row| row.get(0)).await?;
    let start = start(sort.order == SightingOrder::Username, sort.descending);
    let after = after.unwrap_or(&start);
    let sql = match sort.order {
        SightingOrder::Username => page_on_device!("u.folded_username", sort.descending),
        SightingOrder::EnrolledAt => page_on_device!("s.enrolled_at", sort.descending),
        SightingOrder::LastSeenAt => page_on_device!("s.last_seen_at", sort.descending),
    };
    let args = [&args[..], &[value(&after.key), after.id.into(), limit.into()]].concat();
    let sighting = |row: &Row<'_>| {
        Ok(Sighting { user: user(row)?, enrolled_at: row.get(11)?, last_seen_at: row.get(12)? })
    };
    Ok((tx.all(sql, &args, sighting).await?, total))
}

impl UserSort<UserOrder> {
    /// Where a user stands.
    pub fn position(self, user: &DeviceUser) -> UserPosition {
        let key = match self.order {
            UserOrder::Username => UserPlace::Text(fold(user.username.as_str())),
            UserOrder::LastActivity => UserPlace::Time(user.active_at().unwrap_or_else(never)),
            UserOrder::CreatedAt => UserPlace::Time(user.created_at),
        };
        UserPosition { key, id: user.id }
    }
}

impl UserSort<SightingOrder> {
    /// Where a user of a device stands.
    pub fn position(
        self,
        user: &DeviceUser,
        enrolled_at: Timestamp,
        last_seen_at: Timestamp,
    ) -> UserPosition {
        let key = match self.order {
            SightingOrder::Username => UserPlace::Text(fold(user.username.as_str())),
            SightingOrder::EnrolledAt => UserPlace::Time(enrolled_at),
            SightingOrder::LastSeenAt => UserPlace::Time(last_seen_at),
        };
        UserPosition { key, id: user.id }
    }
}

/// How many active users of a client were active since `since`, and how many were not.
pub async fn active_and_stale(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
    since: Timestamp,
) -> Result<(i64, i64), DbError> {
    tx.bound(PATIENCE).await?;
    let sql = "SELECT count(CASE WHEN desktop_at >= $1 OR web_at >= $1 THEN 1 END), count(*)
        FROM device_users WHERE tenant_id = $2 AND client_id = $3 AND status = 'active'";
    let args = [since.into(), tenant.into(), client.into()];
    let (active, all): (i64, i64) =
        tx.one(sql, &args, |row| Ok((row.get(0)?, row.get(1)?))).await?;
    Ok((active, all - active))
}

/// A place before every user.
fn start(by_text: bool, descending: bool) -> UserPosition {
    let key = match (by_text, descending) {
        (true, false) => UserPlace::Text(String::new()),
        // No login name is as long, folded or not.
        (true, true) => UserPlace::Text(char::MAX.to_string().repeat(LONGEST)),
        (false, false) => UserPlace::Time(never()),
        (false, true) => UserPlace::Time(Timestamp::clamped(i64::MAX)),
    };
    let id = if descending { Uuid::max() } else { Uuid::nil() };
    UserPosition { key, id: DeviceUserId(id) }
}

fn value(key: &UserPlace) -> Value<'_> {
    match key {
        UserPlace::Text(text) => Value::Text(text),
        UserPlace::Time(time) => Value::Time(*time),
    }
}

/// Before all times.
fn never() -> Timestamp {
    Timestamp::clamped(i64::MIN)
}

/// Characters that no folded login name has.
const LONGEST: usize = 255 * 18 + 1;
