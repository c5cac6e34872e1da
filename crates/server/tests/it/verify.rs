//! `clientbook audit verify`: finds what was done behind the trail, says where, and changes nothing.

use crate::process::{
    ACME, ACME_OBJECT, Caller, Ended, GLOBEX, INITECH, Server, behind, clientbook, finish, names,
    run, store_url,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const OURS: &str = "b2c3d4e5-f6a7-8901-bcde-f12345678901";

fn directory() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

/// A store in which Acme and Globex have been changed, which nobody serves.
async fn stored() -> TempDir {
    let directory = directory();
    let server = Server::start(directory.path());
    let caller = Caller::new(&server);
    for step in 1..=3 {
        let change = json!({ "note": format!("Note {step}") });
        for client in [ACME, GLOBEX] {
            assert_eq!(caller.changes(&format!("/client/{client}"), &change).await, 200);
        }
    }
    assert_eq!(caller.changes(ACME_OBJECT, &json!({ "name": "Jane Doe" })).await, 200);
    assert_eq!(server.stop().code, Some(0));
    assert!(!directory.path().join("clientbook.db-wal").exists(), "the store is in one file");
    directory
}

/// Copies of a store, each with a change of its own.
struct Copies {
    original: TempDir,
    copies: TempDir,
}

impl Copies {
    fn with(&self, name: &str, sql: &str) -> PathBuf {
        let directory = self.copies.path().join(name);
        fs::create_dir(&directory).expect("a new directory");
        let original = self.original.path().join("clientbook.db");
        fs::copy(original, directory.join("clientbook.db")).expect("a copy");
        let store = behind(&directory);
        store.execute_batch("PRAGMA foreign_keys = off").expect("a pragma");
        assert!(store.execute(sql, []).expect(sql) > 0, "{name} changes nothing");
        directory
    }
}

async fn copies() -> Copies {
    Copies { original: stored().await, copies: directory() }
}

fn verify(directory: &Path, args: &[&str]) -> Ended {
    let url = store_url(directory);
    run(&[&["audit", "verify", "--database", &url], args].concat())
}

/// The SQL for a UUID.
fn blob(uuid: &str) -> String {
    format!("x'{}'", uuid.replace('-', ""))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intact_store_is_left_as_it_is() {
    let directory = stored().await;
    let database = directory.path().join("clientbook.db");
    let before = fs::read(&database).expect("the store");
    let verified = verify(directory.path(), &[]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let entries: i64 = behind(directory.path())
        .query_row("SELECT count(*) FROM audit_entries", [], |row| row.get(0))
        .expect("a count");
    // Three clients and three tenants, of which one is the installation's own.
    assert_eq!(verified.out, format!("6 chains, {entries} entries: intact\n"));
    assert_eq!(verified.log, "");
    let verified = verify(directory.path(), &["--json"]);
    let shown: Value = serde_json::from_str(&verified.out).expect("JSON");
    let expected = json!({ "intact": true, "chains": 6, "entries": entries, "faults": [] });
    assert_eq!((verified.code, shown), (Some(0), expected));
    assert!(fs::read(&database).expect("the store") == before, "reading has changed the store");
    // SQLite reads no store in WAL mode without a log and its index; it leaves them.
    let log = fs::metadata(directory.path().join("clientbook.db-wal"));
    assert!(log.is_ok_and(|log| log.len() == 0), "something was logged");
    let mut names = names(directory.path());
    names.retain(|name| !["clientbook.db-wal", "clientbook.db-shm"].contains(&name.as_str()));
    names.sort_unstable();
    assert_eq!(names, ["clientbook.db", "clientbook.db.lock"]);
    assert_eq!(Server::start(directory.path()).stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn tampering_is_found_and_its_place_told() {
    let copies = copies().await;
    let (ours, acme) = (blob(OURS), blob(ACME));
    let chain = format!("audit_entries WHERE chain_id = {acme} AND sequence");
    let update = |what: &str, at: u32| {
        format!("UPDATE audit_entries SET {what} WHERE chain_id = {acme} AND sequence = {at}")
    };
    let client = |what: &str| format!("UPDATE clients SET {what} WHERE id = {acme}");
    let newest = format!("DELETE FROM {chain} = (SELECT max(sequence) FROM {chain} > 0)");
    let value = format!(
        "UPDATE audit_entries SET contents = replace(contents, 'Note 1', 'Note 9') WHERE chain_id \
         = {acme} AND contents LIKE '%Note 1%'"
    );
    let inserted = format!(
        "INSERT INTO audit_entries SELECT tenant_id, chain_id, 0, id, created_at, entity_type, \
         entity_id, action, collection_control, actor_kind, actor_id, surface, request_id, \
         operation_id, contents, previous_hash, hash FROM {chain} = 1"
    );
    let token = "UPDATE audit_entries SET actor_id = 'nobody' WHERE entity_type = 'api_token'";
    for (name, sql, chain, what) in [
        ("actor", update("actor_id = 'nobody'", 2), ACME, "entry 2 was edited"),
        ("time", update("created_at = created_at + 1", 1), ACME, "entry 1 was edited"),
        ("value", format!("{value} AND sequence = 15"), ACME, "entry 15 was edited"),
        ("removed", format!("DELETE FROM {chain} = 2"), ACME, "entry 2 does not follow"),
        ("inserted", inserted, ACME, "does not follow the entry before it"),
        ("newest", newest, ACME, "the newest entries were removed"),
        ("head", client("audit_count = audit_count + 1"), ACME, "the newest entries were removed"),
        ("record", client("name = 'Mallory'"), ACME, "behind the trail: name"),
        ("status", client("status = 'inactive'"), ACME, "behind the trail: status"),
        ("gone", format!("DELETE FROM clients WHERE id = {acme}"), ACME, "is not there"),
        ("unreadable", client("audit_hash = x'00'"), ACME, ""),
        ("token", format!("{token} AND tenant_id = {ours}"), OURS, "was edited"),
    ] {
        let directory = copies.with(name, &sql);
        let verified = verify(&directory, &[]);
        assert_eq!(verified.code, Some(1), "{name}: {verified:?}");
        let place = format!("tenant {OURS}, chain {chain}: ");
        let told = verified.out.lines().find_map(|line| line.strip_prefix(&place));
        assert!(told.is_some_and(|told| told.contains(what)), "{name}: {verified:?}");
        assert!(verified.out.ends_with(": 1 NOT INTACT\n"), "{name}: {verified:?}");

        let verified = verify(&directory, &["--json"]);
        let shown: Value = serde_json::from_str(&verified.out).expect("JSON");
        let fault = json!({ "tenant_id": OURS, "chain_id": chain, "what": told });
        assert_eq!((&shown["intact"], &shown["faults"]), (&json!(false), &json!([fault])));
        assert_eq!(verified.code, Some(1));
    }
}

/// What is wrong with the tenant's definitions says nothing of its clients.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_definition_hides_no_client() {
    let original = directory();
    let server = Server::start(original.path());
    let caller = Caller::new(&server);
    let field = json!({ "label": "Colour", "type": "text" });
    let path = "/v1/workspace/tenant123/clients/fields";
    assert_eq!(caller.call(Method::POST, path, Some(&field)).await.status(), 201);
    let value = json!({ "customFields": [{ "fieldKey": "colour", "value": "red" }] });
    assert_eq!(caller.changes(ACME_OBJECT, &value).await, 200);
    assert_eq!(server.stop().code, Some(0));
    let copies = Copies { original, copies: directory() };
    let damaged = copies.with("damaged", "UPDATE fields SET metadata = '{}x'");
    let tampered = format!("UPDATE clients SET name = 'Mallory' WHERE id = {}", blob(GLOBEX));
    assert_eq!(behind(&damaged).execute(&tampered, []).expect("a change"), 1);
    let verified = verify(&damaged, &[]);
    assert_eq!(verified.code, Some(1), "{verified:?}");
    let lines: Vec<_> = verified.out.lines().collect();
    assert_eq!(lines.len(), 3, "{verified:?}");
    assert!(lines[0].contains(&format!("chain {OURS}: it cannot be read")), "{verified:?}");
    assert!(lines[1].contains(GLOBEX) && lines[1].contains("behind the trail: name"));
    assert!(lines[2].ends_with(": 2 NOT INTACT"), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_is_all_that_is_checked() {
    let copies = copies().await;
    let sql = format!("UPDATE clients SET name = 'Mallory' WHERE id = {}", blob(ACME));
    let directory = copies.with("scopes", &sql);
    let upper = ACME.to_uppercase();
    for (scope, code, chains) in [
        (&[][..], 1, "6 chains"),
        (&["--tenant", "tenant123"], 1, "3 chains"),
        (&["--tenant", OURS], 1, "3 chains"),
        (&["--tenant", "65a000000000000000000123"], 1, "3 chains"),
        (&["--tenant", "tenant999"], 0, "2 chains"),
        (&["--client", ACME], 1, "1 chains"),
        (&["--client", &upper], 1, "1 chains"),
        (&["--client", GLOBEX], 0, "1 chains"),
        (&["--client", INITECH], 0, "1 chains"),
        (&["--tenant", "tenant123", "--client", GLOBEX], 0, "1 chains"),
    ] {
        let verified = verify(&directory, scope);
        assert_eq!(verified.code, Some(code), "{scope:?}: {verified:?}");
        let last = verified.out.lines().next_back().expect("a line");
        assert!(last.starts_with(chains), "{scope:?}: {verified:?}");
        assert_eq!(last.ends_with("intact"), code == 0, "{scope:?}: {verified:?}");
    }
    for (scope, told) in [
        (&["--tenant", "nobody"][..], "there is no tenant \"nobody\""),
        (&["--client", "456"], "there is no client \"456\""),
        (&["--client", OURS], "there is no client"),
        (&["--tenant", "tenant123", "--client", INITECH], "there is no client"),
    ] {
        let refused = verify(&directory, scope);
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{refused:?}");
        assert!(refused.log.starts_with(&format!("error: {told}")), "{refused:?}");
    }
    let mut command = clientbook();
    command
        .args(["audit", "verify"])
        .env("CLIENTBOOK_DATABASE", store_url(&directory))
        .env("CLIENTBOOK_TENANT", "tenant123")
        .env("CLIENTBOOK_JSON", "1");
    let shown: Value = serde_json::from_str(&finish(&mut command).out).expect("JSON");
    assert_eq!((&shown["chains"], &shown["intact"]), (&json!(3), &json!(false)));
    let shown = finish(command.env("CLIENTBOOK_CLIENT", GLOBEX)).out;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!((&shown["chains"], &shown["intact"]), (&json!(1), &json!(true)));
}

#[test]
fn no_store_is_not_made() {
    let directory = directory();
    let mut command = clientbook();
    let default = finish(command.args(["audit", "verify"]).current_dir(directory.path()));
    for ended in [default, verify(&directory.path().join("none"), &[])] {
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{ended:?}");
        for part in ["error: there is no store at ", "clientbook serve", "CLIENTBOOK_DATABASE"] {
            assert!(ended.log.contains(part), "{part:?} is not in {:?}", ended.log);
        }
    }
    assert_eq!(names(directory.path()), [""; 0]);
}

#[test]
fn what_is_no_store_is_left_alone() {
    let another = directory();
    let database = behind(another.path());
    database.execute_batch("CREATE TABLE notes (text TEXT)").expect("another program's table");
    drop(database);
    let database = fs::read(another.path().join("clientbook.db")).expect("a database");
    for bytes in [&b""[..], b"Dear diary,\n", &database] {
        let directory = directory();
        let path = directory.path().join("clientbook.db");
        fs::write(&path, bytes).expect("a file");
        let url = store_url(directory.path());
        let create = ["token", "create", "--role", "operator", "--database", &url];
        for ended in [verify(directory.path(), &[]), run(&create)] {
            assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
            assert_eq!(ended.log.lines().count(), 1, "{}", ended.log);
            assert!(ended.log.contains(&*path.to_string_lossy()), "{}", ended.log);
            assert!(ended.log.contains("CLIENTBOOK_DATABASE"), "{}", ended.log);
        }
        assert!(fs::read(&path).expect("the file") == bytes, "the file was written to");
        assert_eq!(names(directory.path()), ["clientbook.db"]);
    }
}
