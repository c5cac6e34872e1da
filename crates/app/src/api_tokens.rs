//! Issue, list and revoke API tokens.

use crate::App;
use crate::caller::Caller;
use crate::cursor::Page;
use crate::env::Env;
use crate::error::{AppError, Forbidden, Missing, invalid};
use crate::kept_answers::{About, Done, Once};
use crate::load;
use crate::recorder::Recorder;
use clientbook_model::api_token::{self, ApiToken, ApiTokenName, Capability, Grant};
use clientbook_model::audit::{Action, EntityType, Event};
use clientbook_model::client::FieldChange;
use clientbook_model::id::{ApiTokenId, ClientId, TenantId, parse_uuid};
use clientbook_model::policy;
use clientbook_model::principal::{Permission, Reach, Role};
use clientbook_model::secret::Secret;
use clientbook_model::text::ScopeId;
use clientbook_model::time::Timestamp;
use clientbook_model::violation::Violation;
use clientbook_store::api_tokens::{self, TokenFilter};
use clientbook_store::{Repeat, Tx, clients};
use serde_json::{Value, json};

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct NewApiToken {
    /// What people call it.
    pub name: ApiTokenName,
    /// The tenant, as written; the caller's own if absent.
    pub tenant: Option<String>,
    /// What it lets its bearer do.
    pub capability: Capability,
    /// The only clients it may touch.
    pub client_ids: Option<Vec<ClientId>>,
    /// The only organization.
    pub org_id: Option<ScopeId>,
    /// The only project.
    pub project_id: Option<ScopeId>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// Which tokens to list.
#[derive(Debug, Clone, Default)]
pub struct ApiTokenQuery {
    /// The tenant, as written; the caller's own if absent.
    pub tenant: Option<String>,
    /// Rows on a page.
    pub page_size: i64,
    /// Where to go on.
    pub cursor: Option<String>,
}

impl App {
    /// Whether the caller may manage tokens at all.
    pub fn may_manage_tokens(caller: &Caller) -> Result<(), AppError> {
        let permission = Permission::TokensManage;
        if caller.principal.permissions.has(permission) {
            return Ok(());
        }
        Err(AppError::Forbidden(Forbidden::Lacks(permission)))
    }

    /// Makes a token; its secret is told here and never again. Needs `tokens.manage`, and all
    /// that the token is to hold.
    pub async fn issue_api_token(
        &self,
        caller: &Caller,
        wish: NewApiToken,
        once: Once<(ApiToken, Secret)>,
    ) -> Result<Done<(ApiToken, Secret)>, AppError> {
        Self::may_manage_tokens(caller)?;
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                let now = env.now();
                load::still_works(tx, &caller, now).await?;
                let reach = reach_of(tx, &caller, &wish).await?;
                let token = ApiToken {
                    id: ApiTokenId(env.uuid(now)),
                    tenant_id: home_of(reach),
                    name: wish.name.clone(),
                    grant: Grant {
                        reach,
                        capability: wish.capability,
                        client_ids: wish.client_ids.clone(),
                        org_id: wish.org_id.clone(),
                        project_id: wish.project_id.clone(),
                        expires_at: wish.expires_at,
                    },
                    created_by: caller.principal.actor.id.clone(),
                    created_at: now,
                };
                policy::may_grant(&caller.principal, &token.grant)
                    .map_err(|overreach| AppError::Forbidden(Forbidden::Overreach(overreach)))?;
                if let Some(kept) = once.seek(tx, &caller, now).await? {
                    return Ok(Done::Told(kept.told));
                }
                // Afterwards, so that a restricted caller cannot ask which clients there are.
                check(tx, &token.grant, now).await?;
                let secret = new_secret(&env);
                add(tx, &env, &caller, operation_id, &token, &secret).await?;
                once.keep(tx, now, About::made(token.id.0), (token, secret)).await
            })
            .await
    }

    /// Tokens that are not revoked, newest first. A caller who is restricted sees those it made.
    pub async fn list_api_tokens(
        &self,
        caller: &Caller,
        query: ApiTokenQuery,
    ) -> Result<Page<ApiToken>, AppError> {
        Self::may_manage_tokens(caller)?;
        let (caller, cursors) = (caller.clone(), self.0.cursors.clone());
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                let tenant_id = match &query.tenant {
                    Some(asked) => load::named_tenant(tx, &caller, asked, "/tenant").await?.id,
                    None => caller.home(),
                };
                let restricted = caller.principal.is_restricted();
                let created_by = restricted.then(|| caller.principal.actor.id.clone());
                let filter = TokenFilter { tenant_id, created_by };
                let scope = format!("api-tokens|{filter:?}");
                let (cursor, size) = (query.cursor.as_deref(), query.page_size);
                let after = cursors.resume(&scope, cursor, parse_uuid)?.map(ApiTokenId);
                let rows = api_tokens::list(tx, &filter, after, size + 1).await?;
                let total = api_tokens::count(tx, &filter).await?;
                Ok(cursors.page(&scope, rows, size, total, |last| last.id.to_string()))
            })
            .await
    }

    /// Takes a token back, from the next request on. Taking it back again changes nothing.
    pub async fn revoke_api_token(&self, caller: &Caller, asked: String) -> Result<(), AppError> {
        Self::may_manage_tokens(caller)?;
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                load::still_works(tx, &caller, env.now()).await?;
                let missing =
                    || AppError::NotFound(Missing { kind: "api_token", id: asked.clone() });
                let id = ApiTokenId(parse_uuid(&asked).ok_or_else(missing)?);
                let tenant_id = match caller.principal.reach {
                    Reach::Tenant(own) => own,
                    Reach::Everywhere => {
                        let found = api_tokens::tenant_across_tenants(tx, id).await?;
                        found.ok_or_else(missing)?
                    }
                };
                let found = api_tokens::get_for_update(tx, tenant_id, id).await?;
                let (token, works) = found.ok_or_else(missing)?;
                let own = token.created_by == caller.principal.actor.id;
                if caller.principal.is_restricted() && !own {
                    return Err(missing());
                }
                if !works {
                    return Ok(());
                }
                let now = env.now();
                api_tokens::revoke(tx, tenant_id, id, now).await?;
                let recorder =
                    Recorder { env: &env, caller: &caller, tenant_id, operation_id, now };
                let after = Value::from(now.to_string());
                let change = FieldChange { field: "revoked_at".into(), before: Value::Null, after };
                let event = event(id, Action::ApiTokenRevoked, std::slice::from_ref(&change));
                Ok(recorder.append_to_tenant(tx, &event).await?)
            })
            .await
    }
}

