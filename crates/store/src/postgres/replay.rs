//! Makes of what the engine has sent a script for pgbench: what PostgreSQL itself takes for the
//! same work.
//!
//! pgbench makes no text of its own, so the arguments stand in a table: each run of the script
//! fetches those of `size` transactions at once and sends them one after the other. Arguments that
//! never differ are given on pgbench's command line.

use super::connect::Target;
use super::error::Fault;
use super::tape::{Call, Sent, Traffic};
use super::transaction::Kind;
use crate::error::DbError;
use std::collections::HashMap;
use std::fmt::Write as _;
use tokio_postgres::Client;

/// What a GET is: the statement that reads the client.
const READS_CLIENT: &str = "FROM clients c";

/// A script for pgbench, and what its runs take.
#[derive(Debug, Clone)]
pub struct Script {
    /// What pgbench reads.
    pub text: String,
    /// Variables that are the same in each run.
    pub constants: Vec<(String, String)>,
    /// The transactions of one run.
    pub size: usize,
    /// How many round trips a transaction takes.
    pub round_trips: usize,
    /// Transactions that were recorded and are not of this form.
    pub others: usize,
    batches: Vec<String>,
}

/// An argument of the script.
enum Slot {
    Null,
    Constant(usize),
    /// A column of the table; with the type to cast to where it may be NULL.
    Varying(usize, Option<&'static str>),
}

impl Traffic {
    /// The script of the changes, `size` in each run.
    pub fn changes(self, size: usize) -> Result<Script, DbError> {
        let writes = self.0.into_iter().filter(|sent| sent.kind == Kind::Write);
        script(writes.map(|sent| sent.calls).collect(), size)
    }

    /// The script of the statement that reads the client, `size` in each run.
    pub fn reads(self, size: usize) -> Result<Script, DbError> {
        let lookups = self.0.into_iter().filter(|sent| sent.kind != Kind::Write);
        let calls = lookups.flat_map(|Sent { calls, .. }| calls);
        let reads = calls.filter(|call| call.text.contains(READS_CLIENT));
        script(reads.map(|call| vec![call]).collect(), size)
    }
}

/// Of transactions, the form that most of them have.
fn script(all: Vec<Vec<Call>>, size: usize) -> Result<Script, DbError> {
    let form = |calls: &[Call]| {
        calls.iter().map(|call| (call.text, call.args.len(), call.awaited)).collect::<Vec<_>>()
    };
    let mut counts = HashMap::new();
    for calls in &all {
        *counts.entry(form(calls)).or_insert(0_usize) += 1;
    }
    let usual = counts.into_iter().max_by_key(|(_, count)| *count).map(|(form, _)| form);
    let usual = usual.ok_or_else(|| DbError::internal("nothing was recorded"))?;
    let recorded = all.len();
    let these: Vec<_> = all.into_iter().filter(|calls| form(calls) == usual).collect();
    let (slots, constants, columns) = slots(&these);
    let columns_count = columns.len();
    let mut batches = Vec::new();
    for chunk in these.chunks_exact(size) {
        let mut batch = serde_json::Map::new();
        for (number, calls) in chunk.iter().enumerate() {
            let args: Vec<_> = calls.iter().flat_map(|call| &call.args).collect();
            for (column, place) in columns.iter().enumerate() {
                let value = args[*place].text.clone().unwrap_or_default();
                batch.insert(format!("a{number}_{column}"), value.into());
            }
        }
        let batch = serde_json::to_string(&batch);
        batches.push(batch.map_err(|error| DbError::internal(error.to_string()))?);
    }
    let first = these.first().map(Vec::as_slice).unwrap_or_default();
    Ok(Script {
        text: text(first, &slots, size, columns_count),
        constants,
        size,
        round_trips: first.iter().filter(|call| call.awaited).count()
            + usize::from(first.last().is_some_and(|call| !call.awaited)),
        others: recorded - these.len(),
        batches,
    })
}

/// Where each argument comes from, the constants, and of each column a place in the arguments.
fn slots(all: &[Vec<Call>]) -> (Vec<Slot>, Vec<(String, String)>, Vec<usize>) {
    let flat: Vec<Vec<_>> =
        all.iter().map(|calls| calls.iter().flat_map(|call| &call.args).collect()).collect();
    let (mut slots, mut constants, mut columns) = (Vec::new(), Vec::new(), Vec::<usize>::new());
    for place in 0..flat.first().map_or(0, Vec::len) {
        let mut texts = flat.iter().map(|args| &args[place].text);
        let first = texts.next().and_then(Option::as_deref);
        let same = texts.all(|text| text.as_deref() == first);
        slots.push(match first {
            None if same => Slot::Null,
            Some(value) if same => {
                constants.push((format!("c{}", constants.len()), value.to_owned()));
                Slot::Constant(constants.len() - 1)
            }
            _ => {
                let is_this =
                    |column: &usize| flat.iter().all(|args| args[*column].text == args[place].text);
                let column = columns.iter().position(is_this).unwrap_or_else(|| {
                    columns.push(place);
                    columns.len() - 1
                });
                let nullable = flat.iter().any(|args| args[place].text.is_none());
                let of_type = flat.iter().map(|args| args[place].of_type).find(|ty| !ty.is_empty());
                Slot::Varying(column, of_type.filter(|_| nullable))
            }
        });
    }
    (slots, constants, columns)
}

fn text(calls: &[Call], slots: &[Slot], size: usize, columns: usize) -> String {
    let mut text = String::from(
        "\\set batch mod(:client_id + :clients * :turn, :batches)\n\\set turn :turn + 1\n\
         SELECT f.* FROM bench_batches b, jsonb_to_record(b.args) AS f (",
    );
    let names: Vec<_> = (0..size)
        .flat_map(|number| (0..columns).map(move |column| format!("a{number}_{column} text")))
        .collect();
    let _infallible = writeln!(text, "{}) WHERE b.id = :batch \\gset", names.join(", "));
    for number in 0..size {
        let mut slots = slots.iter();
        let mut waiting = Vec::new();
        for (at, call) in calls.iter().enumerate() {
            let args: Vec<_> =
                slots.by_ref().take(call.args.len()).map(|slot| slot.text(number)).collect();
            waiting.push(filled(call.text, &args));
            if call.awaited || at + 1 == calls.len() {
                let several = waiting.len() > 1;
                text.push_str(if several { "\\startpipeline\n" } else { "" });
                for statement in waiting.drain(..) {
                    let _infallible = writeln!(text, "{statement};");
                }
                text.push_str(if several { "\\endpipeline\n" } else { "" });
            }
        }
    }
    text
}

impl Slot {
    fn text(&self, number: usize) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Constant(at) => format!(":c{at}"),
            Self::Varying(column, None) => format!(":a{number}_{column}"),
            Self::Varying(column, Some(of_type)) => {
                format!("NULLIF(:a{number}_{column}, '')::{of_type}")
            }
        }
    }
}

