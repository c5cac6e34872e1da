//! What the bearer of a JWT may hand out: no more than it holds.

use super::{RIVAL, World};
use clientbook_testkit::{ACME, Actor, Answer, GLOBEX, INITECH, P256};
use serde_json::{Value, json};

const TOKENS: &str = "/v2/api-tokens";

async fn make(actor: &Actor, grant: &Value) -> Answer {
    let mut body = grant.clone();
    body["name"] = json!("A token");
    actor.post(TOKENS, &body).await
}

async fn made(world: &World, actor: &Actor, grant: &Value) -> Actor {
    let made = make(actor, grant).await.expect(201);
    world.app.bearer(made.json()["token"].as_str().expect("a token"))
}

/// A JWT lives for minutes: if what it grants ended with it, nobody could make a lasting token.
#[tokio::test]
async fn an_admin_makes_tokens_that_last() {
    let world = World::start().await;
    let admin = world.actor(&json!({}));
    let lasting = made(&world, &admin, &json!({ "role": "admin" })).await;
    world.app.advance(60 * super::MINUTE);
    admin.get(TOKENS).await.expect(401);
    let tokens = lasting.get(TOKENS).await.expect(200).json();
    assert_eq!(tokens["data"][0]["created_by"], "https://id.example.com/#jane");
}

#[tokio::test]
async fn nobody_grants_more_than_the_jwt_holds() {
    let world = World::start().await;
    let admin = world.actor(&json!({}));
    for beyond in [
        json!({ "role": "operator" }),
        json!({ "permissions": ["tenants.manage"] }),
        json!({ "role": "viewer", "tenant": "tenant999" }),
    ] {
        make(&admin, &beyond).await.expect(403);
    }
    let few = world.actor(&json!({ "roles": "viewer", "permissions": ["tokens.manage"] }));
    made(&world, &few, &json!({ "role": "viewer" })).await;
    make(&few, &json!({ "role": "member" })).await.expect(403);
    make(&world.actor(&json!({ "roles": "member" })), &json!({ "role": "viewer" }))
        .await
        .expect(403);
}

#[tokio::test]
async fn a_restriction_is_handed_on() {
    let world = World::start().await;
    let bound = world.actor(&json!({ "clients": [ACME] }));
    for wider in [
        json!({ "role": "viewer" }),
        json!({ "role": "viewer", "client_ids": [GLOBEX] }),
        json!({ "role": "viewer", "client_ids": [ACME, GLOBEX] }),
    ] {
        make(&bound, &wider).await.expect(403);
    }
    let child = made(&world, &bound, &json!({ "role": "viewer", "client_ids": [ACME] })).await;
    child.get(&format!("/v2/clients/{ACME}")).await.expect(200);
    child.get(&format!("/v2/clients/{GLOBEX}")).await.expect(403);
    for scope in ["org_id", "project_id"] {
        let bound = world.actor(&json!({ scope: "north" }));
        for wider in [json!({ "role": "viewer" }), json!({ "role": "viewer", scope: "south" })] {
            make(&bound, &wider).await.expect(403);
        }
        made(&world, &bound, &json!({ "role": "viewer", scope: "north" })).await;
    }
}

/// A restricted caller sees and revokes what it made, in its next token too, and nobody else's.
#[tokio::test]
async fn a_subject_is_the_same_in_its_next_token() {
    let world = World::start().await;
    let jane = json!({ "clients": [ACME] });
    let grant = json!({ "role": "viewer", "client_ids": [ACME] });
    let answer = make(&world.actor(&jane), &grant).await.expect(201).json();
    let path = format!("{TOKENS}/{}", answer["id"].as_str().expect("an id"));
    world.app.advance(2 * super::MINUTE);
    let joe = world.actor(&json!({ "clients": [ACME], "sub": "joe" }));
    assert_eq!(joe.get(TOKENS).await.expect(200).json()["total_count"], 0);
    joe.delete(&path).await.expect(404);
    let jane = world.actor(&jane);
    assert_eq!(jane.get(TOKENS).await.expect(200).json()["total_count"], 1);
    jane.delete(&path).await.expect(204);
}

#[tokio::test]
async fn an_operators_jwt_makes_tokens_for_every_tenant() {
    let world = World::start().await;
    world.keys.publish(RIVAL, &[P256.jwk("ec")]);
    let claims =
        world.claims_with(&json!({ "iss": RIVAL, "roles": "operator", "tenant_id": null }));
    let operator = world.app.bearer(&P256.sign("ec", &claims));
    for (tenant, client) in [("tenant123", ACME), ("tenant999", INITECH)] {
        let grant = json!({ "tenant": tenant, "role": "viewer" });
        let viewer = made(&world, &operator, &grant).await;
        viewer.get(&format!("/v2/clients/{client}")).await.expect(200);
    }
    made(&world, &operator, &json!({ "role": "operator" })).await;
}
