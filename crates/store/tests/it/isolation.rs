//! Every query stays within its tenant: whatever is asked in the name of one sees and touches
//! nothing of another.
//!
//! Both tenants hold rows of the same numbers, object ids and titles; only ids differ.

use crate::make::{
    Store, api_token, client, client_type, digest, enrollment_token, fill, reference, tenant, time,
};
use clientbook_model::audit::ChainHead;
use clientbook_model::audit_filter::{AuditFilter, AuditWishes};
use clientbook_model::client::Client;
use clientbook_model::id::{ClientId, ClientNumber, TenantId};
use clientbook_model::tenant::{Tenant, TenantName};
use clientbook_model::text::{ClientName, Text};
use clientbook_store::api_tokens::TokenFilter;
use clientbook_store::audit::CollectionControlFilter;
use clientbook_store::clients::ClientKey;
use clientbook_store::{
    DbError, RawId, Tx, api_tokens, audit, audit_lists, client_keys, client_types, clients,
    enrollment_tokens, erased_clients, merged_clients, tenants,
};

const OURS: u8 = 1;
const THEIRS: u8 = 2;
/// One that holds nothing: it must see nothing.
const EMPTY: u8 = 3;

async fn store() -> Store {
    let store = Store::new();
    let filled = store.write(async |tx: &mut Tx| {
        fill(tx, OURS).await?;
        fill(tx, THEIRS).await?;
        tenants::insert(tx, &tenant(EMPTY)).await
    });
    filled.await.expect("rows of three tenants");
    store
}

/// What a tenant sees of its own client 1, by each of its keys, in each way.
async fn found(tx: &mut Tx, asking: TenantId, of: &Client) -> Result<Vec<TenantId>, DbError> {
    let keys =
        [ClientKey::Id(of.id), ClientKey::Number(of.number), ClientKey::ObjectId(of.object_id)];
    let mut found = Vec::new();
    for key in keys {
        let seen =
            [clients::get(tx, asking, key).await?, clients::get_for_update(tx, asking, key).await?];
        found.extend(seen.into_iter().flatten().map(|record| {
            let around = [
                Some(record.client.tenant_id),
                Some(record.tenant.id),
                record.enrollment_token.as_ref().map(|token| token.tenant_id),
            ];
            assert_eq!(around, [Some(asking); 3]);
            let parent = record.parent.expect("a parent");
            assert_eq!(parent.id, client(&tenant_of(asking), 2).id);
            assert_eq!(record.client_type.expect("a type").id, reference(1));
            record.client.tenant_id
        }));
    }
    Ok(found)
}

fn tenant_of(id: TenantId) -> clientbook_model::tenant::Tenant {
    tenant(id.0.as_bytes()[15])
}

#[tokio::test]
async fn clients_are_found_in_their_tenant_only() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let [ours, theirs, empty] = [OURS, THEIRS, EMPTY].map(tenant);
        let own = client(&ours, 1);
        assert_eq!(found(tx, ours.id, &own).await?, [ours.id; 6]);
        // Their number and object id are also ours: those find our client. Their id finds none.
        let other = client(&theirs, 1);
        assert_eq!(found(tx, ours.id, &other).await?, [ours.id; 4]);
        assert_eq!(found(tx, theirs.id, &other).await?, [theirs.id; 6]);
        assert_eq!(found(tx, empty.id, &own).await?, []);
        assert!(clients::status(tx, ours.id, own.id).await?.is_some());
        assert_eq!(clients::status(tx, theirs.id, own.id).await?, None);
        assert_eq!(clients::tenant_across_tenants(tx, own.id).await?, Some(ours.id));
        Ok(())
    });
    checked.await.expect("queries");
}

