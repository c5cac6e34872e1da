//! Make and change clients from the rows of a file.
//!
//! Rows come in batches, each of them one transaction: what a row does, its entries in the audit
//! trail, the rows that failed and how far the import has come. So whatever ends an import, the same
//! import goes on from its last batch and does no row twice. A row is checked before anything of it is
//! written: one that fails leaves nothing. A digest of what stood in the rows is kept with how far it
//! has come: it goes on with the same file only.
//!
//! A row whose parent is not there yet is kept until all rows have been read. Then they are gone
//! through, in turn from either end, until none finds its parent any more.

mod batch;
mod change;
mod known;
mod make;

use crate::App;
use crate::caller::Caller;
use crate::env::Env;
use crate::error::{AppError, Forbidden};
use crate::load::{self, Home};
use batch::{Outcome, Pass, Stop};
use clientbook_model::id::TenantId;
use clientbook_model::moving::{Batcher, MatchBy, SourceRow};
use clientbook_model::principal::Permission;
use clientbook_model::tenant::Tenant;
use clientbook_model::violation::Violation;
use clientbook_store::imports::{self, ImportMark};
use clientbook_store::{DbError, Repeat, Tx};
use serde_json::Value;
use std::sync::Arc;
use uuid::Uuid;

/// How often rows are gone through that wait for their parents: how many levels of parents may stand
/// in the wrong order, about.
const ROUNDS: usize = 64;

/// Rows that are told at a time, at most.
const ERRORS: usize = 500;

/// Rows of which the violations are read at a time.
const ERRORS_READ: i64 = 50;

/// Bytes of violations after which no more are told at a time.
const ERROR_BYTES: usize = 1 << 20;

/// How often a batch is tried while others take what its rows want.
const TRIES: usize = 5;

/// A row that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// Its place in the file, from 1.
    pub row: i64,
    /// The rules that it breaks: a list of violations, as JSON.
    pub fields: Value,
}

impl RowError {
    /// One JSON object: the row, what is wrong as a sentence, and the rules.
    pub fn json(&self) -> String {
        let (row, message, fields) = (self.row, Value::from(self.sentence()), &self.fields);
        format!(r#"{{"row":{row},"message":{message},"fields":{fields}}}"#)
    }

    /// The rules as one sentence.
    pub fn sentence(&self) -> String {
        let told = |field: &Value| {
            let message = field["message"].as_str().unwrap_or_default();
            match field["path"].as_str().unwrap_or_default().trim_start_matches('/') {
                "" => message.to_owned(),
                name => format!("{name}: {message}"),
            }
        };
        let fields = self.fields.as_array().into_iter().flatten();
        fields.map(told).collect::<Vec<_>>().join("; ")
    }
}

/// What to import.
#[derive(Debug, Clone)]
pub struct ImportTerms {
    /// Into which tenant.
    pub home: Home,
    /// By which name the same import goes on.
    pub id: Uuid,
    /// How a row finds the client that it changes; `None` makes a client of each.
    pub match_by: Option<MatchBy>,
    /// Only say what would become of the rows.
    pub dry_run: bool,
    /// Refuse unless it has begun already: rows of one that was forgotten would be done twice.
    pub resume: bool,
    /// Rows of a batch, at most. A large one holds up other writers for longer.
    pub batch: usize,
}

/// An import that has begun.
pub struct Import {
    job: Arc<Job>,
    batch: usize,
    app: App,
    mark: ImportMark,
}

/// What the batches of an import share.
pub(super) struct Job {
    env: Env,
    caller: Caller,
    tenant: Tenant,
    id: Uuid,
    match_by: Option<MatchBy>,
    dry_run: bool,
}

impl Job {
    fn tenant_id(&self) -> TenantId {
        self.tenant.id
    }

