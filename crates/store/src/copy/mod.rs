//! Carries everything from a store of one engine into an empty one of the other.
//!
//! Rows go in the order of their keys, some hundred a transaction, and each transaction of the
//! target says how far it has come: a copy that was cut off goes on from there. What is carried
//! stands in `plan`.

mod catalog;
mod compare;
mod field;
mod mark;
mod page;
mod plan;

pub use compare::{Compared, Tally};

use crate::client_listings;
use crate::db::{Db, Held, Repeat};
use crate::error::DbError;
use crate::settings;
use crate::tx::Tx;
use catalog::Catalog;
use field::Field;
use mark::{Mark, Place};
use page::{Page, Pages};
use plan::{Plan, Rows, Table};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The setting that tells one store from every other: random, and there from the first start on.
const IDENTITY: &str = "cursor_key";

/// Whether a copy into this store has begun and has not been finished: it must not be served.
pub async fn is_unfinished(tx: &mut Tx) -> Result<bool, DbError> {
    Ok(settings::get(tx, mark::NAME).await?.is_some())
}

/// A copy under way. After an error it is to be begun again, and goes on from where it was.
pub struct Copy {
    source: Db,
    target: Db,
    /// What keeps other processes from writing to a source that is shared.
    held: Option<Held>,
    tables: Vec<Arc<Table>>,
    passes: Vec<Pass>,
    mark: Mark,
    is_resumed: bool,
    /// Passes that are done.
    done: usize,
    pages: Pages,
    /// The next page, read while the one before was written.
    ahead: Option<Page>,
}

/// A walk through a table.
#[derive(Clone)]
struct Pass {
    table: Arc<Table>,
    rows: Rows,
    is_late: bool,
}

impl Copy {
    /// Begins a copy, or goes on with one that was cut off. Nobody may write to `source` while this
    /// value lives: of SQLite it is open for writing here, on PostgreSQL its tables are locked.
    ///
    /// Refused, with the target as it was, unless the two are of different engines with the same
    /// tables, and the target is empty or an unfinished copy of this very source.
    pub async fn begin(source: Db, target: Db) -> Result<Self, DbError> {
        let plan = plan(&source, &target).await?;
        let tables: Vec<_> = plan.tables.into_iter().map(Arc::new).collect();
        let names = tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>();
        let held = source.hold(&names).await?;
        let (identity, counts) = look(&source, &tables).await?;
        let fresh = Mark { source: identity, counts, moved: 0, at: None };
        let begun = first(&source, &target, &tables, &fresh).await?;
        let (mark, is_resumed) = match begun {
            None => return Err(not_empty(&fresh, &source, &target).await),
            Some(mark) => {
                let is_resumed = mark.at.is_some();
                (mark, is_resumed)
            }
        };
        if mark.source != fresh.source {
            return Err(refused("the target holds an unfinished copy of another store"));
        }
        if mark.counts != fresh.counts {
            return Err(refused(
                "the source has changed since this copy was begun: empty the target and begin \
                 anew, with no server on the source",
            ));
        }
        let (passes, pages, ahead) = (passes(&tables), Pages::new(), None);
        let mut copy =
            Self { source, target, held, tables, passes, mark, is_resumed, done: 0, pages, ahead };
        copy.done = copy.passed()?;
        Ok(copy)
    }

    /// Whether some of it was there before.
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// How many rows are there.
    pub fn moved(&self) -> u64 {
        self.mark.moved.unsigned_abs()
    }

    /// How many rows there are to be.
    pub fn total(&self) -> u64 {
        self.mark.counts.values().sum::<i64>().unsigned_abs()
    }

    /// What is carried: tables, parents before their children, with their columns.
    pub fn carried(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.tables.iter().map(|table| {
            let columns = table.columns.iter().map(|(column, _)| column.as_str());
            (table.name.as_str(), columns.collect())
        })
    }

    /// Copies the next rows, at most some hundred; the table that they are of, or `None` if
    /// everything is there.
    pub async fn step(&mut self) -> Result<Option<String>, DbError> {
        while let Some(pass) = self.passes.get(self.done).cloned() {
            let page = if let Some(page) = self.ahead.take() {
                page
            } else {
                let after = self.reached(&pass)?;
                self.pages.read(&self.source, &pass.table, pass.rows, after).await?
            };
            let Some(last) = page.last.clone() else {
                self.next_pass();
                continue;
            };
            let more = page.more;
            let mark = self.mark_after(&pass, &page, &last);
            let writing = write(&self.target, &pass, page, self.mark.clone(), mark.clone());
            if more {
                let reading = self.pages.read(&self.source, &pass.table, pass.rows, Some(last));
                let (written, ahead) = tokio::join!(writing, reading);
                written?;
                self.ahead = Some(ahead?);
            } else {
                writing.await?;
                self.next_pass();
            }
            self.mark = mark;
            return Ok(Some(pass.table.name.clone()));
        }
        Ok(None)
    }

