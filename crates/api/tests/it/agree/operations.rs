//! The operations, each with how it is made up. One that is new takes a function and a line in the
//! table: a path and a body from `Dice`, in which some things are wrong some of the time.

use super::changes::{customer_success, workspace};
use super::control::{departments, devices, users};
use super::dice::Dice;
use super::fields::fields;
use super::json::{self, array, mostly, object, text};
use super::listing::list_clients;
use super::making::{client_types, enrollment_tokens, make_client, remove, tenants};
use super::step::{Call, Step};
use super::trail::{as_of, audit_log, erase, revert};
use super::world::{Client, KEY, World};
use axum::http::Method;
use clientbook_app::AuditScope;

type Make = fn(&mut Dice, &World) -> Step;

/// How often each is tried among the others, what it is called, and how it is made.
const OPERATIONS: &[(usize, &str, Make)] = &[
    (20, "read", read),
    (20, "list clients", list_clients),
    (12, "collection mode", collection_mode),
    (12, "status", status),
    (25, "workspace", workspace),
    (30, "customer success", customer_success),
    (8, "collection log", collection_log),
    (10, "make a token", make_token),
    (6, "list tokens", list_tokens),
    (4, "revoke a token", revoke_token),
    (10, "make a client", make_client),
    (2, "remove a client", remove),
    (6, "enrolment tokens", enrollment_tokens),
    (4, "tenants", tenants),
    (3, "client types", client_types),
    (14, "fields", fields),
    (14, "devices", devices),
    (14, "users", users),
    (10, "departments", departments),
    (20, "audit log", audit_log),
    (10, "revert", revert),
    (5, "as of", as_of),
    (6, "erase", erase),
    (6, "next page", next_page),
    (6, "repeat", repeat),
    (3, "bulk", bulk),
    (2, "merge", merge),
    (3, "nonsense", nonsense),
    (1, "readiness", readiness),
    (6, "clock", clock),
    (1, "verify", verify),
];

/// The next operation and its name.
pub(super) fn draw(dice: &mut Dice, world: &World) -> (&'static str, Step) {
    let all: usize = OPERATIONS.iter().map(|(weight, ..)| weight).sum();
    let mut left = dice.below(all);
    for (weight, name, make) in OPERATIONS {
        if left < *weight {
            return (name, make(dice, world));
        }
        left -= weight;
    }
    unreachable!("the weights add up")
}

/// A call by somebody, with the headers that any call may have.
pub(super) fn by_someone(dice: &mut Dice, world: &World, call: Call) -> Call {
    let mut call = match dice.bearer(world) {
        Some(bearer) => call.header("authorization", bearer),
        None => call,
    };
    if call.method != Method::GET && dice.once_in(8) {
        let keys = ["1", "2", "\"3\"", "4 4", "", "\u{e4}"];
        call = call.header(KEY, dice.one(&keys));
    }
    if dice.once_in(8) {
        call = call.header("x-request-id", dice.one(&["mine", "a/b+c=d@e", "not sane"]));
    }
    if dice.once_in(6) {
        let path = call.path.split('?').next().unwrap_or_default();
        let of_this = world.tags.iter().rev().find(|(read, _)| read == path);
        let any = dice.remembered(&world.tags);
        let tag = if dice.once_in(3) { any } else { of_this };
        let tag = match tag {
            Some((_, tag)) if !dice.once_in(10) => tag.clone(),
            _ => {
                dice.one(&["*", "\"9223372036854775807-x\"", "nonsense", "\"1-a\", \"2-b\""]).into()
            }
        };
        let name = if call.method == Method::GET { "if-none-match" } else { "if-match" };
        call = call.header(name, tag);
    }
    call
}

/// Any client, in a path of one of the surfaces.
pub(super) fn path(dice: &mut Dice, surface: usize, world: &World) -> String {
    let client = dice.client(world);
    path_of(dice, surface, client)
}

