//! Another tenant that has something of everything, and what a caller can name of it.

use clientbook_model::id::{ClientId, TenantId};
use clientbook_testkit::{Actor, INITECH, INITECH_OBJECT, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What stands in every text of the other tenant's, and in nothing of ours.
pub(super) const MARK: &str = "zanzibar";

/// What a request can name of another tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Slug,
    TenantId,
    TenantObject,
    Client,
    Erased,
    Joined,
    Number,
    ObjectId,
    ExternalId,
    Salesforce,
    Tag,
    Text,
    FieldKey,
    Field,
    Type,
    TypeTitle,
    EnrollmentToken,
    TokenValue,
    ApiToken,
    Entry,
    Import,
    Device,
    User,
    Department,
    Software,
    /// An idempotency key.
    Key,
}

impl Kind {
    pub(super) const TENANT: [Self; 3] = [Self::Slug, Self::TenantId, Self::TenantObject];
    pub(super) const CLIENT: [Self; 4] = [Self::Client, Self::Erased, Self::Joined, Self::TenantId];

    /// One of this kind that nobody has.
    pub(super) fn unknown(self) -> &'static str {
        match self {
            Self::Slug => "tenant998",
            Self::Number => "8000000001",
            Self::ObjectId | Self::TenantObject | Self::Field => "0123456789abcdef01234567",
            Self::ExternalId => "nobodys-id",
            Self::Salesforce => "nobodys-account",
            Self::Tag => "nobodys-tag",
            Self::Text => "nobody",
            Self::FieldKey => "nobodys_field",
            Self::Type => "8000000002",
            Self::TypeTitle => "Nobody's type",
            Self::TokenValue => "enroll_00000000000000000000000000000000",
            Self::Key => "nobodys-key",
            _ => "0c0ffee0-0000-4000-8000-00000000c0de",
        }
    }
}

/// The other tenant's things.
pub(super) struct World {
    pub(super) rival: Actor,
    things: BTreeMap<Kind, String>,
    /// A page's end for each list that has one, by its path as the rival calls it.
    pub(super) cursors: BTreeMap<&'static str, String>,
}

impl World {
    pub(super) fn foreign(&self, kind: Kind) -> &str {
        &self.things[&kind]
    }

    /// What no answer may hold, in lower case.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        // What we choose too, and a short number, prove nothing.
        let ours = |kind: &Kind| {
            use Kind::{ExternalId, FieldKey, Key, Type, TypeTitle};
            matches!(kind, ExternalId | FieldKey | Key | Type | TypeTitle)
        };
        let told = self.things.iter().filter(move |(kind, _)| !ours(kind));
        let names = [MARK, "initech", "rival partner", INITECH, INITECH_OBJECT];
        told.map(|(_, thing)| thing.as_str()).chain(names)
    }

    pub(super) async fn new(app: &TestApp) -> Self {
        let rival = app.role("tenant999", "admin").await;
        let mut things = BTreeMap::from([
            (Kind::Slug, "tenant999".to_owned()),
            (Kind::TenantId, "b2c3d4e5-f6a7-8901-bcde-f12345678902".to_owned()),
            (Kind::TenantObject, "65a000000000000000000999".to_owned()),
            (Kind::Text, MARK.to_owned()),
            (Kind::Tag, "zanzibar-tag".to_owned()),
            (Kind::ExternalId, "shared-id".to_owned()),
            (Kind::Salesforce, "zanzibar-account".to_owned()),
            (Kind::FieldKey, "shared_field".to_owned()),
            (Kind::TypeTitle, "Shared type".to_owned()),
            (Kind::Key, "zanzibar-key".to_owned()),
        ]);
        definitions(&rival, &mut things).await;
        clients(&rival, &mut things).await;
        tokens(app, &rival, &mut things).await;
        devices(app, &rival, &mut things).await;
        let cursors = cursors(&rival, &things[&Kind::Client]).await;
        Self { rival, things, cursors }
    }
}

