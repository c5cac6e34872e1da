//! The demo's devices: five of Acme Corporation, with their users and departments. When they were last
//! heard of counts from the moment in which they are loaded, so that some are active.

use super::{ACME, Load, OURS, known, time};
use crate::create::{add_department, add_device};
use crate::error::AppError;
use clientbook_model::audit::{Action, EntityType, Event};
use clientbook_model::client::{Client, FieldChange};
use clientbook_model::department::Department;
use clientbook_model::device::{
    CollectionState, DeploymentError, Device, DeviceFacts, DeviceText, ErrorCode, Extension,
    Extensions, Hardware, Version,
};
use clientbook_model::device_user::{DeviceUser, UserStatus};
use clientbook_model::id::{
    ClientId, DepartmentId, DeviceId, DeviceUserId, EnrollmentTokenId, TenantId,
};
use clientbook_model::number::Int;
use clientbook_model::text::{Label, Text};
use clientbook_model::time::Timestamp;
use clientbook_store::{Tx, clients, departments, device_users};
use serde_json::json;
use uuid::{Uuid, uuid};

pub(super) const MINUTE: i64 = 60 * 1_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// A made-up device and who was seen on it.
pub(super) struct DemoDevice {
    pub(super) id: Uuid,
    name: &'static str,
    key: &'static str,
    serial: &'static str,
    os: [&'static str; 2],
    agent_version: &'static str,
    /// Manufacturer, model, processor.
    parts: [&'static str; 3],
    cores: i64,
    gibibytes: i64,
    pub(super) joined: &'static str,
    /// How many milliseconds ago it was last heard of; not at all where there is none.
    seen: Option<i64>,
    has_error: bool,
    pub(super) users: &'static [usize],
}

pub(super) struct DemoUser {
    pub(super) id: Uuid,
    pub(super) name: &'static str,
    pub(super) key: &'static str,
    /// How many milliseconds ago.
    pub(super) active: i64,
    pub(super) department: Option<usize>,
}

const DEPARTMENTS: [(Uuid, &str, &str); 2] = [
    (uuid!("d1e2f3a4-b5c6-7890-abcd-ef1234567890"), "Engineering", "Builds the product"),
    (uuid!("d1e2f3a4-b5c6-7890-abcd-ef1234567891"), "Sales", "Sells it"),
];

pub(super) const USERS: [DemoUser; 5] = [
    DemoUser {
        id: uuid!("a1b2c3d4-e5f6-7890-abcd-ef1234567890"),
        name: "alice",
        key: "alice@DESKTOP-DEV-ALICE",
        active: 4 * MINUTE,
        department: Some(0),
    },
    DemoUser {
        id: uuid!("a1b2c3d4-e5f6-7890-abcd-ef1234567891"),
        name: "bob",
        key: "bob@LAPTOP-BOB",
        active: 9 * MINUTE,
        department: Some(0),
    },
    DemoUser {
        id: uuid!("a1b2c3d4-e5f6-7890-abcd-ef1234567892"),
        name: "carol",
        key: "carol@LAPTOP-CAROL",
        active: 3 * DAY,
        department: Some(1),
    },
    DemoUser {
        id: uuid!("a1b2c3d4-e5f6-7890-abcd-ef1234567893"),
        name: "dave",
        key: "dave@FRONT-DESK",
        active: 30 * MINUTE,
        department: Some(1),
    },
    DemoUser {
        id: uuid!("a1b2c3d4-e5f6-7890-abcd-ef1234567894"),
        name: "erin",
        key: "erin@FRONT-DESK",
        active: DAY,
        department: None,
    },
];

pub(super) const DEVICES: [DemoDevice; 5] = [
    DemoDevice {
        id: uuid!("f1e2d3c4-b5a6-7890-abcd-ef1234567890"),
        name: "DESKTOP-DEV-ALICE",
        key: "9f0c2a7e4b1d4e6f8a3b5c7d9e1f2a3b",
        serial: "5CD2345XYZ",
        os: ["Ubuntu", "24.04"],
        agent_version: "1.0.0",
        parts: ["HP", "EliteDesk 800 G9", "Intel Core i7-12700"],
        cores: 20,
        gibibytes: 32,
        joined: "2026-01-15T11:00:00Z",
        seen: Some(2 * MINUTE),
        has_error: false,
        users: &[0],
    },
    DemoDevice {
        id: uuid!("f1e2d3c4-b5a6-7890-abcd-ef1234567891"),
        name: "LAPTOP-BOB",
        key: "1b7d3c5e9f2a4b6c8d0e1f3a5b7c9d2e",
        serial: "PF4ABC12",
        os: ["Debian GNU/Linux", "12"],
        agent_version: "1.0.0",
        parts: ["Lenovo", "ThinkPad T14 Gen 4", "AMD Ryzen 7 PRO 7840U"],
        cores: 16,
        gibibytes: 32,
        joined: "2026-01-16T09:30:00Z",
        seen: Some(MINUTE),
        has_error: false,
        users: &[1],
    },
    DemoDevice {
        id: uuid!("f1e2d3c4-b5a6-7890-abcd-ef1234567892"),
        name: "LAPTOP-CAROL",
        key: "5e8a1c4f7b0d4a2e9c6f3b8d1e5a7c0f",
        serial: "7XK9Q53",
        os: ["Fedora Linux", "43"],
        agent_version: "0.9.2",
        parts: ["Dell", "XPS 13 9340", "Intel Core Ultra 7 155H"],
        cores: 22,
        gibibytes: 16,
        joined: "2026-01-20T14:10:00Z",
        seen: Some(3 * DAY),
        has_error: true,
        users: &[2],
    },
    DemoDevice {
        id: uuid!("f1e2d3c4-b5a6-7890-abcd-ef1234567893"),
        name: "FRONT-DESK",
        key: "c3f6a9d2e5b84c1f7a0d3e6b9c2f5a8d",
        serial: "R1N0CV0312",
        os: ["Debian GNU/Linux", "12"],
        agent_version: "1.0.0",
        parts: ["ASUS", "ExpertCenter PN64", "Intel Core i5-13500H"],
        cores: 16,
        gibibytes: 8,
        joined: "2026-02-02T08:00:00Z",
        seen: Some(5 * MINUTE),
        has_error: false,
        users: &[3, 4],
    },
    DemoDevice {
        id: uuid!("f1e2d3c4-b5a6-7890-abcd-ef1234567894"),
        name: "BUILD-01",
        key: "7d0b4e8c2f5a4d9b6e1c3f7a0d4b8e2c",
        serial: "S471866X",
        os: ["Ubuntu", "24.04"],
        agent_version: "1.0.0",
        parts: ["Supermicro", "SYS-510T-MR", "Intel Xeon E-2388G"],
        cores: 16,
        gibibytes: 64,
        joined: "2026-02-18T16:45:00Z",
        seen: None,
        has_error: false,
        users: &[],
    },
];

/// Adds them all to Acme, as it was made before.
pub(super) async fn add(tx: &mut Tx, load: &Load<'_>, mut acme: Client) -> Result<(), AppError> {
    let now = load.env.now();
    for device in &DEVICES {
        let device = self::device(device, now)?;
        let recorder = load.recorder(&OURS, device.created_at);
        add_device(tx, &recorder, &mut acme, &device).await?;
    }
    let made = time("2026-01-15T12:00:00Z")?;
    for (id, name, description) in DEPARTMENTS {
        let department = Department {
            id: DepartmentId(id),
            tenant_id: TenantId(OURS.id),
            client_id: ClientId(ACME.id),
            name: known(Label::new(name))?,
            description: Some(known(Text::new(description))?),
            version: 1,
            created_at: made,
            updated_at: made,
        };
        add_department(tx, &load.recorder(&OURS, made), &mut acme, &department).await?;
    }
    for device in &DEVICES {
        for user in device.users.iter().filter_map(|at| USERS.get(*at)) {
            self::user(tx, load, &mut acme, device, user).await?;
        }
    }
    Ok(clients::set_chain_head(tx, &acme).await?)
}

pub(super) fn ago(now: Timestamp, millis: i64) -> Timestamp {
    Timestamp::clamped(now.millis().saturating_sub(millis))
}

fn text(text: &str) -> Result<DeviceText, AppError> {
    known(Label::new(text))
}

fn device(demo: &DemoDevice, now: Timestamp) -> Result<Device, AppError> {
    let joined = time(demo.joined)?;
    let [manufacturer, model, cpu_model] = demo.parts;
    let hardware = Hardware {
        manufacturer: Some(text(manufacturer)?),
        model: Some(text(model)?),
        cpu_model: Some(text(cpu_model)?),
        cpu_cores: Some(known(Int::new(demo.cores))?),
        ram: Some(known(Int::new(demo.gibibytes << 30))?),
    };
    let chrome = Extension {
        version: Some(known(Version::new("1.0.0"))?),
        installed: true,
        auto_update: Some(true),
        last_activity_at: demo.seen.map(|seen| ago(now, seen)),
    };
    let error = DeploymentError {
        code: known(ErrorCode::new("software_source_unreadable"))?,
        message: known(Text::new("The list of packages could not be read"))?,
    };
    Ok(Device {
        id: DeviceId(demo.id),
        tenant_id: TenantId(OURS.id),
        client_id: ClientId(ACME.id),
        unique_key: text(demo.key)?,
        facts: DeviceFacts {
            name: text(demo.name)?,
            serial_number: Some(text(demo.serial)?),
            os_name: text(demo.os[0])?,
            os_version: text(demo.os[1])?,
            agent_version: known(Version::new(demo.agent_version))?,
            hardware,
            extensions: Extensions { chrome: Some(chrome), edge: None, firefox: None },
        },
        deployment_errors: demo.has_error.then_some(error).into_iter().collect(),
        collection_state: CollectionState::Enabled,
        log_shipping_enabled: false,
        enrolled_with: Some(EnrollmentTokenId(uuid!("e1f2a3b4-c5d6-7890-abcd-ef1234567890"))),
        installed_at: joined,
        last_seen_at: demo.seen.map(|seen| ago(now, seen)),
        uninstalled_at: None,
        version: 1,
        created_at: joined,
        updated_at: joined,
    })
}

/// A user, who was put in a department a minute after being first seen.
async fn user(
    tx: &mut Tx,
    load: &Load<'_>,
    acme: &mut Client,
    device: &DemoDevice,
    demo: &DemoUser,
) -> Result<(), AppError> {
    let now = load.env.now();
    meet(tx, device, demo, now, device.seen.map(|seen| ago(now, seen))).await?;
    let Some((department, ..)) = demo.department.and_then(|at| DEPARTMENTS.get(at)) else {
        return Ok(());
    };
    let tenant = TenantId(OURS.id);
    departments::add_member(tx, tenant, DepartmentId(*department), DeviceUserId(demo.id)).await?;
    let (before, after) = (json!([]), json!([department]));
    let change = FieldChange { field: "departments".into(), before, after };
    let event = Event {
        entity_type: EntityType::User,
        entity_id: demo.id,
        action: Action::UserDepartmentsChanged,
        changes: std::slice::from_ref(&change),
    };
    let put = Timestamp::clamped(time(device.joined)?.millis() + 6 * MINUTE);
    let recorder = load.recorder(&OURS, put);
    Ok(recorder.append(tx, acme.id.0, &mut acme.audit, &event).await?)
}

/// Adds a user whom the device first saw 5 minutes after it had joined, and last at `seen`.
pub(super) async fn meet(
    tx: &mut Tx,
    device: &DemoDevice,
    demo: &DemoUser,
    now: Timestamp,
    seen: Option<Timestamp>,
) -> Result<(), AppError> {
    let joined = time(device.joined)?.millis();
    let first = Timestamp::clamped(joined + 5 * MINUTE);
    let put = Timestamp::clamped(joined + 6 * MINUTE);
    let active = ago(now, demo.active);
    let user = DeviceUser {
        id: DeviceUserId(demo.id),
        tenant_id: TenantId(OURS.id),
        client_id: ClientId(ACME.id),
        user_key: known(Label::new(demo.key))?,
        username: known(Label::new(demo.name))?,
        status: UserStatus::Active,
        desktop_at: Some(active),
        web_at: Some(ago(active, 5 * MINUTE)),
        version: if demo.department.is_some() { 2 } else { 1 },
        created_at: first,
        updated_at: if demo.department.is_some() { put } else { first },
    };
    device_users::insert(tx, &user).await?;
    let (tenant, id) = (user.tenant_id, DeviceId(device.id));
    device_users::see(tx, tenant, id, user.id, first).await?;
    if let Some(seen) = seen {
        device_users::see(tx, tenant, id, user.id, seen).await?;
    }
    Ok(())
}
