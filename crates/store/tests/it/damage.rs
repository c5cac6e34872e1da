//! A column that holds something else than its type is told as an error, never read as a default.

use crate::make::{Store, api_token, client, digest, fill, tenant};
use clientbook_store::clients::ClientKey;
use clientbook_store::{DbError, Tx, api_tokens, audit, clients};

/// Damages a column of the newest row, reads it, and heals it again.
async fn read_damaged(store: &Store, table: &str, column: &str, damage: &str) -> Vec<DbError> {
    let outside = store.outside();
    let run = |sql: &str| outside.execute_batch(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    run("PRAGMA foreign_keys = OFF");
    let newest = format!("rowid = (SELECT max(rowid) FROM {table})");
    run(&format!(
        "CREATE TEMP TABLE healthy AS SELECT {column} AS was FROM {table} WHERE {newest}"
    ));
    run(&format!("UPDATE {table} SET {column} = {damage} WHERE {newest}"));
    let client = client(&tenant(1), 1);
    let token = api_token(&tenant(1), 1);
    let read = store.write(async move |tx: &mut Tx| {
        let (of, number) = (client.tenant_id, ClientKey::Number(client.number));
        let errors = [
            clients::get(tx, of, number).await.err(),
            audit::chain(tx, of, client.id.0, 0, 10).await.err(),
            api_tokens::find_across_tenants(tx, digest(&token)).await.err(),
        ];
        Ok(errors.into_iter().flatten().collect::<Vec<_>>())
    });
    let errors = read.await.expect("an answer");
    run(&format!("UPDATE {table} SET {column} = (SELECT was FROM healthy) WHERE {newest}"));
    errors
}

const CLIENTS: &[(&str, &str)] = &[
    ("id", "x'0102'"),
    ("object_id", "'507f'"),
    ("name", "''"),
    ("name", "hex(zeroblob(128))"),
    ("status", "'bogus'"),
    ("collection_mode", "'ACTIVE'"),
    ("email", "'no address'"),
    ("tags", "'{'"),
    ("tags", "'{}'"),
    ("org_id", "''"),
    ("project_id", "' '"),
    ("owner_id", "hex(zeroblob(51))"),
    ("avatar_url", "'javascript:1'"),
    ("contact_methods", "'[1]'"),
    ("custom_values", "'[]'"),
    ("external_id", "hex(zeroblob(51))"),
    ("success", "'{\"nps_score\": \"high\"}'"),
    ("created_at", "9223372036854775807"),
    ("updated_at", "-9223372036854775807"),
    ("audit_hash", "x'00'"),
];

const ENTRIES: &[(&str, &str)] = &[
    ("id", "x'0102'"),
    ("created_at", "9223372036854775807"),
    ("entity_type", "'bogus'"),
    ("entity_id", "x''"),
    ("action", "'bogus'"),
    ("collection_control", "0"),
    ("collection_control", "2"),
    ("actor_kind", "'bogus'"),
    ("surface", "'bogus'"),
    ("operation_id", "x'00'"),
    ("contents", "'{}'"),
    ("contents", "'not JSON'"),
    ("previous_hash", "x'00'"),
    ("hash", "zeroblob(33)"),
];

const TOKENS: &[(&str, &str)] = &[
    ("name", "''"),
    ("role", "'root'"),
    ("client_ids", "'[1]'"),
    ("client_ids", "''"),
    ("org_id", "''"),
    ("project_id", "''"),
    ("expires_at", "9223372036854775807"),
    ("created_at", "9223372036854775807"),
];

#[tokio::test]
async fn damage_is_an_error() {
    let store = Store::sqlite();
    store.write(async |tx: &mut Tx| fill(tx, 1).await).await.expect("rows");
    let tables = [("clients", CLIENTS), ("audit_entries", ENTRIES), ("api_tokens", TOKENS)];
    for (table, damages) in tables {
        for (column, damage) in damages {
            let errors = read_damaged(&store, table, column, damage).await;
            assert_eq!(errors.len(), 1, "{table}.{column} = {damage}: {errors:?}");
            let told = errors[0].to_string();
            assert!(told.contains("holds a value that is not of its type"), "{told}");
        }
    }
    // Healed each time: nothing is left of it.
    let healthy = read_damaged(&store, "clients", "name", "name").await;
    assert_eq!(healthy.len(), 0, "{healthy:?}");
}
