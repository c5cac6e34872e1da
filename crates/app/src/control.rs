//! Collection control below the client: changes of devices and users, one or many, with their audit
//! entries in the client's chain.
//!
//! Whoever changes the record of a device or a user takes its client's row first: that carries the
//! chain's head. So the records of one client change one after the other.

use crate::App;
use crate::bulk_change::{keep_bulk, seek_bulk};
use crate::caller::Caller;
use crate::departments;
use crate::env::Env;
use crate::error::{AppError, Missing};
use crate::kept_answers::{About, Done, Once};
use crate::load::{self, ClientRef, Purpose};
use crate::recorder::Recorder;
use clientbook_model::audit::{Action, EntityType, Event};
use clientbook_model::client::{Client, FieldChange};
use clientbook_model::collection::CollectionMode;
use clientbook_model::control::ControlError;
use clientbook_model::department::Department;
use clientbook_model::device::{Device, DevicePatch};
use clientbook_model::device_user::{DeviceUser, MAX_DEPARTMENTS, UserStatus};
use clientbook_model::id::{DepartmentId, DeviceId, DeviceUserId, parse_uuid};
use clientbook_model::principal::Permission;
use clientbook_model::time::Timestamp;
use clientbook_model::violation::Violation;
use clientbook_store::{Repeat, Tx, agent_configs, clients, device_users, devices};
use serde_json::json;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use uuid::Uuid;

/// The most devices or users of one call.
pub const MAX_CONTROLLED: usize = 10_000;

/// Devices or users that are changed in one transaction.
const BATCH: usize = 200;

/// The most bytes of a page, unless its first row has more.
const PAGE_BYTES: usize = 1 << 20;

/// What to do to each of many devices or users.
#[derive(Debug, Clone)]
pub enum Control {
    /// To devices.
    Devices(DevicePatch),
    /// Gives users this status.
    Users(UserStatus),
    /// Puts users in a department, or takes them out.
    Members {
        /// The department as written in the path.
        department: String,
        /// In, and not out.
        joins: bool,
    },
}

/// What to do to which devices or users.
#[derive(Debug, Clone)]
pub struct Controls {
    /// To these, as written.
    pub ids: Vec<String>,
    /// What.
    pub control: Control,
}

/// What became of many devices or users.
#[derive(Debug, Clone, Default)]
pub struct ControlOutcome {
    /// Those that are now as asked for.
    pub succeeded: Vec<String>,
    /// The others, and why.
    pub failed: Vec<(String, AppError)>,
    /// Something stopped the call before its end.
    is_stopped: bool,
    /// Something had to be changed.
    has_changed: bool,
}

impl App {
    /// Does the same to many devices or users of the client that `target` names, 10,000 at most, each
    /// by itself. Refused as a whole while the client's mode is `deleted`. Needs `devices.update`.
    pub async fn control(
        &self,
        caller: &Caller,
        target: ClientRef,
        controls: Controls,
        once: Once<ControlOutcome>,
    ) -> Result<Done<ControlOutcome>, AppError> {
        let once = Arc::new(once);
        if once.is_keyed()
            && let Some(told) = self.seek_control(caller, &target, Arc::clone(&once)).await?
        {
            return Ok(told);
        }
        let Controls { ids, control } = controls;
        let (mut outcome, mut about) = (ControlOutcome::default(), About::nothing());
        let mut batches = ids.chunks(BATCH);
        while let Some(batch) = batches.next() {
            match self.control_batch(caller, &target, &control, batch.to_vec()).await {
                Ok((of_batch, done)) => {
                    outcome.has_changed |= !of_batch.idle;
                    about.client = of_batch.client;
                    for (id, done) in done {
                        outcome.note(id, done);
                    }
                }
                // Nothing was done before, and nobody need look.
                Err(error) if outcome.is_empty() && !matches!(error, AppError::InDoubt(_)) => {
                    return Err(error);
                }
                Err(error) => {
                    outcome.stop(batch, batches.flatten(), &error);
                    break;
                }
            }
        }
        // What broke off is finished by a repeat.
        if once.is_keyed() && !outcome.is_stopped {
            about.idle = !outcome.has_changed;
            return keep_bulk(self, once, about, outcome).await;
        }
        Ok(Done::Now(outcome))
    }

