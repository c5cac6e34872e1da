//! What chains tell of besides the client: tenants, types and tokens are compared with it too.

use crate::book::{ACME, Book, GLOBEX, OURS, RIVAL};
use uuid::{Uuid, uuid};

const BEHIND: &str = "was changed behind the trail:";
const UNTOLD: &str = "has no entry that made it";
const ROWLESS: &str = "is not there, though an entry tells of it";

fn blob(id: Uuid) -> String {
    format!("x'{}'", id.simple())
}

/// Tampers with a copy and expects these faults and no other: the chain, and how it is told.
async fn assert_told(book: &Book, statements: &[&str], told: &[(Uuid, &str, &str)]) {
    let book = book.copy();
    book.tamper(&statements.iter().map(|sql| (*sql).to_owned()).collect::<Vec<_>>());
    let faults = book.verify(None, None).await.faults;
    assert_eq!(faults.len(), told.len(), "{statements:?}: {faults:?}");
    for (fault, (chain, kind, what)) in faults.iter().zip(told) {
        assert_eq!(fault.chain_id, *chain, "{statements:?}: {fault:?}");
        assert!(fault.what.starts_with(kind), "{statements:?}: {fault:?}");
        assert!(fault.what.ends_with(what), "{statements:?}: {fault:?}");
    }
}

#[tokio::test]
async fn an_edited_api_token_is_found() {
    let book = Book::sqlite_with_history().await;
    let edits = [
        ("name = 'Another'", "name"),
        ("role = 'admin'", "role"),
        ("role = NULL", "role"),
        // The role counts, but another version of this program might think otherwise.
        ("permissions = '[\"clients.update\"]'", "permissions"),
        ("role = NULL, permissions = '[\"from the future\"]'", "permissions, role"),
        ("client_ids = NULL", "client_ids"),
        ("client_ids = '[]'", "client_ids"),
        ("org_id = NULL", "org_id"),
        ("org_id = 'another'", "org_id"),
        ("project_id = NULL", "project_id"),
        ("expires_at = NULL", "expires_at"),
        ("expires_at = expires_at + 1", "expires_at"),
        ("created_by = 'another'", "created_by"),
        ("created_at = created_at + 1", "created_at"),
        ("revoked_at = 1773153000000", "revoked_at"),
    ];
    for (assignment, fields) in edits {
        let sql = format!("UPDATE api_tokens SET {assignment} WHERE role = 'viewer'");
        assert_told(&book, &[&sql], &[(OURS, "api_token ", &format!("{BEHIND} {fields}"))]).await;
    }
    let revived = "UPDATE api_tokens SET revoked_at = NULL WHERE revoked_at IS NOT NULL";
    let told = format!("{BEHIND} revoked_at");
    assert_told(&book, &[revived], &[(OURS, "api_token ", &told)]).await;
    let operators = "UPDATE api_tokens SET name = 'x' WHERE role = 'operator'";
    let told = format!("{BEHIND} name");
    assert_told(&book, &[operators], &[(Uuid::nil(), "api_token ", &told)]).await;
}

/// The token's row as it is, in another place.
fn copied_token(tenant: &str) -> String {
    format!(
        "INSERT INTO api_tokens SELECT {tenant}, zeroblob(16), name, 'operator', NULL, NULL, NULL,
            NULL, NULL, created_by, created_at, NULL FROM api_tokens WHERE role = 'viewer'"
    )
}

#[tokio::test]
async fn a_forged_or_missing_api_token_is_found() {
    let book = Book::sqlite_with_history().await;
    let forged = copied_token("tenant_id");
    assert_told(&book, &[&forged], &[(OURS, "api_token 00000000-", UNTOLD)]).await;
    let operators = copied_token("zeroblob(16)");
    assert_told(&book, &[&operators], &[(Uuid::nil(), "api_token 00000000-", UNTOLD)]).await;
    let nobody = Uuid::from_u128(0xff);
    let homeless = copied_token(&blob(nobody));
    assert_told(&book, &[&homeless], &[(nobody, "", "is not there")]).await;
    let removed = "DELETE FROM api_tokens WHERE role = 'viewer'";
    assert_told(&book, &[removed], &[(OURS, "api_token ", ROWLESS)]).await;
    let renamed = "UPDATE api_tokens SET id = x'' WHERE role = 'viewer'";
    let told = [(OURS, "api_token x'' ", UNTOLD), (OURS, "api_token ", ROWLESS)];
    assert_told(&book, &[renamed], &told).await;
    let moved = "UPDATE api_tokens SET tenant_id = zeroblob(16) WHERE role = 'viewer'";
    let told = [(Uuid::nil(), "api_token ", UNTOLD), (OURS, "api_token ", ROWLESS)];
    assert_told(&book, &[moved], &told).await;
}

