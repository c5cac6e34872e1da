//! Random moves through random surfaces, and a plain model of the contract in memory: after each move
//! the answer, and the client on all four surfaces, are what the model says.
//!
//! The model shares no code with the product. `CLIENTBOOK_CONTRACT_MOVES` says how many moves to make,
//! `CLIENTBOOK_CONTRACT_SEED` which; a failure says what to set to see it again.

mod book;
mod moves;
mod rules;
mod views;

use axum::http::{Method, Request};
use book::{Book, Client, Outcome};
use clientbook_testkit::{Answer, TestApp};
use moves::{Actor, Dice, Move, Wish};
use serde_json::Value;
use std::collections::BTreeMap;

/// How many moves `cargo test` makes.
const SHORT: u64 = 2_500;

#[tokio::test]
async fn every_surface_keeps_the_contract() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect(name));
    let count = number("CLIENTBOOK_CONTRACT_MOVES").unwrap_or(SHORT);
    let seed = number("CLIENTBOOK_CONTRACT_SEED").unwrap_or(1);
    let mut run = Run::start().await;
    let mut dice = Dice::new(seed);
    let mut tried = BTreeMap::<&str, BTreeMap<u16, u32>>::new();
    for at in 1..=count {
        let again = format!("CLIENTBOOK_CONTRACT_SEED={seed} CLIENTBOOK_CONTRACT_MOVES={at}");
        run.pass(dice.millis());
        let next = dice.next_move(&run.book);
        let status = run.make(&next, &again).await;
        *tried.entry(next.wish.name()).or_default().entry(status).or_default() += 1;
    }
    println!("{count} moves: {tried:#?}");
    for (name, statuses) in &tried {
        assert!(statuses.keys().any(|status| *status < 300), "no {name} ever got through");
    }
    for tenant in views::TENANTS {
        for client in run.book.clients(tenant) {
            run.fold(client).await;
        }
    }
    run.app.assert_audit_intact().await;
}

struct Run {
    app: TestApp,
    book: Book,
    /// Their tokens.
    actors: BTreeMap<Actor, String>,
}

