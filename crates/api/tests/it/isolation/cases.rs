//! What of another tenant each operation can be sent, and where.

use super::world::Kind;
use axum::http::Method;
use clientbook_api::Operation;
use clientbook_model::audit::Surface;
use clientbook_testkit::{ACME, ACME_OBJECT, GLOBEX};
use serde_json::{Value, json};

/// Stands where the thing is named.
pub(super) const HERE: &str = "@here@";

/// A request that names something.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) kind: Option<Kind>,
    pub(super) path: String,
    pub(super) body: Option<String>,
    /// The answer tells that the thing is somebody's: as it does of what is the caller's own.
    pub(super) taken: Option<&'static str>,
}

/// Stand for the other tenant's own things, beside the one that is named.
pub(super) const THEIRS: [(&str, Kind); 4] = [
    ("@their-number@", Kind::Number),
    ("@their-object@", Kind::ObjectId),
    ("@their-field@", Kind::Field),
    ("@their-client@", Kind::Client),
];

/// Parameters that name nothing that anyone has.
const NEUTRAL: [&str; 25] = [
    "action",
    "active",
    "active_only",
    "as_of",
    "collection_mode",
    "dryRun",
    "dry_run",
    "entity_type",
    "format",
    "from",
    "group_by",
    "includeArchived",
    "limit",
    "match",
    "os_name",
    "page",
    "page_size",
    "resume",
    "size",
    "sort_by",
    "sort_order",
    "stale_threshold",
    "status",
    "surface",
    "to",
];

/// Our own device, user and department.
const ALICES: &str = "f1e2d3c4-b5a6-7890-abcd-ef1234567890";
const ALICE: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
const ENGINEERING: &str = "d1e2f3a4-b5c6-7890-abcd-ef1234567890";

/// Every case of an operation.
pub(super) fn of(operation: &Operation) -> Vec<Case> {
    let mut cases = paths(operation);
    for name in operation.parameters().filter(|name| !NEUTRAL.contains(name)) {
        cases.extend(parameter(operation, name));
    }
    cases.extend(bodies(operation));
    cases
}

/// The address with our own things in it.
pub(super) fn own(operation: &Operation) -> String {
    with(operation, |segment| own_segment(operation, segment))
}

fn own_segment(operation: &Operation, segment: &str) -> String {
    let own = match segment {
        "{tenant_id}" | "{workspace_id}" => "tenant123",
        "{client_id}" if operation.surface == Surface::Workspace => ACME_OBJECT,
        "{client_id}" | "{uuid}" => ACME,
        "{id}" => "456",
        // Ours has none of these: what is asked for is not there, whoever else has it.
        "{token_id}" => Kind::EnrollmentToken.unknown(),
        "{field_id}" => Kind::Field.unknown(),
        "{software_id}" => Kind::Software.unknown(),
        "{device_id}" => ALICES,
        "{user_id}" => ALICE,
        "{department_id}" => ENGINEERING,
        other => panic!("say what {other} of {operation:?} is"),
    };
    own.to_owned()
}

fn their_segment(operation: &Operation, segment: &str) -> String {
    let theirs = match segment {
        "{client_id}" if operation.surface == Surface::Workspace => "@their-object@",
        "{id}" => "@their-number@",
        "{field_id}" => "@their-field@",
        _ => "@their-client@",
    };
    theirs.to_owned()
}

fn with(operation: &Operation, fill: impl Fn(&str) -> String) -> String {
    let segments = operation
        .path
        .split('/')
        .map(|segment| if segment.starts_with('{') { fill(segment) } else { segment.to_owned() });
    segments.collect::<Vec<_>>().join("/")
}

