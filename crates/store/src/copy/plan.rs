//! Which tables a copy carries, in which order, and the statements for each.
//!
//! Nothing here names a table that is carried: what stands in both engines' catalogs is, and what
//! stands in one of them only is refused.

use super::catalog::{Catalog, Column, Reference};
use super::field::Kind;
use crate::error::DbError;
use std::collections::{BTreeMap, BTreeSet};

/// Tables that are not carried, and why. What a store derives from others goes here too, and is
/// made anew at the end of the copy.
const LEFT: &[(&str, &str)] = &[
    ("refinery_schema_history", "each engine has its own migrations, which have run already"),
    ("client_listings", "what a client is found by: follows from the client"),
    ("client_places", "places in SQLite's index of what clients are found by"),
    ("client_trigrams_pending", "what that index does not hold yet"),
];

/// How many values one statement takes at most, unless it is of one row.
const PARAMETERS: usize = 1_000;

/// Everything that is carried: parents before their children.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) tables: Vec<Table>,
}

/// A table and its statements. Their text lives as long as the process: engines keep what they have
/// prepared under it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    /// Those of the primary key first.
    pub(super) columns: Vec<(String, Kind)>,
    /// How many of them are the key.
    pub(super) keys: usize,
    pub(super) all: Rows,
    pub(super) insert: Insert,
    pub(super) any: &'static str,
    pub(super) count: &'static str,
    /// What refers to the table itself: written once all of its rows are there.
    pub(super) late: Option<Late>,
}

/// Adds rows; `late` columns are empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Insert {
    pub(super) one: &'static str,
    /// As many as `rows`: a statement for each would take longer than its work.
    pub(super) many: &'static str,
    pub(super) rows: usize,
}

/// Reads rows in the order of the key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    /// From the beginning: `$1` is how many.
    pub(super) first: &'static str,
    /// After a key; then how many.
    pub(super) next: &'static str,
}

#[derive(Debug)]
pub(super) struct Late {
    /// Places among the columns.
    pub(super) columns: Vec<usize>,
    /// The rows that have any of them.
    pub(super) rows: Rows,
    /// Sets them, then the key.
    pub(super) update: &'static str,
}

impl Plan {
    /// What can be carried between these two stores. A difference between their tables is refused:
    /// something would be left behind.
    pub(super) fn of(sqlite: &Catalog, postgres: &Catalog) -> Result<Self, DbError> {
        let (ours, theirs) = (by_table(sqlite), by_table(postgres));
        let mut wrong = Vec::new();
        let mut tables = BTreeMap::new();
        for name in ours.keys().chain(theirs.keys()).copied().collect::<BTreeSet<_>>() {
            match (ours.get(name), theirs.get(name)) {
                (Some(ours), Some(theirs)) => {
                    let columns = columns(name, ours, theirs, &mut wrong);
                    let keys = theirs.iter().filter(|column| column.key > 0).count();
                    tables.insert(name, (columns, keys));
                }
                (Some(_), None) => wrong.push(format!("the table {name} is on SQLite only")),
                _ => wrong.push(format!("the table {name} is on PostgreSQL only")),
            }
        }
        let references: Vec<_> = sqlite.references.iter().chain(&postgres.references).collect();
        let order = order(tables.keys().copied().collect(), &references, &mut wrong);
        if !wrong.is_empty() {
            let message = format!("the two stores' tables do not match: {}", wrong.join("; "));
            return Err(DbError::Refused(message));
        }
        let table = |name: &str| {
            let (columns, keys) = tables.remove(name)?;
            let own = references.iter().filter(|one| one.table == name && one.to == name);
            let own: BTreeSet<_> = own.map(|one| one.column.as_str()).collect();
            Some(Table::new(name, columns, keys, &own))
        };
        Ok(Self { tables: order.into_iter().filter_map(table).collect() })
    }
}

fn by_table(catalog: &Catalog) -> BTreeMap<&str, Vec<&Column>> {
    let mut tables: BTreeMap<&str, Vec<&Column>> = BTreeMap::new();
    for column in &catalog.columns {
        if !LEFT.iter().any(|(left, _)| *left == column.table) {
            tables.entry(&column.table).or_default().push(column);
        }
    }
    tables
}

