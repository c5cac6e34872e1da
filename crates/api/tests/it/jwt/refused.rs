//! Tokens that somebody would like us to believe.

use super::{HOME, MINUTE, RIVAL, SECRET, SHARED, World, doors, issuer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clientbook_app::IssuerSettings;
use clientbook_testkit::{ED25519, P256, RSA, SECOND_P256, SECOND_RSA, Signer};
use serde_json::{Value, json};

#[tokio::test]
async fn a_token_ends_a_minute_after_its_time() {
    let world = World::start().await;
    let start = world.app.seconds();
    let sign = |exp: Value| P256.sign("ec", &world.claims_with(&json!({ "exp": exp })));
    for exp in [json!(start), json!(start - 59), json!(0.5 + 59.0 + f64::from(1_773_152_941 - 59))]
    {
        world.app.bearer(&sign(exp)).get(&doors()[0]).await.expect(200);
    }
    for exp in [json!(start - 60), json!(start - 61), json!(0), json!(1)] {
        world.refuse("an ended token", &sign(exp)).await;
    }
    // The same token, before and after.
    let actor = world.app.bearer(&sign(json!(start + 300)));
    world.app.advance(6 * MINUTE - 1_000);
    actor.get(&doors()[0]).await.expect(200);
    world.app.advance(1_000);
    let answer = actor.get(&doors()[0]).await.expect(401);
    assert!(answer.text.contains("expired"), "{}", answer.text);
    world.refuse("an ended token", actor.token()).await;
}

#[tokio::test]
async fn a_token_begins_a_minute_before_its_time() {
    let world = World::start().await;
    let start = world.app.seconds();
    let sign = |nbf: Value| {
        P256.sign("ec", &world.claims_with(&json!({ "nbf": nbf, "exp": start + 900 })))
    };
    for nbf in [json!(start + 60), json!(start), json!(0), json!(f64::from(7) + 0.25)] {
        world.app.bearer(&sign(nbf)).get(&doors()[0]).await.expect(200);
    }
    let early = sign(json!(start + 61));
    world.refuse("a token of the future", &early).await;
    world.app.advance(1_000);
    world.app.bearer(&early).get(&doors()[0]).await.expect(200);
    for wrong in [json!("0"), json!([0]), json!(true), json!({})] {
        world.refuse_claims(&json!({ "nbf": wrong })).await;
    }
}

#[tokio::test]
async fn a_token_says_when_it_ends() {
    let world = World::start().await;
    for exp in [json!(null), json!("9999999999"), json!(-1), json!(1e300), json!(true), json!([])] {
        world.refuse_claims(&json!({ "exp": exp })).await;
    }
    let mut claims = world.claims();
    claims["exp"] = Value::Null;
    world.refuse("exp: null", &P256.sign("ec", &claims)).await;
}

#[tokio::test]
async fn a_token_is_for_us() {
    let audiences = vec!["clientbook".to_owned(), "https://clients.example.com".to_owned()];
    let world = World::start_with(vec![IssuerSettings { audiences, ..issuer(HOME) }]).await;
    for right in [
        json!("https://clients.example.com"),
        json!(["clientbook"]),
        json!(["other", "clientbook", "clientbook"]),
    ] {
        world.actor(&json!({ "aud": right })).get(&doors()[0]).await.expect(200);
    }
    for wrong in [
        json!(null),
        json!(""),
        json!("other"),
        json!("Clientbook"),
        json!("clientbook "),
        json!("https://clients.example.com/"),
        json!([]),
        json!(["other", "another"]),
        json!(["clientbook", 7]),
        json!([["clientbook"]]),
        json!({ "aud": "clientbook" }),
        json!(7),
    ] {
        world.refuse_claims(&json!({ "aud": wrong })).await;
    }
}

#[tokio::test]
async fn a_token_is_of_an_issuer_we_know() {
    let world = World::start().await;
    world.keys.publish(RIVAL, &[SECOND_P256.jwk("ec")]);
    for wrong in [
        json!(null),
        json!(""),
        json!("https://id.example.com"),
        json!("https://ID.example.com/"),
        json!("https://evil.example.com/"),
        json!([HOME]),
        json!([HOME, "https://evil.example.com/"]),
        json!({ "iss": HOME }),
        // Known, but the key is another's.
        json!(RIVAL),
        json!(SHARED),
    ] {
        world.refuse_claims(&json!({ "iss": wrong })).await;
    }
    assert_eq!(world.keys.fetches("https://evil.example.com/"), 0);
}

/// A cache keyed by `kid` alone accepts another issuer's token.
#[tokio::test]
async fn issuers_that_share_a_key_id_are_kept_apart() {
    let world = World::start().await;
    world.keys.publish(RIVAL, &[SECOND_P256.jwk("ec"), SECOND_RSA.jwk("rsa")]);
    let rivals = world.claims_with(&json!({ "iss": RIVAL, "tenant_id": "tenant999" }));
    let actor = world.app.bearer(&SECOND_P256.sign("ec", &rivals));
    for _ in 0..2 {
        actor.get("/v2/api-tokens").await.expect(200);
        for (signer, id) in [(&*SECOND_P256, "ec"), (&*SECOND_RSA, "rsa")] {
            let ours = signer.sign(id, &world.claims());
            world.refuse("signed by the other", &ours).await;
        }
        for (signer, id) in [(&*P256, "ec"), (&*RSA, "rsa"), (&*ED25519, "ed")] {
            world.refuse("signed by the other", &signer.sign(id, &rivals)).await;
        }
    }
}

#[tokio::test]
async fn unsigned_tokens_are_nobodys() {
    let world = World::start().await;
    let good = P256.sign("ec", &world.claims());
    let parts: Vec<_> = good.split('.').collect();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        for signature in ["", parts[2]] {
            let header = URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "kid": "ec" }).to_string());
            let token = format!("{header}.{}.{signature}", parts[1]);
            world.refuse(alg, &token).await;
        }
    }
    world.refuse("no signature", &format!("{}.{}.", parts[0], parts[1])).await;
    world.refuse("two parts", &format!("{}.{}", parts[0], parts[1])).await;
}

