//! The users seen on the devices of a client: read, list and control them.

use crate::App;
use crate::caller::Caller;
use crate::change_client::Precondition;
use crate::control::{Controlling, cut_page};
use crate::cursor::Page;
use crate::departments::bytes as department_bytes;
use crate::devices;
use crate::echo::{self, Echo};
use crate::error::{AppError, Missing};
use crate::kept_answers::{Done, Once};
use crate::load::{self, ClientRef, Purpose};
use clientbook_model::audit::{Action, EntityType};
use clientbook_model::client::Client;
use clientbook_model::department::Department;
use clientbook_model::device_user::{DeviceUser, DeviceUserPatch};
use clientbook_model::id::{DepartmentId, DeviceUserId, TenantId, parse_uuid};
use clientbook_model::principal::Permission;
use clientbook_model::search::Words;
use clientbook_model::time::Timestamp;
use clientbook_model::violation::Violation;
use clientbook_store::device_user_lists::{
    self, Sighting, SightingOrder, UserFilter, UserOrder, UserPlace, UserPosition, UserSort,
};
use clientbook_store::{Repeat, Tx, departments, device_users, telemetry};
use std::collections::{BTreeSet, HashMap};

/// A user, and the departments it is in.
#[derive(Debug, Clone)]
pub struct UserRecord {
    /// The user.
    pub user: DeviceUser,
    /// By name.
    pub departments: Vec<Department>,
}

/// A user as seen on one device, and the departments it is in.
#[derive(Debug, Clone)]
pub struct SightingRecord {
    /// The user.
    pub record: UserRecord,
    /// When it was first seen on the device.
    pub enrolled_at: Timestamp,
    /// When it was last seen on the device.
    pub last_seen_at: Timestamp,
}

