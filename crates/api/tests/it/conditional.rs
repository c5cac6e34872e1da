//! Entity tags, `If-None-Match` and `If-Match`.

use axum::http::Method;
use clientbook_testkit::{ACME, ACME_OBJECT, Actor, Answer, GLOBEX, INITECH, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The client Acme on every surface.
fn doors() -> [String; 5] {
    [
        format!("/v2/clients/{ACME}"),
        "/clients/v1/tenants/tenant123/clients/456".to_owned(),
        format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}"),
        format!("/client/{ACME}"),
        format!("/v2/client/{ACME}"),
    ]
}

/// A change on every surface that writes; each differs from what the demo has.
fn changes() -> [(String, Value); 6] {
    let [v2, tenants, workspace, success, below] = doors();
    [
        (v2, json!({ "collection_mode": "disabled" })),
        (format!("{tenants}/deactivate"), json!({})),
        (format!("{tenants}/activate"), json!({})),
        (workspace, json!({ "name": "Jane Doe" })),
        (success, json!({ "note": "One" })),
        (below, json!({ "note": "Two" })),
    ]
}

fn tag(answer: &Answer) -> String {
    answer.header("etag").to_owned()
}

fn version(tag: &str) -> i64 {
    let (version, digest) = tag.trim_matches('"').split_once('-').expect("two parts");
    let hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    assert!(digest.len() == 16 && digest.bytes().all(hex), "{tag}");
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    version.parse().expect("a version")
}

async fn conditional(actor: &Actor, (path, body): &(String, Value), if_match: &str) -> Answer {
    let request = actor.request(Method::PATCH, path).header("if-match", if_match);
    actor.send(request.json(body)).await
}

async fn cached(actor: &Actor, path: &str, if_none_match: &str) -> Answer {
    let request = actor.request(Method::GET, path).header("if-none-match", if_none_match);
    actor.send(request).await
}

#[tokio::test]
async fn one_version_on_every_surface() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut expected = version(&tag(&admin.get(&doors()[0]).await.expect(200)));
    for (path, body) in changes() {
        let changed = admin.patch(&path, &body).await.expect(200);
        expected += 1;
        assert_eq!(version(&tag(&changed)), expected, "{path}");
        let mut tags = BTreeSet::new();
        for door in doors() {
            let read = admin.get(&door).await.expect(200);
            assert_eq!(version(&tag(&read)), expected, "{door}");
            tags.insert(tag(&read));
        }
        // Four shapes: the customer-success record has two addresses.
        assert_eq!(tags.len(), 4, "{tags:?}");
    }
    let other = admin.get(&format!("/v2/clients/{GLOBEX}")).await.expect(200);
    assert_eq!(version(&tag(&other)), 1);
}

#[tokio::test]
async fn what_the_caller_has_is_not_sent_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let log = format!("{}/collection-control/audit-log", doors()[0]);
    for path in doors().into_iter().chain([log, "/v2/api-tokens".to_owned()]) {
        let read = admin.get(&path).await.expect(200);
        let known = tag(&read);
        for value in [known.clone(), format!("W/{known}"), format!("\"0-x\", {known}"), "*".into()]
        {
            let answer = cached(&admin, &path, &value).await.expect(304);
            assert_eq!((answer.text.as_str(), tag(&answer)), ("", known.clone()), "{path}");
            assert_eq!(answer.header("cache-control"), "private, no-cache");
        }
        // The whole tag counts: the same version with another body is not what the caller has.
        let (version, digest) = known.split_once('-').expect("two parts");
        let turned: String = digest.trim_end_matches('"').chars().rev().collect();
        for value in [format!("{version}-{turned}\""), format!("{version}\""), "x".into()] {
            assert_eq!(cached(&admin, &path, &value).await.expect(200).text, read.text, "{path}");
        }
    }
    let [v2, tenants, ..] = doors();
    let foreign = tag(&admin.get(&tenants).await.expect(200));
    cached(&admin, &v2, &foreign).await.expect(200);
    let known = tag(&admin.get(&v2).await.expect(200));
    admin.patch(&v2, &json!({ "collection_mode": "disabled" })).await.expect(200);
    let changed = cached(&admin, &v2, &known).await.expect(200);
    assert_ne!(tag(&changed), known);
    let request = admin.request(Method::HEAD, &v2).header("if-none-match", tag(&changed));
    admin.send(request).await.expect(304);
}

