//! What a copy carries: every table and column that both engines have, and it begins with nothing
//! less.

use clientbook_store::copy::{Compared, Copy};
use clientbook_store::{Access, Db, DbError, Repeat, Tx, settings};
use clientbook_testkit::{Engine, TestDatabase};
use std::collections::{BTreeMap, BTreeSet};

type Columns = BTreeMap<String, BTreeSet<String>>;

/// An empty store of each engine; the first has been served once.
async fn stores() -> Option<(TestDatabase, TestDatabase)> {
    let stores = (TestDatabase::sqlite(), TestDatabase::on(Engine::postgres()?));
    let key = async |tx: &mut Tx| settings::insert_if_absent(tx, "cursor_key", &[7; 32]).await;
    let db = Db::open(stores.0.url(), Access::Write).expect("a store");
    db.write(Repeat::Harmless, key).await.expect("a key");
    drop(Db::open(stores.1.url(), Access::Write).expect("a store"));
    Some(stores)
}

async fn begin(sqlite: &TestDatabase, postgres: &TestDatabase) -> Result<Copy, DbError> {
    let open = |database: &TestDatabase| Db::open(database.url(), Access::Write).expect("a store");
    Copy::begin(open(sqlite), open(postgres)).await
}

fn columns(rows: &[Vec<String>]) -> Columns {
    let mut columns = Columns::new();
    for row in rows {
        columns.entry(row[0].clone()).or_default().insert(row[1].clone());
    }
    columns
}

/// Not carried: each engine's own migrations.
const MIGRATIONS: &str = "refinery_schema_history";

/// Tables that follow from others: the first start on a copy makes them.
const DERIVED: [&str; 3] = ["client_listings", "client_places", "client_trigrams_pending"];

#[tokio::test]
async fn every_table_and_column_of_both_engines_is_carried() {
    let Some((sqlite, postgres)) = stores().await else { return };
    let copy = begin(&sqlite, &postgres).await.expect("tables that match");
    let carried: Columns = copy
        .carried()
        .map(|(table, columns)| (table.into(), columns.into_iter().map(Into::into).collect()))
        .collect();
    let ours = "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
        WHERE t.type = 'table' AND t.sql NOT LIKE 'CREATE VIRTUAL TABLE%'
            AND t.name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')";
    let theirs = "SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'public'";
    for (engine, rows) in [("SQLite", sqlite.rows(ours)), ("PostgreSQL", postgres.rows(theirs))] {
        let mut there = columns(&rows);
        assert!(there.remove(MIGRATIONS).is_some(), "{engine}: {there:?}");
        there.retain(|table, _| !DERIVED.contains(&table.as_str()));
        assert_eq!(carried, there, "{engine}");
    }
}

#[tokio::test]
async fn what_only_one_engine_has_is_refused() {
    let Some((sqlite, postgres)) = stores().await else { return };
    let both = Some("CREATE TABLE b (id bigint PRIMARY KEY)");
    for (ours, theirs, told) in [
        (Some("CREATE TABLE a (id INTEGER PRIMARY KEY)"), None, "the table a is on SQLite only"),
        (None, both, "the table b is on PostgreSQL only"),
        (Some("ALTER TABLE clients ADD COLUMN more TEXT"), None, "clients.more is on SQLite only"),
        (None, Some("ALTER TABLE clients ADD COLUMN more text"), "clients.more is on PostgreSQL"),
        (
            Some("ALTER TABLE clients ADD COLUMN more TEXT"),
            Some("ALTER TABLE clients ADD COLUMN more timestamptz"),
            "clients.more is TEXT on SQLite and timestamp with time zone on PostgreSQL",
        ),
        (
            Some("ALTER TABLE clients ADD COLUMN more INTEGER"),
            Some("ALTER TABLE clients ADD COLUMN more integer"),
            "clients.more is INTEGER on SQLite and integer on PostgreSQL",
        ),
        (
            Some("CREATE TABLE c (id INTEGER PRIMARY KEY)"),
            Some("CREATE TABLE c (id bigint)"),
            "the table c has no primary key on PostgreSQL",
        ),
        (
            Some(
                "CREATE TABLE d (id INTEGER PRIMARY KEY); CREATE TABLE e (id INTEGER PRIMARY KEY)",
            ),
            Some(
                "CREATE TABLE d (id bigint PRIMARY KEY);
                CREATE TABLE e (id bigint PRIMARY KEY REFERENCES d (id));
                ALTER TABLE d ADD FOREIGN KEY (id) REFERENCES e (id)",
            ),
            "the tables d, e refer to each other in a circle",
        ),
    ] {
        let (sqlite, postgres) = (sqlite.copy(), postgres.copy());
        if let Some(sql) = ours {
            sqlite.execute(sql);
        }
        if let Some(sql) = theirs {
            postgres.execute(sql);
        }
        let refused = begin(&sqlite, &postgres).await.map(|_| ());
        let Err(DbError::Refused(why)) = &refused else { panic!("{told}: {refused:?}") };
        assert!(
            why.starts_with("the two stores' tables do not match: ") && why.contains(told),
            "{why}"
        );
    }
}

