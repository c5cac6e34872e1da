//! What happens between server and database happens to no operation: each takes effect once, or is
//! answered with 503 and takes effect once or not at all. A proxy fails requests to PostgreSQL by
//! plan and at random; what callers were told is kept outside and compared with rows and entries.
//!
//! `CLIENTBOOK_FAULTS_SECONDS` says how long the random part takes, `CLIENTBOOK_FAULTS_SEED` which
//! faults it draws.

mod calls;
mod ledger;
mod repeats;
mod soak;

use calls::{Call, Surface};
use clientbook_app::AuditScope;
use clientbook_testkit::{
    Actor, Answer, Engine, Fault, Place, Proxy, Start, TestApp, TestDatabase,
};
use ledger::Ledger;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long any answer may take: a write's patience, and what a loaded machine adds.
const BOUND: Duration = Duration::from_secs(14);

/// What a connection, a network or a failing server does to a request.
const FAULTS: &[Fault] = &[
    Fault::Refuse("40001"),
    Fault::Refuse("40P01"),
    Fault::DropBefore,
    Fault::TearRequest,
    Fault::DropSent,
    Fault::DropAfter,
    Fault::TearAnswer,
];

/// A server whose way to the database leads through a proxy.
struct World {
    app: TestApp,
    proxy: Proxy,
}

impl World {
    /// In the run of the tests that is about PostgreSQL.
    async fn start() -> Option<Self> {
        let engine = Engine::under_test();
        if engine == Engine::Sqlite {
            return None;
        }
        let database = Arc::new(TestDatabase::on(engine));
        let proxy = Proxy::start(&database).await;
        let url = proxy.url(&database);
        Some(Self { app: Start::on(database).through(url).start().await, proxy })
    }

    /// Sends a call, and checks what holds for every answer.
    async fn send(&self, ledger: &mut Ledger, call: &Call) -> Answer {
        send(&self.app.operator(), ledger, call).await
    }

    /// Compares what callers were told with what the store holds.
    async fn settle(&self, ledger: &Ledger) {
        ledger.check(self.app.database());
        let report = self.app.app().verify_audit(AuditScope::default()).await.expect("a report");
        assert_eq!(report.faults, [], "the rows are not what the entries say");
    }
}

