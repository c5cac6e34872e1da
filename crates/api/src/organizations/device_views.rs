//! How devices, their users and departments are shown. The order of fields is part of the published
//! API.

use crate::shared::schema;
use clientbook_app::{DeviceRecord, SightingRecord, UserRecord};
use clientbook_model::department::Department;
use clientbook_model::device::{self, DeviceStatus, Extension};
use clientbook_model::id::{DepartmentId, DeviceId, DeviceUserId};
use clientbook_model::text::{Label, Text};
use clientbook_model::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(super) struct DeviceView<'a> {
    #[schema(value_type = schema::Id)]
    id: DeviceId,
    name: &'a str,
    #[schema(value_type = super::docs::devices::DeviceState)]
    status: &'static str,
    #[schema(required)]
    serial_number: Option<&'a str>,
    unique_key: &'a str,
    os_name: &'a str,
    os_version: &'a str,
    #[schema(value_type = Option<schema::Timestamp>, required)]
    last_seen_at: Option<Timestamp>,
    #[schema(value_type = schema::Timestamp)]
    installed_at: Timestamp,
    agent_version: &'a str,
    hardware: HardwareView<'a>,
    extensions: ExtensionsView<'a>,
    #[schema(value_type = super::docs::devices::State)]
    collection_state: &'static str,
    #[schema(value_type = schema::Mode)]
    effective_mode: &'static str,
    log_shipping_enabled: bool,
    #[schema(value_type = schema::Timestamp)]
    created_at: Timestamp,
    #[schema(value_type = schema::Timestamp)]
    updated_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Hardware)]
struct HardwareView<'a> {
    #[schema(required)]
    manufacturer: Option<&'a str>,
    #[schema(required)]
    model: Option<&'a str>,
    #[schema(required)]
    cpu_model: Option<&'a str>,
    #[schema(required)]
    cpu_cores: Option<i64>,
    /// Bytes.
    #[schema(required)]
    ram: Option<i64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Extensions)]
struct ExtensionsView<'a> {
    #[schema(required)]
    chrome: Option<ExtensionView<'a>>,
    #[schema(required)]
    edge: Option<ExtensionView<'a>>,
    #[schema(required)]
    firefox: Option<ExtensionView<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Extension)]
struct ExtensionView<'a> {
    #[schema(required)]
    version: Option<&'a str>,
    installed: bool,
    #[schema(required)]
    auto_update: Option<bool>,
    #[schema(value_type = Option<schema::Timestamp>, required)]
    last_activity_at: Option<Timestamp>,
}

/// A device, and whether it is heard of at `now`.
pub(super) fn device(record: &DeviceRecord, now: Timestamp) -> DeviceView<'_> {
    let device = &record.device;
    let facts = &device.facts;
    let extensions = &facts.extensions;
    DeviceView {
        id: device.id,
        name: facts.name.as_str(),
        status: DeviceStatus::of(device.last_seen_at, now).as_str(),
        serial_number: facts.serial_number.as_ref().map(Label::as_str),
        unique_key: device.unique_key.as_str(),
        os_name: facts.os_name.as_str(),
        os_version: facts.os_version.as_str(),
        last_seen_at: device.last_seen_at,
        installed_at: device.installed_at,
        agent_version: facts.agent_version.as_str(),
        hardware: hardware(&facts.hardware),
        extensions: ExtensionsView {
            chrome: extensions.chrome.as_ref().map(extension),
            edge: extensions.edge.as_ref().map(extension),
            firefox: extensions.firefox.as_ref().map(extension),
        },
        collection_state: device.collection_state.as_str(),
        effective_mode: record.effective_mode().as_str(),
        log_shipping_enabled: device.log_shipping_enabled,
        created_at: device.created_at,
        updated_at: device.updated_at,
    }
}

fn hardware(hardware: &device::Hardware) -> HardwareView<'_> {
    HardwareView {
        manufacturer: hardware.manufacturer.as_ref().map(Label::as_str),
        model: hardware.model.as_ref().map(Label::as_str),
        cpu_model: hardware.cpu_model.as_ref().map(Label::as_str),
        cpu_cores: hardware.cpu_cores.map(device::Cores::get),
        ram: hardware.ram.map(device::Memory::get),
    }
}

