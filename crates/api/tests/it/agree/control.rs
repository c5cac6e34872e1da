//! Collection control below clients: devices, users seen on them, departments.

use super::dice::Dice;
use super::json::{array, mostly, object, text};
use super::operations::{Members, by_someone, query};
use super::step::{Call, Step};
use super::world::{Below, World};
use axum::http::Method;

const IDS: &[&str] = &["nobody", "%00", "00000000-0000-0000-0000-000000000000"];

/// What is below a client, and mostly of that very client.
fn below<'w>(dice: &mut Dice, world: &'w World) -> (String, &'w Below) {
    let below = &world.below[dice.below(world.below.len())];
    let client = if dice.once_in(20) { &dice.client(world).id } else { &below.client };
    (format!("/v2/clients/{client}"), below)
}

fn one_of(dice: &mut Dice, ids: &[String]) -> String {
    let id = if ids.is_empty() || dice.once_in(20) {
        dice.one(IDS).to_owned()
    } else {
        ids[dice.below(ids.len())].clone()
    };
    if dice.once_in(15) { id.to_uppercase() } else { id }
}

fn get(dice: &mut Dice, world: &World, path: String) -> Step {
    by_someone(dice, world, Call::new(Method::GET, path)).into()
}

fn send(dice: &mut Dice, world: &World, method: Method, path: String, body: Members) -> Step {
    let body = object(dice, body);
    by_someone(dice, world, Call::new(method, path).json(body)).into()
}

fn ids(dice: &mut Dice, known: &[String]) -> String {
    array(dice, 4, |dice, _| format!("\"{}\"", one_of(dice, known)))
}

pub(super) fn devices(dice: &mut Dice, world: &World) -> Step {
    let (client, below) = below(dice, world);
    let path = format!("{client}/devices");
    let state = |dice: &mut Dice| match dice.below(30) {
        0 => "\"deleted\"".into(),
        1 => "\"Enabled\"".into(),
        _ => dice.one(&["\"enabled\"", "\"disabled\""]).to_owned(),
    };
    match dice.below(8) {
        0..=2 => {
            let user = one_of(dice, &below.users);
            let asked = query(
                dice,
                &[
                    ("page_size", &["1", "2", "3", "500", "501"]),
                    ("sort_by", &["name", "status", "os_name", "last_seen_at", "installed_at"]),
                    ("sort_order", &["asc", "desc", "ASC"]),
                ],
            );
            let filters = query(
                dice,
                &[
                    ("q", &["laptop", "%C3%84", "0001", "DESK", ""]),
                    ("status", &["active", "inactive", "pending", "x"]),
                    ("os_name", &["Debian%20GNU%2FLinux", "Ubuntu", "ubuntu"]),
                    ("user_id", &[&user]),
                ],
            );
            let filters = if dice.once_in(2) { filters } else { String::new() };
            let more = if asked.is_empty() { filters } else { filters.replace('?', "&") };
            get(dice, world, format!("{path}{asked}{more}"))
        }
        3 => get(dice, world, format!("{path}/summary")),
        4 => {
            let id = one_of(dice, &below.devices);
            get(dice, world, format!("{path}/{id}"))
        }
        5 | 6 => {
            let mut members = Members::new();
            if !dice.once_in(3) {
                members.push(("collection_state".into(), mostly(dice, state)));
            }
            if dice.once_in(2) {
                let flag = dice.one(&["true", "false", "null"]).to_owned();
                members.push(("log_shipping_enabled".into(), flag));
            }
            let id = one_of(dice, &below.devices);
            send(dice, world, Method::PATCH, format!("{path}/{id}"), members)
        }
        _ => {
            let verb = dice.one(&["enable", "disable", "enable", "disable", "delete"]);
            let mut members = vec![("device_ids".to_owned(), ids(dice, &below.devices))];
            if dice.once_in(3) {
                members.push(("log_shipping_enabled".into(), "true".into()));
            }
            send(dice, world, Method::POST, format!("{path}/{verb}"), members)
        }
    }
}

pub(super) fn users(dice: &mut Dice, world: &World) -> Step {
    let (client, below) = below(dice, world);
    let path = format!("{client}/users");
    let id = one_of(dice, &below.users);
    let department = one_of(dice, &below.departments);
    let asked = |dice: &mut Dice, orders: &[&str]| {
        let q = ["a", "USER1", "%25", "%C3%A9", ""];
        let sizes = ["1", "2", "500", "0"];
        let ways = ["asc", "desc"];
        query(dice, &[("q", &q), ("page_size", &sizes), ("sort_by", orders), ("sort_order", &ways)])
    };
    match dice.below(9) {
        0 | 1 => {
            let asked = asked(dice, &["username", "last_activity", "created_at", "id"]);
            let more = if dice.once_in(3) { "department_id=" } else { "" };
            let more = if more.is_empty() { String::new() } else { format!("{more}{department}") };
            let join = match (asked.is_empty(), more.is_empty()) {
                (_, true) => "",
                (true, false) => "?",
                (false, false) => "&",
            };
            get(dice, world, format!("{path}{asked}{join}{more}"))
        }
        2 => {
            let asked = asked(dice, &["username", "enrolled_at", "last_seen_at"]);
            let device = one_of(dice, &below.devices);
            get(dice, world, format!("{client}/devices/{device}/users{asked}"))
        }
        3 => {
            let asked = query(dice, &[("stale_threshold", &["1", "3600", "0", "315360000", "x"])]);
            get(dice, world, format!("{path}/summary{asked}"))
        }
        4 => get(dice, world, format!("{path}/{id}")),
        5 => {
            let call = Call::new(Method::DELETE, format!("{path}/{id}/telemetry"));
            by_someone(dice, world, call).into()
        }
        6 | 7 => {
            let mut members = Members::new();
            if dice.once_in(2) {
                let status = ["\"active\"", "\"archived\"", "\"archived\"", "\"Active\""];
                members.push(("status".into(), dice.one(&status).to_owned()));
            }
            if dice.once_in(2) {
                members.push(("departments".into(), ids(dice, &below.departments)));
            }
            send(dice, world, Method::PATCH, format!("{path}/{id}"), members)
        }
        _ => {
            let verb = dice.one(&["activate", "archive", "activate", "archive", "delete"]);
            let members = vec![("user_ids".to_owned(), ids(dice, &below.users))];
            send(dice, world, Method::POST, format!("{path}/{verb}"), members)
        }
    }
}

pub(super) fn departments(dice: &mut Dice, world: &World) -> Step {
    let (client, below) = below(dice, world);
    let path = format!("{client}/departments");
    let one = format!("{path}/{}", one_of(dice, &below.departments));
    let mut members = Members::new();
    members.push(("name".into(), mostly(dice, |dice| text(dice, 255))));
    if dice.once_in(2) {
        members.push(("description".into(), mostly(dice, |dice| text(dice, 1_000))));
    }
    match dice.below(8) {
        0 => {
            let asked = query(dice, &[("page_size", &["1", "2", "500", "501"])]);
            get(dice, world, format!("{path}{asked}"))
        }
        1 => get(dice, world, one),
        2 | 3 => send(dice, world, Method::POST, path, members),
        4 => send(dice, world, Method::PATCH, one, members),
        5 if dice.once_in(3) => by_someone(dice, world, Call::new(Method::DELETE, one)).into(),
        at => {
            let leave = if at == 7 { "/remove" } else { "" };
            let members = vec![("user_ids".to_owned(), ids(dice, &below.users))];
            send(dice, world, Method::POST, format!("{one}/members{leave}"), members)
        }
    }
}
