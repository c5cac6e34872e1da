//! `/v2/clients/{client_id}/devices`

use super::device_views::device;
use super::{clients, views};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::{Fields, same_id};
use crate::shared::query::{CURSOR, PageSize, Parameter, Query, about_parameters};
use crate::shared::schema;
use clientbook_app::{
    DeviceChange, DeviceOrder, DeviceQuery, DeviceRecord, DeviceSort, DeviceSummary,
};
use clientbook_model::device::{DevicePatch, DeviceStatus, DeviceText};
use clientbook_model::id::DeviceUserId;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

const PAGE: PageSize = PageSize { default: 50, max: 500 };
const ORDERS: &[&str] =
    &["name", "status", "os_name", "last_seen_at", "installed_at", "created_at"];
pub(super) const WAYS: &[&str] = &["asc", "desc"];

pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "q",
        about: "Only devices with this in their name; case and accents do not count",
        schema: schema::words,
    },
    Parameter {
        name: "user_id",
        about: "Only devices that this user was seen on; takes `telemetry.view`, too",
        schema: schema::uuid,
    },
    Parameter {
        name: "status",
        about: "Only devices of this status, as it was when the first page was asked for",
        schema: || schema::choice(&DeviceStatus::ALL.map(DeviceStatus::as_str), None),
    },
    Parameter {
        name: "os_name",
        about: "Only devices with this operating system, to the letter",
        schema: schema::label::<DeviceText>,
    },
    Parameter {
        name: "sort_by",
        about: "What comes first; names without case and accents. A device that is heard of moves \
                by `last_seen_at`: to see each once, take another order",
        schema: || schema::choice(ORDERS, Some("last_seen_at")),
    },
    Parameter {
        name: "sort_order",
        about: "Which way",
        schema: || schema::choice(WAYS, Some("desc")),
    },
    Parameter { name: "page_size", about: "Rows on a page", schema: || schema::page_size(PAGE) },
    CURSOR,
];

/// A page of devices.
pub(super) async fn list(mut call: Call) -> Result<Answer, ApiError> {
    let target = clients::target(&call);
    let mut parameters = std::mem::take(&mut call.query);
    let query = DeviceQuery {
        q: parameters.parse("q"),
        user_id: parameters.parse::<DeviceUserId>("user_id"),
        status: parameters.parse("status"),
        os_name: parameters.parse("os_name"),
        sort: sort(&mut parameters),
        page_size: parameters.size("page_size", PAGE),
        cursor: parameters.text("cursor").map(str::to_owned),
    };
    parameters.finish()?;
    let page = call.app.list_devices(&call.caller, target, query).await;
    let page = page.map_err(about_parameters)?;
    let now = call.app.now();
    Answer::list(&views::list(&page, |record| device(record, now)))
}

fn sort(parameters: &mut Query) -> DeviceSort {
    let order = parameters.one_of("sort_by", ORDERS, |name| match name {
        "name" => Some(DeviceOrder::Name),
        "status" => Some(DeviceOrder::Status),
        "os_name" => Some(DeviceOrder::OsName),
        "last_seen_at" => Some(DeviceOrder::LastSeenAt),
        "installed_at" => Some(DeviceOrder::InstalledAt),
        "created_at" => Some(DeviceOrder::CreatedAt),
        _ => None,
    });
    let ascending = parameters.one_of("sort_order", WAYS, |way| Some(way == "asc"));
    let order = order.unwrap_or(DeviceOrder::LastSeenAt);
    DeviceSort { order, descending: !ascending.unwrap_or(false) }
}

/// Reads one device.
pub(super) async fn read(call: Call) -> Result<Answer, ApiError> {
    let asked = asked(&call);
    let record = call.app.read_device(&call.caller, clients::target(&call), asked).await?;
    Answer::record(record.device.version, &device(&record, call.app.now()))
}

/// Changes the collection state, log shipping, or both.
pub(super) async fn update(call: Call) -> Result<Answer, ApiError> {
    let change = call.admitted(clients::target(&call), change(&call)).await?;
    let (target, asked, now) = (clients::target(&call), asked(&call), call.app.now());
    let show =
        move |record: &DeviceRecord| Answer::record(record.device.version, &device(record, now));
    let run = |once| call.app.change_device(&call.caller, target, asked, change, once);
    call.once(run, show).await
}

pub(super) fn asked(call: &Call) -> String {
    call.segment("device_id").to_owned()
}

/// What callers read can be sent back: identity must match, what agents tell is ignored.
pub(super) const KNOWN: &[&str] = &[
    "id",
    "name",
    "status",
    "serial_number",
    "unique_key",
    "os_name",
    "os_version",
    "last_seen_at",
    "installed_at",
    "agent_version",
    "hardware",
    "extensions",
    "collection_state",
    "effective_mode",
    "log_shipping_enabled",
    "created_at",
    "updated_at",
];

fn change(call: &Call) -> Result<DeviceChange, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", KNOWN);
    let patch = DevicePatch {
        collection_state: fields.set("collection_state"),
        log_shipping_enabled: fields.set("log_shipping_enabled"),
    };
    let echo = |name, same: fn(&DeviceRecord, &Value) -> bool| fields.sent_back(name, same);
    let echoes = [
        echo("id", |record, sent| same_id(sent, &record.device.id)),
        echo("unique_key", |record, sent| sent.as_str() == Some(record.device.unique_key.as_str())),
    ];
    let echoes = echoes.into_iter().flatten().collect();
    let (violations, precondition) = (fields.violations, call.precondition.clone());
    Ok(DeviceChange { patch, echoes, violations, precondition })
}

/// What the devices of a client come to.
#[derive(Serialize, ToSchema)]
#[schema(as = DeviceSummary)]
pub(super) struct SummaryView<'a> {
    /// Devices that are not deleted.
    total_devices: i64,
    agent_versions: VersionsView<'a>,
    deployment_errors: ErrorsView,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AgentVersions)]
struct VersionsView<'a> {
    distinct_count: usize,
    /// The most frequent first.
    versions: Vec<VersionView<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AgentVersion)]
struct VersionView<'a> {
    version: &'a str,
    /// Devices that have it.
    count: i64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DeploymentErrors)]
struct ErrorsView {
    total_errors: i64,
    /// Devices that have any.
    affected_devices: i64,
}

/// What the devices of a client come to.
pub(super) async fn summary(call: Call) -> Result<Answer, ApiError> {
    let summary = call.app.summarize_devices(&call.caller, clients::target(&call)).await?;
    Answer::list(&summary_view(&summary))
}

fn summary_view(summary: &DeviceSummary) -> SummaryView<'_> {
    let versions = summary.versions.iter();
    let versions = versions.map(|(version, count)| VersionView { version, count: *count });
    let versions: Vec<_> = versions.collect();
    SummaryView {
        total_devices: summary.devices,
        agent_versions: VersionsView { distinct_count: versions.len(), versions },
        deployment_errors: ErrorsView {
            total_errors: summary.errors,
            affected_devices: summary.with_errors,
        },
    }
}
