//! Lists hold what they should: every order and filter against a plain search of the same clients,
//! while clients come and go.

use crate::make::{Store, client, tenant, time};
use clientbook_model::client::Client;
use clientbook_model::client_filter::{ClientFilter, ClientWishes};
use clientbook_model::collection::CollectionMode;
use clientbook_model::contact::{ContactMethod, ContactMethods, ContactType, EmailAddress};
use clientbook_model::id::{ClientId, ClientNumber, ObjectId, TenantId};
use clientbook_model::search::{Listing, Words, fold};
use clientbook_model::status::Status;
use clientbook_model::text::{ClientName, ScopeId, Tag, Text};
use clientbook_store::client_lists::{Order, Position, Sort, Total};
use clientbook_store::{DbError, Tx, client_listings, client_lists, clients, tenants};
use proptest::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;

const OURS: u8 = 1;
const THEIRS: u8 = 2;

fn words(text: &str) -> Words {
    Words::new(text).expect("words")
}

fn all(tenant_id: TenantId) -> ClientFilter {
    ClientFilter::unrestricted(tenant_id, ClientWishes::default())
}

fn length<T>(list: &[T]) -> i64 {
    list.len().try_into().expect("a length")
}

fn with_q(text: &str) -> ClientFilter {
    let q = Some(words(text));
    ClientFilter::unrestricted(tenant(OURS).id, ClientWishes { q, ..ClientWishes::default() })
}

/// A client of ours by its number, with everything that is searched or sorted by.
fn filled(number: u32, name: &str) -> Client {
    let kinds = Status::ALL;
    let mut hash = [0; 32];
    // Now and then the index is brought up to date.
    hash[31] = u8::try_from(number % 7).expect("a byte");
    let mut client = Client {
        id: ClientId(Uuid::from_u128(u128::from(number.wrapping_mul(2_654_435_761)) + 1)),
        number: ClientNumber::new(number.into()).expect("a number"),
        object_id: ObjectId::generate(0, u64::from(number).to_be_bytes()),
        name: ClientName::new(name).expect("a name"),
        status: kinds[number as usize % 5],
        collection_mode: CollectionMode::ALL[number as usize % 4],
        tags: vec![Tag::new(["north", "south"][number as usize % 2]).expect("a tag")],
        org_id: Some(ScopeId::new(["a", "b"][number as usize % 2]).expect("a scope")),
        external_id: Some(Text::new(&format!("crm-{number}")).expect("an id")),
        created_at: time(i64::from(number / 3)),
        updated_at: time(i64::from(1000 - number / 2)),
        ..client(&tenant(OURS), 1)
    };
    client.audit.hash = hash;
    client
}

async fn store_of(clients: Vec<Client>) -> Store {
    let store = Store::new();
    let made = store.write(async move |tx: &mut Tx| {
        for which in [OURS, THEIRS] {
            tenants::insert(tx, &tenant(which)).await?;
        }
        for client in &clients {
            clients::insert(tx, client, None).await?;
        }
        Ok(())
    });
    made.await.expect("clients");
    store
}

/// All that a walk finds, and the totals that its pages tell.
async fn walked(
    tx: &mut Tx,
    filter: &ClientFilter,
    sort: Sort,
    size: i64,
) -> Result<(Vec<ClientId>, BTreeSet<i64>), DbError> {
    let (mut ids, mut totals) = (Vec::new(), BTreeSet::new());
    let mut after: Option<Position> = None;
    loop {
        let page = client_lists::page(tx, filter, sort, after.as_ref(), size).await?;
        assert!(page.ids.len() <= usize::try_from(size).expect("a size"));
        assert!(!page.total.is_lower_bound);
        totals.insert(page.total.count);
        ids.extend(page.ids);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok((ids, totals)),
        }
    }
}

const ORDERS: [Order; 4] = [Order::Name, Order::CreatedAt, Order::UpdatedAt, Order::Number];

fn sorts() -> impl Iterator<Item = Sort> {
    let ways = |order| [false, true].map(|descending| Sort { order, descending });
    ORDERS.into_iter().flat_map(ways)
}

