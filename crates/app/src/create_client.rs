//! Make one client: the path that every surface takes.

use crate::App;
use crate::caller::Caller;
use crate::change_client::decide;
use crate::create::add_client;
use crate::enrollment_tokens::{self, EnrollmentTerms};
use crate::env::Env;
use crate::error::{AppError, Forbidden, Missing, enforce};
use crate::kept_answers::{About, Done, Once};
use crate::load::{self, Home};
use crate::recorder::Recorder;
use crate::references;
use crate::values::ValueRules;
use clientbook_model::client::{Client, ClientPatch, FieldChange, Identity};
use clientbook_model::custom_field::CustomWish;
use clientbook_model::field::Fields;
use clientbook_model::id::ClientId;
use clientbook_model::moving::MAX_NUMBER;
use clientbook_model::patch::Patch;
use clientbook_model::policy::{self, ClientFacts};
use clientbook_model::principal::{Permission, Permissions, Principal};
use clientbook_model::tenant::Tenant;
use clientbook_model::text::ScopeId;
use clientbook_model::violation::Violation;
use clientbook_store::clients::{ClientKey, ClientRecord};
use clientbook_store::{Repeat, Tx, clients, fields, tenants};
use std::sync::Arc;
use uuid::Uuid;

/// What a client's first enrolment token is for.
const FIRST_TOKEN: &str = "Default enrollment token";

/// What a new client is to be.
#[derive(Debug, Clone)]
pub struct NewClient {
    /// Whose it is to be.
    pub home: Home,
    /// What is said of it; the name must be there.
    pub patch: ClientPatch,
    /// Its custom values, as sent.
    pub custom: Vec<CustomWish>,
    /// What reading the request found wrong. Told together with what the tenant has to say, once
    /// the caller is known to be allowed here.
    pub violations: Vec<Violation>,
}

impl App {
    /// Makes a client with an enrolment token. Needs `clients.create`, and for another status than
    /// `active` also `clients.status`.
    ///
    /// Its number is the tenant's next one: a client that is refused takes none.
    pub async fn create_client(
        &self,
        caller: &Caller,
        new: NewClient,
        once: Once<ClientRecord>,
    ) -> Result<Done<ClientRecord>, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                load::still_works(tx, &caller, env.now()).await?;
                let home = load::home(tx, &caller, &new.home, Permission::ClientsCreate).await;
                let tenant = home.map_err(|error| with(error, &new.violations))?;
                let id = ClientId(env.uuid(env.now()));
                let patch = within_scope(&caller.principal, &new.patch);
                admit(&caller, &tenant, id, &patch)?;
                if let Some(kept) = once.seek(tx, &caller, env.now()).await? {
                    still_theirs(tx, &caller, &tenant, kept.client_id).await?;
                    return Ok(Done::Told(kept.told));
                }
                let violations = new.violations.clone();
                let custom = new.custom.clone();
                let wish = Wish { id, operation_id, patch, custom, violations };
                let (record, took) = create(tx, &env, &caller, tenant, wish).await?;
                let about = About { made: Some(id.0), ..About::from(&record).with(took) };
                once.keep(tx, env.now(), about, record).await
            })
            .await
    }
}

/// All that is wrong with a request, where its tenant is only a part of it.
pub(crate) fn with(error: AppError, violations: &[Violation]) -> AppError {
    match error {
        AppError::Invalid(found) => AppError::Invalid([violations, &found].concat()),
        other => other,
    }
}

/// A client that is about to be made, by somebody who may.
struct Wish {
    id: ClientId,
    operation_id: Uuid,
    patch: ClientPatch,
    custom: Vec<CustomWish>,
    violations: Vec<Violation>,
}

/// Who repeats a call must still be able to see what it made.
async fn still_theirs(
    tx: &mut Tx,
    caller: &Caller,
    tenant: &Tenant,
    made: Option<ClientId>,
) -> Result<(), AppError> {
    let Some(id) = made else {
        return Ok(());
    };
    let missing = || Missing { kind: "client", id: id.to_string() };
    let found = clients::get(tx, tenant.id, ClientKey::Id(id)).await?;
    let found = found.ok_or_else(|| AppError::NotFound(missing()))?;
    let facts = ClientFacts::from(&found.client);
    enforce(policy::permits(&caller.principal, Permission::ClientsCreate, &facts), missing)
}

/// No client has a number that an import would not take: what is exported can be imported.
pub(crate) fn numbers_spent() -> Violation {
    let message = format!("the tenant has given out its last number, {MAX_NUMBER}");
    Violation::new("spent", message)
}