/// The columns that both have, the key's first.
fn columns(
    table: &str,
    sqlite: &[&Column],
    postgres: &[&Column],
    wrong: &mut Vec<String>,
) -> Vec<(String, Kind)> {
    for column in sqlite {
        if !postgres.iter().any(|other| other.name == column.name) {
            wrong.push(format!("the column {table}.{} is on SQLite only", column.name));
        }
    }
    let mut sorted = postgres.to_vec();
    sorted.sort_by_key(|column| if column.key > 0 { column.key } else { i64::MAX });
    if sorted.first().is_none_or(|first| first.key == 0) {
        wrong.push(format!("the table {table} has no primary key on PostgreSQL"));
    }
    let mut columns = Vec::new();
    for column in sorted {
        let Column { name, ty, .. } = column;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if ![table, name].iter().all(|name| name.chars().all(plain)) {
            wrong.push(format!("{table}.{name} is not a name of small letters, digits and _"));
        }
        let other = sqlite.iter().find(|other| other.name == *name);
        match (Kind::of(ty), other) {
            (Some((kind, as_sqlite)), Some(other)) if other.ty == as_sqlite => {
                columns.push((name.clone(), kind));
            }
            (_, Some(other)) => wrong.push(format!(
                "the column {table}.{name} is {} on SQLite and {ty} on PostgreSQL",
                other.ty
            )),
            (_, None) => wrong.push(format!("the column {table}.{name} is on PostgreSQL only")),
        }
    }
    columns
}

/// Parents before children, and by name where it does not matter.
fn order<'t>(
    mut left: BTreeSet<&'t str>,
    references: &[&Reference],
    wrong: &mut Vec<String>,
) -> Vec<&'t str> {
    let mut order = Vec::new();
    while !left.is_empty() {
        let waits = |table: &str| {
            let mut parents = references.iter().filter(|one| one.table == table && one.to != table);
            parents.any(|one| left.contains(one.to.as_str()))
        };
        let Some(next) = left.iter().copied().find(|table| !waits(table)) else {
            let circle = left.iter().copied().collect::<Vec<_>>().join(", ");
            wrong.push(format!("the tables {circle} refer to each other in a circle"));
            return order;
        };
        left.remove(next);
        order.push(next);
    }
    order
}

impl Table {
    fn new(name: &str, columns: Vec<(String, Kind)>, keys: usize, own: &BTreeSet<&str>) -> Self {
        let names: Vec<_> = columns.iter().map(|(column, _)| format!("\"{column}\"")).collect();
        let is_late = |at: &usize| *at >= keys && own.contains(columns[*at].0.as_str());
        let late: Vec<_> = (0..columns.len()).filter(is_late).collect();
        let key = &names[..keys];
        let select = |condition: &str| Rows::new(name, &names.join(", "), key, condition);
        let at_once: Vec<_> = (0..columns.len()).filter(|at| !late.contains(at)).collect();
        let given: Vec<_> = at_once.iter().map(|at| names[*at].as_str()).collect();
        let set = |(at, column): (usize, &usize)| format!("{} = ${}", names[*column], at + 1);
        let with_key =
            |(at, column): (usize, &String)| format!("{column} = ${}", late.len() + at + 1);
        let late = (!late.is_empty()).then(|| Late {
            rows: select(
                &late
                    .iter()
                    .map(|at| format!("{} IS NOT NULL", names[*at]))
                    .collect::<Vec<_>>()
                    .join(" OR "),
            ),
            update: format!(
                "UPDATE \"{name}\" SET {} WHERE {}",
                late.iter().enumerate().map(set).collect::<Vec<_>>().join(", "),
                key.iter().enumerate().map(with_key).collect::<Vec<_>>().join(" AND "),
            )
            .leak(),
            columns: late.clone(),
        });
        Self {
            all: select(""),
            insert: Insert::new(name, &given),
            any: format!("SELECT 1 FROM \"{name}\" LIMIT 1").leak(),
            count: format!("SELECT count(*) FROM \"{name}\"").leak(),
            name: name.to_owned(),
            keys,
            late,
            columns,
        }
    }
}

impl Insert {
    fn new(table: &str, columns: &[&str]) -> Self {
        let rows = (PARAMETERS / columns.len().max(1)).clamp(1, 100);
        let insert = |rows: usize| -> &'static str {
            let row = |row| format!("({})", numbers(row * columns.len() + 1, columns.len()));
            let values = (0..rows).map(row).collect::<Vec<_>>().join(", ");
            format!("INSERT INTO \"{table}\" ({}) VALUES {values}", columns.join(", ")).leak()
        };
        Self { one: insert(1), many: insert(rows), rows }
    }
}

impl Rows {
    fn new(table: &str, columns: &str, key: &[String], condition: &str) -> Self {
        let conditions = |more: &str| match (condition, more) {
            ("", "") => String::new(),
            ("", more) => format!("WHERE {more}"),
            (condition, "") => format!("WHERE ({condition})"),
            (condition, more) => format!("WHERE ({condition}) AND {more}"),
        };
        let by = key.join(", ");
        let after = format!("({by}) > ({})", numbers(1, key.len()));
        let rows = |conditions: String, limit: usize| -> &'static str {
            format!("SELECT {columns} FROM \"{table}\" {conditions} ORDER BY {by} LIMIT ${limit}")
                .leak()
        };
        Self { first: rows(conditions(""), 1), next: rows(conditions(&after), key.len() + 1) }
    }
}

/// `$1, $2, $3`
fn numbers(first: usize, count: usize) -> String {
    (first..first + count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}
