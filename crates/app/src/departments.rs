//! The departments of a client: list, make, change and remove them.

use crate::App;
use crate::caller::Caller;
use crate::change_client::Precondition;
use crate::control::{Controlling, cut_page};
use crate::create::add_department;
use crate::cursor::Page;
use crate::echo::{self, Echo};
use crate::error::{AppError, Missing, invalid};
use crate::kept_answers::{About, Done, Once};
use crate::load::{self, ClientRef, Purpose};
use crate::recorder::Recorder;
use clientbook_model::audit::{Action, EntityType};
use clientbook_model::client::Client;
use clientbook_model::department::{
    Department, DepartmentDescription, DepartmentName, DepartmentPatch, MAX_DEPARTMENTS,
};
use clientbook_model::device_user::DeviceUser;
use clientbook_model::id::{DepartmentId, DeviceUserId, TenantId, parse_uuid};
use clientbook_model::principal::Permission;
use clientbook_model::violation::Violation;
use clientbook_store::{Repeat, Tx, clients, departments};
use std::collections::{BTreeSet, HashMap};

/// Which departments to list.
#[derive(Debug, Clone)]
pub struct DepartmentQuery {
    /// Rows on a page, at most.
    pub page_size: i64,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// What a new department is to be.
#[derive(Debug, Clone)]
pub struct NewDepartment {
    /// What people call it; where it is missing, the violations say so.
    pub name: Option<DepartmentName>,
    /// What it is for.
    pub description: Option<DepartmentDescription>,
    /// What reading the request found wrong.
    pub violations: Vec<Violation>,
}

/// What a request asks of a department.
#[derive(Debug, Clone)]
pub struct DepartmentChange {
    /// The wishes.
    pub patch: DepartmentPatch,
    /// What must be as the department has it.
    pub echoes: Vec<Echo<Department>>,
    /// What reading the request found wrong.
    pub violations: Vec<Violation>,
    /// Only if this holds.
    pub precondition: Precondition,
}

impl App {
    /// The departments of the client that `target` names, by name. Needs `telemetry.view`.
    pub async fn list_departments(
        &self,
        caller: &Caller,
        target: ClientRef,
        query: DepartmentQuery,
    ) -> Result<Page<Department>, AppError> {
        let (caller, cursors) = (caller.clone(), self.0.cursors.clone());
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                let (permission, purpose) = (Permission::TelemetryView, Purpose::Read);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                let (tenant, client) = (record.client.tenant_id, record.client.id);
                let scope = format!("departments|{tenant}|{client}");
                let cursor = query.cursor.as_deref();
                let after = cursors.resume(&scope, cursor, |text| Some(text.to_owned()))?;
                let (after, size) = (after.as_deref(), query.page_size);
                let mut rows = departments::list(tx, tenant, client, after, size + 1).await?;
                let total = departments::count(tx, tenant, client).await?;
                let last = cut_page(&mut rows, size, bytes);
                let next_cursor = last.map(|last| cursors.write(&scope, last.name.as_str()));
                Ok(Page { rows, total, total_is_lower_bound: false, next_cursor })
            })
            .await
    }

    /// The department of a client that `asked` names. Needs `telemetry.view`.
    pub async fn read_department(
        &self,
        caller: &Caller,
        target: ClientRef,
        asked: String,
    ) -> Result<Department, AppError> {
        let caller = caller.clone();
        self.0
            .db
            .read(async move |tx: &mut Tx| {
                let (permission, purpose) = (Permission::TelemetryView, Purpose::Read);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                named(tx, &record.client, &asked).await
            })
            .await
    }

    /// Makes a department. Needs `devices.update`.
    pub async fn create_department(
        &self,
        caller: &Caller,
        target: ClientRef,
        new: NewDepartment,
        once: Once<Department>,
    ) -> Result<Done<Department>, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                let now = env.now();
                load::still_works(tx, &caller, now).await?;
                let (permission, purpose) = (Permission::DevicesUpdate, Purpose::Change);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                if let Some(kept) = once.seek(tx, &caller, now).await? {
                    return Ok(Done::Told(kept.told));
                }
                let name = match &new.name {
                    Some(name) if new.violations.is_empty() => name.clone(),
                    _ => return Err(AppError::Invalid(new.violations.clone())),
                };
                let mut client = record.client;
                let count = departments::count(tx, client.tenant_id, client.id).await?;
                if count >= MAX_DEPARTMENTS {
                    let message = format!("a client has at most {MAX_DEPARTMENTS} departments");
                    return Err(invalid("/name", "max_items", message));
                }
                let department = Department {
                    id: DepartmentId(env.uuid(now)),
                    tenant_id: client.tenant_id,
                    client_id: client.id,
                    name,
                    description: new.description.clone(),
                    version: 1,
                    created_at: now,
                    updated_at: now,
                };
                let tenant_id = client.tenant_id;
                let recorder =
                    Recorder { env: &env, caller: &caller, tenant_id, operation_id, now };
                add_department(tx, &recorder, &mut client, &department).await?;
                clients::set_chain_head(tx, &client).await?;
                let (made, client) = (Some(department.id.0), Some(client.id));
                let about = About { made, client, ..About::default() };
                once.keep(tx, now, about, department).await
            })
            .await
    }

    /// Changes a department's name or description. Needs `devices.update`.
    pub async fn change_department(
        &self,
        caller: &Caller,
        target: ClientRef,
        asked: String,
        change: DepartmentChange,
        once: Once<Department>,
    ) -> Result<Done<Department>, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                load::still_works(tx, &caller, env.now()).await?;
                let (permission, purpose) = (Permission::DevicesUpdate, Purpose::Change);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                let client = record.client;
                let department = named(tx, &client, &asked).await?;
                if let Some(kept) = once.seek(tx, &caller, env.now()).await? {
                    return Ok(Done::Told(kept.told));
                }
                check(&department, &change)?;
                let (mut next, changes) = department.apply(&change.patch);
                if changes.is_empty() {
                    let about = About { client: Some(client.id), ..About::nothing() };
                    return once.keep(tx, env.now(), about, next).await;
                }
                let mut controlling = Controlling::new(&env, &caller, operation_id, client);
                next.version += 1;
                next.updated_at = controlling.now(department.updated_at);
                departments::update(tx, &next).await?;
                let (kind, action) = (EntityType::Department, Action::DepartmentUpdated);
                let (id, now) = (next.id.0, next.updated_at);
                controlling.record(tx, now, kind, id, action, &changes).await?;
                let about = controlling.end(tx).await?;
                once.keep(tx, env.now(), about, next).await
            })
            .await
    }

    /// Removes a department, and takes everybody out of it: the entry of its end says so of all of
    /// them. Needs `devices.update`.
    pub async fn remove_department(
        &self,
        caller: &Caller,
        target: ClientRef,
        asked: String,
        precondition: Precondition,
    ) -> Result<(), AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                load::still_works(tx, &caller, env.now()).await?;
                let (permission, purpose) = (Permission::DevicesUpdate, Purpose::Change);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                let client = record.client;
                let department = named(tx, &client, &asked).await?;
                precondition.check(department.version)?;
                departments::remove(tx, client.tenant_id, department.id).await?;
                let mut controlling = Controlling::new(&env, &caller, operation_id, client);
                let (kind, id) = (EntityType::Department, department.id.0);
                let (action, changes) = (Action::DepartmentDeleted, department.last_changes());
                let now = controlling.now(department.updated_at);
                controlling.record(tx, now, kind, id, action, &changes).await?;
                controlling.end(tx).await.map(|_| ())
            })
            .await
    }
}