async fn send(actor: &Actor, ledger: &mut Ledger, call: &Call) -> Answer {
    let id = ledger.next_id();
    let mut request = actor.request(call.method.clone(), &call.path).header("x-request-id", &id);
    if let Some(body) = &call.body {
        request = request.json(body);
    }
    let start = Instant::now();
    let answer = tokio::time::timeout(BOUND, actor.send(request)).await;
    let answer = answer.unwrap_or_else(|_| panic!("{call:?} hangs"));
    calls::check_shape(call, &answer);
    ledger.note(id, call, &answer, start.elapsed());
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_made_once_wherever_its_way_is_cut() {
    let Some(world) = World::start().await else { return };
    let mut ledger = Ledger::new("planned", world.app.database());
    let mut steps = [0; Surface::ALL.len()];
    for fault in FAULTS {
        for (surface, step) in Surface::ALL.into_iter().zip(&mut steps) {
            for nth in 1.. {
                world.proxy.plan(Place::Any, nth, *fault);
                *step += 1;
                let call = calls::change(surface, &ledger.next_id(), *step);
                let answer = world.send(&mut ledger, &call).await;
                let beyond = world.proxy.calm();
                assert_eq!(answer.status, 200, "{} of request {nth}", fault.name());
                if beyond {
                    assert!(nth > 5, "{surface:?} takes but {nth} requests");
                    break;
                }
            }
        }
    }
    world.settle(&ledger).await;
    println!("{ledger}; {:?}", world.proxy.struck());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_made_and_taken_back_once_wherever_its_commit_is_cut() {
    let Some(world) = World::start().await else { return };
    let mut ledger = Ledger::new("tokens", world.app.database());
    let places = [
        Place::Commit,
        Place::Statement("INSERT INTO credentials"),
        Place::Statement("INSERT INTO audit_entries"),
        Place::Statement("UPDATE tenants"),
        Place::Statement("pg_advisory_xact_lock"),
    ];
    for (fault, place) in FAULTS.iter().flat_map(|fault| places.map(|place| (fault, place))) {
        world.proxy.plan(place, 1, *fault);
        let made = world.send(&mut ledger, &calls::make_token()).await;
        assert_eq!(
            (made.status, world.proxy.calm()),
            (201, false),
            "{} at {place:?}",
            fault.name()
        );
        let id = made.json()["id"].as_str().expect("an id").to_owned();
        if place == Place::Statement("INSERT INTO credentials") {
            continue;
        }
        world.proxy.plan(place, 1, *fault);
        let revoked = world.send(&mut ledger, &calls::revoke_token(&id)).await;
        assert_eq!((revoked.status, world.proxy.calm()), (204, false), "{place:?}");
    }
    world.settle(&ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_is_defined_and_used_once_wherever_its_way_is_cut() {
    let Some(world) = World::start().await else { return };
    let mut ledger = Ledger::new("fields", world.app.database());
    for fault in FAULTS {
        for nth in 1.. {
            let mut beyond = true;
            let mark = ledger.next_id();
            world.proxy.plan(Place::Any, nth, *fault);
            let made = world.send(&mut ledger, &calls::define(&mark)).await;
            beyond &= world.proxy.calm();
            assert_eq!(made.status, 201, "{} of request {nth}: {}", fault.name(), made.text);
            let field = made.json()["field"].take();
            let text = |name: &str| field[name].as_str().expect("a text").to_owned();
            for call in [calls::describe(&text("id"), &mark), calls::fill(&text("key"), &mark)] {
                world.proxy.plan(Place::Any, nth, *fault);
                let answer = world.send(&mut ledger, &call).await;
                beyond &= world.proxy.calm();
                let what = format!("{} of request {nth}", fault.name());
                assert_eq!(answer.status, 200, "{what}: {call:?} {}", answer.text);
            }
            if beyond {
                assert!(nth > 5, "a definition takes but {nth} requests");
                break;
            }
        }
    }
    world.settle(&ledger).await;
    println!("{ledger}; {:?}", world.proxy.struck());
}

/// All of a write's patience, four times, at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_served_is_told_within_bounds() {
    tokio::join!(
        who_is_refused_again_and_again_gets_503_and_changes_nothing(),
        a_database_that_falls_silent_is_told(),
        who_is_in_doubt_is_told_on_every_surface(),
        a_database_that_lets_nobody_in_is_waited_for_and_then_told(),
    );
}

/// Each try is refused for longer than a write has patience.
async fn who_is_refused_again_and_again_gets_503_and_changes_nothing() {
    let Some(world) = World::start().await else { return };
    let mut ledger = Ledger::new("refused", world.app.database());
    // Of so many requests every one that is a COMMIT.
    for _ in 0..1_000 {
        world.proxy.plan(Place::Commit, 1, Fault::Refuse("40001"));
    }
    let call = calls::change(Surface::Workspace, "never", 0);
    assert_eq!(world.send(&mut ledger, &call).await.status, 503);
    assert!(world.proxy.calm(), "there were refusals left");
    let call = calls::change(Surface::Workspace, "afterwards", 0);
    assert_eq!(world.send(&mut ledger, &call).await.status, 200);
    world.settle(&ledger).await;
    ledger::assert_absent(world.app.database(), "never");
}

async fn a_database_that_falls_silent_is_told() {
    let Some(world) = World::start().await else { return };
    let operator = world.app.operator();
    let ledger = Ledger::new("silent", world.app.database());
    let (mut commits, mut updates, mut reads) =
        (ledger.part("c"), ledger.part("u"), ledger.part("r"));
    world.proxy.plan(Place::Commit, 1, Fault::Silence);
    world.proxy.plan(Place::Statement("UPDATE clients"), 2, Fault::Silence);
    world.proxy.plan(Place::Statement("FROM audit_entries WHERE"), 1, Fault::Silence);
    let (first, second) =
        (calls::change(Surface::CustomerSuccess, "first", 0), calls::change_other("second"));
    let log = calls::read_log();
    let (first, second, third) = tokio::join!(
        send(&operator, &mut commits, &first),
        send(&operator, &mut updates, &second),
        send(&operator, &mut reads, &log),
    );
    let statuses = [first.status, second.status, third.status];
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 3, "{statuses:?}");
    assert!(!world.proxy.calm(), "everything that was planned has happened");
    let call = calls::change(Surface::Workspace, "afterwards", 0);
    assert_eq!(send(&operator, &mut commits, &call).await.status, 200);
    let mut ledger = ledger;
    ledger.take([commits, updates, reads]);
    world.settle(&ledger).await;
}

/// The changes are made, and nobody says so.
async fn who_is_in_doubt_is_told_on_every_surface() {
    let Some(world) = World::start().await else { return };
    let mut ledger = Ledger::new("doubt", world.app.database());
    let mut parts: Vec<_> =
        Surface::ALL.iter().map(|one| ledger.part(&format!("{one:?}"))).collect();
    for _ in Surface::ALL {
        world.proxy.plan(Place::Commit, 1, Fault::Silence);
    }
    let operator = world.app.operator();
    let waiting = parts.iter_mut().zip(Surface::ALL).map(|(part, surface)| {
        let (operator, step) = (&operator, usize::from(surface == Surface::Organizations));
        async move { send(operator, part, &calls::change(surface, "in doubt", step)).await }
    });
    let answers = futures_util::future::join_all(waiting).await;
    assert!(!world.proxy.calm(), "everything that was planned has happened");
    for answer in answers {
        assert!(answer.status == 503 && calls::may_be_there(&answer), "{answer:?}");
    }
    ledger.take(parts);
    world.settle(&ledger).await;
    let sql = "SELECT DISTINCT surface FROM audit_entries WHERE request_id LIKE 'doubt.%'";
    assert_eq!(world.app.database().rows(sql).len(), Surface::ALL.len());
}

async fn a_database_that_lets_nobody_in_is_waited_for_and_then_told() {
    let Some(world) = World::start().await else { return };
    let operator = world.app.operator();
    let mut ledger = Ledger::new("closed", world.app.database());
    // Back before patience ends: nobody notices.
    world.proxy.close();
    let call = calls::change(Surface::Workspace, "waited", 0);
    let (answer, ()) = tokio::join!(send(&operator, &mut ledger, &call), async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.proxy.open();
    });
    assert_eq!(answer.status, 200, "{}", answer.text);
    // Away for longer: every surface says so, in its own shape.
    world.proxy.close();
    let mut parts: Vec<_> =
        Surface::ALL.iter().map(|one| ledger.part(&format!("{one:?}"))).collect();
    let waiting = parts.iter_mut().zip(Surface::ALL).map(|(part, surface)| {
        let operator = &operator;
        async move { send(operator, part, &calls::change(surface, "in vain", 0)).await.status }
    });
    let statuses = futures_util::future::join_all(waiting).await;
    assert_eq!(statuses, [503; Surface::ALL.len()]);
    world.proxy.open();
    let call = calls::change(Surface::Workspace, "afterwards", 0);
    assert_eq!(send(&operator, &mut ledger, &call).await.status, 200);
    ledger.take(parts);
    world.settle(&ledger).await;
    ledger::assert_absent(world.app.database(), "in vain");
}
