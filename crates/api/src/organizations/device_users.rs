//! `/v2/clients/{client_id}/users` and `/v2/clients/{client_id}/devices/{device_id}/users`

use super::device_views::{sighting, user};
use super::devices::WAYS;
use super::{clients, devices, views};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::{Fields, item, same_id};
use crate::shared::query::{CURSOR, PageSize, Parameter, about_parameters};
use crate::shared::schema;
use clientbook_app::{
    SightingOrder, SightingQuery, UserChange, UserOrder, UserQuery, UserRecord, UserSort,
    UserSummary,
};
use clientbook_model::device_user::{DeviceUserPatch, MAX_DEPARTMENTS};
use clientbook_model::id::DepartmentId;
use clientbook_model::number::Int;
use clientbook_model::patch::Parse as _;
use clientbook_model::violation::Violation;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use utoipa::ToSchema;

const PAGE: PageSize = PageSize { default: 100, max: 500 };
const ORDERS: &[&str] = &["username", "last_activity", "created_at"];
const DEVICE_ORDERS: &[&str] = &["username", "enrolled_at", "last_seen_at"];

/// How many seconds without activity make a user stale: up to ten years.
type Threshold = Int<1, 315_360_000>;

/// Two days.
const STALE_AFTER: i64 = 172_800;

const Q: Parameter = Parameter {
    name: "q",
    about: "Only users with this in their login name; case and accents do not count",
    schema: schema::words,
};

const WAY: Parameter = Parameter {
    name: "sort_order",
    about: "Which way",
    schema: || schema::choice(WAYS, Some("asc")),
};

const PAGE_SIZE: Parameter =
    Parameter { name: "page_size", about: "Rows on a page", schema: || schema::page_size(PAGE) };

pub(super) const PARAMETERS: &[Parameter] = &[
    Q,
    Parameter {
        name: "department_id",
        about: "Only users in this department",
        schema: schema::uuid,
    },
    Parameter {
        name: "sort_by",
        about: "What comes first; names without case and accents. A user who is active moves by \
                `last_activity`: to see each once, take another order",
        schema: || schema::choice(ORDERS, Some("username")),
    },
    WAY,
    PAGE_SIZE,
    CURSOR,
];

pub(super) const DEVICE_PARAMETERS: &[Parameter] = &[
    Q,
    Parameter {
        name: "sort_by",
        about: "What comes first; names without case and accents",
        schema: || schema::choice(DEVICE_ORDERS, Some("username")),
    },
    WAY,
    PAGE_SIZE,
    CURSOR,
];

pub(super) const SUMMARY_PARAMETERS: &[Parameter] = &[Parameter {
    name: "stale_threshold",
    about: "Seconds without activity after which a user is stale",
    schema: || schema::number_or::<Threshold>(STALE_AFTER),
}];

/// A page of users.
pub(super) async fn list(mut call: Call) -> Result<Answer, ApiError> {
    let target = clients::target(&call);
    let mut parameters = std::mem::take(&mut call.query);
    let order = parameters.one_of("sort_by", ORDERS, |name| match name {
        "last_activity" => Some(UserOrder::LastActivity),
        "created_at" => Some(UserOrder::CreatedAt),
        _ => Some(UserOrder::Username),
    });
    let descending = parameters.one_of("sort_order", WAYS, |way| Some(way == "desc"));
    let query = UserQuery {
        q: parameters.parse("q"),
        department_id: parameters.parse::<DepartmentId>("department_id"),
        sort: UserSort {
            order: order.unwrap_or(UserOrder::Username),
            descending: descending.unwrap_or(false),
        },
        page_size: parameters.size("page_size", PAGE),
        cursor: parameters.text("cursor").map(str::to_owned),
    };
    parameters.finish()?;
    let page = call.app.list_users(&call.caller, target, query).await;
    Answer::list(&views::list(&page.map_err(about_parameters)?, user))
}

/// A page of the users of one device.
pub(super) async fn list_of_device(mut call: Call) -> Result<Answer, ApiError> {
    let (target, asked) = (clients::target(&call), devices::asked(&call));
    let mut parameters = std::mem::take(&mut call.query);
    let order = parameters.one_of("sort_by", DEVICE_ORDERS, |name| match name {
        "enrolled_at" => Some(SightingOrder::EnrolledAt),
        "last_seen_at" => Some(SightingOrder::LastSeenAt),
        _ => Some(SightingOrder::Username),
    });
    let descending = parameters.one_of("sort_order", WAYS, |way| Some(way == "desc"));
    let query = SightingQuery {
        q: parameters.parse("q"),
        sort: UserSort {
            order: order.unwrap_or(SightingOrder::Username),
            descending: descending.unwrap_or(false),
        },
        page_size: parameters.size("page_size", PAGE),
        cursor: parameters.text("cursor").map(str::to_owned),
    };
    parameters.finish()?;
    let page = call.app.list_users_of_device(&call.caller, target, asked, query).await;
    Answer::list(&views::list(&page.map_err(about_parameters)?, sighting))
}

