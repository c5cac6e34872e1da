//! JWTs of configured issuers (RFC 7519, RFC 8725): verified anew for every request.

use crate::App;
use crate::authenticate::check_clients;
use crate::error::{AppError, Unauthenticated};
use crate::issuer::{Issuer, IssuerSettings};
use clientbook_model::api_token::MAX_CLIENTS;
use clientbook_model::id::{ClientId, parse_uuid};
use clientbook_model::patch::Parse as _;
use clientbook_model::principal::{
    Actor, ActorKind, Permission, Permissions, Principal, Reach, Role,
};
use clientbook_model::tenant::TenantKey;
use clientbook_model::text::{ScopeId, no_nul};
use clientbook_store::{Tx, tenants};
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{Header, Validation, decode, decode_header};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Seconds by which clocks may differ.
const LEEWAY: i64 = 60;

/// The longest `sub`, name or tenant, in bytes.
const MAX_TEXT: usize = 1000;

/// The claims of a token.
type Claims = Map<String, Value>;

/// The issuers this installation believes.
#[derive(Clone, Default)]
pub(crate) struct Issuers(pub(crate) Arc<[Arc<Issuer>]>);

const INVALID: AppError = AppError::Unauthenticated(Unauthenticated::Invalid);

/// Whether a secret has the form of a JWT: three parts, the first of which is a header. Dots alone
/// are not enough: the operator's own first token may have them.
pub(crate) fn is_jwt(secret: &str) -> bool {
    secret.bytes().filter(|byte| *byte == b'.').count() == 2 && decode_header(secret).is_ok()
}

impl App {
    /// The principal that a JWT speaks for.
    pub(crate) async fn authenticate_jwt(&self, token: &str) -> Result<Principal, AppError> {
        let header = decode_header(token).map_err(|_| INVALID)?;
        // RFC 7515, section 4.1.11: it must be refused by who does not know what it names, and we
        // know no extension.
        if header.crit.is_some() {
            return Err(INVALID);
        }
        let (issuer, claims) = self.verified(token, &header).await?;
        self.check_times(&claims)?;
        let held = hold(&issuer.settings, &claims).ok_or(INVALID)?;
        self.principal(&issuer.settings, &claims, held).await
    }

