//! Parents: a client of the same tenant, and never in a circle.

mod hidden;

use clientbook_testkit::{ACME, Actor, Answer, GLOBEX, INITECH, TestApp};
use serde_json::{Value, json};

async fn set(actor: &Actor, id: &str, parent: impl Into<Value>) -> Answer {
    let body = json!({ "parentClientId": parent.into() });
    actor.patch(&format!("/client/{id}"), &body).await
}

async fn parent(actor: &Actor, id: &str) -> Value {
    actor.get(&format!("/client/{id}")).await.expect(200).json()["parentClientId"].clone()
}

#[track_caller]
fn refused(answer: Answer) -> String {
    let problem = answer.expect(400).json();
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(1), "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "/parentClientId");
    problem["errors"][0]["detail"].as_str().expect("a detail").to_owned()
}

/// More clients of the tenant, with the numbers from 458 on.
async fn add_clients(actor: &Actor, count: i64) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 458..458 + count {
        let body = json!({ "name": format!("Client {number}") });
        let made = actor.post("/v2/clients", &body).await.expect(201).json();
        ids.push(made["id"].as_str().expect("an id").to_owned());
    }
    ids
}

#[tokio::test]
async fn a_parent_is_a_client_of_the_tenant() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = admin.get(&format!("/client/{ACME}")).await.expect(200).text;
    for nobody in [json!(0), json!(1), json!(458), json!(i64::MAX)] {
        let detail = refused(set(&admin, ACME, nobody).await);
        assert_eq!(detail, "must be the number of a client of the same tenant");
    }
    for wrong in [json!(-1), json!("457"), json!(457.5), json!(GLOBEX), json!({ "id": 457 })] {
        refused(set(&admin, ACME, wrong).await);
    }
    assert_eq!(admin.get(&format!("/client/{ACME}")).await.expect(200).text, before);
    let set = set(&admin, ACME, 457).await.expect(200).json();
    let globex = json!({ "id": 457, "uuid": GLOBEX, "name": "Globex Corporation" });
    assert_eq!((&set["parentClientId"], &set["parentClient"]), (&json!(457), &globex));
}

#[tokio::test]
async fn null_clears_and_the_same_parent_is_no_change() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let first = set(&admin, ACME, 457).await.expect(200);
    app.advance(1_000);
    assert_eq!(set(&admin, ACME, 457).await.expect(200).text, first.text);
    let cleared = set(&admin, ACME, Value::Null).await.expect(200).json();
    assert_eq!(cleared["parentClientId"], Value::Null);
    assert_eq!(cleared.get("parentClient"), None);
    assert_eq!(cleared["modifiedTime"], "2026-03-10T14:30:01.000Z");
}

#[tokio::test]
async fn a_parent_shows_as_it_is_now() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let read = set(&admin, ACME, 457).await.expect(200);
    admin.patch(&format!("/client/{GLOBEX}"), &json!({ "name": "Globex" })).await.expect(200);
    let now = admin.get(&format!("/client/{ACME}")).await.expect(200);
    assert_eq!(now.json()["parentClient"]["name"], "Globex");
    // The body is another, so its tag must be; the record is the same, so its version is.
    let version = |tag: &str| tag.split('-').next().map(str::to_owned);
    assert_ne!(now.header("etag"), read.header("etag"));
    assert_eq!(version(now.header("etag")), version(read.header("etag")));
}

#[tokio::test]
async fn nobody_is_their_own_parent() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let told = "must not be the client itself or one that stands below it";
    assert_eq!(refused(set(&admin, ACME, 456).await), told);
    assert_eq!(refused(set(&admin, GLOBEX, 457).await), told);
    set(&admin, ACME, 457).await.expect(200);
    assert_eq!(refused(set(&admin, GLOBEX, 456).await), told);
    // Turned round in two steps, it is no circle.
    set(&admin, ACME, Value::Null).await.expect(200);
    set(&admin, GLOBEX, 456).await.expect(200);
    assert_eq!(refused(set(&admin, ACME, 457).await), told);
    assert_eq!(parent(&admin, ACME).await, Value::Null);
    assert_eq!(parent(&admin, GLOBEX).await, 456);
}

#[tokio::test]
async fn no_circle_at_any_depth() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ids = add_clients(&admin, 30).await;
    set(&admin, GLOBEX, 456).await.expect(200);
    for (id, parent) in ids.iter().zip(457..) {
        set(&admin, id, parent).await.expect(200);
    }
    for below in [456, 457, 470, 487] {
        refused(set(&admin, ACME, below).await);
    }
    for below in [470, 471, 487] {
        refused(set(&admin, &ids[12], below).await);
    }
    // A branch moves up with all that hangs on it.
    set(&admin, &ids[12], 456).await.expect(200);
    refused(set(&admin, ACME, 487).await);
    set(&admin, GLOBEX, 487).await.expect(200);
    assert_eq!(parent(&admin, ACME).await, Value::Null);
}

#[tokio::test]
async fn each_tenant_counts_for_itself() {
    let app = TestApp::start().await;
    let (admin, rival) = (app.admin().await, app.role("tenant999", "admin").await);
    // 457 is a client of the other tenant only; 456 is one in both, and here it is the client.
    for number in [457, 456] {
        refused(set(&rival, INITECH, number).await);
        refused(set(&app.operator(), INITECH, number).await);
    }
    assert_eq!(parent(&rival, INITECH).await, Value::Null);
    set(&admin, GLOBEX, 456).await.expect(200);
    let shown = admin.get(&format!("/client/{GLOBEX}")).await.expect(200).json();
    assert_eq!(shown["parentClient"]["uuid"], ACME);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_changes_at_once_close_no_circle() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for round in 0..50 {
        for id in [ACME, GLOBEX] {
            set(&admin, id, Value::Null).await.expect(200);
        }
        let (one, other) = tokio::join!(set(&admin, ACME, 457), set(&admin, GLOBEX, 456));
        let mut told = [one.status, other.status];
        let parents = [parent(&admin, ACME).await, parent(&admin, GLOBEX).await];
        let expected = match told {
            [200, _] => [json!(457), Value::Null],
            _ => [Value::Null, json!(456)],
        };
        assert_eq!(parents, expected, "round {round}: {told:?}");
        told.sort_unstable();
        assert_eq!(told, [200, 400], "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_changes_at_once_close_no_circle() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let third = add_clients(&admin, 1).await.remove(0);
    for round in 0..50 {
        for id in [ACME, GLOBEX, &third] {
            set(&admin, id, Value::Null).await.expect(200);
        }
        let (one, two, three) = tokio::join!(
            set(&admin, ACME, 457),
            set(&admin, GLOBEX, 458),
            set(&admin, &third, 456),
        );
        let mut told = [one.status, two.status, three.status];
        told.sort_unstable();
        assert_eq!(told, [200, 200, 400], "round {round}");
        let parents = [
            parent(&admin, ACME).await,
            parent(&admin, GLOBEX).await,
            parent(&admin, &third).await,
        ];
        assert_eq!(parents.iter().filter(|parent| parent.is_null()).count(), 1, "round {round}");
    }
}
