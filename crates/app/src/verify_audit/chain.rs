//! One chain: its entries, its head, and the rows it tells of.

use super::story::Story;
use super::{GONE, PAGE, is_full, rows};
use crate::error::AppError;
use clientbook_model::audit::{ChainCheck, ChainFault};
use clientbook_model::id::{ClientId, TenantId};
use clientbook_store::{Tx, audit, clients, erased_clients, tenants};
use uuid::Uuid;

/// What was found in one chain.
pub(super) struct Checked {
    pub(super) entries: u64,
    pub(super) faults: Vec<String>,
}

pub(super) async fn check(
    tx: &mut Tx,
    tenant_id: TenantId,
    chain_id: Uuid,
) -> Result<Checked, AppError> {
    let client = clients::without_fields(tx, tenant_id, ClientId(chain_id)).await?;
    let gone = match &client {
        Some(_) => None,
        None => erased_clients::get(tx, tenant_id, ClientId(chain_id)).await?,
    };
    let head = match (&client, &gone) {
        (Some(record), _) => Some(record.client.audit),
        (None, Some(gone)) => Some(gone.audit),
        (None, None) if chain_id == tenant_id.0 => tenants::chain_head(tx, tenant_id).await?,
        (None, None) => None,
    };
    let Some(head) = head else {
        return Ok(Checked { entries: 0, faults: vec![GONE.to_owned()] });
    };
    let mut walk = Walk::default();
    let walked = walk.all(tx, tenant_id, chain_id).await?;
    let Walk { check, mut story, entries } = walk;
    // What a broken chain tells is not worth comparing.
    if let Err(fault) = walked.and_then(|()| check.finish(&head)) {
        return Ok(Checked { entries, faults: vec![fault.to_string()] });
    }
    if let Some(gone) = gone {
        let faults = story.faults_of_erased(gone.erased_at);
        return Ok(Checked { entries, faults });
    }
    let mut faults: Vec<_> = story.erased().into_iter().chain(story.resurrected()).collect();
    faults.extend(match &client {
        Some(record) => rows::of_client(tx, record, &mut story).await?,
        None => rows::of_tenant(tx, tenant_id, &mut story).await?,
    });
    faults.extend(story.without_row());
    Ok(Checked { entries, faults })
}

#[derive(Default)]
struct Walk {
    check: ChainCheck,
    story: Story,
    entries: u64,
}

impl Walk {
    /// Reads the chain to its end or its first fault.
    async fn all(
        &mut self,
        tx: &mut Tx,
        tenant: TenantId,
        chain: Uuid,
    ) -> Result<Result<(), ChainFault>, AppError> {
        // Not from 1: an entry before the first would be one that nobody sees but the log shows.
        let mut from = i64::MIN;
        loop {
            let page = audit::chain(tx, tenant, chain, from, PAGE).await?;
            let full = is_full(&page);
            for entry in page {
                self.entries += 1;
                if let Err(fault) = self.check.next(&entry) {
                    return Ok(Err(fault));
                }
                from = entry.sequence.saturating_add(1);
                self.story.read(entry);
            }
            if !full {
                return Ok(Ok(()));
            }
        }
    }
}
