//! What was collected on the demo's devices: their software, and the usage of two weeks up to the moment
//! in which it is loaded.

mod habits;
mod packages;

use super::devices::{self, DEVICES, DemoUser, USERS};
use super::{ACME, Load, OURS, known};
use crate::error::AppError;
use clientbook_model::id::{ClientId, DeviceId, DeviceUserId, TenantId};
use clientbook_model::telemetry::{DayNumber, Software, UsageKind};
use clientbook_model::text::Label;
use clientbook_model::time::Timestamp;
use clientbook_store::software::DevicePlace;
use clientbook_store::usage::{UsageKey, Used};
use clientbook_store::{Tx, software, usage};
use habits::HABITS;
use packages::{PACKAGES, Package};
use uuid::{Uuid, uuid};

/// How many days have usage, today included.
const DAYS: i64 = 14;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// The device that has only joined so far is heard of, and somebody works on it.
const LATECOMER: (usize, DemoUser) = (
    4,
    DemoUser {
        id: uuid!("a1b2c3d4-e5f6-7890-abcd-ef1234567895"),
        name: "frank",
        key: "frank@BUILD-01",
        active: 2 * devices::MINUTE,
        department: None,
    },
);

/// Adds it to the devices, which are there already.
pub(super) async fn add(tx: &mut Tx, load: &Load<'_>) -> Result<(), AppError> {
    let now = load.env.now();
    let (late, frank) = &LATECOMER;
    let seen = devices::ago(now, devices::MINUTE);
    for (at, (device, packages)) in DEVICES.iter().zip(PACKAGES).enumerate() {
        let place = place(device.id);
        let installed_at = super::time(device.joined)?;
        let all = packages.iter().copied().flatten();
        let all = all.map(|package| self::software(package, installed_at));
        software::replace(tx, &place, &all.collect::<Result<Vec<_>, _>>()?).await?;
        if at == *late {
            devices::meet(tx, device, frank, now, Some(seen)).await?;
            clientbook_store::devices::set_last_seen(tx, place.tenant_id, place.device_id, seen)
                .await?;
        }
        let late = (at == *late).then_some(frank);
        let users = device.users.iter().filter_map(|user| USERS.get(*user)).chain(late);
        for user in users {
            self::use_of(tx, &place, user, now).await?;
        }
    }
    Ok(())
}

fn place(device: Uuid) -> DevicePlace {
    DevicePlace {
        tenant_id: TenantId(OURS.id),
        client_id: ClientId(ACME.id),
        device_id: DeviceId(device),
    }
}

fn software(package: &Package, installed_at: Timestamp) -> Result<Software, AppError> {
    let [name, version, publisher, source] = *package;
    Ok(Software {
        name: known(Label::new(name))?,
        version: known(Label::new(version))?,
        publisher: Some(known(Label::new(publisher))?),
        source: Some(known(Label::new(source))?),
        installed_at: Some(installed_at),
    })
}

/// The usage of a user on each day, up to when it was last active.
async fn use_of(
    tx: &mut Tx,
    place: &DevicePlace,
    user: &DemoUser,
    now: Timestamp,
) -> Result<(), AppError> {
    let today = DayNumber::of(now);
    let last = DayNumber::of(devices::ago(now, user.active));
    let passed = now.millis() - today.begin().millis();
    let habits = HABITS.iter().find(|(name, _)| *name == user.name);
    for (at, habit) in (0..).zip(habits.into_iter().flat_map(|(_, habits)| *habits)) {
        for ago in 0..DAYS {
            let day = today.before(ago);
            // No two days are the same, and today has only begun.
            let percent = 60 + (17 * at + 29 * ago + 7 * today.0) % 81;
            let share = if ago == 0 { passed } else { DAY_MILLIS };
            let amount = habit.amount * percent / 100 * share / DAY_MILLIS;
            if day > last || amount == 0 {
                continue;
            }
            let user_id = DeviceUserId(user.id);
            let (kind, name) = (habit.kind, habit.name.to_owned());
            let sum = match kind {
                UsageKind::App => Used { seconds: amount, visits: 0 },
                UsageKind::Web => Used { seconds: 0, visits: amount },
            };
            usage::add(tx, place, &UsageKey { day, user_id, kind, name }, (sum, 0)).await?;
        }
    }
    Ok(())
}