#[tokio::test]
async fn a_change_can_demand_a_version() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let [v2, ..] = doors();
    let mut stale = tag(&admin.get(&v2).await.expect(200));
    for (at, change) in changes().iter().enumerate() {
        // A tag read on any surface will do, weak or strong, alone or among others.
        let fresh = tag(&admin.get(&doors()[at % 5]).await.expect(200));
        let fresh = match at % 3 {
            0 => fresh,
            1 => format!("W/{fresh}"),
            _ => format!("\"0-aa\", {fresh}"),
        };
        conditional(&admin, change, &fresh).await.expect(200);
        let before = admin.get(&v2).await.expect(200);
        for value in [stale.as_str(), &fresh, &format!("W/{stale}"), "\"0-aa\"", "nonsense", "\"\""]
        {
            conditional(&admin, change, value).await.expect(412);
        }
        let after = admin.get(&v2).await.expect(200);
        assert_eq!(tag(&after), tag(&before));
        assert_eq!(after.text, before.text);
        conditional(&admin, change, "*").await.expect(200);
        stale = tag(&after);
    }
}

#[tokio::test]
async fn a_version_passed_over_has_its_answer_in_each_shape() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let message = "The record is of another version than If-Match demands";
    let [v2, off, _, workspace, success, _] = changes();
    let told = conditional(&admin, &v2, "\"0-aa\"").await.expect(412).text;
    let code = r#""code":"precondition_failed","message""#;
    assert_eq!(told, format!(r#"{{"error":{{{code}:"{message}","details":{{}}}}}}"#));
    let told = conditional(&admin, &off, "\"0-aa\"").await.expect(412).text;
    assert_eq!(told, format!(r#"{{"error":"Precondition Failed","message":"{message}"}}"#));
    let told = conditional(&admin, &workspace, "\"0-aa\"").await.expect(412).text;
    assert_eq!(told, format!(r#"{{"error":{{{code}:"{message}"}}}}"#));
    let told = conditional(&admin, &success, "\"0-aa\"").await.expect(412);
    assert_eq!(told.header("content-type"), "application/problem+json");
    assert_eq!(told.json()["detail"], message);
}

#[tokio::test]
async fn who_may_not_change_hears_nothing_of_versions() {
    let app = TestApp::start().await;
    let viewer = app.role("tenant123", "viewer").await;
    for change in changes() {
        conditional(&app.anon(), &change, "\"0-aa\"").await.expect(401);
        conditional(&viewer, &change, "\"0-aa\"").await.expect(403);
    }
    let rival = app.role("tenant999", "admin").await;
    for change in changes() {
        conditional(&rival, &change, "\"0-aa\"").await.expect(404);
    }
    let nobody = (format!("/v2/clients/{INITECH}"), json!({ "collection_mode": "disabled" }));
    conditional(&app.admin().await, &nobody, "\"0-aa\"").await.expect(404);
    let known = tag(&app.operator().get(&doors()[0]).await.expect(200));
    cached(&app.anon(), &doors()[0], &known).await.expect(401);
    cached(&rival, &doors()[0], &known).await.expect(404);
}

/// 16 writers hold the same tag: one of them wins.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_wins() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let door = doors()[3].clone();
    let known = tag(&admin.get(&door).await.expect(200));
    let writers: Vec<_> = (0..16)
        .map(|at| {
            let change = (door.clone(), json!({ "note": format!("Writer {at}") }));
            let (admin, known) = (admin.clone(), known.clone());
            tokio::spawn(async move { conditional(&admin, &change, &known).await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for writer in writers {
        statuses.push(writer.await.expect("a writer"));
    }
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (200, &[412; 15][..]));
    let after = admin.get(&door).await.expect(200);
    assert_eq!(version(&tag(&after)), version(&known) + 1);
}
