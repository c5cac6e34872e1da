//! What the claims make of their bearer.

use super::{HOME, RIVAL, World, doors, issuer, rival, statuses};
use clientbook_app::{ClaimNames, IssuerSettings};
use clientbook_model::principal::Role;
use clientbook_testkit::{ACME, GLOBEX, INITECH, P256, TENANT};
use serde_json::{Value, json};

const VIEWER: [u16; 5] = [200, 200, 200, 200, 403];
const ADMIN: [u16; 5] = [200; 5];

#[tokio::test]
async fn roles_and_permissions_add_up() {
    let world = World::start().await;
    for (changes, expected) in [
        (json!({ "roles": ["viewer"] }), VIEWER),
        (json!({ "roles": "viewer" }), VIEWER),
        (json!({ "roles": ["offline_access", "viewer"] }), VIEWER),
        (json!({ "roles": ["viewer", "admin"] }), ADMIN),
        (json!({ "roles": "viewer admin" }), ADMIN),
        (json!({ "roles": null, "permissions": ["clients.view"] }), VIEWER),
        (json!({ "roles": null, "permissions": "clients.view tokens.manage" }), ADMIN),
        (json!({ "roles": ["viewer"], "permissions": ["tokens.manage", "x.y"] }), ADMIN),
        (json!({ "roles": [], "permissions": ["tokens.manage"] }), [403, 403, 403, 403, 200]),
    ] {
        assert_eq!(statuses(&world.actor(&changes)).await, expected, "{changes}");
    }
}

#[tokio::test]
async fn a_tenant_has_three_names() {
    let world = World::start().await;
    for name in [TENANT, &TENANT.to_uppercase(), "65A000000000000000000123", "tenant123"] {
        let actor = world.actor(&json!({ "tenant_id": name }));
        assert_eq!(statuses(&actor).await, ADMIN, "{name}");
        // Another tenant's client is not there.
        actor.get(&format!("/v2/clients/{INITECH}")).await.expect(404);
    }
}

#[tokio::test]
async fn a_token_for_some_clients_is_for_no_other() {
    let world = World::start().await;
    for clients in [json!([ACME]), json!(ACME), json!([ACME.to_uppercase(), INITECH])] {
        let actor = world.actor(&json!({ "clients": clients }));
        actor.get(&format!("/v2/clients/{ACME}")).await.expect(200);
        for other in [GLOBEX, INITECH, "00000000-0000-4000-8000-000000000000"] {
            actor.get(&format!("/v2/clients/{other}")).await.expect(403);
        }
    }
}

#[tokio::test]
async fn scopes_are_honoured() {
    let world = World::start().await;
    let store = world.app.database();
    for scope in ["org_id", "project_id"] {
        store.execute(&format!("UPDATE clients SET {scope} = 'north' WHERE number = 456"));
        let actor = world.actor(&json!({ scope: "north" }));
        actor.get(&format!("/client/{ACME}")).await.expect(200);
        actor.get(&format!("/client/{GLOBEX}")).await.expect(403);
        actor.get(&format!("/client/{INITECH}")).await.expect(404);
        let elsewhere = world.actor(&json!({ scope: "south" }));
        elsewhere.get(&format!("/client/{ACME}")).await.expect(403);
    }
}

#[tokio::test]
async fn a_restriction_that_is_not_understood_lets_nobody_in() {
    let world = World::start().await;
    let many: Vec<_> = (0..101).map(|at| format!("{ACME:.34}{at:02x}")).collect();
    for wrong in [
        json!([]),
        json!(""),
        json!("all"),
        json!("*"),
        json!(456),
        json!(true),
        json!({ "id": ACME }),
        json!([ACME, 456]),
        json!([ACME, "456"]),
        json!([[ACME]]),
        json!(format!("{ACME},{GLOBEX}")),
        json!(many),
    ] {
        world.refuse_claims(&json!({ "clients": wrong })).await;
    }
    for claim in ["org_id", "project_id"] {
        for wrong in
            [json!(""), json!(" "), json!(7), json!([]), json!(["north"]), json!({}), json!(false)]
        {
            world.refuse_claims(&json!({ claim: wrong })).await;
        }
        world.refuse_claims(&json!({ claim: "x".repeat(101) })).await;
        world.refuse_claims(&json!({ claim: "a\u{0}b" })).await;
    }
    // `null` is no absence: who asked the issuer for a restriction gets one, or nothing.
    for claim in ["clients", "org_id", "project_id"] {
        let mut claims = world.claims();
        claims[claim] = Value::Null;
        world.refuse(claim, &P256.sign("ec", &claims)).await;
    }
}