#[tokio::test]
async fn parents_are_of_the_same_tenant() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let [ours, theirs, empty] = [OURS, THEIRS, EMPTY].map(|which| tenant(which).id);
        let [one, two, three] = [1, 2, 3].map(|number| ClientNumber::new(number).expect("one"));
        // Only they have a third client, which stands above their second.
        clients::insert(tx, &client(&tenant(THEIRS), 3), None).await?;
        let second = Client { parent_client_id: Some(reference(3)), ..client(&tenant(THEIRS), 2) };
        clients::update(tx, &client(&tenant(THEIRS), 2), &second, None).await?;
        tenants::lock(tx, theirs).await?;
        for (asking, number, expected) in
            [(theirs, three, true), (ours, three, false), (empty, one, false)]
        {
            let found = clients::get(tx, asking, ClientKey::Number(number)).await?;
            assert_eq!(found.is_some(), expected);
        }
        assert!(clients::is_above_or_same(tx, theirs, three, 1).await?);
        assert!(!clients::is_above_or_same(tx, ours, three, 1).await?);
        assert!(clients::is_above_or_same(tx, ours, two, 1).await?);
        assert!(!clients::is_above_or_same(tx, empty, two, 1).await?);
        Ok(())
    });
    checked.await.expect("queries");
    // A parent that only another tenant has is refused by the store itself.
    let old = client(&tenant(OURS), 1);
    let own = Client { parent_client_id: Some(reference(3)), ..old.clone() };
    let refused =
        store.write(async move |tx: &mut Tx| clients::update(tx, &old, &own, None).await).await;
    assert!(matches!(refused, Err(DbError::ForeignKey)), "{refused:?}");
}

#[tokio::test]
async fn changes_touch_their_tenant_only() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let [ours, theirs] = [OURS, THEIRS].map(tenant);
        // Our tenant with their client's id: no such row.
        let stolen = Client {
            tenant_id: ours.id,
            name: ClientName::new("Stolen").expect("a name"),
            ..client(&theirs, 1)
        };
        clients::update(tx, &client(&theirs, 1), &stolen, None).await?;
        let forged = ChainHead { count: 9, hash: [9; 32] };
        clients::set_chain_head(tx, &Client { audit: forged, ..stolen.clone() }).await?;
        let renamed = Tenant { name: TenantName::new("Renamed").expect("a name"), ..ours.clone() };
        tenants::update(tx, &renamed).await?;
        let token = enrollment_token(&client(&theirs, 1), 1);
        enrollment_tokens::revoke(tx, ours.id, token.id, time(1)).await?;
        let bearer = api_token(&theirs, 1);
        api_tokens::revoke(tx, ours.id, bearer.id, time(1)).await?;
        tenants::set_chain_head(tx, ours.id, &ChainHead { count: 9, hash: [9; 32] }).await?;
        tenants::reserve_client_number(tx, ours.id, stolen.number).await?;

        let key = ClientKey::Id(stolen.id);
        let untouched = clients::get(tx, theirs.id, key).await?.expect("their client");
        assert_eq!(untouched.client.name.as_str(), "Client 1");
        assert_eq!(untouched.client.audit, ChainHead::default());
        assert_eq!(untouched.tenant, theirs);
        // Both tenants have an enrolment token of this id: ours alone is revoked.
        assert!(untouched.enrollment_token.is_some());
        let own = clients::get(tx, ours.id, ClientKey::Number(stolen.number)).await?;
        assert!(own.expect("our client").enrollment_token.is_none());
        assert!(api_tokens::find_across_tenants(tx, digest(&bearer)).await?.is_some());
        assert_eq!(tenants::chain_head(tx, theirs.id).await?, Some(ChainHead::default()));
        assert_eq!(
            tenants::chain_head_for_update(tx, ours.id).await?.map(|head| head.count),
            Some(9)
        );
        assert_eq!(tenants::next_client_number(tx, ours.id).await?.get(), 2);
        assert_eq!(tenants::next_client_number(tx, theirs.id).await?.get(), 1);
        Ok(())
    });
    checked.await.expect("queries");
}

#[tokio::test]
async fn api_tokens_are_listed_in_their_tenant_only() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let [ours, theirs, empty] = [OURS, THEIRS, EMPTY].map(tenant);
        for (asking, expected) in [(&ours, 1), (&theirs, 1), (&empty, 0)] {
            let filter = TokenFilter { tenant_id: asking.id, created_by: None };
            let listed = api_tokens::list(tx, &filter, None, 10).await?;
            assert!(listed.iter().all(|token| token.tenant_id == asking.id));
            assert_eq!(listed.len(), expected);
            let counted = api_tokens::count(tx, &filter).await?;
            assert_eq!(usize::try_from(counted), Ok(expected));
        }
        let token = api_token(&theirs, 1);
        assert!(api_tokens::get_for_update(tx, theirs.id, token.id).await?.is_some());
        assert!(api_tokens::get_for_update(tx, ours.id, token.id).await?.is_none());
        assert_eq!(api_tokens::tenant_across_tenants(tx, token.id).await?, Some(theirs.id));
        Ok(())
    });
    checked.await.expect("queries");
}

