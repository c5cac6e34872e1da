//! A row that changes a client.

use super::batch::{Batch, Outcome, Stop, lacks, refused};
use crate::change_client::write;
use crate::error::AppError;
use crate::references::{circle, no_such_parent};
use clientbook_model::client::ClientPatch;
use clientbook_model::id::ClientId;
use clientbook_model::moving::{ImportRow, TokenWish};
use clientbook_model::number::Reference;
use clientbook_model::patch::Patch;
use clientbook_model::policy;
use clientbook_model::text::Text;
use clientbook_model::violation::Violation;
use clientbook_store::client_keys::Named;
use clientbook_store::clients::{self, ClientRecord};
use clientbook_store::{Tx, merged_clients, tenants};

impl Batch<'_> {
    pub(super) async fn change(
        &mut self,
        tx: &mut Tx,
        row: &ImportRow,
        id: ClientId,
    ) -> Result<Outcome, Stop> {
        let record = self.known.records.get(&id).cloned();
        let record = record.ok_or_else(|| AppError::Internal("a found client is gone".into()))?;
        let mut violations = self.echoes(row, &record);
        let holder = row.external_id().and_then(|new| self.known.external_ids.get(new)).copied();
        if holder.is_some_and(|holder| holder != id) {
            let message = "another client of the tenant already has this external id";
            violations.push(Violation::new("unique", message).below("/external_id"));
        }
        let client_type = self.client_type(row, &mut violations);
        let parent = self.parent(row);
        if let Some(broken) = self.parent_rule(tx, parent.as_ref(), &record).await? {
            violations.push(broken.below("/parent_client_id"));
        }
        let mut patch = ClientPatch {
            parent_client_id: parent.clone().unwrap_or_default(),
            client_type_id: client_type.id.clone(),
            ..row.patch.clone()
        };
        // Its own, or that of a record which was merged into it and keeps it.
        if holder == Some(id) {
            patch.external_id = Patch::Absent;
        }
        self.rules().resolve(&record.client, &row.custom, &mut patch, &mut violations);
        let (next, changes) = match record.client.apply(&patch) {
            Ok(done) => done,
            Err(refusal) => {
                violations.extend(refused(refusal));
                return Ok(Outcome::Failed(violations));
            }
        };
        violations.extend(changes.iter().filter_map(|change| {
            let permission = policy::permission_to_change(&change.field);
            (!self.job.holds(permission)).then(|| lacks(&change.field, permission))
        }));
        violations.extend(self.taken_value(tx, &record.client, &next, row).await?);
        if !violations.is_empty() {
            return Ok(Outcome::Failed(violations));
        }
        if parent.is_none() {
            return Ok(Outcome::Waits);
        }
        if changes.is_empty() {
            return Ok(Outcome::Unchanged);
        }
        self.add_type(tx, client_type).await?;
        let old = record.client.external_id.clone();
        let now = self.now.max(record.client.updated_at);
        let record = write(tx, &self.recorder(now), record, next, changes).await?;
        self.rename(tx, id, old.as_ref(), &record).await?;
        Ok(Outcome::Updated)
    }

    async fn parent_rule(
        &self,
        tx: &mut Tx,
        parent: Option<&Patch<Reference>>,
        record: &ClientRecord,
    ) -> Result<Option<Violation>, AppError> {
        let number = match parent {
            None => return Ok(self.last.then(no_such_parent)),
            Some(Patch::Set(number)) if record.client.parent_client_id != Some(*number) => *number,
            Some(_) => return Ok(None),
        };
        let (tenant, own) = (record.client.tenant_id, record.client.number);
        tenants::lock(tx, tenant).await?;
        let closes = clients::is_above_or_same(tx, tenant, own, number.get()).await?;
        Ok(closes.then(circle))
    }

    async fn rename(
        &mut self,
        tx: &mut Tx,
        id: ClientId,
        old: Option<&Text<100>>,
        record: &ClientRecord,
    ) -> Result<(), AppError> {
        let (tenant, names) = (record.client.tenant_id, &mut self.known.external_ids);
        let changed = old.filter(|old| record.client.external_id.as_ref() != Some(old));
        if let Some(old) = changed
            && merged_clients::giver(tx, tenant, old.as_str()).await?.is_none()
        {
            names.remove(old.as_str());
        }
        if let Some(new) = &record.client.external_id {
            names.insert(new.as_str().to_owned(), id);
        }
        self.known.records.insert(id, record.clone());
        Ok(())
    }

    /// What a client is known by does not change: the row leaves it out, or has it as it is. The names
    /// of records that were merged into it are its own, too.
    fn echoes(&self, row: &ImportRow, record: &ClientRecord) -> Vec<Violation> {
        let (client, known) = (&record.client, &self.known);
        let leads = |named: Option<&Named>| named.is_some_and(|(id, _)| *id == client.id);
        let token = match (&row.token, &record.enrollment_token) {
            (TokenWish::Absent | TokenWish::Without, _) => true,
            (TokenWish::Given(row), Some(token)) => row.is(token),
            (TokenWish::Given(_), None) => false,
        };
        let same = [
            ("/id", row.id.is_none_or(|id| leads(known.ids.get(&id).and_then(Option::as_ref)))),
            ("/number", row.number.is_none_or(|number| leads(known.numbers.get(&number)))),
            ("/object_id", row.object_id.is_none_or(|id| known.object_id(id) == Some(client.id))),
            ("/enrollment_token", token),
        ];
        let message = "cannot be changed by an import: leave it out, or have it as it is";
        let broken = same.into_iter().filter(|(_, same)| !same);
        broken.map(|(path, _)| Violation::new("read_only", message).below(path)).collect()
    }
}
