//! Everything that both stores hold, compared.

use clientbook_testkit::{TestApp, TestDatabase};
use serde_json::Value;
use std::collections::BTreeMap;

/// How a value of each type of PostgreSQL's is written as SQLite has it: ids and bytes as hex
/// digits, times in milliseconds, finer ones with decimals.
fn as_sqlite(column: &str, kind: &str) -> String {
    match kind {
        "uuid" => format!("replace({column}::text, '-', '')"),
        "bytea" => format!("encode({column}, 'hex')"),
        "timestamp with time zone" => {
            format!("trim_scale(extract(epoch FROM {column})::numeric * 1000)::text")
        }
        "boolean" => format!("({column}::int)::text"),
        "text" | "bigint" | "jsonb" => format!("{column}::text"),
        other => panic!("{column} has the type {other}: say how it is compared"),
    }
}

type Tables = BTreeMap<String, Vec<(String, String)>>;

/// The columns of all tables, with their types.
fn tables(database: &TestDatabase, sql: &str) -> Tables {
    let mut tables = Tables::new();
    for row in database.rows(sql) {
        let [table, column, kind] = <[String; 3]>::try_from(row).expect("three columns");
        // What the migrations keep of themselves differs, as they do; and so does what each engine
        // searches in, whose agreement shows in the answers.
        let own = ["refinery_schema_history", "client_listings", "client_places"];
        if !own.contains(&table.as_str()) && !table.starts_with("client_trigrams") {
            tables.entry(table).or_default().push((column, kind));
        }
    }
    tables
}

/// The first thing in which the two stores differ.
pub(super) fn difference(sqlite: &TestApp, postgres: &TestApp) -> Option<String> {
    let (sqlite, postgres) = (sqlite.database(), postgres.database());
    let theirs = tables(
        postgres,
        "SELECT table_name, column_name, data_type FROM information_schema.columns
            WHERE table_schema = 'public' ORDER BY table_name, column_name",
    );
    let ours = tables(
        sqlite,
        "SELECT m.name, c.name, c.type FROM sqlite_schema m JOIN pragma_table_info(m.name) c
            WHERE m.type = 'table' ORDER BY m.name, c.name",
    );
    let names = |tables: &Tables| -> Vec<(String, Vec<String>)> {
        let columns =
            |columns: &Vec<(String, String)>| columns.iter().map(|c| c.0.clone()).collect();
        tables.iter().map(|(name, kinds)| (name.clone(), columns(kinds))).collect()
    };
    assert_eq!(names(&ours), names(&theirs), "the tables differ");
    theirs.iter().find_map(|(table, columns)| {
        let ours = rows(sqlite, table, columns, |column, _| {
            format!("CASE typeof({column}) WHEN 'blob' THEN lower(hex({column})) ELSE {column} END")
        });
        let theirs = rows(postgres, table, columns, as_sqlite);
        let only = |these: &[Vec<String>], those: &[Vec<String>]| {
            these.iter().find(|row| those.binary_search(row).is_err()).cloned()
        };
        if ours == theirs {
            return None;
        }
        let (one, other) = (only(&ours, &theirs), only(&theirs, &ours));
        let names: Vec<_> = columns.iter().map(|(name, _)| name).collect();
        Some(format!(
            "{table}: {} rows and {}\n{names:?}\nSQLite: {one:?}\nPostgreSQL: {other:?}",
            ours.len(),
            theirs.len()
        ))
    })
}

/// The rows of a table, sorted. NULL is not the empty text.
fn rows(
    database: &TestDatabase,
    table: &str,
    columns: &[(String, String)],
    write: impl Fn(&str, &str) -> String,
) -> Vec<Vec<String>> {
    let written = columns.iter().map(|(name, kind)| {
        format!("CASE WHEN {name} IS NULL THEN 'null' ELSE '=' || {} END", write(name, kind))
    });
    let list = written.collect::<Vec<_>>().join(", ");
    let mut rows = database.rows(&format!("SELECT {list} FROM {table}"));
    for (at, _) in columns.iter().enumerate().filter(|(_, (_, kind))| kind == "jsonb") {
        for row in &mut rows {
            if let Some(text) = row[at].strip_prefix('=') {
                // jsonb keeps the value, not the order of its keys.
                let value: Value = serde_json::from_str(text).expect("JSON");
                row[at] = format!("={value}");
            }
        }
    }
    rows.sort();
    rows
}