#[tokio::test]
async fn claims_are_read_where_the_settings_say() {
    let claims = ClaimNames {
        tenant: "https://example.com/tenant".into(),
        roles: "groups".into(),
        permissions: "scope".into(),
        clients: "accounts".into(),
        org: "organization".into(),
        project: "workspace".into(),
    };
    let world = World::start_with(vec![IssuerSettings { claims, ..issuer(HOME) }]).await;
    let base = json!({
        "tenant_id": "tenant999",
        "https://example.com/tenant": "tenant123",
        "roles": ["operator"],
        "groups": ["viewer"],
        "scope": "tokens.manage",
        "clients": [GLOBEX],
        "accounts": [ACME],
    });
    let actor = world.actor(&base);
    assert_eq!(statuses(&actor).await, ADMIN);
    actor.get(&format!("/v2/clients/{GLOBEX}")).await.expect(403);
    for claim in ["organization", "workspace"] {
        let actor = world.actor(&super::with(base.clone(), &json!({ claim: "north" })));
        actor.get(&format!("/v2/clients/{ACME}")).await.expect(403);
    }
}

#[tokio::test]
async fn an_operator_comes_from_an_issuer_that_may_name_one() {
    let world = World::start().await;
    world.refuse_claims(&json!({ "roles": ["operator"] })).await;
    world.refuse_claims(&json!({ "roles": ["viewer", "operator"] })).await;
    world.refuse_claims(&json!({ "permissions": ["tenants.manage"] })).await;
    world.keys.publish(RIVAL, &[P256.jwk("ec")]);
    let operator = json!({ "iss": RIVAL, "roles": ["operator"], "tenant_id": null });
    let sign = |changes| P256.sign("ec", &super::with(world.claims_with(&operator), &changes));
    let actor = world.app.bearer(&sign(json!({})));
    for id in [ACME, INITECH] {
        actor.get(&format!("/v2/clients/{id}")).await.expect(200);
    }
    // Who reaches every tenant is not restricted within one.
    for restriction in
        [json!({ "clients": [ACME] }), json!({ "org_id": "north" }), json!({ "project_id": "x" })]
    {
        world.refuse("a restricted operator", &sign(restriction)).await;
    }
}

#[tokio::test]
async fn nobody_holds_more_than_the_issuer_may_give() {
    for (max_role, role, permission) in
        [(Role::Viewer, "member", "clients.update"), (Role::Member, "admin", "clients.status")]
    {
        let world = World::start_with(vec![IssuerSettings { max_role, ..issuer(HOME) }]).await;
        let below = json!({ "roles": [max_role.as_str()] });
        let actor = world.actor(&below);
        assert_eq!(statuses(&actor).await, VIEWER);
        for roles in [json!([role]), json!([max_role.as_str(), role]), json!(role)] {
            let token = P256.sign("ec", &world.claims_with(&json!({ "roles": roles })));
            for _ in 0..2 {
                world.app.bearer(&token).get(&doors()[0]).await.expect(401);
            }
        }
        let above = json!({ "roles": null, "permissions": ["clients.view", permission] });
        world.actor(&above).get(&doors()[0]).await.expect(401);
        assert_eq!(statuses(&actor).await, VIEWER);
    }
}

#[tokio::test]
async fn an_issuer_speaks_for_its_tenants_only() {
    let world = World::start().await;
    for tenant in [
        json!("tenant999"),
        json!("65a000000000000000000999"),
        json!("b2c3d4e5-f6a7-8901-bcde-f12345678902"),
        json!("nobody"),
        json!("00000000-0000-4000-8000-000000000000"),
        json!(""),
        json!("*"),
        json!(123),
        json!(["tenant123"]),
        json!(null),
    ] {
        world.refuse_claims(&json!({ "tenant_id": tenant })).await;
    }
    // Listed under one name, named by another.
    world.keys.publish(RIVAL, &[P256.jwk("ec")]);
    let claims = world.claims_with(&json!({ "iss": RIVAL, "tenant_id": "tenant999" }));
    let actor = world.app.bearer(&P256.sign("ec", &claims));
    actor.get(&format!("/v2/clients/{INITECH}")).await.expect(200);
    actor.get(&format!("/v2/clients/{ACME}")).await.expect(404);
    assert_eq!(rival().max_role, Role::Operator);
    let claims = world.claims_with(&json!({ "iss": RIVAL }));
    world.refuse("the other issuer's tenant", &P256.sign("ec", &claims)).await;
}