#[tokio::test]
async fn an_edited_tenant_is_found() {
    let book = Book::sqlite_with_history().await;
    for (assignment, field) in [
        ("slug = 'another'", "slug"),
        ("object_id = '00000000000000000000abcd'", "object_id"),
        ("name = 'Another'", "name"),
        ("strict_fields = 1", "strict_fields"),
        ("created_at = created_at + 1", "created_at"),
    ] {
        for tenant in [OURS, Uuid::nil()] {
            let sql = format!("UPDATE tenants SET {assignment} WHERE id = {}", blob(tenant));
            let told = format!("{BEHIND} {field}");
            assert_told(&book, &[&sql], &[(tenant, "tenant ", &told)]).await;
        }
    }
}

#[tokio::test]
async fn a_client_type_that_is_not_as_told_is_found() {
    let book = Book::sqlite_with_history().await;
    let edited = "UPDATE client_types SET title = 'Another' WHERE id = 2";
    let told = format!("{BEHIND} title");
    assert_told(&book, &[edited], &[(OURS, "client_type 2 ", &told)]).await;
    let forged = format!("INSERT INTO client_types VALUES ({}, 9, 'Forged')", blob(OURS));
    assert_told(&book, &[&forged], &[(OURS, "client_type 9 ", UNTOLD)]).await;
    let removed = "DELETE FROM client_types WHERE id = 3";
    assert_told(&book, &[removed], &[(OURS, "client_type 3 ", ROWLESS)]).await;
    let renumbered = "UPDATE client_types SET id = -1 WHERE id = 3";
    let told = [(OURS, "client_type -1 ", UNTOLD), (OURS, "client_type 3 ", ROWLESS)];
    assert_told(&book, &[renumbered], &told).await;
}

#[tokio::test]
async fn a_field_that_is_not_as_told_is_found() {
    let book = Book::sqlite_with_history().await;
    for (assignment, field) in [
        ("number = 9", "number"),
        ("object_id = '00000000000000000000abcd'", "object_id"),
        ("field_key = 'another'", "key"),
        ("label = 'Another'", "label"),
        ("description = NULL", "description"),
        ("kind = 'number'", "type"),
        ("is_required = 1", "is_required"),
        ("is_unique = 1", "is_unique"),
        ("is_filterable = 0", "is_filterable"),
        ("place = 7", "order"),
        ("status = 'archived'", "status"),
        ("status = 'deleting'", "status"),
        ("metadata = '{}'", "metadata"),
        ("metadata = '{\"width\": 3}'", "metadata"),
        ("created_at = created_at + 1", "created_at"),
        ("updated_at = updated_at + 1", "updated_at"),
    ] {
        let sql = format!("UPDATE fields SET {assignment} WHERE field_key = 'notes'");
        let told = format!("{BEHIND} {field}");
        assert_told(&book, &[&sql], &[(OURS, "field ", &told)]).await;
    }
    let version = "UPDATE fields SET version = 0 WHERE field_key = 'notes'";
    assert_told(&book, &[version], &[(OURS, "field ", "has the version 0")]).await;
    let removed = "DELETE FROM fields WHERE field_key = 'notes'";
    assert_told(&book, &[removed], &[(OURS, "field ", ROWLESS)]).await;
    let forged = "INSERT INTO fields SELECT tenant_id, zeroblob(16), 9, '00000000000000000000abcd',
        'forged', label, description, kind, is_required, is_unique, is_filterable, place, status,
        metadata, version, created_at, updated_at FROM fields WHERE field_key = 'notes'";
    assert_told(&book, &[forged], &[(OURS, "field 00000000-", UNTOLD)]).await;
    let moved = format!("UPDATE fields SET tenant_id = {} WHERE number = 1", blob(RIVAL));
    let told = [(OURS, "field ", ROWLESS), (RIVAL, "field ", UNTOLD)];
    assert_told(&book, &[&moved], &told).await;
    let copy = book.copy();
    copy.tamper(&["UPDATE fields SET status = 'bogus' WHERE field_key = 'notes'".to_owned()]);
    let faults = copy.verify(None, None).await.faults;
    assert!(faults.iter().any(|fault| fault.chain_id == OURS), "{faults:?}");
}

