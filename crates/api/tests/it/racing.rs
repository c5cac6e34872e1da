//! Many callers at once: each number, external id, title and slug is one's, and each client has one
//! working enrolment token.

use crate::creating::doors;
use clientbook_testkit::{ACME, Actor, Answer, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio::task::JoinSet;

const RACERS: usize = 64;

/// Sends these at the same time.
async fn race(actor: &Actor, calls: impl IntoIterator<Item = (String, Value)>) -> Vec<Answer> {
    let mut racers = JoinSet::new();
    for (path, body) in calls {
        let actor = actor.clone();
        racers.spawn(async move { actor.post(&path, &body).await });
    }
    racers.join_all().await
}

fn with_status(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_creations_get_one_number_each_and_leave_none_out() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let doors = doors("A racer");
    let calls = (0..RACERS).map(|at| {
        let (path, mut body, _) = doors[at % doors.len()].clone();
        // Each eighth is refused late, by what the store holds.
        if at % 8 == 3 && path.ends_with("/client") {
            body["clientTypeId"] = json!(99);
        }
        (path.to_owned(), body)
    });
    let answers = race(&admin, calls).await;
    let (made, refused) = (with_status(&answers, 201), with_status(&answers, 400));
    assert_eq!(made + refused, RACERS);
    assert!(refused > 0 && made > RACERS / 2, "{made} made, {refused} refused");
    let sql = "SELECT number FROM clients WHERE name = 'A racer' ORDER BY number";
    let numbers = app.database().rows(sql);
    let numbers: Vec<usize> = numbers.iter().map(|row| row[0].parse().expect("one")).collect();
    assert_eq!(numbers, (458..458 + made).collect::<Vec<_>>());
    let tokens = app.database().rows("SELECT count(*) FROM enrollment_tokens");
    assert_eq!(tokens, [[(made + 1).to_string()]]);
    app.assert_audit_intact().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_racers_gets_what_is_unique() {
    let app = TestApp::start().await;
    let (admin, operator) = (app.admin().await, app.operator());
    let client = json!({ "name": "x", "status": "ACTIVE", "active": true, "externalId": "crm-1" });
    for (actor, path, body) in [
        (&admin, "/client", client),
        (&admin, "/client-types", json!({ "title": "Agency" })),
        (&operator, "/v2/tenants", json!({ "slug": "fresh", "name": "Fresh" })),
    ] {
        let answers = race(actor, (0..RACERS).map(|_| (path.to_owned(), body.clone()))).await;
        assert_eq!(with_status(&answers, 201), 1, "{path}");
        assert_eq!(with_status(&answers, 409), RACERS - 1, "{path}");
    }
    let next = admin.post("/v2/clients", &json!({ "name": "x" })).await.expect(201);
    let sql = "SELECT max(number) FROM clients";
    assert_eq!(app.database().rows(sql), [["459"]], "{}", next.text);
    app.assert_audit_intact().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_client_types_get_one_id_each() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let call = |at| ("/client-types".to_owned(), json!({ "title": format!("Type {at}") }));
    let answers = race(&admin, (0..RACERS).map(call)).await;
    assert_eq!(with_status(&answers, 201), RACERS);
    let id = |answer: &Answer| answer.json()["id"].as_u64().expect("an id");
    let ids: BTreeSet<_> = answers.iter().map(id).collect();
    assert_eq!(ids, (4..4 + RACERS as u64).collect());
    app.assert_audit_intact().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_enrolment_tokens_leave_one_that_works() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = format!("/v2/clients/{ACME}/enrollment-tokens");
    let answers = race(&admin, (0..RACERS).map(|_| (path.clone(), json!({})))).await;
    assert_eq!(with_status(&answers, 201), RACERS);
    let page = admin.get(&format!("{path}?page_size=500")).await.expect(200).json();
    assert_eq!(page["total_count"], RACERS + 1);
    let tokens = page["data"].as_array().expect("tokens");
    let active: Vec<_> = tokens.iter().filter(|token| token["status"] == "active").collect();
    assert_eq!(active.len(), 1);
    let shown = admin.get(&format!("/v2/clients/{ACME}")).await.expect(200).json();
    assert_eq!(shown["enrollment_token"], *active[0]);
    app.assert_audit_intact().await;
}

/// A merge changes those below the one that is given up; others change them, and what stands above, at
/// the same time. Nobody is refused, and nobody is left below who is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn merges_and_changes_of_children_do_not_stand_in_each_others_way() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let make = async |name: &str, parent: Option<&Value>| {
        let mut body = json!({ "name": name, "status": "ACTIVE", "active": true });
        if let Some(parent) = parent {
            body["parentClientId"] = parent.clone();
        }
        admin.post("/client", &body).await.expect(201).json()
    };
    for round in 0..4 {
        // The children's ids come before those of the two, and after.
        let mut children = Vec::new();
        for at in 0..4 {
            children.push(make(&format!("Child {round} {at}"), None).await);
        }
        let winner = make("The winner", None).await;
        let loser = make("The loser", None).await;
        for at in 4..8 {
            children.push(make(&format!("Child {round} {at}"), Some(&loser["id"])).await);
        }
        for child in &children[..4] {
            let path = format!("/client/{}", child["uuid"].as_str().expect("an id"));
            let parent = json!({ "parentClientId": loser["id"] });
            admin.patch(&path, &parent).await.expect(200);
        }
        let ids: Vec<_> = children.iter().map(|child| child["uuid"].clone()).collect();
        let mut all = ids.clone();
        all.push(winner["uuid"].clone());
        let path = |client: &Value| format!("/v2/clients/{}", client.as_str().expect("an id"));
        let bulk = |ids: &[Value], tag: &str| {
            let body = json!({ "ids": ids, "patch": { "tags": [tag] } });
            ("/v2/clients/bulk".to_owned(), body)
        };
        let merge = json!({ "loser_id": loser["uuid"] });
        let mut calls = vec![(format!("{}/merge", path(&winner["uuid"])), merge)];
        for at in 0..8 {
            calls.push(bulk(&all, &format!("all {at}")));
            calls.push(bulk(&ids, &format!("children {at}")));
        }
        let answers = race(&admin, calls).await;
        assert_eq!(with_status(&answers, 200), answers.len(), "{answers:?}");
        for answer in &answers {
            assert!(
                answer.json()["failed"].as_array().is_none_or(Vec::is_empty),
                "{}",
                answer.text
            );
        }
        for id in &ids {
            let child = admin.get(&format!("/client/{}", id.as_str().expect("an id"))).await;
            assert_eq!(child.expect(200).json()["parentClientId"], winner["id"]);
        }
    }
    app.assert_audit_intact().await;
}