    async fn seek_control(
        &self,
        caller: &Caller,
        target: &ClientRef,
        once: Arc<Once<ControlOutcome>>,
    ) -> Result<Option<Done<ControlOutcome>>, AppError> {
        let (caller_, target) = (caller.clone(), target.clone());
        let admit = async move |tx: &mut Tx| {
            let (permission, purpose) = (Permission::DevicesUpdate, Purpose::Read);
            load::client(tx, &caller_, &target, permission, purpose).await.map(|_| ())
        };
        seek_bulk(self, caller, once, admit).await
    }

    async fn control_batch(
        &self,
        caller: &Caller,
        target: &ClientRef,
        control: &Control,
        ids: Vec<String>,
    ) -> Result<(About, Vec<(String, Result<(), AppError>)>), AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let (target, control) = (target.clone(), control.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                load::still_works(tx, &caller, env.now()).await?;
                let (permission, purpose) = (Permission::DevicesUpdate, Purpose::Change);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                let client = record.client;
                let mut controlling = Controlling::new(&env, &caller, operation_id, client);
                let batch = Batch::load(tx, &controlling, &control, &ids).await?;
                let done = batch.run(tx, &mut controlling, &ids).await?;
                Ok((controlling.end(tx).await?, done))
            })
            .await
    }
}

/// What one batch is about, as it was read.
enum Batch {
    Devices(DevicePatch, HashMap<Uuid, Device>),
    Users(UserStatus, HashMap<Uuid, DeviceUser>),
    Members {
        department: Department,
        joins: bool,
        users: HashMap<Uuid, DeviceUser>,
        departments: HashMap<DeviceUserId, BTreeSet<DepartmentId>>,
    },
}

impl Batch {
    async fn load(
        tx: &mut Tx,
        controlling: &Controlling<'_>,
        control: &Control,
        ids: &[String],
    ) -> Result<Self, AppError> {
        let client = &controlling.client;
        let (tenant, id) = (client.tenant_id, client.id);
        let known = ids.iter().filter_map(|id| parse_uuid(id));
        Ok(match control {
            Control::Devices(patch) => {
                controlling.admit()?;
                let ids: Vec<_> = known.map(DeviceId).collect();
                let found = devices::get_all(tx, tenant, id, &ids).await?;
                let found = found.into_iter().map(|device| (device.id.0, device));
                Self::Devices(*patch, found.collect())
            }
            Control::Users(status) => {
                controlling.admit()?;
                let ids: Vec<_> = known.map(DeviceUserId).collect();
                let found = device_users::get_all(tx, tenant, id, &ids).await?;
                Self::Users(*status, found.into_iter().map(|user| (user.id.0, user)).collect())
            }
            Control::Members { department, joins } => {
                let department = departments::named(tx, client, department).await?;
                let ids: Vec<_> = known.map(DeviceUserId).collect();
                let found = device_users::get_all(tx, tenant, id, &ids).await?;
                let users = found.into_iter().map(|user| (user.id.0, user)).collect();
                let departments = departments::ids_of_users(tx, tenant, &ids).await?;
                Self::Members { department, joins: *joins, users, departments }
            }
        })
    }

    /// In the order of ids, so that nobody who writes what agents tell waits for this in a circle.
    async fn run(
        mut self,
        tx: &mut Tx,
        controlling: &mut Controlling<'_>,
        ids: &[String],
    ) -> Result<Vec<(String, Result<(), AppError>)>, AppError> {
        let mut places: Vec<_> = ids.iter().map(|id| parse_uuid(id)).enumerate().collect();
        places.sort_by_key(|(_, id)| *id);
        let mut done = Vec::with_capacity(ids.len());
        for (place, id) in places {
            match self.one(tx, controlling, id, &ids[place]).await {
                Err(error) if !is_of_one(&error) => return Err(error),
                one => done.push((place, one)),
            }
        }
        done.sort_by_key(|(place, _)| *place);
        Ok(done.into_iter().map(|(place, one)| (ids[place].clone(), one)).collect())
    }

