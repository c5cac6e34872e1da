//! Whoever edits the file behind the trail is found out, and nobody else is blamed.

use crate::book::{ACME, Book, GLOBEX, INITECH, OURS, RIVAL};
use clientbook_model::audit::{Contents, Hash, Sealed};
use std::collections::BTreeSet;
use uuid::{Uuid, uuid};

/// An id that nothing has.
const NOBODY: Uuid = uuid!("00000000-0000-0000-0000-0000000000ff");

fn blob(id: Uuid) -> String {
    format!("x'{}'", id.simple())
}

/// Acme's entry with this place.
fn entry(sequence: i64) -> String {
    format!("chain_id = {} AND sequence = {sequence}", blob(ACME))
}

fn set(sequence: i64, assignment: &str) -> String {
    format!("UPDATE audit_entries SET {assignment} WHERE {}", entry(sequence))
}

/// Another entry like Acme's sixteenth, in this place.
fn forge(sequence: i64) -> String {
    format!(
        "INSERT INTO audit_entries SELECT tenant_id, chain_id, {sequence}, id, created_at,
            entity_type, entity_id, action, collection_control, actor_kind, actor_id, surface,
            request_id, operation_id, contents, previous_hash, hash
        FROM audit_entries WHERE {}",
        entry(16)
    )
}

fn remove(condition: &str) -> String {
    format!("DELETE FROM audit_entries WHERE {condition}")
}

/// Tampers with a copy and expects a fault in each of these chains, and in no other.
async fn assert_faults(book: &Book, statements: &[String], chains: &[Uuid]) {
    let book = book.copy();
    book.tamper(statements);
    let report = book.verify(None, None).await;
    let mut found: Vec<_> = report.faults.iter().map(|fault| fault.chain_id).collect();
    let mut expected = chains.to_vec();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "{statements:?}: {:?}", report.faults);
    if chains.contains(&ACME) {
        let alone = book.verify(None, Some(ACME)).await;
        assert_eq!((alone.chains, alone.faults.len()), (1, 1), "{statements:?}");
    }
    for innocent in [GLOBEX, INITECH].into_iter().filter(|client| !chains.contains(client)) {
        assert_eq!(book.verify(None, Some(innocent)).await.faults, [], "{statements:?}");
    }
}

#[tokio::test]
async fn an_edited_column_is_found() {
    let book = Book::sqlite_with_history().await;
    let rival = format!("tenant_id = {}", blob(RIVAL));
    let nobody = format!("chain_id = {}", blob(NOBODY));
    // Moved to another chain, it is missing in one and belongs to nobody in the other.
    let edits: &[(&str, &[Uuid])] = &[
        (&rival, &[ACME, ACME]),
        (&nobody, &[ACME, NOBODY]),
        ("sequence = 1000", &[ACME]),
        ("sequence = 0", &[ACME]),
        ("id = zeroblob(16)", &[ACME]),
        ("id = x'00'", &[ACME]),
        ("created_at = created_at + 1", &[ACME]),
        ("entity_type = 'device'", &[ACME]),
        ("entity_type = 'bogus'", &[ACME]),
        ("entity_id = zeroblob(16)", &[ACME]),
        ("action = 'client_created'", &[ACME]),
        ("collection_control = 1 - collection_control", &[ACME]),
        ("actor_kind = 'system'", &[ACME]),
        ("actor_id = 'somebody else'", &[ACME]),
        ("surface = 'workspace'", &[ACME]),
        ("request_id = 'another'", &[ACME]),
        ("operation_id = zeroblob(16)", &[ACME]),
        ("contents = 'not JSON'", &[ACME]),
        ("previous_hash = zeroblob(32)", &[ACME]),
        ("hash = zeroblob(32)", &[ACME]),
        ("hash = x'00'", &[ACME]),
    ];
    for (assignment, chains) in edits {
        assert_faults(&book, &[set(16, assignment)], chains).await;
    }
    // A new column is covered by the hash, and tried here.
    let outside = book.outside();
    let mut columns = outside.prepare("SELECT name FROM pragma_table_info('audit_entries')");
    let columns = columns.as_mut().expect("a statement");
    let columns = columns.query_map([], |row| row.get::<_, String>(0)).expect("columns");
    let columns: BTreeSet<_> = columns.map(|column| column.expect("a name")).collect();
    let tried = edits.iter().filter_map(|(assignment, _)| assignment.split(' ').next());
    assert_eq!(columns, tried.map(str::to_owned).collect());
}

