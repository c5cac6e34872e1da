//! An empty store for one test, on the engine under test.
//!
//! `CLIENTBOOK_TEST_POSTGRES` is the URL of a PostgreSQL where databases may be made, and
//! `CLIENTBOOK_TEST_ENGINE=postgres` lets the tests store there: `cargo xtask test` runs them on
//! SQLite first and then once more with both set.

use clientbook_store::{Access, Db};
use rusqlite::types::ValueRef;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use tempfile::TempDir;
use tokio_postgres::{NoTls, SimpleQueryMessage};
use uuid::Uuid;

/// Which engine a test stores on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// A file in a temporary directory.
    Sqlite,
    /// A database of its own on the server with this URL, which names some other database there.
    Postgres(String),
}

impl Engine {
    /// The one that this run of the tests is about.
    pub fn under_test() -> Self {
        match std::env::var("CLIENTBOOK_TEST_ENGINE").as_deref() {
            Err(_) | Ok("sqlite") => Self::Sqlite,
            Ok("postgres") => Self::postgres().expect("CLIENTBOOK_TEST_POSTGRES is a URL"),
            Ok(other) => panic!("CLIENTBOOK_TEST_ENGINE={other} is neither sqlite nor postgres"),
        }
    }

    /// PostgreSQL, if there is one to test on.
    pub fn postgres() -> Option<Self> {
        let url = std::env::var("CLIENTBOOK_TEST_POSTGRES").ok();
        url.filter(|url| url != "off").map(Self::Postgres)
    }
}

/// A store for one test, which goes away with this value. Nothing is in it before it is opened.
pub struct TestDatabase {
    url: String,
    place: Place,
    /// What it was copied from, which others may copy too as long as one of them is there.
    template: Option<Arc<TestDatabase>>,
}

enum Place {
    File(TempDir),
    Server { maintenance: String, name: String },
}

impl TestDatabase {
    /// On the engine under test.
    pub fn new() -> Self {
        Self::on(Engine::under_test())
    }

    /// On SQLite, for a test that needs the file.
    pub fn sqlite() -> Self {
        Self::on(Engine::Sqlite)
    }

    /// On this engine.
    pub fn on(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => {
                let directory = TempDir::new().expect("a temporary directory");
                let path = directory.path().join("clientbook.db");
                let url = format!("sqlite:{}", path.display());
                Self { url, place: Place::File(directory), template: None }
            }
            Engine::Postgres(maintenance) => Self::on_server(&maintenance, "template1"),
        }
    }

    fn on_server(maintenance: &str, template: &str) -> Self {
        let name = format!("test_{:016x}", RandomState::new().build_hasher().finish());
        // The other strategy takes four times as long.
        let create = format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy");
        run(maintenance, &create).unwrap_or_else(|error| panic!("{create}: {error}"));
        let url = with_name(maintenance, &name);
        let place = Place::Server { maintenance: maintenance.to_owned(), name };
        Self { url, place, template: None }
    }

    /// On the engine under test, for a test that does not look at how tables are made: on PostgreSQL
    /// they are there already, as making them takes longer than most tests.
    pub fn with_tables() -> Self {
        static TEMPLATE: Mutex<Weak<TestDatabase>> = Mutex::new(Weak::new());
        let Engine::Postgres(maintenance) = Engine::under_test() else {
            return Self::new();
        };
        let template = {
            let mut kept = TEMPLATE.lock().unwrap_or_else(PoisonError::into_inner);
            kept.upgrade().unwrap_or_else(|| {
                let template = Arc::new(Self::on_server(&maintenance, "template1"));
                drop(Db::open(template.url(), Access::Write).expect("a store"));
                *kept = Arc::downgrade(&template);
                template
            })
        };
        let Place::Server { name, .. } = &template.place else {
            return Self::new();
        };
        let mut copy = Self::on_server(&maintenance, name);
        copy.template = Some(template);
        copy
    }

    /// What `Db::open` takes.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The store's file. On SQLite only.
    pub fn path(&self) -> PathBuf {
        match &self.place {
            Place::File(directory) => directory.path().join("clientbook.db"),
            Place::Server { .. } => panic!("this test needs SQLite's file: TestDatabase::sqlite"),
        }
    }

    /// A UUID as SQL.
    pub fn uuid(&self, id: Uuid) -> String {
        match &self.place {
            Place::File(_) => format!("x'{}'", id.simple()),
            Place::Server { .. } => format!("'{id}'::uuid"),
        }
    }

    /// Runs statements behind the store's back, whatever foreign keys say.
    pub fn execute(&self, sql: &str) {
        let done = match &self.place {
            Place::File(_) => self.connection().execute_batch(sql).map_err(|e| e.to_string()),
            Place::Server { .. } => run(&self.url, &unchecked(sql)).map(|_| ()),
        };
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Runs a statement likewise; how many rows it changed.
    pub fn change(&self, sql: &str) -> u64 {
        let changed = match &self.place {
            Place::File(_) => {
                let changed = self.connection().execute(sql, []);
                changed.map(|count| count as u64).map_err(|error| error.to_string())
            }
            Place::Server { .. } => {
                run(&self.url, &unchecked(sql)).map(|messages| changes(&messages))
            }
        };
        changed.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Keeps everybody else from writing about clients and their devices, until it is dropped. Reading
    /// goes on.
    pub fn hold_writes(&self) -> HeldWrites {
        match &self.place {
            Place::File(_) => {
                let connection = self.connection();
                connection.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
                HeldWrites::File(connection)
            }
            Place::Server { .. } => {
                let (url, (held, is_held), (end, ended)) = (self.url.clone(), channel(), channel());
                let holder = std::thread::spawn(move || hold_clients(&url, &held, &ended));
                is_held.recv().expect("a lock");
                HeldWrites::Server { end: Some(end), holder: Some(holder) }
            }
        }
    }

    /// The rows of a query, as text; NULL is empty.
    pub fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let rows = match &self.place {
            Place::File(_) => self.sqlite_rows(sql).map_err(|error| error.to_string()),
            Place::Server { .. } => {
                run(&self.url, sql).map(|messages| messages.iter().filter_map(fields).collect())
            }
        };
        rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Another store with the same rows. Nobody has this one open.
    pub fn copy(&self) -> Self {
        match &self.place {
            Place::File(_) => {
                let copy = Self::sqlite();
                std::fs::copy(self.path(), copy.path()).expect("a copy of a closed store");
                copy
            }
            Place::Server { maintenance, name } => Self::on_server(maintenance, name),
        }
    }

    fn connection(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.path()).expect("the store's file");
        connection.busy_timeout(std::time::Duration::from_secs(10)).expect("a timeout");
        connection.pragma_update(None, "foreign_keys", false).expect("no foreign keys");
        connection
    }

    fn sqlite_rows(&self, sql: &str) -> rusqlite::Result<Vec<Vec<String>>> {
        let connection = self.connection();
        let mut statement = connection.prepare(sql)?;
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            (0..columns).map(|at| row.get_ref(at).map(|value| text(&value))).collect()
        };
        statement.query_map([], row)?.collect()
    }
}

