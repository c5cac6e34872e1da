//! What is there of what the rows of a batch name: asked for once, and kept up with what they do.

use super::Job;
use crate::error::AppError;
use clientbook_model::id::{ClientId, ClientNumber, EnrollmentTokenId, ObjectId};
use clientbook_model::moving::{ImportRow, MatchBy, ParentRef, SourceRow, TokenWish};
use clientbook_model::patch::Patch;
use clientbook_model::success::ClientType;
use clientbook_store::client_keys::Named;
use clientbook_store::clients::{self, ClientRecord};
use clientbook_store::{Tx, client_keys, client_types};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What is there.
#[derive(Default)]
pub(super) struct Known {
    /// Clients that rows change.
    pub(super) records: HashMap<ClientId, ClientRecord>,
    /// UUIDs that are taken, with the client where it is one of the tenant's.
    pub(super) ids: HashMap<ClientId, Option<Named>>,
    pub(super) numbers: HashMap<ClientNumber, Named>,
    pub(super) object_ids: HashMap<String, ClientId>,
    pub(super) external_ids: HashMap<String, ClientId>,
    /// Numbers and object ids of clients that were erased.
    pub(super) spent_numbers: HashSet<ClientNumber>,
    pub(super) spent_object_ids: HashSet<String>,
    pub(super) token_values: HashSet<String>,
    pub(super) token_ids: HashSet<EnrollmentTokenId>,
    /// The tenant's, if a row names one.
    pub(super) types: Vec<ClientType>,
}

/// What rows name.
#[derive(Default)]
struct Asked {
    ids: BTreeSet<ClientId>,
    numbers: BTreeSet<ClientNumber>,
    object_ids: BTreeSet<String>,
    external_ids: BTreeSet<String>,
    token_values: BTreeSet<String>,
    token_ids: BTreeSet<EnrollmentTokenId>,
    types: bool,
}

impl Asked {
    fn note(&mut self, row: &ImportRow) {
        self.ids.extend(row.id);
        self.numbers.extend(row.number);
        self.object_ids.extend(row.object_id.map(|id| id.to_string()));
        self.external_ids.extend(row.external_id().map(str::to_owned));
        match row.parent {
            Patch::Set(ParentRef::Id(id)) => self.ids.extend([id]),
            Patch::Set(ParentRef::Number(number)) => self.numbers.extend([number]),
            Patch::Absent | Patch::Clear => {}
        }
        if let TokenWish::Given(token) = &row.token {
            self.token_values.insert(token.value().to_owned());
            self.token_ids.extend(token.id());
        }
        self.types |= matches!(row.patch.client_type_id, Patch::Set(_))
            || matches!(row.client_type_title, Patch::Set(_));
    }
}

fn list<T>(set: BTreeSet<T>) -> Vec<T> {
    set.into_iter().collect()
}

impl Known {
    pub(super) async fn of(tx: &mut Tx, job: &Job, rows: &[SourceRow]) -> Result<Self, AppError> {
        let mut named = Asked::default();
        rows.iter().filter_map(|row| row.read.as_ref().ok()).for_each(|row| named.note(row));
        let tenant = job.tenant_id();
        let ids = client_keys::ids_across_tenants(tx, tenant, &list(named.ids)).await?;
        let asked = list(named.numbers);
        let numbers = client_keys::numbers(tx, tenant, &asked).await?;
        let spent_numbers = client_keys::spent_numbers(tx, tenant, &asked).await?;
        let asked = list(named.object_ids);
        let object_ids = client_keys::object_ids(tx, tenant, &asked).await?;
        let spent_object_ids = client_keys::spent_object_ids(tx, tenant, &asked).await?;
        let external_ids = client_keys::external_ids(tx, tenant, &list(named.external_ids)).await?;
        let values = list(named.token_values);
        let values = client_keys::token_values_across_tenants(tx, &values).await?;
        let token_ids = client_keys::token_ids(tx, tenant, &list(named.token_ids)).await?;
        let types = if named.types { client_types::list(tx, tenant).await? } else { Vec::new() };
        let mut known = Self {
            records: HashMap::new(),
            ids: ids.into_iter().collect(),
            numbers: numbers.into_iter().collect(),
            object_ids: object_ids.into_iter().collect(),
            external_ids: external_ids.into_iter().collect(),
            spent_numbers: spent_numbers.into_iter().collect(),
            spent_object_ids: spent_object_ids.into_iter().collect(),
            token_values: values.into_iter().collect(),
            token_ids: token_ids.into_iter().collect(),
            types,
        };
        let found = rows.iter().filter_map(|row| row.read.as_ref().ok());
        let found: BTreeSet<_> = found.filter_map(|row| known.found(job.match_by, row)).collect();
        if !found.is_empty() {
            let found = list(found);
            client_keys::lock(tx, tenant, &found).await?;
            let records = clients::get_all(tx, tenant, &found).await?;
            let keyed = records.into_iter().map(|record| (record.client.id, record));
            known.records = keyed.collect();
        }
        Ok(known)
    }

    /// The client that a row changes, if there is one.
    pub(super) fn found(&self, by: Option<MatchBy>, row: &ImportRow) -> Option<ClientId> {
        match by? {
            MatchBy::Id => self.ids.get(&row.id?)?.map(|(id, _)| id),
            MatchBy::Number => self.numbers.get(&row.number?).map(|(id, _)| *id),
            MatchBy::ObjectId => self.object_id(row.object_id?),
            MatchBy::ExternalId => self.external_ids.get(row.external_id()?).copied(),
        }
    }

    pub(super) fn object_id(&self, id: ObjectId) -> Option<ClientId> {
        self.object_ids.get(&id.to_string()).copied()
    }
}
