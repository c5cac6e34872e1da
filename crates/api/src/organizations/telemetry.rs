//! What was collected of a client's devices: `.../software`, `.../usage`, and the agents' own logs.

use super::{clients, devices, views};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::operation::Operation;
use crate::shared::query::{CURSOR, PageSize, Parameter, Query, about_parameters};
use crate::shared::schema;
use axum::http::Method;
use clientbook_app::{
    Bearer, GroupBy, Installed, ListQuery, LogLine, Refusals, Title, UsageOf, UsageQuery, UsageSum,
};
use clientbook_model::audit::Surface;
use clientbook_model::id::{DeviceId, DeviceUserId};
use clientbook_model::principal::Permission as P;
use clientbook_model::time::{Day, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

const PAGE: PageSize = PageSize { default: 50, max: 500 };
const GROUPS: &[&str] = &["app", "device", "user", "day"];

const PAGE_SIZE: Parameter =
    Parameter { name: "page_size", about: "Rows on a page", schema: || schema::page_size(PAGE) };

const LIST: &[Parameter] = &[PAGE_SIZE, CURSOR];

const SOFTWARE: &[Parameter] = &[
    Parameter {
        name: "q",
        about: "Only software with this in its name; case and accents do not count",
        schema: schema::words,
    },
    PAGE_SIZE,
    CURSOR,
];

const USAGE: &[Parameter] = &[
    Parameter {
        name: "from",
        about: "The first day, in UTC. Absent: 30 days are summed up",
        schema: schema::day,
    },
    Parameter { name: "to", about: "The last day, in UTC. Absent: today", schema: schema::day },
    Parameter {
        name: "group_by",
        about: "What there is one sum of: `app` is an application or a domain",
        schema: || schema::choice(GROUPS, Some("app")),
    },
    PAGE_SIZE,
    CURSOR,
];

pub(super) fn operations() -> Vec<Operation> {
    use super::docs::telemetry as docs;
    const ALL: &str = "/v2/clients/{client_id}/software";
    const ONE: &str = "/v2/clients/{client_id}/software/{software_id}/devices";
    const OF_DEVICE: &str = "/v2/clients/{client_id}/devices/{device_id}/software";
    const LOG: &str = "/v2/clients/{client_id}/devices/{device_id}/logs";
    const SUMS: &str = "/v2/clients/{client_id}/usage";
    const REFUSALS: &str = "/v2/clients/{client_id}/collection-control/refusals";
    let get = |path, handler: fn(Call) -> Answering, doc| {
        Operation::new(Surface::Organizations, Method::GET, path, P::TelemetryView, handler, doc)
    };
    let refusals: fn(Call) -> Answering = |call| Box::pin(refusals(call));
    vec![
        get(ALL, |call| Box::pin(software(call)), docs::software).query(SOFTWARE),
        get(ONE, |call| Box::pin(bearers(call)), docs::bearers).query(LIST),
        get(OF_DEVICE, |call| Box::pin(of_device(call)), docs::of_device).query(LIST),
        get(LOG, |call| Box::pin(log(call)), docs::log).query(LIST),
        get(SUMS, |call| Box::pin(sums(call)), docs::usage).query(USAGE),
        Operation::new(
            Surface::Organizations,
            Method::GET,
            REFUSALS,
            P::ClientsView,
            refusals,
            docs::refusals,
        )
        .query(LIST),
    ]
}

type Answering = futures_util::future::BoxFuture<'static, Result<Answer, ApiError>>;

fn list(parameters: &mut Query) -> ListQuery {
    ListQuery {
        page_size: parameters.size("page_size", PAGE),
        cursor: parameters.text("cursor").map(str::to_owned),
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct SoftwareView<'a> {
    #[schema(value_type = schema::Id)]
    id: Uuid,
    name: &'a str,
    version: &'a str,
    #[schema(required)]
    publisher: Option<&'a str>,
    /// On how many devices it is.
    device_count: i64,
}

/// What is installed somewhere at a client.
async fn software(mut call: Call) -> Result<Answer, ApiError> {
    let mut parameters = std::mem::take(&mut call.query);
    let (q, query) = (parameters.parse("q"), list(&mut parameters));
    parameters.finish()?;
    let listed = call.app.list_software(&call.caller, clients::target(&call), q, query).await;
    let page = listed.map_err(about_parameters)?;
    Answer::list(&views::list(&page, |title: &Title| SoftwareView {
        id: title.id,
        name: &title.name,
        version: &title.version,
        publisher: title.publisher.as_deref(),
        device_count: title.devices,
    }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct SoftwareDeviceView<'a> {
    #[schema(value_type = schema::Id)]
    device_id: DeviceId,
    /// The device's name.
    name: &'a str,
    /// Where the software came from, such as `dpkg`.
    #[schema(required)]
    source: Option<&'a str>,
    #[schema(value_type = Option<schema::Timestamp>, required)]
    installed_at: Option<Timestamp>,
}

/// The devices that a piece of software is on.
async fn bearers(mut call: Call) -> Result<Answer, ApiError> {
    let mut parameters = std::mem::take(&mut call.query);
    let query = list(&mut parameters);
    parameters.finish()?;
    let (target, id) = (clients::target(&call), call.segment("software_id").to_owned());
    let listed = call.app.list_software_devices(&call.caller, target, id, query).await;
    let page = listed.map_err(about_parameters)?;
    Answer::list(&views::list(&page, |bearer: &Bearer| SoftwareDeviceView {
        device_id: bearer.device_id,
        name: &bearer.name,
        source: source(&bearer.source),
        installed_at: bearer.installed_at,
    }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct InstalledSoftwareView<'a> {
    #[schema(value_type = schema::Id)]
    id: Uuid,
    name: &'a str,
    version: &'a str,
    #[schema(required)]
    publisher: Option<&'a str>,
    /// Where it came from, such as `dpkg`.
    #[schema(required)]
    source: Option<&'a str>,
    #[schema(value_type = Option<schema::Timestamp>, required)]
    installed_at: Option<Timestamp>,
}

/// What is installed on a device.
async fn of_device(mut call: Call) -> Result<Answer, ApiError> {
    let mut parameters = std::mem::take(&mut call.query);
    let query = list(&mut parameters);
    parameters.finish()?;
    let (target, device) = (clients::target(&call), devices::asked(&call));
    let listed = call.app.list_device_software(&call.caller, target, device, query).await;
    let page = listed.map_err(about_parameters)?;
    Answer::list(&views::list(&page, |one: &Installed| InstalledSoftwareView {
        id: one.title.id,
        name: &one.title.name,
        version: &one.title.version,
        publisher: one.title.publisher.as_deref(),
        source: source(&one.source),
        installed_at: one.installed_at,
    }))
}

fn source(source: &str) -> Option<&str> {
    (!source.is_empty()).then_some(source)
}

#[derive(Serialize, ToSchema)]
pub(super) struct UsageView<'a> {
    /// Of an application or a domain: which of the two.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<super::docs::agents::UsageKindName>, nullable = false)]
    kind: Option<&'static str>,
    /// The name of the application, the domain, the device or the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Id>, nullable = false)]
    device_id: Option<DeviceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Id>, nullable = false)]
    user_id: Option<DeviceUserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Day>, nullable = false)]
    day: Option<Day>,
    seconds: i64,
    /// Of domains.
    visits: i64,
}

/// Sums of what was used.
async fn sums(mut call: Call) -> Result<Answer, ApiError> {
    let mut parameters = std::mem::take(&mut call.query);
    let by = parameters.one_of("group_by", GROUPS, |name| match name {
        "device" => Some(GroupBy::Device),
        "user" => Some(GroupBy::User),
        "day" => Some(GroupBy::Day),
        _ => Some(GroupBy::App),
    });
    let query = UsageQuery {
        from: parameters.parse("from"),
        to: parameters.parse("to"),
        by: by.unwrap_or(GroupBy::App),
        list: list(&mut parameters),
    };
    parameters.finish()?;
    let summed = call.app.sum_usage(&call.caller, clients::target(&call), query).await;
    let page = summed.map_err(about_parameters)?;
    Answer::list(&views::list(&page, usage))
}

fn usage(sum: &UsageSum) -> UsageView<'_> {
    let mut view = UsageView {
        kind: None,
        name: None,
        device_id: None,
        user_id: None,
        day: None,
        seconds: sum.used.seconds,
        visits: sum.used.visits,
    };
    match &sum.of {
        UsageOf::App(kind, name) => {
            (view.kind, view.name) = (Some(kind.as_str()), Some(name.as_str()));
        }
        UsageOf::Device(id, name) => (view.device_id, view.name) = (Some(*id), Some(name.as_str())),
        UsageOf::User(id, name) => (view.user_id, view.name) = (Some(*id), Some(name.as_str())),
        UsageOf::Day(day) => view.day = Some(day.day()),
    }
    view
}