fn sorted(clients: &[Client], sort: Sort) -> Vec<ClientId> {
    let mut clients: Vec<_> = clients.iter().collect();
    clients.sort_by_key(|client| {
        let (name, number) = match sort.order {
            Order::Name => (Listing::of(client).name, 0),
            Order::CreatedAt => (String::new(), client.created_at.millis()),
            Order::UpdatedAt => (String::new(), client.updated_at.millis()),
            Order::Number => (String::new(), client.number.get()),
        };
        (name, number, client.id)
    });
    if sort.descending {
        clients.reverse();
    }
    clients.iter().map(|client| client.id).collect()
}

#[tokio::test]
async fn every_order_shows_every_client_once() {
    let names = ["Zoé", "zoe", "Ábel", "abel", "ABEL", "Łukasz", "lukas", "9", "\u{10FFFF}"];
    let clients: Vec<_> =
        (1..40_u32).map(|number| filled(number, names[number as usize % names.len()])).collect();
    let store = store_of(clients.clone()).await;
    let checked = store.write(async move |tx: &mut Tx| {
        for sort in sorts() {
            for size in [1, 7, 39, 40] {
                let (ids, totals) = walked(tx, &all(tenant(OURS).id), sort, size).await?;
                assert_eq!(ids, sorted(&clients, sort), "{sort:?}, {size} a page");
                assert_eq!(totals, BTreeSet::from([39]));
            }
            let (none, totals) = walked(tx, &all(tenant(THEIRS).id), sort, 5).await?;
            assert_eq!((none, totals), (vec![], BTreeSet::from([0])));
        }
        Ok(())
    });
    checked.await.expect("pages");
}

/// A text that no index finds is looked for in all that a tenant has, and in nothing of its neighbours'.
#[tokio::test]
async fn a_short_text_stays_within_its_tenant() {
    let store = Store::new();
    let checked = store.write(async move |tx: &mut Tx| {
        let tenants = [THEIRS, OURS, 3].map(tenant);
        for (tenant, number) in tenants.iter().zip(1..) {
            tenants::insert(tx, tenant).await?;
            for (at, name) in ["Zq", "Other"].into_iter().enumerate() {
                let number = 10 * number + u32::try_from(at).expect("a number");
                let client = Client { tenant_id: tenant.id, ..filled(number, name) };
                clients::insert(tx, &client, None).await?;
            }
        }
        for (tenant, number) in tenants.iter().zip(1..) {
            let wishes = ClientWishes { q: Some(words("zq")), ..ClientWishes::default() };
            let filter = ClientFilter::unrestricted(tenant.id, wishes);
            for sort in sorts() {
                let (ids, totals) = walked(tx, &filter, sort, 5).await?;
                assert_eq!(ids, [filled(10 * number, "Zq").id], "{sort:?}");
                assert_eq!(totals, BTreeSet::from([1]));
            }
        }
        Ok(())
    });
    checked.await.expect("pages");
}

