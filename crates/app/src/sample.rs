//! Made-up clients in any number, each as full as one that is in use: what the bench measures on.

mod devices;

use crate::App;
use crate::caller::Caller;
use crate::create::{add_client, add_client_type, add_tenant};
use crate::env::Env;
use crate::error::AppError;
use crate::recorder::Recorder;
use clientbook_model::audit::ChainHead;
use clientbook_model::client::Client;
use clientbook_model::collection::CollectionMode;
use clientbook_model::contact::{ContactMethod, ContactMethods, ContactType, EmailAddress};
use clientbook_model::custom_field::{CustomValues, FieldKey};
use clientbook_model::enrollment::EnrollmentToken;
use clientbook_model::id::{ClientId, ClientNumber, EnrollmentTokenId, TenantId};
use clientbook_model::number::{NpsScore, Reference};
use clientbook_model::status::Status;
use clientbook_model::success::{ClientType, Success};
use clientbook_model::tenant::{Slug, Tenant, TenantName};
use clientbook_model::text::{ClientName, ScopeId, Tag, Text};
use clientbook_model::time::{Day, TimeZoneName, Timestamp};
use clientbook_model::violation::Violation;
use clientbook_model::web::WebUrl;
use clientbook_store::{Repeat, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

/// Clients of one transaction.
const BATCH: u32 = 100;

impl App {
    /// Makes the tenant `slug` with so many clients, and answers them.
    pub async fn load_sample(&self, slug: &str, clients: u32) -> Result<Vec<Client>, AppError> {
        let mut made = Vec::new();
        self.load_sample_into(slug, clients, |client| made.push(client)).await?;
        Ok(made)
    }

    /// Makes the tenant `slug` with so many clients, and hands each to `made`: more of them than
    /// memory holds, perhaps.
    pub async fn load_sample_into(
        &self,
        slug: &str,
        clients: u32,
        made: impl FnMut(Client),
    ) -> Result<(), AppError> {
        let now = self.0.env.now();
        let tenant = Tenant {
            id: TenantId(self.0.env.uuid(now)),
            slug: known(Slug::new(slug))?,
            object_id: self.0.env.object_id(now),
            name: known(TenantName::new("TechPartner Inc."))?,
            created_at: now,
            version: 1,
            strict_fields: false,
            fields_revision: None,
        };
        let sample = Sample {
            env: self.0.env.clone(),
            caller: Caller::system("sample".into()),
            operation_id: self.0.env.uuid(now),
            tenant,
        };
        let first = sample.clone();
        let once = Repeat::Checked(sample.operation_id);
        self.0.db.write(once, async move |tx: &mut Tx| first.tenant(tx).await).await?;
        let mut made = made;
        for start in (1..=clients).step_by(BATCH as usize) {
            let sample = Sample { operation_id: self.0.env.uuid(now), ..sample.clone() };
            let once = Repeat::Checked(sample.operation_id);
            let numbers = start..=clients.min(start + BATCH - 1);
            let batch = self.0.db.write_many(once, async move |tx: &mut Tx| {
                let mut batch = Vec::new();
                for number in numbers.clone() {
                    batch.push(sample.client(tx, number).await?);
                }
                Ok::<_, AppError>(batch)
            });
            batch.await?.into_iter().for_each(&mut made);
        }
        Ok(())
    }
}

#[derive(Clone)]
struct Sample {
    env: Env,
    caller: Caller,
    operation_id: Uuid,
    tenant: Tenant,
}

impl Sample {
    async fn tenant(&self, tx: &mut Tx) -> Result<(), AppError> {
        add_tenant(tx, &self.env, &self.caller, self.operation_id, &self.tenant).await?;
        let client_type = ClientType { id: reference(1)?, title: "Enterprise".into() };
        add_client_type(tx, &self.recorder(), &client_type).await
    }

    async fn client(&self, tx: &mut Tx, number: u32) -> Result<Client, AppError> {
        let client = self.filled(number)?;
        let token = EnrollmentToken {
            id: EnrollmentTokenId(self.env.uuid(self.tenant.created_at)),
            tenant_id: self.tenant.id,
            client_id: client.id,
            value: format!("enroll_{}", self.env.text(b"0123456789abcdef", 32)),
            description: Some("Default enrollment token".into()),
            site_id: None,
            max_uses: None,
            uses: 0,
            expires_at: None,
            created_at: self.tenant.created_at,
            revoked_at: None,
        };
        add_client(tx, &self.recorder(), client, Some(&token), None).await
    }

    fn recorder(&self) -> Recorder<'_> {
        Recorder {
            env: &self.env,
            caller: &self.caller,
            tenant_id: self.tenant.id,
            operation_id: self.operation_id,
            now: self.tenant.created_at,
        }
    }

    fn filled(&self, number: u32) -> Result<Client, AppError> {
        let now = self.tenant.created_at;
        let refused = || AppError::Internal(format!("the sample's number {number}"));
        Ok(Client {
            id: ClientId(self.env.uuid(now)),
            tenant_id: self.tenant.id,
            number: ClientNumber::new(number.into()).ok_or_else(refused)?,
            object_id: self.env.object_id(now),
            name: known(ClientName::new(&format!("Sample Client {number} Ltd.")))?,
            status: Status::Active,
            collection_mode: CollectionMode::SaasUsage,
            email: Some(read::<EmailAddress>(json!(format!("office@client{number}.example")))?),
            tags: vec![known(Tag::new("enterprise"))?, known(Tag::new("north"))?],
            org_id: Some(known(ScopeId::new("org-1"))?),
            project_id: None,
            owner_id: None,
            avatar_url: Some(read::<WebUrl>(json!(format!(
                "https://example.com/avatars/{number}.jpg"
            )))?),
            contact_methods: contact_methods(number)?,
            custom_values: custom_values(number)?,
            external_id: Some(known(Text::new(&format!("crm-{number}")))?),
            parent_client_id: None,
            client_type_id: Some(reference(1)?),
            success: success(number, now)?,
            version: 1,
            created_at: now,
            updated_at: now,
            merged_into: None,
            workspace_deleted_at: None,
            audit: ChainHead::default(),
        })
    }
}

