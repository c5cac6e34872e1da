//! A row that makes a client.

use super::batch::{Batch, Outcome, Stop, lacks, refused};
use crate::create::{add_client_type, insert_client};
use crate::create_client::{first_terms, numbers_spent};
use crate::enrollment_tokens;
use crate::references::{no_such_parent, no_such_type};
use clientbook_model::client::{Client, ClientPatch, Identity};
use clientbook_model::collection::CollectionMode;
use clientbook_model::enrollment::EnrollmentToken;
use clientbook_model::id::{ClientId, ClientNumber, EnrollmentTokenId};
use clientbook_model::moving::{ImportRow, MAX_NUMBER, TokenWish};
use clientbook_model::number::Reference;
use clientbook_model::patch::Patch;
use clientbook_model::policy;
use clientbook_model::principal::Permission;
use clientbook_model::status::Status;
use clientbook_model::success::{ClientType, MAX_TYPES, TypeTitle};
use clientbook_model::time::Timestamp;
use clientbook_model::violation::Violation;
use clientbook_store::Tx;

/// The type that a row names.
pub(super) struct TypeWish {
    pub(super) id: Patch<Reference>,
    /// It is to be made.
    new: Option<ClientType>,
}

impl Batch<'_> {
    pub(super) async fn make(&mut self, tx: &mut Tx, row: &ImportRow) -> Result<Outcome, Stop> {
        let mut violations = self.clashes(row);
        violations.extend(self.identity(row));
        let client_type = self.client_type(row, &mut violations);
        let parent = self.parent(row);
        if parent.is_none() && self.last {
            violations.push(no_such_parent().below("/parent_client_id"));
        }
        let Some(name) = row.patch.name.clone() else {
            violations.push(Violation::new("required", "must be given").below("/name"));
            return Ok(Outcome::Failed(violations));
        };
        let created_at = row.created_at.or(row.updated_at).unwrap_or(self.now);
        let mut patch = ClientPatch {
            parent_client_id: parent.clone().unwrap_or_default(),
            client_type_id: client_type.id.clone(),
            ..row.patch.clone()
        };
        let blank = Client::blank(self.new_identity(row, created_at), name);
        self.rules().resolve(&blank, &row.custom, &mut patch, &mut violations);
        violations.extend(self.rules().missing(&row.custom, &patch));
        let mut client = match blank.apply(&patch) {
            Ok((client, changes)) => {
                violations.extend(changes.iter().filter_map(|change| {
                    let permission = policy::permission_to_create_with(&change.field);
                    (!self.job.holds(permission)).then(|| lacks(&change.field, permission))
                }));
                client
            }
            Err(refusal) => {
                violations.extend(refused(refusal));
                return Ok(Outcome::Failed(violations));
            }
        };
        violations.extend(ended(row, &client));
        violations.extend(self.taken_value(tx, &blank, &client, row).await?);
        if !violations.is_empty() {
            return Ok(Outcome::Failed(violations));
        }
        if parent.is_none() {
            return Ok(Outcome::Waits);
        }
        let Some(number) = self.number(row.number) else {
            return Ok(Outcome::Failed(vec![numbers_spent()]));
        };
        client.number = number;
        client.updated_at =
            row.updated_at.unwrap_or(if row.created_at.is_some() { created_at } else { self.now });
        client.workspace_deleted_at = row.workspace_deleted_at;
        self.add_type(tx, client_type).await?;
        let token = self.token(row, &client);
        let recorder = self.recorder(self.now);
        let with = (self.now, self.fields.as_deref());
        let client = insert_client(tx, &recorder, client, token.as_ref(), with).await?;
        self.remember(&client, token.as_ref());
        Ok(Outcome::Created)
    }

    fn new_identity(&self, row: &ImportRow, created_at: Timestamp) -> Identity {
        let env = &self.job.env;
        Identity {
            id: row.id.unwrap_or_else(|| ClientId(env.uuid(self.now))),
            tenant_id: self.job.tenant_id(),
            // Taken once nothing is wrong.
            number: row.number.unwrap_or(ClientNumber::FIRST),
            object_id: row.object_id.unwrap_or_else(|| env.object_id(self.now)),
            created_at,
        }
    }

    /// Names that are somebody's already.
    fn clashes(&self, row: &ImportRow) -> Vec<Violation> {
        let known = &self.known;
        let mut taken = Vec::new();
        if row.id.is_some_and(|id| known.ids.contains_key(&id)) {
            taken.push(("/id", "another client, or a tenant, already has this id"));
        }
        if row.number.is_some_and(|number| known.numbers.contains_key(&number)) {
            taken.push(("/number", "another client of the tenant already has this number"));
        }
        if row.number.is_some_and(|number| known.spent_numbers.contains(&number)) {
            taken.push(("/number", "a client of the tenant that was erased had this number"));
        }
        if row.object_id.is_some_and(|id| known.object_id(id).is_some()) {
            taken.push(("/object_id", "another client of the tenant already has this object id"));
        }
        if row.object_id.is_some_and(|id| known.spent_object_ids.contains(&id.to_string())) {
            taken.push(("/object_id", "a client of the tenant that was erased had this object id"));
        }
        if row.external_id().is_some_and(|id| known.external_ids.contains_key(id)) {
            taken.push((
                "/external_id",
                "another client of the tenant already has this external id",
            ));
        }
        if let TokenWish::Given(token) = &row.token {
            let id_taken = token.id().is_some_and(|id| known.token_ids.contains(&id));
            if id_taken || known.token_values.contains(token.value()) {
                taken.push(("/enrollment_token", "another client has or had this enrolment token"));
            }
        }
        let violation = |(path, message)| Violation::new("unique", message).below(path);
        taken.into_iter().map(violation).collect()
    }

    /// Who says what a client is known by elsewhere must be allowed to, and be right about time.
    fn identity(&self, row: &ImportRow) -> Vec<Violation> {
        let mut violations = Vec::new();
        if !self.job.holds(Permission::TokensManage) {
            violations.extend(row.identity().map(|name| lacks(name, Permission::TokensManage)));
        }
        let token = match &row.token {
            TokenWish::Given(token) => token.created_at(),
            TokenWish::Absent | TokenWish::Without => None,
        };
        for (path, time) in [
            ("/created_at", row.created_at),
            ("/updated_at", row.updated_at),
            ("/workspace_deleted_at", row.workspace_deleted_at),
            ("/enrollment_token/created_at", token),
        ] {
            if time.is_some_and(|time| time > self.now) {
                violations.push(Violation::new("past", "must not be in the future").below(path));
            }
        }
        if let (Some(created), Some(updated)) = (row.created_at, row.updated_at)
            && updated < created
        {
            let message = "must not be before created_at";
            violations.push(Violation::new("date_order", message).below("/updated_at"));
        }
        violations
    }

    /// The type that a row names: by id, else by title, else one that is made.
    pub(super) fn client_type(&self, row: &ImportRow, broken: &mut Vec<Violation>) -> TypeWish {
        let types = &self.known.types;
        let is = |id: Patch<Reference>| TypeWish { id, new: None };
        let title = match &row.client_type_title {
            Patch::Set(title) => Some(title),
            Patch::Absent | Patch::Clear => None,
        };
        let wanted = match row.patch.client_type_id {
            Patch::Set(id) if types.iter().any(|known| known.id == id) => {
                return is(Patch::Set(id));
            }
            Patch::Set(id) => Some(id),
            Patch::Absent | Patch::Clear => None,
        };
        let Some(title) = title else {
            if wanted.is_some() {
                broken.push(no_such_type());
            }
            let clears =
                row.patch.client_type_id == Patch::Clear || row.client_type_title == Patch::Clear;
            return is(if clears { Patch::Clear } else { Patch::Absent });
        };
        if let Some(known) = types.iter().find(|known| known.title == title.as_str()) {
            return is(Patch::Set(known.id));
        }
        self.new_type(wanted, title, broken)
    }

    fn new_type(
        &self,
        wanted: Option<Reference>,
        title: &TypeTitle,
        broken: &mut Vec<Violation>,
    ) -> TypeWish {
        let types = &self.known.types;
        let next = types.iter().map(|known| known.id.get()).max().unwrap_or(0).checked_add(1);
        let next = next.filter(|next| *next <= MAX_NUMBER);
        let next = next.and_then(|next| Reference::new(next).ok());
        let title = title.as_str().to_owned();
        if !self.job.holds(Permission::ClientsUpdate) {
            broken.push(lacks("client_type_title", Permission::ClientsUpdate));
        }
        if wanted.is_some_and(|id| id.get() > MAX_NUMBER) {
            let message = format!("must be a whole number from 1 to {MAX_NUMBER}");
            broken.push(Violation::new("range", message).below("/client_type_id"));
        }
        match wanted.or(next) {
            Some(id) if types.len() < MAX_TYPES => {
                TypeWish { id: Patch::Set(id), new: Some(ClientType { id, title }) }
            }
            None => {
                let message = format!("the tenant has given out its last type's id, {MAX_NUMBER}");
                broken.push(Violation::new("spent", message).below("/client_type_title"));
                TypeWish { id: Patch::Absent, new: None }
            }
            Some(_) => {
                let message = format!("a tenant has at most {MAX_TYPES} client types");
                broken.push(Violation::new("max_items", message).below("/client_type_title"));
                TypeWish { id: Patch::Absent, new: None }
            }
        }
    }

    /// Makes the type that a row brings.
    pub(super) async fn add_type(&mut self, tx: &mut Tx, wish: TypeWish) -> Result<(), Stop> {
        if let Some(client_type) = wish.new {
            add_client_type(tx, &self.recorder(self.now), &client_type).await?;
            self.known.types.push(client_type);
        }
        Ok(())
    }

    fn token(&self, row: &ImportRow, client: &Client) -> Option<EnrollmentToken> {
        let env = &self.job.env;
        match &row.token {
            TokenWish::Without => None,
            TokenWish::Absent if client.collection_mode == CollectionMode::Deleted => None,
            TokenWish::Absent => {
                Some(enrollment_tokens::fresh(env, client, first_terms(), self.now))
            }
            TokenWish::Given(token) => {
                let id = EnrollmentTokenId(env.uuid(self.now));
                Some(token.token(client.tenant_id, client.id, id, self.now))
            }
        }
    }

    fn remember(&mut self, client: &Client, token: Option<&EnrollmentToken>) {
        let known = &mut self.known;
        known.ids.insert(client.id, Some((client.id, client.number)));
        known.numbers.insert(client.number, (client.id, client.number));
        known.object_ids.insert(client.object_id.to_string(), client.id);
        if let Some(id) = &client.external_id {
            known.external_ids.insert(id.as_str().to_owned(), client.id);
        }
        if let Some(token) = token {
            known.token_values.insert(token.value.clone());
            known.token_ids.insert(token.id);
        }
    }
}

/// What has ended has no token, and what the workspace removed has ended.
fn ended(row: &ImportRow, client: &Client) -> Vec<Violation> {
    let mut violations = Vec::new();
    if row.workspace_deleted_at.is_some() && client.status != Status::Terminated {
        let message = "takes the status terminated";
        violations.push(Violation::new("status", message).below("/workspace_deleted_at"));
    }
    let deleted = client.collection_mode == CollectionMode::Deleted;
    if deleted && matches!(row.token, TokenWish::Given(_)) {
        let message = "the client's collection mode is deleted: no device may join it";
        violations.push(Violation::new("client_deleted", message).below("/enrollment_token"));
    }
    violations
}