/// The client in a path of one of the surfaces.
pub(super) fn path_of(dice: &mut Dice, surface: usize, client: &Client) -> String {
    let Client { tenant, id, number, object_id } = client;
    match surface {
        0 => format!("/v2/clients/{}", some_id(dice, id)),
        1 => {
            let tenant = dice.tenant(tenant);
            let number = if dice.once_in(15) { dice.number() } else { number.to_string() };
            format!("/clients/v1/tenants/{tenant}/clients/{number}")
        }
        2 => {
            let tenant = dice.tenant(tenant);
            format!("/v1/workspace/{tenant}/clients/{}", some_id(dice, object_id))
        }
        3 => format!("/client/{}", some_id(dice, id)),
        _ => format!("/v2/client/{}", some_id(dice, id)),
    }
}

fn some_id(dice: &mut Dice, id: &str) -> String {
    match dice.below(25) {
        0 => id.to_uppercase(),
        1 => dice.one(&["nobody", "%00", "0", "00000000-0000-0000-0000-000000000000"]).to_owned(),
        2 => "ffffffffffffffffffffffff".into(),
        _ => id.to_owned(),
    }
}

fn read(dice: &mut Dice, world: &World) -> Step {
    let surface = dice.below(5);
    let path = path(dice, surface, world);
    by_someone(dice, world, Call::new(Method::GET, path)).into()
}

pub(super) fn change(dice: &mut Dice, world: &World, path: String, members: Members) -> Step {
    let body = object(dice, members);
    let call = Call::new(Method::PATCH, path).json(body);
    by_someone(dice, world, call).into()
}

/// The members of an object: names, and values as JSON.
pub(super) type Members = Vec<(String, String)>;

fn collection_mode(dice: &mut Dice, world: &World) -> Step {
    let client = dice.client(world);
    let path = path_of(dice, 0, client);
    let mode = |dice: &mut Dice| match dice.below(400) {
        // There is no way back from it.
        0 => "\"deleted\"".into(),
        1..=20 => "\"Disabled\"".into(),
        _ => dice.one(&["\"discovery\"", "\"saas_usage\"", "\"disabled\""]).to_owned(),
    };
    let mut members = vec![("collection_mode".into(), mostly(dice, mode))];
    if dice.once_in(5) {
        members.push(("id".into(), format!("\"{}\"", client.id)));
        members.push(("name".into(), text(dice, 20)));
    }
    change(dice, world, path, members)
}

fn status(dice: &mut Dice, world: &World) -> Step {
    let path = path(dice, 1, world);
    let verb = dice.one(&["activate", "deactivate", "activate", "deactivate", "Activate"]);
    let call = Call::new(Method::PATCH, format!("{path}/{verb}"));
    let call = match dice.below(6) {
        0 => call.json("{}"),
        1 => call.json(json::any(dice)),
        _ => call,
    };
    by_someone(dice, world, call).into()
}

/// A query of some of these parameters.
pub(super) fn query(dice: &mut Dice, parameters: &[(&str, &[&str])]) -> String {
    let mut query = String::new();
    for (name, values) in parameters {
        if dice.once_in(2) {
            query.push(if query.is_empty() { '?' } else { '&' });
            query.push_str(name);
            query.push('=');
            query.push_str(dice.one(values));
        }
    }
    query
}

fn collection_log(dice: &mut Dice, world: &World) -> Step {
    let client = dice.client(world);
    let path = path_of(dice, 0, client);
    let query = query(
        dice,
        &[
            ("page_size", &["1", "2", "3", "200", "201", "0", "9223372036854775808", "%D9%A1"]),
            ("sort_order", &["asc", "desc", "ASC"]),
            ("entity_type", &["client", "device", "user", "Client"]),
            ("entity_id", &[&client.id, &client.id.to_uppercase(), "x"]),
        ],
    );
    let path = format!("{path}/collection-control/audit-log{query}");
    by_someone(dice, world, Call::new(Method::GET, path)).into()
}