#[tokio::test]
async fn each_filter_leaves_what_it_names() {
    let clients: Vec<_> = (1..60_u32).map(|number| filled(number, "Client")).collect();
    let store = store_of(clients.clone()).await;
    let checked = store.write(async move |tx: &mut Tx| {
        let wish = ClientWishes::default;
        let status = Some(vec![Status::Trial, Status::Inactive]);
        let north = vec![Tag::new("north").expect("a tag")];
        let wishes = [
            ClientWishes { statuses: status.clone(), ..wish() },
            ClientWishes { statuses: Some(vec![]), ..wish() },
            ClientWishes { collection_mode: Some(CollectionMode::Deleted), ..wish() },
            ClientWishes { tags: north.clone(), ..wish() },
            ClientWishes { external_id: Some("crm-7".into()), ..wish() },
            ClientWishes { external_id: Some("CRM-7".into()), ..wish() },
            ClientWishes { q: Some(words("CRM-1")), statuses: status, tags: north, ..wish() },
            ClientWishes { name: Some(words("crm-1")), ..wish() },
            ClientWishes { name: Some(words("lien")), ..wish() },
            ClientWishes { name: Some(words("li")), ..wish() },
            ClientWishes { q: Some(words("zq")), ..wish() },
        ];
        let mut filters: Vec<_> =
            wishes.map(|wishes| ClientFilter::unrestricted(tenant(OURS).id, wishes)).into();
        filters.push(ClientFilter {
            clients: Some(vec![clients[3].id, clients[9].id, ClientId(Uuid::max())]),
            ..all(tenant(OURS).id)
        });
        let org = || Some(ScopeId::new("a").expect("a scope"));
        filters.push(ClientFilter { org_id: org(), ..all(tenant(OURS).id) });
        filters.push(ClientFilter { project_id: org(), ..all(tenant(OURS).id) });
        for filter in &filters {
            let expected: Vec<_> =
                clients.iter().filter(|client| leaves(filter, client)).cloned().collect();
            for sort in sorts() {
                let (ids, totals) = walked(tx, filter, sort, 4).await?;
                assert_eq!(ids, sorted(&expected, sort), "{filter:?} {sort:?}");
                assert_eq!(totals, BTreeSet::from([length(&expected)]), "{filter:?}");
            }
            let by_number = Sort { order: Order::Number, descending: false };
            let expected = sorted(&expected, by_number);
            for (page, ids) in (0..).zip(expected.chunks(4)) {
                let page = client_lists::numbered(tx, filter, page, 4).await?;
                assert_eq!(page.ids, ids, "{filter:?}");
                let total = Total { count: length(&expected), is_lower_bound: false };
                assert_eq!(page.total, total);
            }
            for far in [length(&expected), i64::MAX] {
                assert_eq!(client_lists::numbered(tx, filter, far, 4).await?.ids, []);
            }
            // The same question in the name of another tenant finds nothing.
            let theirs = ClientFilter { tenant_id: tenant(THEIRS).id, ..filter.clone() };
            for sort in sorts() {
                assert_eq!(walked(tx, &theirs, sort, 4).await?.0, []);
            }
            assert_eq!(client_lists::numbered(tx, &theirs, 0, 4).await?.ids, []);
        }
        Ok(())
    });
    checked.await.expect("pages");
}

/// The filter, in other words.
fn leaves(filter: &ClientFilter, client: &Client) -> bool {
    let (wishes, name) = (&filter.wishes, fold(client.name.as_str()));
    let mut fields = vec![name.clone()];
    fields.extend(client.email.iter().map(|email| fold(email.as_str())));
    let methods = client.contact_methods.as_slice().iter();
    let emails = methods.filter(|method| method.kind == ContactType::Email);
    fields.extend(emails.map(|method| fold(&method.value)));
    fields.extend(client.external_id.iter().map(|id| fold(id.as_str())));
    fields.extend(client.tags.iter().map(|tag| fold(tag.as_str())));
    let q = |words: &Words| fields.iter().any(|field| field.contains(words.as_str()));
    wishes.q.as_ref().is_none_or(q)
        && wishes.name.as_ref().is_none_or(|words| name.contains(words.as_str()))
        && wishes.statuses.as_ref().is_none_or(|statuses| statuses.contains(&client.status))
        && wishes.collection_mode.is_none_or(|mode| mode == client.collection_mode)
        && (wishes.tags.is_empty() || wishes.tags.iter().any(|tag| client.tags.contains(tag)))
        && wishes
            .external_id
            .as_ref()
            .is_none_or(|id| client.external_id.as_ref().map(Text::as_str) == Some(id))
        && filter.clients.as_ref().is_none_or(|ids| ids.contains(&client.id))
        && (filter.org_id.is_none() || filter.org_id == client.org_id)
        && (filter.project_id.is_none() || filter.project_id == client.project_id)
}

#[tokio::test]
async fn a_page_ends_at_a_mebibyte() {
    let method = |value: String| ContactMethod::new(ContactType::Other, &value, true);
    let big = |number| Client {
        contact_methods: ContactMethods::new(vec![method("x".repeat(400_000)).expect("a method")])
            .expect("methods"),
        ..filled(number, "Big")
    };
    let store = store_of((1..6).map(big).collect()).await;
    let checked = store.write(async |tx: &mut Tx| {
        let sort = Sort { order: Order::Number, descending: false };
        let mut after = None;
        let mut sizes = Vec::new();
        loop {
            let filter = all(tenant(OURS).id);
            let page = client_lists::page(tx, &filter, sort, after.as_ref(), 50).await?;
            let records = clients::get_all(tx, filter.tenant_id, &page.ids).await?;
            let ids: Vec<_> = records.iter().map(|record| record.client.id).collect();
            assert_eq!(ids, page.ids);
            assert_eq!(clients::get_all(tx, tenant(THEIRS).id, &page.ids).await?.len(), 0);
            sizes.push(page.ids.len());
            let Some(next) = page.next else {
                assert_eq!(sizes, [2, 2, 1]);
                return Ok(());
            };
            after = Some(next);
        }
    });
    checked.await.expect("pages");
}

