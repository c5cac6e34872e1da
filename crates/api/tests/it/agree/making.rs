//! Making and ending: clients through every door, enrolment tokens, tenants, client types.

use super::changes::{attributes, contact_methods};
use super::dice::Dice;
use super::json::{self, mostly, object, text};
use super::operations::{Members, by_someone, path_of, query};
use super::step::{Call, Step};
use super::world::World;
use axum::http::Method;

fn post(dice: &mut Dice, world: &World, path: String, members: Members) -> Step {
    let body = object(dice, members);
    by_someone(dice, world, Call::new(Method::POST, path).json(body)).into()
}

pub(super) fn make_client(dice: &mut Dice, world: &World) -> Step {
    let own = dice.one(&["tenant123", "tenant999"]);
    let tenant = dice.tenant(own);
    let mut members = vec![("name".to_owned(), mostly(dice, |dice| text(dice, 255)))];
    let path = match dice.below(4) {
        0 => {
            members.push(("tenant".into(), json::string(dice, &tenant)));
            if dice.once_in(3) {
                let status = dice.one(&["\"trial\"", "\"active\"", "\"Active\"", "null"]);
                members.push(("status".into(), status.to_owned()));
            }
            "/v2/clients".to_owned()
        }
        1 => {
            if dice.once_in(2) {
                members.push(("tags".into(), "[\"vip\", \" north \"]".into()));
            }
            if dice.once_in(3) {
                members.push(("org_id".into(), "\"org-1\"".into()));
            }
            format!("/clients/v1/tenants/{tenant}/clients")
        }
        2 => {
            members.push(("contactMethods".into(), mostly(dice, contact_methods)));
            format!("/v1/workspace/{tenant}/clients")
        }
        _ => {
            members.push(("tenantId".into(), json::string(dice, &tenant)));
            members.push(("status".into(), mostly(dice, |_| "\"ACTIVE\"".into())));
            members.push(("active".into(), mostly(dice, |_| "true".into())));
            attributes(dice, &mut members);
            dice.one(&["/client", "/v2/client"]).to_owned()
        }
    };
    post(dice, world, path, members)
}

/// Mostly of a client that is there, and by those who mostly may.
pub(super) fn remove(dice: &mut Dice, world: &World) -> Step {
    let client = dice.client(world);
    let path = path_of(dice, 2, client);
    by_someone(dice, world, Call::new(Method::DELETE, path)).into()
}

pub(super) fn enrollment_tokens(dice: &mut Dice, world: &World) -> Step {
    let client = dice.client(world);
    let path = format!("{}/enrollment-tokens", path_of(dice, 0, client));
    if dice.once_in(3) {
        let query = query(dice, &[("page_size", &["1", "2", "500", "501"])]);
        return by_someone(dice, world, Call::new(Method::GET, format!("{path}{query}"))).into();
    }
    if dice.once_in(8) {
        let path = format!("{path}/e1f2a3b4-c5d6-7890-abcd-ef1234567890");
        return by_someone(dice, world, Call::new(Method::DELETE, path)).into();
    }
    let mut members = Members::new();
    if dice.once_in(2) {
        members.push(("description".into(), mostly(dice, |dice| text(dice, 255))));
    }
    if dice.once_in(3) {
        members.push(("max_uses".into(), dice.number()));
    }
    if dice.once_in(3) {
        let time = dice.time(world.now);
        members.push(("expires_at".into(), json::string(dice, &time)));
    }
    post(dice, world, path, members)
}

pub(super) fn tenants(dice: &mut Dice, world: &World) -> Step {
    let slug = format!("made-{}", dice.below(40));
    if dice.once_in(3) {
        let query = query(dice, &[("page_size", &["1", "3", "0"])]);
        return by_someone(dice, world, Call::new(Method::GET, format!("/v2/tenants{query}")))
            .into();
    }
    let name = mostly(dice, |dice| text(dice, 255));
    let members = vec![("slug".into(), json::string(dice, &slug)), ("name".into(), name)];
    if dice.once_in(2) {
        return post(dice, world, "/v2/tenants".into(), members);
    }
    let other = format!("made-{}", dice.below(40));
    let body = object(dice, members);
    let call = Call::new(Method::PATCH, format!("/v2/tenants/{other}")).json(body);
    by_someone(dice, world, call).into()
}

pub(super) fn client_types(dice: &mut Dice, world: &World) -> Step {
    let tenant = dice.tenant("tenant123");
    if dice.once_in(3) {
        let path = format!("/client-types?tenant={tenant}");
        return by_someone(dice, world, Call::new(Method::GET, path)).into();
    }
    let title = mostly(dice, |dice| text(dice, 255));
    let members = vec![("title".into(), title), ("tenantId".into(), json::string(dice, &tenant))];
    post(dice, world, "/client-types".into(), members)
}