fn make_token(dice: &mut Dice, world: &World) -> Step {
    let client = dice.client(world);
    let mut members = vec![("name".to_owned(), mostly(dice, |dice| text(dice, 100)))];
    let role = dice.one(&["viewer", "member", "admin", "admin", "operator", "Admin"]);
    if dice.once_in(4) {
        let some =
            ["[\"clients.view\"]", "[\"clients.update\", \"clients.view\"]", "[]", "[\"x\"]"];
        members.push(("permissions".into(), dice.one(&some).to_owned()));
    } else {
        members.push(("role".into(), mostly(dice, |_| format!("\"{role}\""))));
    }
    // An operator's token is of no tenant.
    if (role == "operator") == dice.once_in(10) {
        let tenant = dice.tenant(client.tenant);
        members.push(("tenant".into(), json::string(dice, &tenant)));
    }
    if dice.once_in(4) {
        let most = if dice.once_in(4) { 3 } else { 1 };
        let ids = array(dice, most, |dice, _| format!("\"{}\"", some_id(dice, &client.id)));
        members.push(("client_ids".into(), ids));
    }
    if dice.once_in(6) {
        let orgs = ["\"org-1\"", "\"ORG-1\"", "\" org-1 \"", "\"\""];
        members.push(("org_id".into(), dice.one(&orgs).to_owned()));
    }
    if dice.once_in(10) {
        members.push(("project_id".into(), mostly(dice, |dice| text(dice, 100))));
    }
    if dice.once_in(4) {
        let time = dice.time(world.now);
        members.push(("expires_at".into(), json::string(dice, &time)));
    }
    let body = object(dice, members);
    by_someone(dice, world, Call::new(Method::POST, "/v2/api-tokens").json(body)).into()
}

fn list_tokens(dice: &mut Dice, world: &World) -> Step {
    let query = query(
        dice,
        &[
            ("page_size", &["1", "3", "500", "501", "-1"]),
            (
                "tenant",
                &["tenant123", "TENANT123", "tenant999", "sample", "clientbook-system", "%00"],
            ),
        ],
    );
    let call = Call::new(Method::GET, format!("/v2/api-tokens{query}"));
    by_someone(dice, world, call).into()
}

fn revoke_token(dice: &mut Dice, world: &World) -> Step {
    let id = match dice.remembered(&world.tokens) {
        Some(token) => some_id(dice, &token.id),
        None => "00000000-0000-0000-0000-000000000000".into(),
    };
    let call = Call::new(Method::DELETE, format!("/v2/api-tokens/{id}"));
    by_someone(dice, world, call).into()
}

/// The page after one of those that were read, or a cursor where it does not belong.
fn next_page(dice: &mut Dice, world: &World) -> Step {
    let Some((path, cursor)) = dice.remembered(&world.cursors) else {
        return list_tokens(dice, world);
    };
    let (base, query) = path.split_once('?').unwrap_or((path, ""));
    let parameters = query.split('&').filter(|one| !one.is_empty() && !one.starts_with("cursor="));
    let mut parameters: Vec<_> = parameters.map(str::to_owned).collect();
    if dice.once_in(20) {
        parameters.clear();
    }
    let cursor = if dice.once_in(20) { format!("{cursor}A") } else { cursor.clone() };
    parameters.push(format!("cursor={cursor}"));
    let call = Call::new(Method::GET, format!("{base}?{}", parameters.join("&")));
    // By those who mostly may.
    if dice.once_in(3) {
        return by_someone(dice, world, call).into();
    }
    call.header("authorization", "Bearer operator-token-of-the-tests").into()
}

fn bulk(dice: &mut Dice, world: &World) -> Step {
    let mut members = Members::new();
    if dice.once_in(2) {
        let ids = array(dice, 6, |dice, _| {
            let client = dice.client(world);
            format!("\"{}\"", some_id(dice, &client.id))
        });
        members.push(("ids".into(), ids));
    } else {
        let mut filter = Members::new();
        for (name, values) in [
            ("q", &["\"a\"", "\"crm\"", "\"straße\"", "\"\""][..]),
            ("status", &["\"trial\"", "\"inactive\"", "\"Active\""][..]),
            ("collection_mode", &["\"disabled\"", "\"discovery\""][..]),
        ] {
            if dice.once_in(3) {
                filter.push((name.into(), dice.one(values).to_owned()));
            }
        }
        let none = filter.is_empty();
        let tenant = dice.tenant("sample");
        filter.push(("tenant".into(), json::string(dice, &tenant)));
        members.push(("filter".into(), object(dice, filter)));
        if none != dice.once_in(6) {
            members.push(("all".into(), "true".into()));
        }
    }
    let mut patch = Members::new();
    if dice.once_in(4) {
        patch.push(("name".into(), mostly(dice, |dice| text(dice, 255))));
    }
    if dice.once_in(3) {
        let status = ["\"trial\"", "\"active\"", "\"active\"", "\"ACTIVE\""];
        patch.push(("status".into(), dice.one(&status).to_owned()));
    }
    if dice.once_in(3) {
        let mode = ["\"saas_usage\"", "\"discovery\"", "\"disabled\""];
        patch.push(("collection_mode".into(), dice.one(&mode).to_owned()));
    }
    if patch.is_empty() || dice.once_in(3) {
        let tags = ["[\"a\"]", "[]", "[\"vip\", \"Ä\"]", "[\"a\", \"a\"]", "\"a\""];
        patch.push(("tags".into(), dice.one(&tags).to_owned()));
    }
    members.push(("patch".into(), object(dice, patch)));
    if dice.once_in(4) {
        members.push(("dry_run".into(), mostly(dice, |_| "true".into())));
    }
    let body = object(dice, members);
    by_someone(dice, world, Call::new(Method::POST, "/v2/clients/bulk").json(body)).into()
}

