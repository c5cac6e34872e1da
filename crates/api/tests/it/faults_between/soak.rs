//! Faults at random, under writes from all sides.

use super::calls::{self, Call, Surface};
use super::{Fault, Ledger, World, send};
use clientbook_testkit::Actor;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::time::{Duration, Instant};

/// Callers at a time.
const CALLERS: u64 = 8;

/// How long `cargo test` lets it go on, in seconds.
const SHORT: u64 = 4;

/// The share of the requests to PostgreSQL that have a fault.
const SHARE: f64 = 0.02;

const FAULTS: &[Fault] = &[
    Fault::Refuse("40001"),
    Fault::Refuse("40P01"),
    Fault::DropBefore,
    Fault::TearRequest,
    Fault::DropSent,
    Fault::DropAfter,
    Fault::TearAnswer,
    Fault::Delay(Duration::from_millis(20)),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_is_lost_or_doubled_whatever_fails_between() {
    let Some(world) = World::start().await else { return };
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect(name));
    let seed: u64 = number("CLIENTBOOK_FAULTS_SEED").unwrap_or(1);
    let seconds: u64 = number("CLIENTBOOK_FAULTS_SECONDS").unwrap_or(SHORT);
    println!("CLIENTBOOK_FAULTS_SEED={seed} CLIENTBOOK_FAULTS_SECONDS={seconds}");
    let mut ledger = Ledger::new("soak", world.app.database());
    let ends = Instant::now() + Duration::from_secs(seconds);
    world.proxy.at_random(seed, SHARE, FAULTS);
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (actor, part) = (world.app.operator(), ledger.part(&caller.to_string()));
            tokio::spawn(go_on(actor, part, StdRng::seed_from_u64(seed + caller), ends))
        })
        .collect();
    // The database goes away and comes back, again and again.
    for round in 1.. {
        // Mostly for a moment; now and then for longer than a write has patience.
        let away = Duration::from_millis(if round % 15 == 0 { 11_000 } else { 200 });
        if Instant::now() + away + Duration::from_secs(2) > ends {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        world.proxy.close();
        tokio::time::sleep(away).await;
        world.proxy.open();
    }
    for caller in callers {
        ledger.take([caller.await.expect("a caller whose every answer was as it should be")]);
    }
    world.proxy.calm();
    world.settle(&ledger).await;
    println!("{ledger}; {:?}", world.proxy.struck());
}

async fn go_on(actor: Actor, mut ledger: Ledger, mut rng: StdRng, ends: Instant) -> Ledger {
    while Instant::now() < ends {
        let call = any(&mut rng, &mut ledger);
        send(&actor, &mut ledger, &call).await;
    }
    ledger
}

fn any(rng: &mut StdRng, ledger: &mut Ledger) -> Call {
    let surface = Surface::ALL[rng.random_range(0..Surface::ALL.len())];
    let mark = ledger.next_id();
    match rng.random_range(0..10) {
        0 => calls::read(surface),
        1 => calls::read_log(),
        2 => calls::make_token(),
        3 => {
            let tokens: Vec<_> = ledger.tokens().collect();
            match tokens.last() {
                Some(newest) => calls::revoke_token(newest),
                None => calls::make_token(),
            }
        }
        4 | 5 => calls::change_other(&mark),
        _ => calls::change(surface, &mark, rng.random_range(0..6)),
    }
}
