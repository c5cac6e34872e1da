//! Keys that come, change and go.

use super::{HOME, MINUTE, World, doors};
use clientbook_testkit::{Actor, ED25519, P256, RSA, SECOND_P256, SECOND_RSA, Signer};
use serde_json::json;

fn bearer(world: &World, signer: &Signer, id: &str) -> Actor {
    let claims = world.claims_with(&json!({ "exp": world.app.seconds() + 86_400 }));
    world.app.bearer(&signer.sign(id, &claims))
}

async fn status(actor: &Actor) -> u16 {
    actor.get(&doors()[0]).await.status
}

#[tokio::test]
async fn a_new_key_is_found_without_a_restart() {
    let world = World::start().await;
    let (old, new) = (bearer(&world, &P256, "ec"), bearer(&world, &SECOND_P256, "ec-2"));
    assert_eq!(status(&old).await, 200);
    world.keys.publish(HOME, &[P256.jwk("ec"), SECOND_P256.jwk("ec-2")]);
    // Too soon after the last fetch.
    assert_eq!(status(&new).await, 401);
    world.app.advance(29_999);
    assert_eq!(status(&new).await, 401);
    assert_eq!(world.keys.fetches(HOME), 1);
    world.app.advance(1);
    assert_eq!((status(&new).await, status(&old).await), (200, 200));
    assert_eq!(world.keys.fetches(HOME), 2);
}

#[tokio::test]
async fn invented_key_ids_cause_one_fetch_in_half_a_minute() {
    let world = World::start().await;
    let known = bearer(&world, &P256, "ec");
    for minute in 1..=3 {
        for half in 0..2 {
            for at in 0..20 {
                let guess = bearer(&world, &P256, &format!("guess-{minute}-{half}-{at}"));
                assert_eq!(status(&guess).await, 401);
                assert_eq!(status(&known).await, 200);
                world.app.advance(1_000);
            }
            world.app.advance(10_000);
        }
        assert_eq!(world.keys.fetches(HOME), 2 * minute);
    }
}

#[tokio::test]
async fn those_who_wait_for_the_same_fetch_share_it() {
    let world = World::start().await;
    world.keys.hold();
    let mut waiting = Vec::new();
    for at in 0..20 {
        let (signer, id) = if at % 2 == 0 { (&*P256, "ec") } else { (&*RSA, "unknown") };
        let actor = bearer(&world, signer, id);
        waiting.push(tokio::spawn(async move { status(&actor).await }));
    }
    while world.keys.fetches(HOME) == 0 {
        tokio::task::yield_now().await;
    }
    world.keys.release();
    for (at, waiting) in waiting.into_iter().enumerate() {
        let expected = if at % 2 == 0 { 200 } else { 401 };
        assert_eq!(waiting.await.expect("an answer"), expected);
    }
    assert_eq!(world.keys.fetches(HOME), 1);
}

/// Otherwise whoever asks and hangs up twice a minute keeps out all whose key is new.
#[tokio::test]
async fn a_fetch_outlives_the_caller_who_caused_it() {
    let world = World::start().await;
    world.keys.hold();
    let guess = bearer(&world, &P256, "guess");
    let asking = tokio::spawn(async move { status(&guess).await });
    while world.keys.fetches(HOME) == 0 {
        tokio::task::yield_now().await;
    }
    asking.abort();
    assert!(asking.await.is_err_and(|error| error.is_cancelled()));
    // Until the server has noticed.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    world.keys.release();
    assert_eq!(status(&bearer(&world, &P256, "ec")).await, 200);
    assert_eq!(world.keys.fetches(HOME), 1);
}

