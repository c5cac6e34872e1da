//! Stores, and rows to put into them. Structs are written out in full: a new field does not
//! compile until it is tried.

use clientbook_model::api_token::{ApiToken, ApiTokenName, Capability, Grant};
use clientbook_model::audit::{
    Action, ChainHead, Circumstances, EntityType, Entry, Event, Origin, Surface,
};
use clientbook_model::client::Client;
use clientbook_model::collection::CollectionMode;
use clientbook_model::contact::ContactMethods;
use clientbook_model::custom_field::{CustomValues, FieldKey};
use clientbook_model::enrollment::EnrollmentToken;
use clientbook_model::field::{Field, FieldLabel, FieldStatus, FieldType, Metadata};
use clientbook_model::id::{
    ApiTokenId, ClientId, ClientNumber, EnrollmentTokenId, EntryId, FieldId, ObjectId, TenantId,
};
use clientbook_model::number::{Int, Reference};
use clientbook_model::principal::{Actor, ActorKind, Reach, Role};
use clientbook_model::secret::SecretDigest;
use clientbook_model::status::Status;
use clientbook_model::success::{ClientType, Success};
use clientbook_model::tenant::{Slug, Tenant, TenantName};
use clientbook_model::text::ClientName;
use clientbook_model::time::Timestamp;
use clientbook_store::{
    Access, Db, DbError, Repeat, Tx, api_tokens, audit, client_types, clients, enrollment_tokens,
    tenants,
};
use clientbook_testkit::TestDatabase;
use std::path::PathBuf;
use tempfile::TempDir;
use uuid::Uuid;

/// A store of its own for each test.
pub(crate) struct Store {
    pub(crate) db: Db,
    pub(crate) database: TestDatabase,
}

impl Store {
    /// On the engine under test.
    pub(crate) fn new() -> Self {
        Self::at(TestDatabase::with_tables())
    }

    /// On SQLite, for a test of its files.
    pub(crate) fn sqlite() -> Self {
        Self::at(TestDatabase::sqlite())
    }

    fn at(database: TestDatabase) -> Self {
        let db = Db::open(database.url(), Access::Write).expect("a new store");
        Self { db, database }
    }

    /// A connection behind the store's back. On SQLite only.
    pub(crate) fn outside(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.database.path()).expect("a second connection")
    }

    pub(crate) async fn write<T, F>(&self, change: F) -> Result<T, DbError>
    where
        F: AsyncFn(&mut Tx) -> Result<T, DbError> + Send + 'static,
        T: Send + 'static,
    {
        self.db.write(Repeat::Harmless, change).await
    }
}

pub(crate) fn path(directory: &TempDir) -> PathBuf {
    directory.path().join("clientbook.db")
}

pub(crate) fn url(directory: &TempDir) -> String {
    format!("sqlite:{}", path(directory).display())
}

pub(crate) fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).expect("a time of the calendar")
}

/// A tenant, told apart by `which`.
pub(crate) fn tenant(which: u8) -> Tenant {
    Tenant {
        id: TenantId(Uuid::from_u128(which.into())),
        slug: Slug::new(&format!("tenant{which}")).expect("a slug"),
        object_id: ObjectId([which; 12]),
        name: TenantName::new(&format!("Tenant {which}")).expect("a name"),
        created_at: time(0),
        version: 1,
        strict_fields: false,
        fields_revision: None,
    }
}

/// The client with this number, with an id of its own in each tenant.
pub(crate) fn client(tenant: &Tenant, number: u8) -> Client {
    Client {
        id: ClientId(Uuid::from_u128((tenant.id.0.as_u128() << 64) + u128::from(number))),
        tenant_id: tenant.id,
        number: ClientNumber::new(number.into()).expect("a number"),
        object_id: ObjectId([number; 12]),
        name: ClientName::new(&format!("Client {number}")).expect("a name"),
        status: Status::Active,
        collection_mode: CollectionMode::SaasUsage,
        email: None,
        tags: Vec::new(),
        org_id: None,
        project_id: None,
        owner_id: None,
        avatar_url: None,
        contact_methods: ContactMethods::default(),
        custom_values: CustomValues::new(),
        external_id: None,
        parent_client_id: None,
        client_type_id: None,
        success: Success::default(),
        version: 1,
        created_at: time(0),
        updated_at: time(0),
        merged_into: None,
        workspace_deleted_at: None,
        audit: ChainHead::default(),
    }
}

