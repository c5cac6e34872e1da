//! A store on one engine becomes the same store on the other.

use crate::book::{ACME, Book, change, change_once_more, env, parsed, verify};
use crate::moving;
use clientbook_app::{
    App, AppError, Bootstrap, Caller, ClientKey, ClientRef, DeviceChange, Enrolled, Enrollment,
    Home, ImportTerms, Inventory, KeyedCall, Merge, Merged, Once, Precondition, Told,
};
use clientbook_model::client::ClientPatch;
use clientbook_model::collection::CollectionMode;
use clientbook_model::device::{DeviceFacts, DevicePatch, Extensions, Hardware};
use clientbook_model::id::ClientId;
use clientbook_model::moving::Format;
use clientbook_model::patch::Patch;
use clientbook_model::secret::Secret;
use clientbook_model::success::SuccessPatch;
use clientbook_model::telemetry::{LogLevel, LogRecord, Software, UsageKind, UsageRecord};
use clientbook_store::copy::{Compared, Copy};
use clientbook_store::{Access, Db, DbError};
use clientbook_testkit::{Engine, TestDatabase};
use serde_json::{Value, json};
use std::sync::Arc;

/// The demo with its history and some hundred clients with every kind of field filled, closed.
async fn full(engine: Engine) -> TestDatabase {
    let book = Book::history(TestDatabase::on(engine)).await;
    let db = Db::open(book.database.url(), Access::Write).expect("the store");
    let (app, _) = App::start(db, env(), None).await.expect("a start");
    let clients = app.load_sample("sample", 400).await.expect("some hundred clients");
    // Parents that come after their children in the order of ids, and before.
    for (child, parent) in [(0, 399), (1, 0), (398, 2), (399, 398)] {
        let parent = Patch::Set(parsed(&json!(clients[parent].number.get())));
        let patch = ClientPatch { parent_client_id: parent, ..ClientPatch::default() };
        change(&app, clients[child].id.0, patch).await;
    }
    let note = "\u{e9}\u{1F600} \"quoted\" \\ \u{7f} \u{2028}\n\ttext";
    for client in &clients[10..40] {
        change_once_more(&app, client.id.0, 3).await;
        let success = SuccessPatch { note: Patch::Set(parsed(&json!(note))), ..Default::default() };
        change(&app, client.id.0, ClientPatch { success, ..ClientPatch::default() }).await;
    }
    // It takes the other's, which goes on leading to it.
    let cleared = ClientPatch { external_id: Patch::Clear, ..ClientPatch::default() };
    change(&app, clients[50].id.0, cleared).await;
    merged_with_a_key(&app, clients[50].id, clients[51].id).await;
    joined(&app, clients[60].id).await;
    erased(&app, clients[60].id).await;
    collected(&app, clients[61].id).await;
    import_begun(&app).await;
    book.database
}

/// An import that is not done: one row has failed, and one waits for its parent.
async fn import_begun(app: &App) {
    let home = Home::Field { asked: Some("sample".into()), at: "/tenant" };
    let id = app.new_import_id();
    let terms = ImportTerms { home, id, match_by: None, dry_run: false, resume: false, batch: 2 };
    let caller = Caller::cli("a request".into());
    let mut import = app.import_clients(&caller, terms).await.expect("an import");
    let rows = "{\"name\": \"\"}\n{\"name\": \"Child\", \"parent_client_id\": 999999}\n";
    moving::take(&mut import, Format::Ndjson, rows.as_bytes()).await.expect("rows");
}

/// A device that has joined a client.
async fn joined(app: &App, client: ClientId) -> Enrolled {
    let caller = Caller::cli("a request".into());
    let read = app.read_client(&caller, target(client)).await.expect("a client");
    let token = read.record.enrollment_token.as_ref().expect("a token").value.clone();
    let facts = DeviceFacts {
        name: parsed(&json!("laptop-7")),
        serial_number: None,
        os_name: parsed(&json!("Debian GNU/Linux")),
        os_version: parsed(&json!("12")),
        agent_version: parsed(&json!("1.0.0")),
        hardware: Hardware::default(),
        extensions: Extensions::default(),
    };
    let unique_key = parsed(&json!("4c4c4544-0031"));
    let wish = Enrollment { token: Secret::new(token), unique_key, facts };
    app.enroll(caller.origin, wish).await.expect("a device")
}

