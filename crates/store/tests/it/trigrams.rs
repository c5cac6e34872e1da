//! The index of texts on SQLite: whatever clients come, change and go, it has what the listings have.

use crate::make::{Store, client, tenant};
use clientbook_model::client::Client;
use clientbook_model::client_filter::{ClientFilter, ClientWishes};
use clientbook_model::id::{ClientId, ClientNumber, ObjectId};
use clientbook_model::search::Words;
use clientbook_model::text::ClientName;
use clientbook_store::client_lists::{Order, Sort};
use clientbook_store::{
    Access, Db, DbError, Tx, client_listings, client_lists, clients, erased_clients, tenants,
};
use uuid::Uuid;

/// So many that the index is brought up to date: 500 notes are awaited.
const MANY: u32 = 700;

/// The client with this number; the last of many has the index brought up to date.
fn named(number: u32, name: &str, is_last: bool) -> Client {
    let mut client = Client {
        id: ClientId(Uuid::from_u128(u128::from(number) + 1)),
        number: ClientNumber::new(number.into()).expect("a number"),
        object_id: ObjectId::generate(0, u64::from(number).to_be_bytes()),
        name: ClientName::new(name).expect("a name"),
        ..client(&tenant(1), 1)
    };
    client.audit.hash = [0; 32];
    client.audit.hash[31] = u8::from(!is_last);
    client
}

/// Names that share most of their letters, and some that nothing else has.
fn renamed(clients: &[Client], turn: u32) -> Vec<Client> {
    let last = clients.len() - 1;
    let rename = |(at, client): (usize, &Client)| {
        let number = u32::try_from(client.number.get()).expect("a small number");
        let name = format!("Row {number} {:08x}", number.wrapping_mul(2_654_435_761 + turn));
        named(number, &name, at == last)
    };
    clients.iter().enumerate().map(rename).collect()
}

async fn filled() -> (Store, Vec<Client>) {
    let store = Store::sqlite();
    let made: Vec<_> =
        (1..=MANY).map(|number| named(number, &format!("Row {number}"), number == MANY)).collect();
    let clients = made.clone();
    let inserted = store.write(async move |tx: &mut Tx| {
        tenants::insert(tx, &tenant(1)).await?;
        for client in &clients {
            clients::insert(tx, client, None).await?;
        }
        Ok(())
    });
    inserted.await.expect("clients");
    (store, made)
}

async fn change(store: &Store, old: &[Client], new: &[Client]) {
    let (old, new) = (old.to_vec(), new.to_vec());
    let changed = store.write(async move |tx: &mut Tx| {
        for (old, new) in old.iter().zip(&new) {
            clients::update(tx, old, new, None).await?;
        }
        Ok(())
    });
    changed.await.expect("changes");
}

async fn erase(store: &Store, clients: &[Client]) {
    for client in clients.iter().cloned() {
        let erased = store.write(async move |tx: &mut Tx| {
            erased_clients::put(tx, &client, client.updated_at).await
        });
        erased.await.expect("an erasure");
    }
}

async fn found(db: &Db, text: &str) -> Result<usize, DbError> {
    let q = Some(Words::new(text).expect("words"));
    let filter = ClientFilter::unrestricted(tenant(1).id, ClientWishes { q, ..Default::default() });
    let sort = Sort { order: Order::Name, descending: false };
    let page = db.read(async move |tx: &mut Tx| {
        client_lists::page(tx, &filter, sort, None, i64::from(MANY)).await
    });
    page.await.map(|page| page.ids.len())
}

/// The index says what the listings say, and nothing is noted that it does not have.
fn assert_whole(store: &Store) {
    let outside = store.outside();
    let count =
        |sql: &str| outside.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a count");
    assert_eq!(count("SELECT count(*) FROM client_trigrams_pending"), 0);
    let check = "INSERT INTO client_trigrams (client_trigrams, rank) VALUES ('integrity-check', 1)";
    outside.execute(check, []).expect("an undamaged index");
}

/// Pages of the index that hold any set of letters.
fn pages(store: &Store) -> i64 {
    let sql = "SELECT count(*) FROM client_trigrams_data WHERE id > 10";
    store.outside().query_row(sql, [], |row| row.get(0)).expect("a count")
}

#[tokio::test]
async fn the_index_survives_what_is_renamed_and_erased() {
    let (store, mut clients) = filled().await;
    assert_whole(&store);
    for turn in 1..=3 {
        let next = renamed(&clients, turn);
        change(&store, &clients, &next).await;
        assert_whole(&store);
        let (erased, rest) = next.split_at(30);
        erase(&store, erased).await;
        assert_whole(&store);
        // The first of them are renamed, and noted, before it is purged.
        let again = renamed(rest, turn + 10);
        change(&store, &rest[..200], &again[..200]).await;
        client_listings::forget_removed(&store.db).await.expect("a purge");
        change(&store, &rest[200..], &again[200..]).await;
        assert_whole(&store);
        assert_eq!(found(&store.db, "row").await.expect("a search"), again.len());
        for client in erased {
            assert_eq!(found(&store.db, client.name.as_str()).await.expect("a search"), 0);
        }
        clients = again;
    }
    erase(&store, &clients).await;
    assert!(pages(&store) > 0, "what was taken out is still in the index's parts");
    client_listings::forget_removed(&store.db).await.expect("a purge");
    assert_eq!(pages(&store), 0);
}

#[tokio::test]
async fn a_damaged_index_is_made_anew() {
    let damage = "UPDATE client_trigrams_data SET block = zeroblob(length(block)) WHERE id > 10";
    for is_open in [true, false] {
        let (Store { db, database }, clients) = filled().await;
        let path = database.path();
        let damaged = || {
            let outside = rusqlite::Connection::open(&path).expect("a connection");
            assert!(outside.execute(damage, []).expect("damage") > 0);
        };
        let db = if is_open {
            damaged();
            found(&db, "row").await.expect_err("a damaged index");
            db
        } else {
            drop(db);
            damaged();
            Db::open(database.url(), Access::Write).expect("a store with whole tables")
        };
        let store = Store { db, database };
        change(&store, &clients[..1], &[named(1, "Something else", false)]).await;
        assert_eq!(found(&store.db, "row").await.expect("a search"), clients.len() - 1);
        assert_eq!(found(&store.db, "something").await.expect("a search"), 1);
    }
}