    async fn one(
        &mut self,
        tx: &mut Tx,
        controlling: &mut Controlling<'_>,
        id: Option<Uuid>,
        asked: &str,
    ) -> Result<(), AppError> {
        let missing = |kind| AppError::NotFound(Missing { kind, id: asked.to_owned() });
        match self {
            Self::Devices(patch, devices) => {
                let found = id.and_then(|id| devices.remove(&id));
                let device = found.ok_or_else(|| missing("device"))?;
                controlling.device(tx, device, *patch).await?;
            }
            Self::Users(status, users) => {
                let found = id.and_then(|id| users.remove(&id));
                let user = found.ok_or_else(|| missing("user"))?;
                controlling.user(tx, user, Some(*status), None).await?;
            }
            Self::Members { department, joins, users, departments } => {
                let found = id.and_then(|id| users.remove(&id));
                let user = found.ok_or_else(|| missing("user"))?;
                let before = departments.remove(&user.id).unwrap_or_default();
                let mut after = before.clone();
                if *joins {
                    after.insert(department.id);
                } else {
                    after.remove(&department.id);
                }
                controlling.user(tx, user, None, Some((before, after))).await?;
            }
        }
        Ok(())
    }
}

/// Whether a refusal is about one device or user: it comes before anything is written of that one.
fn is_of_one(error: &AppError) -> bool {
    matches!(error, AppError::NotFound(_) | AppError::Invalid(_) | AppError::Transition(_))
}

/// The departments of a user before and after a change.
pub(crate) type Memberships = (BTreeSet<DepartmentId>, BTreeSet<DepartmentId>);

/// Changes of devices and users of one client in one transaction. The client's row is locked.
pub(crate) struct Controlling<'a> {
    env: &'a Env,
    caller: &'a Caller,
    operation_id: Uuid,
    client: Client,
    /// The chain has grown.
    is_recorded: bool,
    /// Agents are told something else.
    is_told: bool,
}

impl<'a> Controlling<'a> {
    pub(crate) fn new(
        env: &'a Env,
        caller: &'a Caller,
        operation_id: Uuid,
        client: Client,
    ) -> Self {
        Self { env, caller, operation_id, client, is_recorded: false, is_told: false }
    }

    /// Nothing below a client is controlled while its mode is `deleted`.
    pub(crate) fn admit(&self) -> Result<(), AppError> {
        if self.client.collection_mode == CollectionMode::Deleted {
            return Err(AppError::Transition(ControlError::ClientDeleted));
        }
        Ok(())
    }

    /// Changes a device; one that is already as asked for is not written.
    pub(crate) async fn device(
        &mut self,
        tx: &mut Tx,
        device: Device,
        patch: DevicePatch,
    ) -> Result<Device, AppError> {
        let refused = |refused| AppError::Transition(ControlError::State(refused));
        let (mut next, changes) = device.apply(patch).map_err(refused)?;
        if changes.is_empty() {
            return Ok(device);
        }
        next.version += 1;
        next.updated_at = self.now(device.updated_at);
        devices::update(tx, &next).await?;
        self.is_told = true;
        for change in &changes {
            let action = match &*change.field {
                "log_shipping_enabled" => Action::LogShippingChanged,
                _ => Action::CollectionStateChanged,
            };
            let changes = std::slice::from_ref(change);
            let (kind, id) = (EntityType::Device, next.id.0);
            self.record(tx, next.updated_at, kind, id, action, changes).await?;
        }
        Ok(next)
    }

    /// Changes a user's status, departments, or both, an entry for each.
    pub(crate) async fn user(
        &mut self,
        tx: &mut Tx,
        user: DeviceUser,
        status: Option<UserStatus>,
        departments: Option<Memberships>,
    ) -> Result<DeviceUser, AppError> {
        let status = status.unwrap_or(user.status);
        user.may_become(status).map_err(|refused| AppError::Transition(refused.into()))?;
        let (before, after) = departments.unwrap_or_default();
        if after.len() > MAX_DEPARTMENTS {
            let message = format!("a user is in at most {MAX_DEPARTMENTS} departments");
            let violation = Violation::new("max_items", message).below("/departments");
            return Err(AppError::Invalid(vec![violation]));
        }
        let mut next = user.clone();
        next.status = status;
        if status == user.status && before == after {
            return Ok(next);
        }
        next.version += 1;
        next.updated_at = self.now(user.updated_at);
        device_users::update(tx, &next).await?;
        let (kind, id, now) = (EntityType::User, next.id.0, next.updated_at);
        if status != user.status {
            self.is_told = true;
            let [before, after] = [json!(user.status), json!(status)];
            let change = FieldChange { field: "status".into(), before, after };
            let action = Action::UserStatusChanged;
            self.record(tx, now, kind, id, action, &[change]).await?;
        }
        if before != after {
            departments::move_user(tx, &next, &before, &after).await?;
            let [before, after] = [json!(before), json!(after)];
            let change = FieldChange { field: "departments".into(), before, after };
            let action = Action::UserDepartmentsChanged;
            self.record(tx, now, kind, id, action, &[change]).await?;
        }
        Ok(next)
    }

