//! What the tables themselves refuse, and by which name.

use crate::make::{Store, api_token, client, client_type, digest, enrollment_token, fill, tenant};
use clientbook_model::client::Client;
use clientbook_model::id::{ClientId, ClientNumber, ObjectId};
use clientbook_model::tenant::Tenant;
use clientbook_model::text::Text;
use clientbook_store::{
    DbError, Tx, api_tokens, client_types, clients, enrollment_tokens, settings, tenants,
};
use uuid::Uuid;

async fn store() -> Store {
    let store = Store::new();
    store.write(async |tx: &mut Tx| fill(tx, 1).await).await.expect("rows");
    store
}

#[track_caller]
fn assert_unique(written: Result<(), DbError>, index: &str) {
    match written {
        Err(DbError::Unique(name)) => assert_eq!(name, index),
        other => panic!("{other:?} instead of {index}"),
    }
}

/// Another client of the tenant, with nothing in common with those that are there.
fn third() -> Client {
    client(&tenant(1), 3)
}

#[tokio::test]
async fn a_unique_index_is_told_by_its_name() {
    let store = store().await;
    let external_id = Some(Text::new("crm-1").expect("a text"));
    let old = client(&tenant(1), 2);
    let new = Client { external_id: external_id.clone(), ..old.clone() };
    let update = store.write(async move |tx: &mut Tx| clients::update(tx, &old, &new, None).await);
    update.await.expect("an external id");
    let clients = [
        ("clients_external_id", Client { external_id, ..third() }),
        ("clients_number", Client { number: ClientNumber::new(1).expect("one"), ..third() }),
        ("clients_object_id", Client { object_id: ObjectId([1; 12]), ..third() }),
        ("client_ids_id", Client { id: client(&tenant(1), 1).id, ..third() }),
    ];
    for (index, twin) in clients {
        let written = store.write(async move |tx: &mut Tx| clients::insert(tx, &twin, None).await);
        assert_unique(written.await, index);
    }
    let fresh = tenant(2);
    let tenants = [
        ("tenants_id", Tenant { id: tenant(1).id, ..fresh.clone() }),
        ("tenants_slug", Tenant { slug: tenant(1).slug, ..fresh.clone() }),
        ("tenants_object_id", Tenant { object_id: tenant(1).object_id, ..fresh }),
    ];
    for (index, twin) in tenants {
        let written = store.write(async move |tx: &mut Tx| tenants::insert(tx, &twin).await);
        assert_unique(written.await, index);
    }
}

/// PostgreSQL may not have answered yet when a dry run ends.
#[tokio::test]
async fn a_refused_row_comes_before_what_a_change_stops_for() {
    let store = store().await;
    let stopped = store.write(async |tx: &mut Tx| {
        let twin = Client { object_id: ObjectId([1; 12]), ..third() };
        clients::insert(tx, &twin, None).await?;
        Err::<(), _>(DbError::Refused("a dry run".into()))
    });
    assert_unique(stopped.await, "clients_object_id");
}

#[tokio::test]
async fn a_client_has_one_working_enrolment_token() {
    let store = store().await;
    let second = || enrollment_token(&client(&tenant(1), 1), 2);
    let insert = async move |tx: &mut Tx| enrollment_tokens::insert(tx, &second()).await;
    assert_unique(store.write(insert).await, "enrollment_tokens_client_id");
    let replaced = store.write(async move |tx: &mut Tx| {
        let first = enrollment_token(&client(&tenant(1), 1), 1);
        enrollment_tokens::revoke(tx, first.tenant_id, first.id, first.created_at).await?;
        enrollment_tokens::insert(tx, &second()).await
    });
    replaced.await.expect("the first is revoked");
}

#[tokio::test]
async fn types_and_credentials_are_unique() {
    let store = store().await;
    let twin = store.write(async |tx: &mut Tx| {
        let mut twin = client_type(2);
        twin.title = client_type(1).title;
        client_types::insert(tx, tenant(1).id, &twin).await
    });
    assert_unique(twin.await, "client_types_title");
    let credential = store.write(async |tx: &mut Tx| {
        let first = digest(&api_token(&tenant(1), 1));
        api_tokens::insert(tx, &api_token(&tenant(1), 2), first).await
    });
    assert_unique(credential.await, "credentials_digest");
}

#[tokio::test]
async fn rows_point_at_rows_that_exist() {
    let store = store().await;
    let unknown = tenant(9);
    let client_of_nobody = client(&unknown, 1);
    let token = enrollment_token(&Client { id: ClientId(Uuid::max()), ..third() }, 7);
    let written = [
        store
            .write(async move |tx: &mut Tx| clients::insert(tx, &client_of_nobody, None).await)
            .await,
        store.write(async move |tx: &mut Tx| enrollment_tokens::insert(tx, &token).await).await,
        store
            .write(async |tx: &mut Tx| {
                let token = api_token(&tenant(9), 7);
                api_tokens::insert(tx, &token, digest(&token)).await
            })
            .await,
        store
            .write(async |tx: &mut Tx| {
                client_types::insert(tx, tenant(9).id, &client_type(1)).await
            })
            .await,
    ];
    for refused in written {
        assert!(matches!(refused, Err(DbError::ForeignKey)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_setting_keeps_its_first_value() {
    let store = Store::new();
    let set = async |tx: &mut Tx| {
        let first = settings::insert_if_absent(tx, "key", b"first").await?;
        let second = settings::insert_if_absent(tx, "key", b"second").await?;
        Ok((first, second, settings::get(tx, "key").await?, settings::get(tx, "other").await?))
    };
    let (first, second, kept, other) = store.write(set).await.expect("a setting");
    assert_eq!((first, second, kept, other), (true, false, Some(b"first".to_vec()), None));
}
