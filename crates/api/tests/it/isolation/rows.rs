//! Every row of a tenant, as text.

use clientbook_testkit::TestDatabase;

/// Tables that are of no tenant: what the engines and the migrations keep, settings, and the index of
/// texts, whose places name no tenant.
const OF_NOBODY: [&str; 2] = ["refinery_schema_history", "settings"];
const TRIGRAMS: &str = "client_trigrams";

/// Reads all rows of one tenant.
pub(super) struct Rows(String);

impl Rows {
    pub(super) fn of(database: &TestDatabase, tenant: &str) -> Self {
        let postgres = database.url().starts_with("postgres");
        let columns = database.rows(if postgres {
            "SELECT table_name, column_name FROM information_schema.columns
                WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
        } else {
            "SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c
                WHERE m.type = 'table' ORDER BY m.name, c.cid"
        });
        let id = database.uuid(tenant.parse().expect("a UUID"));
        let mut parts = Vec::new();
        for table in columns.chunk_by(|one, other| one[0] == other[0]) {
            let name = &table[0][0];
            if OF_NOBODY.contains(&name.as_str()) || name.starts_with(TRIGRAMS) {
                continue;
            }
            let columns: Vec<_> = table.iter().map(|column| column[1].as_str()).collect();
            let key = if name == "tenants" { "id" } else { "tenant_id" };
            assert!(columns.contains(&key), "say whose the rows of {name} are");
            let row = if postgres {
                "t::text".to_owned()
            } else {
                let quoted = columns.iter().map(|column| format!("quote(t.{column})"));
                quoted.collect::<Vec<_>>().join(" || ',' || ")
            };
            parts.push(format!("SELECT '{name} ' || {row} FROM {name} t WHERE t.{key} = {id}"));
        }
        Self(parts.join(" UNION ALL "))
    }

    /// As they are now, in one order.
    pub(super) fn read(&self, database: &TestDatabase) -> Vec<String> {
        let mut rows: Vec<_> = database.rows(&self.0).into_iter().flatten().collect();
        rows.sort();
        rows
    }
}