#[tokio::test]
async fn enrolment_tokens_are_read_in_their_tenant_and_client_only() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let [ours, theirs, empty] = [OURS, THEIRS, EMPTY].map(tenant);
        // Both tenants have a token of this id.
        let (first, second) = (client(&theirs, 1), client(&theirs, 2));
        let id = enrollment_token(&first, 1).id;
        for (asking, of, expected) in [
            (&theirs, &first, 1),
            (&theirs, &second, 0),
            (&ours, &first, 0),
            (&ours, &client(&ours, 1), 1),
            (&empty, &first, 0),
        ] {
            let listed = enrollment_tokens::list(tx, asking.id, of.id, None, 10).await?;
            assert!(listed.iter().all(|token| token.tenant_id == asking.id));
            assert_eq!(listed.len(), expected);
            let counted = enrollment_tokens::count(tx, asking.id, of.id).await?;
            assert_eq!(usize::try_from(counted), Ok(expected));
            let found = enrollment_tokens::get(tx, asking.id, of.id, id).await?;
            assert_eq!(found.is_some(), expected == 1);
        }
        Ok(())
    });
    checked.await.expect("queries");
}

#[tokio::test]
async fn client_types_are_of_one_tenant() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let [ours, theirs] = [OURS, THEIRS].map(|which| tenant(which).id);
        client_types::insert(tx, theirs, &client_type(2)).await?;
        for (asking, expected) in [(theirs, true), (ours, false)] {
            assert_eq!(client_types::exists(tx, asking, reference(2)).await?, expected);
            let by_title = client_types::find_by_title(tx, asking, "Type 2").await?;
            assert_eq!(by_title.is_some(), expected);
            let listed = client_types::list(tx, asking).await?;
            assert_eq!(listed.contains(&client_type(2)), expected);
        }
        assert_eq!(client_types::count_and_next_id(tx, theirs).await?, (2, Some(3)));
        assert_eq!(client_types::count_and_next_id(tx, ours).await?, (1, Some(2)));
        Ok(())
    });
    checked.await.expect("queries");
    // A type that only another tenant has is refused by the store itself.
    let old = client(&tenant(OURS), 1);
    let own = Client { client_type_id: Some(reference(2)), ..old.clone() };
    let refused =
        store.write(async move |tx: &mut Tx| clients::update(tx, &old, &own, None).await).await;
    assert!(matches!(refused, Err(DbError::ForeignKey)), "{refused:?}");
}

#[tokio::test]
async fn the_audit_trail_is_read_in_its_tenant_only() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let [ours, theirs, empty] = [OURS, THEIRS, EMPTY].map(tenant);
        let own = client(&ours, 1);
        for (asking, expected) in [(&ours, 1), (&theirs, 0), (&empty, 0)] {
            let filter = CollectionControlFilter {
                tenant_id: asking.id,
                client_id: own.id,
                entity_type: None,
                entity_id: None,
            };
            for ascending in [true, false] {
                let page = audit::collection_control(tx, &filter, ascending, None, 10).await?;
                assert_eq!(page.len(), expected);
            }
            let counted = audit::count_collection_control(tx, &filter).await?;
            assert_eq!(usize::try_from(counted), Ok(expected));
            let chain = audit::chain(tx, asking.id, own.id.0, 1, 10).await?;
            assert_eq!(chain.len(), expected);
        }
        let none = audit::orphan_chains_across_tenants(tx, None, 10).await?;
        assert_eq!(none, []);
        Ok(())
    });
    checked.await.expect("queries");
    // What they lost is not told to us.
    let theirs = store.database.uuid(tenant(THEIRS).id.0);
    store.database.execute(&format!("DELETE FROM clients WHERE tenant_id = {theirs}"));
    let orphans = async |tx: &mut Tx, only| audit::orphan_chains_across_tenants(tx, only, 10).await;
    let checked = store.write(async move |tx: &mut Tx| {
        let [ours, theirs] = [OURS, THEIRS].map(|which| tenant(which).id);
        assert_eq!(orphans(tx, Some(ours)).await?, []);
        let [one, two] = [1, 2].map(|number| {
            (RawId::from(theirs.0), RawId::from(client(&tenant(THEIRS), number).id.0))
        });
        assert_eq!(orphans(tx, Some(theirs)).await?, [one.clone(), two.clone()]);
        assert_eq!(orphans(tx, None).await?, [one, two]);
        Ok(())
    });
    checked.await.expect("queries");
}