/// Which users to list.
#[derive(Debug, Clone)]
pub struct UserQuery {
    /// Their login name holds this.
    pub q: Option<Words>,
    /// They are in this department.
    pub department_id: Option<DepartmentId>,
    /// In which order.
    pub sort: UserSort<UserOrder>,
    /// Rows on a page, at most.
    pub page_size: i64,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// Which users of a device to list.
#[derive(Debug, Clone)]
pub struct SightingQuery {
    /// Their login name holds this.
    pub q: Option<Words>,
    /// In which order.
    pub sort: UserSort<SightingOrder>,
    /// Rows on a page, at most.
    pub page_size: i64,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// What a request asks of a user.
#[derive(Debug, Clone)]
pub struct UserChange {
    /// The wishes.
    pub patch: DeviceUserPatch,
    /// The departments wished for, each with the pointer to it.
    pub departments: Vec<(DepartmentId, String)>,
    /// What must be as the user has it.
    pub echoes: Vec<Echo<UserRecord>>,
    /// What reading the request found wrong.
    pub violations: Vec<Violation>,
    /// Only if this holds.
    pub precondition: Precondition,
}

/// What the users of a client come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserSummary {
    /// Users with the status `active` who were active lately.
    pub active: i64,
    /// Those who were not.
    pub stale: i64,
}

impl App {
    /// The users of the client that `target` names, deleted ones too. A page may have fewer rows
    /// than asked for: it ends at 1 MiB. Needs `telemetry.view`.
    pub async fn list_users(
        &self,
        caller: &Caller,
        target: ClientRef,
        query: UserQuery,
    ) -> Result<Page<UserRecord>, AppError> {
        let (caller, cursors) = (caller.clone(), self.0.cursors.clone());
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                let (permission, purpose) = (Permission::TelemetryView, Purpose::Read);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                let (tenant_id, client_id) = (record.client.tenant_id, record.client.id);
                let (q, department_id) = (query.q.clone(), query.department_id);
                let filter = UserFilter { tenant_id, client_id, q, department_id };
                let (sort, size) = (query.sort, query.page_size);
                let scope = format!("users|{filter:?}|{sort:?}");
                let by_text = sort.order == UserOrder::Username;
                let cursor = query.cursor.as_deref();
                let after = cursors.resume(&scope, cursor, |text| read(text, by_text))?;
                let (rows, total) =
                    device_user_lists::page(tx, &filter, sort, after.as_ref(), size + 1).await?;
                let mut rows = with_departments(tx, tenant_id, rows).await?;
                let last = cut_page(&mut rows, size, bytes);
                let next_cursor =
                    last.map(|last| cursors.write(&scope, &written(&sort.position(&last.user))));
                Ok(Page { rows, total, total_is_lower_bound: false, next_cursor })
            })
            .await
    }

    /// The users seen on the device of a client that `asked` names. Needs `telemetry.view`.
    pub async fn list_users_of_device(
        &self,
        caller: &Caller,
        target: ClientRef,
        asked: String,
        query: SightingQuery,
    ) -> Result<Page<SightingRecord>, AppError> {
        let (caller, cursors) = (caller.clone(), self.0.cursors.clone());
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                let (permission, purpose) = (Permission::TelemetryView, Purpose::Read);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                let device = devices::named(tx, &record.client, &asked, Purpose::Read).await?;
                let (tenant, q) = (record.client.tenant_id, query.q.as_ref());
                let (sort, size) = (query.sort, query.page_size);
                let scope = format!("device-users|{tenant}|{}|{q:?}|{sort:?}", device.id);
                let by_text = sort.order == SightingOrder::Username;
                let cursor = query.cursor.as_deref();
                let after = cursors.resume(&scope, cursor, |text| read(text, by_text))?;
                let (rows, total) = device_user_lists::page_on_device(
                    tx,
                    tenant,
                    device.id,
                    q,
                    sort,
                    after.as_ref(),
                    size + 1,
                )
                .await?;
                let mut rows = seen_with_departments(tx, tenant, rows).await?;
                let last = cut_page(&mut rows, size, |seen| bytes(&seen.record));
                let place = |seen: &SightingRecord| {
                    let SightingRecord { record, enrolled_at, last_seen_at } = seen;
                    sort.position(&record.user, *enrolled_at, *last_seen_at)
                };
                let next_cursor = last.map(|last| cursors.write(&scope, &written(&place(last))));
                Ok(Page { rows, total, total_is_lower_bound: false, next_cursor })
            })
            .await
    }

    /// The user of a client that `asked` names. Needs `telemetry.view`.
    pub async fn read_user(
        &self,
        caller: &Caller,
        target: ClientRef,
        asked: String,
    ) -> Result<UserRecord, AppError> {
        let caller = caller.clone();
        self.0
            .db
            .read(async move |tx: &mut Tx| {
                let (permission, purpose) = (Permission::TelemetryView, Purpose::Read);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                named(tx, &record.client, &asked, Purpose::Read).await
            })
            .await
    }

    /// Changes a user's status and departments, and answers what it is now: an audit entry for each.
    /// The status is refused while the client's mode is `deleted`. Needs `devices.update`.
    pub async fn change_user(
        &self,
        caller: &Caller,
        target: ClientRef,
        asked: String,
        change: UserChange,
        once: Once<UserRecord>,
    ) -> Result<Done<UserRecord>, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                load::still_works(tx, &caller, env.now()).await?;
                let (permission, purpose) = (Permission::DevicesUpdate, Purpose::Change);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                let client = record.client;
                let before = named(tx, &client, &asked, Purpose::Change).await?;
                if let Some(kept) = once.seek(tx, &caller, env.now()).await? {
                    return Ok(Done::Told(kept.told));
                }
                check(tx, &client, &before, &change).await?;
                let mut controlling = Controlling::new(&env, &caller, operation_id, client);
                if change.patch.status.is_some() {
                    controlling.admit()?;
                }
                let held: BTreeSet<_> = before.departments.iter().map(|one| one.id).collect();
                let departments = change.patch.departments.clone().map(|wished| (held, wished));
                let (user, status) = (before.user, change.patch.status);
                let user = controlling.user(tx, user, status, departments).await?;
                let tenant = user.tenant_id;
                let about = controlling.end(tx).await?;
                let user = with_departments(tx, tenant, vec![user]).await?.pop();
                let gone = || AppError::Internal("a user vanished inside its own change".into());
                once.keep(tx, env.now(), about, user.ok_or_else(gone)?).await
            })
            .await
    }

    /// Erases what was collected of a user; the user stays. Once this returns, no file of the store
    /// holds it any more. Doing it again, with nothing collected since, changes nothing. Needs `devices.update`.
    pub async fn erase_user_telemetry(
        &self,
        caller: &Caller,
        target: ClientRef,
        asked: String,
    ) -> Result<(), AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                load::still_works(tx, &caller, env.now()).await?;
                let (permission, purpose) = (Permission::DevicesUpdate, Purpose::Change);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                let mut user = named(tx, &record.client, &asked, Purpose::Change).await?.user;
                let (tenant, id) = (user.tenant_id, user.id);
                let was_active = device_users::forget_activity(tx, tenant, id).await?;
                if !telemetry::erase_user(tx, tenant, id).await? && !was_active {
                    return Ok(());
                }
                let client = record.client;
                let mut controlling = Controlling::new(&env, &caller, operation_id, client);
                user.version += 1;
                user.updated_at = controlling.now(user.updated_at);
                device_users::update(tx, &user).await?;
                let (kind, action) = (EntityType::User, Action::UserTelemetryErased);
                controlling.record(tx, user.updated_at, kind, user.id.0, action, &[]).await?;
                controlling.end(tx).await.map(|_| ())
            })
            .await?;
        let app = self.clone();
        let scrubbed = tokio::spawn(async move { app.scrub_files().await });
        scrubbed.await.unwrap_or_else(|error| Err(AppError::Internal(error.to_string())))
    }

    /// How many users of a client were active within `stale_after` seconds, and how many were not.
    /// Needs `telemetry.view`.
    pub async fn summarize_users(
        &self,
        caller: &Caller,
        target: ClientRef,
        stale_after: i64,
    ) -> Result<UserSummary, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                let (permission, purpose) = (Permission::TelemetryView, Purpose::Read);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                let (tenant, client) = (record.client.tenant_id, record.client.id);
                let millis = stale_after.saturating_mul(1_000);
                let since = Timestamp::clamped(env.now().millis().saturating_sub(millis));
                let (active, stale) =
                    device_user_lists::active_and_stale(tx, tenant, client, since).await?;
                Ok(UserSummary { active, stale })
            })
            .await
    }
}

