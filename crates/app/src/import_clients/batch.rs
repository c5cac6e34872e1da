//! One batch: all of it in one transaction.

use super::known::Known;
use super::{Job, gone};
use crate::error::AppError;
use crate::load;
use crate::recorder::Recorder;
use crate::values::ValueRules;
use clientbook_model::client::{Client, Refusal};
use clientbook_model::field::Fields;
use clientbook_model::id::ClientNumber;
use clientbook_model::moving::{
    ImportRow, MAX_NUMBER, MAX_VIOLATIONS, ParentRef, SourceRow, other_content,
};
use clientbook_model::number::Reference;
use clientbook_model::patch::Patch;
use clientbook_model::tenant::Tenant;
use clientbook_model::time::Timestamp;
use clientbook_model::violation::Violation;
use clientbook_store::imports::{self, ImportMark};
use clientbook_store::{DbError, Tx, clients, fields, tenants};
use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

/// Whether rows are taken in for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    First,
    /// They have waited for their parents; in the last round those that find none fail.
    Waited {
        last: bool,
    },
}

/// What became of a row.
#[derive(Debug)]
pub(super) enum Outcome {
    Created,
    Updated,
    Unchanged,
    Failed(Vec<Violation>),
    /// Its parent is not there yet.
    Waits,
}

/// Why a batch is not in.
pub(super) enum Stop {
    Refused(AppError),
    /// Somebody else took what must be unique meanwhile.
    Taken,
    /// A dry run does everything and then rolls back.
    DryRun(Vec<(i64, Outcome)>),
}

impl From<AppError> for Stop {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Conflict(_) => Self::Taken,
            error => Self::Refused(error),
        }
    }
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unique(_) => Self::Taken,
            error => Self::Refused(error.into()),
        }
    }
}

/// A batch that is being written.
pub(super) struct Batch<'j> {
    pub(super) job: &'j Job,
    tenant: Tenant,
    /// The definitions of the tenant's fields.
    pub(super) fields: Option<Arc<Fields>>,
    pub(super) now: Timestamp,
    pub(super) known: Known,
    pub(super) last: bool,
    operation_id: Uuid,
    next_number: i64,
    /// Numbers that rows of the batch bring.
    brought: HashSet<i64>,
}

/// How far the import has come, kept from other runs of it.
pub(super) async fn locked(tx: &mut Tx, job: &Job) -> Result<ImportMark, AppError> {
    imports::get_for_update(tx, job.tenant_id(), job.id).await?.ok_or_else(gone)
}

/// Whether the rows are in already: an answer to a `COMMIT` can get lost. Another run of the same import
/// may have another file.
pub(super) fn is_in(mark: &ImportMark, rows: &[SourceRow]) -> Result<bool, AppError> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Ok(true);
    };
    let (is_in, digest) = if mark.read + 1 == first.number {
        (false, first.seen.map(|seen| seen.before))
    } else if mark.read == last.number {
        (true, last.seen.map(|seen| seen.with))
    } else if mark.read > last.number {
        (true, None)
    } else {
        return Err(AppError::Unavailable("the same import is running elsewhere".into()));
    };
    match (mark.digest, digest) {
        (Some(before), Some(now)) if before != now => Err(AppError::Conflict(other_content())),
        _ => Ok(is_in),
    }
}

/// Whether nothing is left to do for rows: they are in, or the first one waits no longer.
pub(super) async fn is_done(
    tx: &mut Tx,
    job: &Job,
    mark: &ImportMark,
    rows: &[SourceRow],
    pass: Pass,
) -> Result<bool, AppError> {
    match rows.first() {
        Some(first) if pass != Pass::First => {
            Ok(!imports::is_waiting(tx, job.tenant_id(), job.id, first.number).await?)
        }
        _ => is_in(mark, rows),
    }
}

pub(super) async fn run(
    tx: &mut Tx,
    job: &Job,
    rows: &[SourceRow],
    pass: Pass,
) -> Result<ImportMark, Stop> {
    let now = job.env.now();
    load::still_works(tx, &job.caller, now).await?;
    let mark = locked(tx, job).await?;
    if pass == Pass::First && is_in(&mark, rows).map_err(Stop::Refused)? {
        return Ok(mark);
    }
    // In the order of every writer: definitions, clients, the tenant. Then numbers and names are
    // this batch's until it ends.
    fields::share(tx, job.tenant_id()).await?;
    if job.match_by.is_some() {
        Known::of(tx, job, rows).await?;
    }
    tenants::lock(tx, job.tenant_id()).await?;
    let tenant = tenants::get(tx, job.tenant_id()).await?.ok_or_else(gone)?;
    let fields = clients::fields_of(tx, &tenant).await?;
    let brought = rows.iter().filter_map(|row| row.read.as_ref().ok()?.number);
    let mut batch = Batch {
        job,
        tenant,
        fields,
        now,
        known: Known::of(tx, job, rows).await?,
        last: pass == Pass::Waited { last: true },
        operation_id: job.env.uuid(now),
        next_number: tenants::next_number(tx, job.tenant_id()).await?,
        brought: brought.map(ClientNumber::get).collect(),
    };
    let before = batch.next_number;
    let mut outcomes = Vec::with_capacity(rows.len());
    for row in rows {
        let gone = pass != Pass::First
            && !imports::is_waiting(tx, job.tenant_id(), job.id, row.number).await?;
        if !gone {
            outcomes.push((row.number, batch.row(tx, row).await?));
        }
    }
    if batch.next_number > before {
        let newest = ClientNumber::new(batch.next_number - 1).ok_or_else(gone)?;
        tenants::reserve_client_number(tx, job.tenant_id(), newest).await?;
    }
    if job.dry_run {
        return Err(Stop::DryRun(outcomes));
    }
    Ok(note(tx, job, mark, rows, &outcomes, pass).await?)
}