/// Reads one user.
pub(super) async fn read(call: Call) -> Result<Answer, ApiError> {
    let asked = asked(&call);
    let record = call.app.read_user(&call.caller, clients::target(&call), asked).await?;
    Answer::record(record.user.version, &user(&record))
}

/// Changes the status, the departments, or both.
pub(super) async fn update(call: Call) -> Result<Answer, ApiError> {
    let change = call.admitted(clients::target(&call), change(&call)).await?;
    let (target, asked) = (clients::target(&call), asked(&call));
    let show = |record: &UserRecord| Answer::record(record.user.version, &user(record));
    let run = |once| call.app.change_user(&call.caller, target, asked, change, once);
    call.once(run, show).await
}

/// Erases what was collected of a user; again, if you like.
pub(super) async fn erase_telemetry(call: Call) -> Result<Answer, ApiError> {
    let asked = asked(&call);
    call.app.erase_user_telemetry(&call.caller, clients::target(&call), asked).await?;
    Ok(Answer::no_content())
}

fn asked(call: &Call) -> String {
    call.segment("user_id").to_owned()
}

/// What callers read can be sent back: identity must match, what agents tell is ignored.
pub(super) const KNOWN: &[&str] = &[
    "id",
    "username",
    "user_key",
    "status",
    "last_activity",
    "departments",
    "created_at",
    "updated_at",
];

/// What a department may say of itself there; only its id counts.
pub(super) const MEMBERSHIP: &[&str] = &["id", "name", "description"];

fn change(call: &Call) -> Result<UserChange, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", KNOWN);
    let status = fields.set("status");
    let departments = departments(&mut fields);
    let wished = departments.as_ref();
    let wished: Option<BTreeSet<_>> =
        wished.map(|departments| departments.iter().map(|(id, _)| *id).collect());
    let patch = DeviceUserPatch { status, departments: wished };
    let echo = |name, same: fn(&UserRecord, &Value) -> bool| fields.sent_back(name, same);
    let echoes = [
        echo("id", |record, sent| same_id(sent, &record.user.id)),
        echo("user_key", |record, sent| sent.as_str() == Some(record.user.user_key.as_str())),
    ];
    Ok(UserChange {
        patch,
        departments: departments.unwrap_or_default(),
        echoes: echoes.into_iter().flatten().collect(),
        violations: fields.violations,
        precondition: call.precondition.clone(),
    })
}

/// The whole set of departments, each as it is read or by its id alone.
fn departments(fields: &mut Fields<'_>) -> Option<Vec<(DepartmentId, String)>> {
    if fields.raw("departments").is_some_and(Value::is_null) {
        fields.refuse("departments", Violation::not_a("an array"));
        return None;
    }
    let mut seen = BTreeSet::new();
    fields.list("departments", MAX_DEPARTMENTS, |value, at| {
        let id = match value {
            Value::String(_) => {
                DepartmentId::parse(value).map_err(|broken| vec![broken.below(at)])?
            }
            value => {
                let mut fields = item(value, at, MEMBERSHIP)?;
                let id = fields.required("id");
                id.filter(|_| fields.violations.is_empty()).ok_or(fields.violations)?
            }
        };
        if seen.insert(id) {
            return Ok((id, at.to_owned()));
        }
        let twice = Violation::new("duplicate", "names a department for the second time");
        Err(vec![twice.below(at)])
    })
}

/// What the users of a client come to.
#[derive(Serialize, ToSchema)]
#[schema(as = UserSummary)]
pub(super) struct SummaryView {
    /// Users of the status `active` who were active within the threshold.
    active_users: i64,
    /// Those who were not.
    stale_users: i64,
    /// Seconds.
    stale_threshold: i64,
}

/// What the users of a client come to.
pub(super) async fn summary(mut call: Call) -> Result<Answer, ApiError> {
    let target = clients::target(&call);
    let mut parameters = std::mem::take(&mut call.query);
    let threshold = parameters.number::<1, 315_360_000>("stale_threshold");
    parameters.finish()?;
    let stale_threshold = threshold.map_or(STALE_AFTER, Threshold::get);
    let summary = call.app.summarize_users(&call.caller, target, stale_threshold).await?;
    let UserSummary { active: active_users, stale: stale_users } = summary;
    Answer::list(&SummaryView { active_users, stale_users, stale_threshold })
}
