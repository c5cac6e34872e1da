//! A store with the demo data and a history, to verify and to tamper with.

use clientbook_app::{
    App, AppError, AuditReport, AuditScope, Caller, Change, ClientChange, ClientKey, ClientRef,
    Clock, DemoData, Done, Entropy, Env, FieldChangeWish, FieldRef, Home, NewApiToken, NewField,
    Once, Precondition,
};
use clientbook_model::api_token::{ApiTokenName, Capability};
use clientbook_model::client::ClientPatch;
use clientbook_model::collection::CollectionMode;
use clientbook_model::custom_field::FieldKey;
use clientbook_model::field::{Field, FieldStatus, FieldType};
use clientbook_model::id::ClientId;
use clientbook_model::patch::{Parse, Patch};
use clientbook_model::principal::{Permission, Role};
use clientbook_model::secret::Secret;
use clientbook_model::status::{Status, StatusPatch};
use clientbook_model::success::SuccessPatch;
use clientbook_model::tenant::TenantKey;
use clientbook_store::{Access, Db};
use clientbook_testkit::TestDatabase;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use uuid::{Uuid, uuid};

/// The demo's first tenant, with two clients.
pub(crate) const OURS: Uuid = uuid!("b2c3d4e5-f6a7-8901-bcde-f12345678901");
/// Its other tenant, with one.
pub(crate) const RIVAL: Uuid = uuid!("b2c3d4e5-f6a7-8901-bcde-f12345678902");
pub(crate) const ACME: Uuid = uuid!("aa7cf840-9ca9-46a3-9778-9015d6580d50");
pub(crate) const GLOBEX: Uuid = uuid!("aa7cf840-9ca9-46a3-9778-9015d6580d51");
pub(crate) const INITECH: Uuid = uuid!("bb7cf840-9ca9-46a3-9778-9015d6580d50");

pub(crate) fn env() -> Env {
    let clock = Arc::new(AtomicI64::new(1_773_153_000_000));
    Env { clock: Clock::Manual(clock), entropy: Entropy::seeded(7) }
}

/// A closed store. A copy of one is another.
pub(crate) struct Book {
    pub(crate) database: TestDatabase,
}

impl Book {
    /// The demo and three dozen changes, on the engine under test.
    pub(crate) async fn with_history() -> Self {
        Self::history(TestDatabase::with_tables()).await
    }

    /// The same on SQLite, where a column takes any value and statements are in its SQL.
    pub(crate) async fn sqlite_with_history() -> Self {
        Self::history(TestDatabase::sqlite()).await
    }

    pub(crate) async fn history(database: TestDatabase) -> Self {
        let (book, app) = Self::open(database).await;
        for (client, changes) in [(ACME, 18), (GLOBEX, 12), (INITECH, 6)] {
            for number in 0..changes {
                change_once_more(&app, client, number).await;
            }
        }
        // The token's end is part of the chain.
        let deleted = Some(CollectionMode::Deleted);
        change(&app, ACME, ClientPatch { collection_mode: deleted, ..ClientPatch::default() })
            .await;
        let kept = issue_token(&app, Capability::Role(Role::Viewer)).await;
        let permissions = [Permission::ClientsView, Permission::AuditView].into_iter().collect();
        let revoked = issue_token(&app, Capability::Permissions(permissions)).await;
        assert_ne!(kept, revoked);
        let caller = Caller::cli("a request".into());
        app.revoke_api_token(&caller, revoked).await.expect("a token taken back");
        define(&app, "Notes", false).await;
        define(&app, "Plan", true).await;
        book
    }

    /// The demo, opened for writing.
    pub(crate) async fn open_new() -> (Self, App) {
        Self::open(TestDatabase::with_tables()).await
    }

    async fn open(database: TestDatabase) -> (Self, App) {
        let db = Db::open(database.url(), Access::Write).expect("a new store");
        let secret = Some(Secret::new("operator-token-of-the-tests"));
        let (app, _) = App::start(db, env(), secret).await.expect("a first start");
        assert!(
            app.load_demo(DemoData::Records).await.expect("the demo data"),
            "the store was new"
        );
        (Self { database }, app)
    }

    pub(crate) fn copy(&self) -> Self {
        Self { database: self.database.copy() }
    }

    /// Opens it as `audit verify` does.
    pub(crate) fn inspect(&self) -> App {
        App::inspect(Db::open(self.database.url(), Access::Read).expect("the store"), env())
    }

    pub(crate) async fn verify(&self, tenant: Option<&str>, client: Option<Uuid>) -> AuditReport {
        verify(&self.inspect(), tenant, client.map(|id| id.to_string())).await.expect("a report")
    }

    /// A connection behind the trail's back, which no foreign key holds up. On SQLite only.
    pub(crate) fn outside(&self) -> rusqlite::Connection {
        let outside = rusqlite::Connection::open(self.database.path()).expect("the file");
        outside.pragma_update(None, "foreign_keys", false).expect("no foreign keys");
        outside
    }

