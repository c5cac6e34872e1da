//! Who repeats a call with its idempotency key until it is answered has it done once, whatever fails
//! meanwhile: the doubt that a lost answer leaves ends with the repeat.

use super::{BOUND, Fault, Place, World, calls};
use axum::http::Method;
use clientbook_testkit::{Actor, Answer};
use serde_json::json;
use std::time::Duration;

/// Callers at a time, and calls of each.
const CALLERS: usize = 8;
const CALLS: usize = 25;

/// The share of the requests to PostgreSQL that have a fault.
const SHARE: f64 = 0.05;

const FAULTS: &[Fault] = &[
    Fault::Refuse("40001"),
    Fault::Refuse("40P01"),
    Fault::DropBefore,
    Fault::TearRequest,
    Fault::DropSent,
    Fault::DropAfter,
    Fault::TearAnswer,
];

async fn once(actor: &Actor, name: &str) -> Answer {
    let request = actor.request(Method::POST, "/v2/clients");
    let body = json!({ "name": name, "tenant": "tenant123" });
    let key = name.replace(' ', "-");
    let sent = actor.send(request.json(&body).header("idempotency-key", &key));
    tokio::time::timeout(BOUND, sent).await.unwrap_or_else(|_| panic!("{name} hangs"))
}

/// Repeats the call until it is answered; how often it was in doubt.
async fn insist(actor: &Actor, name: &str) -> (Answer, usize) {
    let mut doubts = 0;
    loop {
        let answer = once(actor, name).await;
        match answer.status {
            201 => return (answer, doubts),
            409 | 503 => doubts += usize::from(calls::may_be_there(&answer)),
            status => panic!("{status}: {}", answer.text),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Each name is one client's, and that is the one its caller was told of.
async fn check(world: &World, told: &[(String, Answer)]) {
    let rows = world.app.database().rows("SELECT name, id FROM clients WHERE name LIKE 'once %'");
    assert_eq!(rows.len(), told.len(), "{rows:?}");
    for (name, answer) in told {
        let row = rows.iter().find(|row| row[0] == *name);
        let row = row.unwrap_or_else(|| panic!("{name} is lost"));
        assert_eq!(answer.json()["id"], row[1], "{name}");
        let again = once(&world.app.operator(), name).await;
        assert_eq!((again.status, &again.text), (201, &answer.text));
    }
    world.app.assert_audit_intact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_finds_out_what_became_of_a_call_in_doubt() {
    let Some(world) = World::start().await else { return };
    let operator = world.app.operator();
    world.proxy.plan(Place::Commit, 1, Fault::Silence);
    let doubtful = once(&operator, "once doubtful").await;
    assert!(doubtful.status == 503 && calls::may_be_there(&doubtful), "{doubtful:?}");
    let (answer, _) = insist(&operator, "once doubtful").await;
    check(&world, &[("once doubtful".into(), answer)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_repeated_until_it_is_answered_is_done_once() {
    let Some(world) = World::start().await else { return };
    world.proxy.at_random(1, SHARE, FAULTS);
    let callers = (0..CALLERS).map(|caller| {
        let operator = world.app.operator();
        tokio::spawn(async move {
            let mut told = Vec::new();
            let mut doubts = 0;
            for call in 0..CALLS {
                let name = format!("once {caller}.{call}");
                let (answer, doubted) = insist(&operator, &name).await;
                doubts += doubted;
                told.push((name, answer));
            }
            (told, doubts)
        })
    });
    let callers: Vec<_> = callers.collect();
    let (mut told, mut doubts) = (Vec::new(), 0);
    for caller in callers {
        let (calls, doubted) = caller.await.expect("a caller that is answered");
        told.extend(calls);
        doubts += doubted;
    }
    world.proxy.calm();
    check(&world, &told).await;
    println!("{} calls, {doubts} doubts, {:?}", told.len(), world.proxy.struck());
}
