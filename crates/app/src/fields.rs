//! Define custom fields: list, make, change, put in order, archive.

mod delete;
mod existing;

use crate::App;
use crate::caller::Caller;
use crate::change_client::Precondition;
use crate::create_client::with;
use crate::echo::{self, Echo};
use crate::env::Env;
use crate::error::{AppError, Forbidden, Missing, invalid};
use crate::kept_answers::{About, Done, Once};
use crate::load::{self, Home};
use crate::recorder::Recorder;
use clientbook_model::audit::{Action, EntityType, Event};
use clientbook_model::client::FieldChange;
use clientbook_model::custom_field::FieldKey;
use clientbook_model::field::{
    Field, FieldDescription, FieldLabel, FieldOrder, FieldPatch, FieldStatus, FieldType, Fields,
    MAX_FIELDS, Metadata, key_of,
};
use clientbook_model::id::{FieldId, ObjectId, TenantId};
use clientbook_model::number::Int;
use clientbook_model::policy;
use clientbook_model::principal::Permission;
use clientbook_model::tenant::Tenant;
use clientbook_model::time::Timestamp;
use clientbook_model::violation::Violation;
use clientbook_store::{Repeat, Tx, clients, fields};
use uuid::Uuid;

/// What a new field is to be. What must be given and is missing, the violations tell.
#[derive(Debug, Clone)]
pub struct NewField {
    /// Whose it is to be.
    pub home: Home,
    /// What people call it.
    pub label: Option<FieldLabel>,
    /// What its values are.
    pub kind: Option<FieldType>,
    /// Under which key clients hold its values; else made from the label.
    pub key: Option<FieldKey>,
    /// What it is for.
    pub description: Option<FieldDescription>,
    /// Whether a new client needs a value.
    pub is_required: bool,
    /// Whether values are unique.
    pub is_unique: bool,
    /// Whether to offer it as a filter.
    pub is_filterable: bool,
    /// What callers keep beside it.
    pub metadata: Metadata,
    /// What reading the request found wrong.
    pub violations: Vec<Violation>,
}

/// How a request names a field.
#[derive(Debug, Clone)]
pub struct FieldRef {
    /// Its tenant.
    pub home: Home,
    /// The field as written in the path.
    pub asked: String,
}

/// What a request asks of a definition.
#[derive(Debug, Clone)]
pub struct FieldChangeWish {
    /// The wishes.
    pub patch: FieldPatch,
    /// What must be as the definition has it.
    pub echoes: Vec<Echo<Field>>,
    /// What reading the request found wrong.
    pub violations: Vec<Violation>,
    /// Only if this holds.
    pub precondition: Precondition,
}

impl FieldChangeWish {
    /// A change of the status alone.
    pub fn of_status(status: FieldStatus, precondition: Precondition) -> Self {
        let patch = FieldPatch { status: Some(status), ..FieldPatch::default() };
        Self { patch, echoes: Vec::new(), violations: Vec::new(), precondition }
    }
}

/// A new order: which field comes where. Those that are not named stay.
#[derive(Debug, Clone)]
pub struct Reordering {
    /// Whose fields.
    pub home: Home,
    /// Each with the pointer to its id.
    pub places: Vec<(ObjectId, FieldOrder, String)>,
    /// What reading the request found wrong.
    pub violations: Vec<Violation>,
}

/// One change of a tenant's definitions, under the lock that keeps everyone else from them.
struct Defining<'a> {
    env: &'a Env,
    caller: &'a Caller,
    operation_id: Uuid,
    /// When; the same for all that it changes.
    now: Timestamp,
    tenant: Tenant,
    /// The newest definitions.
    fields: Fields,
}

impl App {
    /// The tenant's definitions in their order, archived ones too if `archived`. Needs
    /// `clients.view`.
    pub async fn list_fields(
        &self,
        caller: &Caller,
        home: Home,
        archived: bool,
    ) -> Result<Vec<Field>, AppError> {
        let caller = caller.clone();
        self.0
            .db
            .read(async move |tx: &mut Tx| {
                let tenant = load::home(tx, &caller, &home, Permission::ClientsView).await?;
                let fields = clients::fields_of(tx, &tenant).await?;
                let known = fields.iter().flat_map(|fields| fields.known());
                Ok(known.filter(|field| archived || field.is_active()).cloned().collect())
            })
            .await
    }

