//! `clientbook audit key`, `checkpoint` and `verify --against`: what a chain of hashes cannot find.

use crate::process::{ACME, Caller, Ended, GLOBEX, INITECH, Server, behind, run, store_url};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A store with a checkpoint of it, made while it was served.
struct Kept {
    directory: TempDir,
    public: String,
}

impl Kept {
    async fn new() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let server = Server::start(directory.path());
        let caller = Caller::new(&server);
        for client in [ACME, GLOBEX] {
            let note = json!({ "note": "kept" });
            assert_eq!(caller.changes(&format!("/client/{client}"), &note).await, 200);
        }
        let key = path(directory.path(), "audit.key");
        let made = run(&["audit", "key", "--output", &key]);
        assert_eq!(made.code, Some(0), "{made:?}");
        let public = made.out.trim().to_owned();
        let kept = Self { directory, public };
        let told = kept.checkpoint("first.ndjson");
        assert_eq!(told.code, Some(0), "{told:?}");
        // What comes later is no fault.
        let note = json!({ "note": "later" });
        assert_eq!(caller.changes(&format!("/client/{ACME}"), &note).await, 200);
        assert_eq!(server.stop().code, Some(0));
        kept
    }

    fn at(&self, name: &str) -> String {
        path(self.directory.path(), name)
    }

    fn checkpoint(&self, name: &str) -> Ended {
        let (key, output, url) = (self.at("audit.key"), self.at(name), self.url());
        run(&["audit", "checkpoint", "--key", &key, "--output", &output, "--database", &url])
    }

    fn url(&self) -> String {
        store_url(self.directory.path())
    }

    fn verify(&self, against: &str, more: &[&str]) -> Ended {
        let (url, against) = (self.url(), self.at(against));
        let args = ["audit", "verify", "--database", &url, "--against", &against];
        run(&[&args, more].concat())
    }

    /// Does it to a copy; what verifying against the checkpoint tells, without and with it.
    fn after(&self, sql: &[String]) -> (Ended, Ended) {
        self.after_of(sql, &[])
    }

    fn after_of(&self, sql: &[String], scope: &[&str]) -> (Ended, Ended) {
        let copy = TempDir::new().expect("a temporary directory");
        let from = self.directory.path().join("clientbook.db");
        fs::copy(from, copy.path().join("clientbook.db")).expect("a copy");
        let store = behind(copy.path());
        store.execute_batch("PRAGMA foreign_keys = off").expect("a pragma");
        for sql in sql {
            store.execute(sql, []).expect(sql);
        }
        drop(store);
        let (url, against) = (store_url(copy.path()), self.at("first.ndjson"));
        let alone = [&["audit", "verify", "--database", &url], scope].concat();
        (run(&alone), run(&[&alone[..], &["--against", &against]].concat()))
    }
}

fn path(directory: &Path, name: &str) -> String {
    let path: PathBuf = directory.join(name);
    path.to_str().expect("a path in UTF-8").to_owned()
}

