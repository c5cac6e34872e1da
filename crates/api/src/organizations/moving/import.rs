//! `/v2/clients/import`
//!
//! The answer begins once the columns are known, and goes on while rows are read. Rows are read
//! whether or not the caller reads the answer meanwhile: many send everything first. What has failed
//! stands in the store until the caller takes it.

use crate::organizations::client_list::TENANT;
use crate::organizations::errors;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::{ApiError, Problem};
use crate::shared::incoming::Incoming;
use crate::shared::query::{Parameter, Query};
use crate::shared::schema;
use crate::shared::shape::Told;
use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use clientbook_app::{AppError, Home, Import, ImportMark, ImportReport, ImportTerms, RowError};
use clientbook_model::id::parse_uuid;
use clientbook_model::moving::{Format, Gather, MatchBy, SourceRow};
use clientbook_model::violation::Violation;
use futures_util::{Stream, stream};
use serde_json::{Value, json};
use std::io;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Rows of a transaction: a tenth of what fills one best, so that others' changes wait little.
const BATCH: usize = 100;

/// How often a caller hears that the import goes on.
const PROGRESS: Duration = Duration::from_secs(5);

pub(in crate::organizations) const IMPORT_PARAMETERS: &[Parameter] = &[
    TENANT,
    Parameter {
        name: "match",
        about: "Change the client that has the row's value of this column, if there is one. \
                Absent: every row makes a client",
        schema: || schema::choice(&MatchBy::ALL.map(MatchBy::as_str), None),
    },
    Parameter {
        name: "dry_run",
        about: "Say what would become of the rows, and write nothing",
        schema: schema::flag,
    },
    Parameter {
        name: "import_id",
        about: "A UUID of yours. The same request again goes on where it was interrupted, and does \
                no row twice; a body that does not begin with the rows that are in is refused",
        schema: schema::uuid,
    },
    Parameter {
        name: "resume",
        about: "Refuse unless the import of this import_id has begun before: what nobody goes on \
                with is forgotten after 30 days",
        schema: schema::flag,
    },
];

/// Makes and changes clients.
pub(in crate::organizations) async fn import(call: Call) -> Result<Answer, ApiError> {
    let missing = || ApiError::internal(&"an import without a body");
    let body = call.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut body = body.ok_or_else(missing)?;
    let request_id = call.caller.origin.request_id.clone();
    let begun = begin(call, &mut body).await;
    match begun {
        Ok((import, rows, stays)) => {
            let lines = Body::from_stream(run(import, rows, body, (stays, request_id)));
            Ok(Answer::stream("application/x-ndjson", "import.ndjson", lines))
        }
        Err(error) => Err(body.refuse(error).await),
    }
}

async fn begin(mut call: Call, body: &mut Incoming) -> Result<(Import, Rows, Stays), ApiError> {
    body.check_encoding()?;
    let format = match body.media_type().as_str() {
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some(Format::Ndjson),
        "text/csv" => Some(Format::Csv),
        _ => None,
    };
    let named = call.query.text("import_id").is_some();
    let terms = terms(&mut call)?;
    let stays = match (terms.dry_run, named) {
        (true, _) => Stays::Nothing,
        (false, false) => Stays::Rows,
        (false, true) => Stays::RowsToGoOnFrom,
    };
    let format =
        format.ok_or(ApiError::UnsupportedMediaType("application/x-ndjson or text/csv"))?;
    let import = call.app.import_clients(&call.caller, terms).await.map_err(about_parameters)?;
    let gather = Gather::new(format, import.mark().taken(), import.batch());
    let mut rows = Rows { gather, first: None };
    let until = Instant::now() + PROGRESS;
    while !rows.can_begin(until) {
        rows.feed(body).await?;
        rows.first = rows.gather.next_batch().map_err(AppError::from)?;
    }
    Ok((import, rows, stays))
}

/// What stays of an import that cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stays {
    /// It was a dry run.
    Nothing,
    Rows,
    /// The caller knows the import's id.
    RowsToGoOnFrom,
}