    fn holds(&self, permission: Permission) -> bool {
        self.caller.principal.permissions.has(permission)
    }
}

impl App {
    /// Begins an import, or goes on with the one that has this id. Needs `clients.create`, and where
    /// rows may change clients also `clients.update`. Not for those who are restricted within the
    /// tenant: they would learn of other clients by what is taken.
    pub async fn import_clients(
        &self,
        caller: &Caller,
        terms: ImportTerms,
    ) -> Result<Import, AppError> {
        let (env, by, asked) = (self.0.env.clone(), caller.clone(), terms.clone());
        let begun = self.0.db.write(Repeat::Harmless, async move |tx: &mut Tx| {
            let now = env.now();
            load::still_works(tx, &by, now).await?;
            let tenant = load::home(tx, &by, &asked.home, Permission::ClientsCreate).await?;
            if by.principal.is_restricted() {
                return Err(AppError::Forbidden(Forbidden::OutsideRestriction));
            }
            let update = Permission::ClientsUpdate;
            if asked.match_by.is_some() && !by.principal.permissions.has(update) {
                return Err(AppError::Forbidden(Forbidden::Lacks(update)));
            }
            let by_what = asked.match_by.map_or("none", MatchBy::as_str);
            let terms = format!("match={by_what} dry_run={}", asked.dry_run);
            if asked.resume && imports::get(tx, tenant.id, asked.id).await?.is_none() {
                let message = "no import has this id, or it was forgotten: some of its rows may be \
                               in. Begin anew with another id, best with match; clientbook import \
                               does so once FILE.import.json is removed";
                let violation = Violation::new("no_such_import", message).below("/import_id");
                return Err(AppError::Conflict(violation));
            }
            imports::begin(tx, tenant.id, asked.id, &terms, now).await?;
            let mark = imports::get_for_update(tx, tenant.id, asked.id).await?.ok_or_else(gone)?;
            if mark.terms != terms {
                let message = "another import has this id: choose another, or repeat that one as it \
                               was";
                let violation = Violation::new("other_import", message).below("/import_id");
                return Err(AppError::Conflict(violation));
            }
            Ok((tenant, mark))
        });
        let (tenant, mark) = begun.await?;
        let ImportTerms { id, match_by, dry_run, batch, .. } = terms;
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let job = Arc::new(Job { env, caller, tenant, id, match_by, dry_run });
        Ok(Import { job, batch, app: self.clone(), mark })
    }

    /// A new id for an import that brought none.
    pub fn new_import_id(&self) -> Uuid {
        self.0.env.random_uuid()
    }
}

fn gone() -> AppError {
    AppError::Internal("an import is gone while it runs".into())
}

impl Import {
    /// How far it has come.
    pub fn mark(&self) -> &ImportMark {
        &self.mark
    }

    /// Rows of a batch, at most.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Takes the next rows in: those that follow `mark().taken()`, as a `Batcher` gathers them.
    pub async fn take(&mut self, rows: Vec<SourceRow>) -> Result<(), AppError> {
        self.mark = self.write(Arc::new(rows), Pass::First).await?;
        Ok(())
    }

    /// Ends it, once every row was taken in: rows that wait for their parents are gone through.
    pub async fn finish(&mut self) -> Result<(), AppError> {
        if self.mark.finished {
            return Ok(());
        }
        if !self.job.dry_run {
            for round in 0..ROUNDS {
                let before = self.waiting().await?;
                if before == 0 {
                    break;
                }
                self.round(round % 2 == 1, Pass::Waited { last: false }).await?;
                if self.waiting().await? == before {
                    break;
                }
            }
            self.round(true, Pass::Waited { last: true }).await?;
        }
        let job = Arc::clone(&self.job);
        let finish = self.app.0.db.write(Repeat::Harmless, async move |tx: &mut Tx| {
            let mut mark = batch::locked(tx, &job).await?;
            mark.finished = true;
            imports::set(tx, job.tenant_id(), job.id, &mark, job.env.now()).await?;
            Ok::<_, AppError>(mark)
        });
        self.mark = finish.await?;
        Ok(())
    }

    /// Goes once through the rows that wait.
    async fn round(&mut self, forwards: bool, pass: Pass) -> Result<(), AppError> {
        let mut from = if forwards { 0 } else { i64::MAX };
        let limit = i64::try_from(self.batch).unwrap_or(i64::MAX);
        loop {
            let job = Arc::clone(&self.job);
            let page = self.app.0.db.scan(async move |tx: &mut Tx| {
                imports::waiting(tx, job.tenant_id(), job.id, from, forwards, limit).await
            });
            let page: Vec<(i64, String)> = page.await.map_err(AppError::from)?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            from = *last;
            let mut batcher = Batcher::new(self.batch);
            for (number, text) in &page {
                let row = SourceRow::waited(*number, text);
                let row = row.ok_or_else(|| AppError::Internal("a kept row is damaged".into()))?;
                if let Some(rows) = batcher.push(row) {
                    self.mark = self.write(Arc::new(rows), pass).await?;
                }
            }
            if let Some(rows) = batcher.end() {
                self.mark = self.write(Arc::new(rows), pass).await?;
            }
        }
    }