/// The statement on one line with what stands for each `$n`.
fn filled(sql: &str, args: &[String]) -> String {
    let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut parts = sql.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = part.split_at(digits);
        let arg = number.parse().ok().and_then(|number: usize| args.get(number.checked_sub(1)?));
        text.push_str(arg.map_or("NULL", String::as_str));
        text.push_str(rest);
    }
    text
}

impl Script {
    /// How many runs there are arguments for.
    pub fn runs(&self) -> usize {
        self.batches.len()
    }

    /// Puts the arguments of the runs into the database at `url`, in place of those before.
    pub async fn load(&self, url: &str) -> Result<(), DbError> {
        let client = connect(url).await?;
        let make = "DROP TABLE IF EXISTS bench_batches;
            CREATE UNLOGGED TABLE bench_batches (id int PRIMARY KEY, args jsonb NOT NULL);
            ALTER TABLE bench_batches ALTER COLUMN args SET STORAGE EXTERNAL";
        client.batch_execute(make).await.map_err(failed)?;
        let insert = "INSERT INTO bench_batches (id, args)
            SELECT n - 1, a::jsonb FROM unnest($1::text[]) WITH ORDINALITY AS t (a, n)";
        client.execute(insert, &[&self.batches]).await.map_err(failed)?;
        client.batch_execute("VACUUM ANALYZE bench_batches").await.map_err(failed)
    }
}

/// A server where databases may be made.
#[derive(Debug, Clone)]
pub struct Cluster {
    url: String,
}

