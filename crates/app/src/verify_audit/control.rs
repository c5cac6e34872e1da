//! The rows of collection control below a client, each compared with what its chain tells.

use super::rows::{facts, name};
use super::story::Story;
use super::{PAGE, last_if_full};
use crate::error::AppError;
use clientbook_model::audit::EntityType;
use clientbook_model::id::{ClientId, DeviceUserId, TenantId};
use clientbook_store::{RawId, Tx, departments, device_users, devices};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};

pub(super) async fn devices_of(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
    story: &mut Story,
    faults: &mut Vec<String>,
) -> Result<(), AppError> {
    let (mut from, mut seen) = (RawId::FIRST, 0);
    loop {
        let page = devices::stored(tx, tenant, client, &from, PAGE).await?;
        for device in page.iter().skip(seen) {
            let enrolled_with = device.enrolled_with.as_ref().map(name);
            let row = facts([
                ("unique_key", json!(device.unique_key)),
                ("collection_state", json!(device.collection_state)),
                ("log_shipping_enabled", json!(device.log_shipping_enabled)),
                ("enrolled_with", json!(enrolled_with)),
                ("installed_at", json!(device.installed_at)),
                ("uninstalled_at", json!(device.uninstalled_at)),
                ("created_at", json!(device.created_at)),
                ("updated_at", json!(device.updated_at)),
            ]);
            let name = name(&device.id);
            faults.extend(story.compare(EntityType::Device, &name, &row));
            if device.version < 1 {
                faults.push(format!("device {name} has the version {}", device.version));
            }
        }
        let Some(last) = last_if_full(page) else {
            return Ok(());
        };
        (from, seen) = (last.id, 1);
    }
}

pub(super) async fn users_of(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
    story: &mut Story,
    faults: &mut Vec<String>,
) -> Result<(), AppError> {
    let (mut from, mut seen) = (RawId::FIRST, 0);
    loop {
        let page = device_users::stored(tx, tenant, client, &from, PAGE).await?;
        let ids: Vec<_> = page.iter().filter_map(|user| user.id.uuid().map(DeviceUserId)).collect();
        let mut held: HashMap<_, BTreeSet<_>> = HashMap::new();
        for (user, department) in departments::of_users(tx, tenant, &ids).await? {
            held.entry(user.0).or_default().insert(department.id);
        }
        for user in page.iter().skip(seen) {
            let departments = user.id.uuid().and_then(|id| held.remove(&id));
            let mut row = facts([
                ("status", json!(user.status)),
                ("departments", departments.map_or(Value::Null, |ids| json!(ids))),
            ]);
            // Until the record changes, no entry tells of it.
            if user.updated_at != user.created_at {
                row.insert("updated_at".into(), json!(user.updated_at));
            }
            let name = name(&user.id);
            faults.extend(story.compare(EntityType::User, &name, &row));
            if user.version < 1 {
                faults.push(format!("user {name} has the version {}", user.version));
            }
        }
        let Some(last) = last_if_full(page) else {
            return Ok(());
        };
        (from, seen) = (last.id, 1);
    }
}

pub(super) async fn departments_of(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
    story: &mut Story,
    faults: &mut Vec<String>,
) -> Result<(), AppError> {
    let mut after: Option<String> = None;
    loop {
        let page = departments::list(tx, tenant, client, after.as_deref(), PAGE).await?;
        for department in &page {
            let mut row = facts(department.facts());
            row.insert("created_at".into(), json!(department.created_at));
            row.insert("updated_at".into(), json!(department.updated_at));
            let name = department.id.to_string();
            faults.extend(story.compare(EntityType::Department, &name, &row));
            if department.version < 1 {
                faults.push(format!("department {name} has the version {}", department.version));
            }
        }
        let Some(last) = last_if_full(page) else {
            return Ok(());
        };
        after = Some(last.name.as_str().to_owned());
    }
}