fn terms(call: &mut Call) -> Result<ImportTerms, ApiError> {
    let mut parameters: Query = std::mem::take(&mut call.query);
    let columns = MatchBy::ALL.map(MatchBy::as_str);
    let match_by = parameters.one_of("match", &columns, MatchBy::from_name);
    let id = match parameters.text("import_id").map(parse_uuid) {
        None => None,
        Some(Some(id)) => Some(id),
        Some(None) => {
            parameters.refuse("import_id", Violation::new("uuid", "must be a UUID"));
            None
        }
    };
    if parameters.flag("resume") && parameters.text("import_id").is_none() {
        let message = "takes the import_id to go on with";
        parameters.refuse("resume", Violation::new("needs_import_id", message));
    }
    let terms = ImportTerms {
        home: Home::Field { asked: parameters.text("tenant").map(str::to_owned), at: "/tenant" },
        id: id.unwrap_or_else(|| call.app.new_import_id()),
        match_by,
        dry_run: parameters.flag("dry_run"),
        resume: parameters.flag("resume"),
        batch: BATCH,
    };
    parameters.finish()?;
    Ok(terms)
}

/// What is wrong with the terms is wrong with a parameter.
fn about_parameters(error: AppError) -> ApiError {
    crate::shared::query::about_parameters(error)
}

/// The rows of a body.
struct Rows {
    gather: Gather,
    /// What was read with the header.
    first: Option<Vec<SourceRow>>,
}

impl Rows {
    /// Whether the answer can begin: the columns are known, and what was in before is in this body, too.
    /// To read much of it again takes long: after a while the caller hears on the way what is wrong.
    fn can_begin(&self, until: Instant) -> bool {
        let compared = self.gather.has_skipped() || Instant::now() > until;
        self.gather.has_ended() || (self.gather.has_header() && compared)
    }

    async fn feed(&mut self, body: &mut Incoming) -> Result<(), ApiError> {
        self.gather.feed(&body.next().await?.unwrap_or_default());
        Ok(())
    }

    async fn next(&mut self, body: &mut Incoming) -> Result<Option<Vec<SourceRow>>, ApiError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        loop {
            let batch = self.gather.next_batch().map_err(AppError::from)?;
            if batch.is_some() || self.gather.has_ended() {
                return Ok(batch);
            }
            self.feed(body).await?;
        }
    }
}

/// How far the import has come; its end, once there is one.
#[derive(Clone, Default)]
struct Heard {
    mark: ImportMark,
    end: Option<Value>,
}

/// Runs the import; the lines of its answer.
fn run(
    mut import: Import,
    mut rows: Rows,
    mut body: Incoming,
    (stays, request_id): (Stays, String),
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let (teller, hearer) = watch::channel(Heard::default());
    let report = import.report();
    let id = request_id.clone();
    tokio::spawn(async move {
        let done = take_all(&mut import, &mut rows, &mut body, &teller).await;
        let mark = import.mark().clone();
        let end = match done {
            Ok(()) => json!({ "summary": summary(&mark) }),
            Err(error) => told(error, (mark.read, stays), &id),
        };
        teller.send_replace(Heard { mark, end: Some(end) });
    });
    let lines = Lines { report, hearer, request_id, told: 0, ended: false };
    stream::try_unfold(lines, |mut lines| async move {
        Ok(lines.next().await?.map(|bytes| (bytes, lines)))
    })
}

/// Reads the next rows while those before them are written.
async fn take_all(
    import: &mut Import,
    rows: &mut Rows,
    body: &mut Incoming,
    teller: &watch::Sender<Heard>,
) -> Result<(), ApiError> {
    let mut next = rows.next(body).await?;
    while let Some(batch) = next {
        let (taken, read) = tokio::join!(import.take(batch), rows.next(body));
        taken?;
        teller.send_replace(Heard { mark: import.mark().clone(), end: None });
        next = read?;
    }
    Ok(import.finish().await?)
}

fn summary(mark: &ImportMark) -> Value {
    json!({
        "rows": mark.read,
        "created": mark.created,
        "updated": mark.updated,
        "unchanged": mark.unchanged,
        "failed": mark.failed,
        "waiting": mark.waiting(),
    })
}

