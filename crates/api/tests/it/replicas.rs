//! Two servers on one database: what is done through one holds on the other from its very next
//! request.

use clientbook_testkit::{ACME, ACME_OBJECT, Actor, Engine, Start, TestApp, TestDatabase};
use serde_json::json;
use std::sync::Arc;

const NUMBER: &str = "/clients/v1/tenants/tenant123/clients/456";

/// Two servers on PostgreSQL, in the run of the tests that is about it: SQLite lets one in.
async fn two() -> Option<[TestApp; 2]> {
    let engine = Engine::under_test();
    if engine == Engine::Sqlite {
        return None;
    }
    let database = Arc::new(TestDatabase::on(engine));
    let one = Start::on(Arc::clone(&database)).seed(1).start().await;
    Some([one, Start::on(database).seed(2).start().await])
}

/// The same caller at the other server.
fn same(actor: &Actor, server: &TestApp) -> Actor {
    server.bearer(actor.token())
}

/// Every surface, as this caller finds it.
async fn statuses(actor: &Actor) -> [u16; 4] {
    let mut statuses = [0; 4];
    let paths = [
        format!("/v2/clients/{ACME}"),
        NUMBER.to_owned(),
        format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}"),
        format!("/client/{ACME}"),
    ];
    for (status, path) in statuses.iter_mut().zip(paths) {
        *status = actor.get(&path).await.status;
    }
    statuses
}

#[tokio::test]
async fn a_suspension_holds_on_every_server() {
    let Some([one, other]) = two().await else { return };
    let bound = json!({ "tenant": "tenant123", "role": "admin", "client_ids": [ACME] });
    let here = one.grant(&bound).await;
    let there = same(&here, &other);
    for _ in 0..20 {
        assert_eq!(statuses(&there).await, [200; 4]);
        one.operator().patch_empty(&format!("{NUMBER}/deactivate")).await.expect(200);
        assert_eq!(statuses(&there).await, [401; 4], "its only client is suspended");
        assert_eq!(statuses(&here).await, [401; 4]);
        other.operator().patch_empty(&format!("{NUMBER}/activate")).await.expect(200);
        assert_eq!(statuses(&here).await, [200; 4]);
    }
}

#[tokio::test]
async fn a_revoked_token_works_nowhere() {
    let Some([one, other]) = two().await else { return };
    for server in 0..20 {
        let (maker, revoker) = if server % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let wish = json!({ "name": "Short of life", "tenant": "tenant123", "role": "admin" });
        let made = maker.operator().post("/v2/api-tokens", &wish).await.expect(201).json();
        let secret = made["token"].as_str().expect("a secret");
        let (here, there) = (maker.bearer(secret), revoker.bearer(secret));
        assert_eq!([statuses(&here).await, statuses(&there).await], [[200; 4]; 2]);
        let path = format!("/v2/api-tokens/{}", made["id"].as_str().expect("an id"));
        revoker.operator().delete(&path).await.expect(204);
        assert_eq!([statuses(&here).await, statuses(&there).await], [[401; 4]; 2]);
        // It is in nobody's list any more, and taking it back again changes nothing.
        let list = maker.operator().get("/v2/api-tokens?tenant=tenant123&page_size=500").await;
        assert!(!list.expect(200).text.contains(made["id"].as_str().expect("an id")));
        maker.operator().delete(&path).await.expect(204);
    }
}

#[tokio::test]
async fn a_collection_mode_is_the_same_on_every_server() {
    let Some([one, other]) = two().await else { return };
    let path = format!("/v2/clients/{ACME}");
    let modes = ["disabled", "discovery", "saas_usage"].repeat(7);
    for (at, mode) in modes.iter().enumerate() {
        let (here, there) = if at % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let change = json!({ "collection_mode": mode });
        let changed = here.operator().patch(&path, &change).await.expect(200);
        let read = there.operator().get(&path).await.expect(200);
        assert_eq!((read.header("etag"), &read.text), (changed.header("etag"), &changed.text));
    }
    // Nothing leaves `deleted`, wherever it was entered; the enrolment token went with it.
    let gone = json!({ "collection_mode": "deleted" });
    one.operator().patch(&path, &gone).await.expect(200);
    assert_eq!(other.operator().get(&path).await.json()["enrollment_token"], json!(null));
    let refused = other.operator().patch(&path, &json!({ "collection_mode": "discovery" })).await;
    assert_eq!(refused.expect(400).json()["error"]["code"], "invalid_transition");
}

/// A version read on one server is no precondition that another has overtaken.
#[tokio::test]
async fn of_two_servers_with_one_precondition_one_wins() {
    let Some([one, other]) = two().await else { return };
    let path = format!("/client/{ACME}");
    for step in 0..20 {
        let tag = one.operator().get(&path).await.expect(200).header("etag").to_owned();
        let write = async |server: &TestApp, name: String| {
            let actor = server.operator();
            let request = actor.request(axum::http::Method::PATCH, &path).header("if-match", &tag);
            actor.send(request.json(&json!({ "name": name }))).await.status
        };
        let statuses = tokio::join!(
            write(&one, format!("One {step}")),
            write(&other, format!("Other {step}"))
        );
        assert!(matches!(statuses, (200, 412) | (412, 200)), "{statuses:?}");
    }
}

/// What one server keeps of definitions in memory is never older than what another has made of them.
#[tokio::test]
async fn a_definition_is_the_same_on_every_server() {
    let Some([one, other]) = two().await else { return };
    let fields = "/v1/workspace/tenant123/clients/fields";
    let client = format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}");
    let body = json!({ "label": "Plan", "type": "text" });
    let made = one.operator().post(fields, &body).await.expect(201).json();
    let path = format!("{fields}/{}", made["field"]["id"].as_str().expect("an id"));
    let set = json!({ "customFields": [{ "fieldKey": "plan", "value": "gold" }] });
    other.operator().patch(&client, &set).await.expect(200);
    for step in 0..20 {
        let (here, there) = if step % 2 == 0 { (&one, &other) } else { (&other, &one) };
        here.operator().post(&format!("{path}/archive"), &json!({})).await.expect(200);
        let hidden = there.operator().get(&client).await.expect(200).json();
        assert_eq!(hidden["client"]["customFields"], json!([]));
        there.operator().patch(&client, &set).await.expect(422);
        there.operator().post(&format!("{path}/restore"), &json!({})).await.expect(200);
        let shown = here.operator().get(&client).await.expect(200).json();
        assert_eq!(shown["client"]["customFields"][0]["value"], "gold");
    }
    other.operator().delete(&path).await.expect(204);
    let gone = one.operator().get(&client).await.expect(200).json();
    assert_eq!(gone["client"]["customFields"], json!([]));
}
