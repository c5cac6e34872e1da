//! Who bears this token?

use crate::App;
use crate::error::{AppError, Unauthenticated};
use clientbook_model::api_token::ApiToken;
use clientbook_model::principal::{Actor, ActorKind, Principal};
use clientbook_model::secret::Secret;
use clientbook_model::status::Status;
use clientbook_store::{Tx, api_tokens, clients};

impl App {
    /// The principal that bears `secret`. Read afresh for every request: a revocation or a
    /// suspension holds from the next one on.
    pub async fn authenticate(&self, secret: &Secret) -> Result<Principal, AppError> {
        let (digest, now) = (secret.digest(), self.env.now());
        self.db
            .read(async move |tx: &mut Tx| {
                let refuse = |why| Err(AppError::Unauthenticated(why));
                let Some(token) = api_tokens::find_across_tenants(tx, digest).await? else {
                    return refuse(Unauthenticated::Invalid);
                };
                if token.grant.expires_at.is_some_and(|end| end <= now) {
                    return refuse(Unauthenticated::Expired);
                }
                if !some_client_is_active(tx, &token).await? {
                    return refuse(Unauthenticated::ClientInactive);
                }
                Ok(principal(token))
            })
            .await
    }
}

/// A token bound to clients lives as long as one of them is active.
async fn some_client_is_active(tx: &mut Tx, token: &ApiToken) -> Result<bool, AppError> {
    let Some(ids) = &token.grant.client_ids else {
        return Ok(true);
    };
    for id in ids {
        let status = clients::status(tx, token.tenant_id, *id).await?;
        if status.is_some_and(Status::is_active) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn principal(token: ApiToken) -> Principal {
    let permissions = token.grant.permissions();
    Principal {
        actor: Actor {
            kind: ActorKind::ApiToken,
            id: token.id.to_string(),
            name: token.name.as_str().to_owned(),
        },
        reach: token.grant.reach,
        permissions,
        clients: token.grant.client_ids,
        org_id: token.grant.org_id,
        project_id: token.grant.project_id,
        expires_at: token.grant.expires_at,
    }
}
