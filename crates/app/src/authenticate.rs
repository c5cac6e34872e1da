//! Who bears this token?

use crate::App;
use crate::error::{AppError, Unauthenticated};
use crate::jwt;
use clientbook_model::api_token::ApiToken;
use clientbook_model::id::{ClientId, TenantId};
use clientbook_model::principal::{Actor, ActorKind, Principal};
use clientbook_model::secret::{Secret, SecretDigest};
use clientbook_model::time::Timestamp;
use clientbook_store::{Tx, api_tokens, clients};
use std::sync::Arc;

impl App {
    /// The principal that bears `secret`: an API token, or a JWT of an issuer we believe. A
    /// revocation or a suspension holds from the next request on.
    pub async fn authenticate(&self, secret: &Secret) -> Result<Arc<Principal>, AppError> {
        if jwt::is_jwt(secret.expose()) {
            return Box::pin(self.authenticate_jwt(secret.expose())).await.map(Arc::new);
        }
        let (digest, now) = (secret.digest(), self.0.env.now());
        if let Some(principal) = self.0.kept.principals.get(&self.0.db, &digest.0) {
            if principal.expires_at.is_some_and(|end| end <= now) {
                return Err(AppError::Unauthenticated(Unauthenticated::Expired));
            }
            return Ok(principal);
        }
        let as_of = self.0.db.moment();
        // Apart: a request whose bearer is known does not carry the room that asking takes.
        let principal = Box::pin(self.find_principal(digest, now)).await.map(Arc::new)?;
        self.0.kept.principals.put(digest.0, &principal, as_of);
        Ok(principal)
    }

    async fn find_principal(
        &self,
        digest: SecretDigest,
        now: Timestamp,
    ) -> Result<Principal, AppError> {
        self.0
            .db
            .lookup(async move |tx: &mut Tx| {
                let refuse = |why| Err(AppError::Unauthenticated(why));
                let Some(token) = api_tokens::find_across_tenants(tx, digest).await? else {
                    return refuse(Unauthenticated::Invalid);
                };
                if token.grant.expires_at.is_some_and(|end| end <= now) {
                    return refuse(Unauthenticated::Expired);
                }
                let bound = token.grant.client_ids.clone();
                let clients = check_clients(tx, token.tenant_id, bound).await?;
                Ok(principal(token, clients))
            })
            .await
    }
}

/// A token bound to clients works as long as one of them is active. Where one of them was joined to
/// another, it is bound to that one too: these are the clients it is bound to.
pub(crate) async fn check_clients(
    tx: &mut Tx,
    tenant: TenantId,
    bound: Option<Vec<ClientId>>,
) -> Result<Option<Vec<ClientId>>, AppError> {
    let Some(mut all) = bound else {
        return Ok(None);
    };
    let (mut next, mut active) = (all.clone(), false);
    while !next.is_empty() {
        let found = clients::statuses(tx, tenant, &next).await?;
        // What was given up says nothing of the client any more.
        active |= found.iter().any(|(status, into)| into.is_none() && status.is_active());
        next = found.into_iter().filter_map(|(_, into)| into).collect();
        next.retain(|id| !all.contains(id));
        all.extend(&next);
    }
    if active { Ok(Some(all)) } else { Err(CLIENT_INACTIVE) }
}

const CLIENT_INACTIVE: AppError = AppError::Unauthenticated(Unauthenticated::ClientInactive);

fn principal(token: ApiToken, clients: Option<Vec<ClientId>>) -> Principal {
    let permissions = token.grant.permissions();
    Principal {
        actor: Actor {
            kind: ActorKind::ApiToken,
            id: token.id.to_string(),
            name: token.name.as_str().to_owned(),
        },
        reach: token.grant.reach,
        permissions,
        clients,
        org_id: token.grant.org_id,
        project_id: token.grant.project_id,
        expires_at: token.grant.expires_at,
    }
}