#[tokio::test]
async fn an_enrolment_token_that_is_not_as_told_is_found() {
    let book = Book::sqlite_with_history().await;
    for (assignment, field) in [
        ("description = NULL", "description"),
        ("site_id = 'site'", "site_id"),
        ("max_uses = 1000", "max_uses"),
        ("expires_at = 1", "expires_at"),
        ("created_at = created_at + 1", "created_at"),
        ("revoked_at = NULL", "revoked_at"),
        ("revoked_at = revoked_at + 1", "revoked_at"),
    ] {
        let sql = format!("UPDATE enrollment_tokens SET {assignment}");
        let told = format!("{BEHIND} {field}");
        assert_told(&book, &[&sql], &[(ACME, "enrollment_token ", &told)]).await;
    }
    let removed = "DELETE FROM enrollment_tokens";
    assert_told(&book, &[removed], &[(ACME, "enrollment_token ", ROWLESS)]).await;
    let (ours, globex) = (blob(OURS), blob(GLOBEX));
    let forged = format!(
        "INSERT INTO enrollment_tokens (tenant_id, id, client_id, value, created_at)
        VALUES ({ours}, zeroblob(16), {globex}, 'enroll_x', 0)"
    );
    assert_told(&book, &[&forged], &[(GLOBEX, "enrollment_token 00000000-", UNTOLD)]).await;
    let moved = format!("UPDATE enrollment_tokens SET client_id = {globex}");
    let told = [(ACME, "enrollment_token ", ROWLESS), (GLOBEX, "enrollment_token ", UNTOLD)];
    assert_told(&book, &[&moved], &told).await;
    let nobody = Uuid::from_u128(0xff);
    let homeless = forged.replace(&globex, &blob(nobody));
    assert_told(&book, &[&homeless], &[(nobody, "", "is not there")]).await;
}

/// More rows than are read at a time, each of which is compared once.
#[tokio::test]
async fn many_rows_are_all_compared() {
    let book = Book::sqlite_with_history().await;
    let ours = blob(OURS);
    book.tamper(&[
        format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1200)
            INSERT INTO api_tokens (tenant_id, id, name, role, created_by, created_at)
            SELECT {ours}, randomblob(16), 'x', 'admin', 'x', 0 FROM n"
        ),
        format!(
            "WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n LIMIT 1200)
            INSERT INTO client_types SELECT {ours}, i, i FROM n"
        ),
        format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1200)
            INSERT INTO enrollment_tokens (tenant_id, id, client_id, value, created_at, revoked_at)
            SELECT {ours}, randomblob(16), {}, 'x' || i, 0, 0 FROM n",
            blob(GLOBEX)
        ),
    ]);
    let faults = book.verify(None, None).await.faults;
    for kind in ["api_token", "client_type", "enrollment_token"] {
        let told = faults.iter().filter(|fault| fault.what.starts_with(kind));
        let told = told.map(|fault| &fault.what).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(told.len(), 1_200, "{kind}");
    }
    assert_eq!(faults.len(), 3_600);
}

