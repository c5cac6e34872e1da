//! Nothing of another tenant can be read, changed or guessed at: every operation is sent everything
//! that a request can name, once as nobody has it and once as another tenant does. Both must be
//! answered alike to the byte, but for the name itself; no answer may hold anything of the other
//! tenant's; and after each call every row of the other tenant must be what it was.
//!
//! An operation, a parameter or a table that is new fails here until somebody says what of another
//! tenant it can name. Roles are the matter of `access`.

mod cases;
mod rows;
mod world;

use axum::http::Method;
use cases::{Case, HERE, THEIRS};
use clientbook_api::{Operation, operations};
use clientbook_testkit::{Actor, Answer, TENANT, TestApp};
use rows::Rows;
use serde_json::Value;
use world::{Kind, World};

/// Ours, as what is taken: our tenant's own UUID, and the value of our own enrolment token.
const OUR_TENANT: &str = TENANT;
const OUR_TOKEN: &str = "enroll_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6";

const RIVAL: &str = "b2c3d4e5-f6a7-8901-bcde-f12345678902";

/// Who asks, and what must not be seen or touched.
struct Trial {
    app: TestApp,
    us: Actor,
    world: World,
    rows: Rows,
    before: Vec<String>,
}

impl Trial {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let (us, world) = (app.admin().await, World::new(&app).await);
        let rows = Rows::of(app.database(), RIVAL);
        let before = rows.read(app.database());
        assert!(before.len() > 100, "a tenant with something of everything: {before:#?}");
        Self { app, us, world, rows, before }
    }

    async fn send(&self, operation: &Operation, case: &Case, thing: &str, key: &str) -> Answer {
        let mut path = case.path.replace(HERE, &url_part(thing));
        for (place, kind) in THEIRS {
            path = path.replace(place, self.world.foreign(kind));
        }
        let request = self.us.request(operation.method.clone(), &path);
        // Answers tell it again: one for both, then.
        let mut request = request.header("x-request-id", "one-for-all");
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = &case.body {
            let is_file = operation.path.ends_with("/import");
            let media = if is_file { "application/x-ndjson" } else { "application/json" };
            request = request.header("content-type", media).body(body.replace(HERE, thing));
        }
        self.us.send(request).await
    }

    /// Sends both, and compares.
    async fn compare(&self, operation: &Operation, case: &Case, [unknown, foreign]: [&str; 2]) {
        let one = self.send(operation, case, unknown, "").await;
        self.same(operation, case, (&one, unknown), foreign, "").await;
    }

    async fn same(
        &self,
        operation: &Operation,
        case: &Case,
        (one, unknown): (&Answer, &str),
        foreign: &str,
        key: &str,
    ) {
        let other = self.send(operation, case, foreign, key).await;
        let what = format!("{operation:?}: {case:?} with {foreign}");
        assert!(one.status < 500, "{what}: {}", one.text);
        assert_eq!(told(&other, foreign), told(one, unknown), "{what}");
        self.kept_apart(&what, &other, foreign);
    }

    /// Panics if the answer holds something of the other tenant's, or anything of it has changed.
    fn kept_apart(&self, what: &str, answer: &Answer, sent: &str) {
        let shown = format!("{:?}{}", answer.headers, answer.text).to_lowercase();
        let shown = shown.replace(&sent.to_lowercase(), "");
        for secret in self.world.secrets() {
            assert!(!shown.contains(&secret.to_lowercase()), "{what}: {secret} in {shown}");
        }
        self.untouched(what);
    }

    fn untouched(&self, what: &str) {
        let now = self.rows.read(self.app.database());
        let changed: Vec<_> = now.iter().filter(|row| !self.before.contains(row)).collect();
        assert!(now == self.before, "{what} has changed another tenant: {changed:#?}");
    }
}

fn url_part(thing: &str) -> String {
    thing.replace(' ', "%20").replace('\'', "%27")
}

/// What is told: status, headers and body, with the thing that was named replaced.
fn told(answer: &Answer, thing: &str) -> (u16, Vec<(String, String)>, String) {
    let told = |text: &str| {
        let text = text.replace(&url_part(thing), HERE);
        text.replace(thing, HERE)
    };
    // Of the body, which is compared itself.
    let derived = ["content-length", "etag", "date"];
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !derived.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
        .map(|(name, value)| if name == "location" { (name, "made".into()) } else { (name, value) })
        .map(|(name, value)| (name, told(&value)))
        .collect();
    headers.sort();
    let text = if answer.status == 201 {
        let mut made = answer.json();
        without_ids(&mut made);
        made.to_string()
    } else {
        answer.text.clone()
    };
    (answer.status, headers, told(&text))
}

