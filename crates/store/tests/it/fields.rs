//! Definitions of custom fields and the values under their keys: each tenant's own.

use crate::make::{Store, client, field, fill, tenant, time};
use clientbook_model::client::Client;
use clientbook_model::field::{Field, FieldStatus, Fields};
use clientbook_model::id::ClientId;
use clientbook_store::clients::ClientKey;
use clientbook_store::{Tx, client_values, clients, erased_clients, fields, tenants};
use serde_json::json;
use uuid::Uuid;

const OURS: u8 = 1;
const THEIRS: u8 = 2;

async fn store() -> Store {
    let store = Store::new();
    let made = store.write(async |tx: &mut Tx| {
        fill(tx, OURS).await?;
        fill(tx, THEIRS).await
    });
    made.await.expect("two tenants");
    store
}

#[tokio::test]
async fn definitions_are_of_one_tenant() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let [ours, theirs] = [OURS, THEIRS].map(|which| tenant(which).id);
        // Of the same ids and keys as theirs.
        for (tenant, label) in [(ours, 1), (theirs, 2)] {
            fields::lock(tx, tenant).await?;
            fields::share(tx, tenant).await?;
            assert_eq!(fields::next_number(tx, tenant).await?, 1);
            let order = clientbook_model::number::Int::new(label).expect("a place");
            fields::insert(tx, tenant, &Field { order, ..field(1) }).await?;
            fields::set_revision(tx, tenant, Uuid::from_u128(7)).await?;
        }
        let changed = Field { status: FieldStatus::Deleting, ..field(1) };
        fields::update(tx, ours, &changed).await?;
        let own = tenants::get(tx, ours).await?.expect("ours");
        let other = tenants::get(tx, theirs).await?.expect("theirs");
        // Their revision is the same: what is kept in memory is found by both.
        for (tenant, status, place) in
            [(&own, FieldStatus::Deleting, 0), (&other, FieldStatus::Active, 2)]
        {
            for _ in 0..2 {
                let found = clients::fields_of(tx, tenant).await?.expect("definitions");
                assert_eq!(found.all().len(), 1);
                assert_eq!((found.all()[0].status, found.all()[0].order.get()), (status, place));
            }
            let stored = fields::stored(tx, tenant.id, i64::MIN, 10).await?;
            assert_eq!(fields::list(tx, tenant.id).await?, Fields::new(stored));
            let one = fields::get(tx, tenant.id, field(1).id).await?.expect("the field");
            assert_eq!(one.status, status);
        }
        assert_eq!(fields::deleting_across_tenants(tx).await?, [(ours, field(1).id)]);
        fields::delete(tx, ours, field(1).id).await?;
        assert_eq!(fields::get(tx, ours, field(1).id).await?, None);
        assert!(fields::get(tx, theirs, field(1).id).await?.is_some());
        Ok(())
    });
    checked.await.expect("queries");
}

#[tokio::test]
async fn values_are_of_one_tenant() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let key = field(1).key;
        let all = Fields::new(vec![field(1)]);
        let digest = field(1).digest(&json!("same"));
        for which in [OURS, THEIRS] {
            let old = client(&tenant(which), 1);
            let custom_values = [(key.clone(), json!("same"))].into();
            let new = Client { custom_values, updated_at: time(5), ..old.clone() };
            clients::update(tx, &old, &new, Some(&all)).await?;
        }
        let [ours, theirs] = [OURS, THEIRS].map(tenant);
        let first = ClientId::FIRST;
        for own in [&ours, &theirs] {
            let id = client(own, 1).id;
            assert_eq!(client_values::with_digest(tx, own.id, &key, &digest).await?, Some(id));
            assert_eq!(client_values::holder_ids(tx, own.id, &key, 10).await?, [id]);
            let holders = client_values::holders(tx, own.id, &key, first, 10).await?;
            assert_eq!((holders.len(), holders[0].client), (1, id));
            assert_eq!(holders[0].value, Some(json!("same")));
        }
        client_values::clear_digests(tx, ours.id, &key).await?;
        assert_eq!(client_values::with_digest(tx, ours.id, &key, &digest).await?, None);
        assert!(client_values::with_digest(tx, theirs.id, &key, &digest).await?.is_some());
        client_values::set_digest(tx, theirs.id, &key, client(&ours, 1).id, &[0; 32]).await?;
        assert!(client_values::with_digest(tx, theirs.id, &key, &digest).await?.is_some());
        client_values::remove(tx, ours.id, &key, client(&ours, 1).id).await?;
        assert_eq!(client_values::holder_ids(tx, ours.id, &key, 10).await?, []);
        assert_eq!(client_values::holder_ids(tx, theirs.id, &key, 10).await?.len(), 1);
        Ok(())
    });
    checked.await.expect("queries");
}

/// What is kept of a client's values follows the record.
#[tokio::test]
async fn a_unique_value_is_one_clients_of_its_tenant() {
    let store = store().await;
    let all = Fields::new(vec![field(1)]);
    let with = |number: u8, value: &str| {
        let custom_values = [(field(1).key, json!(value))].into();
        let old = client(&tenant(OURS), number);
        (old.clone(), Client { custom_values, updated_at: time(5), ..old })
    };
    let (all_of_one, one) = (all.clone(), with(1, "x"));
    let done = store.write(async move |tx: &mut Tx| {
        clients::update(tx, &one.0, &one.1, Some(&all_of_one)).await
    });
    done.await.expect("the first");
    let two = with(2, "x");
    let refused = store
        .write(async move |tx: &mut Tx| clients::update(tx, &two.0, &two.1, Some(&all)).await)
        .await;
    let refused = refused.expect_err("the second");
    assert!(refused.is_unique("client_values_field_key_digest"), "{refused}");
    // Without a definition nothing is unique.
    let two = with(2, "x");
    let checked = store.write(async move |tx: &mut Tx| {
        clients::update(tx, &two.0, &two.1, None).await?;
        let key = ClientKey::Id(two.0.id);
        let found = clients::get(tx, two.0.tenant_id, key).await?.expect("a client");
        assert_eq!(found.client.custom_values, two.1.custom_values);
        let gone = Client { custom_values: [].into(), ..two.1.clone() };
        clients::update(tx, &two.1, &gone, None).await?;
        let held = client_values::holder_ids(tx, gone.tenant_id, &field(1).key, 10).await?;
        assert_eq!(held, [client(&tenant(OURS), 1).id]);
        Ok(())
    });
    checked.await.expect("the second");
}

/// The first id of all is one like the others.
#[tokio::test]
async fn walks_begin_at_the_first_id() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let ours = tenant(OURS);
        let key = field(1).key;
        let custom_values = [(key.clone(), json!("nil"))].into();
        let mut nil = client(&ours, 9);
        nil = Client { id: ClientId::FIRST, custom_values, ..nil };
        (nil.parent_client_id, nil.client_type_id, nil.external_id) = (None, None, None);
        clients::insert(tx, &nil, None).await?;
        let from = ClientId::FIRST;
        assert_eq!(clients::heads(tx, ours.id, from, 1).await?[0].0, nil.id);
        assert_eq!(client_values::holders(tx, ours.id, &key, from, 1).await?[0].client, nil.id);
        let next = from.next().expect("another");
        assert_ne!(clients::heads(tx, ours.id, next, 1).await?[0].0, nil.id);
        erased_clients::put(tx, &nil, time(5)).await?;
        assert_eq!(erased_clients::page(tx, ours.id, from, 1).await?[0].id, nil.id);
        Ok(())
    });
    checked.await.expect("queries");
    assert_eq!(ClientId(Uuid::max()).next(), None);
}