#[tokio::test]
async fn a_tenant_that_is_configured_but_not_there_is_nobodys() {
    let tenants = ["tenant123", "to-come"];
    let tenants = tenants.into_iter().filter_map(clientbook_model::tenant::TenantKey::parse);
    let settings = IssuerSettings { tenants: tenants.collect(), ..issuer(HOME) };
    let world = World::start_with(vec![settings]).await;
    world.refuse_claims(&json!({ "tenant_id": "to-come" })).await;
}

#[tokio::test]
async fn who_holds_nothing_gets_nothing() {
    let world = World::start().await;
    for changes in [
        json!({ "roles": null }),
        json!({ "roles": [] }),
        json!({ "roles": "" }),
        json!({ "roles": ["Admin", "ADMIN", "admin "] }),
        json!({ "roles": null, "permissions": ["clients.*", "*", "clients.View"] }),
        json!({ "roles": 7 }),
        json!({ "roles": { "admin": true } }),
        json!({ "roles": ["admin", 7] }),
        json!({ "permissions": ["clients.view", null] }),
        json!({ "permissions": { "clients.view": true } }),
    ] {
        world.refuse_claims(&changes).await;
    }
}

#[tokio::test]
async fn the_subject_is_somebody() {
    let world = World::start().await;
    for sub in [json!(null), json!(""), json!(7), json!("a\u{0}b"), json!("x".repeat(1001))] {
        world.refuse_claims(&json!({ "sub": sub })).await;
    }
}

#[tokio::test]
async fn a_suspended_clients_token_is_dead_at_once() {
    let world = World::start().await;
    let admin = world.app.admin().await;
    let one = world.actor(&json!({ "clients": [ACME] }));
    let both = world.actor(&json!({ "clients": [ACME, GLOBEX] }));
    let switch = "/clients/v1/tenants/tenant123/clients/456";
    for _ in 0..2 {
        assert_eq!(statuses(&one).await, ADMIN);
        admin.patch_empty(&format!("{switch}/deactivate")).await.expect(200);
        assert_eq!(statuses(&one).await, [401; 5]);
        let answer = one.get(&doors()[0]).await;
        assert_eq!(answer.header("www-authenticate"), super::CHALLENGE);
        both.get(&format!("/v2/clients/{ACME}")).await.expect(403);
        both.get(&format!("/v2/clients/{GLOBEX}")).await.expect(200);
        admin.patch_empty(&format!("{switch}/activate")).await.expect(200);
    }
    // Clients of another tenant do not keep it alive.
    let stranger = world.actor(&json!({ "clients": [INITECH] }));
    assert_eq!(statuses(&stranger).await, [401; 5]);
}

#[tokio::test]
async fn the_trail_names_the_issuer_and_the_subject() {
    let world = World::start().await;
    let path = format!("/v2/clients/{ACME}");
    let store = world.app.database();
    for (changes, mode, name) in [
        (json!({}), "disabled", "jane"),
        (json!({ "name": "Jane Doe", "email": "jane@example.com" }), "discovery", "Jane Doe"),
        (json!({ "email": "jane@example.com" }), "disabled", "jane@example.com"),
        (json!({ "name": "a\u{0}b" }), "discovery", "jane"),
        (json!({ "name": 7 }), "disabled", "jane"),
    ] {
        world.app.advance(1_000);
        let actor = world.actor(&changes);
        actor.patch(&path, &json!({ "collection_mode": mode })).await.expect(200);
        let log = actor.get(&format!("{path}/collection-control/audit-log")).await.expect(200);
        let entry = &log.json()["data"][0];
        assert_eq!(entry["actor_id"], format!("{HOME}#jane"), "{entry}");
        let newest = "SELECT contents FROM audit_entries ORDER BY created_at DESC LIMIT 1";
        let contents = &store.rows(newest)[0][0];
        assert!(contents.contains(&format!(r#"\"{name}\""#)), "{name}: {contents}");
    }
}