fn contact_methods(number: u32) -> Result<ContactMethods, AppError> {
    let email = format!("jane{number}@example.com");
    let methods = [
        ContactMethod::new(ContactType::Email, &email, true),
        ContactMethod::new(ContactType::Phone, "+49 30 901820", false),
    ];
    let methods = methods.into_iter().collect::<Result<_, _>>();
    known(methods.and_then(ContactMethods::new))
}

fn custom_values(number: u32) -> Result<CustomValues, AppError> {
    let values = [
        ("notes", format!("Asked for a review of contract {number}")),
        ("plan", "gold".to_owned()),
        ("contract_end", "2027-12-31".to_owned()),
    ];
    let entry = |(key, value)| Ok((FieldKey::new(key)?, Value::String(value)));
    known(values.into_iter().map(entry).collect())
}

fn success(number: u32, now: Timestamp) -> Result<Success, AppError> {
    let site_url = format!("https://client{number}.example");
    let day = now.to_string();
    Ok(Success {
        site_url: Some(known(Text::new(&site_url))?),
        inception_date: Some(read::<Day>(json!(day.get(..10)))?),
        street: Some(known(Text::new("742 Evergreen Terrace"))?),
        city: Some(known(Text::new("Springfield"))?),
        country: Some(known(Text::new("United States"))?),
        timezone: Some(read::<TimeZoneName>(json!("America/Chicago"))?),
        nps_score: Some(known(NpsScore::new(42))?),
        managed_by_employee_id: Some(reference(7)?),
        ..Success::default()
    })
}

fn reference(number: i64) -> Result<Reference, AppError> {
    known(Reference::new(number))
}

#[expect(clippy::needless_pass_by_value, reason = "each value is made where it is read")]
fn read<T: clientbook_model::patch::Parse>(value: Value) -> Result<T, AppError> {
    known(T::parse(&value))
}

fn known<T>(parsed: Result<T, Violation>) -> Result<T, AppError> {
    parsed.map_err(|broken| AppError::Internal(format!("the sample's data: {}", broken.message)))
}