    /// Writes an entry into the client's chain.
    pub(crate) async fn record(
        &mut self,
        tx: &mut Tx,
        now: Timestamp,
        entity_type: EntityType,
        entity_id: Uuid,
        action: Action,
        changes: &[FieldChange],
    ) -> Result<(), AppError> {
        let (env, caller, operation_id) = (self.env, self.caller, self.operation_id);
        let tenant_id = self.client.tenant_id;
        let recorder = Recorder { env, caller, tenant_id, operation_id, now };
        let event = Event { entity_type, entity_id, action, changes };
        recorder.append(tx, self.client.id.0, &mut self.client.audit, &event).await?;
        self.is_recorded = true;
        Ok(())
    }

    /// When something that last changed at `updated_at` changes now.
    pub(crate) fn now(&self, updated_at: Timestamp) -> Timestamp {
        self.env.now().max(updated_at)
    }

    /// Writes the chain's head, and tells agents if they are told something else. What an answer is
    /// about that shows what was changed, if anything was.
    pub(crate) async fn end(self, tx: &mut Tx) -> Result<About, AppError> {
        let Client { tenant_id, id, .. } = self.client;
        if self.is_recorded {
            clients::set_chain_head(tx, &self.client).await?;
        }
        if self.is_told {
            agent_configs::bump(tx, tenant_id, id).await?;
        }
        Ok(About { client: Some(id), idle: !self.is_recorded, ..About::default() })
    }
}

/// Cuts a page to its rows, or to fewer that are within its bytes; the last row, if more follow.
/// `rows` has one more than `size` where that many are there.
pub(crate) fn cut_page<T>(rows: &mut Vec<T>, size: i64, bytes: impl Fn(&T) -> usize) -> Option<&T> {
    let (all, size) = (rows.len(), usize::try_from(size).unwrap_or(usize::MAX));
    let mut taken = 0;
    let fits = |row: &T| {
        taken += bytes(row);
        taken <= PAGE_BYTES
    };
    let within = rows.iter().take(size).map(fits).take_while(|fits| *fits).count();
    rows.truncate(within.max(1));
    if rows.len() < all { rows.last() } else { None }
}

impl ControlOutcome {
    fn is_empty(&self) -> bool {
        self.succeeded.is_empty() && self.failed.is_empty()
    }

    fn note(&mut self, id: String, done: Result<(), AppError>) {
        match done {
            Ok(()) => self.succeeded.push(id),
            Err(error) => self.failed.push((id, error)),
        }
    }

    /// Says of the batch in which something failed, and of all that were still to come, that they
    /// were not changed, or perhaps were.
    fn stop<'i>(
        &mut self,
        batch: &[String],
        left: impl Iterator<Item = &'i String>,
        error: &AppError,
    ) {
        let rest = match error {
            // Only of the batch is it in doubt.
            AppError::InDoubt(why) => AppError::Unavailable(why.clone()),
            other => other.clone(),
        };
        self.is_stopped = true;
        self.failed.extend(batch.iter().map(|id| (id.clone(), error.clone())));
        self.failed.extend(left.map(|id| (id.clone(), rest.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_at_its_rows_or_its_bytes() {
        let cut = |sizes: &[usize], size| {
            let mut rows = sizes.to_vec();
            let more = cut_page(&mut rows, size, |bytes| *bytes).is_some();
            (rows.len(), more)
        };
        assert_eq!(cut(&[], 2), (0, false));
        assert_eq!(cut(&[1, 1], 2), (2, false));
        assert_eq!(cut(&[1, 1, 1], 2), (2, true));
        assert_eq!(cut(&[PAGE_BYTES, 1], 2), (1, true));
        assert_eq!(cut(&[PAGE_BYTES + 1, 1], 2), (1, true));
        assert_eq!(cut(&[PAGE_BYTES - 1, 1], 2), (2, false));
    }
}