/// Why the import could not go on, as this surface tells it elsewhere: but rows are in.
fn told(error: ApiError, (rows, stays): (i64, Stays), request_id: &str) -> Value {
    let is_other_content = matches!(&error, ApiError::App(AppError::Conflict(_)));
    let is_callers = is_other_content || matches!(&error, ApiError::App(AppError::Invalid(_)));
    match &error {
        // What the caller sent is told to the caller.
        ApiError::App(cause) if is_callers => {
            tracing::info!(%request_id, rows, ?cause, "an import ended early");
        }
        ApiError::App(cause) => {
            tracing::error!(%request_id, rows, ?cause, "an import could not go on");
        }
        _ => {}
    }
    let mut problem = Problem::from(error);
    if rows > 0 && stays != Stays::Nothing && !is_other_content {
        // Elsewhere these say that nothing was changed.
        let why = match problem.status {
            StatusCode::SERVICE_UNAVAILABLE => "The store is not available",
            StatusCode::INSUFFICIENT_STORAGE => "The server's disk is full",
            _ => &problem.message,
        };
        // The same body would end where this one has.
        let goes_on = stays == Stays::RowsToGoOnFrom && !is_callers;
        let then = if goes_on { ", and the same import_id goes on from there" } else { "" };
        problem.message = format!("{why}; rows up to this one are in{then}: {rows}");
    }
    let told = Told { problem: &problem, request_id, path: "" };
    serde_json::from_slice(&errors::shape(&told).body).unwrap_or_default()
}

/// The answer, line by line.
struct Lines {
    report: ImportReport,
    hearer: watch::Receiver<Heard>,
    request_id: String,
    /// How many rows that failed have been told.
    told: i64,
    ended: bool,
}

impl Lines {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let request_id = self.request_id.clone();
        let broken = |_| io::Error::other("the import broke off");
        while !self.ended {
            let heard = self.hearer.borrow_and_update().clone();
            if heard.mark.failed > self.told {
                let errors = self.report.errors(self.told).await.map_err(|error| {
                    tracing::error!(%request_id, ?error, "what an import has told cannot be read");
                    io::Error::other("the import broke off")
                })?;
                if errors.is_empty() {
                    tracing::error!(%request_id, "rows that failed are gone while they are told");
                    return Err(io::Error::other("the import broke off"));
                }
                self.told += i64::try_from(errors.len()).unwrap_or(i64::MAX);
                return Ok(Some(lines(errors.iter().map(RowError::json))));
            }
            if let Some(end) = heard.end {
                self.ended = true;
                return Ok(Some(lines([end.to_string()])));
            }
            match tokio::time::timeout(PROGRESS, self.hearer.changed()).await {
                Ok(changed) => changed.map_err(broken)?,
                Err(_elapsed) => {
                    let progress = json!({ "progress": { "rows": heard.mark.read } });
                    return Ok(Some(lines([progress.to_string()])));
                }
            }
        }
        Ok(None)
    }
}

fn lines(lines: impl IntoIterator<Item = String>) -> Bytes {
    lines.into_iter().map(|line| line + "\n").collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stops_an_import_is_told_with_what_is_in() {
        let told_of = |error: AppError, rows, stays| {
            told(error.into(), (rows, stays), "a-request")["error"].clone()
        };
        let away = |rows, stays| {
            let told = told_of(AppError::Unavailable("x".into()), rows, stays);
            told["message"].as_str().unwrap_or_default().to_owned()
        };
        let known = away(42, Stays::RowsToGoOnFrom);
        assert!(
            known.ends_with("are in, and the same import_id goes on from there: 42"),
            "{known}"
        );
        assert!(!known.contains("nothing was changed"), "{known}");
        assert!(away(42, Stays::Rows).ends_with("available; rows up to this one are in: 42"));
        // Elsewhere's words are true here.
        for (rows, stays) in [(42, Stays::Nothing), (0, Stays::RowsToGoOnFrom)] {
            assert!(away(rows, stays).ends_with("nothing was changed"), "{stays:?}");
        }
        let inside = told_of(AppError::Internal("x".into()), 42, Stays::Rows);
        assert_eq!(inside["details"]["request_id"], "a-request");
        let broken = || Violation::new("quotes", "are not closed").below("/row");
        let wrong = told_of(AppError::Invalid(vec![broken()]), 42, Stays::RowsToGoOnFrom);
        assert_eq!(wrong["message"], "row: are not closed; rows up to this one are in: 42");
        let other = told_of(AppError::Conflict(broken()), 42, Stays::RowsToGoOnFrom);
        assert_eq!(other["message"], "row: are not closed");
    }
}