fn blob(uuid: &str) -> String {
    format!("x'{}'", uuid.replace('-', ""))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_is_there() {
    let kept = Kept::new().await;
    let mode = fs::metadata(kept.at("audit.key")).expect("the key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let verified = kept.verify("first.ndjson", &["--public-key", &kept.public]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(verified.out.ends_with("intact\n"), "{verified:?}");
    assert!(verified.log.contains("3 tenants, 6 chains"), "{verified:?}");
    // Without a key, it is told whose it is.
    let verified = kept.verify("first.ndjson", &[]);
    assert!(verified.log.contains(&kept.public), "{verified:?}");
    let lines = fs::read_to_string(kept.at("first.ndjson")).expect("the checkpoint");
    let lines: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines[0]["type"], "checkpoint");
    assert_eq!(lines.iter().filter(|line| line["type"] == "chain").count(), 6);
    assert_eq!(lines.iter().filter(|line| line["type"] == "tenant").count(), 3);
    assert_eq!(lines.last().expect("an end")["type"], "end");
    // Neither is ever written over.
    assert_eq!(kept.checkpoint("first.ndjson").code, Some(2));
    assert_eq!(run(&["audit", "key", "--output", &kept.at("audit.key")]).code, Some(1));
    let one = ["--tenant", "tenant999"];
    let (key, url) = (kept.at("audit.key"), kept.url());
    let args = ["audit", "checkpoint", "--key", &key, "--database", &url];
    let told = run(&[&args[..], &one].concat());
    assert_eq!(told.out.matches("\"type\":\"chain\"").count(), 2);
    fs::write(kept.at("one.ndjson"), &told.out).expect("a file");
    assert_eq!(kept.verify("one.ndjson", &one).code, Some(0));
    // It says nothing of another.
    for scope in [["--tenant", "tenant123"], ["--client", ACME], ["--client", "456"]] {
        let refused = kept.verify("one.ndjson", &scope);
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{refused:?}");
        assert!(refused.log.contains("--against has nothing of the"), "{refused:?}");
    }
}

/// Each of these leaves a store that verifies by itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_rebuilt_is_found() {
    let kept = Kept::new().await;
    let (acme, initech) = (blob(ACME), blob(INITECH));
    let of = |table: &str, column: &str, client: &str| {
        format!("DELETE FROM {table} WHERE {column} = {client}")
    };
    // A client with every row that names it.
    let gone = [
        of("client_listings", "client_id", &initech),
        of("client_times", "client_id", &initech),
        of("enrollment_tokens", "client_id", &initech),
        of("audit_entries", "chain_id", &initech),
        of("client_ids", "id", &initech),
        of("clients", "id", &initech),
    ];
    let (alone, against) = kept.after(&gone);
    assert_eq!(alone.code, Some(0), "{alone:?}");
    assert_eq!(against.code, Some(1), "{against:?}");
    assert!(against.out.contains(INITECH) && against.out.contains("it was removed"), "{against:?}");
    let (alone, against) = kept.after_of(&gone, &["--client", INITECH]);
    assert_eq!(alone.code, Some(2), "{alone:?}");
    assert_eq!(against.code, Some(1), "{against:?}");
    assert!(against.out.contains(INITECH) && against.out.contains("it was removed"), "{against:?}");
    // The newest entries, with the head and the row set back.
    let newest = |client: &str, keep: &str| {
        vec![
            format!(
                "DELETE FROM audit_entries WHERE chain_id = {client} AND sequence > {keep}"
            ),
            format!(
                "UPDATE clients SET success = json_remove(success, '$.note'),
                    audit_count = (SELECT max(sequence) FROM audit_entries WHERE chain_id = {client}),
                    audit_hash = (SELECT hash FROM audit_entries WHERE chain_id = {client}
                        ORDER BY sequence DESC LIMIT 1),
                    updated_at = (SELECT max(created_at) FROM audit_entries
                        WHERE chain_id = {client} AND entity_type = 'client')
                 WHERE id = {client}"
            ),
            format!("UPDATE clients SET success = NULL WHERE id = {client} AND success = '{{}}'"),
        ]
    };
    let first_note = format!(
        "(SELECT min(sequence) - 1 FROM audit_entries WHERE chain_id = {acme}
            AND contents LIKE '%kept%')"
    );
    let (alone, against) = kept.after(&newest(&acme, &first_note));
    assert_eq!(alone.code, Some(0), "{alone:?}");
    assert_eq!(against.code, Some(1), "{against:?}");
    assert!(against.out.contains(ACME), "{against:?}");
    assert!(against.out.contains("the newest were removed"), "{against:?}");
    assert!(!against.out.contains(GLOBEX), "{against:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_checkpoint_is_refused() {
    let kept = Kept::new().await;
    let text = fs::read_to_string(kept.at("first.ndjson")).expect("the checkpoint");
    let lines: Vec<_> = text.lines().collect();
    let without = |at: usize| {
        let left = lines.iter().enumerate().filter(|(line, _)| *line != at).map(|(_, line)| *line);
        left.map(|line| line.to_owned() + "\n").collect::<Vec<_>>().concat()
    };
    let mut forged = vec![
        text.replacen("\"count\":", "\"count\":1", 1),
        text.replacen("\"chains\":", "\"chains\":1", 1),
        text.replacen(&kept.public, &"0".repeat(64), 1),
        text.replacen(&kept.public[..60], &"1".repeat(60), 1),
        text[..text.len() - 2].to_owned(),
        format!("{text}{}\n", lines[1]),
        text.replace("\"format\":\"1\"", "\"format\":\"2\""),
        "x".repeat(10_000),
        String::new(),
    ];
    forged.extend((0..lines.len()).map(without));
    for (at, forged) in forged.iter().enumerate() {
        fs::write(kept.at("forged.ndjson"), forged).expect("a file");
        let verified = kept.verify("forged.ndjson", &[]);
        assert_eq!(verified.code, Some(1), "{at}: {verified:?}\n{forged}");
        assert!(verified.log.contains("is not intact"), "{at}: {verified:?}");
    }
    // Well signed, by somebody else.
    let other = run(&["audit", "key", "--output", &kept.at("other.key")]).out;
    let verified = kept.verify("first.ndjson", &["--public-key", other.trim()]);
    assert_eq!(verified.code, Some(1));
    assert!(verified.log.contains("signed with another key"), "{verified:?}");
    // A key that others can read signs nothing.
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(kept.at("audit.key"), open).expect("another mode");
    let told = kept.checkpoint("second.ndjson");
    assert_eq!(told.code, Some(1));
    assert!(told.log.contains("can be read by others"), "{told:?}");
}