/// An id that is none is told, and all the rest is checked.
#[tokio::test]
async fn a_damaged_id_does_not_end_the_run() {
    let book = Book::sqlite_with_history().await;
    for damaged in ["x''", "x'00'", "x'ff'", "zeroblob(17)"] {
        let (ours, globex) = (blob(OURS), blob(GLOBEX));
        let copy = book.copy();
        copy.tamper(&[
            format!(
                "INSERT INTO tenants (id, slug, object_id, name, created_at)
                VALUES ({damaged}, 'sly', '00000000000000000000abcd', 'Sly', 0)"
            ),
            format!(
                "INSERT INTO clients (tenant_id, id, number, object_id, name, status,
                    collection_mode, version, created_at, updated_at, audit_count, audit_hash)
                VALUES ({ours}, {damaged}, 9, '000000000000000000000009', 'Sly', 'active',
                    'saas_usage', 1, 0, 0, 0, zeroblob(32))"
            ),
            format!(
                "INSERT INTO audit_entries SELECT tenant_id, x'0102', sequence, id, created_at,
                    entity_type, entity_id, action, collection_control, actor_kind, actor_id,
                    surface, request_id, operation_id, contents, previous_hash, hash
                FROM audit_entries WHERE chain_id = {globex} AND sequence = 1"
            ),
            format!("UPDATE clients SET name = 'Sly' WHERE id = {globex}"),
        ]);
        let report = copy.verify(None, None).await;
        let told: Vec<_> = report.faults.iter().map(|fault| fault.what.as_str()).collect();
        let renamed = format!("the record {BEHIND} name");
        let shown = damaged.replace("zeroblob(17)", &format!("x'{}'", "00".repeat(17)));
        let client = format!("an id is damaged: tenant {ours}, chain {shown}");
        let expected = [
            format!("an id is damaged: tenant {shown}, chain {shown}"),
            format!("an id is damaged: tenant {ours}, chain x'0102'"),
            client.clone(),
            renamed,
        ];
        for what in &expected {
            assert!(told.contains(&what.as_str()), "{damaged}: {what} is not in {told:?}");
        }
        assert_eq!(told.len(), expected.len(), "{damaged}: {told:?}");
        assert_eq!(report.chains, 6, "{damaged}");
        let ours = copy.verify(Some("tenant123"), None).await.faults;
        assert!(ours.iter().any(|fault| fault.what == client), "{ours:?}");
        assert_eq!(copy.verify(Some("tenant999"), None).await.faults, []);
    }
}

const ALICES: Uuid = uuid!("f1e2d3c4-b5a6-7890-abcd-ef1234567890");
const ALICE: Uuid = uuid!("a1b2c3d4-e5f6-7890-abcd-ef1234567890");
const SALES: Uuid = uuid!("d1e2f3a4-b5c6-7890-abcd-ef1234567891");

/// What agents tell of a device is in no entry; the rest is.
#[tokio::test]
async fn an_edited_device_user_or_department_is_found() {
    let book = Book::sqlite_with_history().await;
    for (table, id, kind, edits) in [
        (
            "devices",
            ALICES,
            "device ",
            &[
                ("unique_key = 'another'", "unique_key"),
                ("collection_state = 'deleted'", "collection_state"),
                ("log_shipping_enabled = 1", "log_shipping_enabled"),
                ("enrolled_with = NULL", "enrolled_with"),
                ("installed_at = installed_at + 1", "installed_at"),
                ("uninstalled_at = 1", "uninstalled_at"),
                ("created_at = created_at - 1", "created_at"),
                ("updated_at = updated_at + 1", "updated_at"),
            ][..],
        ),
        (
            "device_users",
            ALICE,
            "user ",
            &[("status = 'archived'", "status"), ("updated_at = updated_at + 1", "updated_at")],
        ),
        (
            "departments",
            SALES,
            "department ",
            &[("name = 'Sly'", "name"), ("description = NULL", "description")],
        ),
    ] {
        for (assignment, field) in edits {
            let sql = format!("UPDATE {table} SET {assignment} WHERE id = {}", blob(id));
            assert_told(&book, &[&sql], &[(ACME, kind, &format!("{BEHIND} {field}"))]).await;
        }
        let sql = format!("UPDATE {table} SET version = 0 WHERE id = {}", blob(id));
        assert_told(&book, &[&sql], &[(ACME, kind, "has the version 0")]).await;
    }
    let left = format!("DELETE FROM department_members WHERE user_id = {}", blob(ALICE));
    assert_told(&book, &[&left], &[(ACME, "user ", &format!("{BEHIND} departments"))]).await;
    let gone = format!("DELETE FROM devices WHERE id = {}", blob(ALICES));
    assert_told(&book, &[&gone], &[(ACME, "device ", ROWLESS)]).await;
    let told =
        format!("UPDATE devices SET name = 'x', last_seen_at = 1 WHERE id = {}", blob(ALICES));
    assert_told(&book, &[&told], &[]).await;
}