    async fn waiting(&self) -> Result<i64, AppError> {
        let job = Arc::clone(&self.job);
        let count = self.app.0.db.scan(async move |tx: &mut Tx| {
            imports::count_waiting(tx, job.tenant_id(), job.id).await
        });
        count.await.map_err(AppError::from)
    }

    /// A handle to what it has told.
    pub fn report(&self) -> ImportReport {
        ImportReport { job: Arc::clone(&self.job), app: self.app.clone() }
    }

    async fn write(&self, rows: Arc<Vec<SourceRow>>, pass: Pass) -> Result<ImportMark, AppError> {
        if let Some(mark) = self.try_some_times(&rows, pass).await? {
            return Ok(mark);
        }
        // One of them cannot be written, whatever the reason: the others go on without it.
        let mut mark = self.mark.clone();
        for row in rows.iter() {
            let one = Arc::new(vec![row.clone()]);
            mark = if let Some(mark) = self.try_some_times(&one, pass).await? {
                mark
            } else {
                let message = "what must be unique is taken by somebody else";
                let taken = vec![Violation::new("unique", message)];
                self.note(&one, vec![(row.number, Outcome::Failed(taken))], pass).await?
            };
        }
        Ok(mark)
    }

    /// How far it came; `None` if each time something was taken.
    async fn try_some_times(
        &self,
        rows: &Arc<Vec<SourceRow>>,
        pass: Pass,
    ) -> Result<Option<ImportMark>, AppError> {
        for _ in 0..TRIES {
            match self.attempt(rows, pass).await {
                Ok(mark) => return Ok(Some(mark)),
                Err(Stop::DryRun(outcomes)) => {
                    return self.note(rows, outcomes, pass).await.map(Some);
                }
                // Somebody else was quicker; the next look finds it taken.
                Err(Stop::Taken) => {}
                Err(Stop::Refused(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn attempt(&self, rows: &Arc<Vec<SourceRow>>, pass: Pass) -> Result<ImportMark, Stop> {
        let (job, rows) = (Arc::clone(&self.job), Arc::clone(rows));
        // Done twice is done once: the mark tells that the rows are in.
        let write = self.app.0.db.write_many(Repeat::Harmless, async move |tx: &mut Tx| {
            batch::run(tx, &job, &rows, pass).await
        });
        write.await
    }

    /// What was found of rows without writing them, in a transaction that stands.
    async fn note(
        &self,
        rows: &Arc<Vec<SourceRow>>,
        outcomes: Vec<(i64, Outcome)>,
        pass: Pass,
    ) -> Result<ImportMark, AppError> {
        let (job, rows) = (Arc::clone(&self.job), Arc::clone(rows));
        let write = self.app.0.db.write(Repeat::Harmless, async move |tx: &mut Tx| {
            let mark = batch::locked(tx, &job).await?;
            if batch::is_done(tx, &job, &mark, &rows, pass).await? {
                return Ok(mark);
            }
            batch::note(tx, &job, mark, &rows, &outcomes, pass).await
        });
        write.await
    }
}

/// What an import has told; goes on being told while it runs.
#[derive(Clone)]
pub struct ImportReport {
    job: Arc<Job>,
    app: App,
}

impl ImportReport {
    /// Rows that failed, in the order in which that was found, after the first `after` of them. Some
    /// hundreds, and about 1 MiB, at most; none where no more have failed so far.
    pub async fn errors(&self, after: i64) -> Result<Vec<RowError>, AppError> {
        let job = Arc::clone(&self.job);
        let page = self.app.0.db.scan(async move |tx: &mut Tx| {
            let (mut page, mut bytes, mut next) = (Vec::new(), 0, after);
            while page.len() < ERRORS && bytes < ERROR_BYTES {
                let (tenant, id) = (job.tenant_id(), job.id);
                let more = imports::errors(tx, tenant, id, next, ERRORS_READ).await?;
                let Some((last, ..)) = more.last() else {
                    break;
                };
                next = *last;
                bytes += more.iter().map(|(_, _, text)| text.len()).sum::<usize>();
                page.extend(more.into_iter().map(|(_, row, text)| (row, text)));
            }
            Ok::<_, DbError>(page)
        });
        let page: Vec<(i64, String)> = page.await.map_err(AppError::from)?;
        let damaged = |_| AppError::Internal("what an import has told is damaged".into());
        let told = |(row, text): (i64, String)| {
            serde_json::from_str(&text).map(|fields| RowError { row, fields }).map_err(damaged)
        };
        page.into_iter().map(told).collect()
    }
}