fn extension(extension: &Extension) -> ExtensionView<'_> {
    ExtensionView {
        version: extension.version.as_ref().map(Label::as_str),
        installed: extension.installed,
        auto_update: extension.auto_update,
        last_activity_at: extension.last_activity_at,
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct UserView<'a> {
    #[schema(value_type = schema::Id)]
    id: DeviceUserId,
    username: &'a str,
    user_key: &'a str,
    #[schema(value_type = super::docs::device_users::UserState)]
    status: &'static str,
    last_activity: ActivityView,
    departments: Vec<MembershipView<'a>>,
    #[schema(value_type = schema::Timestamp)]
    created_at: Timestamp,
    #[schema(value_type = schema::Timestamp)]
    updated_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Activity)]
struct ActivityView {
    /// The later of the other two.
    #[schema(value_type = Option<schema::Timestamp>, required)]
    at: Option<Timestamp>,
    /// In an application.
    #[schema(value_type = Option<schema::Timestamp>, required)]
    desktop_at: Option<Timestamp>,
    /// In a browser.
    #[schema(value_type = Option<schema::Timestamp>, required)]
    web_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Membership)]
struct MembershipView<'a> {
    #[schema(value_type = schema::Id)]
    id: DepartmentId,
    name: &'a str,
    #[schema(required)]
    description: Option<&'a str>,
}

/// A user and its departments.
pub(super) fn user(record: &UserRecord) -> UserView<'_> {
    let user = &record.user;
    UserView {
        id: user.id,
        username: user.username.as_str(),
        user_key: user.user_key.as_str(),
        status: user.status.as_str(),
        last_activity: ActivityView {
            at: user.active_at(),
            desktop_at: user.desktop_at,
            web_at: user.web_at,
        },
        departments: record.departments.iter().map(MembershipView::of).collect(),
        created_at: user.created_at,
        updated_at: user.updated_at,
    }
}

impl<'a> MembershipView<'a> {
    fn of(department: &'a Department) -> Self {
        let description = department.description.as_ref().map(Text::as_str);
        Self { id: department.id, name: department.name.as_str(), description }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct SightingView<'a> {
    #[schema(value_type = schema::Id)]
    id: DeviceUserId,
    username: &'a str,
    user_key: &'a str,
    #[schema(value_type = super::docs::device_users::UserState)]
    status: &'static str,
    last_activity: ActivityView,
    departments: Vec<MembershipView<'a>>,
    /// When the user was first seen on the device.
    #[schema(value_type = schema::Timestamp)]
    enrolled_at: Timestamp,
    /// When the user was last seen on the device.
    #[schema(value_type = schema::Timestamp)]
    last_seen_at: Timestamp,
    #[schema(value_type = schema::Timestamp)]
    created_at: Timestamp,
    #[schema(value_type = schema::Timestamp)]
    updated_at: Timestamp,
}

/// A user as seen on one device.
pub(super) fn sighting(seen: &SightingRecord) -> SightingView<'_> {
    let UserView { id, username, user_key, status, last_activity, departments, .. } =
        user(&seen.record);
    let (created_at, updated_at) = (seen.record.user.created_at, seen.record.user.updated_at);
    SightingView {
        id,
        username,
        user_key,
        status,
        last_activity,
        departments,
        enrolled_at: seen.enrolled_at,
        last_seen_at: seen.last_seen_at,
        created_at,
        updated_at,
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct DepartmentView<'a> {
    #[schema(value_type = schema::Id)]
    id: DepartmentId,
    name: &'a str,
    #[schema(required)]
    description: Option<&'a str>,
    #[schema(value_type = schema::Timestamp)]
    created_at: Timestamp,
    #[schema(value_type = schema::Timestamp)]
    updated_at: Timestamp,
}

/// A department.
pub(super) fn department(department: &Department) -> DepartmentView<'_> {
    DepartmentView {
        id: department.id,
        name: department.name.as_str(),
        description: department.description.as_ref().map(Text::as_str),
        created_at: department.created_at,
        updated_at: department.updated_at,
    }
}