#[tokio::test]
async fn edited_contents_are_found() {
    let book = Book::sqlite_with_history().await;
    let edits = [
        "json_set(contents, '$.actor_name.text', '\"Nobody\"')",
        "json_set(contents, '$.actor_name.salt', '00000000000000000000000000000000')",
        "json_set(contents, '$.source_address.text', '\"::1\"')",
        "json_set(contents, '$.source_address.salt', '00000000000000000000000000000000')",
        "json_set(contents, '$.changes[0].field', 'email')",
        "json_set(contents, '$.changes[0].before.text', '\"x\"')",
        "json_set(contents, '$.changes[0].before.salt', '00000000000000000000000000000000')",
        "json_set(contents, '$.changes[0].after.text', '\"x\"')",
        "json_set(contents, '$.changes[0].after.salt', '00000000000000000000000000000000')",
        "json_set(contents, '$.changes[0].after', json_object('digest', hex(zeroblob(32))))",
        "json_set(contents, '$.changes[#]', json_extract(contents, '$.changes[0]'))",
        "json_remove(contents, '$.changes[0]')",
        "json_remove(contents, '$.actor_name')",
    ];
    for edit in edits {
        assert_faults(&book, &[set(16, &format!("contents = {edit}"))], &[ACME]).await;
    }
}

#[tokio::test]
async fn a_removed_entry_is_found() {
    let book = Book::sqlite_with_history().await;
    let newest = book.verify(None, Some(ACME)).await.entries;
    for sequence in [1, 16, i64::try_from(newest).expect("a place")] {
        assert_faults(&book, &[remove(&entry(sequence))], &[ACME]).await;
    }
    assert_faults(&book, &[remove(&format!("chain_id = {}", blob(ACME)))], &[ACME]).await;
}

#[tokio::test]
async fn an_inserted_entry_is_found() {
    let book = Book::sqlite_with_history().await;
    // Before the first, where a walk from 1 would not look, and behind the newest.
    for sequence in [i64::MIN, -1, 0, 100, i64::MAX] {
        assert_faults(&book, &[forge(sequence)], &[ACME]).await;
    }
    let shift = |by: &str| {
        let chain = blob(ACME);
        format!(
            "UPDATE audit_entries SET sequence = sequence {by}
            WHERE chain_id = {chain} AND sequence > 16"
        )
    };
    assert_faults(&book, &[shift("+ 1000"), shift("- 999"), forge(17)], &[ACME]).await;
}

#[tokio::test]
async fn swapped_entries_are_found() {
    let book = Book::sqlite_with_history().await;
    let swap = [set(16, "sequence = -1"), set(17, "sequence = 16"), set(-1, "sequence = 17")];
    assert_faults(&book, &swap, &[ACME]).await;
}

#[tokio::test]
async fn a_record_changed_behind_the_trail_is_found() {
    let book = Book::sqlite_with_history().await;
    let edits = [
        "number = 1000",
        "object_id = '000000000000000000000000'",
        "name = 'Somebody else'",
        "status = 'inactive'",
        "status = 'bogus'",
        "collection_mode = 'saas_usage'",
        "email = 'sly@example.com'",
        "tags = NULL",
        "tags = '[\"vip\"]'",
        "org_id = 'org'",
        "project_id = 'project'",
        "owner_id = 'owner'",
        "avatar_url = 'https://sly.example'",
        "contact_methods = '[{\"type\":\"email\",\"value\":\"a@example.com\",\"preferred\":true}]'",
        "custom_values = '{\"sly\": true}'",
        "external_id = 'sly'",
        "parent_client_id = 457",
        "client_type_id = 2",
        "success = NULL",
        "success = json_set(success, '$.city', 'Shelbyville')",
        "created_at = created_at - 1",
        "updated_at = updated_at + 1",
        "workspace_deleted_at = 1773153000000",
        "version = 0",
        "version = -1",
        "audit_count = audit_count - 1",
        "audit_count = audit_count + 1",
        "audit_hash = zeroblob(32)",
        "audit_hash = x''",
        "audit_count = 0, audit_hash = zeroblob(32)",
    ];
    for assignment in edits {
        let sql = format!("UPDATE clients SET {assignment} WHERE id = {}", blob(ACME));
        assert_faults(&book, &[sql], &[ACME]).await;
    }
}

/// The chain is whole up to where the head now stands, but the rows are not what they were there.
#[tokio::test]
async fn a_head_moved_back_is_found() {
    let book = Book::sqlite_with_history().await;
    let chain = blob(ACME);
    let newest = format!(
        "chain_id = {chain} AND sequence > (SELECT audit_count - 2 FROM clients WHERE id = {chain})"
    );
    let back = format!(
        "UPDATE clients SET (audit_count, audit_hash) = (SELECT sequence, hash FROM audit_entries
            WHERE chain_id = {chain} ORDER BY sequence DESC LIMIT 1) WHERE id = {chain}"
    );
    book.tamper(&[remove(&newest), back]);
    let faults = book.verify(None, None).await.faults;
    let [record, token] = &faults[..] else { panic!("{faults:?}") };
    assert_eq!([record.chain_id, token.chain_id], [ACME; 2]);
    assert_eq!(record.what, "the record was changed behind the trail: collection_mode");
    assert!(token.what.ends_with("was changed behind the trail: revoked_at"), "{token:?}");
}