    /// Makes the target's lists and lets it be served. To be called once everything has been copied and
    /// compared.
    pub async fn finish(self) -> Result<(), DbError> {
        let (mark, to_remove) = (self.mark.clone(), self.mark);
        let begun = self.target.write(Repeat::Harmless, async move |tx: &mut Tx| {
            mark::lock(tx).await?;
            match mark::get(tx).await? {
                Some(found) if found == mark => client_listings::make_anew(tx).await,
                _ => Err(another()),
            }
        });
        begun.await?;
        while client_listings::fill(&self.target).await? {}
        let done = self.target.write(Repeat::Harmless, async move |tx: &mut Tx| {
            mark::lock(tx).await?;
            match mark::get(tx).await? {
                Some(found) if found == to_remove => mark::remove(tx).await,
                // Done before its answer got lost.
                None => Ok(()),
                Some(_) => Err(another()),
            }
        });
        done.await
    }

    fn next_pass(&mut self) {
        self.done += 1;
        self.pages = Pages::new();
    }

    /// How many passes are behind the mark.
    fn passed(&self) -> Result<usize, DbError> {
        let Some(at) = &self.mark.at else { return Ok(0) };
        let is_at = |pass: &Pass| pass.table.name == at.table && pass.is_late == at.late;
        let passed = self.passes.iter().position(is_at);
        passed.ok_or_else(|| DbError::internal(format!("a copy of the table {}", at.table)))
    }

    /// The last row of this pass that is there.
    fn reached(&self, pass: &Pass) -> Result<Option<Vec<Field>>, DbError> {
        let is_here = |at: &&Place| at.table == pass.table.name && at.late == pass.is_late;
        let Some(at) = self.mark.at.as_ref().filter(is_here) else { return Ok(None) };
        let kinds = pass.table.columns.iter().map(|(_, kind)| *kind);
        let key = std::iter::zip(&at.key, kinds).map(|(text, kind)| Field::from_key(text, kind));
        let key: Option<Vec<_>> = key.collect();
        let key = key.filter(|key| key.len() == pass.table.keys);
        key.map(Some).ok_or_else(|| DbError::internal("the copy's mark is damaged"))
    }

    fn mark_after(&self, pass: &Pass, page: &Page, last: &[Field]) -> Mark {
        let rows = if pass.is_late { 0 } else { i64::try_from(page.rows.len()).unwrap_or(0) };
        let key = last.iter().map(Field::to_key).collect();
        Mark {
            moved: self.mark.moved + rows,
            at: Some(Place { table: pass.table.name.clone(), late: pass.is_late, key }),
            ..self.mark.clone()
        }
    }
}

/// All rows, then what refers to its own table. The settings have gone before.
fn passes(tables: &[Arc<Table>]) -> Vec<Pass> {
    let pass = |table: &Arc<Table>, rows: Rows, is_late: bool| {
        let table = Arc::clone(table);
        Pass { table, rows, is_late }
    };
    let carried = tables.iter().filter(|table| table.name != "settings");
    let late = tables.iter().filter_map(|table| Some(pass(table, table.late.as_ref()?.rows, true)));
    carried.map(|table| pass(table, table.all, false)).chain(late).collect()
}

async fn plan(source: &Db, target: &Db) -> Result<Plan, DbError> {
    let read = async |tx: &mut Tx| catalog::read(tx).await;
    let of = async |db: &Db| -> Result<Catalog, DbError> { db.scan(read).await };
    match (source.is_postgres(), target.is_postgres()) {
        (false, true) => Plan::of(&of(source).await?, &of(target).await?),
        (true, false) => Plan::of(&of(target).await?, &of(source).await?),
        _ => Err(refused("both stores are of one engine")),
    }
}

/// Which store it is, and how many rows its tables have.
async fn look(
    source: &Db,
    tables: &[Arc<Table>],
) -> Result<(String, BTreeMap<String, i64>), DbError> {
    let tables = tables.to_vec();
    let looked = source.scan(async move |tx: &mut Tx| {
        if is_unfinished(tx).await? {
            return Err(refused("the source is itself an unfinished copy"));
        }
        let Some(identity) = identity(tx).await? else {
            return Err(refused("the source has never been served: there is nothing to copy"));
        };
        let mut counts = BTreeMap::new();
        for table in &tables {
            let count = tx.one(table.count, &[], |row| row.get::<i64>(0)).await?;
            counts.insert(table.name.clone(), count);
        }
        // Not carried: see `page::is_own`.
        let own = i64::from(!client_listings::are_made(tx).await?);
        counts.entry("settings".to_owned()).and_modify(|count| *count -= own);
        Ok((identity, counts))
    });
    looked.await
}

