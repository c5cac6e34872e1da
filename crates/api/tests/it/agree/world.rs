//! What the operations so far have made, for the ones to come.

use super::step::Call;
use clientbook_model::id::{DeviceId, DeviceUserId};
use clientbook_testkit::{ACME, ACME_OBJECT, Answer, GLOBEX, INITECH, INITECH_OBJECT};
use serde_json::Value;
use std::collections::VecDeque;

/// The tenant of the clients beside the demo's.
pub(super) const SAMPLE: &str = "sample";
/// Whose JWTs both servers believe, by a shared secret.
pub(super) const ISSUER: &str = "the agreement";
/// The secret.
pub(super) const SECRET: &str = "a secret of thirty-two bytes, ok";

/// The header with which a call has one effect, however often it is repeated.
pub(super) const KEY: &str = "idempotency-key";

/// The most of each kind that is remembered: the newest.
const MEMORY: usize = 200;

/// A client by all its names.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) tenant: &'static str,
    pub(super) id: String,
    pub(super) number: i64,
    pub(super) object_id: String,
}

impl Client {
    pub(super) fn of(client: &clientbook_model::client::Client) -> Self {
        let (id, number) = (client.id.to_string(), client.number.get());
        Self { tenant: SAMPLE, id, number, object_id: client.object_id.to_string() }
    }
}

/// A token that was issued, whatever became of it since.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) id: String,
    pub(super) secret: String,
}

/// What is below a client in collection control.
#[derive(Debug, Clone)]
pub(super) struct Below {
    pub(super) client: String,
    pub(super) devices: Vec<String>,
    pub(super) users: Vec<String>,
    /// The newest of those that were made.
    pub(super) departments: Vec<String>,
}

impl Below {
    pub(super) fn new(client: String, made: &[(DeviceId, DeviceUserId)]) -> Self {
        let devices = made.iter().map(|(device, _)| device.to_string()).collect();
        let users = made.iter().map(|(_, user)| user.to_string()).collect();
        Self { client, devices, users, departments: Vec::new() }
    }

    /// The demo's.
    fn demo() -> Self {
        let each = |start: &str| (0..5).map(|at| format!("{start}{at}")).collect();
        Self {
            client: ACME.to_owned(),
            devices: each("f1e2d3c4-b5a6-7890-abcd-ef123456789"),
            users: each("a1b2c3d4-e5f6-7890-abcd-ef123456789"),
            departments: vec!["d1e2f3a4-b5c6-7890-abcd-ef1234567890".into()],
        }
    }
}

/// What is known.
pub(super) struct World {
    /// The servers' clock.
    pub(super) now: i64,
    pub(super) clients: Vec<Client>,
    /// What has devices.
    pub(super) below: Vec<Below>,
    pub(super) tokens: VecDeque<Token>,
    /// Definitions of custom fields, with the path of those of their tenant.
    pub(super) fields: VecDeque<(String, String)>,
    /// The page to go on with: path and cursor.
    pub(super) cursors: VecDeque<(String, String)>,
    /// Entries of the trail about clients: the client and the entry.
    pub(super) entries: VecDeque<(String, String)>,
    /// Calls that had an idempotency key.
    pub(super) keyed: VecDeque<Call>,
    /// Tags, with the path they were read at.
    pub(super) tags: VecDeque<(String, String)>,
}

impl World {
    pub(super) fn new(now: i64, sample: impl Iterator<Item = Client>) -> Self {
        let demo = |tenant, id: &str, number, object_id: &str| {
            let (id, object_id) = (id.to_owned(), object_id.to_owned());
            Client { tenant, id, number, object_id }
        };
        let clients = [
            demo("tenant123", ACME, 456, ACME_OBJECT),
            demo("tenant123", GLOBEX, 457, "507f1f77bcf86cd799439012"),
            demo("tenant999", INITECH, 456, INITECH_OBJECT),
        ];
        Self {
            now,
            clients: clients.into_iter().chain(sample).collect(),
            below: vec![Below::demo()],
            tokens: VecDeque::new(),
            fields: VecDeque::new(),
            cursors: VecDeque::new(),
            entries: VecDeque::new(),
            keyed: VecDeque::new(),
            tags: VecDeque::new(),
        }
    }

    /// Takes in what an answer tells.
    pub(super) fn learn(&mut self, call: &Call, answer: &Answer) {
        let path = call.path.split('?').next().unwrap_or_default();
        if answer.status < 300 && call.headers.iter().any(|(name, _)| *name == KEY) {
            keep(&mut self.keyed, call.clone());
        }
        let tag = answer.header("etag");
        if !tag.is_empty() {
            keep(&mut self.tags, (path.to_owned(), tag.to_owned()));
        }
        let Ok(body) = serde_json::from_str::<Value>(&answer.text) else { return };
        if let (Some(id), Some(secret)) = (body["id"].as_str(), body["token"].as_str()) {
            keep(&mut self.tokens, Token { id: id.to_owned(), secret: secret.to_owned() });
        }
        if let (Some(id), 201) = (body["field"]["id"].as_str(), answer.status) {
            keep(&mut self.fields, (path.to_owned(), id.to_owned()));
        }
        if let (Some(id), 201) = (body["id"].as_str(), answer.status)
            && let Some(client) = path.strip_suffix("/departments")
            && let Some(below) = self.below.iter_mut().find(|one| client.ends_with(&one.client))
        {
            below.departments.push(id.to_owned());
            if below.departments.len() > 5 {
                below.departments.remove(0);
            }
        }
        for entry in body["data"].as_array().into_iter().flatten() {
            if let (Some(client), Some(id)) = (entry["entity_id"].as_str(), entry["id"].as_str())
                && entry["entity_type"] == "client"
            {
                keep(&mut self.entries, (client.to_owned(), id.to_owned()));
            }
        }
        if let Some(cursor) = body["next_cursor"].as_str() {
            keep(&mut self.cursors, (call.path.clone(), cursor.to_owned()));
        }
    }
}

fn keep<T>(memory: &mut VecDeque<T>, new: T) {
    if memory.len() == MEMORY {
        memory.pop_front();
    }
    memory.push_back(new);
}
