//! Brings the tables up to date, or checks that they are.

use super::commit::{Patience, silent};
use super::connect::Target;
use super::error::{Fault, chain};
use crate::db::Access;
use crate::error::DbError;
use tokio_postgres::Client;

mod migrations {
    refinery::embed_migrations!("migrations/postgres");
}

/// Servers that start together take turns: "Clbk" as a number. For as long as a transaction lasts,
/// not a connection: behind pgBouncer a connection is one's own for a transaction only, and there
/// the timeouts come from the role.
const LOCK: &str = "BEGIN; SET LOCAL lock_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SELECT pg_advisory_xact_lock(1131176555)";

pub(super) async fn run(target: &Target, access: Access) -> Result<(), DbError> {
    // A migration may wait longer for a lock than a request.
    let target = &target.unhurried();
    let mut client = connect(target).await?;
    let refused = |error: tokio_postgres::Error| DbError::Refused(chain(&error));
    // Migrations take as long as they take; to look at what is there does not.
    let looked = Patience::new().bound(look(&client, access)).await;
    looked.unwrap_or_else(|_| Err(silent()))?;
    if access == Access::Read {
        return Ok(());
    }
    let turn = connect(target).await?;
    turn.batch_execute(LOCK).await.map_err(refused)?;
    migrations::migrations::runner().set_abort_missing(true).run_async(&mut client).await.map_err(
        |error| {
            let message = format!(
                "the database's tables are not those this version knows; were they written by a \
                 newer one? ({})",
                chain(&error)
            );
            DbError::Refused(message)
        },
    )?;
    turn.batch_execute("COMMIT").await.map_err(refused)
}

/// Whether this is a database that `access` may have.
async fn look(client: &Client, access: Access) -> Result<(), DbError> {
    let encoding = client.query_one("SHOW server_encoding", &[]).await;
    let encoding: String = encoding.map_err(|error| DbError::Refused(chain(&error)))?.get(0);
    if encoding != "UTF8" {
        let message = format!("the database's encoding is {encoding}: it must be UTF8");
        return Err(DbError::Refused(message));
    }
    if access == Access::Read { check(client).await } else { ours(client).await }
}

/// A database that has another program's tables and none of ours is left as it is.
async fn ours(client: &Client) -> Result<(), DbError> {
    let sql = "SELECT c.relname::text FROM pg_class c
        WHERE c.relnamespace = current_schema()::text::regnamespace AND c.relkind IN ('r', 'p')
            AND to_regclass('refinery_schema_history') IS NULL
            AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                AND d.objid = c.oid AND d.deptype = 'e')
        ORDER BY c.relname LIMIT 1";
    let found = client.query_opt(sql, &[]).await;
    match found.map_err(|error| DbError::Refused(chain(&error)))? {
        None => Ok(()),
        Some(row) => {
            let table: String = row.get(0);
            let message = format!(
                "the database is another program's: it has the table {table} and none of \
                 Clientbook's; make a database for Clientbook alone"
            );
            Err(DbError::Refused(message))
        }
    }
}

/// The database may be on its way, too.
async fn connect(target: &Target) -> Result<Client, DbError> {
    let mut patience = Patience::new();
    loop {
        let error = match patience.bound(target.connect()).await {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(error)) => error,
            Err(_) => return Err(silent()),
        };
        let told = chain(&error);
        // A wrong password or name stays wrong.
        let fault = Fault::from(error);
        if !fault.passes() || fault.is_refusal() {
            return Err(DbError::Refused(format!("the database cannot be used: {told}")));
        }
        let away = DbError::Unavailable(format!("the database cannot be reached: {told}"));
        patience.again(away).await?;
    }
}

async fn check(client: &Client) -> Result<(), DbError> {
    let runner = migrations::migrations::runner();
    let newest = runner.get_migrations().iter().map(|one| i64::from(one.version())).max();
    let row = client
        .query_one("SELECT max(version)::bigint FROM refinery_schema_history", &[])
        .await
        .map_err(|error| {
            let why = chain(&error);
            DbError::Refused(format!("the database holds no tables of Clientbook's ({why})"))
        })?;
    let applied: Option<i64> = row.get(0);
    if applied == newest {
        return Ok(());
    }
    let message = format!(
        "the database has tables of version {}, this program reads version {}: start the server \
         once to migrate them, or use the program that wrote them",
        applied.unwrap_or(0),
        newest.unwrap_or(0),
    );
    Err(DbError::Refused(message))
}
