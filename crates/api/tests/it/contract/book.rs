//! The model: what there is of each client, and what a move makes of it.

use super::moves::{Actor, Door, Move, Wish};
use super::rules::{self, Bad};
use super::views;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) tenant: &'static str,
    pub(super) id: String,
    pub(super) number: i64,
    pub(super) object_id: String,
    pub(super) name: String,
    /// In lower case.
    pub(super) status: String,
    pub(super) mode: String,
    pub(super) token: Value,
    /// `email`, `org_id`, `project_id`, `owner_id`, `tags`.
    pub(super) tenants: Map<String, Value>,
    pub(super) avatar: Value,
    pub(super) methods: Vec<Value>,
    pub(super) custom: BTreeMap<String, Value>,
    /// By the names of the customer-success surface.
    pub(super) success: Map<String, Value>,
    pub(super) removed: bool,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) version: i64,
}

impl Client {
    pub(super) fn is_active(&self) -> bool {
        rules::is_active(&self.status)
    }

    fn set_status(&mut self, status: String) {
        self.removed &= status == "terminated";
        self.status = status;
    }

    /// Whether two clients differ in what is kept of them.
    fn same(&self, other: &Self) -> bool {
        let facts = |one: &Self| {
            let (name, status, mode) = (one.name.clone(), one.status.clone(), one.mode.clone());
            let lists = (one.methods.clone(), one.custom.clone(), one.removed);
            let rest = (one.tenants.clone(), one.avatar.clone(), one.success.clone());
            (name, status, mode, lists, rest)
        };
        facts(self) == facts(other)
    }
}

/// What a move comes to.
#[derive(Debug)]
pub(super) enum Outcome {
    Refused(u16),
    /// A client is made; what it shows is learned from the answer.
    Made,
    Done {
        status: u16,
        body: Option<Value>,
        version: Option<i64>,
    },
}

/// All clients.
pub(super) struct Book {
    pub(super) now: i64,
    tenants: BTreeMap<&'static str, Vec<Client>>,
}

impl Book {
    pub(super) fn new(now: i64) -> Self {
        Self { now, tenants: views::TENANTS.map(|tenant| (tenant, Vec::new())).into() }
    }

    pub(super) fn clients(&self, tenant: &str) -> &[Client] {
        &self.tenants[tenant]
    }

    pub(super) fn newest_at(&self, tenant: &str) -> usize {
        self.tenants[tenant].len() - 1
    }

    pub(super) fn newest(&self, tenant: &str) -> &Client {
        &self.tenants[tenant][self.newest_at(tenant)]
    }

    pub(super) fn numbered(&self, tenant: &str, number: i64) -> Option<&Client> {
        self.tenants[tenant].iter().find(|client| client.number == number)
    }

    /// Takes a client of the demo into the book, as it shows itself.
    pub(super) fn learn(&mut self, tenant: &'static str, shown: &[Value; 2]) {
        let client = views::read(tenant, shown);
        self.tenants.get_mut(tenant).expect("a tenant").push(client);
    }

    /// Takes a client that was made into the book: as the move said, with the ids, the token and
    /// nothing else of what it shows.
    pub(super) fn make(&mut self, made: &Move, shown: &[Value; 2], got: &str) {
        let Wish::Make(door, body) = &made.wish else { unreachable!("it made a client") };
        let learned = views::read(made.tenant, shown);
        let mut client = Client {
            tenant: made.tenant,
            name: String::new(),
            status: "active".into(),
            mode: "saas_usage".into(),
            tenants: views::no_tenants_fields(),
            avatar: Value::Null,
            methods: Vec::new(),
            custom: BTreeMap::new(),
            success: views::no_success_fields(),
            removed: false,
            created: self.now,
            updated: self.now,
            version: 1,
            ..learned
        };
        let last = self.tenants[made.tenant].iter().map(|client| client.number).max();
        assert_eq!(Some(client.number - 1), last, "numbers follow each other: {got}");
        assert!(client.token["value"].is_string(), "{got}");
        rules::change(&mut client, *door, body, self).expect("what was made is fine");
        self.tenants.get_mut(made.tenant).expect("a tenant").push(client);
    }