/// Two things that were made differ in what each has for itself.
fn without_ids(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match name.as_str() {
                    "id" | "uuid" | "client_id" | "key" | "value" | "token" | "order" => {
                        *member = Value::Null;
                    }
                    _ => without_ids(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_ids),
        _ => {}
    }
}

/// Those that ask first: what others make would be found by them.
fn in_order() -> Vec<Operation> {
    let mut operations = operations();
    // Nor what agents say: it names no id, and who has no device's token gets no further than that.
    operations.retain(|operation| operation.access.permissions().next().is_some());
    operations.sort_by_key(|operation| operation.method != Method::GET);
    operations
}

#[tokio::test]
async fn what_another_tenant_has_is_what_nobody_has() {
    let trial = Trial::new().await;
    let mut count = 0;
    for operation in in_order() {
        for case in cases::of(&operation) {
            let Some(kind) = case.kind else { continue };
            let foreign = trial.world.foreign(kind);
            let unknown = case.taken.unwrap_or(kind.unknown());
            trial.compare(&operation, &case, [unknown, foreign]).await;
            count += 1;
        }
    }
    assert!(count > 200, "{count} cases");
}

/// What is asked for without naming anything is one's own.
#[tokio::test]
async fn what_is_read_is_ones_own() {
    let trial = Trial::new().await;
    for operation in in_order() {
        if operation.method != Method::GET {
            continue;
        }
        let path = cases::own(&operation);
        let case = Case { kind: None, path, body: None, taken: None };
        let answer = trial.send(&operation, &case, "", "").await;
        trial.kept_apart(&format!("{operation:?}"), &answer, "nothing");
    }
}

#[tokio::test]
async fn another_tenants_cursors_lead_nowhere() {
    let trial = Trial::new().await;
    for operation in in_order() {
        let lists = operation.parameters().any(|name| name == "cursor");
        if !lists {
            continue;
        }
        let case = |query: &str| {
            let path = format!("{}?{query}", cases::own(&operation));
            Case { kind: None, path, body: None, taken: None }
        };
        // Tenants are listed to operators only.
        let cursor = trial.world.cursors.get(operation.path);
        let Some(cursor) = cursor.or_else(|| trial.world.cursors.get("/v2/clients")) else {
            panic!("no cursor of {operation:?}")
        };
        let broken: String = cursor.chars().rev().collect();
        let named = case(&format!("cursor={HERE}"));
        trial.compare(&operation, &named, [&broken, cursor]).await;
    }
}

/// A key is its caller's: that another tenant has called something with it changes nothing.
#[tokio::test]
async fn another_tenants_keys_are_as_good_as_new() {
    let mut trial = Trial::new().await;
    let key = trial.world.foreign(Kind::Key).to_owned();
    let mut kept = 0;
    for operation in in_order() {
        let keyed = matches!(operation.method, Method::POST | Method::PATCH);
        if !keyed || operation.path.ends_with("/import") {
            continue;
        }
        let case = of_ours(&operation);
        // The rival calls the same, with another body, where the path is nobody's.
        let body = case.body.clone().unwrap_or_else(|| "{}".into()).replace("Ours", "Zanzibar");
        let body = body.replace(clientbook_testkit::GLOBEX, trial.world.foreign(Kind::Client));
        let request = trial.world.rival.request(operation.method.clone(), &case.path);
        let request = request.header("content-type", "application/json").body(body);
        let answer = trial.world.rival.send(request.header("idempotency-key", &key)).await;
        kept += usize::from(answer.status < 300);
        trial.before = trial.rows.read(trial.app.database());
        let is_named = case.body.as_ref().is_some_and(|body| body.contains(HERE));
        let [first, second] = if is_named { ["Ours-One", "Ours-Two"] } else { ["nothing"; 2] };
        let one = trial.send(&operation, &case, first, "a-key-of-our-own").await;
        trial.same(&operation, &case, (&one, first), second, &key).await;
    }
    assert_eq!(kept, 6, "calls of the rival's whose answers are kept");
}

/// A call of ours at our own things; what must be unique says `HERE`.
fn of_ours(operation: &Operation) -> Case {
    let plain = cases::of(operation).into_iter().find(|case| case.kind.is_none());
    let path = cases::own(operation);
    let body = plain.and_then(|case| case.body).map(|body| body.replace("Ours", HERE));
    Case { kind: None, path, body, taken: None }
}
