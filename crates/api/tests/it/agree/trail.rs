//! The audit trail as it is read, and what is put back or erased with its help.

use super::dice::Dice;
use super::operations::{by_someone, path_of, query};
use super::step::{Call, Step};
use super::world::World;
use axum::http::Method;

const TIMES: &[&str] =
    &["2026-03-10T14:30:00Z", "2026-03-10T14:31:00.5Z", "1970-01-01T00:00:00Z", "x", "2026-03-10"];

/// Of a tenant or a client, as pages or as a file.
pub(super) fn audit_log(dice: &mut Dice, world: &World) -> Step {
    let client = dice.client(world).clone();
    let actor = dice.remembered(&world.tokens).map_or("nobody".into(), |token| token.id.clone());
    let entity = if dice.once_in(4) { actor.clone() } else { client.id.clone() };
    let parameters: &[(&str, &[&str])] = &[
        ("page_size", &["1", "2", "7", "200", "201"]),
        ("entity_type", &["client", "api_token", "enrollment_token", "tenant", "Client"]),
        ("action", &["client_updated", "client_created", "client_erased", "x"]),
        ("surface", &["workspace", "customer_success", "organizations", "v2"]),
        ("field", &["name", "custom.notes", "status", "tags", "%00"]),
        ("from", TIMES),
        ("to", TIMES),
    ];
    // Few filters, so that something is left.
    let some: Vec<_> = parameters.iter().filter(|_| dice.once_in(3)).copied().collect();
    let mut asked = query(dice, &some);
    let mut add = |name: &str, value: &str| {
        asked.push(if asked.is_empty() { '?' } else { '&' });
        asked.extend([name, "=", value]);
    };
    if dice.once_in(5) {
        add("actor_id", &actor);
    }
    if dice.once_in(5) {
        add("entity_id", &entity);
    }
    if dice.once_in(4) && !some.iter().any(|(name, _)| *name == "page_size") {
        add("format", dice.one(&["csv", "ndjson", "json", "xml"]));
    }
    let path = if dice.once_in(2) {
        add("tenant", dice.one(&["tenant123", "tenant999", "sample", "nobody"]));
        "/v2/audit-log".to_owned()
    } else {
        format!("{}/audit-log", path_of(dice, 0, &client))
    };
    by_someone(dice, world, Call::new(Method::GET, format!("{path}{asked}"))).into()
}

/// An entry that was read, mostly of the very client.
pub(super) fn revert(dice: &mut Dice, world: &World) -> Step {
    let (client, entry) = match dice.remembered(&world.entries) {
        Some((client, entry)) => (client.clone(), entry.clone()),
        None => ("aa7cf840-9ca9-46a3-9778-9015d6580d50".into(), "nothing".into()),
    };
    let client = if dice.once_in(15) { dice.client(world).id.clone() } else { client };
    let call = Call::new(Method::POST, format!("/v2/clients/{client}/revert"));
    let call = call.json(format!("{{\"entry_id\":\"{entry}\"}}"));
    by_someone(dice, world, call).into()
}

pub(super) fn as_of(dice: &mut Dice, world: &World) -> Step {
    let client = dice.client(world);
    let time = if dice.once_in(3) { dice.one(TIMES).to_owned() } else { dice.time(world.now) };
    let path = path_of(dice, 0, client);
    let time = time.replace('+', "%2B");
    by_someone(dice, world, Call::new(Method::GET, format!("{path}?as_of={time}"))).into()
}

/// A few are brought into the mode `deleted`; those are soon gone.
pub(super) fn erase(dice: &mut Dice, world: &World) -> Step {
    let client = &world.clients[world.clients.len() - 1 - dice.below(5)];
    let path = path_of(dice, 0, client);
    let call = if dice.once_in(3) {
        Call::new(Method::PATCH, path).json("{\"collection_mode\": \"deleted\"}")
    } else {
        Call::new(Method::DELETE, path)
    };
    by_someone(dice, world, call).into()
}