fn text(answer: &Value, at: &str) -> String {
    match answer.pointer(at).expect("a value") {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

async fn definitions(rival: &Actor, things: &mut BTreeMap<Kind, String>) {
    let field = json!({
        "label": "Zanzibar field", "key": things[&Kind::FieldKey], "type": "number",
        "isUnique": true,
    });
    let path = "/v1/workspace/tenant999/clients/fields";
    let made = rival.post(path, &field).await.expect(201).json();
    things.insert(Kind::Field, text(&made, "/field/id"));
    // Ours have the ids up to 3.
    for at in 0..40 {
        let title = json!({ "title": format!("Zanzibar type {at}") });
        rival.post("/client-types", &title).await.expect(201);
    }
    let title = json!({ "title": things[&Kind::TypeTitle] });
    let made = rival.post("/client-types", &title).await.expect(201).json();
    things.insert(Kind::Type, text(&made, "/id"));
}

async fn clients(rival: &Actor, things: &mut BTreeMap<Kind, String>) {
    // Numbers and object ids that ours do not have.
    let import = "1d000000-0000-4000-8000-0000000000e1";
    let rows = [
        json!({
            "number": 7_000_000_001_i64, "object_id": "7123456789abcdef01234567",
            "name": "Zanzibar One", "external_id": things[&Kind::ExternalId],
            "salesforce_account_id": things[&Kind::Salesforce], "tags": [things[&Kind::Tag]],
            "custom": { (things[&Kind::FieldKey].as_str()): 7 },
        }),
        json!({ "name": "Zanzibar Two", "external_id": "zanzibar-loser" }),
        json!({ "name": "Zanzibar Three", "parent_client_id": 7_000_000_001_i64 }),
        json!({ "name": "" }),
    ];
    let rows: Vec<_> = rows.iter().map(Value::to_string).collect();
    let path = format!("/v2/clients/import?import_id={import}");
    let request = rival.request(axum::http::Method::POST, &path);
    let request = request.header("content-type", "application/x-ndjson").body(rows.join("\n"));
    rival.send(request).await.expect(200);
    things.insert(Kind::Import, import.to_owned());
    let listed = rival.get("/client/search?name=zanzibar").await.expect(200).json();
    let [one, two, three] = [0, 1, 2].map(|at| text(&listed, &format!("/data/{at}/uuid")));
    things.insert(Kind::Number, text(&listed, "/data/0/id"));
    things.insert(Kind::ObjectId, "7123456789abcdef01234567".to_owned());
    let merge = json!({ "loser_id": two });
    rival.post(&format!("/v2/clients/{one}/merge"), &merge).await.expect(200);
    let gone = json!({ "collection_mode": "deleted" });
    rival.patch(&format!("/v2/clients/{three}"), &gone).await.expect(200);
    rival.delete(&format!("/v2/clients/{three}")).await.expect(204);
    for mode in ["disabled", "discovery"] {
        let mode = json!({ "collection_mode": mode });
        rival.patch(&format!("/v2/clients/{one}"), &mode).await.expect(200);
    }
    let note = json!({ "note": "of Zanzibar" });
    rival.patch(&format!("/client/{one}"), &note).await.expect(200);
    let log = format!("/v2/clients/{one}/audit-log?page_size=1");
    things.insert(Kind::Entry, text(&rival.get(&log).await.expect(200).json(), "/data/0/id"));
    for (kind, id) in [(Kind::Client, one), (Kind::Joined, two), (Kind::Erased, three)] {
        things.insert(kind, id);
    }
}

async fn tokens(app: &TestApp, rival: &Actor, things: &mut BTreeMap<Kind, String>) {
    let path = format!("/v2/clients/{}/enrollment-tokens", things[&Kind::Client]);
    rival.post(&path, &json!({ "description": "of Zanzibar" })).await.expect(201);
    let made = rival.post(&path, &json!({ "site_id": "zanzibar" })).await.expect(201).json();
    things.insert(Kind::EnrollmentToken, text(&made, "/id"));
    things.insert(Kind::TokenValue, text(&made, "/value"));
    let wish = json!({ "name": "Zanzibar", "tenant": "tenant999", "role": "viewer" });
    let made = app.operator().post("/v2/api-tokens", &wish).await.expect(201).json();
    things.insert(Kind::ApiToken, text(&made, "/id"));
}

async fn devices(app: &TestApp, rival: &Actor, things: &mut BTreeMap<Kind, String>) {
    let [tenant, client] = [Kind::TenantId, Kind::Client].map(|kind| things[&kind].clone());
    let tenant_id = TenantId(tenant.parse().expect("a UUID"));
    let client_id = ClientId(client.parse().expect("a UUID"));
    let made = app.app().load_sample_devices((tenant_id, client_id), 2).await.expect("devices");
    let (device, user) = made[0];
    things.insert(Kind::Device, device.to_string());
    things.insert(Kind::User, user.to_string());
    let bearer = app.device(&client, "zanzibar").await;
    let all = json!({ "software": [{ "name": "Zanzibar software", "version": "1" }] });
    bearer.inventory(&all).await.expect(204);
    let list = rival.get(&format!("/v2/clients/{client}/software")).await.expect(200).json();
    things.insert(Kind::Software, text(&list, "/data/0/id"));
    for name in ["Zanzibar department", "Zanzibar office"] {
        let path = format!("/v2/clients/{client}/departments");
        let made = rival.post(&path, &json!({ "name": name })).await.expect(201).json();
        let path = format!("{path}/{}/members", text(&made, "/id"));
        rival.post(&path, &json!({ "user_ids": [user] })).await.expect(200);
        things.insert(Kind::Department, text(&made, "/id"));
    }
}

/// Where a first page of one row ends.
async fn cursors(rival: &Actor, client: &str) -> BTreeMap<&'static str, String> {
    let mut cursors = BTreeMap::new();
    for (path, size) in [
        ("/v2/clients", "page_size"),
        ("/v2/audit-log", "page_size"),
        ("/v2/clients/{client_id}/audit-log", "page_size"),
        ("/v2/clients/{client_id}/collection-control/audit-log", "page_size"),
        ("/v2/clients/{client_id}/enrollment-tokens", "page_size"),
        ("/v2/clients/{client_id}/devices", "page_size"),
        ("/v2/clients/{client_id}/users", "page_size"),
        ("/v2/clients/{client_id}/departments", "page_size"),
        ("/v2/api-tokens", "page_size"),
        ("/v1/workspace/{workspace_id}/clients", "limit"),
    ] {
        let asked = path.replace("{client_id}", client).replace("{workspace_id}", "tenant999");
        let page = rival.get(&format!("{asked}?{size}=1")).await.expect(200);
        let named = page.json()["next_cursor"].as_str().map(str::to_owned);
        let cursor = named.unwrap_or_else(|| {
            let link = page.header("link");
            let (_, after) = link.split_once("cursor=").unwrap_or_else(|| panic!("{path}: {link}"));
            after.split(['>', '&']).next().unwrap_or_default().to_owned()
        });
        cursors.insert(path, cursor);
    }
    cursors
}