/// RFC 8725, section 2.1: a verifier that lets the header choose takes a public key for a secret.
#[tokio::test]
async fn a_public_key_is_no_secret() {
    let world = World::start().await;
    for (signer, id) in [(&*RSA, "rsa"), (&*P256, "ec"), (&*ED25519, "ed")] {
        for public in signer.published() {
            let forger = Signer::secret(public);
            for header in [
                json!({ "alg": "HS256", "kid": id }),
                json!({ "alg": "HS256" }),
                json!({ "alg": signer.algorithm(), "kid": id }),
            ] {
                let token = forger.sign_with(&header, &world.claims());
                world.refuse("a public key as the secret", &token).await;
            }
        }
    }
}

#[tokio::test]
async fn the_header_chooses_nothing() {
    let world = World::start().await;
    let claims = world.claims();
    for (signer, header) in [
        // A key of another type under a known id.
        (&*P256, json!({ "alg": "ES256", "kid": "rsa" })),
        (&*RSA, json!({ "alg": "RS256", "kid": "ec" })),
        (&*ED25519, json!({ "alg": "EdDSA", "kid": "rsa" })),
        // The right key, but another algorithm.
        (&*RSA, json!({ "alg": "RS512", "kid": "rsa" })),
        (&*RSA, json!({ "alg": "PS256", "kid": "rsa" })),
        (&*RSA, json!({ "alg": "ES256", "kid": "rsa" })),
        (&*P256, json!({ "alg": "ES384", "kid": "ec" })),
        (&*P256, json!({ "alg": "RS256", "kid": "ec" })),
        // A key that the token brings along, or says where to get.
        (&*SECOND_RSA, json!({ "alg": "RS256", "kid": "rsa", "jwk": SECOND_RSA.jwk("rsa") })),
        (&*SECOND_RSA, json!({ "alg": "RS256", "jwk": SECOND_RSA.jwk("rsa") })),
        (&*SECOND_RSA, json!({ "alg": "RS256", "kid": "rsa", "jku": RIVAL })),
        (&*SECOND_RSA, json!({ "alg": "RS256", "kid": "rsa", "x5u": RIVAL })),
        (&*SECOND_RSA, json!({ "alg": "RS256", "kid": "../rsa" })),
        (&*RSA, json!({ "alg": "RS256", "kid": "RSA" })),
        (&*RSA, json!({ "alg": "RS256", "kid": "" })),
        (&*RSA, json!({ "alg": "RS256", "kid": 7 })),
        (&*RSA, json!({ "alg": ["RS256"], "kid": "rsa" })),
        (&*RSA, json!({ "kid": "rsa" })),
    ] {
        world.refuse(&header.to_string(), &signer.sign_with(&header, &claims)).await;
    }
    assert_eq!(world.keys.fetches(RIVAL), 0);
    let claims = world.claims_with(&json!({ "iss": SHARED }));
    let wrong = Signer::secret(b"another secret of thirty-two byt").sign("x", &claims);
    world.refuse("another secret", &wrong).await;
    let empty = Signer::secret(b"").sign("x", &claims);
    world.refuse("an empty secret", &empty).await;
    let right = Signer::secret(SECRET).sign("x", &claims);
    world.app.bearer(&right).get(&doors()[0]).await.expect(200);
}