pub(crate) fn reference(number: i64) -> Reference {
    Reference::new(number).expect("a reference")
}

pub(crate) fn client_type(id: i64) -> ClientType {
    ClientType { id: reference(id), title: format!("Type {id}") }
}

/// A unique text field under the key `key`.
pub(crate) fn field(number: u8) -> Field {
    Field {
        id: FieldId(Uuid::from_u128(number.into())),
        number: number.into(),
        object_id: ObjectId([number; 12]),
        key: FieldKey::new(&format!("key{number}")).expect("a key"),
        label: FieldLabel::new("A field").expect("a label"),
        description: None,
        kind: FieldType::Text,
        is_required: false,
        is_unique: true,
        is_filterable: false,
        order: Int::new(0).expect("a place"),
        status: FieldStatus::Active,
        metadata: Metadata::default(),
        version: 1,
        created_at: time(0),
        updated_at: time(0),
    }
}

pub(crate) fn enrollment_token(client: &Client, which: u8) -> EnrollmentToken {
    EnrollmentToken {
        id: EnrollmentTokenId(Uuid::from_u128(which.into())),
        tenant_id: client.tenant_id,
        client_id: client.id,
        value: format!("enroll_{}_{which}", client.tenant_id),
        description: None,
        site_id: None,
        max_uses: None,
        uses: 0,
        expires_at: None,
        created_at: time(0),
        revoked_at: None,
    }
}

pub(crate) fn api_token(tenant: &Tenant, which: u8) -> ApiToken {
    ApiToken {
        id: ApiTokenId(Uuid::from_u128((tenant.id.0.as_u128() << 64) + u128::from(which))),
        tenant_id: tenant.id,
        name: ApiTokenName::new("A token").expect("a name"),
        grant: Grant {
            reach: Reach::Tenant(tenant.id),
            capability: Capability::Role(Role::Admin),
            client_ids: None,
            org_id: None,
            project_id: None,
            expires_at: None,
        },
        created_by: "somebody".into(),
        created_at: time(0),
    }
}

/// The digest of the token's secret.
pub(crate) fn digest(token: &ApiToken) -> SecretDigest {
    let mut digest = [0; 32];
    digest[..16].copy_from_slice(token.id.0.as_bytes());
    SecretDigest(digest)
}

/// The first entry of a client's chain; one for the collection-control log.
pub(crate) fn entry(client: &Client) -> Entry {
    let actor = Actor { kind: ActorKind::System, id: "system".into(), name: "Clientbook".into() };
    let request_id = "request".to_owned();
    let origin = Origin { surface: Surface::System, request_id, source_address: None };
    let from = Circumstances {
        tenant_id: client.tenant_id,
        chain_id: client.id.0,
        actor: &actor,
        origin: &origin,
        operation_id: Uuid::from_u128(9),
        now: time(0),
    };
    let event = Event {
        entity_type: EntityType::Client,
        entity_id: client.id.0,
        action: Action::CollectionModeChanged,
        changes: &[],
    };
    let id = EntryId(client.id.0);
    Entry::append(&mut ChainHead::default(), id, &event, &from, || [7; 16])
}

/// A tenant with a type, and a client 1 that has everything a client can have and a parent, 2.
pub(crate) async fn fill(tx: &mut Tx, which: u8) -> Result<(), DbError> {
    let tenant = tenant(which);
    tenants::insert(tx, &tenant).await?;
    client_types::insert(tx, tenant.id, &client_type(1)).await?;
    clients::insert(tx, &client(&tenant, 2), None).await?;
    let child = Client {
        parent_client_id: Some(reference(2)),
        client_type_id: Some(reference(1)),
        ..client(&tenant, 1)
    };
    clients::insert(tx, &child, None).await?;
    enrollment_tokens::insert(tx, &enrollment_token(&child, 1)).await?;
    let token = api_token(&tenant, 1);
    api_tokens::insert(tx, &token, digest(&token)).await?;
    audit::insert(tx, &entry(&child)).await
}
