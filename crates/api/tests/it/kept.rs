//! What is kept in memory never shows less than the newest answered change.

use clientbook_testkit::{ACME, ACME_OBJECT, Actor, GLOBEX, TestApp};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const TENANT_NUMBER: &str = "/clients/v1/tenants/tenant123/clients/456";

/// The same client through every door that shows its name.
fn doors() -> [(String, &'static str); 4] {
    [
        (format!("/v2/clients/{ACME}"), "/name"),
        (TENANT_NUMBER.into(), "/name"),
        (format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}"), "/client/name"),
        (format!("/client/{ACME}"), "/name"),
    ]
}

async fn shown(actor: &Actor, path: &str, pointer: &str) -> Value {
    actor.get(path).await.expect(200).json().pointer(pointer).cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_changed_a_client_reads_the_change_through_every_door() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let done = Arc::new(AtomicBool::new(false));
    // Readers that fill the memory again while changes are being committed.
    let readers: Vec<_> = doors()
        .into_iter()
        .map(|(path, pointer)| {
            let (admin, done) = (admin.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let mut newest = 0;
                while !done.load(Ordering::SeqCst) {
                    let name = shown(&admin, &path, pointer).await;
                    let step = name.as_str().and_then(|name| name.strip_prefix("Step "));
                    let step: u32 = step.map_or(0, |step| step.parse().expect("a number"));
                    assert!(step >= newest, "{path} went back from {newest} to {step}");
                    newest = step;
                }
            })
        })
        .collect();
    for step in 1..=100 {
        let name = format!("Step {step}");
        let workspace = format!("/v1/workspace/tenant123/clients/{ACME_OBJECT}");
        admin.patch(&workspace, &json!({ "name": name })).await.expect(200);
        for (path, pointer) in doors() {
            assert_eq!(shown(&admin, &path, pointer).await, *name, "{path}");
        }
    }
    done.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.expect("a reader that never went back");
    }
}

#[tokio::test]
async fn a_parents_new_name_shows_on_its_children() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let child = format!("/client/{ACME}");
    admin.patch(&child, &json!({ "parentClientId": 457 })).await.expect(200);
    let before = shown(&admin, &child, "/parentClient/name").await;
    assert_ne!(before, "Globex renamed");
    let parent = format!("/client/{GLOBEX}");
    admin.patch(&parent, &json!({ "name": "Globex renamed" })).await.expect(200);
    assert_eq!(shown(&admin, &child, "/parentClient/name").await, "Globex renamed");
}

#[tokio::test]
async fn a_bound_token_stops_with_its_client_and_goes_on_with_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let grant = json!({ "tenant": "tenant123", "role": "member", "client_ids": [ACME] });
    let bound = app.grant(&grant).await;
    let path = format!("/client/{ACME}");
    for _ in 0..3 {
        bound.get(&path).await.expect(200);
        admin.patch_empty(&format!("{TENANT_NUMBER}/deactivate")).await.expect(200);
        bound.get(&path).await.expect(401);
        admin.patch_empty(&format!("{TENANT_NUMBER}/activate")).await.expect(200);
        bound.get(&path).await.expect(200);
    }
    let tokens = admin.get("/v2/api-tokens").await.expect(200).json();
    let of_bound = |token: &&Value| token["client_ids"] == json!([ACME]);
    let token = tokens["data"].as_array().expect("tokens").iter().find(of_bound);
    let id = token.expect("the bound token")["id"].as_str().expect("an id");
    admin.delete(&format!("/v2/api-tokens/{id}")).await.expect(204);
    bound.get(&path).await.expect(401);
}
