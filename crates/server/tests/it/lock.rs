//! One process writes a store. Who else wants to change it is told to ask that one; who only reads
//! needs no leave.

use crate::process::{
    ACME, ACME_OBJECT, Caller, Ended, INITECH, OPERATOR, PATIENCE, Server, clientbook, finish, run,
    serve_store, store_url,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;
use tempfile::TempDir;

fn directory() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

fn assert_told(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    assert_eq!(ended.out, "");
    for part in parts {
        assert!(ended.log.contains(part), "{part:?} is not in {:?}", ended.log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_is_refused() {
    let directory = directory();
    let server = Server::start(directory.path());
    let path = directory.path().join("clientbook.db").display().to_string();
    let second = finish(&mut serve_store(directory.path()));
    let told = ["error: ", &path, "in use by another clientbook process", "--database"];
    assert_told(&second, 1, &told);
    assert_eq!(second.log.lines().count(), 1, "{}", second.log);
    let caller = Caller::new(&server);
    assert_eq!(caller.changes(ACME_OBJECT, &json!({ "name": "Still here" })).await, 200);
    assert_eq!(server.stop().code, Some(0));
    // The lock goes with its holder.
    assert_eq!(Server::start(directory.path()).stop().code, Some(0));
}

async fn tokens(caller: &Caller) -> u64 {
    let list = caller.get("/v2/api-tokens?tenant=tenant123").await;
    list["total_count"].as_u64().expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_store_gets_no_token_behind_its_server() {
    let directory = directory();
    let server = Server::start(directory.path());
    let caller = Caller::new(&server);
    server.out.until("Calls to try:");
    let before = tokens(&caller).await;
    let url = store_url(directory.path());
    let create = ["token", "create", "--tenant", "tenant123", "--role", "viewer"];
    let refused = run(&[&create[..], &["--database", &url]].concat());
    assert_told(&refused, 1, &["in use by another", "--server http://", "CLIENTBOOK_TOKEN"]);
    assert_eq!(tokens(&caller).await, before);
}

/// `token create --server`, as the bearer of `token`.
fn ask(server: &Server, token: &str, args: &[&str]) -> Ended {
    let mut command = clientbook();
    command.args(["token", "create", "--server", &server.base]).args(args);
    finish(command.env("CLIENTBOOK_TOKEN", token))
}

/// The token that was made, which stands alone on standard output.
fn told(ended: &Ended) -> &str {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let token = ended.out.strip_suffix('\n').expect("a line");
    assert!(token.starts_with("cb_") && !token.contains('\n'), "{ended:?}");
    assert!(!ended.log.contains(token), "{ended:?}");
    token
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_makes_tokens() {
    let directory = directory();
    let server = Server::start(directory.path());
    let (acme, initech) = (format!("/v2/clients/{ACME}"), format!("/v2/clients/{INITECH}"));
    let made = ask(&server, OPERATOR, &["--tenant", "tenant999", "--role", "viewer"]);
    assert!(!made.log.contains(OPERATOR), "{made:?}");
    let viewer = Caller::with(&server, told(&made));
    assert_eq!([viewer.reads(&acme).await, viewer.reads(&initech).await], [404, 200]);

    let made = ask(&server, OPERATOR, &["--tenant", "tenant123", "--role", "admin"]);
    let admin = told(&made);
    let made = ask(&server, admin, &["--role", "member", "--client", ACME, "--name", "Of Acme"]);
    let member = Caller::with(&server, told(&made));
    // The same for every other client, so that nobody can ask which there are.
    assert_eq!([member.reads(&acme).await, member.reads(&initech).await], [200, 403]);
    let listed = Caller::with(&server, admin).get("/v2/api-tokens").await;
    let listed = listed["data"].as_array().expect("a list").iter();
    let made: Vec<_> = listed.filter(|token| token["name"] == "Of Acme").collect();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["client_ids"], json!([ACME]));

    let operator = ask(&server, OPERATOR, &["--role", "operator", "--json"]);
    let operator: Value = serde_json::from_str(&operator.out).expect("JSON");
    let operator = Caller::with(&server, operator["token"].as_str().expect("a token"));
    assert_eq!([operator.reads(&acme).await, operator.reads(&initech).await], [200, 200]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_refuses_tokens() {
    let directory = directory();
    let server = Server::start(directory.path());
    let admin = ask(&server, OPERATOR, &["--tenant", "tenant123", "--role", "admin"]);
    let viewer = ask(&server, OPERATOR, &["--tenant", "tenant123", "--role", "viewer"]);
    let (admin, viewer) = (told(&admin), told(&viewer));
    let caller = Caller::new(&server);
    let before = tokens(&caller).await;
    let wrong = "cb_not-a-token-of-this-server";
    for (token, args, code, part) in [
        (admin, &["--role", "viewer", "--tenant", "tenant999"][..], 1, "403"),
        (admin, &["--role", "viewer", "--tenant", "nobody"], 1, "403"),
        (admin, &["--role", "operator"], 1, "403"),
        (viewer, &["--role", "viewer"], 1, "tokens.manage"),
        (wrong, &["--role", "viewer"], 1, "CLIENTBOOK_TOKEN"),
        (OPERATOR, &["--role", "viewer"], 1, "--tenant"),
        (OPERATOR, &["--role", "viewer", "--tenant", "nobody"], 1, "--tenant"),
        (
            OPERATOR,
            &["--role", "viewer", "--tenant", "tenant123", "--client", INITECH],
            1,
            "--client",
        ),
        ("line\nbreak", &["--role", "viewer"], 2, "CLIENTBOOK_TOKEN"),
    ] {
        let refused = ask(&server, token, args);
        assert_told(&refused, code, &["error: ", part]);
        assert_eq!(refused.log.lines().count(), 1, "{}", refused.log);
        assert!(!refused.log.contains(token), "{}", refused.log);
    }
    let base = server.base.clone();
    let create = ["token", "create", "--role", "viewer", "--server", &base];
    assert_told(&run(&create), 2, &["CLIENTBOOK_TOKEN is missing"]);
    assert_eq!(tokens(&caller).await, before);
    server.stop();
    let gone = finish(clientbook().args(create).env("CLIENTBOOK_TOKEN", OPERATOR));
    assert_told(&gone, 1, &[&base, "cannot be reached", "--server"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_to_ask_may_come_from_the_environment() {
    let directory = directory();
    let server = Server::start(directory.path());
    let mut command = clientbook();
    command.args(["token", "create"]).env("CLIENTBOOK_SERVER", &server.base);
    let made = finish(
        command
            .env("CLIENTBOOK_TOKEN", OPERATOR)
            .env("CLIENTBOOK_ROLE", "viewer")
            .env("CLIENTBOOK_TENANT", "tenant123"),
    );
    let viewer = Caller::with(&server, told(&made));
    assert_eq!(viewer.reads(&format!("/v2/clients/{ACME}")).await, 200);

    // Whoever has the store's variable set for `serve` and types --server means the latter.
    let mut command = clientbook();
    command.args(["token", "create", "--role", "viewer", "--tenant", "tenant123"]);
    command.args(["--server", &server.base, "--token", OPERATOR]);
    told(&finish(command.env("CLIENTBOOK_DATABASE", store_url(directory.path()))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_store_is_verified() {
    let directory = directory();
    let server = Server::start(directory.path());
    let caller = Caller::new(&server);
    let written = Arc::new(AtomicU32::new(0));
    let writer = tokio::spawn({
        let (caller, written) = (caller.clone(), Arc::clone(&written));
        async move {
            loop {
                let step = written.load(Ordering::SeqCst);
                let name = json!({ "name": format!("Name {step}") });
                match caller.patch(ACME_OBJECT, &name).await {
                    Some(status) => assert_eq!(status, 200),
                    None => return,
                }
                written.store(step + 1, Ordering::SeqCst);
            }
        }
    });
    let url = store_url(directory.path());
    let deadline = Instant::now() + PATIENCE;
    let mut runs = 0;
    while runs < 5 || written.load(Ordering::SeqCst) < 20 {
        assert!(Instant::now() < deadline, "the writer does not get on");
        let verified = run(&["audit", "verify", "--database", &url]);
        assert_eq!(verified.code, Some(0), "{verified:?}");
        assert!(verified.out.ends_with(": intact\n"), "{verified:?}");
        runs += 1;
    }
    server.kill();
    writer.await.expect("a writer");
}