/// A device that has handed over something of everything, and was refused something.
async fn collected(app: &App, client: ClientId) {
    let Enrolled { agent, secret } = joined(app, client).await;
    let caller = Caller::cli("a request".into());
    let now = env().now();
    let line = LogRecord { at: now, level: LogLevel::Warn, message: parsed(&json!("slow")) };
    let refused = app.take_agent_log(&agent, vec![line.clone()]).await;
    assert!(matches!(refused, Err(AppError::NotCollected(_))), "{refused:?}");
    app.write_gathered().await.expect("counted");
    let change = DeviceChange {
        patch: DevicePatch { log_shipping_enabled: Some(true), ..DevicePatch::default() },
        echoes: Vec::new(),
        violations: Vec::new(),
        precondition: Precondition::None,
    };
    let device = agent.place().device_id.to_string();
    let changed = app.change_device(&caller, target(client), device, change, Once::free()).await;
    changed.expect("a device");
    let agent = app.authenticate_agent(&secret).await.expect("the device");
    app.take_agent_log(&agent, vec![line]).await.expect("a line");
    let software = Software {
        name: parsed(&json!("bash")),
        version: parsed(&json!("5.2")),
        publisher: None,
        source: Some(parsed(&json!("dpkg"))),
        installed_at: Some(now),
    };
    let inventory = Inventory { device: None, software: Some(vec![software]) };
    app.take_inventory(&agent, inventory).await.expect("software");
    let record = UsageRecord {
        id: parsed(&json!("1")),
        kind: UsageKind::App,
        user_key: parsed(&json!("uid:1000")),
        name: parsed(&json!("Writer")),
        started_at: now,
        seconds: parsed(&json!(60)),
        visits: None,
    };
    app.take_usage(&agent, vec![record]).await.expect("usage");
}

fn target(client: ClientId) -> ClientRef {
    ClientRef { tenant: None, asked: client.to_string(), key: Some(ClientKey::Id(client)) }
}

async fn erased(app: &App, client: ClientId) {
    let mode = Some(CollectionMode::Deleted);
    change(app, client.0, ClientPatch { collection_mode: mode, ..ClientPatch::default() }).await;
    let target = target(client);
    let caller = Caller::cli("a request".into());
    app.erase_client(&caller, target, Precondition::None).await.expect("an erasure");
}

/// Joins the second to the first, as a call with an idempotency key does.
async fn merged_with_a_key(app: &App, winner: ClientId, loser_id: ClientId) {
    let caller = Caller::cli("a request".into());
    let asked = winner.to_string();
    let call = KeyedCall { key: "k", method: "POST", path: &asked, query: "", body: b"{}" };
    let key = app.key(&caller, &call);
    let target = ClientRef { tenant: None, asked, key: Some(ClientKey::Id(winner)) };
    let (take, precondition) = (Vec::new(), Precondition::None);
    let merge = Merge { loser_id, take, precondition, dry_run: false };
    let told = |merged: &Merged| {
        let version = Some(merged.record.client.version);
        Ok(Told { status: 200, version, location: None, body: "{}".into(), secret: false })
    };
    let once = Once::keyed(&key, Arc::new(told));
    app.merge_clients(&caller, target, merge, once).await.expect("one client of two");
}

fn open(database: &TestDatabase) -> Db {
    Db::open(database.url(), Access::Write).expect("a store")
}

async fn begin(from: &TestDatabase, to: &TestDatabase) -> Result<Copy, DbError> {
    Copy::begin(open(from), open(to)).await
}

