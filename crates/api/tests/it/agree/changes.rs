//! Changes of a client's profile and of its customer-success attributes.

use super::dice::Dice;
use super::json::{self, array, mostly, object, text};
use super::operations::{Members, change, path, path_of};
use super::step::Step;
use super::world::World;

pub(super) fn workspace(dice: &mut Dice, world: &World) -> Step {
    let path = path(dice, 2, world);
    let mut members = Members::new();
    if dice.once_in(2) {
        members.push(("name".into(), mostly(dice, |dice| text(dice, 255))));
    }
    if dice.once_in(4) {
        members.push(("avatarUrl".into(), mostly(dice, url)));
    }
    if dice.once_in(4) {
        members.push(("contactMethods".into(), mostly(dice, contact_methods)));
    }
    if dice.once_in(2) {
        members.push(("customFields".into(), mostly(dice, custom_fields)));
    }
    if dice.once_in(30) {
        members.push((dice.text(20), json::any(dice)));
    }
    change(dice, world, path, members)
}

fn url(dice: &mut Dice) -> String {
    let path = dice.text(200).replace(char::is_whitespace, "");
    let host = dice.one(&["example.com", "EXAMPLE.com", "bücher.example", "10.0.0.1:8080", ""]);
    let scheme = dice.one(&["https", "http", "HTTPS", "ftp"]);
    json::string(dice, &format!("{scheme}://{host}/{path}"))
}

pub(super) fn contact_methods(dice: &mut Dice) -> String {
    const VALUES: &[(&str, &str)] = &[
        ("email", "jane@example.com"),
        ("email", "JANE@EXAMPLE.COM"),
        ("email", "jäne@bücher.example"),
        ("email", "\"a b\"@example.com"),
        ("email", "nobody"),
        ("phone", "+49 30 901820"),
        ("fax", "+4930901820"),
        ("whatsapp", "+49\u{a0}30\u{a0}901820"),
        ("phone", "٠١٢٣٤"),
        ("Phone", "1234"),
    ];
    let preferred = if dice.once_in(10) { usize::MAX } else { 0 };
    array(dice, 4, |dice, at| {
        let (kind, value) = VALUES[dice.below(VALUES.len())];
        let (kind, value) = match dice.below(3) {
            0 => ("other", text(dice, 300)),
            _ => (kind, json::string(dice, value)),
        };
        let first = at == preferred;
        format!("{{\"type\": \"{kind}\", \"value\": {value}, \"isPreferred\": {first}}}")
    })
}

/// One of a few keys, so that values are replaced and removed, too.
pub(super) fn custom_key(dice: &mut Dice) -> String {
    const KEYS: &[&str] = &[
        "notes",
        "Notes",
        "NOTES",
        "nötes",
        "no\u{308}tes",
        "a",
        "aa",
        "b",
        "10",
        "9",
        "a.b",
        "$",
    ];
    if dice.once_in(60) { dice.text(100) } else { dice.one(KEYS).to_owned() }
}

fn custom_value(dice: &mut Dice) -> String {
    match dice.below(30) {
        0 => {
            let part = dice.text(40);
            let long = part.repeat(1 + dice.below(100));
            json::string(dice, &long)
        }
        1 | 2 => "null".into(),
        3 => json::any(dice),
        4 | 5 => dice.number(),
        6 => dice.one(&["true", "false", "\"2024-02-29\"", "\"gold\""]).to_owned(),
        7 => dice.one(&["\"a@example.com\"", "\"A@EXAMPLE.COM\"", "\"https://a\""]).to_owned(),
        _ => text(dice, 300),
    }
}

fn custom_fields(dice: &mut Dice) -> String {
    array(dice, 4, |dice, _| {
        let key = custom_key(dice);
        let (key, value) = (json::string(dice, &key), custom_value(dice));
        let id = if dice.once_in(10) { "\"fieldId\": null, " } else { "" };
        format!("{{{id}\"fieldKey\": {key}, \"value\": {value}}}")
    })
}

/// The texts of the customer-success surface, with their limits.
const SUCCESS_TEXTS: &[(&str, usize)] = &[
    ("name", 255),
    ("siteUrl", 1024),
    ("street", 1024),
    ("city", 100),
    ("zip", 20),
    ("salesforceAccountId", 18),
    ("zendeskId", 200),
    ("stripeId", 200),
    ("assignedSalesRep", 45),
    ("note", 5_000),
];