async fn create(
    tx: &mut Tx,
    env: &Env,
    caller: &Caller,
    tenant: Tenant,
    wish: Wish,
) -> Result<(ClientRecord, Permissions), AppError> {
    let Wish { id, operation_id, mut patch, custom, mut violations } = wish;
    let now = env.now();
    // Before the tenant's row is taken for the number.
    let (tenant, fields) = defined(tx, tenant, &custom).await?;
    let rules = ValueRules { tenant: &tenant, fields: fields.as_deref() };
    let number = tenants::next_client_number(tx, tenant.id).await?;
    if number.get() > MAX_NUMBER {
        return Err(AppError::Conflict(numbers_spent()));
    }
    let object_id = env.object_id(now);
    let identity = Identity { id, tenant_id: tenant.id, number, object_id, created_at: now };
    let name = patch.name.clone().unwrap_or_else(|| {
        if violations.is_empty() {
            violations.push(Violation::new("required", "must be given").below("/name"));
        }
        // Stands in for the one that is missing, so that the other rules are told too.
        tenant.name.clone()
    });
    let blank = Client::blank(identity, name);
    rules.resolve(&blank, &custom, &mut patch, &mut violations);
    if caller.origin.surface.has_custom_fields() {
        violations.extend(rules.missing(&custom, &patch));
    }
    references::check(tx, caller, &blank, None, &mut patch, &mut violations).await?;
    let (client, changes) = decide(&blank, &patch, violations)?;
    let took = authorize(caller, &changes)?;
    references::check_external_id(tx, &blank, &client).await?;
    rules.check_unique(tx, &blank, &client, &custom).await?;
    let token = enrollment_tokens::fresh(env, &client, first_terms(), now);
    let recorder = Recorder { env, caller, tenant_id: tenant.id, operation_id, now };
    let client = add_client(tx, &recorder, client, Some(&token), fields.as_deref()).await?;
    if client.parent_client_id.is_none() && client.client_type_id.is_none() {
        let (parent, client_type) = (None, None);
        let enrollment_token = Some(token);
        let record = ClientRecord { client, tenant, enrollment_token, parent, client_type, fields };
        return Ok((record, took));
    }
    let found = clients::get(tx, tenant.id, ClientKey::Id(client.id)).await?;
    let gone = || AppError::Internal("a client vanished while it was made".into());
    Ok((found.ok_or_else(gone)?, took))
}

/// The tenant and its definitions of fields; they stay as they are where values are to be written.
async fn defined(
    tx: &mut Tx,
    tenant: Tenant,
    custom: &[CustomWish],
) -> Result<(Tenant, Option<Arc<Fields>>), AppError> {
    let mut tenant = tenant;
    if !custom.is_empty() {
        fields::share(tx, tenant.id).await?;
        let gone = || AppError::Internal("a tenant vanished while its client was made".into());
        tenant = tenants::get(tx, tenant.id).await?.ok_or_else(gone)?;
    }
    let fields = clients::fields_of(tx, &tenant).await?;
    Ok((tenant, fields))
}

/// What the token of a new client is.
pub(crate) fn first_terms() -> EnrollmentTerms {
    let description = clientbook_model::enrollment::Description::new(FIRST_TOKEN).ok();
    EnrollmentTerms { description, ..EnrollmentTerms::default() }
}

/// Whoever is bound to an organization or project makes clients of it, unless they say otherwise;
/// then `admit` refuses.
fn within_scope(principal: &Principal, patch: &ClientPatch) -> ClientPatch {
    let mut patch = patch.clone();
    for (bound, wish) in
        [(&principal.org_id, &mut patch.org_id), (&principal.project_id, &mut patch.project_id)]
    {
        if let (Some(bound), Patch::Absent) = (bound, &wish) {
            *wish = Patch::Set(bound.clone());
        }
    }
    patch
}

fn admit(
    caller: &Caller,
    tenant: &Tenant,
    id: ClientId,
    patch: &ClientPatch,
) -> Result<(), AppError> {
    let facts = ClientFacts {
        tenant_id: tenant.id,
        id,
        org_id: wished(&patch.org_id),
        project_id: wished(&patch.project_id),
        active: true,
    };
    let missing = || Missing { kind: "tenant", id: tenant.id.to_string() };
    enforce(policy::may_create(&caller.principal, &facts), missing)
}

fn wished(patch: &Patch<ScopeId>) -> Option<&ScopeId> {
    match patch {
        Patch::Set(scope) => Some(scope),
        Patch::Absent | Patch::Clear => None,
    }
}

/// What differs from every new client may take a permission of its own.
fn authorize(caller: &Caller, changes: &[FieldChange]) -> Result<Permissions, AppError> {
    let took: Permissions =
        changes.iter().map(|change| policy::permission_to_create_with(&change.field)).collect();
    for permission in took.iter() {
        if !caller.principal.permissions.has(permission) {
            return Err(AppError::Forbidden(Forbidden::Lacks(permission)));
        }
    }
    Ok(took)
}