/// Each segment that varies, with each kind of thing in it, beside our own things and theirs.
fn paths(operation: &Operation) -> Vec<Case> {
    let mut cases = Vec::new();
    let varied: Vec<_> = operation.path.split('/').filter(|one| one.starts_with('{')).collect();
    for segment in &varied {
        let kinds: &[Kind] = match *segment {
            "{tenant_id}" | "{workspace_id}" => &Kind::TENANT,
            "{client_id}" if operation.surface == Surface::Workspace => &[Kind::ObjectId],
            "{client_id}" | "{uuid}" => &Kind::CLIENT,
            "{id}" => &[Kind::Number],
            "{token_id}" if operation.path.starts_with("/v2/api-tokens") => &[Kind::ApiToken],
            "{token_id}" => &[Kind::EnrollmentToken],
            "{field_id}" => &[Kind::Field],
            "{software_id}" => &[Kind::Software],
            "{device_id}" => &[Kind::Device],
            "{user_id}" => &[Kind::User],
            "{department_id}" => &[Kind::Department],
            other => panic!("say what {other} of {operation:?} can be"),
        };
        let names_tenant = matches!(*segment, "{tenant_id}" | "{workspace_id}");
        let beside: &[fn(&Operation, &str) -> String] = match varied.len() {
            2.. if names_tenant => &[own_segment, their_segment],
            _ => &[own_segment],
        };
        for (kind, beside) in
            kinds.iter().flat_map(|kind| beside.iter().map(move |one| (kind, one)))
        {
            let path = with(operation, |other| {
                if other == *segment { HERE.to_owned() } else { beside(operation, other) }
            });
            cases.push(Case { kind: Some(*kind), path, body: first_body(operation), taken: None });
        }
    }
    cases
}

fn parameter(operation: &Operation, name: &str) -> Vec<Case> {
    let kinds: &[Kind] = match name {
        "tenant" => &Kind::TENANT,
        "externalId" => &[Kind::ExternalId, Kind::Client],
        "salesforceAccountId" => &[Kind::Salesforce],
        "name" => &[Kind::Text],
        "q" => &[Kind::Text, Kind::ExternalId, Kind::Tag, Kind::Client],
        "tags" => &[Kind::Tag],
        "entity_id" => &[
            Kind::Client,
            Kind::Erased,
            Kind::TenantId,
            Kind::EnrollmentToken,
            Kind::ApiToken,
            Kind::Entry,
            Kind::Device,
            Kind::User,
            Kind::Department,
        ],
        "user_id" => &[Kind::User],
        "department_id" => &[Kind::Department],
        "actor_id" => &[Kind::ApiToken],
        "field" => &[Kind::FieldKey],
        "import_id" => &[Kind::Import],
        // Asked with each list's own.
        "cursor" => &[],
        other => panic!("say what {other} of {operation:?} can name of another tenant"),
    };
    let before = match name {
        "field" => "field=custom.".to_owned(),
        "import_id" => "resume=true&import_id=".to_owned(),
        name => format!("{name}="),
    };
    let path = format!("{}?{before}{HERE}", own(operation));
    let case = |kind: &Kind| Case {
        kind: Some(*kind),
        path: path.clone(),
        body: first_body(operation),
        taken: None,
    };
    kinds.iter().map(case).collect()
}

/// A body that says nothing of anyone, where one must be there.
fn first_body(operation: &Operation) -> Option<String> {
    bodies(operation).into_iter().find_map(|case| case.body.filter(|_| case.kind.is_none()))
}

/// Bodies of an operation.
struct Bodies {
    path: String,
    cases: Vec<Case>,
}

impl Bodies {
    /// The first names nothing.
    fn new(path: String, plain: &Value) -> Self {
        let (body, own) = (Some(plain.to_string()), path.clone());
        Self { path, cases: vec![Case { kind: None, path: own, body, taken: None }] }
    }

    /// One for each kind, at one place of a body.
    fn at(mut self, base: &Value, pointer: &str, kinds: &[Kind]) -> Self {
        let path = self.path.clone();
        self.cases.extend(named(&path, base, pointer, kinds));
        self
    }
}

fn named(path: &str, base: &Value, pointer: &str, kinds: &[Kind]) -> Vec<Case> {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let mut body = base.clone();
    match body.pointer_mut(parent).expect("a place") {
        Value::Array(items) => items[name.parse::<usize>().expect("a place")] = json!(HERE),
        object => object[name] = json!(HERE),
    }
    let body = body.to_string();
    let case = |kind: &Kind| {
        let is_number = matches!(kind, Kind::Number | Kind::Type);
        let quoted = format!("\"{HERE}\"");
        let body = if is_number { body.replace(&quoted, HERE) } else { body.clone() };
        Case { kind: Some(*kind), path: path.to_owned(), body: Some(body), taken: None }
    };
    kinds.iter().map(case).collect()
}

