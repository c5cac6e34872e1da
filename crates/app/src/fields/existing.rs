//! What clients already hold under the key of a field that is defined or becomes unique. Under the
//! lock of the tenant's definitions nobody writes values meanwhile.

use crate::error::{AppError, invalid};
use clientbook_model::field::Field;
use clientbook_model::id::{ClientId, ObjectId, TenantId};
use clientbook_store::Tx;
use clientbook_store::client_values::{self, Holder};
use std::collections::HashMap;

/// Clients that are read at a time.
const PAGE: i64 = 500;

/// How many clients a refusal names.
const NAMED: usize = 10;

/// Refuses a definition that values do not fit which clients already hold.
pub(super) async fn check(tx: &mut Tx, tenant: TenantId, field: &Field) -> Result<(), AppError> {
    let (mut count, mut named) = (0_u64, Vec::new());
    let mut pages = Pages::new();
    while let Some(page) = pages.next(tx, tenant, field).await? {
        for holder in page {
            let fits = |value| field.check(value).is_ok_and(|kept| kept == *value);
            if !holder.value.as_ref().is_none_or(fits) {
                count += 1;
                if named.len() < NAMED {
                    named.push(holder.object_id.to_string());
                }
            }
        }
    }
    if count == 0 {
        return Ok(());
    }
    let more = if count > NAMED as u64 { ", ..." } else { "" };
    let message = format!(
        "must fit what clients already hold under the key {}; {count} hold something else: {}{more}",
        field.key,
        named.join(", ")
    );
    Err(invalid("/type", "existing_values", message))
}

/// Has the store keep values apart from now on, or refuses where two are the same.
pub(super) async fn make_unique(
    tx: &mut Tx,
    tenant: TenantId,
    field: &Field,
) -> Result<(), AppError> {
    let mut owners: HashMap<[u8; 32], ObjectId> = HashMap::new();
    let (mut count, mut named) = (0_u64, Vec::new());
    let mut pages = Pages::new();
    while let Some(page) = pages.next(tx, tenant, field).await? {
        for Holder { client, object_id, value } in page {
            let Some(digest) = value.map(|value| field.digest(&value)) else { continue };
            if let Some(owner) = owners.get(&digest) {
                count += 1;
                if named.len() < NAMED {
                    named.push(format!("{owner} and {object_id}"));
                }
            } else {
                owners.insert(digest, object_id);
                if count == 0 {
                    client_values::set_digest(tx, tenant, &field.key, client, &digest).await?;
                }
            }
        }
    }
    if count == 0 {
        return Ok(());
    }
    let more = if count > NAMED as u64 { ", ..." } else { "" };
    let message =
        format!("clients have the same value, which must differ first: {}{more}", named.join(", "));
    Err(invalid("/is_unique", "duplicates", message))
}

/// Lets values be the same from now on.
pub(super) async fn forget_unique(
    tx: &mut Tx,
    tenant: TenantId,
    field: &Field,
) -> Result<(), AppError> {
    Ok(client_values::clear_digests(tx, tenant, &field.key).await?)
}

/// Walks over all clients that hold a value of a field.
struct Pages {
    next: Option<ClientId>,
}

impl Pages {
    fn new() -> Self {
        Self { next: Some(ClientId::FIRST) }
    }

    async fn next(
        &mut self,
        tx: &mut Tx,
        tenant: TenantId,
        field: &Field,
    ) -> Result<Option<Vec<Holder>>, AppError> {
        let Some(from) = self.next else {
            return Ok(None);
        };
        let page = client_values::holders(tx, tenant, &field.key, from, PAGE).await?;
        let full = i64::try_from(page.len()).is_ok_and(|length| length >= PAGE);
        self.next = page.last().filter(|_| full).and_then(|last| last.client.next());
        Ok(Some(page))
    }
}