#[tokio::test]
async fn counts_follow_every_change() {
    let store = store_of((1..30).map(|number| filled(number, "Client")).collect()).await;
    let checked = store.write(async |tx: &mut Tx| {
        let id = tenant(OURS).id;
        let count = async |tx: &mut Tx, status| {
            client_listings::counted(tx, id, Some(&[status]), None).await
        };
        let before = count(tx, Status::Trial).await?;
        // The first, whose status is another.
        let old = filled(5, "Client");
        assert_eq!(old.status, Status::Pending);
        let new = Client { status: Status::Trial, ..old.clone() };
        clients::update(tx, &old, &new, None).await?;
        assert_eq!(count(tx, Status::Trial).await?, before + 1);
        assert_eq!(client_listings::counted(tx, id, None, None).await?, 29);
        let mode = Some(new.collection_mode);
        let of_mode = client_listings::counted(tx, id, None, mode).await?;
        client_listings::remove(tx, &new).await?;
        assert_eq!(count(tx, Status::Trial).await?, before);
        assert_eq!(client_listings::counted(tx, id, None, mode).await?, of_mode - 1);
        assert_eq!(client_listings::counted(tx, tenant(THEIRS).id, None, None).await?, 0);
        Ok(())
    });
    checked.await.expect("counts");
}

/// A store from before there were lists is filled when the program starts.
#[tokio::test]
async fn clients_without_a_listing_get_theirs() {
    let store = store_of((1..30).map(|number| filled(number, "Client")).collect()).await;
    let [trigrams, pending] = if store.database.url().starts_with("sqlite:") {
        [
            "INSERT INTO client_trigrams (client_trigrams) VALUES ('delete-all');",
            "DELETE FROM client_trigrams_pending;",
        ]
    } else {
        ["", ""]
    };
    let flag = "INSERT INTO settings (name, value) VALUES ('unlisted', '1');";
    let flag = if trigrams.is_empty() { flag } else { &flag.replace("'1'", "x'01'") };
    store.database.execute(&format!("{trigrams} {pending} DELETE FROM client_listings; {flag}"));
    let checked = store.write(async |tx: &mut Tx| {
        let sort = Sort { order: Order::Name, descending: false };
        assert_eq!(walked(tx, &with_q("client"), sort, 50).await?.0, []);
        let mut turns = 0;
        while client_listings::fill_across_tenants(tx, 10).await? {
            turns += 1;
        }
        assert_eq!(turns, 3);
        assert_eq!(walked(tx, &with_q("client"), sort, 50).await?.0.len(), 29);
        assert!(!client_listings::fill_across_tenants(tx, 10).await?);
        Ok(())
    });
    checked.await.expect("a filled store");
}

/// What happens between two pages of a walk.
#[derive(Debug, Clone)]
enum Step {
    Add(u32, String),
    Remove(usize),
    Page,
}

fn any_name() -> impl Strategy<Value = String> {
    // Few letters, and all that an engine might take for something else.
    "[abAB%_'\"\\\\*ÅåßŁ中 -]{1,8}".prop_filter("a name", |name| !name.trim().is_empty())
}

fn any_text() -> impl Strategy<Value = String> {
    "[abB%_'\"\\\\*åŁ中 -]{1,5}".prop_filter("words", |text| !text.trim().is_empty())
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (100_u32..1000, any_name()).prop_map(|(number, name)| Step::Add(number, name)),
        (0_usize..50).prop_map(Step::Remove),
        Just(Step::Page),
        Just(Step::Page),
    ]
}

