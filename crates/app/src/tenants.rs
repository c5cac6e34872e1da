//! Make, list and change tenants: for operators.

use crate::App;
use crate::caller::Caller;
use crate::change_client::Precondition;
use crate::create::add_tenant;
use crate::cursor::Page;
use crate::error::{AppError, Forbidden, Missing};
use crate::kept_answers::{About, Done, Once};
use crate::load;
use crate::recorder::Recorder;
use clientbook_model::audit::{Action, EntityType, Event};
use clientbook_model::id::{ClientId, ObjectId, TenantId, parse_uuid};
use clientbook_model::principal::{Permission, Reach};
use clientbook_model::tenant::{Slug, Tenant, TenantKey, TenantName, TenantPatch};
use clientbook_model::time::Timestamp;
use clientbook_model::violation::Violation;
use clientbook_store::{Repeat, Tx, clients, tenants};

/// What a new tenant is to be.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Its UUID; a random one if absent.
    pub id: Option<TenantId>,
    /// Its 24 hex digits; made if absent.
    pub object_id: Option<ObjectId>,
    /// Its readable name in paths.
    pub slug: Slug,
    /// What people call it.
    pub name: TenantName,
    /// Whether custom values are of defined fields only.
    pub strict_fields: bool,
}

/// A change of a tenant.
#[derive(Debug, Clone)]
pub struct TenantChange {
    /// The wishes.
    pub patch: TenantPatch,
    /// The id as it was sent back: it may not differ.
    pub id: Option<TenantId>,
    /// The object id, likewise.
    pub object_id: Option<ObjectId>,
    /// What reading the request found wrong.
    pub violations: Vec<Violation>,
    /// Only if this holds.
    pub precondition: Precondition,
}

/// Which tenants to list.
#[derive(Debug, Clone, Default)]
pub struct TenantQuery {
    /// Rows on a page.
    pub page_size: i64,
    /// Where to go on.
    pub cursor: Option<String>,
}

impl App {
    /// Whether the caller may manage tenants: operators only.
    pub fn may_manage_tenants(caller: &Caller) -> Result<(), AppError> {
        let (principal, permission) = (&caller.principal, Permission::TenantsManage);
        let everywhere = principal.reach == Reach::Everywhere;
        if everywhere && principal.permissions.has(permission) {
            return Ok(());
        }
        Err(AppError::Forbidden(Forbidden::Lacks(permission)))
    }

    /// Every tenant, newest first.
    pub async fn list_tenants(
        &self,
        caller: &Caller,
        query: TenantQuery,
    ) -> Result<Page<Tenant>, AppError> {
        Self::may_manage_tenants(caller)?;
        let cursors = self.0.cursors.clone();
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                const SCOPE: &str = "tenants";
                let (cursor, size) = (query.cursor.as_deref(), query.page_size);
                let after = cursors.resume(SCOPE, cursor, read_place)?;
                let rows = tenants::list_across_tenants(tx, after, size + 1).await?;
                let total = tenants::count_across_tenants(tx).await?;
                Ok(cursors.page(SCOPE, rows, size, total, place))
            })
            .await
    }

    /// The tenant that any of its three names names.
    pub async fn read_tenant(&self, caller: &Caller, asked: String) -> Result<Tenant, AppError> {
        Self::may_manage_tenants(caller)?;
        let caller = caller.clone();
        self.0.db.lookup(async move |tx: &mut Tx| named(tx, &caller, &asked).await).await
    }

    /// Makes a tenant.
    pub async fn create_tenant(
        &self,
        caller: &Caller,
        new: NewTenant,
        once: Once<Tenant>,
    ) -> Result<Done<Tenant>, AppError> {
        Self::may_manage_tenants(caller)?;
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                let now = env.now();
                load::still_works(tx, &caller, now).await?;
                if let Some(kept) = once.seek(tx, &caller, now).await? {
                    return Ok(Done::Told(kept.told));
                }
                if let Some(TenantId(id)) = new.id
                    && clients::tenant_across_tenants(tx, ClientId(id)).await?.is_some()
                {
                    let taken = Violation::new("unique", "a client already has this id");
                    return Err(AppError::Conflict(taken.below("/id")));
                }
                let tenant = Tenant {
                    id: new.id.unwrap_or_else(|| TenantId(env.random_uuid())),
                    slug: new.slug.clone(),
                    object_id: new.object_id.unwrap_or_else(|| env.object_id(now)),
                    name: new.name.clone(),
                    created_at: now,
                    version: 1,
                    strict_fields: new.strict_fields,
                    fields_revision: None,
                };
                add_tenant(tx, &env, &caller, operation_id, &tenant).await?;
                once.keep(tx, now, About::made(tenant.id.0), tenant).await
            })
            .await
    }

    /// Changes the slug or the name of the tenant that `asked` names.
    pub async fn change_tenant(
        &self,
        caller: &Caller,
        asked: String,
        change: TenantChange,
        once: Once<Tenant>,
    ) -> Result<Done<Tenant>, AppError> {
        Self::may_manage_tenants(caller)?;
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                let now = env.now();
                load::still_works(tx, &caller, now).await?;
                let found = named(tx, &caller, &asked).await?;
                tenants::lock(tx, found.id).await?;
                // Once more: another change may have been waited for.
                let missing = || AppError::NotFound(Missing { kind: "tenant", id: asked.clone() });
                let tenant = tenants::get(tx, found.id).await?.ok_or_else(missing)?;
                if let Some(kept) = once.seek(tx, &caller, now).await? {
                    return Ok(Done::Told(kept.told));
                }
                check(&tenant, &change)?;
                let (next, changes) = tenant.apply(&change.patch);
                if changes.is_empty() {
                    return once.keep(tx, now, About::nothing(), tenant).await;
                }
                tenants::update(tx, &next).await?;
                let tenant_id = tenant.id;
                let recorder =
                    Recorder { env: &env, caller: &caller, tenant_id, operation_id, now };
                let event = Event {
                    entity_type: EntityType::Tenant,
                    entity_id: tenant_id.0,
                    action: Action::TenantUpdated,
                    changes: &changes,
                };
                recorder.append_to_tenant(tx, &event).await?;
                once.keep(tx, now, About::default(), next).await
            })
            .await
    }
}

async fn named(tx: &mut Tx, caller: &Caller, asked: &str) -> Result<Tenant, AppError> {
    let key = TenantKey::parse(asked);
    let found = load::tenant(tx, caller, key.as_ref()).await?;
    let missing = || Missing { kind: "tenant", id: asked.to_owned() };
    found.ok_or_else(|| AppError::NotFound(missing()))
}

fn check(tenant: &Tenant, change: &TenantChange) -> Result<(), AppError> {
    let mut violations = change.violations.clone();
    let echoes = [
        ("/id", change.id.is_none_or(|id| id == tenant.id)),
        ("/object_id", change.object_id.is_none_or(|id| id == tenant.object_id)),
    ];
    for (path, _) in echoes.into_iter().filter(|(_, same)| !same) {
        let message = "cannot be changed: leave it out, or send it back as it was read";
        violations.push(Violation::new("read_only", message).below(path));
    }
    if !violations.is_empty() {
        return Err(AppError::Invalid(violations));
    }
    change.precondition.check(tenant.version)
}

fn place(tenant: &Tenant) -> String {
    format!("{} {}", tenant.created_at.millis(), tenant.id)
}

fn read_place(text: &str) -> Option<(Timestamp, TenantId)> {
    let (millis, id) = text.split_once(' ')?;
    let time = Timestamp::from_millis(millis.parse().ok()?)?;
    Some((time, TenantId(parse_uuid(id)?)))
}