    /// Runs statements that change at least one row each.
    pub(crate) fn tamper(&self, statements: &[String]) {
        for sql in statements {
            assert!(self.database.change(sql) > 0, "nothing to change: {sql}");
        }
    }
}

pub(crate) async fn verify(
    app: &App,
    tenant: Option<&str>,
    client: Option<String>,
) -> Result<AuditReport, AppError> {
    app.verify_audit(AuditScope { tenant: tenant.map(str::to_owned), client }).await
}

pub(crate) fn parsed<T: Parse>(value: &Value) -> T {
    T::parse(value).unwrap_or_else(|violation| panic!("{value}: {violation:?}"))
}

/// Changes of many kinds, no two of one client alike.
fn patch(client: Uuid, number: usize) -> ClientPatch {
    let text = format!("value {number}");
    let mode = [CollectionMode::Discovery, CollectionMode::SaasUsage][number / 6 % 2];
    let key = FieldKey::new("notes").expect("a key");
    match number % 6 {
        0 => ClientPatch { name: Some(parsed(&json!(text))), ..ClientPatch::default() },
        1 => ClientPatch {
            tags: Some(vec![parsed(&json!(text)), parsed(&json!("vip"))]),
            external_id: Patch::Set(parsed(&json!(format!("{client} {number}")))),
            ..ClientPatch::default()
        },
        2 => ClientPatch { collection_mode: Some(mode), ..ClientPatch::default() },
        3 => ClientPatch {
            custom_values: [(key, Some(json!(text)))].into(),
            success: SuccessPatch { city: Patch::Set(parsed(&json!(text))), ..Default::default() },
            ..ClientPatch::default()
        },
        4 => ClientPatch {
            status: StatusPatch {
                status: Some([Status::Trial, Status::Active][number / 6 % 2]),
                active: None,
            },
            ..ClientPatch::default()
        },
        // What was set is cleared: the record has the fact no longer.
        _ => ClientPatch {
            external_id: Patch::Clear,
            custom_values: [(key, None)].into(),
            success: SuccessPatch { city: Patch::Clear, ..Default::default() },
            ..ClientPatch::default()
        },
    }
}

/// The change with this number in a client's history.
pub(crate) async fn change_once_more(app: &App, client: Uuid, number: usize) {
    change(app, client, patch(client, number)).await;
}

/// A change through the door that every surface takes.
pub(crate) async fn change(app: &App, client: Uuid, patch: ClientPatch) {
    let target = ClientRef {
        tenant: None,
        asked: client.to_string(),
        key: Some(ClientKey::Id(ClientId(client))),
    };
    let change = ClientChange { patch, ..ClientChange::new(Permission::ClientsUpdate) };
    let change = Change { change, precondition: Precondition::None, dry_run: false };
    let caller = Caller::cli("a request".into());
    app.change_client(&caller, target, change, Once::free()).await.expect("a change");
}

/// Defines a text field of our tenant, and changes it once.
pub(crate) async fn define(app: &App, label: &str, archived: bool) -> Field {
    let caller = Caller::cli("a request".into());
    let home = Home::Path("tenant123".into(), TenantKey::parse("tenant123"));
    let new = NewField {
        home: home.clone(),
        label: Some(parsed(&json!(label))),
        kind: Some(FieldType::Text),
        key: None,
        description: Some(parsed(&json!("x"))),
        is_required: false,
        is_unique: archived,
        is_filterable: false,
        metadata: parsed(&json!({ "width": 2 })),
        violations: Vec::new(),
    };
    let field = app.create_field(&caller, new, Once::free()).await.expect("a field");
    let field = field.now().expect("a field");
    let status = if archived { FieldStatus::Archived } else { FieldStatus::Active };
    let mut wish = FieldChangeWish::of_status(status, Precondition::None);
    wish.patch.is_filterable = Some(true);
    let target = FieldRef { home, asked: field.object_id.to_string() };
    let changed = app.change_field(&caller, target, wish, Once::free()).await.expect("a change");
    changed.now().expect("a field")
}

/// Makes a restricted token of our tenant; its id.
async fn issue_token(app: &App, capability: Capability) -> String {
    let wish = NewApiToken {
        name: ApiTokenName::new("A token").expect("a name"),
        tenant: Some(OURS.to_string()),
        capability,
        client_ids: Some(vec![ClientId(ACME)]),
        org_id: Some(parsed(&json!("org"))),
        project_id: Some(parsed(&json!("project"))),
        expires_at: Some(parsed(&json!("2030-01-01T00:00:00Z"))),
    };
    let issued = app.issue_api_token(&Caller::cli("a request".into()), wish, Once::free()).await;
    issued.and_then(Done::now).expect("a token").0.id.to_string()
}