async fn complete(from: &TestDatabase, to: &TestDatabase) {
    let mut copy = begin(from, to).await.expect("a copy");
    while copy.step().await.expect("rows").is_some() {}
    assert_eq!(copy.moved(), copy.total());
    let compared = copy.compare(|_| {}).await.expect("a comparison");
    assert_eq!(different(&compared), Vec::<&str>::new());
    copy.finish().await.expect("an end");
}

fn different(compared: &[Compared]) -> Vec<&str> {
    compared.iter().filter(|one| !one.is_same()).map(|one| one.table.as_str()).collect()
}

async fn refusal(from: &TestDatabase, to: &TestDatabase) -> String {
    match begin(from, to).await {
        Err(DbError::Refused(why)) => why,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("a copy has begun"),
    }
}

/// Every row of every table of a SQLite store, read without the store's help; of what clients are
/// found by, all but the places.
fn everything(database: &TestDatabase) -> Vec<(String, Vec<Vec<String>>)> {
    let tables = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'
        AND name NOT IN ('sqlite_schema', 'refinery_schema_history', 'client_places',
            'client_trigrams_pending') ORDER BY name";
    let table = |name: &String| {
        let columns = match name.as_str() {
            "client_listings" => "tenant_id, client_id, number, created_at, name, text",
            _ => "*",
        };
        let mut rows = database.rows(&format!("SELECT {columns} FROM {name}"));
        // Each begins with its key.
        rows.sort_unstable();
        (name.clone(), rows)
    };
    database.rows(tables).iter().map(|row| table(&row[0])).collect()
}

/// The same text, or texts that say the same JSON: PostgreSQL keeps no spaces of it.
fn same(one: &str, other: &str) -> bool {
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    one == other || json(one).is_some_and(|one| Some(one) == json(other))
}

#[tokio::test]
async fn everything_arrives_and_comes_back() {
    let Some(engine) = Engine::postgres() else { return };
    let source = full(Engine::Sqlite).await;
    let (there, back) = (TestDatabase::on(engine), TestDatabase::sqlite());
    complete(&source, &there).await;
    complete(&there, &back).await;
    // The first start makes anew what clients are found by.
    drop(App::start(open(&back), env(), None).await.expect("a start"));
    let (before, after) = (everything(&source), everything(&back));
    assert!(before.len() >= 9, "{} tables", before.len());
    for ((table, before), (other, after)) in before.iter().zip(&after) {
        assert_eq!((table, before.len()), (other, after.len()));
        assert!(!before.is_empty(), "nothing shows that {table} is carried");
        for (one, other) in before.iter().zip(after) {
            let is_same = one.len() == other.len();
            let is_same = is_same && one.iter().zip(other).all(|(one, other)| same(one, other));
            assert!(is_same, "{table}: {one:?} became {other:?}");
        }
    }
    assert_eq!(before.len(), after.len());
    let audit = |database: &TestDatabase| App::inspect(open(database), env());
    let report = verify(&audit(&source), None, None).await.expect("a report");
    assert_eq!(report.faults, []);
    assert!(report.chains > 400, "{report:?}");
    for copied in [&there, &back] {
        assert_eq!(verify(&audit(copied), None, None).await.expect("a report"), report);
    }
    // The operator's token and everything else an installation has are the same.
    let (app, bootstrap) = App::start(open(&there), env(), None).await.expect("a start");
    assert!(matches!(bootstrap, Bootstrap::Kept), "{bootstrap:?}");
    change_once_more(&app, ACME, 0).await;
}

/// A source that was cut off while it made its lists says how far it has come.
#[tokio::test]
async fn lists_are_made_of_all_clients_whatever_the_source_has() {
    let Some(engine) = Engine::postgres() else { return };
    let source = full(Engine::Sqlite).await;
    let far = "f".repeat(64);
    source.execute(&format!("INSERT INTO settings (name, value) VALUES ('unlisted', x'{far}')"));
    let target = TestDatabase::on(engine);
    complete(&source, &target).await;
    let listed = target.rows("SELECT count(*) FROM client_listings");
    assert_eq!(listed, target.rows("SELECT count(*) FROM clients WHERE merged_into IS NULL"));
}