    /// What a move has to come to; it has, afterwards.
    pub(super) fn apply(&mut self, next: &Move) -> Outcome {
        if next.actor == Actor::Nobody {
            return Outcome::Refused(401);
        }
        if let Wish::Make(door, body) = &next.wish {
            return self.may_make(next, *door, body);
        }
        let old = &self.tenants[next.tenant][next.client];
        if !next.actor.is_of(next.tenant) {
            return Outcome::Refused(404);
        }
        if old.removed && next.wish.door() == Door::Workspace {
            return Outcome::Refused(404);
        }
        let mut new = old.clone();
        let changed = if next.actor.holds(next.wish.permission()) {
            self.change(&mut new, &next.wish)
        } else {
            Err(Bad::Forbidden)
        };
        if let Err(bad) = changed {
            return Outcome::Refused(next.wish.door().status(bad));
        }
        let moved = new.status != old.status;
        if moved && next.wish != Wish::Remove && !next.actor.holds("clients.status") {
            return Outcome::Refused(403);
        }
        if let Err(bad) = rules::taken(&new, self) {
            return Outcome::Refused(next.wish.door().status(bad));
        }
        if !new.same(old) {
            new.version += 1;
            new.updated = self.now;
        }
        let (status, body, version) = match &next.wish {
            // What would be has no tag.
            Wish::Success { dry_run: true, .. } => (200, Some(next.view(&new, self)), None),
            Wish::Remove => (204, None, None),
            Wish::Activate(_) => (200, Some(json!({})), Some(new.version)),
            _ => (200, Some(next.view(&new, self)), Some(new.version)),
        };
        if !matches!(next.wish, Wish::Success { dry_run: true, .. }) {
            self.tenants.get_mut(next.tenant).expect("a tenant")[next.client] = new;
        }
        Outcome::Done { status, body, version }
    }

    fn may_make(&self, next: &Move, door: Door, body: &Value) -> Outcome {
        if !next.actor.is_of(next.tenant) {
            return Outcome::Refused(404);
        }
        if !next.actor.holds("clients.create") {
            return Outcome::Refused(403);
        }
        let mut client = self.newest(next.tenant).clone();
        // It has no number yet: nothing that another has is its own.
        (client.number, client.status) = (0, "active".into());
        client.success = views::no_success_fields();
        match rules::change(&mut client, door, body, self) {
            Err(bad) => Outcome::Refused(door.status(bad)),
            Ok(()) if client.status != "active" && !next.actor.holds("clients.status") => {
                Outcome::Refused(403)
            }
            Ok(()) => match rules::taken(&client, self) {
                Err(bad) => Outcome::Refused(door.status(bad)),
                Ok(()) => Outcome::Made,
            },
        }
    }

    fn change(&self, client: &mut Client, wish: &Wish) -> Result<(), Bad> {
        match wish {
            Wish::Read(_) => Ok(()),
            Wish::Mode(mode) => {
                let known = ["discovery", "saas_usage", "disabled", "deleted"].contains(&&**mode);
                if !known || (client.mode == "deleted" && mode != "deleted") {
                    return Err(Bad::Value);
                }
                client.mode.clone_from(mode);
                if mode == "deleted" {
                    client.token = Value::Null;
                }
                Ok(())
            }
            Wish::Activate(on) => {
                client.set_status(if *on { "active" } else { "inactive" }.into());
                Ok(())
            }
            Wish::Remove => {
                client.status = "terminated".into();
                client.removed = true;
                if client.mode != "deleted" {
                    client.mode = "disabled".into();
                }
                Ok(())
            }
            Wish::Tenants(body) | Wish::Workspace(body) | Wish::Success { body, .. } => {
                let before = client.status.clone();
                rules::change(client, wish.door(), body, self)?;
                let after = std::mem::replace(&mut client.status, before.clone());
                if after != before {
                    client.set_status(after);
                }
                Ok(())
            }
            Wish::Make(..) => unreachable!("it changes no client"),
        }
    }
}