/// Its numbers.
const SUCCESS_NUMBERS: &[&str] =
    &["npsScore", "createdByEmployeeId", "managedByEmployeeId", "successCycleId", "clientTypeId"];

pub(super) fn customer_success(dice: &mut Dice, world: &World) -> Step {
    let client = dice.client(world);
    let surface = 3 + dice.below(2);
    let mut path = path_of(dice, surface, client);
    path.push_str(match dice.below(20) {
        0..=2 => "?dryRun=true",
        3 => "?dryRun=false",
        4 => dice.one(&["?dryRun=TRUE", "?dryrun=true", "?dryRun=true&dryRun=true", "?%00=1"]),
        _ => "",
    });
    let mut members = Members::new();
    attributes(dice, &mut members);
    if dice.once_in(10) {
        members.push(("uuid".into(), format!("\"{}\"", client.id.to_uppercase())));
        members.push(("id".into(), client.number.to_string()));
    }
    change(dice, world, path, members)
}

/// A few attributes that are not among the members yet.
pub(super) fn attributes(dice: &mut Dice, members: &mut Members) {
    for _ in 0..=dice.below(4) {
        let (name, value) = attribute(dice);
        if members.iter().all(|(known, _)| *known != name) {
            members.push((name, value));
        }
    }
}

fn attribute(dice: &mut Dice) -> (String, String) {
    let (name, value): (&str, String) = match dice.below(18) {
        0..=4 => {
            let (name, limit) = SUCCESS_TEXTS[dice.below(SUCCESS_TEXTS.len())];
            (name, mostly(dice, |dice| text(dice, limit)))
        }
        5..=7 => (dice.one(SUCCESS_NUMBERS), mostly(dice, Dice::number)),
        8 => ("externalId", mostly(dice, external_id)),
        // Rows of a tree, so that circles come about.
        9 => ("parentClientId", mostly(dice, |dice| dice.from(0, 31).to_string())),
        10 => {
            let titles = ["Enterprise", "enterprise", "ENTERPRISE", "Startup", "Mid-market", ""];
            ("clientTypeTitle", format!("\"{}\"", dice.one(&titles)))
        }
        11 => {
            let names = ["ACTIVE", "INACTIVE", "TRIAL", "TERMINATED", "PENDING", "active"];
            ("status", format!("\"{}\"", dice.one(&names)))
        }
        12 => ("active", mostly(dice, |dice| dice.one(&["true", "false"]).to_owned())),
        13 => {
            let days = ["2024-02-29", "2023-02-29", "2025-01-01", "0001-01-01", "9999-12-31", ""];
            let name = dice.one(&["inceptionDate", "terminatedDate"]);
            (name, format!("\"{}\"", dice.one(&days)))
        }
        14 => ("region", mostly(dice, region)),
        15 => ("accTeamingRoles", mostly(dice, teaming_roles)),
        16 => ("timezone", format!("\"{}\"", dice.one(&["Europe/Berlin", "europe/berlin", "UTC"]))),
        _ => {
            let mut members = Members::new();
            for _ in 0..=dice.below(3) {
                members.push((custom_key(dice), custom_value(dice)));
            }
            members.dedup_by(|one, other| one.0 == other.0);
            ("custom", object(dice, members))
        }
    };
    (name.to_owned(), value)
}

/// Of which there are few, so that they meet.
fn external_id(dice: &mut Dice) -> String {
    const IDS: &[&str] = &[
        "crm-1",
        "CRM-1",
        "Crm-1",
        "crm-\u{e4}",
        "crm-a\u{308}",
        "crm-1 ",
        "crm\u{200b}-1",
        "2",
        "3",
    ];
    let id = dice.one(IDS);
    if dice.once_in(8) { text(dice, 100) } else { json::string(dice, id) }
}

fn region(dice: &mut Dice) -> String {
    format!("{{\"id\": {}, \"name\": {}}}", dice.number(), text(dice, 300))
}

fn teaming_roles(dice: &mut Dice) -> String {
    array(dice, 3, |dice, _| {
        format!("{{\"employeeId\": {}, \"role\": {}}}", dice.number(), text(dice, 100))
    })
}