/// Writes a token and its audit entry.
pub(crate) async fn add(
    tx: &mut Tx,
    env: &Env,
    caller: &Caller,
    operation_id: uuid::Uuid,
    token: &ApiToken,
    secret: &Secret,
) -> Result<(), AppError> {
    api_tokens::insert(tx, token, secret.digest()).await?;
    let (tenant_id, now) = (token.tenant_id, token.created_at);
    let recorder = Recorder { env, caller, tenant_id, operation_id, now };
    let changes = facts(token);
    let event = event(token.id, Action::ApiTokenCreated, &changes);
    Ok(recorder.append_to_tenant(tx, &event).await?)
}

/// A fresh secret of the published form.
pub(crate) fn new_secret(env: &Env) -> Secret {
    let random = env.text(api_token::ALPHABET, api_token::LENGTH);
    Secret::new(format!("{}{random}", api_token::PREFIX))
}

/// Where an operators' token is kept, and where a tenant's.
fn home_of(reach: Reach) -> TenantId {
    match reach {
        Reach::Tenant(tenant) => tenant,
        Reach::Everywhere => TenantId::SYSTEM,
    }
}

async fn reach_of(tx: &mut Tx, caller: &Caller, wish: &NewApiToken) -> Result<Reach, AppError> {
    let operator = wish.capability == Capability::Role(Role::Operator);
    match (&wish.tenant, caller.principal.reach) {
        (Some(_), Reach::Everywhere) if operator => {
            Err(invalid("/tenant", "operator", "an operator's token is of no tenant: leave it out"))
        }
        (Some(asked), _) => {
            let tenant = load::named_tenant(tx, caller, asked, "/tenant").await?;
            Ok(Reach::Tenant(tenant.id))
        }
        (None, Reach::Everywhere) if operator => Ok(Reach::Everywhere),
        (None, Reach::Everywhere) => {
            Err(invalid("/tenant", "required", "must name the tenant the token is for"))
        }
        (None, Reach::Tenant(own)) => Ok(Reach::Tenant(own)),
    }
}

async fn check(tx: &mut Tx, grant: &Grant, now: Timestamp) -> Result<(), AppError> {
    let mut violations = Vec::new();
    if grant.expires_at.is_some_and(|end| end <= now) {
        violations.push(Violation::new("future", "must be in the future").below("/expires_at"));
    }
    let restricted =
        grant.client_ids.is_some() || grant.org_id.is_some() || grant.project_id.is_some();
    if grant.reach == Reach::Everywhere && restricted {
        let message = "an operator's token cannot be restricted";
        violations.push(Violation::new("operator", message).below("/role"));
    }
    if grant.reach != Reach::Everywhere && grant.permissions().has(Permission::TenantsManage) {
        let message = "a tenant's token cannot manage tenants: choose another role or permissions";
        violations.push(Violation::new("operator", message).below("/role"));
    }
    if let Reach::Tenant(tenant) = grant.reach {
        for (at, id) in grant.client_ids.iter().flatten().enumerate() {
            if clients::status(tx, tenant, *id).await?.is_none() {
                let message = "must be the id of a client of the tenant";
                let path = format!("/client_ids/{at}");
                violations.push(Violation::new("exists", message).below(&path));
            }
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(AppError::Invalid(violations)) }
}

fn event(id: ApiTokenId, action: Action, changes: &[FieldChange]) -> Event<'_> {
    Event { entity_type: EntityType::ApiToken, entity_id: id.0, action, changes }
}

fn facts(token: &ApiToken) -> Vec<FieldChange> {
    let grant = &token.grant;
    let (role, permissions) = match grant.capability {
        Capability::Role(role) => (json!(role.as_str()), Value::Null),
        Capability::Permissions(all) => {
            (Value::Null, all.iter().map(Permission::as_str).collect::<Vec<_>>().into())
        }
    };
    let facts = [
        ("name", json!(token.name)),
        ("role", role),
        ("permissions", permissions),
        ("client_ids", json!(grant.client_ids)),
        ("org_id", json!(grant.org_id)),
        ("project_id", json!(grant.project_id)),
        ("expires_at", json!(grant.expires_at)),
    ];
    let set = facts.into_iter().filter(|(_, after)| !after.is_null());
    set.map(|(field, after)| FieldChange { field: field.into(), before: Value::Null, after })
        .collect()
}
