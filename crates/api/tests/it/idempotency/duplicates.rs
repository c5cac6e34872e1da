//! Duplicates at the same time, of calls through every surface: each has one effect, and all that are
//! answered have one answer. On PostgreSQL they go to two servers.
//!
//! `CLIENTBOOK_DUPLICATES` says how many requests there are.

use super::{Call, shown};
use axum::http::Method;
use clientbook_testkit::{Actor, Answer, Engine, Start, TestApp, TestDatabase};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Requests that `cargo test` sends.
const SHORT: usize = 800;

/// How often each call is sent.
const COPIES: usize = 4;

/// Requests at a time.
const AT_ONCE: usize = 64;

/// A call that makes or changes something which no other call does; its effect shows as `mark`.
fn call(at: usize) -> Call {
    let mark = format!("duplicate {at:05}");
    let methods = json!([{ "type": "other", "value": "x", "isPreferred": true }]);
    let success = json!({ "name": mark, "status": "ACTIVE", "active": true });
    let (path, body): (_, Value) = match at % 8 {
        0 => ("/v2/clients", json!({ "name": mark })),
        1 => ("/clients/v1/tenants/tenant123/clients", json!({ "name": mark })),
        2 => {
            ("/v1/workspace/tenant123/clients", json!({ "name": mark, "contactMethods": methods }))
        }
        3 => ("/client", success),
        4 => ("/v2/client", success),
        // No two of these find the record as the other left it.
        5 => return patch("/client/aa7cf840-9ca9-46a3-9778-9015d6580d50", json!({ "note": mark })),
        6 => return patch("/clients/v1/tenants/tenant123/clients/457", json!({ "name": mark })),
        _ => {
            let path = "/v1/workspace/tenant123/clients/507f1f77bcf86cd799439011";
            return patch(path, json!({ "name": mark }));
        }
    };
    Call::new(Method::POST, path, body)
}

fn patch(path: &str, body: Value) -> Call {
    Call::new(Method::PATCH, path, body)
}

/// Repeats a call until it is done; the answer, and how often it was told to wait.
async fn insist(actor: &Actor, at: usize) -> (usize, usize, Answer) {
    let (call, key) = (call(at), format!("key-{at}"));
    for waits in 0.. {
        let answer = call.send(actor, &key).await;
        match answer.status {
            200 | 201 => return (at, waits, answer),
            409 => assert_eq!(answer.header("retry-after"), "1", "{}", answer.text),
            status => panic!("{status}: {}", answer.text),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    unreachable!("it goes on")
}

async fn servers() -> Vec<TestApp> {
    let database = Arc::new(TestDatabase::with_tables());
    let mut servers = vec![Start::on(Arc::clone(&database)).seed(1).start().await];
    if Engine::under_test() != Engine::Sqlite {
        servers.push(Start::on(database).seed(2).start().await);
    }
    servers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_of_many_duplicates_has_one_effect() {
    let wanted = std::env::var("CLIENTBOOK_DUPLICATES").ok();
    let requests = wanted.map_or(SHORT, |text| text.parse().expect("a number of requests"));
    let calls = requests / COPIES;
    let servers = servers().await;
    let token = servers[0].admin().await.token().to_owned();
    let actors: Vec<_> = servers.iter().map(|server| server.bearer(&token)).collect();
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    // Copies next to each other, so that they meet.
    for number in 0..calls * COPIES {
        let actor = actors[number % actors.len()].clone();
        let place = Arc::clone(&room).acquire_owned().await.expect("a place");
        running.spawn(async move {
            let done = insist(&actor, number / COPIES).await;
            drop(place);
            done
        });
    }
    let mut answers: Vec<Option<Answer>> = vec![None; calls];
    let (mut waits, mut same) = (0, 0);
    while let Some(done) = running.join_next().await {
        let (at, times, answer) = done.expect("an answer");
        waits += times;
        match &answers[at] {
            Some(first) => {
                assert_eq!(shown(&answer), shown(first), "{at}");
                same += 1;
            }
            None => answers[at] = Some(answer),
        }
    }
    assert_eq!(same, calls * (COPIES - 1));
    let database = servers[0].database();
    let sql = "SELECT count(*), count(DISTINCT operation_id) FROM audit_entries
        WHERE actor_kind = 'api_token' AND entity_type = 'client'
            AND contents LIKE '%duplicate %'";
    let told = database.rows(sql);
    assert_eq!(told, [[calls.to_string(), calls.to_string()]], "an entry for each call");
    let made = "SELECT name FROM clients WHERE name LIKE 'duplicate %' AND number > 457";
    let names: Vec<_> = database.rows(made).into_iter().map(|row| row[0].clone()).collect();
    let expected = (0..calls).filter(|at| at % 8 < 5).count();
    assert_eq!(names.len(), expected, "a client for each call that makes one");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), expected, "no client twice");
    println!(
        "{requests} requests with {calls} keys to {} servers: {calls} effects, {same} answers told \
         again, byte for byte; {waits} times told to wait",
        servers.len()
    );
    servers[0].assert_audit_intact().await;
}
