//! What tables a store has, as its engine tells.

use crate::error::DbError;
use crate::tx::{Engine, Tx};

/// A column of a table.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) table: String,
    pub(super) name: String,
    /// As the engine writes it: `BLOB`, `uuid`.
    pub(super) ty: String,
    /// Its place in the primary key, from 1; 0 outside it.
    pub(super) key: i64,
}

/// A column of a foreign key.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) table: String,
    /// The table that it refers to.
    pub(super) to: String,
    pub(super) column: String,
}

/// The tables of one store.
#[derive(Debug, Clone)]
pub(super) struct Catalog {
    pub(super) columns: Vec<Column>,
    pub(super) references: Vec<Reference>,
}

// A virtual table has no rows of its own: it is an index, and its shadow tables are its pages.
const SQLITE_COLUMNS: &str = "SELECT t.name, c.name, c.type, c.pk
    FROM pragma_table_list t, pragma_table_xinfo(t.name) c
    WHERE t.schema = 'main' AND t.type = 'table' AND substr(t.name, 1, 7) <> 'sqlite_'
        AND c.hidden = 0
    ORDER BY t.name, c.cid";

const SQLITE_REFERENCES: &str = "SELECT t.name, f.\"table\", f.\"from\"
    FROM pragma_table_list t, pragma_foreign_key_list(t.name) f
    WHERE t.schema = 'main' AND t.type = 'table'
    ORDER BY t.name, f.id, f.seq";

const POSTGRES_COLUMNS: &str = "SELECT c.relname::text, a.attname::text,
        format_type(a.atttypid, NULL),
        coalesce((SELECT k.place FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k (attnum, place)
            WHERE i.indrelid = c.oid AND i.indisprimary AND k.attnum = a.attnum), 0)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = current_schema()::text::regnamespace
        AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
            AND d.objid = c.oid AND d.deptype = 'e')
        AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    ORDER BY c.relname, a.attnum";

const POSTGRES_REFERENCES: &str = "SELECT t.relname::text, r.relname::text, a.attname::text
    FROM pg_constraint k
        JOIN pg_class t ON t.oid = k.conrelid
        JOIN pg_class r ON r.oid = k.confrelid
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (k.conkey)
    WHERE k.contype = 'f' AND t.relnamespace = current_schema()::text::regnamespace
    ORDER BY t.relname, k.conname, a.attnum";

/// Reads the catalog of the store that `tx` is of.
pub(super) async fn read(tx: &mut Tx) -> Result<Catalog, DbError> {
    let (columns, references) = match tx.engine {
        Engine::Sqlite(_) => (SQLITE_COLUMNS, SQLITE_REFERENCES),
        Engine::Postgres(_) => (POSTGRES_COLUMNS, POSTGRES_REFERENCES),
    };
    let columns = tx
        .all(columns, &[], |row| {
            Ok(Column { table: row.get(0)?, name: row.get(1)?, ty: row.get(2)?, key: row.get(3)? })
        })
        .await?;
    let references = tx
        .all(references, &[], |row| {
            Ok(Reference { table: row.get(0)?, to: row.get(1)?, column: row.get(2)? })
        })
        .await?;
    Ok(Catalog { columns, references })
}
