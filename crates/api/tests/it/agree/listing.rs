//! Lists and searches of clients, on every surface.

use super::dice::Dice;
use super::operations::{by_someone, query};
use super::step::{Call, Step};
use super::world::World;
use axum::http::Method;

/// Parts of names, in other cases and with other accents, and what is no part of any.
const WORDS: &[&str] = &[
    "acme",
    "ACME",
    "%C3%A9",
    "e",
    "E",
    "%C5%81",
    "l",
    "ss",
    "%C3%9F",
    "%25",
    "_",
    "%F0%9F%98%80",
    "%20",
    "",
];

pub(super) fn list_clients(dice: &mut Dice, world: &World) -> Step {
    let own = dice.one(&["tenant123", "tenant999", "sample"]);
    let tenant = dice.tenant(own);
    let (base, parameters): (String, &[(&str, &[&str])]) = match dice.below(4) {
        0 => (
            "/v2/clients".into(),
            &[
                ("tenant", &["tenant123", "TENANT999", "sample", "nobody"]),
                ("page_size", &["1", "2", "3", "500", "501"]),
                ("q", WORDS),
                ("status", &["active", "inactive", "trial", "terminated", "Active"]),
                ("collection_mode", &["saas_usage", "disabled", "deleted", "x"]),
                ("sort_by", &["name", "created_at", "updated_at", "id"]),
                ("sort_order", &["asc", "desc"]),
            ],
        ),
        1 => (
            format!("/clients/v1/tenants/{tenant}/clients"),
            &[
                ("page", &["1", "2", "0", "x", "9223372036854775807"]),
                ("limit", &["1", "3", "100", "101"]),
                ("name", WORDS),
                ("status", &["Active", "Inactive", "active"]),
                ("active", &["true", "false", "yes"]),
                ("active_only", &["true", "false"]),
                ("tags", &["vip", "north,vip", "Vip", ","]),
            ],
        ),
        2 => (format!("/v1/workspace/{tenant}/clients"), &[("limit", &["1", "2", "500", "0"])]),
        _ => (
            "/client/search".into(),
            &[
                ("tenant", &["tenant123", "sample"]),
                ("page", &["0", "1", "-1"]),
                ("size", &["1", "3", "500", "501"]),
                ("name", WORDS),
                ("externalId", &["x", "X", "1", ""]),
                ("salesforceAccountId", &["x", "001"]),
                ("status", &["ACTIVE", "TRIAL", "active"]),
            ],
        ),
    };
    let query = query(dice, parameters);
    by_someone(dice, world, Call::new(Method::GET, format!("{base}{query}"))).into()
}