/// The department of `client` that `asked` names. Whoever changes one holds the client's row.
pub(crate) async fn named(
    tx: &mut Tx,
    client: &Client,
    asked: &str,
) -> Result<Department, AppError> {
    let missing = || AppError::NotFound(Missing { kind: "department", id: asked.to_owned() });
    let id = parse_uuid(asked).map(DepartmentId).ok_or_else(missing)?;
    let found = departments::get(tx, client.tenant_id, id).await?;
    found.filter(|department| department.client_id == client.id).ok_or_else(missing)
}

/// The ids of the departments that each of these users is in.
pub(crate) async fn ids_of_users(
    tx: &mut Tx,
    tenant: TenantId,
    users: &[DeviceUserId],
) -> Result<HashMap<DeviceUserId, BTreeSet<DepartmentId>>, AppError> {
    let mut ids: HashMap<_, BTreeSet<_>> = HashMap::new();
    for (user, department) in departments::of_users(tx, tenant, users).await? {
        ids.entry(user).or_default().insert(department.id);
    }
    Ok(ids)
}

/// Brings a user from these departments to those.
pub(crate) async fn move_user(
    tx: &mut Tx,
    user: &DeviceUser,
    before: &BTreeSet<DepartmentId>,
    after: &BTreeSet<DepartmentId>,
) -> Result<(), AppError> {
    for left in before.difference(after) {
        departments::remove_member(tx, user.tenant_id, *left, user.id).await?;
    }
    for joined in after.difference(before) {
        departments::add_member(tx, user.tenant_id, *joined, user.id).await?;
    }
    Ok(())
}

fn check(department: &Department, change: &DepartmentChange) -> Result<(), AppError> {
    let mut violations = change.violations.clone();
    violations.extend(echo::broken(department, &change.echoes));
    if !violations.is_empty() {
        return Err(AppError::Invalid(violations));
    }
    change.precondition.check(department.version)
}

/// About how many bytes a department takes in an answer.
pub(crate) fn bytes(department: &Department) -> usize {
    let description = department.description.as_ref().map_or(0, |text| text.as_str().len());
    department.name.as_str().len() + description + 200
}
