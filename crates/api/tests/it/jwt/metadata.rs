//! Where callers learn whose tokens are believed (RFC 9728).

use super::{CHALLENGE, HOME, RIVAL, World, doors};
use clientbook_testkit::TestApp;
use serde_json::json;

const PATH: &str = "/.well-known/oauth-protected-resource";

#[tokio::test]
async fn the_metadata_name_the_issuers() {
    let world = World::start().await;
    let answer = world.app.anon().get(PATH).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    // The one that shares a secret is no authorization server.
    let expected = json!({
        "resource": "http://clientbook.test",
        "resource_name": "Clientbook",
        "authorization_servers": [HOME, RIVAL],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(answer.json(), expected);
    world.app.bearer("wrong").get(PATH).await.expect(200);
    world.app.anon().post(PATH, &json!({})).await.expect(405);
    assert_eq!(world.keys.fetches(HOME), 0);
}

#[tokio::test]
async fn a_refusal_says_where_the_metadata_are() {
    let world = World::start().await;
    for path in doors() {
        let anon = world.app.anon().get(&path).await.expect(401);
        let challenge = CHALLENGE.replace(" error=\"invalid_token\",", "");
        assert_eq!(anon.header("www-authenticate"), challenge);
        let wrong = world.app.bearer("cb_wrong").get(&path).await.expect(401);
        assert_eq!(wrong.header("www-authenticate"), CHALLENGE);
    }
}

#[tokio::test]
async fn without_issuers_there_are_none_to_name() {
    let app = TestApp::start().await;
    let answer = app.anon().get(PATH).await.expect(200).json();
    assert!(answer.get("authorization_servers").is_none(), "{answer}");
    let refused = app.anon().get(&doors()[0]).await.expect(401);
    assert_eq!(refused.header("www-authenticate"), "Bearer realm=\"clientbook\"");
    // What looks like a JWT is nobody's.
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.AAAA";
    app.bearer(token).get(&doors()[0]).await.expect(401);
}
