//! Random moves: who calls, through which door, and what they send.

use super::book::{Book, Client};
use super::rules::{Bad, NUMBERS, TEXTS};
use super::views;
use axum::http::Method;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Map, Value, json};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Actor {
    Operator,
    Admin,
    Member,
    Viewer,
    /// An admin of the other tenant.
    Rival,
    /// Without a token.
    Nobody,
}

impl Actor {
    /// Those who have a token.
    pub(super) const ALL: [Self; 5] =
        [Self::Operator, Self::Admin, Self::Member, Self::Viewer, Self::Rival];

    pub(super) fn role(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Operator | Self::Nobody => None,
            Self::Admin => Some(("tenant123", "admin")),
            Self::Member => Some(("tenant123", "member")),
            Self::Viewer => Some(("tenant123", "viewer")),
            Self::Rival => Some(("tenant999", "admin")),
        }
    }

    pub(super) fn is_of(self, tenant: &str) -> bool {
        self.role().is_none_or(|(own, _)| own == tenant)
    }

    pub(super) fn holds(self, permission: &str) -> bool {
        let role = self.role().map_or("operator", |(_, role)| role);
        match permission {
            "clients.view" => true,
            "clients.create" | "clients.update" | "clients.delete" => role != "viewer",
            _ => ["admin", "operator"].contains(&role),
        }
    }
}

/// The four surfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    V2,
    Tenants,
    Workspace,
    Success,
}