#[tokio::test]
async fn the_trail_is_listed_in_its_tenant_only() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let [ours, theirs, empty] = [OURS, THEIRS, EMPTY].map(tenant);
        let own = client(&ours, 1);
        for (asking, expected) in [(&ours, 1), (&theirs, 0), (&empty, 0)] {
            let (id, chain) = (asking.id, own.id.0);
            let first = audit::chain(tx, ours.id, chain, 1, 1).await?.remove(0);
            let seen = usize::from(audit::find(tx, id, chain, first.id).await?.is_some());
            let hashed = usize::from(audit::hash_at(tx, id, chain, 1).await?.is_some());
            let length = usize::try_from(audit::length(tx, id, chain).await?);
            assert_eq!((seen, hashed, length), (expected, expected, Ok(expected)));
            let about = audit_lists::chain_about(tx, id, chain).await?;
            assert_eq!(about.is_some(), expected > 0);
            let wishes = AuditWishes { entity_id: Some(chain), ..AuditWishes::default() };
            for chain_id in [None, Some(chain)] {
                let filter = AuditFilter {
                    tenant_id: id,
                    chain_id,
                    wishes: wishes.clone(),
                    clients: None,
                    org_id: None,
                    project_id: None,
                };
                assert_eq!(audit_lists::page(tx, &filter, None, 10).await?.rows.len(), expected);
                let total = audit_lists::total(tx, &filter).await?;
                assert_eq!(usize::try_from(total.count), Ok(expected));
            }
            let heads = clients::heads(tx, id, ClientId::FIRST, 10).await?;
            assert_eq!(heads.iter().any(|(client, _)| *client == own.id), expected > 0);
        }
        Ok(())
    });
    checked.await.expect("queries");
}

#[tokio::test]
async fn rows_to_verify_are_of_one_tenant() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let [ours, theirs, empty] = [OURS, THEIRS, EMPTY].map(tenant);
        let (own, first) = (client(&ours, 1), RawId::FIRST);
        // The enrolment tokens of the two have the same id.
        for (asking, types, tokens, enrolments) in
            [(&ours, 1, 1, 1), (&theirs, 1, 1, 0), (&empty, 0, 0, 0)]
        {
            let id = asking.id;
            assert_eq!(client_types::stored(tx, id, i64::MIN, 10).await?.len(), types);
            let stored = api_tokens::stored(tx, id, &first, 10).await?;
            assert!(stored.iter().all(|token| token.id == api_token(asking, 1).id.0.into()));
            assert_eq!(stored.len(), tokens);
            let of_ours = enrollment_tokens::stored(tx, id, own.id, &first, 10).await?;
            assert_eq!(of_ours.len(), enrolments);
            assert_eq!(tenants::get(tx, id).await?.as_ref(), Some(asking));
            let bearer = api_token(&theirs, 1).id;
            let asked = api_tokens::ask(tx, id, bearer).await?;
            assert_eq!(api_tokens::works(tx, asked, time(1)).await?, id == theirs.id);
        }
        Ok(())
    });
    checked.await.expect("queries");
}

#[tokio::test]
async fn an_external_id_is_taken_in_its_tenant_only() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let external_id = Some(Text::new("crm-1").expect("a text"));
        for which in [OURS, THEIRS] {
            let old = client(&tenant(which), 1);
            let own = Client { external_id: external_id.clone(), ..old.clone() };
            clients::update(tx, &old, &own, None).await?;
        }
        Ok(())
    });
    checked.await.expect("the same id in two tenants");
}

