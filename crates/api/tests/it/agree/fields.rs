//! Definitions of custom fields: made, listed, changed, put in order, archived, deleted.

use super::changes::custom_key;
use super::dice::Dice;
use super::json::{self, mostly, object, text};
use super::operations::{Members, by_someone, query};
use super::step::{Call, Step};
use super::world::World;
use axum::http::Method;

const TYPES: &[&str] =
    &["text", "text", "text", "number", "date", "boolean", "select", "url", "email", "Text"];

pub(super) fn fields(dice: &mut Dice, world: &World) -> Step {
    let own = dice.one(&["tenant123", "tenant999", "sample"]);
    let tenant = dice.tenant(own);
    let base = format!("/v1/workspace/{tenant}/clients/fields");
    let call = match dice.below(20) {
        0..=2 => {
            let query = query(dice, &[("includeArchived", &["true", "false", "yes"])]);
            Call::new(Method::GET, format!("{base}{query}"))
        }
        3 => {
            let path = dice.one(&["/customfield/all/CLIENT", "/v2/customfield/all/CLIENT"]);
            Call::new(Method::GET, format!("{path}?tenant={tenant}"))
        }
        4..=8 => define(dice, base),
        9..=10 => reorder(dice, world, &base),
        11 => strict(dice),
        _ => one(dice, world, &base),
    };
    by_someone(dice, world, call).into()
}

fn define(dice: &mut Dice, base: String) -> Call {
    let mut members = Members::new();
    members.push(("label".into(), mostly(dice, |dice| text(dice, 255))));
    members.push(("type".into(), format!("\"{}\"", dice.one(TYPES))));
    // Under keys that clients hold, and that meet.
    if !dice.once_in(4) {
        let key = custom_key(dice);
        members.push(("key".into(), json::string(dice, &key)));
    }
    about(dice, &mut members);
    Call::new(Method::POST, base).json(object(dice, members))
}

fn about(dice: &mut Dice, members: &mut Members) {
    if dice.once_in(3) {
        members.push(("description".into(), mostly(dice, |dice| text(dice, 1_000))));
    }
    for name in ["isRequired", "isUnique", "isFilterable"] {
        if dice.once_in(4) {
            let flag = dice.one(&["true", "false"]).to_owned();
            members.push((name.into(), mostly(dice, |_| flag)));
        }
    }
    if dice.once_in(3) {
        let metadata = dice.one(&[
            "{\"options\": [\"gold\", \"Gold\", \"a\"]}",
            "{\"options\": [\"a\", \"a\"]}",
            "{\"options\": [], \"width\": 1.0e2}",
            "{\"b\": -0.0, \"a\": {\"c\": [1, null, 1e2]}}",
            "{}",
        ]);
        members.push(("metadata".into(), mostly(dice, |_| metadata.to_owned())));
    }
}

fn reorder(dice: &mut Dice, world: &World, base: &str) -> Call {
    let places = json::array(dice, 3, |dice, _| {
        let order = if dice.once_in(10) { dice.number() } else { dice.from(0, 5).to_string() };
        format!("{{\"fieldId\": \"{}\", \"order\": {order}}}", id(dice, world))
    });
    let body = object(dice, vec![("fields".into(), places)]);
    Call::new(Method::POST, format!("{base}/reorder")).json(body)
}

/// Mostly on only for a moment: most values are of no field.
fn strict(dice: &mut Dice) -> Call {
    let flag = if dice.once_in(4) { "true" } else { "false" };
    let tenant = dice.one(&["sample", "tenant123"]);
    Call::new(Method::PATCH, format!("/v2/tenants/{tenant}"))
        .json(format!("{{\"strict_fields\": {flag}}}"))
}

fn id(dice: &mut Dice, world: &World) -> String {
    let known = dice.remembered(&world.fields).map(|(_, id)| id.clone());
    match dice.below(15) {
        0 => dice.one(&["x", "%00", "ffffffffffffffffffffffff"]).to_owned(),
        1 => known.unwrap_or_default().to_uppercase(),
        _ => known.unwrap_or_else(|| "ffffffffffffffffffffffff".into()),
    }
}

/// A field that is there, or was, mostly in its own tenant.
fn one(dice: &mut Dice, world: &World, base: &str) -> Call {
    let path = match dice.remembered(&world.fields) {
        Some((home, id)) if !dice.once_in(10) => format!("{home}/{id}"),
        _ => format!("{base}/{}", id(dice, world)),
    };
    match dice.below(8) {
        0..=2 => {
            let mut members = Members::new();
            if dice.once_in(2) {
                members.push(("label".into(), mostly(dice, |dice| text(dice, 255))));
            }
            about(dice, &mut members);
            Call::new(Method::PATCH, path).json(object(dice, members))
        }
        3 => Call::new(Method::POST, format!("{path}/archive")),
        4..=5 => Call::new(Method::POST, format!("{path}/restore")),
        _ => Call::new(Method::DELETE, path),
    }
}