#[tokio::test]
async fn an_issuer_that_is_away_stops_no_known_key() {
    let world = World::start().await;
    let (known, new) = (bearer(&world, &P256, "ec"), bearer(&world, &SECOND_P256, "ec-2"));
    assert_eq!(status(&known).await, 200);
    for wrong in [None, Some("<html>"), Some("[]"), Some("{}"), Some(r#"{"keys": 7}"#)] {
        match wrong {
            Some(text) => world.keys.answer(HOME, text),
            None => world.keys.take_away(HOME),
        }
        let before = world.keys.fetches(HOME);
        world.app.advance(5 * MINUTE + 1);
        for _ in 0..5 {
            assert_eq!((status(&known).await, status(&new).await), (200, 401));
        }
        assert_eq!(world.keys.fetches(HOME), before + 1);
    }
    // A day later it is back.
    world.app.advance(20 * 60 * MINUTE);
    assert_eq!(status(&known).await, 200);
    world.app.advance(MINUTE);
    world.keys.publish(HOME, &[SECOND_P256.jwk("ec-2")]);
    assert_eq!((status(&new).await, status(&known).await), (200, 401));
}

/// Real seconds pass here: who has a key waits for a hanging issuer, but not for long.
#[tokio::test]
async fn an_issuer_that_hangs_slows_one_caller_a_little() {
    let world = World::start().await;
    let known = bearer(&world, &P256, "ec");
    assert_eq!(status(&known).await, 200);
    world.keys.hold();
    world.app.advance(5 * MINUTE + 1);
    let patience = std::time::Duration::from_secs(4);
    for _ in 0..10 {
        let answer = tokio::time::timeout(patience, status(&known)).await;
        assert_eq!(answer.expect("an answer in time"), 200);
    }
    assert_eq!(world.keys.fetches(HOME), 2);
    world.keys.release();
}

#[tokio::test]
async fn a_withdrawn_key_ends_with_the_next_fetch() {
    let world = World::start().await;
    let (ec, rsa) = (bearer(&world, &P256, "ec"), bearer(&world, &RSA, "rsa"));
    assert_eq!((status(&ec).await, status(&rsa).await), (200, 200));
    world.keys.publish(HOME, &[RSA.jwk("rsa")]);
    world.app.advance(5 * MINUTE);
    assert_eq!(status(&ec).await, 200);
    world.app.advance(1);
    assert_eq!((status(&ec).await, status(&rsa).await), (401, 200));
    // All of them.
    world.keys.publish(HOME, &[]);
    world.app.advance(5 * MINUTE + 1);
    for _ in 0..2 {
        assert_eq!((status(&ec).await, status(&rsa).await), (401, 401));
    }
    // And back again.
    world.keys.publish(HOME, &[P256.jwk("ec")]);
    world.app.advance(30_000);
    assert_eq!((status(&ec).await, status(&rsa).await), (200, 401));
}

#[tokio::test]
async fn a_key_that_changes_under_its_id_is_the_new_one() {
    let world = World::start().await;
    let (old, new) = (bearer(&world, &RSA, "rsa"), bearer(&world, &SECOND_RSA, "rsa"));
    assert_eq!((status(&old).await, status(&new).await), (200, 401));
    world.keys.publish(HOME, &[SECOND_RSA.jwk("rsa")]);
    world.app.advance(5 * MINUTE + 1);
    assert_eq!((status(&old).await, status(&new).await), (401, 200));
}

#[tokio::test]
async fn a_clock_that_is_set_back_stops_no_fetch() {
    let world = World::start().await;
    assert_eq!(status(&bearer(&world, &P256, "ec")).await, 200);
    world.app.advance(-60 * MINUTE);
    world.keys.publish(HOME, &[SECOND_P256.jwk("ec-2")]);
    assert_eq!(status(&bearer(&world, &SECOND_P256, "ec-2")).await, 200);
}

/// RFC 7517, section 4: a key is for what it says, and for nothing else.
#[tokio::test]
async fn keys_for_other_purposes_verify_nothing() {
    let world = World::start().await;
    for (name, value) in [
        ("use", json!("enc")),
        ("use", json!("tls")),
        ("key_ops", json!(["encrypt"])),
        ("key_ops", json!([])),
        ("alg", json!("RS512")),
        ("alg", json!("PS256")),
        ("alg", json!("RSA-OAEP")),
        ("alg", json!("HS256")),
        ("alg", json!("none")),
        ("n", json!("AQAB")),
        ("n", json!("***")),
        ("kty", json!("oct")),
        ("kty", json!("quantum")),
        ("kid", json!(7)),
    ] {
        let mut jwk = RSA.jwk("rsa");
        jwk[name] = value.clone();
        // What cannot be used does not spoil the rest.
        world.keys.publish(HOME, &[jwk, json!(7), json!({}), ED25519.jwk("ed")]);
        world.app.advance(5 * MINUTE + 1);
        assert_eq!(status(&bearer(&world, &RSA, "rsa")).await, 401, "{name}: {value}");
        assert_eq!(status(&bearer(&world, &ED25519, "ed")).await, 200, "{name}: {value}");
    }
    let mut jwk = RSA.jwk("rsa");
    (jwk["use"], jwk["alg"], jwk["key_ops"]) = (json!("sig"), json!("RS256"), json!(["verify"]));
    world.keys.publish(HOME, &[jwk]);
    world.app.advance(5 * MINUTE + 1);
    assert_eq!(status(&bearer(&world, &RSA, "rsa")).await, 200);
}

/// Without an id, only a single candidate is no guess.
#[tokio::test]
async fn which_key_is_meant_is_not_guessed() {
    let world = World::start().await;
    world.keys.publish(HOME, &[P256.jwk("a"), SECOND_P256.jwk("b"), ED25519.jwk("ed")]);
    let unnamed = P256.sign_with(&json!({ "alg": "ES256" }), &world.claims());
    world.refuse("two candidates", &unnamed).await;
}

/// A secret in a public document is everybody's.
#[tokio::test]
async fn a_published_secret_verifies_nothing() {
    let world = World::start().await;
    let secret = json!({ "kty": "oct", "kid": "s", "alg": "HS256", "k": "YWJjYWJjYWJjYWJjYWJj" });
    world.keys.publish(HOME, &[secret, ED25519.jwk("ed")]);
    for id in ["s", "ed"] {
        let token = Signer::secret(b"abcabcabcabcabc").sign(id, &world.claims());
        world.refuse("a published secret", &token).await;
    }
}