impl Door {
    pub(super) fn status(self, bad: Bad) -> u16 {
        match bad {
            Bad::Forbidden => 403,
            Bad::Value if self == Self::Workspace => 422,
            Bad::Nothing | Bad::Value => 400,
            Bad::Taken => 409,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wish {
    Read(Door),
    Mode(String),
    Activate(bool),
    Tenants(Value),
    Workspace(Value),
    Success { body: Value, dry_run: bool },
    Remove,
    Make(Door, Value),
}

impl Wish {
    pub(super) fn door(&self) -> Door {
        match self {
            Self::Read(door) | Self::Make(door, _) => *door,
            Self::Mode(_) => Door::V2,
            Self::Activate(_) | Self::Tenants(_) => Door::Tenants,
            Self::Workspace(_) | Self::Remove => Door::Workspace,
            Self::Success { .. } => Door::Success,
        }
    }

    pub(super) fn permission(&self) -> &'static str {
        match self {
            Self::Read(_) => "clients.view",
            Self::Mode(_) => "collection.update",
            Self::Activate(_) => "clients.status",
            Self::Remove => "clients.delete",
            Self::Make(..) => "clients.create",
            Self::Tenants(_) | Self::Workspace(_) | Self::Success { .. } => "clients.update",
        }
    }
}

/// Somebody asks for something.
#[derive(Debug)]
pub(super) struct Move {
    pub(super) actor: Actor,
    pub(super) tenant: &'static str,
    /// Which client of the tenant.
    pub(super) client: usize,
    pub(super) wish: Wish,
}

impl Move {
    pub(super) fn request(&self, book: &Book) -> (Method, String, Option<Value>) {
        let client = &book.clients(self.tenant)[self.client];
        let path = views::path(client, self.wish.door());
        match &self.wish {
            Wish::Read(_) => (Method::GET, path, None),
            Wish::Mode(mode) => (Method::PATCH, path, Some(json!({ "collection_mode": mode }))),
            Wish::Activate(on) => {
                let verb = if *on { "activate" } else { "deactivate" };
                (Method::PATCH, format!("{path}/{verb}"), None)
            }
            Wish::Tenants(body) | Wish::Workspace(body) => {
                (Method::PATCH, path, Some(body.clone()))
            }
            Wish::Success { body, dry_run } => {
                (Method::PATCH, format!("{path}?dryRun={dry_run}"), Some(body.clone()))
            }
            Wish::Remove => (Method::DELETE, path, None),
            Wish::Make(door, body) => {
                let tenant = self.tenant;
                let path = match door {
                    Door::V2 => "/v2/clients".to_owned(),
                    Door::Tenants => format!("/clients/v1/tenants/{tenant}/clients"),
                    Door::Workspace => format!("/v1/workspace/{tenant}/clients"),
                    Door::Success => "/client".to_owned(),
                };
                (Method::POST, path, Some(body.clone()))
            }
        }
    }

    pub(super) fn view(&self, client: &Client, book: &Book) -> Value {
        views::of(client, self.wish.door(), book)
    }

    /// An id in an answer of what was made: the UUID, or the object id on the workspace surface.
    pub(super) fn id_of_made(&self, body: &Value, location: &str) -> String {
        let pointer = match self.wish.door() {
            Door::V2 => "/id",
            Door::Tenants => "/client_id",
            Door::Workspace => "/client/id",
            Door::Success => "/uuid",
        };
        let id = body.pointer(pointer).and_then(Value::as_str).expect(location);
        id.to_owned()
    }
}

/// A source of random moves: the same for the same seed.
pub(super) struct Dice(StdRng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn rarely(&mut self) -> bool {
        self.below(12) == 0
    }

    /// How long it takes until somebody calls again.
    pub(super) fn millis(&mut self) -> i64 {
        self.one(&[0, 1, 7, 450, 1_000, 86_400_000])
    }

    pub(super) fn next_move(&mut self, book: &Book) -> Move {
        let actor = match self.below(20) {
            0 => Actor::Nobody,
            1 => Actor::Rival,
            2 => Actor::Viewer,
            3..=7 => Actor::Member,
            8..=13 => Actor::Admin,
            _ => Actor::Operator,
        };
        let tenant = if self.below(6) == 0 { "tenant999" } else { "tenant123" };
        let client = self.below(book.clients(tenant).len());
        let wish = match self.below(40) {
            0..=2 => Wish::Read(self.door()),
            3..=6 => Wish::Mode(self.mode()),
            7..=11 => Wish::Activate(self.below(2) == 0),
            12..=17 => Wish::Tenants(self.tenants(false)),
            18..=24 => Wish::Workspace(self.workspace()),
            25..=34 => Wish::Success { body: self.success(book), dry_run: self.below(6) == 0 },
            35 => Wish::Remove,
            _ if book.clients(tenant).len() > 40 => Wish::Read(self.door()),
            _ => self.make(actor, tenant, book),
        };
        // Whose client it is to be is said by the path there, and by the caller's token here.
        let actor = match (&wish, actor) {
            (Wish::Make(Door::V2 | Door::Success, _), actor) if !actor.is_of(tenant) => {
                Actor::Operator
            }
            (_, actor) => actor,
        };
        Move { actor, tenant, client, wish }
    }

    fn door(&mut self) -> Door {
        self.one(&[Door::V2, Door::Tenants, Door::Workspace, Door::Success])
    }

    fn mode(&mut self) -> String {
        let modes = ["discovery", "saas_usage", "disabled"];
        match self.below(30) {
            0 => "deleted".into(),
            1 => self.one(&["Disabled", "", "off"]).into(),
            _ => self.one(&modes).into(),
        }
    }

    fn make(&mut self, actor: Actor, tenant: &str, book: &Book) -> Wish {
        let door = self.door();
        let mut body = match door {
            Door::V2 => json!({}),
            Door::Tenants => self.tenants(true),
            Door::Workspace => self.workspace(),
            Door::Success => self.success(book),
        };
        if body.get("name").is_none() {
            body["name"] = self.name();
        }
        match door {
            Door::Workspace if body.get("contactMethods").is_none() => {
                body["contactMethods"] = json!([method("other", "x", true)]);
            }
            Door::Success => {
                let (status, active) =
                    self.one(&[("ACTIVE", true), ("TRIAL", true), ("PENDING", false)]);
                body["status"] = status.into();
                body["active"] = active.into();
            }
            _ => {}
        }
        // An operator, and whoever takes an operator's place, names the tenant.
        match door {
            Door::V2 if actor == Actor::Operator || !actor.is_of(tenant) => {
                body["tenant"] = tenant.into();
            }
            Door::Success if actor == Actor::Operator || !actor.is_of(tenant) => {
                body["tenantId"] = tenant.into();
            }
            _ => {}
        }
        Wish::Make(door, body)
    }

    fn name(&mut self) -> Value {
        if self.rarely() {
            return self.one(&[
                json!(""),
                json!("  "),
                Value::Null,
                json!("x".repeat(256)),
                json!(7),
            ]);
        }
        let long = "ä".repeat(255);
        self.one(&["Acme", " Zed ", "acme", "日本", "O'Neil", long.as_str()]).into()
    }

    fn tenants(&mut self, made: bool) -> Value {
        let mut body = Map::new();
        if self.below(3) == 0 {
            body.insert("name".into(), self.name());
        }
        if self.below(3) == 0 {
            let mails = [json!("a@example.com"), json!("B@example.org"), Value::Null, json!("")];
            let mail = if self.rarely() { json!("nobody") } else { self.one(&mails) };
            body.insert("email".into(), mail);
        }
        if self.below(3) == 0 {
            body.insert("tags".into(), self.one(&[json!([]), json!(["vip"]), json!(["a", "B"])]));
        }
        for name in ["org_id", "project_id", "owner_id"] {
            if self.below(5) == 0 {
                body.insert(name.into(), self.one(&[json!("x-1"), json!("x-2"), Value::Null]));
            }
        }
        if self.below(4) == 0 {
            let names = ["Pending", "Trial", "Active", "Inactive", "Terminated"];
            body.insert("status".into(), self.one(&names).into());
        }
        if self.below(4) == 0 && !made {
            body.insert("active".into(), (self.below(2) == 0).into());
        }
        body.into()
    }

    fn workspace(&mut self) -> Value {
        let mut body = Map::new();
        if self.below(2) == 0 {
            body.insert("name".into(), self.name());
        }
        if self.below(3) == 0 {
            let urls =
                [json!("https://example.com/a.png"), json!("http://example.com/b"), Value::Null];
            let url = if self.rarely() { json!("ftp://example.com") } else { self.one(&urls) };
            body.insert("avatarUrl".into(), url);
        }
        if self.below(3) == 0 {
            let good = [
                json!([method("email", "jane@example.com", true)]),
                json!([method("phone", "+49 30 901820", false), method("other", "x", true)]),
                json!([method("fax", "123456", true), method("whatsapp", "+49 30 901821", false)]),
            ];
            let bad = [
                json!([]),
                json!([method("email", "jane@example.com", false)]),
                json!([method("other", "x", true), method("other", "y", true)]),
                json!([method("email", "jane", true)]),
                json!([method("carrier pigeon", "x", true)]),
                Value::Null,
            ];
            let methods = if self.rarely() { self.one(&bad) } else { self.one(&good) };
            body.insert("contactMethods".into(), methods);
        }
        if self.below(2) == 0 {
            let mut fields = Vec::new();
            for _ in 0..self.below(3) {
                let (key, value) = self.custom();
                fields.push(json!({ "fieldKey": key, "value": value }));
            }
            body.insert("customFields".into(), fields.into());
        }
        body.into()
    }

    fn custom(&mut self) -> (&'static str, Value) {
        let values = [json!("a"), json!("b"), json!(""), Value::Null];
        (self.one(&["notes", "plan", "Plan"]), self.one(&values))
    }

    fn success(&mut self, book: &Book) -> Value {
        let mut body = Map::new();
        for _ in 0..=self.below(3) {
            let (name, value) = self.attribute(book);
            body.insert(name.into(), value);
        }
        if self.below(4) == 0 {
            body.insert("name".into(), self.name());
        }
        if self.below(4) == 0 {
            let mut custom = Map::new();
            for _ in 0..self.below(3) {
                let (key, value) = self.custom();
                custom.insert(key.into(), value);
            }
            body.insert("custom".into(), custom.into());
        }
        if self.below(5) == 0 {
            let names = ["PENDING", "TRIAL", "ACTIVE", "INACTIVE", "TERMINATED"];
            body.insert("status".into(), self.one(&names).into());
        }
        if self.below(6) == 0 {
            body.insert("active".into(), (self.below(2) == 0).into());
        }
        body.into()
    }

    fn attribute(&mut self, book: &Book) -> (&'static str, Value) {
        match self.below(12) {
            0..=3 => {
                let (name, limit) = self.one(&TEXTS[..16]);
                let limit = limit.min(2_000);
                let most = json!("ß".repeat(limit));
                let values = [json!("one"), json!("two"), json!(""), Value::Null, most];
                let over = name != "note" && self.rarely();
                (name, if over { json!("x".repeat(limit + 1)) } else { self.one(&values) })
            }
            4..=6 => {
                let (name, least, most) = self.one(&NUMBERS);
                let values = [json!(least), json!(most), json!(1), json!(2), Value::Null];
                let over = [json!(least - 1), json!(1.5), json!("1"), json!(true)];
                (name, if self.rarely() { self.one(&over) } else { self.one(&values) })
            }
            7 => {
                let last = book.newest("tenant123").number;
                (
                    "parentClientId",
                    self.one(&[json!(456), json!(457), json!(last), json!(9), Value::Null]),
                )
            }
            8 => {
                let ids = [json!(1), json!(2), json!(3), json!(4), Value::Null];
                ("clientTypeId", self.one(&ids))
            }
            9 => {
                let zones = ["Europe/Berlin", "UTC", "", "Europe/Atlantis"];
                ("timezone", self.one(&zones).into())
            }
            10 => {
                let days = ["2024-02-29", "2025-06-01", "9999-12-31", "", "2023-02-29"];
                (self.one(&["inceptionDate", "terminatedDate"]), self.one(&days).into())
            }
            _ => {
                let roles = json!([{ "employeeId": 7, "role": "CSM" }]);
                let region = json!({ "id": 3, "name": "EMEA" });
                self.one(&[
                    ("accTeamingRoles", roles),
                    ("accTeamingRoles", json!([])),
                    ("region", region),
                    ("region", Value::Null),
                    ("clientTypeTitle", json!("Startup")),
                    ("clientTypeTitle", json!("Nope")),
                ])
            }
        }
    }
}

fn method(kind: &str, value: &str, preferred: bool) -> Value {
    json!({ "type": kind, "value": value, "isPreferred": preferred })
}