#[tokio::test]
async fn a_client_that_is_gone_is_found() {
    let book = Book::sqlite_with_history().await;
    let row = format!("DELETE FROM clients WHERE id = {}", blob(ACME));
    let entries = remove(&format!("chain_id = {}", blob(ACME)));
    assert_faults(&book, std::slice::from_ref(&row), &[ACME]).await;
    assert_faults(&book, &[row, entries], &[ACME]).await;
    let renamed = format!("UPDATE clients SET id = {} WHERE id = {}", blob(NOBODY), blob(ACME));
    assert_faults(&book, &[renamed], &[ACME, NOBODY]).await;
}

#[tokio::test]
async fn a_client_without_a_trail_is_found() {
    let book = Book::sqlite_with_history().await;
    let forged = format!(
        "INSERT INTO clients (tenant_id, id, number, object_id, name, status, collection_mode,
            version, created_at, updated_at, audit_count, audit_hash)
        VALUES ({}, {}, 9, '000000000000000000000009', 'Forged', 'active', 'saas_usage', 1, 0, 0,
            0, zeroblob(32))",
        blob(OURS),
        blob(NOBODY)
    );
    assert_faults(&book, &[forged], &[NOBODY]).await;
}

#[tokio::test]
async fn a_tenants_own_chain_is_checked() {
    let book = Book::sqlite_with_history().await;
    let ours = blob(OURS);
    let statements = [
        format!("UPDATE audit_entries SET actor_id = 'x' WHERE chain_id = {ours} AND sequence = 2"),
        format!("DELETE FROM audit_entries WHERE chain_id = {ours} AND sequence = 1"),
        format!("DELETE FROM audit_entries WHERE chain_id = {ours}"),
        format!("UPDATE tenants SET audit_count = audit_count + 1 WHERE id = {ours}"),
        format!("UPDATE tenants SET audit_hash = zeroblob(32) WHERE id = {ours}"),
    ];
    for sql in statements {
        assert_faults(&book, &[sql], &[OURS]).await;
    }
    let system = "UPDATE tenants SET audit_count = 0 WHERE slug = 'clientbook-system'".to_owned();
    assert_faults(&book, &[system], &[Uuid::nil()]).await;
}

/// Reduces to digests what `choose` says, in all of Acme's entries.
fn erase(book: &Book, choose: impl Fn(&mut Contents) -> Vec<&mut Sealed>) {
    let outside = book.outside();
    let mut read =
        outside.prepare("SELECT sequence, contents FROM audit_entries WHERE chain_id = ?1");
    let read = read.as_mut().expect("a statement");
    let rows = read.query_map([ACME.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)));
    let rows: Vec<(i64, String)> = rows.expect("rows").map(|row| row.expect("a row")).collect();
    for (sequence, contents) in rows {
        let mut contents: Contents = serde_json::from_str(&contents).expect("contents");
        for sealed in choose(&mut contents) {
            let digest: Hash = sealed.digest();
            *sealed = Sealed::Erased { digest };
        }
        let erased = serde_json::to_string(&contents).expect("JSON");
        let write = "UPDATE audit_entries SET contents = ?1 WHERE chain_id = ?2 AND sequence = ?3";
        let changed = outside.execute(write, (erased, ACME.as_bytes(), sequence));
        assert_eq!(changed, Ok(1));
    }
}

const ERASED: &str = "was erased without an entry that says so";

/// The chain holds, but whoever edits a row can also reduce what tells of it to a digest.
#[tokio::test]
async fn erasure_that_nothing_tells_of_is_found() {
    let book = Book::sqlite_with_history().await;
    let choices: [fn(&mut Contents) -> Vec<&mut Sealed>; 4] = [
        |contents| vec![&mut contents.actor_name],
        |contents| vec![&mut contents.source_address],
        |contents| contents.changes.iter_mut().map(|change| &mut change.before).collect(),
        |contents| contents.changes.iter_mut().map(|change| &mut change.after).collect(),
    ];
    for choose in choices {
        let copy = book.copy();
        erase(&copy, choose);
        let faults = copy.verify(None, None).await.faults;
        let [fault] = &faults[..] else { panic!("{faults:?}") };
        assert_eq!((fault.chain_id, &*fault.what), (ACME, &*format!("entry 1 {ERASED}")));
        assert_faults(&copy, &[set(16, "actor_id = 'x'")], &[ACME]).await;
        assert_faults(&copy, &[remove(&entry(16))], &[ACME]).await;
    }
}

/// What was erased cannot be compared any more; all the rest can.
#[tokio::test]
async fn erasing_one_field_hides_no_other() {
    let book = Book::sqlite_with_history().await;
    erase(&book, |contents| {
        let names = contents.changes.iter_mut().filter(|change| change.field == "name");
        names.flat_map(|change| [&mut change.before, &mut change.after]).collect()
    });
    book.tamper(&[format!(
        "UPDATE clients SET name = 'Sly', status = 'inactive' WHERE id = {}",
        blob(ACME)
    )]);
    let faults = book.verify(None, None).await.faults;
    let [erased, changed] = &faults[..] else { panic!("{faults:?}") };
    assert_eq!(erased.what, format!("entry 1 {ERASED}"));
    assert_eq!(changed.what, "the record was changed behind the trail: status");
}
