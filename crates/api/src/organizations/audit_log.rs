//! `/v2/audit-log` and `/v2/clients/{client_id}/audit-log`

use super::client_list::TENANT;
use super::{audit_views, clients, views};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::query::{CURSOR, PageSize, Parameter, Query, about_parameters};
use crate::shared::schema;
use axum::body::Body;
use clientbook_app::{App, AuditExport, AuditQuery, Caller, Home, Whose};
use clientbook_model::audit::{Action, EntityType, Entry, Surface};
use clientbook_model::audit_filter::AuditWishes;
use clientbook_model::id::EntryId;
use clientbook_model::time::Timestamp;
use clientbook_model::violation::Violation;

const PAGE: PageSize = PageSize { default: 50, max: 200 };
const FORMATS: &[&str] = &["json", "ndjson", "csv"];

/// How the log is told.
#[derive(Clone, Copy, PartialEq)]
enum Format {
    Json,
    Ndjson,
    Csv,
}

macro_rules! parameters {
    ($($first:expr),*) => {
        &[
            $($first,)*
            Parameter {
                name: "entity_type",
                about: "Only changes of this kind of thing",
                schema: || schema::choice(&kinds(), None),
            },
            Parameter {
                name: "entity_id",
                about: "Only changes of the thing with this id",
                schema: schema::uuid,
            },
            Parameter {
                name: "actor_id",
                about: "Only changes by this actor: an API token's id, or the subject of a JWT",
                schema: schema::any_text,
            },
            Parameter {
                name: "action",
                about: "Only changes of this kind",
                schema: || schema::choice(&actions(), None),
            },
            Parameter {
                name: "surface",
                about: "Only changes through this door",
                schema: || schema::choice(&surfaces(), None),
            },
            Parameter {
                name: "field",
                about: "Only changes of this field; custom values are `custom.<key>`",
                schema: schema::any_text,
            },
            Parameter { name: "from", about: "Only changes at or after this", schema: schema::moment },
            Parameter { name: "to", about: "Only changes before this", schema: schema::moment },
            Parameter {
                name: "format",
                about: "`json` is a page; `ndjson` and `csv` are a file of everything that matches, \
                        without page_size and cursor",
                schema: || schema::choice(FORMATS, Some("json")),
            },
            Parameter {
                name: "page_size",
                about: "Rows on a page",
                schema: || schema::page_size(PAGE),
            },
            CURSOR,
        ]
    };
}

pub(super) const OF_CLIENT: &[Parameter] = parameters!();

pub(super) const OF_TENANT: &[Parameter] = parameters!(TENANT);

pub(super) fn kinds() -> Vec<&'static str> {
    EntityType::ALL.iter().map(|kind| kind.as_str()).collect()
}

pub(super) fn actions() -> Vec<&'static str> {
    Action::ALL.iter().map(|action| action.as_str()).collect()
}

pub(super) fn surfaces() -> Vec<&'static str> {
    Surface::ALL.iter().map(|surface| surface.as_str()).collect()
}

/// Entries of a tenant.
pub(super) async fn of_tenant(call: Call) -> Result<Answer, ApiError> {
    let asked = call.query.text("tenant").map(str::to_owned);
    tell(call, Whose::Tenant(Home::Field { asked, at: "/tenant" })).await
}

/// Entries of a client.
pub(super) async fn of_client(call: Call) -> Result<Answer, ApiError> {
    let target = clients::target(&call);
    tell(call, Whose::Client(target)).await
}

async fn tell(mut call: Call, whose: Whose) -> Result<Answer, ApiError> {
    let mut parameters = std::mem::take(&mut call.query);
    let format = parameters.one_of("format", FORMATS, |name| match name {
        "ndjson" => Some(Format::Ndjson),
        "csv" => Some(Format::Csv),
        _ => Some(Format::Json),
    });
    let format = format.unwrap_or(Format::Json);
    let wishes = wishes(&mut parameters);
    let page_size = parameters.size("page_size", PAGE);
    let cursor = parameters.text("cursor").map(str::to_owned);
    if format != Format::Json {
        for name in ["page_size", "cursor"] {
            if parameters.text(name).is_some() {
                let message = "is for pages: a file holds everything that matches";
                parameters.refuse(name, Violation::new("not_here", message));
            }
        }
    }
    parameters.finish()?;
    if format == Format::Json {
        let query = AuditQuery { whose, wishes, page_size, cursor };
        let page = call.app.list_audit(&call.caller, query).await.map_err(about_parameters)?;
        return Answer::list(&views::list(&page, audit_views::audit_entry));
    }
    file(call.app, call.caller, AuditExport::new(whose, wishes), format).await
}

fn wishes(parameters: &mut Query) -> AuditWishes {
    AuditWishes {
        entity_type: parameters.one_of("entity_type", &kinds(), EntityType::from_name),
        entity_id: parameters.parse::<EntryId>("entity_id").map(|id| id.0),
        actor_id: parameters.parse("actor_id"),
        action: parameters.one_of("action", &actions(), Action::from_name),
        surface: parameters.one_of("surface", &surfaces(), Surface::from_name),
        field: parameters.parse("field"),
        from: parameters.parse::<Timestamp>("from"),
        to: parameters.parse::<Timestamp>("to"),
    }
}

/// A file that is read from the store as its reader takes it: one page in memory, and between two
/// pages no transaction. The first page comes before the answer, so that a refusal is one.
async fn file(
    app: App,
    caller: Caller,
    export: AuditExport,
    format: Format,
) -> Result<Answer, ApiError> {
    let first = app.export_audit(&caller, export).await.map_err(about_parameters)?;
    let head = written(&first.0, format, true)?;
    let rest = futures_util::stream::try_unfold(first.1, move |rest| {
        let (app, caller) = (app.clone(), caller.clone());
        async move {
            let Some(export) = rest else { return Ok(None) };
            let (entries, rest) = app.export_audit(&caller, export).await.map_err(broken_off)?;
            let part = written(&entries, format, false).map_err(broken_off)?;
            Ok::<_, std::io::Error>(Some((part, rest)))
        }
    });
    let head = futures_util::stream::once(async move { Ok(head) });
    let body = Body::from_stream(futures_util::StreamExt::chain(head, rest));
    Ok(match format {
        Format::Csv => Answer::stream("text/csv; charset=utf-8", "audit-log.csv", body),
        _ => Answer::stream("application/x-ndjson", "audit-log.ndjson", body),
    })
}

fn broken_off(error: impl std::fmt::Debug) -> std::io::Error {
    tracing::warn!(?error, "a file of the audit trail was broken off");
    std::io::Error::other("broken off")
}

fn written(entries: &[Entry], format: Format, first: bool) -> Result<Vec<u8>, ApiError> {
    if format == Format::Csv {
        return audit_views::rows(entries, first);
    }
    let lines = entries.iter().map(audit_views::line).collect::<Result<Vec<_>, _>>()?;
    Ok(lines.concat())
}
