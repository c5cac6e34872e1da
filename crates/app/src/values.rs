//! What the definitions of a tenant's fields say of a client's custom values.

use crate::error::AppError;
use clientbook_model::client::{Client, ClientPatch};
use clientbook_model::custom_field::{self, CustomWish};
use clientbook_model::field::Fields;
use clientbook_model::tenant::Tenant;
use clientbook_model::violation::Violation;
use clientbook_store::{Tx, client_values};

/// The rules of one tenant, as of this transaction.
#[derive(Clone, Copy)]
pub(crate) struct ValueRules<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) fields: Option<&'a Fields>,
}

impl ValueRules<'_> {
    /// Puts what `wishes` make of the values of `client` into `patch`.
    pub(crate) fn resolve(
        self,
        client: &Client,
        wishes: &[CustomWish],
        patch: &mut ClientPatch,
        violations: &mut Vec<Violation>,
    ) {
        if wishes.is_empty() {
            return;
        }
        let (none, strict) = (Fields::default(), self.tenant.strict_fields);
        let fields = self.fields.unwrap_or(&none);
        let (values, broken) = custom_field::resolve(fields, strict, &client.custom_values, wishes);
        patch.custom_values.extend(values);
        violations.extend(broken);
    }

    /// What a new client has no value of, unless the value sent was told to be wrong.
    pub(crate) fn missing(self, wishes: &[CustomWish], patch: &ClientPatch) -> Option<Violation> {
        let mut given = patch.custom_values.clone();
        for wish in wishes {
            given.entry(wish.key.clone()).or_insert_with(|| wish.value.clone());
        }
        custom_field::missing(self.fields?, &given)
    }

    /// Refuses a changed value that another client of the tenant has and that must be unique. Who
    /// comes at the same time is refused by the store's index.
    pub(crate) async fn check_unique(
        self,
        tx: &mut Tx,
        old: &Client,
        next: &Client,
        wishes: &[CustomWish],
    ) -> Result<(), AppError> {
        let fields = self.fields.into_iter().flat_map(Fields::active);
        for field in fields.filter(|field| field.is_unique) {
            let Some(value) = next.custom_values.get(&field.key) else { continue };
            if old.custom_values.get(&field.key) == Some(value) {
                continue;
            }
            let (tenant, digest) = (next.tenant_id, field.digest(value));
            let owner = client_values::with_digest(tx, tenant, &field.key, &digest).await?;
            if owner.is_some_and(|owner| owner != next.id) {
                let message = "another client of the tenant already has this value";
                let at = wishes.iter().find(|wish| wish.key == field.key);
                let at = at.map_or("/custom", |wish| &wish.value_at);
                return Err(AppError::Conflict(Violation::new("unique", message).below(at)));
            }
        }
        Ok(())
    }
}