impl Run {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let mut actors = BTreeMap::new();
        for actor in Actor::ALL {
            let token = match actor.role() {
                Some((tenant, role)) => app.role(tenant, role).await.token().to_owned(),
                None => app.operator().token().to_owned(),
            };
            actors.insert(actor, token);
        }
        let book = Book::new(app.seconds() * 1_000);
        let mut run = Self { app, book, actors };
        for (tenant, id) in views::DEMO {
            let shown = run.look(id).await;
            run.book.learn(tenant, &shown);
        }
        run
    }

    fn pass(&mut self, millis: i64) {
        self.app.advance(millis);
        self.book.now += millis;
    }

    /// Makes a move, and compares; the status of the answer.
    async fn make(&mut self, next: &Move, again: &str) -> u16 {
        let (method, path, body) = next.request(&self.book);
        let outcome = self.book.apply(next);
        let answer = self.call(next.actor, method.clone(), &path, body.as_ref()).await;
        let sent = format!("{again}\n{:?}: {method} {path}\n{body:?}", next.actor);
        let got = format!("{sent}\n{} {}", answer.status, answer.text);
        match outcome {
            Outcome::Refused(status) => assert_eq!(answer.status, status, "{got}"),
            Outcome::Made => {
                assert_eq!(answer.status, 201, "{got}");
                let location = answer.header("location").to_owned();
                assert_eq!(self.read(&location).await.text, answer.text, "{got}");
                let id = next.id_of_made(&answer.json(), &location);
                let shown = self.look(&self.find(&id)).await;
                self.book.make(next, &shown, &got);
                assert_eq!(answer.json(), next.view(self.book.newest(next.tenant), &self.book));
                self.compare(next.tenant, self.book.newest_at(next.tenant), &got).await;
            }
            Outcome::Done { status, body, version } => {
                assert_eq!(answer.status, status, "{got}");
                if let Some(body) = body {
                    assert_eq!(views::sorted(answer.json()), body, "{got}");
                }
                if let Some(version) = version {
                    let tag = answer.header("etag");
                    assert!(tag.starts_with(&format!("\"{version}-")), "{tag}, {version}: {got}");
                }
                self.compare(next.tenant, next.client, &got).await;
            }
        }
        answer.status
    }

    /// The client on all four surfaces.
    async fn compare(&self, tenant: &'static str, client: usize, got: &str) {
        let client = &self.book.clients(tenant)[client];
        for (path, expected) in views::all(client, &self.book) {
            let answer = self.read(&path).await;
            match expected {
                None => assert_eq!(answer.status, 404, "{path} after {got}"),
                Some(body) => {
                    assert_eq!(answer.status, 200, "{path} after {got}");
                    assert_eq!(views::sorted(answer.json()), body, "{path} after {got}");
                }
            }
        }
    }

    /// What a client's audit log tells, one entry after the other, makes the client.
    async fn fold(&self, client: &Client) {
        let log = format!("/v2/clients/{}/audit-log?format=ndjson", client.id);
        let answer = self.read(&log).await.expect(200);
        let entries = answer.text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let mut entries: Vec<Value> = entries.collect();
        entries.reverse();
        let mut told = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry["entity_type"] == "client") {
            for (field, value) in entry["new_value"].as_object().expect("an object") {
                told.insert(field.clone(), value.clone());
            }
        }
        for (field, expected) in views::told(client) {
            let told = views::or_null(&told.remove(&field).unwrap_or(Value::Null));
            assert_eq!(told, expected, "{field} of {}", client.id);
        }
        // Values that are not there any more.
        told.retain(|field, value| field.starts_with("custom.") && !value.is_null());
        assert!(told.is_empty(), "{told:?} of {}", client.id);
    }

    /// What the tenants API and v2 show of a client that is new to the book.
    async fn look(&self, id: &str) -> [Value; 2] {
        let v2 = self.read(&format!("/v2/clients/{id}")).await;
        let tag = v2.header("etag").trim_start_matches('"').to_owned();
        let row = self.object_id(id);
        let success = self.read(&format!("/client/{id}")).await.json();
        let mut known = success;
        known["object_id"] = row.into();
        known["version"] = tag.split_once('-').and_then(|(one, _)| one.parse::<i64>().ok()).into();
        [v2.json(), known]
    }

    fn object_id(&self, id: &str) -> String {
        let rows = self.app.database().rows("SELECT id, object_id FROM clients");
        let plain = id.replace('-', "");
        let row = rows.into_iter().find(|row| row[0].replace('-', "").eq_ignore_ascii_case(&plain));
        row.expect("a row")[1].clone()
    }

    /// The UUID of a client that an answer names by another id.
    fn find(&self, id: &str) -> String {
        if id.len() == 36 {
            return id.to_owned();
        }
        let rows = self.app.database().rows("SELECT id, object_id FROM clients");
        let row = rows.into_iter().find(|row| row[1] == id).expect("a row");
        views::uuid(&row[0])
    }

    async fn read(&self, path: &str) -> Answer {
        self.call(Actor::Operator, Method::GET, path, None).await
    }

    async fn call(&self, actor: Actor, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = self.actors.get(&actor) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
            request = request.header("content-length", body.len());
        }
        self.app.call(request.body(body).expect("a request")).await
    }
}

impl Wish {
    fn name(&self) -> &'static str {
        match self {
            Self::Read(_) => "read",
            Self::Mode(_) => "mode",
            Self::Activate(_) => "activate",
            Self::Tenants(_) => "tenants",
            Self::Workspace(_) => "workspace",
            Self::Success { .. } => "success",
            Self::Remove => "remove",
            Self::Make(..) => "make",
        }
    }
}