    /// Defines a field, behind all others. What clients already hold under its key must fit it.
    /// Needs `fields.manage` or `clients.update`, and is not for those who are restricted within the
    /// tenant: a definition is everyone's.
    pub async fn create_field(
        &self,
        caller: &Caller,
        new: NewField,
        once: Once<Field>,
    ) -> Result<Done<Field>, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                let broken = &new.violations;
                let defining = begin(tx, &env, &caller, operation_id, &new.home, broken).await?;
                if let Some(kept) = once.seek(tx, &caller, env.now()).await? {
                    return Ok(Done::Told(kept.told));
                }
                let field = defining.wished(tx, &new).await?;
                existing::check(tx, defining.tenant.id, &field).await?;
                fields::insert(tx, defining.tenant.id, &field).await?;
                if field.is_unique {
                    existing::make_unique(tx, defining.tenant.id, &field).await?;
                }
                let changes = field.first_changes();
                defining.end(tx, Action::FieldCreated, &[(&field, changes)]).await?;
                once.keep(tx, env.now(), About::made(field.id.0), field).await
            })
            .await
    }

    /// Changes the definition that `target` names. Options that are taken away stay with the
    /// clients that have them; nobody can choose them any more. Making values unique is refused
    /// where two clients have the same.
    pub async fn change_field(
        &self,
        caller: &Caller,
        target: FieldRef,
        wish: FieldChangeWish,
        once: Once<Field>,
    ) -> Result<Done<Field>, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                let defining = begin(tx, &env, &caller, operation_id, &target.home, &[]).await?;
                let field = defining.known(&target)?;
                if let Some(kept) = once.seek(tx, &caller, env.now()).await? {
                    return Ok(Done::Told(kept.told));
                }
                let (mut next, changes) = decide(field, &wish)?;
                if changes.is_empty() {
                    return once.keep(tx, env.now(), About::nothing(), next).await;
                }
                defining.fields.check_room(&next).map_err(|full| AppError::Invalid(vec![full]))?;
                let tenant = defining.tenant.id;
                defining.touch(&mut next);
                match (field.is_unique, next.is_unique) {
                    (false, true) => existing::make_unique(tx, tenant, &next).await?,
                    (true, false) => existing::forget_unique(tx, tenant, &next).await?,
                    _ => {}
                }
                fields::update(tx, tenant, &next).await?;
                defining.end(tx, Action::FieldUpdated, &[(&next, changes)]).await?;
                once.keep(tx, env.now(), About::default(), next).await
            })
            .await
    }

    /// Gives fields other places; answers all that are active, in their new order. An entry for each
    /// that moves.
    pub async fn reorder_fields(
        &self,
        caller: &Caller,
        wish: Reordering,
        once: Once<Vec<Field>>,
    ) -> Result<Done<Vec<Field>>, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                let broken = &wish.violations;
                let defining = begin(tx, &env, &caller, operation_id, &wish.home, broken).await?;
                if let Some(kept) = once.seek(tx, &caller, env.now()).await? {
                    return Ok(Done::Told(kept.told));
                }
                let moved = defining.moved(&wish)?;
                for (field, _) in &moved {
                    fields::update(tx, defining.tenant.id, field).await?;
                }
                let steps: Vec<_> =
                    moved.iter().map(|(field, changes)| (field, changes.clone())).collect();
                if !steps.is_empty() {
                    defining.end(tx, Action::FieldUpdated, &steps).await?;
                }
                let all = fields::list(tx, defining.tenant.id).await?;
                let active = all.active().cloned().collect();
                let about = About { idle: steps.is_empty(), ..About::default() };
                once.keep(tx, env.now(), about, active).await
            })
            .await
    }
}

/// Admits the caller, and keeps everyone else from the tenant's definitions. What reading the
/// request found wrong is told with what names no tenant.
async fn begin<'a>(
    tx: &mut Tx,
    env: &'a Env,
    caller: &'a Caller,
    operation_id: Uuid,
    home: &Home,
    violations: &[Violation],
) -> Result<Defining<'a>, AppError> {
    load::still_works(tx, caller, env.now()).await?;
    let permission = policy::permission_to_define_fields(caller.principal.permissions);
    let tenant = load::home(tx, caller, home, permission).await;
    let tenant = tenant.map_err(|error| with(error, violations))?;
    if caller.principal.is_restricted() {
        return Err(AppError::Forbidden(Forbidden::OutsideRestriction));
    }
    fields::lock(tx, tenant.id).await?;
    let fields = fields::list(tx, tenant.id).await?;
    Ok(Defining { env, caller, operation_id, now: env.now(), tenant, fields })
}

fn decide(field: &Field, wish: &FieldChangeWish) -> Result<(Field, Vec<FieldChange>), AppError> {
    let mut violations = wish.violations.clone();
    violations.extend(echo::broken(field, &wish.echoes));
    let decided = field.apply(&wish.patch);
    let (next, changes) = match decided {
        Ok(decided) if violations.is_empty() => decided,
        Ok(_) => return Err(AppError::Invalid(violations)),
        Err(broken) => {
            violations.push(broken);
            return Err(AppError::Invalid(violations));
        }
    };
    wish.precondition.check(field.version)?;
    Ok((next, changes))
}