/// Writes down what became of the rows.
pub(super) async fn note(
    tx: &mut Tx,
    job: &Job,
    mut mark: ImportMark,
    rows: &[SourceRow],
    outcomes: &[(i64, Outcome)],
    pass: Pass,
) -> Result<ImportMark, AppError> {
    let (tenant, id) = (job.tenant_id(), job.id);
    for (number, outcome) in outcomes {
        match outcome {
            Outcome::Created => mark.created += 1,
            Outcome::Updated => mark.updated += 1,
            Outcome::Unchanged => mark.unchanged += 1,
            Outcome::Failed(violations) => {
                mark.failed += 1;
                let text = serde_json::to_string(violations);
                let text = text.map_err(|error| AppError::Internal(error.to_string()))?;
                imports::add_error(tx, tenant, id, (mark.failed, *number), &text).await?;
            }
            Outcome::Waits if pass == Pass::First && !job.dry_run => {
                let row = rows.iter().find(|row| row.number == *number);
                let text = row.and_then(|row| row.text.as_deref()).unwrap_or_default();
                imports::add_waiting(tx, tenant, id, *number, text).await?;
            }
            Outcome::Waits => continue,
        }
        if pass != Pass::First {
            imports::remove_waiting(tx, tenant, id, *number).await?;
        }
    }
    if let (Pass::First, Some(last)) = (pass, rows.last()) {
        // What is not known of the rows before stays unknown: an erasure may have seen to that.
        if mark.read == 0 || mark.digest.is_some() {
            mark.digest = last.seen.map(|seen| seen.with);
        }
        mark.read = last.number;
        // A longer file than the one that ended: its rows may have to wait, too.
        mark.finished = false;
    }
    imports::set(tx, tenant, id, &mark, job.env.now()).await?;
    Ok(mark)
}

impl Batch<'_> {
    pub(super) fn recorder(&self, now: Timestamp) -> Recorder<'_> {
        Recorder {
            env: &self.job.env,
            caller: &self.job.caller,
            tenant_id: self.job.tenant_id(),
            operation_id: self.operation_id,
            now,
        }
    }

    /// What the tenant's definitions say of custom values.
    pub(super) fn rules(&self) -> ValueRules<'_> {
        ValueRules { tenant: &self.tenant, fields: self.fields.as_deref() }
    }

    /// A value that another client has and that must be unique.
    pub(super) async fn taken_value(
        &self,
        tx: &mut Tx,
        old: &Client,
        next: &Client,
        row: &ImportRow,
    ) -> Result<Option<Violation>, AppError> {
        match self.rules().check_unique(tx, old, next, &row.custom).await {
            Ok(()) => Ok(None),
            Err(AppError::Conflict(taken)) => Ok(Some(taken)),
            Err(error) => Err(error),
        }
    }

    async fn row(&mut self, tx: &mut Tx, row: &SourceRow) -> Result<Outcome, Stop> {
        let row = match &row.read {
            Ok(row) => row,
            Err(violations) => return Ok(Outcome::Failed(violations.clone())),
        };
        let mut outcome = match self.known.found(self.job.match_by, row) {
            Some(id) => self.change(tx, row, id).await?,
            None => self.make(tx, row).await?,
        };
        if let Outcome::Failed(violations) = &mut outcome {
            violations.truncate(MAX_VIOLATIONS);
        }
        Ok(outcome)
    }

    /// The row's parent, as a patch; `None` where it is not there yet.
    pub(super) fn parent(&self, row: &ImportRow) -> Option<Patch<Reference>> {
        let number = match row.parent {
            Patch::Absent => return Some(Patch::Absent),
            Patch::Clear => return Some(Patch::Clear),
            Patch::Set(ParentRef::Number(number)) => {
                self.known.numbers.get(&number).map(|(_, number)| *number)
            }
            Patch::Set(ParentRef::Id(id)) => {
                self.known.ids.get(&id).copied().flatten().map(|(_, number)| number)
            }
        };
        number.and_then(|number| Reference::new(number.get()).ok()).map(Patch::Set)
    }

    /// The number of a new client: the row's own, or the tenant's next one; `None` if those are spent.
    pub(super) fn number(&mut self, own: Option<ClientNumber>) -> Option<ClientNumber> {
        let number = if let Some(own) = own {
            own.get()
        } else {
            while self.brought.contains(&self.next_number) {
                self.next_number += 1;
            }
            self.next_number
        };
        let number = ClientNumber::new(number).filter(|number| number.get() <= MAX_NUMBER)?;
        self.next_number = self.next_number.max(number.get() + 1);
        Some(number)
    }
}

/// What the model refuses, as a row's error.
pub(super) fn refused(refusal: Refusal) -> Vec<Violation> {
    match refusal {
        Refusal::Invalid(violations) => violations,
        Refusal::Transition(refused) => {
            vec![Violation::new("transition", refused.to_string()).below("/collection_mode")]
        }
    }
}

/// A column that takes a permission which the caller lacks.
pub(super) fn lacks(field: &str, permission: clientbook_model::principal::Permission) -> Violation {
    let message = format!("takes the permission {}", permission.as_str());
    Violation::new("permission", message).below(&clientbook_model::violation::step(field))
}