/// Mostly a dry run: of what is joined there is less and less.
fn merge(dice: &mut Dice, world: &World) -> Step {
    let path = format!("{}/merge", path(dice, 0, world));
    let loser = dice.client(world);
    let mut members = vec![("loser_id".to_owned(), format!("\"{}\"", some_id(dice, &loser.id)))];
    if dice.once_in(3) {
        let takes = ["[\"name\"]", "[\"external_id\", \"note\"]", "[\"tags\"]", "[\"status\"]"];
        members.push(("take".into(), dice.one(&takes).to_owned()));
    }
    if !dice.once_in(4) {
        members.push(("dry_run".into(), "true".into()));
    }
    let body = object(dice, members);
    by_someone(dice, world, Call::new(Method::POST, path).json(body)).into()
}

/// A call that had a key, once more; now and then with something else in it.
fn repeat(dice: &mut Dice, world: &World) -> Step {
    let Some(call) = dice.remembered(&world.keyed) else {
        return list_tokens(dice, world);
    };
    let mut call = call.clone();
    match dice.below(12) {
        0 => call.body = json::any(dice).into_bytes(),
        1 => call.path.push('?'),
        2 => call.headers.retain(|(name, _)| *name != KEY),
        3 => call.headers.retain(|(name, _)| *name != "authorization"),
        4 => call.headers.retain(|(name, _)| *name != "if-match"),
        _ => {}
    }
    call.into()
}

fn nonsense(dice: &mut Dice, world: &World) -> Step {
    let surface = dice.below(5);
    let mut path = path(dice, surface, world);
    if dice.once_in(3) {
        path.push_str(dice.one(&["/", "/x", "?x=1", "?%ff"]));
    }
    let methods =
        [Method::GET, Method::PATCH, Method::POST, Method::DELETE, Method::PUT, Method::HEAD];
    let call = Call::new(methods[dice.below(methods.len())].clone(), path);
    let kind = dice.one(&[
        "text/plain",
        "application/json; charset=latin1",
        "application/merge-patch+json",
    ]);
    let call = if dice.once_in(2) { call.header("content-type", kind) } else { call.json("") };
    let body = json::any(dice).into_bytes();
    by_someone(dice, world, Call { body, ..call }).into()
}

fn readiness(dice: &mut Dice, _: &World) -> Step {
    Call::new(Method::GET, dice.one(&["/readyz", "/healthz"])).into()
}

/// Mostly on by less than a second; sometimes not at all, back, or on by days.
fn clock(dice: &mut Dice, _: &World) -> Step {
    Step::Advance(match dice.below(20) {
        0 => 0,
        1 => -dice.from(1, 5_000),
        2 if dice.once_in(5) => dice.from(1, 3 * 86_400_000),
        _ => dice.from(1, 999),
    })
}

fn verify(dice: &mut Dice, world: &World) -> Step {
    let client = dice.client(world);
    let client_id = dice.once_in(2).then(|| some_id(dice, &client.id));
    let tenant = match client_id {
        // All of a tenant takes its time.
        None if dice.once_in(30) => Some(client.tenant.to_owned()),
        _ => dice.once_in(2).then(|| dice.tenant("nobody")),
    };
    match (tenant, client_id) {
        (None, None) => clock(dice, world),
        (tenant, client) => Step::Verify(AuditScope { tenant, client }),
    }
}