async fn identity(tx: &mut Tx) -> Result<Option<String>, DbError> {
    let key = settings::get(tx, IDENTITY).await?;
    Ok(key.map(|key| clientbook_model::id::hex(&Sha256::digest(key))))
}

/// Finds the mark of a copy, or makes it in an empty target, with the settings: a server that opens
/// the same target meanwhile writes the same setting first, so only one of them comes through.
/// `None`: the target is neither.
async fn first(
    source: &Db,
    target: &Db,
    tables: &[Arc<Table>],
    fresh: &Mark,
) -> Result<Option<Mark>, DbError> {
    let settings = tables.iter().find(|table| table.name == "settings");
    let settings = settings.ok_or_else(|| DbError::internal("a store without settings"))?;
    let page = Pages::new().read(source, settings, settings.all, None).await?;
    if page.more {
        return Err(DbError::internal("more settings than any version has"));
    }
    let moved = i64::try_from(page.rows.len()).unwrap_or(0);
    let (fresh, settings) = (Mark { moved, ..fresh.clone() }, Arc::clone(settings));
    let tables = tables.to_vec();
    let begun = target.write(Repeat::Harmless, async move |tx: &mut Tx| {
        mark::lock(tx).await?;
        if let Some(found) = mark::get(tx).await? {
            return Ok(Some(found));
        }
        for table in &tables {
            if tx.opt(table.any, &[], |_| Ok(())).await?.is_some() {
                return Ok(None);
            }
        }
        insert(tx, &settings, &page.rows).await?;
        mark::insert(tx, &fresh).await?;
        Ok(Some(fresh.clone()))
    });
    match begun.await {
        Err(DbError::Unique(_)) => Ok(None),
        begun => begun,
    }
}

async fn not_empty(fresh: &Mark, source: &Db, target: &Db) -> DbError {
    let found = async |tx: &mut Tx| identity(tx).await;
    match target.scan(found).await {
        Err(error) => error,
        Ok(found) if found.as_ref() == Some(&fresh.source) => refused(
            "the target holds this store already, as the end of a copy has left it or with changes \
             since then: nothing was done",
        ),
        Ok(_) => {
            let make = if source.is_postgres() { "a new file" } else { "a new database" };
            refused(&format!("the target is not empty: name {make}; nothing was done"))
        }
    }
}

async fn insert(tx: &mut Tx, table: &Table, rows: &[Vec<Field>]) -> Result<(), DbError> {
    let late = table.late.as_ref().map_or(&[][..], |late| &late.columns);
    for rows in rows.chunks(table.insert.rows) {
        let is_full = rows.len() == table.insert.rows;
        let (sql, each) =
            if is_full { (table.insert.many, rows.len()) } else { (table.insert.one, 1) };
        for rows in rows.chunks(each) {
            let at_once = rows
                .iter()
                .flat_map(|row| row.iter().enumerate().filter(|(at, _)| !late.contains(at)));
            let args: Vec<_> = at_once.map(|(_, field)| field.value()).collect();
            tx.send(&[], sql, &args).await?;
        }
    }
    Ok(())
}

/// Writes a page and the mark after it, in one transaction.
async fn write(target: &Db, pass: &Pass, page: Page, old: Mark, new: Mark) -> Result<(), DbError> {
    let (pass, name) = (pass.clone(), pass.table.name.clone());
    let written = target.write(Repeat::Harmless, async move |tx: &mut Tx| {
        mark::lock(tx).await?;
        match mark::get(tx).await? {
            Some(found) if found == old => {}
            // Done before its answer got lost.
            Some(found) if found == new => return Ok(()),
            _ => return Err(another()),
        }
        match pass.table.late.as_ref().filter(|_| pass.is_late) {
            None => insert(tx, &pass.table, &page.rows).await?,
            Some(late) => {
                for row in &page.rows {
                    let set = late.columns.iter().map(|at| &row[*at]);
                    let key = &row[..pass.table.keys];
                    let args: Vec<_> = set.chain(key).map(Field::value).collect();
                    tx.send(&[], late.update, &args).await?;
                }
            }
        }
        mark::update(tx, &new).await
    });
    written.await.map_err(|error| match error {
        DbError::Internal(_) | DbError::Unique(_) | DbError::ForeignKey => {
            DbError::Refused(format!("rows of {name} cannot be written to the target: {error}"))
        }
        error => error,
    })
}

fn another() -> DbError {
    refused("another copy into the same target is running, or somebody has changed how far it came")
}

fn refused(why: &str) -> DbError {
    DbError::Refused(why.to_owned())
}