/// RFC 7515, section 4.1.11.
#[tokio::test]
async fn what_is_critical_is_understood_or_refused() {
    let world = World::start().await;
    for crit in [json!(["exp"]), json!(["b64"]), json!(["urn:x"]), json!([]), json!("b64")] {
        let header = json!({
            "alg": "ES256", "kid": "ec", "crit": crit, "b64": true, "urn:x": 1, "exp": 1,
        });
        world.refuse(&crit.to_string(), &P256.sign_with(&header, &world.claims())).await;
    }
    let harmless = json!({ "alg": "ES256", "kid": "ec", "typ": "at+jwt", "urn:x": 1 });
    let token = P256.sign_with(&harmless, &world.claims());
    world.app.bearer(&token).get(&doors()[0]).await.expect(200);
}

#[tokio::test]
async fn a_changed_token_is_no_token() {
    let world = World::start().await;
    let good = P256.sign("ec", &world.claims_with(&json!({ "roles": ["viewer"] })));
    let parts: Vec<_> = good.split('.').collect();
    let raised = URL_SAFE_NO_PAD.encode(world.claims().to_string());
    let (mut flipped, half) = (parts[2].as_bytes().to_vec(), parts[2].len() / 2);
    flipped[half] = if flipped[half] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).expect("ASCII");
    let zeros = URL_SAFE_NO_PAD.encode([0; 64]);
    for token in [
        format!("{}.{raised}.{}", parts[0], parts[2]),
        format!("{}.{}.{flipped}", parts[0], parts[1]),
        // CVE-2022-21449: a signature of zeros.
        format!("{}.{}.{zeros}", parts[0], parts[1]),
        format!("{}.{}.{}=", parts[0], parts[1], parts[2]),
        format!("{}.{}.{}.", parts[0], parts[1], parts[2]),
        format!("{good}.{}", parts[2]),
        format!(".{good}"),
    ] {
        world.refuse(&token, &token).await;
    }
    world.app.bearer(&good).get(&doors()[0]).await.expect(200);
}

#[tokio::test]
async fn garbage_is_refused() {
    let world = World::start().await;
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let header = part(r#"{"alg":"ES256","kid":"ec"}"#);
    let deep = "[".repeat(5_000);
    let long = world.claims_with(&json!({ "padding": "x".repeat(16_000) }));
    for token in [
        "..".to_owned(),
        "a.b.c".to_owned(),
        "eyJ.eyJ.eyJ".to_owned(),
        format!("{header}.."),
        format!("{header}.{}.AAAA", part("null")),
        format!("{header}.{}.AAAA", part("[]")),
        format!("{header}.{}.AAAA", part("{\"iss\":")),
        format!("{header}.{}.AAAA", part(&deep)),
        format!("{}.{header}.AAAA", part(&deep)),
        format!("{header}.{}.AAAA", URL_SAFE_NO_PAD.encode([0xff; 40])),
        "x".repeat(16_385),
        P256.sign("ec", &long),
    ] {
        world.refuse(&token[..token.len().min(60)], &token).await;
    }
    // As large as it may be.
    let long = world.claims_with(&json!({ "padding": "x".repeat(10_000) }));
    world.app.bearer(&P256.sign("ec", &long)).get(&doors()[0]).await.expect(200);
}