fn merged(base: &Value, name: &str, value: Value) -> Value {
    let mut merged = base.clone();
    merged[name] = value;
    merged
}

/// What bodies name.
fn bodies(operation: &Operation) -> Vec<Case> {
    if !matches!(operation.method, Method::POST | Method::PATCH) {
        return Vec::new();
    }
    match operation.surface {
        Surface::Organizations if operation.path == IMPORT => rows(),
        Surface::Organizations => organizations(operation),
        Surface::Tenants => tenants(operation),
        Surface::Workspace => workspace(operation),
        Surface::CustomerSuccess => customer_success(operation),
        _ => unsaid(operation),
    }
}

fn unsaid(operation: &Operation) -> Vec<Case> {
    panic!("say what of another tenant the body of {operation:?} can name")
}

fn organizations(operation: &Operation) -> Vec<Case> {
    let path = own(operation);
    let bodies = |plain: &Value| Bodies::new(path.clone(), plain);
    let done = match (operation.method.as_str(), operation.path) {
        ("POST", "/v2/clients") => {
            let base = json!({ "name": "Ours" });
            bodies(&base).at(&base, "/tenant", &Kind::TENANT)
        }
        ("POST", "/v2/clients/bulk") => bulk(path),
        ("PATCH", "/v2/clients/{client_id}") => {
            let base = json!({ "collection_mode": "saas_usage" });
            let token = merged(&base, "enrollment_token", json!({}));
            bodies(&base)
                .at(&base, "/id", &Kind::CLIENT)
                .at(&merged(&base, "partner", json!({})), "/partner/id", &[Kind::TenantId])
                .at(&token, "/enrollment_token/id", &[Kind::EnrollmentToken])
                .at(&token, "/enrollment_token/value", &[Kind::TokenValue])
        }
        ("POST", "/v2/clients/{client_id}/merge") => {
            let base = json!({ "loser_id": GLOBEX, "dry_run": true });
            let real = json!({ "loser_id": GLOBEX });
            let dry = bodies(&base).at(&base, "/loser_id", &Kind::CLIENT);
            dry.at(&real, "/loser_id", &Kind::CLIENT)
        }
        ("POST", "/v2/clients/{client_id}/revert") => {
            let base = json!({ "entry_id": Kind::Entry.unknown() });
            bodies(&base).at(&base, "/entry_id", &[Kind::Entry, Kind::Client])
        }
        ("POST", "/v2/clients/{client_id}/enrollment-tokens") => bodies(&json!({})),
        ("POST", "/v2/api-tokens") => {
            let base = json!({ "name": "Ours", "role": "viewer" });
            let bound = merged(&base, "client_ids", json!([0]));
            let tenant = bodies(&base).at(&base, "/tenant", &Kind::TENANT);
            tenant.at(&bound, "/client_ids/0", &Kind::CLIENT)
        }
        ("POST", "/v2/tenants") => {
            let base = json!({ "slug": "ours", "name": "Ours" });
            let slug = bodies(&base).at(&base, "/slug", &[Kind::Slug]);
            let ids = slug.at(&base, "/id", &[Kind::TenantId, Kind::Client]);
            ids.at(&base, "/object_id", &[Kind::TenantObject])
        }
        ("PATCH", "/v2/tenants/{tenant_id}") => {
            let base = json!({ "name": "Ours" });
            bodies(&base).at(&base, "/slug", &[Kind::Slug])
        }
        _ => return control(operation),
    };
    done.cases
}