/// Each begin copies one batch only: so every place is one to go on from.
#[tokio::test]
async fn a_copy_that_is_cut_off_goes_on() {
    let Some(engine) = Engine::postgres() else { return };
    let source = full(Engine::Sqlite).await;
    let target = TestDatabase::on(engine);
    let (mut cuts, mut moved) = (0, 0);
    loop {
        let mut copy = begin(&source, &target).await.expect("a copy");
        assert_eq!(copy.is_resumed(), cuts > 0);
        assert!(copy.moved() >= moved, "{moved} rows were there, {} are", copy.moved());
        if copy.step().await.expect("rows").is_none() {
            break;
        }
        (moved, cuts) = (copy.moved(), cuts + 1);
        drop(copy);
        let refused = App::start(open(&target), env(), None).await.map(|_| ());
        let Err(AppError::Unavailable(why)) = refused else { panic!("{refused:?}") };
        assert!(why.contains("a copy into this store has begun and is not finished"), "{why}");
    }
    assert!(cuts > 30, "{cuts} cuts");
    complete(&source, &target).await;
    App::start(open(&target), env(), None).await.expect("a whole copy is served");
    let why = refusal(&source, &target).await;
    assert!(why.contains("the target holds this store already"), "{why}");
}

#[tokio::test]
async fn nothing_is_mixed() {
    let Some(engine) = Engine::postgres() else { return };
    let (source, other) = (full(Engine::Sqlite).await, TestDatabase::sqlite());
    let stranger = TestDatabase::on(engine.clone());
    App::start(open(&stranger), env(), None).await.expect("a first start");
    let count = "SELECT count(*) FROM audit_entries";
    let before = stranger.rows(count);
    let why = refusal(&source, &stranger).await;
    assert!(why.contains("the target holds this store already"), "the same ids: {why}");
    stranger.execute("UPDATE settings SET value = 'x' WHERE name = 'cursor_key'");
    let why = refusal(&source, &stranger).await;
    assert!(why.contains("the target is not empty: name a new database"), "{why}");
    stranger.execute("DELETE FROM settings");
    let why = refusal(&source, &stranger).await;
    assert!(why.contains("the target is not empty"), "{why}");
    assert_eq!(stranger.rows(count), before);

    let target = TestDatabase::on(engine);
    let mut copy = begin(&source, &target).await.expect("a copy");
    copy.step().await.expect("rows");
    drop(copy);
    let why = refusal(&other, &target).await;
    assert!(why.contains("the source has never been served"), "{why}");
    App::start(open(&other), env(), None).await.expect("a first start");
    other.execute("UPDATE settings SET value = x'00' WHERE name = 'cursor_key'");
    let why = refusal(&other, &target).await;
    assert!(why.contains("unfinished copy of another store"), "{why}");
    let why = refusal(&target, &TestDatabase::sqlite()).await;
    assert!(why.contains("the source is itself an unfinished copy"), "{why}");
    let why = refusal(&source, &other).await;
    assert!(why.contains("both stores are of one engine"), "{why}");
    let why = refusal(&target, &stranger).await;
    assert!(why.contains("both stores are of one engine"), "{why}");

    let (app, _) = App::start(open(&source), env(), None).await.expect("a start");
    change_once_more(&app, ACME, 0).await;
    drop(app);
    let why = refusal(&source, &target).await;
    assert!(why.contains("the source has changed since this copy was begun"), "{why}");
}

#[tokio::test]
async fn two_copies_do_not_meet_in_one_target() {
    let Some(engine) = Engine::postgres() else { return };
    let source = full(Engine::Sqlite).await;
    let twin = source.copy();
    let target = TestDatabase::on(engine);
    let mut one = begin(&source, &target).await.expect("a copy");
    let mut other = begin(&twin, &target).await.expect("the same copy");
    // What both would write is written once; then only one of them knows how far it came.
    for _ in 0..2 {
        one.step().await.expect("rows");
    }
    let refused = other.step().await.expect_err("the other has come further");
    assert!(refused.to_string().contains("another copy into the same target"), "{refused}");
    while one.step().await.expect("rows").is_some() {}
    let compared = one.compare(|_| {}).await.expect("a comparison");
    assert_eq!(different(&compared), Vec::<&str>::new());
}

