//! The demo data: two tenants, a handful of clients, the devices of one, with the ids that the
//! published documents of the four APIs use in their examples.

mod devices;
mod telemetry;

use crate::App;
use crate::caller::Caller;
use crate::create::{add_client, add_client_type, add_tenant};
use crate::env::Env;
use crate::error::AppError;
use crate::recorder::Recorder;
use clientbook_model::audit::{Action, ChainHead, EntityType, Event};
use clientbook_model::client::{Client, ClientPatch};
use clientbook_model::collection::CollectionMode;
use clientbook_model::contact::ContactMethods;
use clientbook_model::custom_field::CustomValues;
use clientbook_model::enrollment::EnrollmentToken;
use clientbook_model::id::{ClientId, ClientNumber, EnrollmentTokenId, ObjectId, TenantId};
use clientbook_model::patch::{Parse, Patch};
use clientbook_model::status::Status;
use clientbook_model::success::{ClientType, Success};
use clientbook_model::tenant::{Slug, Tenant, TenantKey, TenantName};
use clientbook_model::text::ClientName;
use clientbook_model::time::Timestamp;
use clientbook_store::{Repeat, Tx, clients, tenants};
use serde_json::json;
use uuid::{Uuid, uuid};

/// The tenant of the published examples.
const TENANT: &str = "tenant123";

struct DemoTenant {
    id: Uuid,
    slug: &'static str,
    object_id: &'static str,
    name: &'static str,
}

struct DemoClient {
    id: Uuid,
    number: i64,
    object_id: &'static str,
    name: &'static str,
}

const OURS: DemoTenant = DemoTenant {
    id: uuid!("b2c3d4e5-f6a7-8901-bcde-f12345678901"),
    slug: TENANT,
    object_id: "65a000000000000000000123",
    name: "TechPartner Inc.",
};

const RIVAL: DemoTenant = DemoTenant {
    id: uuid!("b2c3d4e5-f6a7-8901-bcde-f12345678902"),
    slug: "tenant999",
    object_id: "65a000000000000000000999",
    name: "Rival Partner Ltd.",
};

const ACME: DemoClient = DemoClient {
    id: uuid!("aa7cf840-9ca9-46a3-9778-9015d6580d50"),
    number: 456,
    object_id: "507f1f77bcf86cd799439011",
    name: "Acme Corporation",
};

const GLOBEX: DemoClient = DemoClient {
    id: uuid!("aa7cf840-9ca9-46a3-9778-9015d6580d51"),
    number: 457,
    object_id: "507f1f77bcf86cd799439012",
    name: "Globex Corporation",
};

const INITECH: DemoClient = DemoClient {
    id: uuid!("bb7cf840-9ca9-46a3-9778-9015d6580d50"),
    number: 456,
    object_id: "607f1f77bcf86cd799439011",
    name: "Initech",
};

const CLIENT_TYPES: [&str; 3] = ["Enterprise", "Mid-market", "Startup"];

/// How much of the demo data is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemoData {
    /// Clients and their devices: what most tests start with.
    Records,
    /// And what was collected on the devices: a thousand rows.
    RecordsAndTelemetry,
}

impl App {
    /// Loads the demo data into a store that has no tenant yet; whether it did.
    pub async fn load_demo(&self, data: DemoData) -> Result<bool, AppError> {
        let env = self.0.env.clone();
        let caller = Caller::system("demo".into());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                // Of several servers that start together on a new store, one loads it.
                tenants::lock(tx, TenantId::SYSTEM).await?;
                if tenants::count_across_tenants(tx).await? > 0 {
                    return Ok(false);
                }
                let load = Load { env: &env, caller: &caller, operation_id };
                load.all(tx).await?;
                if data == DemoData::RecordsAndTelemetry {
                    telemetry::add(tx, &load).await?;
                }
                Ok(true)
            })
            .await
    }

    /// Whether the tenant of the published examples is there.
    pub async fn has_demo_tenant(&self) -> Result<bool, AppError> {
        self.0
            .db
            .read(async move |tx: &mut Tx| {
                let key = TenantKey::parse(TENANT);
                match &key {
                    Some(key) => Ok(tenants::find(tx, key).await?.is_some()),
                    None => Ok(false),
                }
            })
            .await
    }
}

struct Load<'a> {
    env: &'a Env,
    caller: &'a Caller,
    operation_id: Uuid,
}