impl Cluster {
    /// The one where `url` names some database.
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned() }
    }

    /// Makes the database `name` as a copy of another, or an empty one; its URL.
    pub async fn make(&self, name: &str, template: Option<&str>) -> Result<String, DbError> {
        let client = connect(&self.url).await?;
        let template = template.unwrap_or("template1");
        let sql = format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy");
        client.batch_execute(&sql).await.map_err(failed)?;
        Ok(self.url_of(name))
    }

    /// Removes the database `name`, whoever is connected.
    pub async fn remove(&self, name: &str) -> Result<(), DbError> {
        let client = connect(&self.url).await?;
        let sql = format!("DROP DATABASE {name} WITH (FORCE)");
        client.batch_execute(&sql).await.map_err(failed)
    }

    /// Cleans up and counts the rows of the database `name`, or of the one that its URL names, as
    /// autovacuum would some time.
    pub async fn analyze(&self, name: Option<&str>) -> Result<(), DbError> {
        let url = name.map_or_else(|| self.url.clone(), |name| self.url_of(name));
        let client = connect(&url).await?;
        client.batch_execute("VACUUM ANALYZE").await.map_err(failed)
    }

    /// Writes out what is in memory only, so that it is not written while something is measured.
    pub async fn checkpoint(&self) -> Result<(), DbError> {
        connect(&self.url).await?.batch_execute("CHECKPOINT").await.map_err(failed)
    }

    /// A process of the server that is a child of its first one.
    pub async fn backend(&self) -> Result<(Client, u32), DbError> {
        let client = connect(&self.url).await?;
        let row = client.query_one("SELECT pg_backend_pid()", &[]).await.map_err(failed)?;
        let pid: i32 = row.get(0);
        Ok((client, pid.unsigned_abs()))
    }

    /// The server's version.
    pub async fn version(&self) -> Result<String, DbError> {
        let client = connect(&self.url).await?;
        let row = client.query_one("SHOW server_version", &[]).await.map_err(failed)?;
        Ok(row.get(0))
    }

    /// What the server is set to.
    pub async fn settings(&self) -> Result<Vec<(String, String)>, DbError> {
        let names = [
            "fsync",
            "synchronous_commit",
            "full_page_writes",
            "wal_sync_method",
            "shared_buffers",
            "max_wal_size",
            "max_connections",
        ];
        let client = connect(&self.url).await?;
        let mut settings = Vec::new();
        for name in names {
            let sql = "SELECT current_setting($1)";
            let row = client.query_one(sql, &[&name]).await.map_err(failed)?;
            settings.push((name.to_owned(), row.get(0)));
        }
        Ok(settings)
    }

    fn url_of(&self, name: &str) -> String {
        let (base, parameters) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let server = base.rsplit_once('/').map_or(base, |(server, _)| server);
        let question = if parameters.is_empty() { "" } else { "?" };
        format!("{server}/{name}{question}{parameters}")
    }
}

async fn connect(url: &str) -> Result<Client, DbError> {
    Target::parse(url)?.connect().await.map_err(failed)
}

fn failed(error: tokio_postgres::Error) -> DbError {
    Fault::from(error).error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    /// A change as the engine sends it: what is awaited ends a round trip.
    fn change(number: i64, note: Option<&str>) -> Vec<Call> {
        let call = |text, args: &[Value<'_>], awaited| {
            let args = args.iter().map(Into::into).collect();
            Call { text, args, awaited }
        };
        let (nobody, same): (Option<&str>, _) = (None, 7_i64.into());
        vec![
            call("BEGIN", &[], false),
            call("SELECT 1 FROM a\n WHERE t = $1 AND id = $2", &[same, number.into()], true),
            call(
                "UPDATE a SET n = $1, m = $2 WHERE id = $3",
                &[note.into(), nobody.into(), number.into()],
                false,
            ),
            call("COMMIT", &[], false),
        ]
    }

    #[test]
    fn a_script_sends_what_was_sent() {
        let mut all: Vec<_> = (0..5).map(|number| change(number, Some("x"))).collect();
        all[1] = change(1, None);
        all.push(vec![]);
        let script = script(all, 2).unwrap();
        let head = "\\set batch mod(:client_id + :clients * :turn, :batches)\n\\set turn :turn + 1\n\
             SELECT f.* FROM bench_batches b, jsonb_to_record(b.args) AS f (a0_0 text, a0_1 text, \
             a1_0 text, a1_1 text) WHERE b.id = :batch \\gset\n";
        let body = |number| {
            format!(
                "\\startpipeline\nBEGIN;\n\
                 SELECT 1 FROM a WHERE t = :c0 AND id = :a{number}_0;\n\\endpipeline\n\
                 \\startpipeline\n\
                 UPDATE a SET n = NULLIF(:a{number}_1, '')::text, m = NULL WHERE id = :a{number}_0;\n\
                 COMMIT;\n\\endpipeline\n"
            )
        };
        assert_eq!(script.text, [head.to_owned(), body(0), body(1)].concat());
        assert_eq!(script.constants, [("c0".to_owned(), "7".to_owned())]);
        assert_eq!((script.round_trips, script.others, script.runs()), (2, 1, 2));
        let batches = [
            r#"{"a0_0":"0","a0_1":"x","a1_0":"1","a1_1":""}"#,
            r#"{"a0_0":"2","a0_1":"x","a1_0":"3","a1_1":"x"}"#,
        ];
        assert_eq!(script.batches, batches);
        assert!(super::script(Vec::new(), 2).is_err());
    }
}
