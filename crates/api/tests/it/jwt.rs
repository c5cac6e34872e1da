//! JWTs of configured issuers, on every surface. What is refused is refused twice, so that nothing
//! is remembered as good, and a good token goes on working beside it.

mod claims;
mod grants;
mod keys;
mod metadata;
mod refused;

use clientbook_app::{IssuerSettings, KeySource};
use clientbook_model::principal::Role;
use clientbook_model::secret::Secret;
use clientbook_model::tenant::TenantKey;
use clientbook_testkit::{
    ACME, ACME_OBJECT, Actor, Answer, ED25519, KeyServer, P256, RSA, Signer, TestApp, issuer,
};
use serde_json::{Value, json};

/// Publishes an RSA, a P-256 and an Ed25519 key; speaks for `tenant123`, as far as an admin goes.
const HOME: &str = "https://id.example.com/";
/// Speaks for `tenant999`, and for operators.
const RIVAL: &str = "https://rival.example.com/";
/// Shares a secret with us.
const SHARED: &str = "the back office";
const SECRET: &[u8] = b"a secret of thirty-two bytes, ok";

const CHALLENGE: &str = r#"Bearer realm="clientbook", error="invalid_token", resource_metadata="http://clientbook.test/.well-known/oauth-protected-resource""#;

const MINUTE: i64 = 60_000;

struct World {
    app: TestApp,
    keys: KeyServer,
}

impl World {
    async fn start() -> Self {
        Self::start_with(vec![issuer(HOME), rival(), shared()]).await
    }

    async fn start_with(issuers: Vec<IssuerSettings>) -> Self {
        let keys = KeyServer::default();
        keys.publish(HOME, &[RSA.jwk("rsa"), P256.jwk("ec"), ED25519.jwk("ed")]);
        let app = TestApp::start_with_issuers(issuers, &keys).await;
        Self { app, keys }
    }

    /// What an admin's token says.
    fn claims(&self) -> Value {
        json!({
            "iss": HOME,
            "aud": "clientbook",
            "sub": "jane",
            "exp": self.app.seconds() + 300,
            "tenant_id": "tenant123",
            "roles": ["admin"],
        })
    }

    /// The same with some claims changed; `null` takes one away.
    fn claims_with(&self, changes: &Value) -> Value {
        with(self.claims(), changes)
    }

    /// Who bears a token with some claims changed.
    fn actor(&self, changes: &Value) -> Actor {
        self.app.bearer(&ED25519.sign("ed", &self.claims_with(changes)))
    }

    async fn refuse(&self, what: &str, token: &str) {
        let (bearer, good) = (self.app.bearer(token), self.actor(&json!({})));
        good.get(&doors()[0]).await.expect(200);
        for path in doors().iter().chain(&doors()) {
            let answer = bearer.get(path).await;
            assert_eq!(answer.status, 401, "{what} at {path}: {}", answer.text);
            assert_eq!(answer.header("www-authenticate"), CHALLENGE, "{what}");
        }
        good.get(&doors()[0]).await.expect(200);
    }

    /// The claims do not work, however well they are signed.
    async fn refuse_claims(&self, changes: &Value) {
        let token = ED25519.sign("ed", &self.claims_with(changes));
        self.refuse(&changes.to_string(), &token).await;
    }
}

fn with(mut claims: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    let claims = claims.as_object_mut().expect("an object");
    claims.retain(|name, value| !(value.is_null() && changes.get(name).is_some()));
    json!(claims)
}

fn rival() -> IssuerSettings {
    let tenants = ["65a000000000000000000999", "b2c3d4e5-f6a7-8901-bcde-f12345678902"];
    let tenants = tenants.into_iter().filter_map(TenantKey::parse).collect();
    IssuerSettings { tenants, max_role: Role::Operator, ..issuer(RIVAL) }
}

fn shared() -> IssuerSettings {
    let secret = Secret::new(std::str::from_utf8(SECRET).expect("text"));
    IssuerSettings { keys: KeySource::Secret(secret), ..issuer(SHARED) }
}

/// One address of each surface, and the tokens.
fn doors() -> [String; 5] {
    [
        format!("/v2/clients/{ACME}"),
        "/clients/v1/tenants/tenant123/clients/456".to_owned(),
        format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}"),
        format!("/client/{ACME}"),
        "/v2/api-tokens".to_owned(),
    ]
}

async fn statuses(actor: &Actor) -> Vec<u16> {
    let mut statuses = Vec::new();
    for path in doors() {
        statuses.push(actor.get(&path).await.status);
    }
    statuses
}

#[tokio::test]
async fn every_algorithm_opens_every_surface() {
    let world = World::start().await;
    let secret = Signer::secret(SECRET);
    let shared = json!({ "iss": SHARED });
    for (signer, id, changes) in [
        (&*RSA, "rsa", json!({})),
        (&*P256, "ec", json!({})),
        (&*ED25519, "ed", json!({})),
        (&secret, "whatever", shared),
    ] {
        let claims = world.claims_with(&changes);
        let named = signer.sign(id, &claims);
        // Only one key has the algorithm, so that its id can be missing.
        let unnamed = signer.sign_with(&json!({ "alg": signer.algorithm() }), &claims);
        for token in [named, unnamed] {
            let statuses = statuses(&world.app.bearer(&token)).await;
            assert_eq!(statuses, [200; 5], "{}", signer.algorithm());
        }
    }
    assert_eq!((world.keys.fetches(HOME), world.keys.fetches(RIVAL)), (1, 0));
}

/// Published behaviour: the bare token, and `X-API-Key`.
#[tokio::test]
async fn customer_success_takes_a_jwt_as_it_takes_any_token() {
    let world = World::start().await;
    let token = RSA.sign("rsa", &world.claims());
    let anon = world.app.anon();
    let path = format!("/client/{ACME}");
    for (header, value, status) in [
        ("authorization", token.clone(), 200),
        ("x-api-key", token.clone(), 200),
        ("x-api-key", format!("{token}x"), 401),
    ] {
        let request = anon.request(axum::http::Method::GET, &path).header(header, value);
        let _: Answer = anon.send(request).await.expect(status);
    }
}