/// The user of `client` that `asked` names.
async fn named(
    tx: &mut Tx,
    client: &Client,
    asked: &str,
    purpose: Purpose,
) -> Result<UserRecord, AppError> {
    let missing = || AppError::NotFound(Missing { kind: "user", id: asked.to_owned() });
    let id = parse_uuid(asked).map(DeviceUserId).ok_or_else(missing)?;
    let found = match purpose {
        Purpose::Read => device_users::get(tx, client.tenant_id, id).await?,
        Purpose::Change | Purpose::ChangeValues => {
            device_users::get_for_update(tx, client.tenant_id, id).await?
        }
    };
    let user = found.filter(|user| user.client_id == client.id).ok_or_else(missing)?;
    with_departments(tx, client.tenant_id, vec![user]).await?.pop().ok_or_else(missing)
}

async fn with_departments(
    tx: &mut Tx,
    tenant: TenantId,
    users: Vec<DeviceUser>,
) -> Result<Vec<UserRecord>, AppError> {
    let ids: Vec<_> = users.iter().map(|user| user.id).collect();
    let mut of: HashMap<_, Vec<_>> = HashMap::new();
    for (user, department) in departments::of_users(tx, tenant, &ids).await? {
        of.entry(user).or_default().push(department);
    }
    let record = |user: DeviceUser| {
        let departments = of.remove(&user.id).unwrap_or_default();
        UserRecord { user, departments }
    };
    Ok(users.into_iter().map(record).collect())
}

async fn seen_with_departments(
    tx: &mut Tx,
    tenant: TenantId,
    seen: Vec<Sighting>,
) -> Result<Vec<SightingRecord>, AppError> {
    let times: Vec<_> = seen.iter().map(|seen| (seen.enrolled_at, seen.last_seen_at)).collect();
    let users = seen.into_iter().map(|seen| seen.user).collect();
    let records = with_departments(tx, tenant, users).await?;
    let seen = std::iter::zip(records, times).map(|(record, (enrolled_at, last_seen_at))| {
        SightingRecord { record, enrolled_at, last_seen_at }
    });
    Ok(seen.collect())
}

async fn check(
    tx: &mut Tx,
    client: &Client,
    record: &UserRecord,
    change: &UserChange,
) -> Result<(), AppError> {
    let mut violations = change.violations.clone();
    violations.extend(echo::broken(record, &change.echoes));
    let ids: Vec<_> = change.departments.iter().map(|(id, _)| *id).collect();
    let known = departments::get_all(tx, client.tenant_id, client.id, &ids).await?;
    for (id, at) in &change.departments {
        if !known.iter().any(|department| department.id == *id) {
            let message = "must be a department of the client";
            violations.push(Violation::new("exists", message).below(at));
        }
    }
    if !violations.is_empty() {
        return Err(AppError::Invalid(violations));
    }
    change.precondition.check(record.user.version)
}

fn written(position: &UserPosition) -> String {
    match &position.key {
        UserPlace::Text(text) => format!("{}{text}", position.id),
        UserPlace::Time(time) => format!("{}{}", position.id, time.millis()),
    }
}

fn read(text: &str, by_text: bool) -> Option<UserPosition> {
    // An id has 36 characters.
    let (id, key) = text.split_at_checked(36)?;
    let key = if by_text {
        UserPlace::Text(key.to_owned())
    } else {
        UserPlace::Time(Timestamp::from_millis(key.parse().ok()?)?)
    };
    Some(UserPosition { key, id: DeviceUserId(parse_uuid(id)?) })
}

/// About how many bytes a user takes in an answer.
fn bytes(record: &UserRecord) -> usize {
    let user = &record.user;
    let departments: usize = record.departments.iter().map(department_bytes).sum();
    user.username.as_str().len() + user.user_key.as_str().len() + 500 + departments
}