    /// Signature, issuer and audience; the header is only asked which key to use.
    async fn verified(&self, token: &str, header: &Header) -> Result<(&Issuer, Claims), AppError> {
        let unverified: Claims = insecure_decode_claims(token).map_err(|_| INVALID)?;
        let named = unverified.get("iss").and_then(Value::as_str).ok_or(INVALID)?;
        let mut issuers = self.0.issuers.0.iter();
        let issuer = issuers.find(|issuer| issuer.settings.issuer == named).ok_or(INVALID)?;
        let id = header.kid.as_deref();
        let key = issuer.key(id, header.alg, self.0.env.now()).await.ok_or(INVALID)?;
        let mut validation = Validation::new(key.algorithm);
        validation.set_issuer(&[&issuer.settings.issuer]);
        validation.set_audience(&issuer.settings.audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Times are checked by our own clock.
        validation.validate_exp = false;
        let verified = decode::<Claims>(token, &key.verifying, &validation).map_err(|_| INVALID)?;
        Ok((issuer, verified.claims))
    }

    fn check_times(&self, claims: &Claims) -> Result<(), AppError> {
        let now = self.0.env.now().millis() / 1000;
        let seconds = |name| match claims.get(name) {
            None => Ok(None),
            // RFC 7519 allows fractions; what is no number at all is no time.
            Some(value) => value.as_f64().map(|time| Some(time.floor())).ok_or(INVALID),
        };
        #[expect(clippy::cast_precision_loss, reason = "times of a calendar fit")]
        let (early, late) = ((now + LEEWAY) as f64, (now - LEEWAY) as f64);
        if seconds("exp")?.ok_or(INVALID)? <= late {
            return Err(AppError::Unauthenticated(Unauthenticated::Expired));
        }
        if seconds("nbf")?.is_some_and(|begins| begins > early) {
            return Err(INVALID);
        }
        Ok(())
    }

    async fn principal(
        &self,
        issuer: &IssuerSettings,
        claims: &Claims,
        held: Held,
    ) -> Result<Principal, AppError> {
        let subject = text(claims, "sub").ok_or(INVALID)?;
        let name = ["name", "email"].into_iter().find_map(|claim| text(claims, claim));
        let actor = Actor {
            kind: ActorKind::Subject,
            id: format!("{}#{subject}", issuer.issuer),
            name: name.unwrap_or(subject).to_owned(),
        };
        let allowed = issuer.tenants.clone();
        let (operator, permissions) = (held.operator, held.permissions);
        let (tenant, clients) = (held.tenant, held.clients);
        let (reach, clients) = self
            .0
            .db
            .lookup(async move |tx: &mut Tx| {
                if operator {
                    return Ok((Reach::Everywhere, clients.clone()));
                }
                let key = tenant.as_ref().ok_or(INVALID)?;
                let tenant = tenants::find(tx, key).await?.ok_or(INVALID)?;
                let names = |key: &TenantKey| match key {
                    TenantKey::Id(id) => *id == tenant.id,
                    TenantKey::ObjectId(id) => *id == tenant.object_id,
                    TenantKey::Slug(slug) => *slug == tenant.slug,
                };
                if !allowed.iter().any(names) {
                    return Err(INVALID);
                }
                let clients = check_clients(tx, tenant.id, clients.clone()).await?;
                Ok((Reach::Tenant(tenant.id), clients))
            })
            .await?;
        let (org_id, project_id) = (held.org_id, held.project_id);
        // Its end is near: what it grants may live longer.
        let expires_at = None;
        Ok(Principal { actor, reach, permissions, clients, org_id, project_id, expires_at })
    }
}

/// What a token says that its bearer holds.
struct Held {
    operator: bool,
    tenant: Option<TenantKey>,
    permissions: Permissions,
    clients: Option<Vec<ClientId>>,
    org_id: Option<ScopeId>,
    project_id: Option<ScopeId>,
}

/// Reads the claims; `None` where they name nothing, more than the issuer may give, or what cannot
/// be read: a restriction that is not understood must not be dropped.
fn hold(issuer: &IssuerSettings, claims: &Claims) -> Option<Held> {
    let names = &issuer.claims;
    let roles = list(claims, &names.roles)?;
    let roles: Vec<_> = roles.iter().filter_map(|role| Role::from_name(role)).collect();
    if roles.iter().any(|role| *role > issuer.max_role) {
        return None;
    }
    let listed = list(claims, &names.permissions)?;
    let listed = listed.iter().filter_map(|name| Permission::from_name(name));
    let permissions: Permissions =
        roles.iter().flat_map(|role| role.permissions().iter()).chain(listed).collect();
    if permissions == Permissions::default() || !issuer.max_role.permissions().covers(permissions) {
        return None;
    }
    let held = Held {
        operator: roles.contains(&Role::Operator),
        tenant: text(claims, &names.tenant).and_then(TenantKey::parse),
        permissions,
        clients: restriction(claims, &names.clients, clients).ok()?,
        org_id: restriction(claims, &names.org, scope).ok()?,
        project_id: restriction(claims, &names.project, scope).ok()?,
    };
    let restricted = held.clients.is_some() || held.org_id.is_some() || held.project_id.is_some();
    // As with API tokens: who reaches every tenant is not restricted within one.
    if held.operator && restricted { None } else { Some(held) }
}

fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    let text = claims.get(name).and_then(Value::as_str);
    text.filter(|text| (1..=MAX_TEXT).contains(&text.len()) && no_nul(text).is_ok())
}

/// Texts of a claim that is a list or one text, empty where absent.
fn list<'a>(claims: &'a Claims, name: &str) -> Option<Vec<&'a str>> {
    match claims.get(name) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(value) => texts(value),
    }
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(one) => Some(one.split_whitespace().collect()),
        Value::Array(many) => many.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

fn clients(value: &Value) -> Option<Vec<ClientId>> {
    let ids = texts(value)?;
    let ids: Option<Vec<_>> = ids.into_iter().map(|id| parse_uuid(id).map(ClientId)).collect();
    ids.filter(|ids| (1..=MAX_CLIENTS).contains(&ids.len()))
}

fn scope(value: &Value) -> Option<ScopeId> {
    ScopeId::parse(value).ok()
}

/// A restriction: absent, or one that is understood. `null` is neither: an issuer that failed to
/// find out whom its token is for would otherwise open the whole tenant.
fn restriction<T>(
    claims: &Claims,
    name: &str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Result<Option<T>, ()> {
    claims.get(name).map(|value| read(value).ok_or(())).transpose()
}