impl Load<'_> {
    async fn all(&self, tx: &mut Tx) -> Result<(), AppError> {
        let created = time("2025-06-01T00:00:00Z")?;
        for tenant in [&OURS, &RIVAL] {
            let tenant = Tenant {
                id: TenantId(tenant.id),
                slug: known(Slug::new(tenant.slug))?,
                object_id: object_id(tenant.object_id)?,
                name: known(TenantName::new(tenant.name))?,
                created_at: created,
                version: 1,
                strict_fields: false,
                fields_revision: None,
            };
            add_tenant(tx, self.env, self.caller, self.operation_id, &tenant).await?;
        }
        let ours = self.recorder(&OURS, created);
        for (id, title) in (1..).zip(CLIENT_TYPES) {
            let client_type =
                ClientType { id: known(Parse::parse(&json!(id)))?, title: title.into() };
            add_client_type(tx, &ours, &client_type).await?;
        }
        let token = EnrollmentToken {
            id: EnrollmentTokenId(uuid!("e1f2a3b4-c5d6-7890-abcd-ef1234567890")),
            tenant_id: TenantId(OURS.id),
            client_id: ClientId(ACME.id),
            value: "enroll_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6".into(),
            description: Some("Default enrollment token".into()),
            site_id: None,
            max_uses: None,
            uses: 5,
            expires_at: None,
            created_at: time("2026-01-15T10:00:00Z")?,
            revoked_at: None,
        };
        let acme =
            add_client(tx, &ours, client(&OURS, &ACME, created)?, Some(&token), None).await?;
        let acme = self.profile(tx, acme).await?;
        devices::add(tx, self, acme).await?;
        add_client(tx, &ours, client(&OURS, &GLOBEX, created)?, None, None).await?;
        let rival = self.recorder(&RIVAL, created);
        add_client(tx, &rival, client(&RIVAL, &INITECH, created)?, None, None).await?;
        Ok(())
    }

    /// The change that gives Acme its published `updated_at`.
    async fn profile(&self, tx: &mut Tx, acme: Client) -> Result<Client, AppError> {
        let now = time("2026-02-20T12:00:00Z")?;
        let client_type_id = Patch::Set(known(Parse::parse(&json!(1)))?);
        let mut patch = ClientPatch { client_type_id, ..ClientPatch::default() };
        patch.success.site_url = Patch::Set(known(Parse::parse(&json!("https://acme.example")))?);
        patch.success.city = Patch::Set(known(Parse::parse(&json!("Springfield")))?);
        patch.success.timezone = Patch::Set(known(Parse::parse(&json!("America/Chicago")))?);
        let refused = |_| AppError::Internal("the demo's own change was refused".into());
        let (mut next, changes) = acme.apply(&patch).map_err(refused)?;
        next.version += 1;
        next.updated_at = now;
        let event = Event {
            entity_type: EntityType::Client,
            entity_id: next.id.0,
            action: Action::ClientUpdated,
            changes: &changes,
        };
        let recorder = self.recorder(&OURS, now);
        recorder.append(tx, next.id.0, &mut next.audit, &event).await?;
        clients::update(tx, &acme, &next, None).await?;
        Ok(next)
    }

    fn recorder(&self, tenant: &DemoTenant, now: Timestamp) -> Recorder<'_> {
        Recorder {
            env: self.env,
            caller: self.caller,
            tenant_id: TenantId(tenant.id),
            operation_id: self.operation_id,
            now,
        }
    }
}

fn client(tenant: &DemoTenant, demo: &DemoClient, now: Timestamp) -> Result<Client, AppError> {
    let number = ClientNumber::new(demo.number);
    Ok(Client {
        id: ClientId(demo.id),
        tenant_id: TenantId(tenant.id),
        number: number.ok_or_else(|| AppError::Internal("the demo's number".into()))?,
        object_id: object_id(demo.object_id)?,
        name: known(ClientName::new(demo.name))?,
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
        created_at: now,
        updated_at: now,
        merged_into: None,
        workspace_deleted_at: None,
        audit: ChainHead::default(),
    })
}

fn known<T>(parsed: Result<T, clientbook_model::violation::Violation>) -> Result<T, AppError> {
    parsed.map_err(|broken| AppError::Internal(format!("the demo's own data: {}", broken.message)))
}

fn object_id(text: &str) -> Result<ObjectId, AppError> {
    ObjectId::parse_hex(text).ok_or_else(|| AppError::Internal(format!("the demo's {text}")))
}

fn time(text: &str) -> Result<Timestamp, AppError> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| AppError::Internal(format!("the demo's {text}")))
}
