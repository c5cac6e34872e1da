//! A client as it stood at a time, rebuilt from its audit trail.

use crate::App;
use crate::caller::Caller;
use crate::error::AppError;
use crate::load::{self, ClientRef};
use clientbook_model::audit::{Action, EntityType, Entry};
use clientbook_model::client::{Client, ClientPatch, FieldChange, Identity, fold};
use clientbook_model::id::{ClientId, EnrollmentTokenId, TenantId};
use clientbook_model::principal::Permission;
use clientbook_model::tenant::{Slug, Tenant, TenantName};
use clientbook_model::text::ClientName;
use clientbook_model::time::Timestamp;
use clientbook_store::clients::{self, ClientKey, ClientRecord};
use clientbook_store::{Tx, audit, enrollment_tokens};
use serde_json::Value;
use std::collections::BTreeMap;

/// Entries that are read at a time.
const PAGE: i64 = 100;

/// What it takes.
const PERMISSIONS: [Permission; 2] = [Permission::ClientsView, Permission::AuditView];

/// What entries tell of a client that nobody can wish for.
const NO_WISHES: [&str; 5] = ["number", "object_id", "merged_into", "created_at", UPDATED_AT];

const UPDATED_AT: &str = "updated_at";

type Facts = BTreeMap<std::borrow::Cow<'static, str>, Value>;

impl App {
    /// The client that `target` names as it stood at `time`, with its enrolment token; of how often
    /// that was used, the trail holds nothing. Parent and type are not shown. Needs `clients.view`
    /// and `audit.view`.
    pub async fn client_as_of(
        &self,
        caller: &Caller,
        target: ClientRef,
        time: Timestamp,
    ) -> Result<ClientRecord, AppError> {
        let caller = caller.clone();
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                let trail = load::trail(tx, &caller, &target, &PERMISSIONS).await?;
                if trail.is_erased {
                    return Err(AppError::Gone(target.missing()));
                }
                let (tenant, id) = (trail.tenant_id, trail.client_id);
                let told = Told::until(tx, tenant, id, time).await?;
                let told = told.ok_or_else(|| AppError::NotFound(target.missing()))?;
                let now = clients::get(tx, tenant, ClientKey::Id(id)).await?;
                let now = now.ok_or_else(|| AppError::NotFound(target.missing()))?;
                let enrollment_token = match told.token {
                    Some(token) => enrollment_tokens::get(tx, tenant, id, token).await?,
                    None => None,
                };
                let enrollment_token = enrollment_token.map(|token| {
                    clientbook_model::enrollment::EnrollmentToken { revoked_at: None, ..token }
                });
                let fields = now.fields;
                let tenant = tenant_until(tx, now.tenant, time).await?;
                let client = told.client(&now.client)?;
                Ok(ClientRecord {
                    client,
                    tenant,
                    enrollment_token,
                    parent: None,
                    client_type: None,
                    fields,
                })
            })
            .await
    }
}

/// What a client's chain tells up to a time.
struct Told {
    changes: Vec<FieldChange>,
    updated_at: Timestamp,
    token: Option<EnrollmentTokenId>,
}

impl Told {
    /// `None` if the client was not there yet.
    async fn until(
        tx: &mut Tx,
        tenant: TenantId,
        id: ClientId,
        time: Timestamp,
    ) -> Result<Option<Self>, AppError> {
        let mut told = None;
        let mut from = 1;
        loop {
            let page = audit::chain(tx, tenant, id.0, from, PAGE).await?;
            let full = i64::try_from(page.len()).is_ok_and(|length| length >= PAGE);
            for entry in page {
                from = entry.sequence + 1;
                let of_client = entry.entity_type == EntityType::Client;
                if entry.created_at > time && of_client {
                    // Changes of a client stand in the order of their times.
                    return Ok(told);
                }
                if entry.created_at <= time {
                    let updated_at = entry.created_at;
                    let fresh = || Self { changes: Vec::new(), updated_at, token: None };
                    told.get_or_insert_with(fresh).read(&entry);
                }
            }
            if !full {
                return Ok(told);
            }
        }
    }

    fn read(&mut self, entry: &Entry) {
        match (entry.entity_type, entry.action) {
            (EntityType::Client, _) => {
                self.updated_at = updated_at(entry);
                let changes = fields(entry);
                let facts = fold(std::mem::take(&mut self.changes).into_iter().chain(changes));
                let set = |(field, after)| FieldChange { field, before: Value::Null, after };
                self.changes = facts.into_iter().map(set).collect();
            }
            (EntityType::EnrollmentToken, Action::EnrollmentTokenCreated) => {
                self.token = Some(EnrollmentTokenId(entry.entity_id));
            }
            (EntityType::EnrollmentToken, _) => {
                self.token = self.token.filter(|token| token.0 != entry.entity_id);
            }
            _ => {}
        }
    }

    /// The client that is told of; what it never changes is taken from what it is `now`.
    fn client(self, now: &Client) -> Result<Client, AppError> {
        let unreadable =
            || AppError::Internal(format!("the trail of client {} makes none", now.id));
        let Client { id, tenant_id, number, object_id, created_at, .. } = *now;
        let identity = Identity { id, tenant_id, number, object_id, created_at };
        let wishes =
            self.changes.into_iter().filter(|change| !NO_WISHES.contains(&change.field.as_ref()));
        let wishes: Vec<_> = wishes
            .map(|change| FieldChange { before: change.after, after: Value::Null, ..change })
            .collect();
        let patch = ClientPatch::back_to_before(&wishes).map_err(|_| unreadable())?;
        let name = patch.name.clone().ok_or_else(unreadable)?;
        let blank = Client::blank(identity, ClientName::clone(&name));
        let (client, _) = blank.apply(&patch).map_err(|_| unreadable())?;
        Ok(Client { updated_at: self.updated_at, ..client })
    }
}

/// When the entry's client last changed: an import may have brought another time than its own.
fn updated_at(entry: &Entry) -> Timestamp {
    let told = entry.contents.changes.iter().find(|change| change.field == UPDATED_AT);
    let told = told.and_then(|change| Timestamp::parse_rfc3339(change.after.value().as_str()?));
    told.unwrap_or(entry.created_at)
}

fn fields(entry: &Entry) -> impl Iterator<Item = FieldChange> {
    entry.contents.changes.iter().map(|change| FieldChange {
        field: change.field.clone().into(),
        before: Value::Null,
        after: change.after.value(),
    })
}

/// The tenant by the names that it had.
async fn tenant_until(tx: &mut Tx, now: Tenant, time: Timestamp) -> Result<Tenant, AppError> {
    let entries = audit::of_tenant(tx, now.id, time).await?;
    let facts: Facts = fold(entries.iter().flat_map(fields));
    let text = |field: &str| facts.get(field).and_then(Value::as_str);
    let slug = text("slug").and_then(|slug| Slug::new(slug).ok());
    let name = text("name").and_then(|name| TenantName::new(name).ok());
    Ok(Tenant { slug: slug.unwrap_or(now.slug), name: name.unwrap_or(now.name), ..now })
}