#[derive(Serialize, ToSchema)]
pub(super) struct AgentLogView<'a> {
    #[schema(value_type = schema::Timestamp)]
    at: Timestamp,
    #[schema(value_type = super::docs::agents::LogLevelName)]
    level: &'static str,
    message: &'a str,
}

/// The log of a device's agent.
async fn log(mut call: Call) -> Result<Answer, ApiError> {
    let mut parameters = std::mem::take(&mut call.query);
    let query = list(&mut parameters);
    parameters.finish()?;
    let (target, device) = (clients::target(&call), devices::asked(&call));
    let listed = call.app.list_agent_log(&call.caller, target, device, query).await;
    let page = listed.map_err(about_parameters)?;
    Answer::list(&views::list(&page, |line: &LogLine| AgentLogView {
        at: line.at,
        level: line.level.as_str(),
        message: &line.message,
    }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct RefusalView {
    #[schema(value_type = schema::Id)]
    device_id: DeviceId,
    /// What was sent.
    #[schema(value_type = super::docs::telemetry::PayloadName)]
    payload: &'static str,
    /// How often; the newest are counted within seconds.
    count: i64,
    #[schema(value_type = schema::Timestamp)]
    last_refused_at: Timestamp,
}

/// How often devices sent what may not be collected.
async fn refusals(mut call: Call) -> Result<Answer, ApiError> {
    let mut parameters = std::mem::take(&mut call.query);
    let query = list(&mut parameters);
    parameters.finish()?;
    let listed = call.app.list_refusals(&call.caller, clients::target(&call), query).await;
    let page = listed.map_err(about_parameters)?;
    Answer::list(&views::list(&page, |refused: &Refusals| RefusalView {
        device_id: refused.device_id,
        payload: refused.payload.as_str(),
        count: refused.count,
        last_refused_at: refused.last_at,
    }))
}