/// What is below a client in collection control. Nothing of ours is deleted.
fn control(operation: &Operation) -> Vec<Case> {
    let bodies = |plain: &Value| Bodies::new(own(operation), plain);
    let last = operation.path.rsplit('/').next().unwrap_or_default();
    let done = match (operation.method.as_str(), last) {
        ("PATCH", "{device_id}") => {
            let base = json!({ "collection_state": "enabled" });
            bodies(&base).at(&base, "/id", &[Kind::Device])
        }
        ("PATCH", "{user_id}") => {
            let base = json!({ "status": "active" });
            let of = json!({ "departments": [0] });
            let ids = bodies(&base).at(&base, "/id", &[Kind::User]);
            ids.at(&of, "/departments/0", &[Kind::Department])
        }
        ("POST", "departments") => bodies(&json!({ "name": "Ours" })),
        ("PATCH", "{department_id}") => {
            let base = json!({ "name": "Ours" });
            bodies(&base).at(&base, "/id", &[Kind::Department])
        }
        ("POST", _) if operation.path.contains("/devices/") => {
            let known = if last == "delete" { Kind::Device.unknown() } else { ALICES };
            let base = json!({ "device_ids": [known] });
            bodies(&base).at(&base, "/device_ids/0", &[Kind::Device])
        }
        ("POST", _)
            if operation.path.contains("/users/") || operation.path.contains("/members") =>
        {
            let known = if last == "delete" { Kind::User.unknown() } else { ALICE };
            let base = json!({ "user_ids": [known] });
            bodies(&base).at(&base, "/user_ids/0", &[Kind::User])
        }
        _ => return unsaid(operation),
    };
    done.cases
}

fn tenants(operation: &Operation) -> Vec<Case> {
    let base = json!({ "name": "Ours" });
    let bodies = Bodies::new(own(operation), &base);
    let last = operation.path.rsplit('/').next().unwrap_or_default();
    match (operation.method.as_str(), last) {
        ("POST", "clients") => bodies.cases,
        ("PATCH", "{id}") => {
            let ids = bodies.at(&base, "/id", &[Kind::Number]);
            let ids = ids.at(&base, "/client_id", &Kind::CLIENT);
            ids.at(&base, "/tenant_id", &Kind::TENANT).cases
        }
        ("PATCH", "activate" | "deactivate") => Vec::new(),
        _ => unsaid(operation),
    }
}

fn workspace(operation: &Operation) -> Vec<Case> {
    let bodies = |plain: &Value| Bodies::new(own(operation), plain);
    let last = operation.path.rsplit('/').next().unwrap_or_default();
    let of = |base: &Value, key: Value, value: Value| {
        let values = json!([{ "fieldId": null, "fieldKey": key, "value": value }]);
        merged(base, "customFields", values)
    };
    let (at_id, at_key) = ("/customFields/0/fieldId", "/customFields/0/fieldKey");
    let done =
        match (operation.method.as_str(), last) {
            ("POST", "clients") => {
                let methods = json!([{ "type": "other", "value": "x", "isPreferred": true }]);
                let base = json!({ "name": "Ours", "contactMethods": methods });
                // Where the other tenant's field takes numbers only, ours is anyone's to use.
                bodies(&base)
                    .at(&of(&base, json!("notes"), json!("a text")), at_id, &[Kind::Field])
                    .at(&of(&base, json!(0), json!("a text")), at_key, &[Kind::FieldKey])
            }
            ("PATCH", "{client_id}") => {
                let base = json!({ "name": "Ours" });
                bodies(&base)
                    .at(&of(&base, json!("notes"), json!("a text")), at_id, &[Kind::Field])
                    .at(&of(&base, json!(0), Value::Null), at_key, &[Kind::FieldKey])
                    .at(&base, "/id", &[Kind::ObjectId])
            }
            ("POST", "fields") => {
                let base = json!({ "label": "Ours", "type": "text" });
                bodies(&base).at(&base, "/key", &[Kind::FieldKey])
            }
            ("PATCH", "{field_id}") => {
                let base = json!({ "label": "Ours" });
                let key = bodies(&base).at(&base, "/key", &[Kind::FieldKey]);
                key.at(&base, "/id", &[Kind::Field])
            }
            ("POST", "archive" | "restore") => return Vec::new(),
            ("POST", "reorder") => {
                let base = json!({ "fields": [{ "fieldId": 0, "order": 7 }] });
                let none = json!({ "fields": [] });
                bodies(&none).at(&base, "/fields/0/fieldId", &[Kind::Field])
            }
            _ => return unsaid(operation),
        };
    done.cases
}