impl Defining<'_> {
    /// The field that `target` names, if anyone may know of it.
    fn known(&self, target: &FieldRef) -> Result<&Field, AppError> {
        let id = ObjectId::parse_hex(&target.asked);
        let found = self.fields.known().find(|field| Some(field.object_id) == id);
        let missing = || Missing { kind: "field", id: target.asked.clone() };
        found.ok_or_else(|| AppError::NotFound(missing()))
    }

    /// The field that `new` asks for, with ids of its own.
    async fn wished(&self, tx: &mut Tx, new: &NewField) -> Result<Field, AppError> {
        let mut violations = new.violations.clone();
        let key = new.key.clone().or_else(|| new.label.as_ref().and_then(key_of));
        if let (Some(_), None) = (&new.label, &key) {
            let message = "must be given: the label has no letters a to z and no digits";
            violations.push(Violation::new("required", message).below("/key"));
        }
        if let Some(kind) = new.kind {
            let broken = new.metadata.check(kind).err();
            violations.extend(broken.map(|broken| broken.below("/metadata")));
        }
        let (Some(label), Some(kind), Some(key), true) =
            (&new.label, new.kind, key, violations.is_empty())
        else {
            return Err(AppError::Invalid(violations));
        };
        if let Some(other) = self.fields.by_key(&key) {
            return Err(AppError::Conflict(taken(other)));
        }
        if self.fields.all().len() >= MAX_FIELDS {
            let message = format!("a workspace has at most {MAX_FIELDS} fields");
            return Err(invalid("", "max_items", message));
        }
        let now = self.now;
        let last = self.fields.all().iter().map(|field| field.order.get()).max();
        let order = Int::new(last.map_or(0, |last| last + 1));
        // Behind the last place there is: its number decides.
        let order = order.or_else(|_| Int::new(last.unwrap_or(0)));
        let field = Field {
            id: FieldId(self.env.uuid(now)),
            number: fields::next_number(tx, self.tenant.id).await?,
            object_id: self.env.object_id(now),
            key,
            label: label.clone(),
            description: new.description.clone(),
            kind,
            is_required: new.is_required,
            is_unique: new.is_unique,
            is_filterable: new.is_filterable,
            order: order.map_err(|broken| AppError::Internal(broken.message))?,
            status: FieldStatus::Active,
            metadata: new.metadata.clone(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        self.fields.check_room(&field).map_err(|full| AppError::Invalid(vec![full]))?;
        Ok(field)
    }

    /// The fields that get another place, as they become.
    fn moved(&self, wish: &Reordering) -> Result<Vec<(Field, Vec<FieldChange>)>, AppError> {
        let (mut violations, mut moved) = (wish.violations.clone(), Vec::new());
        for (id, order, at) in &wish.places {
            let Some(field) = self.fields.known().find(|field| field.object_id == *id) else {
                let message = "must be the id of a field of the workspace";
                violations.push(Violation::new("exists", message).below(at));
                continue;
            };
            let patch = FieldPatch { order: Some(*order), ..FieldPatch::default() };
            match field.apply(&patch) {
                Ok((_, changes)) if changes.is_empty() => {}
                Ok(step) => moved.push(step),
                Err(broken) => violations.push(broken),
            }
        }
        if !violations.is_empty() {
            return Err(AppError::Invalid(violations));
        }
        // All at one time, as their entries say it.
        let newest = moved.iter().map(|(field, _): &(Field, _)| field.updated_at).max();
        for (field, _) in &mut moved {
            field.updated_at = field.updated_at.max(newest.unwrap_or(field.updated_at));
            self.touch(field);
        }
        Ok(moved)
    }

    /// Notes on a field that it changes now.
    fn touch(&self, field: &mut Field) {
        field.version += 1;
        field.updated_at = self.now.max(field.updated_at);
    }

    /// Tells of what was done, and ends every copy of the definitions.
    async fn end(
        &self,
        tx: &mut Tx,
        action: Action,
        steps: &[(&Field, Vec<FieldChange>)],
    ) -> Result<(), AppError> {
        fields::set_revision(tx, self.tenant.id, self.env.random_uuid()).await?;
        let Some((first, _)) = steps.first() else { return Ok(()) };
        let event =
            |(field, changes): &'_ (&Field, Vec<FieldChange>)| (field.id.0, changes.clone());
        let told: Vec<_> = steps.iter().map(event).collect();
        let events: Vec<_> = told
            .iter()
            .map(|(entity_id, changes)| Event {
                entity_type: EntityType::Field,
                entity_id: *entity_id,
                action,
                changes,
            })
            .collect();
        let recorder = Recorder {
            env: self.env,
            caller: self.caller,
            tenant_id: self.tenant.id,
            operation_id: self.operation_id,
            now: first.updated_at,
        };
        Ok(recorder.append_all_to_tenant(tx, &events).await?)
    }
}

fn taken(other: &Field) -> Violation {
    let message = match other.status {
        FieldStatus::Active => "another field of the workspace already has this key",
        FieldStatus::Archived => "an archived field of the workspace already has this key",
        FieldStatus::Deleting => "a field with this key is still being deleted: try again later",
    };
    Violation::new("unique", message).below("/key")
}

/// The tenant and the field that a background task works on.
type Place = (TenantId, FieldId);
