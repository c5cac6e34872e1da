//! A deletion of a field that was interrupted goes on with the next start.

use crate::book::{ACME, Book, change, define, env, verify};
use clientbook_app::{App, Caller, ClientKey, ClientRef};
use clientbook_model::client::ClientPatch;
use clientbook_model::custom_field::{self, FieldKey};
use clientbook_model::id::ClientId;
use clientbook_store::{Access, Db};
use serde_json::json;
use std::time::Duration;

/// How many custom values of Acme are shown.
async fn shown(app: &App) -> usize {
    let key = Some(ClientKey::Id(ClientId(ACME)));
    let target = ClientRef { tenant: None, asked: ACME.to_string(), key };
    let read = app.read_client(&Caller::cli("a request".into()), target).await.expect("Acme");
    let (fields, values) = (read.record.fields.as_deref(), &read.record.client.custom_values);
    custom_field::shown(fields, values).count()
}

#[tokio::test]
async fn a_deletion_goes_on_with_the_next_start() {
    let (book, app) = Book::open_new().await;
    define(&app, "Notes", false).await;
    let key = FieldKey::new("notes").expect("a key");
    let custom_values = [(key, Some(json!("x")))].into();
    change(&app, ACME, ClientPatch { custom_values, ..ClientPatch::default() }).await;
    assert_eq!(shown(&app).await, 1);
    drop(app);
    // As the first step of a deletion leaves it; what is told in the end is the last step's.
    book.tamper(&["UPDATE fields SET status = 'deleting'".to_owned()]);
    let db = Db::open(book.database.url(), Access::Write).expect("the store");
    let (app, _) = App::start(db, env(), None).await.expect("a start");
    assert_eq!(shown(&app).await, 0, "what is being deleted is hidden from the first moment");
    let rows = || book.database.rows("SELECT count(*) FROM fields")[0][0].clone();
    for _ in 0..500 {
        if rows() == "0" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(rows(), "0");
    assert_eq!(book.database.rows("SELECT count(*) FROM client_values"), [["0"]]);
    assert_eq!(shown(&app).await, 0);
    define(&app, "Notes", false).await;
    assert_eq!(verify(&app, None, None).await.expect("a report").faults, []);
}