/// Writes that wait, for as long as this lives.
pub enum HeldWrites {
    /// On SQLite: nobody else has the write lock.
    File(rusqlite::Connection),
    /// On PostgreSQL: no row of a client can be locked.
    Server {
        /// The holder lets go once this is gone.
        end: Option<Sender<()>>,
        /// Who has the lock.
        holder: Option<JoinHandle<()>>,
    },
}

impl Drop for HeldWrites {
    fn drop(&mut self) {
        if let Self::Server { end, holder } = self {
            drop(end.take());
            let _ended = holder.take().map(JoinHandle::join);
        }
    }
}

fn hold_clients(url: &str, held: &Sender<()>, ended: &Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("PostgreSQL");
        let connection = tokio::spawn(connection);
        let lock = "BEGIN; LOCK TABLE clients IN EXCLUSIVE MODE";
        client.batch_execute(lock).await.expect("a lock");
        held.send(()).expect("somebody who waits for it");
        // An error is the end.
        let _ended = ended.recv();
        drop(client);
        connection.await.expect("no panic").expect("an end");
    });
}

impl Default for TestDatabase {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Place::Server { maintenance, name } = &self.place {
            let dropped = run(maintenance, &format!("DROP DATABASE {name} WITH (FORCE)"));
            // A second panic would hide the first.
            if !std::thread::panicking() {
                dropped.expect("the end of a test's database");
            }
        }
    }
}

/// The rows of a query on the PostgreSQL that `url` names, as text; NULL is empty. Waits for at most
/// ten seconds.
pub fn query(url: &str, sql: &str) -> Result<Vec<Vec<String>>, String> {
    let mark = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{mark}connect_timeout=5&options=-c%20statement_timeout%3D10s");
    run(&url, sql).map(|messages| messages.iter().filter_map(fields).collect())
}

fn text(value: &ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Real(value) => value.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => {
            let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
        }
    }
}

/// The same server's URL with another database's name.
fn with_name(url: &str, name: &str) -> String {
    let (base, parameters) = url.split_once('?').unwrap_or((url, ""));
    let (server, _) = base.rsplit_once('/').expect("a URL that names a database");
    let mark = if parameters.is_empty() { "" } else { "?" };
    format!("{server}/{name}{mark}{parameters}")
}

/// Runs statements on a connection of their own. On a thread of its own, too: the caller's may
/// belong to a runtime.
fn run(url: &str, sql: &str) -> Result<Vec<SimpleQueryMessage>, String> {
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| error.to_string())?.block_on(async {
            let connected = tokio_postgres::connect(url, NoTls).await;
            let (client, connection) = connected.map_err(|error| format!("{error:?}"))?;
            let connection = tokio::spawn(connection);
            let messages = client.simple_query(sql).await.map_err(|error| format!("{error:?}"))?;
            drop(client);
            let ended = connection.await.map_err(|error| error.to_string())?;
            ended.map_err(|error| format!("{error:?}"))?;
            Ok(messages)
        })
    };
    std::thread::scope(|scope| scope.spawn(work).join()).expect("no panic")
}

fn unchecked(sql: &str) -> String {
    format!("SET session_replication_role = replica; {sql}")
}

fn changes(messages: &[SimpleQueryMessage]) -> u64 {
    match messages.last() {
        Some(SimpleQueryMessage::CommandComplete(count)) => *count,
        _ => 0,
    }
}

fn fields(message: &SimpleQueryMessage) -> Option<Vec<String>> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    Some((0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned()).collect())
}
