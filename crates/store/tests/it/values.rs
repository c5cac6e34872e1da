//! The values of enrolment tokens: each is given once, whoever it was given to.

use crate::make::{Store, client, enrollment_token, fill, tenant, time};
use clientbook_model::enrollment::EnrollmentToken;
use clientbook_model::id::EnrollmentTokenId;
use clientbook_store::clients::ClientKey;
use clientbook_store::{
    Access, Db, DbError, Tx, client_keys, clients, enrollment_tokens, erased_clients,
};
use uuid::Uuid;

const OURS: u8 = 1;
const THEIRS: u8 = 2;

async fn store() -> Store {
    let store = Store::new();
    let filled = store.write(async |tx: &mut Tx| {
        fill(tx, OURS).await?;
        fill(tx, THEIRS).await
    });
    filled.await.expect("rows of two tenants");
    store
}

/// Another token of ours, with a value of theirs.
fn copied() -> EnrollmentToken {
    let theirs = enrollment_token(&client(&tenant(THEIRS), 1), 1);
    let id = EnrollmentTokenId(Uuid::from_u128(99));
    EnrollmentToken { id, value: theirs.value, ..enrollment_token(&client(&tenant(OURS), 2), 2) }
}

async fn give(store: &Store, token: EnrollmentToken) -> Result<(), DbError> {
    store.write(async move |tx: &mut Tx| enrollment_tokens::insert(tx, &token).await).await
}

async fn known(store: &Store) -> Vec<String> {
    let asked = [copied().value, "enroll_of_nobody".to_owned()];
    let asked = async move |tx: &mut Tx| client_keys::token_values_across_tenants(tx, &asked).await;
    store.db.read(asked).await.expect("values")
}

#[tokio::test]
async fn a_value_is_given_once_across_tenants() {
    let store = store().await;
    let refused = give(&store, copied()).await.expect_err("a value of theirs");
    assert!(refused.is_unique("enrollment_values_digest"), "{refused}");
    assert_eq!(known(&store).await, [copied().value]);
}

#[tokio::test]
async fn a_value_of_a_client_that_was_erased_is_given_to_nobody() {
    let store = store().await;
    let erased = store.write(async |tx: &mut Tx| {
        let theirs = client(&tenant(THEIRS), 1);
        let record = clients::get(tx, theirs.tenant_id, ClientKey::Id(theirs.id));
        let client = record.await?.expect("their client").client;
        erased_clients::put(tx, &client, time(5)).await
    });
    erased.await.expect("an erasure");
    let rows = store.database.rows("SELECT count(*) FROM enrollment_tokens");
    assert_eq!(rows, [["1"]], "ours alone");
    let refused = give(&store, copied()).await.expect_err("a value that was theirs");
    assert!(refused.is_unique("enrollment_values_digest"), "{refused}");
    assert_eq!(known(&store).await, [copied().value]);
}

/// A store of an older version, in which two tenants have one value: the older token keeps it.
#[tokio::test]
async fn values_that_were_there_before_are_taken() {
    let Store { db, database } = store().await;
    drop(db);
    let value = copied().value;
    database.execute(&format!(
        "UPDATE enrollment_tokens SET value = '{value}';
         DROP TABLE enrollment_values;
         DROP TABLE merged_external_ids;
         DROP INDEX client_values_client_id;
         ALTER TABLE usage_days DROP COLUMN records;
         ALTER TABLE imports DROP COLUMN read_digest;
         DELETE FROM refinery_schema_history WHERE version >= 12"
    ));
    let db = Db::open(database.url(), Access::Write).expect("a migrated store");
    let store = Store { db, database };
    assert_eq!(store.database.rows("SELECT count(*) FROM enrollment_values"), [["1"]]);
    assert_eq!(known(&store).await, [value]);
    give(&store, copied()).await.expect_err("a value that is taken");
    let fresh = EnrollmentToken { value: "enroll_fresh".into(), ..copied() };
    give(&store, fresh).await.expect("a value of nobody's");
}
