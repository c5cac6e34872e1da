//! Each limit that a description states is the one that is enforced: what stands on it is accepted,
//! what is one beyond it is refused, and the answer says why.

use clientbook_api::documents;
use clientbook_testkit::{ACME, Actor, TestApp};
use serde_json::{Value, json};

/// A call that takes a body, and what else the body needs.
struct Call {
    document: &'static str,
    schema: &'static str,
    method: &'static str,
    path: String,
    rest: Value,
}

fn calls() -> Vec<Call> {
    let call = |document, schema, method, path: &str, rest| {
        let path = path.to_owned();
        Call { document, schema, method, path, rest }
    };
    let token = json!({ "name": "A token", "tenant": "tenant123", "role": "viewer" });
    let method = json!({ "type": "other", "value": "x", "isPreferred": true });
    let workspace = json!({ "name": "A client", "contactMethods": [method] });
    let success = json!({
        "name": "A client", "status": "ACTIVE", "active": true, "tenantId": "tenant123",
    });
    let tenants = "/clients/v1/tenants/tenant123/clients";
    let workspaces = "/v1/workspace/tenant123/clients";
    let (none, named) = (json!({}), json!({ "name": "A client" }));
    let v2 = json!({ "name": "A client", "tenant": "tenant123" });
    let acme = format!("/client/{ACME}");
    let in_workspace = format!("{workspaces}/507f1f77bcf86cd799439011");
    let enrollment = format!("/v2/clients/{ACME}/enrollment-tokens");
    let tenant = json!({ "slug": "another", "name": "A tenant" });
    vec![
        call("customer-success", "ClientPatch", "PATCH", &acme, none.clone()),
        call("customer-success", "ClientInput", "POST", "/client", success),
        call("customer-success", "ClientTypeInput", "POST", "/client-types", {
            json!({ "title": "A type", "tenantId": "tenant123" })
        }),
        call("workspace", "ClientPatch", "PATCH", &in_workspace, none.clone()),
        call("workspace", "ClientInput", "POST", workspaces, workspace),
        call("tenants", "ClientPatch", "PATCH", &format!("{tenants}/456"), none.clone()),
        call("tenants", "ClientInput", "POST", tenants, named),
        call("organizations", "ApiTokenInput", "POST", "/v2/api-tokens", token),
        call("organizations", "ClientInput", "POST", "/v2/clients", v2),
        call("organizations", "EnrollmentTokenInput", "POST", &enrollment, none.clone()),
        call("organizations", "TenantInput", "POST", "/v2/tenants", tenant),
        call("organizations", "TenantPatch", "PATCH", "/v2/tenants/tenant123", none),
    ]
}

/// One value, and what is said of it if it is refused.
type Probe = (Value, Option<String>);

fn follow<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    let one = choices.into_iter().find(|choice| choice["type"] != "null").unwrap_or(schema);
    match one["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).expect("a schema"),
        None => one,
    }
}

/// A text of `length` characters, of more than one byte each, in the form that the field has.
fn text(name: &str, length: usize) -> Value {
    let start = if name == "avatarUrl" { "https://example.com/" } else { "" };
    format!("{start}{}", "ä".repeat(length - start.len())).into()
}

/// The values on the limits of `schema` and beyond.
fn probes(document: &Value, name: &str, schema: &Value) -> Vec<Probe> {
    let mut probes = Vec::new();
    if let Some(max) = schema["maxLength"].as_u64() {
        let max = usize::try_from(max).expect("a length");
        let known = !["timezone", "tenant", "tenantId"].contains(&name);
        probes.extend(known.then(|| (text(name, max), None)));
        let told = match name {
            "timezone" => "must be a name of the tz database".to_owned(),
            "tenant" | "tenantId" => "must be the id, the slug".to_owned(),
            "fieldKey" => format!("must have 1 to {max} characters"),
            _ => format!("must have at most {max} characters"),
        };
        probes.push((text(name, max + 1), Some(told)));
    }
    if schema["pattern"] == r"\S" && schema["minLength"] == 1 {
        probes.push((json!(" "), Some("must have at least 1 character".into())));
    }
    for (limit, beyond) in [("minimum", -1), ("maximum", 1)] {
        if let Some(limit) = schema[limit].as_i64() {
            // What must exist besides is not a matter of limits.
            let refers = ["clientTypeId", "parentClientId"].contains(&name);
            probes.extend((!refers).then(|| (json!(limit), None)));
            let beyond = (i128::from(limit) + beyond).to_string();
            let beyond = serde_json::from_str(&beyond).expect("a number");
            probes.push((beyond, Some("must be a whole number from".into())));
        }
    }
    if let Some(max) = schema["maxItems"].as_u64() {
        let max = usize::try_from(max).expect("a number of items");
        let item = follow(document, &schema["items"]);
        for (name, property) in item["properties"].as_object().into_iter().flatten() {
            let inner = self::probes(document, name, follow(document, property));
            probes.extend(inner.into_iter().map(|(value, told)| {
                let mut item = fill(document, item, 0);
                item[name] = value;
                (json!([item]), told)
            }));
        }
        let list = |length| (0..length).map(|at| fill(document, item, at)).collect::<Value>();
        let unknown = (name == "client_ids").then(|| "must be the id of a client".into());
        probes.push((list(max), unknown));
        probes.push((list(max + 1), Some(format!("must have at most {max} items"))));
    }
    if schema["propertyNames"].is_object() {
        for (key, told) in self::probes(document, "fieldKey", &schema["propertyNames"]) {
            probes.push((json!({ key.as_str().expect("a key"): "x" }), told));
        }
        for (value, told) in self::probes(document, "value", &schema["additionalProperties"]) {
            probes.push((json!({ "notes": value }), told));
        }
    }
    if schema["minItems"] == 1 {
        probes.push((json!([]), Some("at least".into())));
    }
    if schema["uniqueItems"] == true {
        let again = if name == "tags" { ACME.to_owned() } else { ACME.to_uppercase() };
        probes.push((json!([ACME, again]), Some("for the second time".into())));
    }
    probes
}