#[tokio::test]
async fn what_is_erased_is_of_one_tenant() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let [ours, theirs] = [OURS, THEIRS].map(tenant);
        let own = client(&ours, 1);
        assert_eq!(clients::children(tx, theirs.id, own.number, 10).await?, []);
        let children = clients::children(tx, ours.id, client(&ours, 2).number, 10).await?;
        assert_eq!(children, [own.id]);
        // Their client of the same number stays.
        erased_clients::put(tx, &own, time(5)).await?;
        assert!(clients::get(tx, ours.id, ClientKey::Id(own.id)).await?.is_none());
        let other = client(&theirs, 1);
        assert!(clients::get(tx, theirs.id, ClientKey::Number(own.number)).await?.is_some());
        assert!(erased_clients::get(tx, ours.id, own.id).await?.is_some());
        let (numbers, object_ids) = ([own.number], [own.object_id.to_string()]);
        assert_eq!(client_keys::spent_numbers(tx, ours.id, &numbers).await?, numbers);
        assert_eq!(client_keys::spent_numbers(tx, theirs.id, &numbers).await?, []);
        assert_eq!(client_keys::spent_object_ids(tx, ours.id, &object_ids).await?, object_ids);
        let none: [String; 0] = [];
        assert_eq!(client_keys::spent_object_ids(tx, theirs.id, &object_ids).await?, none);
        assert_eq!(erased_clients::get(tx, theirs.id, own.id).await?, None);
        assert_eq!(erased_clients::get(tx, theirs.id, other.id).await?, None);
        let first = ClientId::FIRST;
        assert_eq!(erased_clients::page(tx, theirs.id, first, 10).await?, []);
        assert_eq!(erased_clients::page(tx, ours.id, first, 10).await?.len(), 1);
        erased_clients::set_scrubbed(tx, theirs.id, own.id).await?;
        let waits =
            erased_clients::get(tx, ours.id, own.id).await?.is_some_and(|one| !one.scrubbed);
        erased_clients::set_scrubbed(tx, ours.id, own.id).await?;
        let done = erased_clients::get(tx, ours.id, own.id).await?.is_some_and(|one| one.scrubbed);
        assert!(done && (waits || erased_clients::unscrubbed_across_tenants(tx).await?.is_empty()));
        Ok(())
    });
    checked.await.expect("queries");
}

#[tokio::test]
async fn every_name_leads_to_the_end_of_its_way() {
    let store = Store::new();
    let checked = store.write(async |tx: &mut Tx| {
        fill(tx, OURS).await?;
        let (ours, theirs) = (tenant(OURS), tenant(THEIRS));
        let end = client(&ours, 1);
        let [first, second] = [8, 9].map(|which| {
            let id = Text::new(&format!("x-{which}")).ok();
            Client { external_id: id, parent_client_id: None, ..client(&ours, which) }
        });
        for record in [&first, &second] {
            clients::insert(tx, record, None).await?;
        }
        merged_clients::set(tx, ours.id, first.id, second.id).await?;
        merged_clients::set(tx, ours.id, second.id, end.id).await?;
        let named = (end.id, end.number);
        for record in [&first, &second] {
            let ids = client_keys::ids_across_tenants(tx, ours.id, &[record.id]).await?;
            assert_eq!(ids, [(record.id, Some(named))]);
            let ids = client_keys::ids_across_tenants(tx, theirs.id, &[record.id]).await?;
            assert_eq!(ids, [(record.id, None)]);
            let numbers = client_keys::numbers(tx, ours.id, &[record.number]).await?;
            assert_eq!(numbers, [(record.number, named)]);
            let text = record.object_id.to_string();
            let found = client_keys::object_ids(tx, ours.id, std::slice::from_ref(&text)).await?;
            assert_eq!(found, [(text, end.id)]);
            let text = record.external_id.as_ref().expect("one").as_str().to_owned();
            let found = client_keys::external_ids(tx, ours.id, std::slice::from_ref(&text)).await?;
            assert_eq!(found, [(text, end.id)]);
        }
        let given = "given".to_owned();
        for record in [&first, &second] {
            merged_clients::keep_external_id(tx, ours.id, record.id, &given).await?;
        }
        assert_eq!(merged_clients::giver(tx, ours.id, &given).await?, Some(first.id));
        assert_eq!(merged_clients::giver(tx, theirs.id, &given).await?, None);
        let asked = std::slice::from_ref(&given);
        assert_eq!(client_keys::external_ids(tx, theirs.id, asked).await?, []);
        let found = client_keys::external_ids(tx, ours.id, asked).await?;
        assert_eq!(found, [(given, end.id)]);
        Ok(())
    });
    checked.await.expect("queries");
}