#[tokio::test]
async fn what_is_changed_meanwhile_is_found() {
    let Some(engine) = Engine::postgres() else { return };
    let source = full(Engine::Sqlite).await;
    let target = TestDatabase::on(engine);
    let mut copy = begin(&source, &target).await.expect("a copy");
    while copy.step().await.expect("rows").is_some() {}
    drop(copy);
    let one = "WHERE external_id = 'crm-200'";
    for (table, damage) in [
        ("clients", format!("UPDATE clients SET name = name || ' ' {one}")),
        ("clients", format!("UPDATE clients SET email = NULL {one}")),
        ("clients", format!("UPDATE clients SET parent_client_id = 7 {one}")),
        ("clients", format!("UPDATE clients SET tags = tags || '\"x\"' {one}")),
        ("clients", format!("UPDATE clients SET updated_at = updated_at + '1ms'::interval {one}")),
        (
            "audit_entries",
            "UPDATE audit_entries SET contents = contents || ' ' WHERE sequence = 2".into(),
        ),
        (
            "audit_entries",
            "UPDATE audit_entries SET collection_control = NOT collection_control".into(),
        ),
        ("enrollment_tokens", "DELETE FROM enrollment_tokens WHERE uses = 0".into()),
        (
            "settings",
            "UPDATE settings SET value = value || '\\x00' WHERE name = 'cursor_key'".into(),
        ),
        (
            "client_types",
            "INSERT INTO client_types SELECT tenant_id, 99, 'x' FROM client_types LIMIT 1".into(),
        ),
    ] {
        let damaged = target.copy();
        assert!(damaged.change(&damage) > 0, "{damage}");
        let copy = begin(&source, &damaged).await.expect("the same copy");
        let compared = copy.compare(|_| {}).await.expect("a comparison");
        assert_eq!(different(&compared), [table], "{damage}");
    }
}

#[tokio::test]
async fn a_damaged_value_is_named() {
    let Some(engine) = Engine::postgres() else { return };
    let source = full(Engine::Sqlite).await;
    for (damage, told) in [
        ("UPDATE clients SET created_at = 9223372036854775807", "clients is damaged"),
        ("UPDATE clients SET name = 'a' || char(0) WHERE number = 7", "name holds a value"),
        ("UPDATE clients SET tags = 'no JSON' WHERE number = 7", "rows of clients cannot be"),
        (
            "UPDATE client_ids SET id = x'00' WHERE id = (SELECT max(id) FROM client_ids)",
            "id holds",
        ),
    ] {
        let (damaged, target) = (source.copy(), TestDatabase::on(engine.clone()));
        assert!(damaged.change(damage) > 0, "{damage}");
        let mut copy = begin(&damaged, &target).await.expect("a copy");
        let refused = loop {
            match copy.step().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{damage}: everything was copied"),
                Err(DbError::Refused(why)) => break why,
                Err(other) => panic!("{damage}: {other:?}"),
            }
        };
        assert!(refused.contains(told), "{damage}: {refused}");
        drop(copy);
        App::start(open(&target), env(), None).await.map(|_| ()).expect_err("it is not served");
    }
}

#[tokio::test]
async fn a_shared_source_stands_still() {
    let Some(engine) = Engine::postgres() else { return };
    let source = Book::history(TestDatabase::on(engine)).await.database;
    let target = TestDatabase::sqlite();
    let locks = "SELECT count(*) FROM pg_locks
        WHERE mode = 'ShareLock' AND granted AND relation IN ('clients'::regclass, 'audit_entries'::regclass)";
    assert_eq!(source.rows(locks), [["0"]]);
    let copy = begin(&source, &target).await.expect("a copy");
    assert_eq!(source.rows(locks), [["2"]]);
    drop(copy);
    complete(&source, &target).await;
}