/// The item of a list at `at`: no two are the same, and the first one is preferred.
fn fill(document: &Value, schema: &Value, at: usize) -> Value {
    let Some(properties) = schema["properties"].as_object() else {
        let names = schema["enum"].as_array();
        // The last permission is for operators; the others may stand there twice.
        let name = names.map(|names| names[at % (names.len() - 1)].clone());
        return name.unwrap_or_else(|| json!(format!("00000000-0000-4000-8000-{at:012}")));
    };
    let needed = schema["required"].as_array().expect("required").iter();
    let needed = needed.map(|name| name.as_str().expect("a name"));
    let value = |name: &str| match follow(document, &properties[name])["type"].as_str() {
        Some("boolean") => json!(at == 0),
        Some("integer") => json!(at),
        _ if name == "type" => json!("other"),
        _ => json!(format!("x{at}")),
    };
    needed.map(|name| (name.to_owned(), value(name))).collect()
}

async fn try_one(actor: &Actor, call: &Call, body: &Value, told: Option<&str>) {
    let shown: String = body.to_string().chars().take(120).collect();
    let at = format!("{} {} {shown}", call.method, call.path);
    let answer = match call.method {
        "POST" => actor.post(&call.path, body).await,
        _ => actor.patch(&call.path, body).await,
    };
    match told {
        None => assert!(matches!(answer.status, 200 | 201), "{at}: {}", answer.text),
        Some(told) => {
            assert!(matches!(answer.status, 400 | 422), "{at}: {}", answer.text);
            assert!(answer.text.contains(told), "{at}: {}", answer.text);
        }
    }
}

/// Tries every limit of the bodies of a call; how many there were.
async fn try_all(call: &Call) -> usize {
    let (_, text) = documents().find(|(name, _)| *name == call.document).expect("a document");
    let document: Value = serde_json::from_slice(text).expect("JSON");
    let schema = &document["components"]["schemas"][call.schema];
    // Where a tenant is named on a change, it is the one that was read.
    let echoes: &[_] = match call.method {
        "POST" => &["id"],
        _ => &["id", "uuid", "client_id", "tenantId", "tenant_id"],
    };
    let (mut tried, untouched) = (0, TestApp::start().await);
    for (name, property) in schema["properties"].as_object().expect("properties") {
        if echoes.contains(&name.as_str()) {
            continue;
        }
        for (value, told) in probes(&document, name, follow(&document, property)) {
            let mut body = call.rest.clone();
            if name == "permissions" {
                body.as_object_mut().expect("an object").remove("role");
            }
            body[name] = value;
            tried += 1;
            if told.is_some() {
                try_one(&untouched.operator(), call, &body, told.as_deref()).await;
                continue;
            }
            // A record of its own: what one value fills up is empty for the next.
            let app = TestApp::start().await;
            try_one(&app.operator(), call, &body, None).await;
        }
    }
    tried
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_on_a_limit_is_accepted_and_what_is_beyond_is_refused() {
    let calls = calls().into_iter();
    let running: Vec<_> =
        calls.map(|call| tokio::spawn(async move { try_all(&call).await })).collect();
    let mut tried = 0;
    for one in running {
        tried += one.await.expect("a call whose limits hold");
    }
    assert!(tried > 100, "only {tried} limits were found in the documents");
}
