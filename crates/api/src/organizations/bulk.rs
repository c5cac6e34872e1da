//! `/v2/clients/bulk`

use super::clients::LowerCase;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::{ApiError, Problem};
use crate::shared::fields::{Fields, item, tags};
use crate::shared::schema;
use axum::http::StatusCode;
use clientbook_app::{App, AppError, BulkChange, BulkOutcome, Home, MAX_CLIENTS, Targets};
use clientbook_model::client::ClientPatch;
use clientbook_model::client_filter::ClientWishes;
use clientbook_model::id::ClientId;
use clientbook_model::patch::Parse as _;
use clientbook_model::violation::Violation;
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// What became of many clients.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkAnswer)]
pub(super) struct View {
    /// The clients that were asked for and are there.
    matched: usize,
    /// Those that are now as asked for. Absent after a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<schema::Id>>, nullable = false)]
    succeeded: Option<Vec<ClientId>>,
    /// The others. Absent after a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    failed: Option<Vec<Failed>>,
}

#[derive(Serialize, ToSchema)]
struct Failed {
    #[schema(value_type = schema::Id)]
    id: ClientId,
    /// Why.
    error: String,
}

/// Makes one change of many clients.
pub(super) async fn change(call: Call) -> Result<Answer, ApiError> {
    App::may_change_clients(&call.caller)?;
    let bulk = bulk(&call)?;
    let dry_run = bulk.dry_run;
    let show = move |outcome: &BulkOutcome| Answer::json(StatusCode::OK, &view(outcome, dry_run));
    call.once(|once| call.app.change_clients(&call.caller, bulk, once), show).await
}

fn view(outcome: &BulkOutcome, dry_run: bool) -> View {
    let failed = |(id, error): &(ClientId, AppError)| Failed {
        id: *id,
        error: Problem::from(error.clone()).message,
    };
    View {
        matched: outcome.matched,
        succeeded: (!dry_run).then(|| outcome.succeeded.clone()),
        failed: (!dry_run).then(|| outcome.failed.iter().map(failed).collect()),
    }
}

pub(super) const KNOWN: &[&str] = &["ids", "filter", "all", "patch", "dry_run"];
pub(super) const FILTER: &[&str] = &["tenant", "q", "status", "collection_mode"];
pub(super) const PATCH: &[&str] = &["name", "status", "collection_mode", "tags"];

fn bulk(call: &Call) -> Result<BulkChange, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", KNOWN);
    let all = fields.set("all").unwrap_or(false);
    let dry_run = fields.set("dry_run").unwrap_or(false);
    let patch = patch(&mut fields);
    let targets = targets(&mut fields, all);
    match targets {
        Some(targets) if fields.violations.is_empty() => Ok(BulkChange { targets, patch, dry_run }),
        _ => Err(AppError::Invalid(fields.violations).into()),
    }
}

fn targets(fields: &mut Fields<'_>, all: bool) -> Option<Targets> {
    let (ids, filter) = (fields.raw("ids"), fields.raw("filter"));
    match (ids, filter) {
        (Some(_), None) => {
            if all {
                let message = "must be left out where ids are given";
                fields.refuse("all", Violation::new("contradiction", message));
            }
            ids_of(fields).map(Targets::Ids)
        }
        (None, Some(_)) => filter_of(fields, all),
        (Some(_), Some(_)) => {
            let message = "must be left out where a filter is given";
            fields.refuse("ids", Violation::new("contradiction", message));
            None
        }
        (None, None) => {
            let message = "give either ids or a filter; an empty filter with all: true is everyone";
            fields.refuse("ids", Violation::new("required", message));
            None
        }
    }
}

fn ids_of(fields: &mut Fields<'_>) -> Option<Vec<ClientId>> {
    let mut seen = BTreeSet::new();
    let ids = fields.list("ids", MAX_CLIENTS, |item, at| {
        let id = ClientId::parse(item).and_then(|id| {
            let twice = || Violation::new("duplicate", "names a client for the second time");
            if seen.insert(id) { Ok(id) } else { Err(twice()) }
        });
        id.map_err(|broken| vec![broken.below(at)])
    })?;
    if ids.is_empty() {
        fields.refuse("ids", Violation::new("min_items", "must hold at least 1 id"));
    }
    Some(ids)
}

/// The list's filters. Who names none, and so means every client, must say so.
fn filter_of(fields: &mut Fields<'_>, all: bool) -> Option<Targets> {
    let read = item(fields.raw("filter")?, "/filter", FILTER);
    let mut filter = match read {
        Ok(filter) => filter,
        Err(broken) => {
            fields.note(broken);
            return None;
        }
    };
    let home = Home::Field { asked: filter.optional("tenant"), at: "/filter/tenant" };
    let wishes = ClientWishes {
        q: filter.set("q"),
        statuses: filter.set("status").map(|LowerCase(status)| vec![status]),
        collection_mode: filter.set("collection_mode"),
        ..ClientWishes::default()
    };
    let empty = FILTER.iter().skip(1).all(|name| filter.raw(name).is_none());
    fields.note(filter.violations);
    if empty && !all {
        let message = "must be true where the filter is empty: it then means every client";
        fields.refuse("all", Violation::new("required", message));
    } else if all && !empty {
        let message = "must be left out where the filter is not empty";
        fields.refuse("all", Violation::new("contradiction", message));
    }
    Some(Targets::Matching { home, wishes })
}

fn patch(fields: &mut Fields<'_>) -> ClientPatch {
    let mut wish = ClientPatch::default();
    let Some(value) = fields.raw("patch") else {
        fields.refuse("patch", Violation::new("required", "must be given"));
        return wish;
    };
    match item(value, "/patch", PATCH) {
        Ok(mut patch) => {
            wish.name = patch.set("name");
            wish.status.status = patch.set("status").map(|LowerCase(status)| status);
            wish.collection_mode = patch.set("collection_mode");
            wish.tags = tags(&mut patch);
            let empty = PATCH.iter().all(|name| patch.raw(name).is_none());
            fields.note(patch.violations);
            if empty {
                let message = format!("give at least one of: {}", PATCH.join(", "));
                fields.refuse("patch", Violation::new("required", message));
            }
        }
        Err(broken) => fields.note(broken),
    }
    wish
}
