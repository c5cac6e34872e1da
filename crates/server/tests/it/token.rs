//! `clientbook token create` on a store that nobody serves.

use crate::process::{
    ACME, ACME_OBJECT, Caller, Ended, GLOBEX, INITECH, OPERATOR, Server, behind, clientbook,
    finish, make_store, names, run, serve_store, store_url,
};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// A directory with a store that nobody serves.
fn stored() -> TempDir {
    let directory = TempDir::new().expect("a temporary directory");
    make_store(directory.path());
    directory
}

fn create(directory: &Path, args: &[&str]) -> Ended {
    let url = store_url(directory);
    run(&[&["token", "create", "--database", &url], args].concat())
}

/// The token alone on standard output; its id, and that it is told once, beside it.
fn told(ended: &Ended) -> String {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let token = ended.out.strip_suffix('\n').expect("a line").to_owned();
    assert!(token.starts_with("cb_") && !token.contains('\n'), "{ended:?}");
    assert!(ended.log.starts_with("The token ") && ended.log.contains("once"), "{ended:?}");
    assert!(!ended.log.contains(&token), "{ended:?}");
    token
}

fn path(client: &str) -> String {
    format!("/v2/clients/{client}")
}

/// What a caller gets who reads a client, changes it, switches it off, lists tokens, and reads
/// another tenant's.
async fn reach(caller: &Caller) -> [u16; 5] {
    let off = "/clients/v1/tenants/tenant123/clients/457/deactivate";
    [
        caller.reads(&path(ACME)).await,
        caller.changes(ACME_OBJECT, &json!({ "name": "Renamed" })).await,
        caller.changes(off, &json!({})).await,
        caller.reads("/v2/api-tokens").await,
        caller.reads(&path(INITECH)).await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_gets_what_it_holds() {
    let directory = stored();
    let roles = [
        ("viewer", [200, 403, 403, 403, 404]),
        ("member", [200, 200, 403, 403, 404]),
        ("admin", [200, 200, 200, 200, 404]),
        ("operator", [200, 200, 200, 200, 200]),
    ];
    let tokens = roles.map(|(role, _)| {
        let tenant = ["--tenant", "tenant123"];
        let tenant = if role == "operator" { &[][..] } else { &tenant };
        told(&create(directory.path(), &[&["--role", role], tenant].concat()))
    });
    let server = Server::launch(&mut serve_store(directory.path()));
    for ((role, statuses), token) in roles.into_iter().zip(tokens) {
        assert_eq!(reach(&Caller::with(&server, &token)).await, statuses, "{role}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_be_for_some_clients() {
    let directory = stored();
    let role = ["--tenant", "tenant123", "--role", "admin"];
    let one = told(&create(directory.path(), &[&role[..], &["--client", ACME]].concat()));
    let upper = GLOBEX.to_uppercase();
    let repeated = ["--client", ACME, "--client", &upper, "--client", ACME];
    let two = told(&create(directory.path(), &[&role[..], &repeated].concat()));
    let server = Server::launch(&mut serve_store(directory.path()));
    for (token, statuses) in [(one, [200, 403, 403]), (two, [200, 200, 403])] {
        let caller = Caller::with(&server, &token);
        let clients = [ACME, GLOBEX, INITECH].map(path);
        for (client, status) in clients.iter().zip(statuses) {
            assert_eq!(caller.reads(client).await, status, "{client}");
        }
    }
}

#[test]
fn json_says_all_there_is() {
    let directory = stored();
    let show = |args: &[&str]| -> Value {
        let ended = create(directory.path(), &[args, &["--json"]].concat());
        assert_eq!((ended.code, ended.log.as_str()), (Some(0), ""), "{ended:?}");
        assert_eq!(ended.out.lines().count(), 1, "{ended:?}");
        serde_json::from_str(&ended.out).expect("JSON")
    };
    let all = [
        "--tenant",
        "TENANT",
        "--role",
        "member",
        "--name",
        "Front desk",
        "--client",
        GLOBEX,
        "--client",
        ACME,
        "--expires-at",
        "2999-01-31T00:00:00Z",
    ];
    let tenant_id = "b2c3d4e5-f6a7-8901-bcde-f12345678901";
    // Each of the tenant's names will do.
    for tenant in ["tenant123", tenant_id, "65a000000000000000000123"] {
        let shown = show(&all.map(|arg| if arg == "TENANT" { tenant } else { arg }));
        let expected = json!({
            "id": shown["id"], "token": shown["token"], "name": "Front desk", "tenant": tenant,
            "tenant_id": tenant_id, "role": "member", "client_ids": [ACME, GLOBEX],
            "expires_at": "2999-01-31T00:00:00.000Z",
        });
        assert_eq!(shown, expected);
        let token = shown["token"].as_str().expect("a token");
        assert!(token.starts_with("cb_") && token.len() > 24, "{token}");
        assert_eq!(shown["id"].as_str().map(str::len), Some(36));
    }
    let shown = show(&["--role", "operator"]);
    let expected = json!({
        "id": shown["id"], "token": shown["token"], "name": "Made at the command line",
        "tenant": null, "tenant_id": null, "role": "operator", "client_ids": null,
        "expires_at": null,
    });
    assert_eq!(shown, expected);
}

#[test]
fn every_flag_of_token_create_has_a_twin() {
    let directory = stored();
    let mut command = clientbook();
    command
        .args(["token", "create"])
        .env("CLIENTBOOK_DATABASE", store_url(directory.path()))
        .env("CLIENTBOOK_TENANT", "tenant123")
        .env("CLIENTBOOK_ROLE", "member")
        .env("CLIENTBOOK_CLIENT", format!("{ACME},{GLOBEX}"))
        .env("CLIENTBOOK_NAME", "Twin")
        .env("CLIENTBOOK_EXPIRES_AT", "2999-01-31T00:00:00Z")
        .env("CLIENTBOOK_JSON", "true");
    let shown: Value = serde_json::from_str(&finish(&mut command).out).expect("JSON");
    assert_eq!(shown["name"], "Twin");
    assert_eq!(shown["role"], "member");
    assert_eq!(shown["tenant"], "tenant123");
    assert_eq!(shown["client_ids"], json!([ACME, GLOBEX]));
    assert_eq!(shown["expires_at"], "2999-01-31T00:00:00.000Z");

    // The flag wins.
    command.env("CLIENTBOOK_JSON", "no").args(["--role", "viewer"]);
    told(&finish(&mut command));
    let roles = "SELECT role FROM api_tokens WHERE name = 'Twin' ORDER BY created_at, role";
    let store = behind(directory.path());
    let mut roles = store.prepare(roles).expect("the table");
    let roles = roles.query_map([], |row| row.get::<_, String>(0)).expect("rows");
    let roles: Vec<_> = roles.map(|role| role.expect("a role")).collect();
    assert_eq!(roles, ["member", "viewer"]);
}

#[test]
fn a_wish_that_makes_no_sense_is_refused() {
    let directory = stored();
    let count = || -> i64 {
        let count = "SELECT count(*) FROM api_tokens";
        behind(directory.path()).query_row(count, [], |row| row.get(0)).expect("a count")
    };
    let before = count();
    let of = ["--tenant", "tenant123"];
    let viewer = ["--tenant", "tenant123", "--role", "viewer"];
    let unknown = "aa7cf840-9ca9-46a3-9778-9015d6580dff";
    for (args, more, parts) in [
        (&["--role", "viewer"][..], &["--tenant", "nobody"][..], ["--tenant", "slug"]),
        (&["--role", "viewer"], &["--tenant", "not a slug"], ["--tenant", "slug"]),
        (&["--role", "viewer"], &[], ["--tenant", "missing"]),
        (&of, &[], ["--role", "required"]),
        (&of, &["--role", "owner"], ["--role", "viewer, member, admin, operator"]),
        (&of, &["--role", "operator"], ["--tenant", "leave it out"]),
        (&["--role", "operator"], &["--client", ACME], ["--client", "leave it out"]),
        (&viewer, &["--client", unknown], ["--client", "of the tenant"]),
        (&viewer, &["--client", ACME, "--client", INITECH], ["--client", "of the tenant"]),
        (&viewer, &["--client", "456"], ["--client", "UUID"]),
        (&viewer, &["--name", " "], ["--name", "1 character"]),
        (&viewer, &["--expires-at", "2020-01-01T00:00:00Z"], ["--expires-at", "future"]),
        (&viewer, &["--expires-at", "tomorrow"], ["--expires-at", "2027-01-31T00:00:00Z"]),
        (&viewer, &["--server", "http://127.0.0.1:1"], ["--database", "--server"]),
    ] {
        let refused = create(directory.path(), &[args, more].concat());
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{refused:?}");
        assert!(refused.log.starts_with("error: "), "{}", refused.log);
        for part in parts {
            assert!(refused.log.contains(part), "{part:?} is not in {:?}", refused.log);
        }
    }
    assert_eq!(count(), before);
}

#[test]
fn a_token_needs_a_store() {
    let directory = TempDir::new().expect("a temporary directory");
    let mut command = clientbook();
    command.args(["token", "create", "--role", "operator"]).current_dir(directory.path());
    let default = finish(&mut command);
    let given = create(&directory.path().join("none"), &["--role", "operator"]);
    for ended in [default, given] {
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{ended:?}");
        for part in ["error: there is no store at ", "clientbook serve", "CLIENTBOOK_DATABASE"] {
            assert!(ended.log.contains(part), "{part:?} is not in {:?}", ended.log);
        }
    }
    assert_eq!(names(directory.path()), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_made_after_a_crash() {
    let directory = TempDir::new().expect("a temporary directory");
    let server = Server::start(directory.path());
    server.out.until("Calls to try:");
    server.kill();
    let viewer = ["--tenant", "tenant123", "--role", "viewer"];
    let token = told(&create(directory.path(), &viewer));
    let server = Server::launch(&mut serve_store(directory.path()));
    for token in [&token, OPERATOR] {
        assert_eq!(Caller::with(&server, token).reads(&path(ACME)).await, 200);
    }
}