/// A search index and its pages are not carried: it is made of what is.
#[tokio::test]
async fn a_new_table_is_carried_without_a_line_of_code() {
    let Some((sqlite, postgres)) = stores().await else { return };
    sqlite.execute(
        "CREATE TABLE a_child (
            tenant_id BLOB NOT NULL, at INTEGER NOT NULL, parent INTEGER, flag INTEGER, json TEXT,
            bytes BLOB, doubled INTEGER GENERATED ALWAYS AS (at * 2) VIRTUAL,
            PRIMARY KEY (tenant_id, at),
            FOREIGN KEY (tenant_id, parent) REFERENCES a_child (tenant_id, at),
            FOREIGN KEY (tenant_id) REFERENCES z_parent (id)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE z_parent (id BLOB PRIMARY KEY, name TEXT NOT NULL) STRICT;
        CREATE VIRTUAL TABLE z_search USING fts5 (name, content = 'z_parent');
        INSERT INTO z_parent VALUES (x'00000000000000000000000000000001', 'One');
        INSERT INTO a_child VALUES
            (x'00000000000000000000000000000001', -5, 1790000000000, 1, '{\"a\": 1.50}', x'00ff'),
            (x'00000000000000000000000000000001', 1790000000000, NULL, 0, NULL, NULL)",
    );
    postgres.execute(
        "CREATE TABLE z_parent (id uuid PRIMARY KEY, name text COLLATE \"C\" NOT NULL);
        CREATE TABLE a_child (
            tenant_id uuid NOT NULL REFERENCES z_parent (id), at timestamptz NOT NULL,
            parent timestamptz, flag boolean, json jsonb, bytes bytea,
            PRIMARY KEY (tenant_id, at),
            FOREIGN KEY (tenant_id, parent) REFERENCES a_child (tenant_id, at)
        )",
    );
    let mut copy = begin(&sqlite, &postgres).await.expect("tables that match");
    while copy.step().await.expect("rows").is_some() {}
    let compared = copy.compare(|_| {}).await.expect("a comparison");
    assert!(compared.iter().all(Compared::is_same), "{compared:?}");
    copy.finish().await.expect("an end");
    let text = "SELECT tenant_id, extract(epoch FROM at) * 1000, extract(epoch FROM parent) * 1000,
        flag, json, bytes FROM a_child ORDER BY at";
    let tenant = "00000000-0000-0000-0000-000000000001";
    let rows: [[&str; 6]; 2] = [
        [tenant, "-5.000000", "1790000000000.000000", "t", "{\"a\": 1.50}", "\\x00ff"],
        [tenant, "1790000000000.000000", "", "f", "", ""],
    ];
    assert_eq!(postgres.rows(text), rows);
}

#[tokio::test]
async fn another_programs_database_is_left_alone() {
    let Some(engine) = Engine::postgres() else { return };
    let foreign = TestDatabase::on(engine);
    foreign.execute("CREATE TABLE theirs (id bigint)");
    let refused = Db::open(foreign.url(), Access::Write).map(|_| ());
    let Err(DbError::Refused(why)) = &refused else { panic!("{refused:?}") };
    assert!(why.contains("the database is another program's: it has the table theirs"), "{why}");
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'";
    assert_eq!(foreign.rows(tables), [["theirs"]]);
}
