//! The rules of each field, as the contract's tables have them.

use super::book::{Book, Client};
use super::moves::Door;
use serde_json::{Value, json};

/// Why something is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bad {
    Forbidden,
    /// No field at all.
    Nothing,
    Value,
    Taken,
}

pub(super) fn is_active(status: &str) -> bool {
    ["active", "trial"].contains(&status)
}

/// Texts of the customer-success surface that can be cleared, and their limits.
pub(super) const TEXTS: [(&str, usize); 17] = [
    ("siteUrl", 1024),
    ("logoUrl", 1024),
    ("street", 1024),
    ("city", 100),
    ("state", 100),
    ("country", 100),
    ("zip", 20),
    ("externalId", 100),
    ("salesforceAccountId", 18),
    ("zendeskId", 200),
    ("freshdeskId", 200),
    ("usageId", 200),
    ("stripeId", 200),
    ("externalStatusId", 200),
    ("note", usize::MAX),
    ("assignedSalesRep", 45),
    ("timezone", 60),
];

/// Its numbers, from the first to the last that is allowed.
pub(super) const NUMBERS: [(&str, i64, i64); 7] = [
    ("npsScore", -100, 100),
    ("createdByEmployeeId", 0, i64::MAX),
    ("modifiedByEmployeeId", 0, i64::MAX),
    ("managedByEmployeeId", 0, i64::MAX),
    ("assignedSalesRepId", 0, i64::MAX),
    ("successCycleId", 0, i64::MAX),
    ("primaryContactId", 0, i64::MAX),
];

/// The client types of the demo's first tenant, from 1 on.
pub(super) const TYPES: [&str; 3] = ["Enterprise", "Mid-market", "Startup"];

/// What a body makes of a client. On an error the client is of no use.
pub(super) fn change(
    client: &mut Client,
    door: Door,
    body: &Value,
    book: &Book,
) -> Result<(), Bad> {
    let body = body.as_object().expect("moves send objects");
    let workspace = door == Door::Workspace;
    if workspace && body.is_empty() {
        return Err(Bad::Nothing);
    }
    for (field, value) in body {
        match field.as_str() {
            "tenant" | "tenantId" | "status" | "active" => {}
            "clientTypeTitle" if client.number == 0 => return Err(Bad::Value),
            "name" => client.name = name(value)?,
            "email" => client.tenants["email"] = email(value)?,
            "tags" => client.tenants["tags"] = value.clone(),
            "org_id" | "project_id" | "owner_id" => client.tenants[field] = value.clone(),
            "avatarUrl" => client.avatar = web_url(value)?,
            "contactMethods" => client.methods = contact_methods(value)?,
            "customFields" => custom_fields(client, value)?,
            "custom" => {
                for (key, value) in value.as_object().ok_or(Bad::Value)? {
                    custom(client, key, value);
                }
            }
            _ => attribute(client, field, value, book)?,
        }
    }
    client_type(client, body)?;
    dates(client)?;
    status(client, body.get("status"), body.get("active"))
}

fn name(value: &Value) -> Result<String, Bad> {
    let name = value.as_str().ok_or(Bad::Value)?.trim();
    let fits = (1..=255).contains(&name.chars().count()) && !name.contains('\0');
    fits.then(|| name.to_owned()).ok_or(Bad::Value)
}

fn email(value: &Value) -> Result<Value, Bad> {
    match value.as_str() {
        None if value.is_null() => Ok(Value::Null),
        Some("") => Ok(Value::Null),
        Some(text) if text.contains('@') => Ok(value.clone()),
        _ => Err(Bad::Value),
    }
}

fn web_url(value: &Value) -> Result<Value, Bad> {
    match value.as_str() {
        None if value.is_null() => Ok(Value::Null),
        Some(text) if text.starts_with("https://") || text.starts_with("http://") => {
            Ok(value.clone())
        }
        _ => Err(Bad::Value),
    }
}

fn contact_methods(value: &Value) -> Result<Vec<Value>, Bad> {
    let methods = value.as_array().ok_or(Bad::Value)?;
    let preferred = methods.iter().filter(|method| method["isPreferred"] == true).count();
    let fine = |method: &&Value| {
        let text = method["value"].as_str().unwrap_or_default();
        match method["type"].as_str() {
            Some("email") => text.contains('@'),
            Some("phone" | "fax" | "whatsapp") => text.starts_with("+49 30") || text.len() == 6,
            Some("other") => !text.is_empty(),
            _ => false,
        }
    };
    let all = methods.iter().filter(fine).count() == methods.len();
    (preferred == 1 && all).then(|| methods.clone()).ok_or(Bad::Value)
}

fn custom_fields(client: &mut Client, value: &Value) -> Result<(), Bad> {
    let mut seen = Vec::new();
    for field in value.as_array().ok_or(Bad::Value)? {
        let key = field["fieldKey"].as_str().ok_or(Bad::Value)?;
        if seen.contains(&key) {
            return Err(Bad::Value);
        }
        seen.push(key);
        custom(client, key, &field["value"]);
    }
    Ok(())
}