fn customer_success(operation: &Operation) -> Vec<Case> {
    let bodies = |plain: &Value| Bodies::new(own(operation), plain);
    let done = match (operation.method.as_str(), operation.path) {
        ("POST", "/client" | "/v2/client") => {
            let base = json!({ "name": "Ours", "status": "ACTIVE", "active": true });
            bodies(&base)
                .at(&base, "/tenantId", &Kind::TENANT)
                .at(&base, "/parentClientId", &[Kind::Number])
                .at(&base, "/clientTypeId", &[Kind::Type])
                .at(&base, "/externalId", &[Kind::ExternalId])
        }
        ("PATCH", "/client/{uuid}" | "/v2/client/{uuid}") => {
            let base = json!({ "note": "ours" });
            bodies(&base)
                .at(&base, "/id", &[Kind::Number])
                .at(&base, "/uuid", &Kind::CLIENT)
                .at(&base, "/tenantId", &[Kind::TenantId])
                .at(&base, "/parentClientId", &[Kind::Number])
                .at(&base, "/clientTypeId", &[Kind::Type])
                .at(&base, "/clientTypeTitle", &[Kind::TypeTitle])
                .at(&base, "/externalId", &[Kind::ExternalId])
        }
        ("POST", "/client-types") => {
            let base = json!({ "title": "Ours" });
            let tenant = bodies(&base).at(&base, "/tenantId", &Kind::TENANT);
            tenant.at(&base, "/title", &[Kind::TypeTitle])
        }
        _ => return unsaid(operation),
    };
    done.cases
}

fn bulk(place: String) -> Bodies {
    let patch = json!({ "tags": ["ours"] });
    let base = json!({ "ids": [GLOBEX], "patch": patch });
    let filter = json!({ "filter": { "q": "globex" }, "patch": patch });
    let both = json!({ "ids": [GLOBEX, 0], "patch": patch });
    Bodies::new(place, &base)
        .at(&base, "/ids/0", &Kind::CLIENT)
        .at(&both, "/ids/1", &Kind::CLIENT)
        .at(&filter, "/filter/tenant", &Kind::TENANT)
        .at(&filter, "/filter/q", &[Kind::Text, Kind::ExternalId, Kind::Client])
}

const IMPORT: &str = "/v2/clients/import";

/// A value that no token has.
const OUR_VALUE: &str = "enroll_0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

/// Rows of files. Most are tried dry, which does everything and keeps nothing: an import may bring
/// ids of its own.
fn rows() -> Vec<Case> {
    let dry = |also: &str| format!("{IMPORT}?dry_run=true{also}");
    let row = json!({ "name": "Ours" });
    let mut cases = Bodies::new(dry(""), &row).cases;
    for by in ["", "&match=number", "&match=object_id", "&match=external_id"] {
        let rows = Bodies { path: dry(by), cases: Vec::new() }
            .at(&row, "/number", &[Kind::Number])
            .at(&row, "/object_id", &[Kind::ObjectId])
            .at(&row, "/external_id", &[Kind::ExternalId])
            .at(&row, "/parent_client_id", &[Kind::Number, Kind::Client, Kind::Joined])
            .at(&row, "/client_type_id", &[Kind::Type])
            .at(&row, "/client_type_title", &[Kind::TypeTitle]);
        cases.extend(rows.cases);
    }
    // The same import is another tenant's, too.
    for path in [dry("&import_id="), format!("{IMPORT}?import_id=")] {
        let body = Some(row.to_string());
        let kind = Some(Kind::Import);
        cases.push(Case { kind, path: format!("{path}{HERE}"), body, taken: None });
    }
    let custom = json!({ "name": "Ours", "custom": { HERE: "a text" } });
    let (kind, body) = (Some(Kind::FieldKey), Some(custom.to_string()));
    cases.push(Case { kind, path: dry(""), body, taken: None });
    let token = json!({ "name": "Ours", "enrollment_token": { "value": OUR_VALUE } });
    let id = named(&dry(""), &token, "/enrollment_token/id", &[Kind::EnrollmentToken]);
    cases.extend(id);
    // A UUID and a token's value are given once, so that they are somebody's must be told; whose is
    // not.
    for path in [IMPORT.to_owned(), dry(""), dry("&match=id")] {
        let ids = named(&path, &row, "/id", &Kind::CLIENT).into_iter();
        let values = named(&path, &row, "/enrollment_token", &[Kind::TokenValue]).into_iter();
        cases.extend(ids.map(|case| Case { taken: Some(super::OUR_TENANT), ..case }));
        cases.extend(values.map(|case| Case { taken: Some(super::OUR_TOKEN), ..case }));
    }
    cases
}
