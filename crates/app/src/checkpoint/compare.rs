//! The store compared with a checkpoint: what was there must be there still.

use super::lines::{Told, next_chains};
use super::{PAGE, lines};
use crate::App;
use crate::error::{AppError, invalid};
use crate::verify_audit::{AuditFault, AuditScope};
use clientbook_model::id::parse_uuid;
use clientbook_store::{Tx, audit};
use std::io::BufRead;

impl App {
    /// Every chain in `scope` that has lost what the checkpoint in `file`, which has been checked, says
    /// it had. Chains may have grown since, and new ones may have come; but a tenant or a client that is
    /// asked for has to be in the checkpoint, and the tenant in the store too.
    pub async fn verify_against(
        &self,
        mut file: impl BufRead,
        scope: &AuditScope,
    ) -> Result<Vec<AuditFault>, AppError> {
        let tenant = self.tenant_by_name(scope.tenant.clone()).await?;
        let named = |asked: &String| parse_uuid(asked).ok_or_else(|| untold("client", asked));
        let client = scope.client.as_ref().map(named).transpose()?;
        let limit = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let (mut lost, mut compared) = (Vec::new(), 0);
        loop {
            let chains = next_chains(&mut file, limit);
            let chains =
                chains.map_err(|why| AppError::Unavailable(format!("the checkpoint: {why}")))?;
            let full = chains.len() == limit;
            let wanted = chains.into_iter().filter(|told| {
                tenant.is_none_or(|tenant| tenant == told.tenant_id)
                    && client.is_none_or(|client| client == told.chain_id)
            });
            let wanted: Vec<_> = wanted.collect();
            compared += wanted.len();
            let faults = self
                .0
                .db
                .scan(async move |tx: &mut Tx| {
                    let mut faults = Vec::new();
                    for told in &wanted {
                        faults.extend(compare(tx, told).await?);
                    }
                    Ok::<_, AppError>(faults)
                })
                .await?;
            lost.extend(faults);
            if full {
                continue;
            }
            return match (compared, &scope.client, &scope.tenant) {
                (0, Some(client), _) => Err(untold("client", client)),
                (0, None, Some(tenant)) => Err(untold("tenant", tenant)),
                _ => Ok(lost),
            };
        }
    }
}

fn untold(kind: &str, asked: &str) -> AppError {
    invalid("/against", "told", format!("has nothing of the {kind} {asked:?}"))
}

async fn compare(tx: &mut Tx, told: &lines::Told) -> Result<Option<AuditFault>, AppError> {
    let Told { tenant_id, chain_id, count, hash } = *told;
    if count == 0 {
        return Ok(None);
    }
    let what = match audit::hash_at(tx, tenant_id, chain_id, count).await? {
        Some(found) if found == hash => return Ok(None),
        Some(_) => {
            format!("entry {count} is not the one of the checkpoint: the chain was built anew")
        }
        None => match audit::length(tx, tenant_id, chain_id).await? {
            0 => format!(
                "the checkpoint has {count} entries of the chain, and none is there: it was removed"
            ),
            found => format!(
                "the checkpoint has {count} entries of the chain, and {found} are there: the newest \
                 were removed"
            ),
        },
    };
    Ok(Some(AuditFault { tenant_id, chain_id, what }))
}