fn custom(client: &mut Client, key: &str, value: &Value) {
    if value.is_null() {
        client.custom.remove(key);
    } else {
        client.custom.insert(key.to_owned(), value.clone());
    }
}

fn attribute(client: &mut Client, field: &str, value: &Value, book: &Book) -> Result<(), Bad> {
    let text = TEXTS.iter().find(|(name, _)| *name == field);
    let number = NUMBERS.iter().find(|(name, ..)| *name == field);
    let value = match (field, value) {
        (_, Value::Null) => Value::Null,
        ("parentClientId", _) => parent(client, value.as_i64().ok_or(Bad::Value)?, book)?,
        ("clientTypeId" | "clientTypeTitle", _) => return Ok(()),
        ("timezone", Value::String(zone)) if !zone.is_empty() => {
            let known = ["Europe/Berlin", "America/Chicago", "UTC"].contains(&zone.as_str());
            known.then(|| value.clone()).ok_or(Bad::Value)?
        }
        ("inceptionDate" | "terminatedDate", Value::String(day)) => match day.as_str() {
            "" => Value::Null,
            "2023-02-29" | "2025-13-01" | "yesterday" => return Err(Bad::Value),
            _ => value.clone(),
        },
        ("region", Value::Object(_)) | ("accTeamingRoles", Value::Array(_)) => {
            let empty = value.as_array().is_some_and(Vec::is_empty);
            if empty { Value::Null } else { value.clone() }
        }
        _ => match (text, number, value) {
            (Some(_), _, Value::String(text)) if text.is_empty() => Value::Null,
            (Some((_, limit)), _, Value::String(text)) if text.chars().count() <= *limit => {
                value.clone()
            }
            (_, Some((_, least, most)), Value::Number(number)) => {
                let number = number.as_i64().ok_or(Bad::Value)?;
                let fits = (*least..=*most).contains(&number);
                fits.then(|| json!(number)).ok_or(Bad::Value)?
            }
            _ => return Err(Bad::Value),
        },
    };
    client.success[field] = value;
    Ok(())
}

/// A client of the tenant that is neither this one nor below it.
fn parent(client: &Client, number: i64, book: &Book) -> Result<Value, Bad> {
    let mut above = book.numbered(client.tenant, number).ok_or(Bad::Value)?;
    loop {
        if above.number == client.number {
            return Err(Bad::Value);
        }
        match above.success["parentClientId"].as_i64() {
            Some(next) => above = book.numbered(client.tenant, next).expect("parents stay"),
            None => return Ok(json!(number)),
        }
    }
}

/// The id wins over the title, also where it is null.
fn client_type(client: &mut Client, body: &serde_json::Map<String, Value>) -> Result<(), Bad> {
    let known: &[&str] = if client.tenant == "tenant123" { &TYPES } else { &[] };
    let id = match (body.get("clientTypeId"), body.get("clientTypeTitle")) {
        (None, None) => return Ok(()),
        (Some(Value::Null), _) | (None, Some(Value::Null)) => Value::Null,
        (Some(id), _) => {
            let id = id.as_i64().and_then(|id| usize::try_from(id).ok()).unwrap_or_default();
            let there = (1..=known.len()).contains(&id);
            there.then(|| json!(id)).ok_or(Bad::Value)?
        }
        (None, Some(title)) => {
            let at = known.iter().position(|known| title == known).ok_or(Bad::Value)?;
            json!(at + 1)
        }
    };
    client.success["clientTypeId"] = id;
    Ok(())
}

fn dates(client: &Client) -> Result<(), Bad> {
    let day = |field: &str| client.success[field].as_str();
    match (day("inceptionDate"), day("terminatedDate")) {
        (Some(begin), Some(end)) if end < begin => Err(Bad::Value),
        _ => Ok(()),
    }
}

fn status(client: &mut Client, status: Option<&Value>, active: Option<&Value>) -> Result<(), Bad> {
    let flag = active.map(|active| active.as_bool().ok_or(Bad::Value)).transpose()?;
    if let Some(status) = status {
        let status = status.as_str().ok_or(Bad::Value)?.to_lowercase();
        let known = ["pending", "trial", "active", "inactive", "terminated"];
        let fits = flag.is_none_or(|flag| flag == is_active(&status));
        if !fits || !known.contains(&status.as_str()) {
            return Err(Bad::Value);
        }
        client.status = status;
    } else if let Some(flag) = flag
        && flag != client.is_active()
    {
        client.status = if flag { "active" } else { "inactive" }.into();
    }
    Ok(())
}

/// An external id is of one client of the tenant.
pub(super) fn taken(client: &Client, book: &Book) -> Result<(), Bad> {
    let own = &client.success["externalId"];
    let mut others = book.clients(client.tenant).iter();
    let same =
        |other: &Client| other.number != client.number && &other.success["externalId"] == own;
    if own.is_string() && others.any(same) { Err(Bad::Taken) } else { Ok(()) }
}