fn any_sort() -> impl Strategy<Value = Sort> {
    (0_usize..4, any::<bool>())
        .prop_map(|(order, descending)| Sort { order: ORDERS[order], descending })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn remove(store: &Store, client: Client) {
    let id = store.database.uuid(client.id.0);
    let removed = store.write(async move |tx: &mut Tx| client_listings::remove(tx, &client).await);
    removed.await.expect("a client less");
    store.database.execute(&format!("DELETE FROM clients WHERE id = {id}"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever is there throughout a walk is on one of its pages, and on one only.
    #[test]
    fn a_walk_misses_nobody(
        names in proptest::collection::vec(any_name(), 1..20),
        steps in proptest::collection::vec(any_step(), 0..25),
        (sort, size) in (any_sort(), 1_i64..4),
        asked in proptest::option::of("[aA%]"),
    ) {
        runtime().block_on(async {
            let mut clients: Vec<_> =
                (1_u32..).zip(&names).map(|(number, name)| filled(number, name)).collect();
            let store = store_of(clients.clone()).await;
            let filter = asked.as_deref().map_or_else(|| all(tenant(OURS).id), with_q);
            let mut throughout: BTreeSet<_> = clients.iter().map(|client| client.id).collect();
            let (mut seen, mut ever) = (Vec::new(), throughout.clone());
            let mut after: Option<Position> = None;
            // The steps, and then pages to the end.
            for step in steps.into_iter().chain(std::iter::repeat(Step::Page)) {
                match step {
                    Step::Add(number, name) => {
                        let client = filled(number, &name);
                        if !ever.insert(client.id) {
                            continue;
                        }
                        clients.push(client.clone());
                        let added = store
                            .write(async move |tx: &mut Tx| clients::insert(tx, &client, None).await);
                        added.await.expect("a new client");
                    }
                    Step::Remove(at) if at < clients.len() => {
                        let client = clients.swap_remove(at);
                        throughout.remove(&client.id);
                        remove(&store, client).await;
                    }
                    Step::Remove(_) => {}
                    Step::Page => {
                        let (filter, at) = (filter.clone(), after.clone());
                        let page = store.db.scan(async move |tx: &mut Tx| {
                            client_lists::page(tx, &filter, sort, at.as_ref(), size).await
                        });
                        let page: client_lists::ListPage = page.await.expect("a page");
                        seen.extend(page.ids);
                        match page.next {
                            Some(next) => after = Some(next),
                            None => break,
                        }
                    }
                }
            }
            let once: BTreeSet<_> = seen.iter().copied().collect();
            assert_eq!(once.len(), seen.len(), "nobody is there twice");
            assert!(once.is_subset(&ever));
            let present = clients.iter().filter(|client| leaves(&filter, client));
            let expected: BTreeSet<_> =
                present.map(|client| client.id).filter(|id| throughout.contains(id)).collect();
            assert!(expected.is_subset(&once), "{:?} are missing", expected.difference(&once));
        });
    }

    /// A search finds what reading every client would.
    #[test]
    fn a_search_finds_every_client_that_has_it(
        names in proptest::collection::vec(any_name(), 1..25),
        renamed in proptest::collection::vec((0_usize..25, any_name()), 0..25),
        texts in proptest::collection::vec(any_text(), 1..8),
    ) {
        runtime().block_on(async {
            let mut clients: Vec<_> =
                (1_u32..).zip(&names).map(|(number, name)| filled(number, name)).collect();
            let store = store_of(clients.clone()).await;
            for (at, name) in renamed {
                let Some(old) = clients.get_mut(at) else { continue };
                let email = EmailAddress::new("Ab@Example.com").expect("an address");
                let new = Client {
                    name: ClientName::new(&name).expect("a name"),
                    email: Some(email),
                    updated_at: time(old.updated_at.millis() + 1),
                    ..old.clone()
                };
                let old = std::mem::replace(old, new.clone());
                let changed =
                    store.write(async move |tx: &mut Tx| clients::update(tx, &old, &new, None).await);
                changed.await.expect("a change");
            }
            for text in texts {
                let filter = with_q(&text);
                let expected: BTreeSet<_> = clients
                    .iter()
                    .filter(|client| leaves(&filter, client))
                    .map(|client| client.id)
                    .collect();
                let found = store.db.scan(async move |tx: &mut Tx| {
                    let sort = Sort { order: Order::Name, descending: false };
                    walked(tx, &filter, sort, 5).await
                });
                let (found, totals): (Vec<_>, _) = found.await.expect("a search");
                assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), expected, "{text:?}");
                assert_eq!(totals, BTreeSet::from([i64::try_from(expected.len()).expect("a length")]), "{text:?}");
            }
        });
    }
}
